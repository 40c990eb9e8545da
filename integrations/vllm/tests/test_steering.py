"""Scores, leases and evictions in vLLM's own engine core."""

from __future__ import annotations

import random
import time
from typing import Any

import pytest
from engine import BLOCK, Engine, words
from entresol_vllm import steering
from entresol_vllm.counters import FAULTS_UNTIL_NEUTRAL
from entresol_vllm.settings import Settings
from peer import Peer, keys_of

QUIET = Settings(endpoint="")
OPEN = Settings(endpoint="tcp://127.0.0.1:0")
LONG = 600_000


@pytest.fixture
def engine(request: Any) -> Any:
    made: list[Engine] = []

    def make(blocks: int = 131, settings: Settings | None = QUIET, **options: Any) -> Engine:
        made.append(Engine(blocks, settings, **options))
        return made[-1]

    yield make
    for each in made:
        each.check()


ANCHOR = 48 * BLOCK
AGENTS = {"A": 1, "B": 2, "C": 3}


def three_agents(engine: Engine, fields: dict[str, dict[str, Any]], rounds: int = 4, meanwhile: Any = None) -> dict[str, int]:
    """
    Three agents with anchors of 48 blocks on a cache for two and a half of them; A returns last, after two calls of no use
    to anybody. :returns: tokens found by each over all returns but the first
    """
    rng = random.Random(17)
    found = dict.fromkeys(AGENTS, 0)
    for turn in range(rounds):
        for who in ("B", "C", None, None, "A"):
            if who is None:
                engine.complete(words(rng.randrange(10**6), 13 * BLOCK))
                continue
            if meanwhile is not None:
                meanwhile()
            hits = engine.complete(words(AGENTS[who], ANCHOR) + words(rng.randrange(10**6), 48), entresol_session=who, **fields.get(who, {}))
            if turn > 0:
                found[who] += hits
    return found


FULL = 3 * ANCHOR


def test_what_is_protected_stays_and_what_is_not_goes(engine: Any) -> None:
    stock = three_agents(engine(settings=None), {})
    assert max(stock.values()) < FULL / 2
    assert three_agents(engine(), {}) == stock
    protect = {"entresol_lease": [LONG, 5.0], "entresol_tokens": ANCHOR}
    alone = three_agents(engine(), {"A": protect})
    assert alone["A"] == FULL and alone["B"] == stock["B"] and alone["C"] == stock["C"]
    ranked = three_agents(engine(), {"A": protect, "C": {"entresol_lease": [LONG, 0.01], "entresol_tokens": ANCHOR}})
    assert ranked["A"] == FULL and stock["C"] < ranked["C"] < FULL


def test_with_async_scheduling_too(engine: Any) -> None:
    protect = {"A": {"entresol_lease": [LONG, 5.0], "entresol_tokens": ANCHOR}}
    assert three_agents(engine(asynchronous=True), protect)["A"] == FULL
    assert three_agents(engine(asynchronous=True), {}) == three_agents(engine(asynchronous=True, settings=None), {})


def test_neutral_finds_what_stock_finds_call_by_call(engine: Any) -> None:
    """600 random calls in flight at once, whatever they ask for: the same hits on each as without the package."""
    results = []
    for settings in (None, Settings(mode="neutral", endpoint="")):
        each = engine(blocks=160, settings=settings)
        rng = random.Random(23)
        names = []
        for _ in range(600):
            prompt = words(rng.randrange(12), BLOCK * rng.randint(1, 20)) + words(rng.randrange(40), rng.randint(1, 100))
            names.append(each.add(prompt, rng.randint(1, 40), entresol_session=f"s{rng.randrange(9)}", entresol_lease=[LONG, rng.random() * 9]))
            for _ in range(rng.randint(0, 3)):
                each.step()
        each.run()
        results.append([each.hits[name] for name in names])
    assert results[0] == results[1] and sum(results[0]) > 0


def test_a_lease_runs_out_by_itself(engine: Any) -> None:
    each = engine()
    short = {"entresol_lease": [1, 5.0], "entresol_tokens": ANCHOR}
    assert three_agents(each, {"A": short}, meanwhile=lambda: time.sleep(0.002)) == three_agents(engine(settings=None), {})
    assert each.steering._counters.leases_expired > 0
    assert len(each.steering.leases) <= ANCHOR // BLOCK


