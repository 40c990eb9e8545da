"""The parts of vLLM that this package touches, and nothing else of it. `probe.py` checks that they are there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol


class Block(Protocol):
    """`vllm.v1.core.kv_cache_utils.KVCacheBlock`; it has slots, so nothing can be added to it."""

    block_id: int
    ref_cnt: int
    is_null: bool
    # Block hash and group id, while its content is in the prefix cache. The property `block_hash` costs a call per block.
    _block_hash: bytes | None
    prev_free_block: Block | None
    next_free_block: Block | None


class HashToBlocks(Protocol):
    """`BlockHashToBlockMap`."""

    # A dict of blocks by id where several physical blocks hold the same content.
    _cache: dict[bytes, Block | dict[int, Block]]

    def get_one_block(self, key: bytes) -> Block | None: ...


class FreeQueue(Protocol):
    """`FreeKVCacheBlockQueue`."""

    num_free_blocks: int
    fake_free_list_head: Block
    fake_free_list_tail: Block

    def popleft(self) -> Block: ...
    def popleft_n(self, n: int) -> list[Block]: ...
    def remove(self, block: Block) -> None: ...
    def append(self, block: Block) -> None: ...
    def append_n(self, blocks: list[Block]) -> None: ...
    def prepend_n(self, blocks: list[Block]) -> None: ...
    def get_all_free_blocks(self) -> list[Block]: ...
    def iter_blocks_after(self, cursor: Block | None) -> Iterator[Block]: ...


class Pool(Protocol):
    """`BlockPool`."""

    num_gpu_blocks: int
    hash_block_size: int
    enable_caching: bool
    blocks: list[Block]
    free_block_queue: FreeQueue
    cached_block_hash_to_block: HashToBlocks
    kv_event_queue: list[Any]

    def evict_blocks(self, block_ids: set[int]) -> None: ...
    def reset_prefix_cache(self) -> bool: ...


class CacheManager(Protocol):
    """`KVCacheManager`."""

    block_pool: Pool


class Request(Protocol):
    """`vllm.v1.request.Request`."""

    request_id: str
    num_prompt_tokens: int
    num_computed_tokens: int
    num_output_tokens: int
    block_hashes: list[bytes]
    """One per full block of `hash_block_size` tokens; grows as tokens are added."""
    sampling_params: Any
    status: Any


class Scheduler(Protocol):
    """`vllm.v1.core.sched.scheduler.Scheduler`."""

    kv_cache_manager: CacheManager
    requests: dict[str, Request]
    vllm_config: Any
    kv_event_publisher: Any
