"""vLLM's own host tier with our order of eviction."""

from __future__ import annotations

import random
from typing import Any

import pytest
from engine import BLOCK, Engine, words
from entresol_vllm import host_tier
from entresol_vllm.host_tier import ScoredCachePolicy
from entresol_vllm.settings import Settings
from peer import Peer, keys_of
from vllm.v1.kv_offload.cpu.policies.base import ChunkStatus
from vllm.v1.kv_offload.cpu.policies.factory import CachePolicyFactory


@pytest.fixture(autouse=True)
def fresh() -> Any:
    yield
    host_tier._policies.clear()


def test_the_policy_against_a_plain_model() -> None:
    """20,000 random operations: what is evicted is what a list, sorted by class and last use, has first."""
    rng = random.Random(13)
    policy = ScoredCachePolicy(cache_capacity=64)
    levels: dict[bytes, int] = {}
    policy.level_of = levels.get
    uses: dict[bytes, int] = {}
    pinned: set[bytes] = set()
    clock = 0
    for step in range(20_000):
        choice = rng.random()
        if choice < 0.3 and len(uses) < 64:
            key = step.to_bytes(36, "big")
            chunk = ChunkStatus(step)
            policy.insert(key, chunk)
            clock += 1
            uses[key] = clock
            chunk.ref_cnt = 0
            policy.mark_evictable(key)
        elif choice < 0.5 and uses:
            chosen = rng.sample(sorted(uses), min(len(uses), 4))
            policy.touch(chosen, None)
            for key in reversed(chosen):
                clock += 1
                uses[key] = clock
        elif choice < 0.7 and uses:
            key = rng.choice(sorted(uses))
            levels[key] = rng.choice([-1, 0, 0, 1, 2, 100])
            policy.on_level(key, levels[key])
        elif choice < 0.8 and uses:
            key = rng.choice(sorted(uses))
            if key in pinned:
                pinned.discard(key)
                policy.mark_evictable(key)
            else:
                pinned.add(key)
                policy.mark_non_evictable(key)
        elif uses:
            count = rng.randint(0, 6)
            protected = set(rng.sample(sorted(uses), min(3, len(uses))))
            order = sorted((key for key in uses if key not in pinned and key not in protected), key=lambda key: (levels.get(key, 0), uses[key]))
            evicted = policy.evict(count, protected)
            if len(order) < count:
                assert evicted is None
            else:
                assert evicted is not None and [key for key, _ in evicted] == order[:count]
                for key in order[:count]:
                    del uses[key]
        assert set(policy.chunks) == set(uses)
    assert len(policy._heap) <= 64 + 3 * 64
    policy.clear()
    assert policy.evict(1, set()) is None


def engine_with_host_tier(policy: str) -> Engine:
    from vllm.config import KVTransferConfig

    host_tier.register()
    # 4 layers, 2 heads of keys and values of 64 numbers, 2 bytes each: 64 KiB for 32 tokens. Room for 100 blocks.
    config = KVTransferConfig(kv_connector="OffloadingConnector", kv_role="kv_both",
                              kv_connector_extra_config={"cpu_bytes_to_use": 100 * 65_536, "eviction_policy": policy})
    return Engine(60, Settings(endpoint="tcp://127.0.0.1:0"), extra={"kv_transfer_config": config})


def found_after_pressure(engine: Engine) -> tuple[int, int]:
    """:returns: tokens that came from the host of a prompt that is leased, and of one that is not"""
    peer = Peer(engine.endpoint)
    peer.hello()
    leased, plain = words(1, 30 * BLOCK + 1), words(2, 30 * BLOCK + 1)
    for prompt, tag in ((leased, "leased"), (plain, "plain")):
        engine.complete(prompt, entresol_tag=tag)
    anchor = next(event["prompt"] for event in peer.wait_for_events(2) if event.get("tag") == "leased")
    peer.ask("lease", runs=[[anchor, [600_000, 5.0]]])
    for seed in range(10, 16):
        engine.complete(words(seed, 30 * BLOCK + 1))
    # Out of the GPU at all events: only the host has it.
    peer.ask("lease", runs=[[anchor, [600_000, 5.0]]])
    for prompt, tag in ((leased, "leased again"), (plain, "plain again")):
        engine.complete(prompt, entresol_tag=tag)
    peer.ask("ping")
    touches = {event.get("tag"): event for event in peer.events if event["kind"] == "touch"}
    assert set(keys_of(anchor)) <= set(peer.residents()) or engine.steering is None
    return tuple(touches[tag]["cachedTokens"] + touches[tag]["externalTokens"] for tag in ("leased again", "plain again"))  # type: ignore[return-value]


def test_the_name_is_known_to_vllm_and_may_be_registered_twice() -> None:
    host_tier.register()
    host_tier.register()
    assert CachePolicyFactory.get_cache_policy_cls("entresol") is ScoredCachePolicy


def test_a_tier_that_asks_for_other_things_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CachePolicyFactory, "_registry", {})
    monkeypatch.setattr(host_tier.CachePolicy, "evict", lambda self, keys: None)
    host_tier.register()
    assert CachePolicyFactory._registry == {}


def test_a_lease_holds_in_host_memory_too() -> None:
    engine = engine_with_host_tier("entresol")
    [policy] = host_tier._policies
    peer = Peer(engine.endpoint)
    assert peer.hello()["hostTier"] is True
    assert found_after_pressure(engine) == (30 * BLOCK, 0)
    assert 0 < len(policy.chunks) <= 100
    engine.check()


def test_what_is_evicted_from_the_gpu_comes_back_from_the_host() -> None:
    """The lease of blocks that the GPU has lost: classes are by hash, wherever the block lies."""
    engine = engine_with_host_tier("entresol")
    prompt = words(1, 30 * BLOCK + 1)
    peer = Peer(engine.endpoint)
    peer.hello()
    engine.complete(prompt, entresol_tag="t")
    anchor = peer.wait_for_events(1)[0]["prompt"]
    engine.complete(words(3, 55 * BLOCK))
    peer.ask("lease", runs=[[anchor, [600_000, 5.0]]])
    for seed in range(10, 14):
        engine.complete(words(seed, 50 * BLOCK))
    engine.complete(prompt, entresol_tag="back")
    peer.ask("ping")
    back = next(event for event in peer.events if event.get("tag") == "back" and event["kind"] == "touch")
    assert back["externalTokens"] > 20 * BLOCK and back["cachedTokens"] + back["externalTokens"] == 30 * BLOCK
    engine.check()
