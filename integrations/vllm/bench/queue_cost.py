"""What the scored queue costs: taking 8 blocks and giving them back, against vLLM's own queue, in alternating slices of one run.

usage: python bench/queue_cost.py [--json]

Ratios are of neighbouring slices; printed are their median and the range of the middle half.
"""

from __future__ import annotations

import json
import random
import statistics
import sys
import time
from typing import Any

from entresol_vllm.counters import Counters
from entresol_vllm.scored_queue import ScoredFreeQueue
from entresol_vllm.values import LEVELS
from vllm.v1.core.block_pool import BlockPool
from vllm.v1.core.kv_cache_utils import make_block_hash_with_group_id

TAKEN = 8
SLICES = 60
TURNS = 1500
BAR = 4.0


def pool_of(blocks: int, scored_share: float | None) -> Any:
    """:param scored_share: of blocks that are in a class above 0; None: vLLM's own queue"""
    rng = random.Random(1)
    pool = BlockPool(blocks + 1, True, 16)
    for number, block in enumerate(pool.blocks[1:]):
        key = make_block_hash_with_group_id(number.to_bytes(32, "big"), 0)
        block.set_block_hash(key)
        pool.cached_block_hash_to_block.insert(key, block)
    if scored_share is not None:
        queue = ScoredFreeQueue.adopt(pool, Counters())
        for block in pool.blocks[1:]:
            if rng.random() < scored_share:
                queue.levels[block._block_hash] = rng.randrange(1, LEVELS)
        queue.append_n(queue.popleft_n(blocks))
    return pool


def slice_us(queue: Any) -> float:
    began = time.perf_counter()
    for _ in range(TURNS):
        queue.append_n(queue.popleft_n(TAKEN))
    return (time.perf_counter() - began) / TURNS * 1e6


def row(blocks: int, share: float) -> dict[str, Any]:
    stock, scored = (pool_of(blocks, each).free_block_queue for each in (None, share))
    pairs = [(slice_us(stock), slice_us(scored)) for _ in range(SLICES)]
    ratios = sorted(ours / theirs for theirs, ours in pairs)
    return {"blocks": blocks, "scoredShare": share, "stockUs": round(statistics.median(pair[0] for pair in pairs), 2),
            "scoredUs": round(statistics.median(pair[1] for pair in pairs), 2), "ratio": round(statistics.median(ratios), 2),
            "middleHalf": [round(ratios[SLICES // 4], 2), round(ratios[3 * SLICES // 4], 2)]}


def main() -> None:
    rows = [row(blocks, share) for blocks in (2000, 20_000) for share in (0.0, 0.3, 1.0)]
    if "--json" in sys.argv:
        print(json.dumps({"takenAndGivenBack": TAKEN, "bar": BAR, "rows": rows}))
        return
    print(f"take {TAKEN} and give back {TAKEN}, µs; bar: at most {BAR:g} times stock")
    for each in rows:
        print(f"{each['blocks']:6d} blocks, {each['scoredShare']:4.0%} scored: stock {each['stockUs']:5.2f}, scored {each['scoredUs']:5.2f}, "
              f"ratio {each['ratio']:.2f} ({each['middleHalf'][0]:.2f} to {each['middleHalf'][1]:.2f})")


if __name__ == "__main__":
    main()