def test_protection_never_keeps_a_call_out(engine: Any) -> None:
    each = engine()
    for seed in range(6):
        each.complete(words(seed, 20 * BLOCK), entresol_lease=[LONG, 1e9])
    assert each.pool.free_block_queue.free_leased() > 100
    each.complete(words(99, 130 * BLOCK))
    assert each.steering._counters.handed_out_leased > 100


def test_evict_on_command_and_by_session(engine: Any) -> None:
    each = engine(settings=OPEN)
    peer = Peer(each.endpoint)
    peer.hello()
    prompt = words(5, 20 * BLOCK + 1)
    each.complete(prompt, entresol_session="s", entresol_tag="t")
    assert each.complete(prompt) == 20 * BLOCK
    touch = next(event for event in peer.wait_for_events(3) if event["kind"] == "touch")
    number = peer.send("evict", keys=touch["prompt"][:80] + b"12345678", report=True)
    assert peer.answer_to(number)["type"] == "accepted"
    assert each.complete(prompt) == 0
    assert peer.answer_to(number) == {"type": "applied", "id": number, "keys": 11, "unknown": 1, "set": 0, "evicted": 10}
    assert each.complete(prompt) == 20 * BLOCK
    assert peer.ask("evict", session="s")["type"] == "accepted"
    assert each.complete(prompt) == 0


def test_leases_over_the_side_channel(engine: Any) -> None:
    each = engine(settings=OPEN)
    peer = Peer(each.endpoint)
    hello = peer.hello()
    assert hello["mode"] == "active" and hello["numGpuBlocks"] == 132 and hello["blockSize"] == BLOCK and hello["hashAlgorithm"] == "sha256"
    each.complete(words(AGENTS["A"], ANCHOR) + words(7, 48), entresol_tag="first")
    anchor = peer.wait_for_events(1)[0]["prompt"][: 8 * 48]
    assert peer.ask("lease", runs=[[anchor, [LONG, 5.0]]])["type"] == "accepted"
    assert three_agents(each, {})["A"] == FULL
    # Released, and another one by its session, for calls to come.
    peer.ask("lease", runs=[[anchor, [LONG, 0]]])
    peer.ask("lease-session", session="B", steps=[LONG, 5.0], tokens=ANCHOR)
    stock = three_agents(engine(settings=None), {})
    found = three_agents(each, {})
    assert found["B"] == FULL and found["A"] < FULL / 2
    peer.ask("clear")
    assert three_agents(each, {}) == stock


def test_a_lease_may_come_before_its_blocks(engine: Any) -> None:
    first = engine(settings=OPEN)
    peer = Peer(first.endpoint)
    peer.hello()
    first.complete(words(AGENTS["A"], ANCHOR))
    anchor = peer.wait_for_events(1)[0]["prompt"]
    second = engine(settings=OPEN)
    peer = Peer(second.endpoint)
    peer.hello()
    peer.ask("lease", runs=[[anchor, [LONG, 5.0]]])
    assert peer.ask("counters")["leasesUnknown"] == 48
    # An answer shows that the channel has seen what calls before it used.
    assert three_agents(second, {}, meanwhile=lambda: peer.ask("ping"))["A"] == FULL


def test_grace_holds_what_was_just_used(engine: Any) -> None:
    each = engine(settings=OPEN)
    peer = Peer(each.endpoint)
    peer.hello()
    old, fresh = words(1, 40 * BLOCK), words(2, 40 * BLOCK)
    each.complete(old)
    peer.ask("lease", runs=[[peer.wait_for_events(1)[0]["prompt"], [LONG, 1.0]]])
    peer.ask("grace", ms=60_000, value=2.0)
    each.complete(fresh)
    each.complete(words(3, 90 * BLOCK))
    # The lease is worth less than the grace: it went first.
    assert each.complete(fresh + [9]) > each.complete(old + [9])
    assert peer.ask("counters")["graced"] > 0


