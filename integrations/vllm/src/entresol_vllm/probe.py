"""Is this the vLLM that we know? Every name and every behaviour that the package builds on is tried before it is used."""

from __future__ import annotations

import inspect
import re
from typing import Any

TESTED = ((0, 32), (0, 33))
"""Series that the tests ran against; others only with ENTRESOL_VLLM_ANY_VERSION=1, and only if the trial passes too."""
TRIAL_BLOCKS = 24


class UnknownVllm(RuntimeError):
    """Says which of our assumptions does not hold."""


def vllm_version() -> str:
    """The version of the code, not of the distribution, which has several names."""
    import vllm

    return str(getattr(vllm, "__version__", "unknown"))


def check_version(version: str, any_version: bool) -> None:
    match = re.match(r"(\d+)\.(\d+)", version)
    series = (int(match[1]), int(match[2])) if match else None
    if series in TESTED or any_version:
        return
    known = ", ".join(f"{major}.{minor}" for major, minor in TESTED)
    raise UnknownVllm(f"vLLM {version} is not one of {known}, which this package was tested with; ENTRESOL_VLLM_ANY_VERSION=1 lets its trial decide")


def check_shapes() -> None:
    """:raises UnknownVllm:"""
    try:
        from vllm.v1.core.block_pool import BlockPool
        from vllm.v1.core.kv_cache_utils import FreeKVCacheBlockQueue, KVCacheBlock
        from vllm.v1.core.sched.scheduler import Scheduler
        from vllm.v1.request import Request
    except ImportError as error:
        raise UnknownVllm(f"vLLM lacks {error}") from error
    _takes(Scheduler, "add_request", "request")
    _takes(Scheduler, "_free_request", "request")
    for name in ("schedule", "shutdown"):
        _takes(Scheduler, name)
    for name, first in (("popleft_n", "n"), ("remove", "block"), ("append", "block"), ("append_n", "blocks"), ("prepend_n", "blocks"),
                        ("iter_blocks_after", "cursor")):
        _takes(FreeKVCacheBlockQueue, name, first)
    for name in ("popleft", "get_all_free_blocks"):
        _takes(FreeKVCacheBlockQueue, name)
    unknown = {name for name, value in vars(FreeKVCacheBlockQueue).items() if inspect.isfunction(value)} - {
        "__init__", "popleft", "popleft_n", "remove", "append", "append_n", "prepend_n", "get_all_free_blocks", "iter_blocks_after"}
    if unknown:
        raise UnknownVllm(f"FreeKVCacheBlockQueue has methods that this package does not know: {', '.join(sorted(unknown))}")
    for name, first in (("evict_blocks", "block_ids"), ("get_new_blocks", "num_blocks"), ("touch", "blocks"), ("free_blocks", "ordered_blocks")):
        _takes(BlockPool, name, first)
    _takes(BlockPool, "reset_prefix_cache")
    block = KVCacheBlock(block_id=0)
    for name in ("_block_hash", "ref_cnt", "is_null", "prev_free_block", "next_free_block"):
        if not hasattr(block, name):
            raise UnknownVllm(f"KVCacheBlock has no {name}")
    if not inspect.isfunction(getattr(Request, "is_finished", None)):
        raise UnknownVllm("Request has no is_finished")


def _takes(owner: type, name: str, first: str | None = None) -> None:
    function = getattr(owner, name, None)
    if not callable(function):
        raise UnknownVllm(f"{owner.__name__} has no {name}")
    parameters = [parameter for parameter in inspect.signature(function).parameters if parameter != "self"]
    if first is not None and (not parameters or parameters[0] != first):
        raise UnknownVllm(f"{owner.__name__}.{name} takes {parameters or 'nothing'}, not {first} first")


