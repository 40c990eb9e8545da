"""
The package, installed from its wheel, in a real vLLM server, beside a stock one. Where they are is in the environment:
ENTRESOL_TEST_STOCK and ENTRESOL_TEST_PACKAGE (URLs), ENTRESOL_TEST_CHANNEL (endpoint), ENTRESOL_TEST_BLOCKS;
ENTRESOL_TEST_GATEWAY is Entresol's command line as JSON.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))
from peer import Peer, keys_of

pytestmark = pytest.mark.skipif("ENTRESOL_TEST_PACKAGE" not in os.environ, reason="wants servers: npm test starts them")

BLOCK = 32
ANCHOR = 48 * BLOCK
LONG = 600_000
STOCK, PACKAGE, CHANNEL = (os.environ.get(f"ENTRESOL_TEST_{name}", "") for name in ("STOCK", "PACKAGE", "CHANNEL"))
BLOCKS = int(os.environ.get("ENTRESOL_TEST_BLOCKS", "0"))


def post(url: str, path: str, body: dict[str, Any], headers: dict[str, str] | None = None) -> dict[str, Any]:
    connection = HTTPConnection(urlsplit(url).netloc, timeout=120)
    connection.request("POST", path, json.dumps(body), {"content-type": "application/json"} | (headers or {}))
    response = connection.getresponse()
    text = response.read()
    connection.close()
    assert response.status == 200, text[:500]
    return dict(json.loads(text or b"{}"))


def complete(url: str, prompt: list[int], tokens: int = 2, **fields: Any) -> int:
    """:returns: cached tokens"""
    body = {"model": "tiny", "prompt": prompt, "max_tokens": tokens, "temperature": 0, "ignore_eos": True}
    usage = post(url, "/v1/completions", body | ({"vllm_xargs": fields} if fields else {}))["usage"]
    return int((usage["prompt_tokens_details"] or {}).get("cached_tokens") or 0)


def metric(url: str, name: str) -> float:
    with urllib.request.urlopen(f"{url}/metrics") as response:
        text = response.read().decode()
    return sum(float(value) for value in re.findall(rf"^vllm:{name}\{{[^}}]*}} (\S+)$", text, re.MULTILINE))


def words(seed: int, count: int) -> list[int]:
    return [300 + (index * 7919 + seed * 104_729) % 3700 for index in range(1, count + 1)]


@pytest.fixture
def peer() -> Any:
    made = Peer(CHANNEL)
    made.hello()
    yield made
    made.ask("clear")
    made.close()


def settled(peer: Peer) -> dict[str, Any]:
    """The counters once the scheduler has done all that was asked."""
    while True:
        complete(PACKAGE, words(10**6, 8))
        counters = peer.ask("counters")
        if counters["commandsWaiting"] == 0:
            return counters


def test_it_says_what_it_is(peer: Peer) -> None:
    hello = peer.hello()
    assert hello["package"] == "0.1.0" and hello["mode"] == "active" and hello["rank"] == 0 and hello["groups"] == 1
    assert hello["numGpuBlocks"] == BLOCKS + 1 and hello["blockSize"] == BLOCK
    assert hello["kvEvents"]["topic"] == "kv-events" and hello["kvEvents"]["endpoint"].startswith("tcp://127.0.0.1:")


def compare_with_stock(count: int, seed: int) -> None:
    """So many calls to both, from empty caches: each finds in one what it finds in the other."""
    for url in (STOCK, PACKAGE):
        post(url, "/reset_prefix_cache", {})
    rng = random.Random(seed)
    found = []
    for _ in range(count):
        prompt = words(rng.randrange(10), BLOCK * rng.randint(1, 40)) + words(rng.randrange(30), rng.randint(1, 90))
        tokens = rng.randint(1, 50)
        found.append((complete(STOCK, prompt, tokens), complete(PACKAGE, prompt, tokens)))
    assert [stock for stock, _ in found] == [ours for _, ours in found]
    assert 0 < sum(stock for stock, _ in found)


def until_nothing_is_leased(peer: Peer, limit: float) -> None:
    deadline = time.monotonic() + limit
    while settled(peer)["leases"] > 0:
        assert time.monotonic() < deadline, "leases do not run out"
        time.sleep(0.1)


def test_without_hints_every_call_finds_what_it_finds_in_stock_vllm() -> None:
    compare_with_stock(250, 41)


def test_with_hints_by_vllms_own_counters(peer: Peer) -> None:
    """Three agents on a cache for two and a half: the protected one is found whole, and the rest of the cache works on."""
    rates = []
    for url, fields in ((STOCK, {}), (PACKAGE, {"entresol_lease": [LONG, 5.0], "entresol_tokens": ANCHOR})):
        post(url, "/reset_prefix_cache", {})
        rng = random.Random(17)
        before = metric(url, "prefix_cache_hits_total"), metric(url, "prefix_cache_queries_total")
        for _ in range(5):
            for who in (2, 3, None, None, 1):
                if who is None:
                    complete(url, words(rng.randrange(10**6), 13 * BLOCK))
                else:
                    complete(url, words(who, ANCHOR) + words(rng.randrange(10**6), 48), **({"entresol_session": "A", **fields} if who == 1 else {}))
        rates.append((metric(url, "prefix_cache_hits_total") - before[0]) / (metric(url, "prefix_cache_queries_total") - before[1]))
    assert rates[1] > rates[0] + 0.15


def test_dump_agrees_with_what_calls_find(peer: Peer) -> None:
    prompt = words(77, 20 * BLOCK + 1)
    complete(PACKAGE, prompt, entresol_tag="mine")
    touch = next(event for event in peer.wait_for_events(1) if event.get("tag") == "mine")
    residents = peer.residents()
    assert set(keys_of(touch["prompt"])) <= set(residents)
    peer.ask("evict", keys=touch["prompt"][80:160])
    assert complete(PACKAGE, prompt) == 10 * BLOCK
    assert settled(peer)["evictedOnCommand"] >= 10


CHAOS = """
import random, sys, time
sys.path.insert(0, sys.argv[1])
from peer import Peer, keys_of
peer, rng, seen = Peer(sys.argv[2]), random.Random(5), [b"12345678"]
peer.hello()
print("ready", flush=True)
while True:
    keys = b"".join(rng.choices(seen[-4000:], k=rng.randint(1, 400)))
    peer.send("lease", runs=[[keys, [rng.randint(1, 1500), rng.uniform(-1, 100)]]])
    if rng.random() < 0.3: peer.send("evict", keys=keys)
    if rng.random() < 0.1: peer.send("grace", ms=rng.randint(0, 1000), value=rng.random())
    if rng.random() < 0.1: peer.socket.send_multipart([b"", rng.randbytes(50)])
    while peer.socket.poll(2):
        for event in peer.receive().get("events", ()):
            seen.extend(keys_of(event.get("prompt") or event.get("output")))
