"""The queue on vLLM's own block pool, against plain models."""

from __future__ import annotations

import random
from typing import Any

import pytest
from entresol_vllm.counters import Counters
from entresol_vllm.resident_blocks import ResidentBlocks
from entresol_vllm.scored_queue import ScoredFreeQueue
from entresol_vllm.values import LEVELS
from vllm.v1.core.block_pool import BlockPool
from vllm.v1.core.kv_cache_utils import make_block_hash_with_group_id

BLOCKS = 120


def hash_of(number: int) -> bytes:
    return number.to_bytes(32, "big")


def key_of(number: int) -> bytes:
    return make_block_hash_with_group_id(hash_of(number), 0)


def put(pool: Any, block: Any, number: int) -> None:
    """The block holds this content from now on."""
    block.set_block_hash(key_of(number))
    pool.cached_block_hash_to_block.insert(key_of(number), block)


def order(pool: Any) -> list[int]:
    return [block.block_id for block in pool.free_block_queue.get_all_free_blocks()]


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def scored() -> tuple[Any, ResidentBlocks]:
    pool = BlockPool(BLOCKS, True, 16)
    return pool, ResidentBlocks(pool, 1, Counters())


def fill(pool: Any, numbers: range) -> list[Any]:
    blocks = pool.get_new_blocks(len(numbers))
    for block, number in zip(blocks, numbers):
        put(pool, block, number)
    return blocks


def test_unscored_it_hands_out_what_stock_vllm_does() -> None:
    """The same random life on a stock pool and on an adopted one: the same blocks in the same order, at every step."""
    rng = random.Random(7)
    stock, adopted = BlockPool(BLOCKS, True, 16), BlockPool(BLOCKS, True, 16)
    ResidentBlocks(adopted, 1, Counters())
    held: list[tuple[list[Any], list[Any]]] = []
    for step in range(4000):
        if rng.random() < 0.5 and stock.get_num_free_blocks() > 12:
            count = rng.randint(1, 12)
            pair = (stock.get_new_blocks(count), adopted.get_new_blocks(count))
            for pool, blocks in zip((stock, adopted), pair):
                for index, block in enumerate(blocks):
                    if index % 3:
                        put(pool, block, step * 100 + index)
            held.append(pair)
        elif rng.random() < 0.2 and held:
            ours, theirs = rng.choice(held)
            stock.touch(ours)
            adopted.touch(theirs)
            held.append((ours, theirs))
        elif held:
            ours, theirs = held.pop(rng.randrange(len(held)))
            stock.free_blocks(reversed(ours))
            adopted.free_blocks(reversed(theirs))
        assert order(stock) == order(adopted)
        assert stock.get_num_free_blocks() == adopted.get_num_free_blocks()


def test_classes_against_a_plain_model() -> None:
    """30,000 random operations against lists: what is handed out, in which order, and what is counted."""
    rng = random.Random(5)
    pool = BlockPool(BLOCKS, True, 16)
    queue = ScoredFreeQueue.adopt(pool, Counters())
    levels = [-1, 0, 0, 0, 1, 2, 3, 60, LEVELS - 1]
    model: list[list[int]] = [[] for _ in range(LEVELS)]
    model[0] = order(pool)
    of = {block.block_id: block for block in pool.blocks}
    out: set[int] = set()
    for number, block in enumerate(pool.blocks[1:]):
        put(pool, block, number)

    def lay(block_id: int, level: int) -> None:
        if level < 0:
            model[0].insert(0, block_id)
        else:
            model[level].append(block_id)

    def score(block_id: int) -> int:
        level = rng.choice(levels)
        key = of[block_id]._block_hash
        queue.levels.pop(key, None)
        if level:
            queue.levels[key] = level
        return level

    for step in range(30_000):
        choice = rng.random()
        flat = [block_id for each in model for block_id in each]
        if choice < 0.35 and flat:
            count = rng.randint(1, min(14, len(flat)))
            assert [block.block_id for block in queue.popleft_n(count)] == flat[:count]
            out |= set(flat[:count])
            model = [[block_id for block_id in each if block_id not in out] for each in model]
        elif choice < 0.7 and out:
            back = rng.sample(sorted(out), rng.randint(1, min(14, len(out))))
            for block_id in back:
                lay(block_id, score(block_id))
            queue.append_n([of[block_id] for block_id in back])
            out -= set(back)
        elif choice < 0.85 and flat:
            block_id = rng.choice(flat)
            for each in model:
                if block_id in each:
                    each.remove(block_id)
            if rng.random() < 0.5:
                queue.remove(of[block_id])
                out.add(block_id)
            else:
                level = score(block_id)
                queue.place(of[block_id], level)
                lay(block_id, level)
        elif choice < 0.95 and out:
            block_id = rng.choice(sorted(out))
            queue.prepend_n([of[block_id]])
            model[0].insert(0, block_id)
            out.discard(block_id)
        elif choice > 0.998:
            queue.flatten()
            model = [[block_id for each in model for block_id in each]] + [[] for _ in range(LEVELS - 1)]
        assert queue.num_free_blocks == sum(map(len, model))
        if step % 20 == 0:
            assert order(pool) == [block_id for each in model for block_id in each]
            assert [block.block_id for block in queue.iter_blocks_after(None)] == order(pool)