def test_touches_tell_which_blocks_each_call_used(engine: Any) -> None:
    each = engine(settings=OPEN)
    peer = Peer(each.endpoint)
    peer.hello()
    prompt = words(4, 5 * BLOCK + 7)
    each.complete(prompt, 60, entresol_tag="one", entresol_session="s")
    each.complete(prompt + [1, 2], 1, entresol_tag="two")
    name = each.add(prompt, 500)
    each.step()
    each.core.abort_requests([name])
    each.run()
    events = peer.wait_for_events(6)
    assert [(event["kind"], event.get("tag")) for event in events] == [
        ("touch", "one"), ("done", "one"), ("touch", "two"), ("done", "two"), ("touch", None), ("done", None)]
    assert [event["sequence"] for event in events] == [1, 2, 3, 4, 5, 6]
    one, done = events[0], events[1]
    assert one["promptTokens"] == 167 and one["cachedTokens"] == 0 and len(keys_of(one["prompt"])) == 5 and one["session"] == "s"
    assert done["outputTokens"] == 60 and not done["aborted"]
    # 167 + 60 tokens; the last one's KV is never computed: 226 = 7 blocks and 2.
    assert done["computedTokens"] == 226 and len(keys_of(done["output"])) == 2
    assert events[2]["cachedTokens"] == 5 * BLOCK and events[2]["prompt"] == one["prompt"]
    assert events[5]["aborted"]
    residents = peer.residents()
    assert set(keys_of(one["prompt"]) + keys_of(done["output"])) <= set(residents)
    cached = {key[:-4][-8:] for key in each.pool.cached_block_hash_to_block._cache}
    assert set(residents) == cached


def test_output_keys_continue_the_conversation(engine: Any) -> None:
    """The next turn's prompt is this one's prompt, its answer and more: its keys are touched, then done, then new."""
    each = engine(settings=OPEN)
    peer = Peer(each.endpoint)
    peer.hello()
    prompt = words(6, 3 * BLOCK + 5)
    name = each.add(prompt, 2 * BLOCK)
    each.run()
    each.complete(prompt + each.outputs[name] + words(8, 2 * BLOCK))
    events = peer.wait_for_events(3)
    first, second = keys_of(events[0]["prompt"]) + keys_of(events[1]["output"]), keys_of(events[2]["prompt"])
    assert second[: len(first)] == first and events[2]["cachedTokens"] == len(first) * BLOCK


BAD_FIELDS: list[dict[str, Any]] = [
    {"entresol_lease": "much"}, {"entresol_lease": [1]}, {"entresol_lease": [-1, 2]}, {"entresol_lease": [float("nan"), 2]}, {"entresol_lease": {"a": 1}},
    {"entresol_tokens": -1, "entresol_lease": [1, 1]}, {"entresol_tokens": "all", "entresol_lease": [1, 1]}, {"entresol_session": 5},
    {"entresol_lease": [2**64 - 1, 1]}, {"entresol_lease": [1, 2**64 - 1]}, {"entresol_session": "\ud800"}, {"entresol_session": "x" * 300}, {"entresol_tag": ["a"]}, {"entresol_tag": ""}, {"entresol_lease": [1, 1] * 40}]


def test_fields_that_cannot_be_read_cost_the_call_nothing(engine: Any) -> None:
    each = engine()
    for number, fields in enumerate(BAD_FIELDS):
        each.complete(words(number, 3 * BLOCK), **fields)
        assert each.complete(words(number, 3 * BLOCK + 1), **fields) == 3 * BLOCK
        assert each.steering._counters.request_fields_bad == 2 * (number + 1), fields
    assert each.steering._counters.faults == 0


def test_too_many_faults_put_stock_order_back(engine: Any) -> None:
    each = engine(settings=OPEN)
    peer = Peer(each.endpoint)
    peer.hello()
    each.complete(words(1, 20 * BLOCK), entresol_lease=[LONG, 5.0])
    assert each.pool.free_block_queue.free_leased() == 20

    def broken(*_: Any) -> None:
        raise RuntimeError("a fault")

    each.steering._on_request = broken
    for seed in range(FAULTS_UNTIL_NEUTRAL):
        each.complete(words(seed, BLOCK))
    assert each.pool.free_block_queue.free_leased() == 0
    refused = peer.ask("lease", runs=[])
    assert refused["type"] == "refused" and "neutral" in refused["why"]
    assert peer.hello()["reason"].startswith("100 faults")


