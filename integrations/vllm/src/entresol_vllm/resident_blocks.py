"""The pool's blocks by hash: applies classes to them, evicts them, and counts them. On the scheduler's thread only."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from .counters import Counters
from .scored_queue import ScoredFreeQueue
from .values import STOCK
from .vllm_shapes import Block, Pool

GROUP_BYTES = 4


class ResidentBlocks:
    def __init__(self, pool: Pool, groups: int, counters: Counters) -> None:
        """:param groups: cache groups of the model: one prefix has a block in each"""
        self.pool = pool
        self.queue = ScoredFreeQueue.adopt(pool, counters)
        self._counters = counters
        self._suffixes = [group.to_bytes(GROUP_BYTES, "big") for group in range(groups)]
        self._listeners: list[Callable[[bytes, int], None]] = []
        self._keep_in_step()

    def listen(self, listener: Callable[[bytes, int], None]) -> None:
        """:param listener: told the hash with group id and the class, whenever one changes"""
        self._listeners.append(listener)

    def set_level(self, block_hash: bytes, level: int) -> None:
        """A hash has come into a class; its blocks that are free move there, those in use follow when they are given back."""
        levels, queue = self.queue.levels, self.queue
        for suffix in self._suffixes:
            key = block_hash + suffix
            if levels.get(key, STOCK) == level:
                # Renewed: its place among those of its class stays.
                continue
            if level == STOCK:
                levels.pop(key, None)
            else:
                levels[key] = level
            block = self.pool.cached_block_hash_to_block.get_one_block(key)
            if block is not None and block.ref_cnt == 0 and not block.is_null:
                queue.place(block, level)
            for listener in self._listeners:
                listener(key, level)

    def evict(self, block_hashes: Sequence[bytes], release: Callable[[bytes], None], report: Callable[[int], None]) -> Iterator[None]:
        """Yields after each; vLLM itself publishes that they are gone. :param release: ends what holds a block"""
        evicted = 0
        for block_hash in block_hashes:
            release(block_hash)
            free = [block.block_id for block in self._copies(block_hash) if block.ref_cnt == 0 and not block.is_null]
            if free:
                self.pool.evict_blocks(set(free))
                evicted += len(free)
                self._counters.evicted_on_command += len(free)
            yield
        report(evicted)

    def _copies(self, block_hash: bytes) -> Iterator[Block]:
        cached = self.pool.cached_block_hash_to_block._cache
        for suffix in self._suffixes:
            found = cached.get(block_hash + suffix)
            if isinstance(found, dict):
                yield from list(found.values())
            elif found is not None:
                yield found

    def neutralise(self) -> None:
        """From here on the queue orders as in stock vLLM."""
        self.queue.set_grace(0, 0)
        self.queue.levels.clear()
        self.queue.flatten()

    def _keep_in_step(self) -> None:
        """A block that loses its content while it is free must lose its class too, or empty blocks stay protected."""
        pool, queue = self.pool, self.queue
        reset, evict = pool.reset_prefix_cache, pool.evict_blocks

        def reset_prefix_cache(*args: Any, **kwargs: Any) -> bool:
            done = reset(*args, **kwargs)
            if done:
                queue.flatten()
            return done

        def evict_blocks(block_ids: set[int], *args: Any, **kwargs: Any) -> None:
            evict(block_ids, *args, **kwargs)
            for block_id in block_ids:
                block = pool.blocks[block_id]
                if block.ref_cnt == 0 and not block.is_null and block._block_hash is None:
                    queue.place(block, -1)

        pool.reset_prefix_cache = reset_prefix_cache  # type: ignore[method-assign]
        pool.evict_blocks = evict_blocks  # type: ignore[method-assign]