"""


def test_a_thousand_calls_at_once_with_random_leases_and_evictions_and_the_peer_killed_in_the_middle(peer: Peer, capsys: pytest.CaptureFixture[str]) -> None:
    before = peer.ask("counters")
    chaos = subprocess.Popen([sys.executable, "-c", CHAOS, str(Path(__file__).parent.parent), CHANNEL], stdout=subprocess.PIPE)
    assert chaos.stdout is not None and chaos.stdout.readline() == b"ready\n"
    rng = random.Random(43)
    calls: list[dict[str, Any]] = []
    for number in range(1000):
        fields: dict[str, Any] = {"entresol_session": f"s{rng.randrange(40)}"}
        if rng.random() < 0.5:
            fields["entresol_lease"] = [rng.randint(1, 1500), rng.uniform(-1, 60)]
        calls.append({"prompt": words(rng.randrange(30), BLOCK * rng.randint(1, 30)) + words(number, rng.randint(1, 60)), "tokens": rng.randint(1, 30), **fields})
    done = [0]

    def call(each: dict[str, Any]) -> int:
        hits = complete(PACKAGE, **each)
        done[0] += 1
        if done[0] == 500:
            chaos.send_signal(signal.SIGKILL)
        return hits

    with ThreadPoolExecutor(128) as pool:
        found = list(pool.map(call, calls))
    assert len(found) == 1000
    assert chaos.wait(10) == -signal.SIGKILL
    chaos.stdout.close()
    after = settled(peer)
    assert after["faults"] == before["faults"] == 0
    assert after["evictedOnCommand"] > before["evictedOnCommand"] and after["leasesSet"] > before["leasesSet"] + 1000
    # No block is lost, and what the dead peer had leased runs out by itself.
    assert after["freeBlocks"] == BLOCKS and metric(PACKAGE, "kv_cache_usage_perc") == 0
    until_nothing_is_leased(peer, 60)
    residents = peer.residents()
    assert len(residents) <= BLOCKS
    complete(PACKAGE, words(1, (BLOCKS - 2) * BLOCK))
    with capsys.disabled():
        print(f"\nseen: {len(found)} calls, 128 at once, {after['leasesSet'] - before['leasesSet']} leases and {after['evictedOnCommand'] - before['evictedOnCommand']} evictions on command;"
              f" then {after['freeBlocks']} of {BLOCKS} blocks free, {len(residents)} of them cached, faults {after['faults']}")


def gateway(folder: Path) -> tuple[subprocess.Popen[bytes], str]:
    """Entresol under `cache-sage` before the server with the package. :returns: the process and its URL"""
    upstream = {"kind": "vllm", "url": PACKAGE, "vllm": {"control": {"endpoints": CHANNEL}}}
    config = folder / "entresol.yaml"
    config.write_text(json.dumps({"listen": {"port": 0}, "upstreams": [upstream], "policies": [{"name": "cache-sage"}]}))
    started = subprocess.Popen([*json.loads(os.environ["ENTRESOL_TEST_GATEWAY"]), "serve", "--config", str(config), "--state", "none"], stdout=subprocess.PIPE)
    assert started.stdout is not None
    line = started.stdout.readline().decode()
    assert line.startswith("listening "), line
    return started, line.split()[1]


def test_entresol_is_killed_in_the_middle_and_the_cache_is_lru_again(peer: Peer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    started, url = gateway(tmp_path)
    try:
        def turn(number: int) -> None:
            session = number % 8
            body = {"model": "tiny", "prompt": words(500 + session, BLOCK * (10 + number // 8 % 20)), "max_tokens": 2, "temperature": 0}
            post(url, "/v1/completions", body, {"x-entresol-session": f"s{session}", "x-entresol-agent": "a"})

        before = peer.ask("counters")
        number = 0
        deadline = time.monotonic() + 60
        while peer.ask("counters")["leasesSet"] < before["leasesSet"] + 200:
            assert time.monotonic() < deadline, "Entresol sets no leases"
            turn(number)
            number += 1
        done = [0]

        def call(number: int) -> None:
            complete(PACKAGE, words(number % 30, BLOCK * (1 + number % 30)) + words(number, 40), 1 + number % 30)
            done[0] += 1
            if done[0] == 200:
                started.kill()

        with ThreadPoolExecutor(64) as pool:
            list(pool.map(call, range(400)))
        assert started.wait(10) == -signal.SIGKILL and done[0] == 400
    finally:
        started.kill()
        started.wait(10)
        assert started.stdout is not None
        started.stdout.close()
    after = settled(peer)
    assert after["faults"] == before["faults"] == 0 and after["freeBlocks"] == BLOCKS
    held = peer.residents()
    assert 0 < len(held) <= BLOCKS
    # Of its own accord: nobody tells the package that its peer is gone.
    until_nothing_is_leased(peer, 60)
    compare_with_stock(100, 47)
    with capsys.disabled():
        print(f"\nseen: Entresol killed amid 400 calls, {after['leases']} leases held then, none later; 100 calls find what they find in stock vLLM")