def test_it_is_an_order_and_no_reservation(scored: tuple[Any, ResidentBlocks]) -> None:
    pool, blocks = scored
    held = fill(pool, range(BLOCKS - 1))
    for number in range(BLOCKS - 1):
        blocks.set_level(hash_of(number), LEVELS - 1)
    pool.free_blocks(reversed(held))
    assert pool.get_num_free_blocks() == BLOCKS - 1
    assert len(pool.get_new_blocks(BLOCKS - 1)) == BLOCKS - 1
    assert blocks.queue._counters.handed_out_leased == BLOCKS - 1


def test_a_class_that_changes_moves_what_is_free_and_leaves_what_is_in_use(scored: tuple[Any, ResidentBlocks]) -> None:
    pool, blocks = scored
    used, free = fill(pool, range(0, 3)), fill(pool, range(3, 6))
    pool.free_blocks(reversed(free))
    for number in range(6):
        blocks.set_level(hash_of(number), 5)
    last = order(pool)[-3:]
    assert last == [block.block_id for block in free]
    pool.free_blocks(reversed(used))
    assert order(pool)[-3:] == [block.block_id for block in reversed(used)]
    blocks.set_level(hash_of(0), 0)
    assert order(pool)[-6] == used[0].block_id


def test_renewing_a_class_keeps_the_place_in_it(scored: tuple[Any, ResidentBlocks]) -> None:
    pool, blocks = scored
    held = fill(pool, range(4))
    for number in range(4):
        blocks.set_level(hash_of(number), 5)
    pool.free_blocks(reversed(held))
    before = order(pool)
    for number in (2, 0, 3, 1):
        blocks.set_level(hash_of(number), 5)
    assert order(pool) == before


def test_a_second_copy_of_a_block_is_worth_nothing(scored: tuple[Any, ResidentBlocks]) -> None:
    """A prompt of exactly n blocks computes its last one again: lookups find the first copy only."""
    pool, blocks = scored
    first, second = pool.get_new_blocks(2)
    put(pool, first, 1)
    put(pool, second, 1)
    blocks.set_level(hash_of(1), 9)
    pool.free_blocks([first, second])
    assert order(pool)[-1] == first.block_id
    assert blocks.queue.free_leased() == 1


def test_blocks_that_lose_their_content_lose_their_class(scored: tuple[Any, ResidentBlocks]) -> None:
    pool, blocks = scored
    held = fill(pool, range(8))
    for number in range(8):
        blocks.set_level(hash_of(number), 9)
    pool.free_blocks(reversed(held))
    pool.evict_blocks({held[3].block_id})
    assert order(pool)[0] == held[3].block_id
    assert pool.reset_prefix_cache()
    assert blocks.queue.free_leased() == 0
    # The content comes back: so does its class.
    again = fill(pool, range(1))
    pool.free_blocks(again)
    assert order(pool)[-1] == again[0].block_id and blocks.queue.free_leased() == 1


def test_evicting_on_command_spares_what_is_in_use(scored: tuple[Any, ResidentBlocks]) -> None:
    pool, blocks = scored
    used, free = fill(pool, range(0, 3)), fill(pool, range(3, 6))
    pool.free_blocks(reversed(free))
    told: list[int] = []
    released: list[bytes] = []
    for _ in blocks.evict([hash_of(number) for number in range(8)], released.append, told.append):
        pass
    assert told == [3] and len(released) == 8
    assert all(block._block_hash is not None for block in used)
    assert all(block._block_hash is None for block in free)
    assert {block.block_id for block in free} == set(order(pool)[:3])


def test_grace_holds_for_its_time_and_yields_to_a_lease() -> None:
    pool = BlockPool(BLOCKS, True, 16)
    clock = Clock()
    queue = ScoredFreeQueue.adopt(pool, Counters(), clock)
    queue.set_grace(level=20, seconds=10)
    first, second = fill(pool, range(0, 2)), fill(pool, range(2, 4))
    pool.free_blocks(first)
    clock.now = 6
    pool.free_blocks(second)
    assert queue.free_leased() == 4
    queue.levels[key_of(2)] = 50
    queue.place(second[0], 50)
    clock.now = 10
    queue.end_grace(100, clock.now)
    assert queue.free_leased() == 2
    # Used again within the grace: it counts from there.
    pool.touch([second[1]])
    pool.free_blocks([second[1]])
    clock.now = 17
    queue.end_grace(100, clock.now)
    assert order(pool)[-2:] == [second[1].block_id, second[0].block_id] and queue.free_leased() == 2
    clock.now = 20
    queue.end_grace(100, clock.now)
    assert queue.free_leased() == 1
    pool.touch(first)
    pool.free_blocks(first)
    assert queue.free_leased() == 3
    queue.set_grace(0, 0)
    queue.end_grace(100, clock.now)
    pool.free_blocks(pool.get_new_blocks(1))
    assert queue.free_leased() == 1 and not queue._graced and not queue._grace_until


def test_an_unknown_queue_is_not_adopted(scored: tuple[Any, ResidentBlocks]) -> None:
    pool, _ = scored
    with pytest.raises(TypeError):
        ScoredFreeQueue.adopt(pool, Counters())
