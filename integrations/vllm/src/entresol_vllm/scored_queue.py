"""vLLM's queue of free blocks, in classes of worth.

One doubly linked list, as in vLLM, cut into classes by *fences*, blocks that are never handed out:

    head → [0: least recent use, as in stock vLLM] → fence → [1] → fence → … → [127] → tail

A block is always taken from the front: class 0 is used up first, then class 1, and so on. It is an order, not a
reservation: `num_free_blocks` counts every class, so admission and preemption are those of stock vLLM, and with every
block in the top class the engine still gets all of them. Each operation is O(1) per block; a bit per class that may
hold blocks spares walking over empty ones. `remove` and `prepend_n` are vLLM's own.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, cast

from vllm.v1.core.kv_cache_utils import FreeKVCacheBlockQueue, KVCacheBlock

from .counters import Counters
from .values import LEVELS

if TYPE_CHECKING:
    from .vllm_shapes import Block, FreeQueue, HashToBlocks, Pool

_BITS = [1 << level for level in range(LEVELS)]
_FENCE_ID = -1
# A block that is used again within its grace stands in the list twice; more than that is not worth remembering.
_GRACED_PER_BLOCK = 4


class ScoredFreeQueue(FreeKVCacheBlockQueue):  # type: ignore[misc]  # vLLM is not followed by the type checker
    """Never constructed: a live queue is turned into one, by `adopt`."""

    num_free_blocks: int
    fake_free_list_head: Block
    fake_free_list_tail: Block
    levels: dict[bytes, int]
    """Class by block hash with group id, of hashes whose class is not 0."""
    _pool: Pool
    _counters: Counters
    _ends: list[Block]
    _occupied: int
    _grace_level: int
    _grace_seconds: float
    _graced: deque[tuple[float, Block, bytes]]
    _grace_until: dict[int, float]
    _grace_is_over: bool
    _clock: Callable[[], float]

    @classmethod
    def adopt(cls, pool: Pool, counters: Counters, clock: Callable[[], float] = time.monotonic) -> ScoredFreeQueue:
        """Turns the pool's queue into a scored one, in place: the order of what is in it stays."""
        stock = pool.free_block_queue
        if type(stock) is not FreeKVCacheBlockQueue:
            raise TypeError(f"the pool's queue is of class {type(stock).__name__}, not vLLM's own")
        stock.__class__ = cls
        queue = cast("ScoredFreeQueue", stock)
        queue.levels = {}
        queue._pool, queue._counters, queue._clock = pool, counters, clock
        queue._occupied = 0
        queue._grace_level, queue._grace_seconds = 0, 0.0
        queue._graced, queue._grace_until, queue._grace_is_over = deque(), {}, False
        tail = queue.fake_free_list_tail
        fences: list[Block] = [KVCacheBlock(block_id=_FENCE_ID) for _ in range(LEVELS - 1)]
        for fence in fences:
            _link_before(tail, fence)
        queue._ends = [*fences, tail]
        return queue

    # Taking.

    def popleft_n(self, n: int) -> list[Block]:
        if n == 0:
            return []
        assert self.num_free_blocks >= n
        self.num_free_blocks -= n
        self._counters.handed_out += n
        taken: list[Any] = []
        take = taken.append
        start: Any = self.fake_free_list_head
        first_end: Any = self._ends[0]
        end = first_end
        block = start.next_free_block
        remaining = n
        while True:
            while block is not end:
                take(block)
                following = block.next_free_block
                block.prev_free_block = block.next_free_block = None
                block = following
                remaining -= 1
                if not remaining:
                    start.next_free_block = block
                    block.prev_free_block = start
                    return taken
            start.next_free_block = end
            end.prev_free_block = start
            if end is first_end:
                self._counters.handed_out_leased += remaining
            # The lowest class that may hold some. There is one: the blocks were counted above.
            occupied = self._occupied
            if not occupied:
                raise RuntimeError("the count of free blocks is out of step with the queue")
            lowest = occupied & -occupied
            level = lowest.bit_length() - 1
            start, end = self._ends[level - 1], self._ends[level]
            block = start.next_free_block
            if block is end:
                self._occupied = occupied ^ lowest

    def popleft(self) -> Block:
        if self.num_free_blocks == 0:
            raise ValueError("No free blocks available")
        return self.popleft_n(1)[0]

    # Giving back.

    def append(self, block: Block) -> None:
        self.append_n([block])

    def append_n(self, blocks: list[Block]) -> None:
        if not blocks:
            return
        self.num_free_blocks += len(blocks)
        ends: list[Any] = self._ends
        levels = self.levels
        if not levels and not self._grace_level:
            end = ends[0]
            last = end.prev_free_block
            for block in blocks:
                block.prev_free_block = last
                last.next_free_block = block
                last = block
            last.next_free_block = end
            end.prev_free_block = last
            return
        cached = self._pool.cached_block_hash_to_block
        first_copy = cached._cache.get
        grace = self._grace_level
        level_of = levels.get
        occupied = self._occupied
        current = 0
        end = ends[0]
        last = end.prev_free_block
        for block in blocks:
            key = block._block_hash
            level = level_of(key)  # type: ignore[arg-type]
            if level is None:
                level = grace and self._give_grace(block, cached)
            elif first_copy(key) is not block and cached.get_one_block(key) is not block:  # type: ignore[arg-type]
                # Not the copy that a prefix lookup would find: worth nothing.
                level = 0
            if level != current:
                last.next_free_block = end
                end.prev_free_block = last
                if level < 0:
                    front = self.fake_free_list_head.next_free_block
                    _link_before(front, block)
                    level = 0
                    end = ends[0]
                    last = end.prev_free_block
                    current = 0
                    continue
                current = level
                occupied |= _BITS[level]
                end = ends[level]
                last = end.prev_free_block
            block.prev_free_block = last
            last.next_free_block = block
            last = block
        last.next_free_block = end
        end.prev_free_block = last
        # Bit 0 would send `popleft_n` to a class before the first one.
        self._occupied = occupied & ~1

    def _give_grace(self, block: Block, cached: HashToBlocks) -> int:
        key = block._block_hash
        if key is None or cached.get_one_block(key) is not block:
            return 0
        until = self._clock() + self._grace_seconds
        self._grace_until[block.block_id] = until
        self._graced.append((until, block, key))
        if len(self._graced) > _GRACED_PER_BLOCK * self._pool.num_gpu_blocks:
            self.end_grace(1, now=float("inf"))
        self._counters.graced += 1
        return self._grace_level

    # Moving what is free.

    def place(self, block: Block, level: int) -> None:
        """A free block's class has changed: to the end of the new one, or to the front of all."""
        self.remove(block)
        self._grace_until.pop(block.block_id, None)
        if level < 0:
            _link_before(self.fake_free_list_head.next_free_block, block)
        else:
            if level > 0:
                self._occupied |= _BITS[level]
            _link_before(self._ends[level], block)
        self.num_free_blocks += 1

    def set_grace(self, level: int, seconds: float) -> None:
        """What hashed blocks without a class of their own get for so long after their use. Level 0: none any more."""
        self._grace_level = max(level, 0) if seconds > 0 else 0
        self._grace_seconds = seconds
        self._grace_is_over = self._grace_level == 0

    def end_grace(self, most: int, now: float) -> int:
        """:returns: how many entries were looked at, at most `most`: those whose time is over"""
        graced, until_of = self._graced, self._grace_until
        if self._grace_is_over:
            now = float("inf")
        looked = 0
        while graced and looked < most and graced[0][0] <= now:
            until, block, key = graced.popleft()
            looked += 1
            if until_of.get(block.block_id) != until:
                continue
            del until_of[block.block_id]
            if block.ref_cnt == 0 and block._block_hash == key and key not in self.levels:
                self.place(block, 0)
        return looked

    def flatten(self) -> None:
        """All in class 0, in the order in which they would have been taken."""
        tail: Any = self.fake_free_list_tail
        for fence in cast("list[Any]", self._ends[:-1]):
            before, after = fence.prev_free_block, fence.next_free_block
            before.next_free_block = after
            after.prev_free_block = before
        for fence in self._ends[:-1]:
            _link_before(tail, fence)
        self._occupied = 0
        self._graced.clear()
        self._grace_until.clear()

    # Reading.

    def iter_blocks_after(self, cursor: Block | None) -> Iterator[Block]:
        block = (self.fake_free_list_head if cursor is None else cursor).next_free_block
        while block is not None and block is not self.fake_free_list_tail:
            if block.block_id != _FENCE_ID:
                yield block
            block = block.next_free_block

    def get_all_free_blocks(self) -> list[Block]:
        return list(self.iter_blocks_after(None))

    def free_leased(self) -> int:
        """How many free blocks are in a class above 0. Walks over them: for counters and tests."""
        return sum(1 for _ in self.iter_blocks_after(self._ends[0]))


def _link_before(at: Any, block: Any) -> None:
    before = at.prev_free_block
    before.next_free_block = block
    block.prev_free_block = before
    block.next_free_block = at
    at.prev_free_block = block


def as_free_queue(queue: ScoredFreeQueue) -> FreeQueue:
    return cast("FreeQueue", queue)
