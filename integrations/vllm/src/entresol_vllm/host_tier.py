"""vLLM's host tier, in the order of our leases.

vLLM's `OffloadingConnector` keeps copies of blocks in host memory and takes the policy of that cache by name. This one is
`entresol`: chunks without a lease go first, least recently used first; then those under a lease, lowest class first.

    --kv-transfer-config '{"kv_connector": "OffloadingConnector", "kv_role": "kv_both",
      "kv_connector_extra_config": {"cpu_bytes_to_use": 8589934592, "eviction_policy": "entresol"}}'
"""

from __future__ import annotations

import heapq
import inspect
import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from vllm.v1.kv_offload.cpu.policies.base import CachePolicy

if TYPE_CHECKING:
    from .engine_facts import Resident
    from .steering import Steering

logger = logging.getLogger("vllm.entresol_vllm")

POLICY_NAME = "entresol"
# Entries of the heap that later ones have made void; beyond this share it is built anew.
_VOID_PER_CHUNK = 2
_SMALLEST_REBUILD = 64

_policies: list[ScoredCachePolicy] = []


# What vLLM must ask of a policy, and what it tells first; what it tells beyond that is not needed here.
_ASKED = {"get": ["key"], "insert": ["key", "chunk"], "remove": ["key"], "touch": ["keys"], "evict": ["n", "protected"], "clear": []}


def register() -> None:
    """Makes the name known to vLLM, which asks by name. Not where it asks policies for other things than those that this one knows."""
    for name in CachePolicy.__abstractmethods__:
        told = [parameter for parameter in inspect.signature(getattr(CachePolicy, name)).parameters if parameter != "self"]
        if name not in _ASKED or told[: len(_ASKED[name])] != _ASKED[name]:
            logger.warning("entresol-vllm: the host tier cannot be steered here: its policies have another %s", name)
            return
    from vllm.v1.kv_offload.cpu.policies.factory import CachePolicyFactory

    try:
        CachePolicyFactory.register_cache_policy(POLICY_NAME, __name__, "ScoredCachePolicy")
    except ValueError:
        # Registered already: vLLM may load a plugin twice.
        return


def follow(steering: Steering) -> None:
    """Policies that this process has made get their classes from here: the connector is made before the cache."""
    for policy in _policies:
        policy.level_of = steering.blocks.queue.levels.get
        steering.blocks.listen(policy.on_level)


def snapshot() -> Callable[[], Resident] | None:
    """Absent: no host tier with our policy."""
    if not _policies:
        return None
    return lambda: [(bytes(key), 1) for policy in _policies for key in list(policy.chunks)]


class ScoredCachePolicy(CachePolicy):  # type: ignore[misc]  # vLLM is not followed by the type checker
    """Chunks that no transfer uses lie in a heap by (class, last use). Entries go void when either changes; a later one holds."""

    def __init__(self, cache_capacity: int, *args: Any, **kwargs: Any) -> None:
        super().__init__(cache_capacity, *args, **kwargs)
        self.chunks: dict[bytes, Any] = {}
        self.level_of: Callable[[bytes], int | None] = lambda _: None
        self._uses: dict[bytes, int] = {}
        self._idle: dict[bytes, tuple[int, int]] = {}
        """Chunks that may be evicted, and their present entry in the heap."""
        self._heap: list[tuple[tuple[int, int], bytes]] = []
        self._clock = 0
        _policies.append(self)

    def get(self, key: bytes, *_: Any) -> Any:
        return self.chunks.get(key)

    def insert(self, key: bytes, chunk: Any, *_: Any) -> None:
        self.chunks[key] = chunk
        self._use(key)
        if chunk.ref_cnt == 0:
            self._enter(key)

    def remove(self, key: bytes, *_: Any) -> None:
        del self.chunks[key]
        self._uses.pop(key, None)
        self._idle.pop(key, None)

    def touch(self, keys: Iterable[bytes], *_: Any) -> None:
        # From the end, so that the root of a prefix is the most recently used.
        for key in reversed(list(keys)):
            if key in self.chunks:
                self._use(key)
                if key in self._idle:
                    self._enter(key)

    def evict(self, n: int, protected: set[bytes], *_: Any) -> list[tuple[bytes, Any]] | None:
        chosen: list[tuple[tuple[int, int], bytes]] = []
        passed: list[tuple[tuple[int, int], bytes]] = []
        while self._heap and len(chosen) < n:
            entry, key = heapq.heappop(self._heap)
            if self._idle.get(key) != entry:
                continue
            # An entry may stand there twice, when a chunk was in use meanwhile: it counts once.
            del self._idle[key]
            (passed if key in protected else chosen).append((entry, key))
        back = passed if len(chosen) == n else passed + chosen
        for entry, key in back:
            self._idle[key] = entry
            heapq.heappush(self._heap, (entry, key))
        if len(chosen) < n:
            return None
        evicted = [(key, self.chunks[key]) for _, key in chosen]
        for key, _ in evicted:
            self.remove(key)
        return evicted

    def clear(self, *_: Any) -> None:
        self.chunks.clear()
        self._uses.clear()
        self._idle.clear()
        self._heap.clear()

    def mark_evictable(self, key: bytes, *_: Any) -> None:
        self._enter(key)

    def mark_non_evictable(self, key: bytes, *_: Any) -> None:
        self._idle.pop(key, None)

    def on_level(self, key: bytes, level: int) -> None:
        if key in self._idle:
            self._enter(key)

    def _use(self, key: bytes) -> None:
        self._clock += 1
        self._uses[key] = self._clock

    def _enter(self, key: bytes) -> None:
        entry = (self.level_of(key) or 0, self._uses.get(key, 0))
        if self._idle.get(key) == entry:
            return
        self._idle[key] = entry
        heapq.heappush(self._heap, (entry, key))
        if len(self._heap) > max(_SMALLEST_REBUILD, _VOID_PER_CHUNK * len(self._idle)):
            self._heap = [(present, each) for each, present in self._idle.items()]
            heapq.heapify(self._heap)