def test_sessions_are_bounded_by_what_they_remember(engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steering, "MAX_SESSION_HASHES", 50)
    each = engine(settings=OPEN)
    for number in range(9):
        each.complete(words(number, 20 * BLOCK), entresol_session=f"s{number}")
        each.complete(words(number, 20 * BLOCK + 5), entresol_session=f"s{number}")
    assert list(each.steering._sessions) == ["s7", "s8"]
    assert each.steering._session_hashes == 40
    each.complete(words(3, 90 * BLOCK), entresol_session="long")
    assert list(each.steering._sessions) == ["long"] and each.steering._session_hashes == 90


def test_a_call_that_was_preempted_is_told_once(engine: Any) -> None:
    """More calls than fit while they grow: vLLM takes blocks away from some, which begin again."""
    each = engine(blocks=40, settings=OPEN)
    peer = Peer(each.endpoint)
    peer.hello()
    names = [each.add(words(number, 9 * BLOCK), 4 * BLOCK) for number in range(4)]
    each.run()
    events = peer.wait_for_events(8)
    assert [event["request"] for event in events if event["kind"] == "touch"] == names
    assert sorted(event["request"] for event in events if event["kind"] == "done") == sorted(names)


def test_random_scores_and_evictions_on_a_thousand_calls_lose_no_block(engine: Any) -> None:
    """1,000 calls in flight on a small cache, leases, evictions, resets, aborts and grace all the while."""
    each = engine(blocks=300, settings=OPEN, concurrency=256)
    peer = Peer(each.endpoint)
    peer.hello()
    rng = random.Random(31)
    seen: list[bytes] = [b"none yet"]
    names = []
    for number in range(1000):
        prompt = words(rng.randrange(30), BLOCK * rng.randint(1, 60)) + words(number, rng.randint(1, 200))
        fields = {"entresol_session": f"s{rng.randrange(20)}"}
        if rng.random() < 0.5:
            fields["entresol_lease"] = [rng.randint(0, 300), rng.uniform(-1, 50), rng.randint(0, 300), rng.random()]
        names.append(each.add(prompt, rng.randint(1, 60), **fields))
        for _ in range(rng.randint(0, 2)):
            each.step()
        choice = rng.random()
        keys = b"".join(rng.choices(seen, k=rng.randint(1, 200)))
        if choice < 0.4:
            peer.send("lease", runs=[[keys, [rng.randint(0, 500), rng.uniform(-1, 100)]]])
        elif choice < 0.5:
            peer.send("evict", keys=keys)
        elif choice < 0.55:
            peer.send("evict", session=f"s{rng.randrange(20)}")
        elif choice < 0.6:
            peer.send("lease-session", session=f"s{rng.randrange(20)}", steps=[rng.randint(0, 500), rng.uniform(-1, 9)])
        elif choice < 0.62:
            peer.send("grace", ms=rng.randint(0, 200), value=rng.random())
        elif choice < 0.63:
            peer.send("clear")
        elif choice < 0.66:
            each.core.abort_requests([rng.choice(names)])
        elif choice < 0.67:
            each.core.reset_prefix_cache()
        while peer.socket.poll(0):
            message = peer.receive()
            assert message["type"] != "refused", message
            for event in message.get("events", ()):
                seen.extend(keys_of(event.get("prompt") or event.get("output")))
        if number % 50 == 0:
            each.check()
    each.run()
    each.check()
    assert each.pool.get_num_free_blocks() == 300
    counters = peer.ask("counters")
    assert counters["faults"] == counters["malformed"] == counters["requestFieldsBad"] == 0
    # How many of the named blocks are free when a command is applied hangs on when the side channel's thread runs: that there were some counts.
    assert counters["leasesSet"] > 1000 and counters["evictedOnCommand"] > 10 and counters["handedOutLeased"] > 100
    # Nobody renews them any more: all run out.
    time.sleep(0.7)
    for seed in range(10):
        each.complete(words(seed, BLOCK))
    assert peer.ask("counters")["leases"] == 0 and each.pool.free_block_queue.free_leased() <= 2
