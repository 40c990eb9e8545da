"""What a bad, slow, foreign or dead peer can do to the side channel: nothing."""

from __future__ import annotations

import logging
import os
import random
import threading
import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
import zmq
from entresol_vllm import side_channel
from entresol_vllm.counters import Counters
from entresol_vllm.engine_facts import EngineFacts
from entresol_vllm.hooks import Attached, open_channel
from entresol_vllm.mailbox import MAX_COMMANDS, Done, EvictBlocks, Mailbox, SetGrace, SetLease, Touched
from entresol_vllm.settings import Settings
from entresol_vllm.side_channel import SideChannel
from left_open import remember
from peer import Peer

SECRET = b"a secret of thirty-two bytes, and more"


class Facts(EngineFacts):
    """An engine that is active and holds nothing."""

    mode = "active"

    def state(self) -> tuple[str, str | None]:
        return self.mode, None if self.mode == "active" else "because"


class Side:
    def __init__(self, secret: bytes | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.counters = Counters()
        self.mailbox = Mailbox(self.counters)
        self.facts = Facts("1", "2", 0, 100, 16, 1, 900, True, "sha256", None)
        settings = Settings(endpoint="tcp://127.0.0.1:0", secret=secret)
        self.channel = SideChannel(settings, self.facts, self.counters, self.mailbox, clock)
        self.channel.start()
        self.peers: list[Peer] = []
        remember(self)

    def peer(self, secret: bytes | None = None, greet: bool = True) -> Peer:
        peer = Peer(self.channel.endpoint, secret)
        self.peers.append(peer)
        if greet:
            assert peer.hello()["type"] == "hello"
        return peer

    def commands(self) -> list[Any]:
        return list(iter(self.mailbox.next_command, None))

    def close(self) -> None:
        for peer in self.peers:
            peer.close()
        self.channel.close()
        self.mailbox.close()


@pytest.fixture
def side() -> Side:
    return Side()


@pytest.fixture
def guarded() -> Side:
    return Side(SECRET)


def hashed(number: int) -> bytes:
    return number.to_bytes(32, "big")


def test_a_hello_says_what_the_engine_is(side: Side) -> None:
    hello = side.peer().hello()
    assert {name: hello[name] for name in ("protocol", "package", "vllm", "mode", "numGpuBlocks", "blockSize", "hashAlgorithm", "maxLeaseMs", "levels")} == {
        "protocol": 1, "package": "1", "vllm": "2", "mode": "active", "numGpuBlocks": 100, "blockSize": 16, "hashAlgorithm": "sha256",
        "maxLeaseMs": 900_000, "levels": 128}
    assert len(hello["engine"]) == 16 and "reason" not in hello


def test_garbage_is_counted_and_nothing_else(side: Side) -> None:
    peer = side.peer()
    rng = random.Random(3)
    for _ in range(2000):
        peer.socket.send_multipart([rng.randbytes(rng.randint(0, 40)) for _ in range(rng.randint(1, 4))])
    for payload in (b"", b"\xc1", msgspec.msgpack.encode([1]), msgspec.msgpack.encode({1: 2}), msgspec.msgpack.encode("hello"), b"\x81" * 5000, b"\x91" * 100_000):
        peer.send_raw(payload)
    assert peer.ask("ping")["type"] == "accepted"
    counters = peer.ask("counters")
    assert counters["malformed"] + counters["refused"] == 2007
    assert counters["faults"] == 0 and side.commands() == []


@pytest.mark.parametrize("fields", [
    {"type": "lease"}, {"type": "lease", "runs": 5}, {"type": "lease", "runs": [[b"1234567", [1, 1]]]}, {"type": "lease", "runs": [["12345678", [1, 1]]]},
    {"type": "lease", "runs": [[b"12345678"]]}, {"type": "lease", "runs": [[b"12345678", [1]]]}, {"type": "lease", "runs": [[b"12345678", [1, None]]]},
    {"type": "lease", "runs": [[b"12345678", [1, 1]], [b"12345678", [-1, 1]]]}, {"type": "lease-session", "session": "", "steps": [1, 1]},
    {"type": "lease-session", "session": "x" * 257, "steps": [1, 1]}, {"type": "lease-session", "session": "s", "steps": [1, 1], "tokens": 1.5},
    {"type": "lease-session", "session": "s"}, {"type": "grace", "ms": -1, "value": 1}, {"type": "grace", "ms": 1, "value": float("nan")}, {"type": "grace"},
    {"type": "evict"}, {"type": "evict", "keys": 7}, {"type": "evict", "session": 7}, {"type": "nothing known"}, {"type": 7}, {}])
def test_what_can_be_read_but_not_done_is_refused_whole(side: Side, fields: dict[str, Any]) -> None:
    peer = side.peer()
    peer.send_raw(msgspec.msgpack.encode({"id": 77, **fields}))
    answer = peer.answer_to(77)
    assert answer["type"] == "refused" and answer["why"]
    assert side.commands() == []


def test_without_a_hello_nothing_is_done(side: Side) -> None:
    peer = side.peer(greet=False)
    assert peer.ask("clear") == {"type": "refused", "id": 1, "why": "hello first"}
    assert peer.ask("hello", protocols=[7], client="from elsewhere")["why"] == "this package speaks protocol 1"
    assert side.commands() == []


def test_only_so_many_peers(side: Side) -> None:
    for _ in range(side_channel.MAX_PEERS):
        side.peer()
    one_more = side.peer(greet=False)
    assert one_more.hello()["type"] == "refused"
    side.peers[0].send("bye")
    assert side.peers[0].ask("ping")["why"] == "hello first"
    assert one_more.hello()["type"] == "hello"


def test_who_does_not_know_the_secret_is_not_heard(guarded: Side) -> None:
    for stranger in (guarded.peer(greet=False), guarded.peer(b"another secret of thirty-two bytes", greet=False)):
        stranger.send("hello", protocols=[1], client="stranger", touches=True)
        with pytest.raises(TimeoutError):
            stranger.receive(0.2)
    friend = guarded.peer(SECRET)
    assert friend.ask("clear")["type"] == "accepted"
    assert friend.ask("counters")["unauthenticated"] == 2
    assert len(guarded.commands()) == 1


def test_what_was_overheard_cannot_be_said_again(guarded: Side) -> None:
    friend = guarded.peer(SECRET)
    payload = msgspec.msgpack.encode({"type": "clear", "id": 5, "channel": friend.channel, "n": 1000})
    friend.send_raw(payload)
    assert friend.answer_to(5)["type"] == "accepted"
    friend.send_raw(payload)
    friend.send_raw(msgspec.msgpack.encode({"type": "clear", "id": 6, "channel": b"another channel.", "n": 2000}))
    friend.send_raw(msgspec.msgpack.encode({"type": "clear", "id": 7, "channel": friend.channel}))
    thief = guarded.peer(SECRET, greet=False)
    thief.send_raw(payload)
    assert thief.answer_to(5)["why"] == "hello first"
    friend.send_raw(msgspec.msgpack.encode({"type": "ping", "id": 8, "channel": friend.channel, "n": 1001}))
    assert friend.answer_to(8)["type"] == "accepted"
    assert len(guarded.commands()) == 1 and guarded.counters.unauthenticated == 3


def test_leases_reach_the_scheduler_as_hashes_and_wait_for_what_is_not_known(side: Side) -> None:
    peer = side.peer()
    side.mailbox.tell(Touched("r", "t", None, 48, 0, 0, [hashed(1), hashed(2)]))
    peer.wait_for_events(1)
    keys = hashed(1)[-8:] + hashed(2)[-8:] + hashed(3)[-8:]
    assert peer.ask("lease", runs=[[keys, [60_000, 2.0]]])["type"] == "accepted"
    [command] = side.commands()
    assert isinstance(command, SetLease) and command.runs[0][0] == [hashed(1), hashed(2)]
    assert peer.ask("counters")["leasesUnknown"] == 1
    side.mailbox.tell(Done("r", "t", None, False, 20, 48, [hashed(3)]))
    peer.wait_for_events(2)
    peer.ask("ping")
    [late] = side.commands()
    assert late.runs[0][0] == [hashed(3)] and late.runs[0][1] == command.runs[0][1]


def test_a_message_that_is_too_long_costs_its_sender_the_connection_and_nobody_else(side: Side) -> None:
    peer, other = side.peer(), side.peer()
    peer.send("lease", runs=[[b"12345678" * (1 << 18), [1, 1]]])
    assert other.ask("ping")["type"] == "accepted"
    assert side.commands() == []


def test_commands_that_nobody_takes_are_dropped_from_the_oldest(side: Side) -> None:
    peer = side.peer()
    for number in range(MAX_COMMANDS + 50):
        peer.send("grace", ms=number, value=1.0)
    assert peer.ask("counters")["commandsDropped"] == 50
    commands = side.commands()
    assert len(commands) == MAX_COMMANDS
    assert isinstance(commands[-1], SetGrace) and commands[-1].seconds == (MAX_COMMANDS + 49) / 1000


def test_a_peer_that_does_not_read_holds_up_neither_scheduler_nor_others(side: Side) -> None:
    """More events than all queues on the way hold: `tell` returns each time, the rest is dropped and counted, sequence numbers show it."""
    deaf = side.peer()
    reader = side.peer()
    hashes = [hashed(number) for number in range(500)]
    for _ in range(6000):
        side.mailbox.tell(Touched("r", None, None, 8000, 0, 0, hashes))
    assert reader.ask("ping")["type"] == "accepted"
    assert deaf.socket.poll(0)
    sequences = [event["sequence"] for event in reader.events]
    assert sequences == sorted(set(sequences))


def test_events_without_a_thread_to_take_them_are_bounded() -> None:
    counters = Counters()
    mailbox = Mailbox(counters)
    hashes = [hashed(0)] * 50_000
    for number in range(200):
        mailbox.tell(Touched(str(number), None, None, 0, 0, 0, hashes))
    events = mailbox.take_events()
    assert events[-1][1].request == "199" and len(events) == 83 and counters.touches_dropped == 117
    mailbox.close()


def test_a_silent_peer_is_forgotten_and_its_grace_ends() -> None:
    now = [0.0]
    side = Side(clock=lambda: now[0])
    peer, other = side.peer(), side.peer()
    peer.ask("grace", ms=1000, value=1.0)
    now[0] = 50.0
    other.ask("ping")
    now[0] = 61.0
    assert other.ask("ping")["type"] == "accepted"
    while other.ask("counters")["peers"] == 2:
        continue
    commands = side.commands()
    assert [command.level for command in commands][1:] == [0]
    assert peer.ask("ping")["why"] == "hello first"


def test_neutral_and_off_refuse_and_say_why(side: Side) -> None:
    peer = side.peer()
    side.facts.mode = "neutral"
    assert peer.ask("lease", runs=[])["why"] == "neutral: because"
    assert peer.ask("dump")["type"] == "residents"
    side.facts.mode = "off"
    assert peer.ask("evict", keys=b"")["why"] == "off: because"
    assert peer.ask("dump")["type"] == "refused"
    assert peer.ask("ping")["type"] == "accepted" and peer.hello()["mode"] == "off"
    assert side.commands() == []


def test_an_endpoint_that_is_taken(side: Side) -> None:
    with pytest.raises(zmq.ZMQError):
        SideChannel(Settings(endpoint=side.channel.endpoint), side.facts, side.counters, side.mailbox)


def test_a_second_engine_on_the_same_endpoint_says_so_and_goes_on_without(side: Side, caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("vllm").propagate = True
    with caplog.at_level(logging.WARNING, logger="vllm.entresol_vllm"):
        assert open_channel(Settings(endpoint=side.channel.endpoint), side.facts, side.counters, side.mailbox) is None
    assert "another vLLM" in caplog.text and "ENTRESOL_VLLM_ENDPOINT" in caplog.text and side.channel.endpoint in caplog.text
    assert side.peer().ask("ping")["type"] == "accepted"


def test_closing_ends_the_thread() -> None:
    side = Side()
    assert side.channel._thread in threading.enumerate()
    side.close()
    assert side.channel._thread not in threading.enumerate()


def test_a_thread_that_does_not_end_in_time_keeps_what_it_reads_from(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its file descriptor would else be another file's by the time it reads from it."""
    side = Side()
    monkeypatch.setattr(side_channel, "CLOSE_SECONDS", 0.01)
    held, let_go = threading.Event(), threading.Event()
    receive = side.channel._receive

    def slow() -> bool:
        held.set()
        let_go.wait()
        return receive()

    monkeypatch.setattr(side.channel, "_receive", slow)
    side.mailbox.wake()
    held.wait()
    attached = Attached(None, side.channel, side.mailbox)
    attached.close()
    os.fstat(side.mailbox.wake_fd)
    let_go.set()
    side.channel._thread.join()
    attached.close()
    with pytest.raises(OSError):
        os.fstat(side.mailbox.wake_fd)


def test_a_thread_that_cannot_be_started_leaves_nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left open would make whoever collects garbage next wait for ever."""
    counters = Counters()
    mailbox = Mailbox(counters)
    channel = SideChannel(Settings(endpoint="tcp://127.0.0.1:0"), Facts("1", "2", 0, 100, 16, 1, 900, True, "sha256", None), counters, mailbox)

    def cannot() -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(channel._thread, "start", cannot)
    with pytest.raises(RuntimeError):
        channel.start()
    assert channel._socket.closed and channel._context.closed


def test_eviction_names_only_what_is_known(side: Side) -> None:
    peer = side.peer()
    side.mailbox.tell(Touched("r", None, None, 16, 0, 0, [hashed(1)]))
    peer.wait_for_events(1)
    peer.ask("evict", keys=hashed(1)[-8:] + os.urandom(8))
    [command] = side.commands()
    assert isinstance(command, EvictBlocks) and command.hashes == [hashed(1)]
