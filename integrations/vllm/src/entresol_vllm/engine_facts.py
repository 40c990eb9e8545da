"""What the side channel may read of the engine, from its own thread: settled facts, and snapshots that one C call takes."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .messages import PROTOCOL
from .steering import Steering
from .values import LEVELS
from .vllm_shapes import Pool

Resident = list[tuple[bytes, int]]
"""Hash with group id, and how many blocks hold it."""


@dataclass
class EngineFacts:
    package: str
    vllm: str
    rank: int
    num_gpu_blocks: int
    block_size: int
    groups: int
    max_lease_seconds: float
    request_fields: bool
    hash_algorithm: str
    kv_events: Mapping[str, Any] | None
    pool: Pool | None = None
    steering: Steering | None = None
    """Absent: switched off, for the reason below."""
    reason: str | None = None
    host_tier: Callable[[], Resident] | None = None
    engine: bytes = field(default_factory=lambda: os.urandom(16))

    def state(self) -> tuple[str, str | None]:
        return ("off", self.reason) if self.steering is None else (self.steering.mode, self.steering.reason)

    def as_message(self) -> dict[str, Any]:
        mode, reason = self.state()
        message: dict[str, Any] = {
            "protocol": PROTOCOL, "package": self.package, "vllm": self.vllm, "mode": mode, "engine": self.engine, "blockSize": self.block_size,
            "hashAlgorithm": self.hash_algorithm, "numGpuBlocks": self.num_gpu_blocks, "groups": self.groups, "rank": self.rank, "levels": LEVELS,
            "maxLeaseMs": round(self.max_lease_seconds * 1000), "maxLeases": 0 if self.steering is None else self.steering.max_leases,
            "requestFields": self.request_fields and mode == "active", "hostTier": self.host_tier is not None,
        }
        if reason is not None:
            message["reason"] = reason
        if self.kv_events is not None:
            message["kvEvents"] = dict(self.kv_events)
        return message

    def resident(self) -> list[tuple[str, Resident]]:
        """By medium. Each is taken in one step of the interpreter, so it is a state that the cache really had."""
        found: list[tuple[str, Resident]] = []
        if self.pool is not None:
            entries = list(self.pool.cached_block_hash_to_block._cache.items())
            found.append(("GPU", [(key, len(blocks) if isinstance(blocks, dict) else 1) for key, blocks in entries]))
        if self.host_tier is not None:
            found.append(("CPU", self.host_tier()))
        return found

    def pending_events(self) -> int:
        return 0 if self.pool is None else len(self.pool.kv_event_queue)

    def free_blocks(self) -> int:
        return 0 if self.pool is None else self.pool.free_block_queue.num_free_blocks

    def gauges(self) -> dict[str, int]:
        steering = self.steering
        return {"leases": 0 if steering is None else len(steering.leases), "sessions": 0 if steering is None else steering.session_count,
                "freeBlocks": self.free_blocks()}