def check_behaviour() -> None:
    """
    Two small pools go through the same life, one with vLLM's own queue and one with ours: they must hand out the same blocks,
    and a block in a higher class must outlast the others.

    :raises UnknownVllm:
    """
    try:
        stock, scored = _trial_pool(False), _trial_pool(True)
        for pool in (stock, scored):
            _live(pool)
        order = [[block.block_id for block in pool.free_block_queue.get_all_free_blocks()] for pool in (stock, scored)]
        if order[0] != order[1]:
            raise UnknownVllm("the scored queue does not keep the order of vLLM's own while nothing is scored")
        _check_classes(scored)
    except UnknownVllm:
        raise
    except Exception as error:
        raise UnknownVllm(f"a trial on a small pool of blocks failed: {error!r}") from error


def _trial_pool(scored: bool) -> Any:
    from vllm.v1.core.block_pool import BlockPool

    from .counters import Counters
    from .resident_blocks import ResidentBlocks

    pool = BlockPool(TRIAL_BLOCKS, True, 16)
    if scored:
        ResidentBlocks(pool, 1, Counters())
    return pool


def _cache(pool: Any, block: Any, name: bytes) -> bytes:
    from vllm.v1.core.kv_cache_utils import make_block_hash_with_group_id

    key = make_block_hash_with_group_id(name.ljust(32, b"."), 0)
    block.set_block_hash(key)
    pool.cached_block_hash_to_block.insert(key, block)
    return bytes(key)


def _live(pool: Any) -> None:
    first, second = pool.get_new_blocks(6), pool.get_new_blocks(5)
    for index, block in enumerate(first[:5]):
        _cache(pool, block, b"first %d" % index)
    for index, block in enumerate(second):
        _cache(pool, block, b"second %d" % index)
    pool.free_blocks(reversed(first))
    pool.touch(first[:2])
    pool.free_blocks(reversed(second))
    pool.free_blocks(reversed(first[:2]))
    pool.evict_blocks({first[1].block_id})
    # An empty block that lies behind others is the one thing that we do better: bring both to the same.
    pool.free_block_queue.remove(first[1])
    pool.free_block_queue.prepend_n([first[1]])
    pool.free_blocks(pool.get_new_blocks(3))


def _check_classes(pool: Any) -> None:
    held = pool.get_new_blocks(3)
    key = _cache(pool, held[0], b"kept")
    _cache(pool, held[1], b"not kept")
    pool.free_block_queue.levels[key] = 9
    pool.free_blocks(held)
    taken = pool.get_new_blocks(pool.get_num_free_blocks())
    if taken[-1] is not held[0]:
        raise UnknownVllm("a block in a higher class was handed out before others")
    pool.free_blocks(taken)
    if pool.get_num_free_blocks() != TRIAL_BLOCKS - 1 or len(pool.free_block_queue.get_all_free_blocks()) != TRIAL_BLOCKS - 1:
        raise UnknownVllm("blocks were lost in the scored queue")


def check_pool(manager: Any, vllm_config: Any) -> None:
    """That this engine's own cache is of the kind we know. :raises UnknownVllm:"""
    from vllm.v1.core.block_pool import BlockPool

    pool: Any = getattr(manager, "block_pool", None)
    if type(pool) is not BlockPool:
        raise UnknownVllm(f"the cache's block pool is of class {type(pool).__name__}")
    if not pool.enable_caching:
        raise UnknownVllm("prefix caching is off (--enable-prefix-caching)")
    for name in ("num_gpu_blocks", "hash_block_size", "blocks", "free_block_queue", "cached_block_hash_to_block", "kv_event_queue"):
        if not hasattr(pool, name):
            raise UnknownVllm(f"BlockPool has no {name}")
    if not isinstance(getattr(pool.cached_block_hash_to_block, "_cache", None), dict):
        raise UnknownVllm("BlockHashToBlockMap has no _cache")
    hisparse = getattr(getattr(vllm_config, "attention_config", None), "hisparse_config", None)
    if hisparse is not None:
        raise UnknownVllm("HiSparse keeps reading blocks that it has given back, and wants them last in the queue")
