"""The side channel: a thread of its own that speaks PROTOCOL.md, and never touches vLLM's structures but to read them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import zmq

from .authentication import Channel, unbound_frames
from .counters import Counters
from .engine_facts import EngineFacts
from .known_hashes import KnownHashes
from .mailbox import Applied, Clear, Done, EvictBlocks, Event, Mailbox, Receipt, SetGrace, SetLease, SetSessionLease, Touched
from .messages import (MAX_MESSAGE_BYTES, PROTOCOL, Evict, Grace, Hello, Lease, LeaseSession, Malformed, Message, Plain, Refused,
                       decode, id_of, read)
from .resident_blocks import GROUP_BYTES
from .settings import Settings
from .values import STOCK, BadSteps, Step, level_of, steps_from

logger = logging.getLogger("vllm.entresol_vllm")

MAX_PEERS = 8
PEER_SILENCE_SECONDS = 60.0
MAX_UNRESOLVED = 65_536
MESSAGES_PER_TURN = 256
SEND_QUEUE = 500
KEYS_PER_PART = 65_536
# With the queue above: how much may wait for a peer that does not read.
TOUCHED_KEYS_PER_MESSAGE = 8192
EVENTS_PER_MESSAGE = 500
# Long messages are read in pieces between which the scheduler's thread may run.
KEYS_PER_PIECE = 2048
LOGGED_FAULTS = 3
CLOSE_SECONDS = 5.0


@dataclass
class _Peer:
    channel: Channel
    heard: float
    touches: bool
    set_grace: bool = False


class SideChannel:
    def __init__(self, settings: Settings, facts: EngineFacts, counters: Counters, mailbox: Mailbox,
                 clock: Callable[[], float] = time.monotonic) -> None:
        """:raises zmq.ZMQError: the endpoint cannot be bound"""
        self._settings = settings
        self._facts = facts
        self._counters = counters
        self._mailbox = mailbox
        self._clock = clock
        self._peers: dict[bytes, _Peer] = {}
        self._known = KnownHashes(max(65_536, 4 * facts.num_gpu_blocks))
        self._unresolved: dict[bytes, tuple[Step, ...]] = {}
        self._faults = 0
        self._closing = False
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.ROUTER)
        for option, value in ((zmq.LINGER, 0), (zmq.SNDHWM, SEND_QUEUE), (zmq.RCVHWM, SEND_QUEUE), (zmq.ROUTER_MANDATORY, 1),
                              (zmq.MAXMSGSIZE, MAX_MESSAGE_BYTES)):
            self._socket.setsockopt(option, value)
        try:
            self._socket.bind(settings.endpoint)
        except zmq.ZMQError:
            self._let_go()
            raise
        self.endpoint = self._socket.getsockopt_string(zmq.LAST_ENDPOINT).rstrip("\0")
        self._thread = threading.Thread(target=self._run, name="entresol-side-channel", daemon=True)

    def start(self) -> None:
        """:raises RuntimeError: there can be no more threads"""
        try:
            self._thread.start()
        except RuntimeError:
            self._let_go()
            raise

    def close(self) -> bool:
        """:returns: whether its thread has ended; if not, it may still read from the mailbox"""
        self._closing = True
        self._mailbox.wake()
        if self._thread.is_alive():
            self._thread.join(timeout=CLOSE_SECONDS)
        return not self._thread.is_alive()

    def _let_go(self) -> None:
        # A context that is collected as garbage while a socket of it is open waits for ever, in whichever thread collects.
        self._socket.close()
        self._context.term()

    def _run(self) -> None:
        poller = zmq.Poller()
        poller.register(self._socket, zmq.POLLIN)
        poller.register(self._mailbox.wake_fd, zmq.POLLIN)
        while not self._closing:
            try:
                poller.poll(1000)
                # What calls have used first: a lease may name it.
                self._send_events(self._mailbox.take_events())
                for _ in range(MESSAGES_PER_TURN):
                    if not self._receive():
                        break
                self._forget_silent()
            except Exception:
                self._faults += 1
                self._counters.faults += 1
                if self._faults <= LOGGED_FAULTS:
                    logger.exception("entresol-vllm: a fault in the side channel; it goes on")
                time.sleep(0.01)
        self._let_go()

    # Receiving.

    def _receive(self) -> bool:
        """:returns: whether there was a message"""
        try:
            identity, *frames = self._socket.recv_multipart(zmq.NOBLOCK)
        except zmq.Again:
            return False
        self._counters.messages += 1
        if len(frames) != 2:
            self._counters.malformed += 1
            return True
        mac, payload = frames
        if not Channel.is_signed(self._settings.secret, mac, payload):
            self._counters.unauthenticated += 1
            return True
        try:
            content = decode(payload)
        except Malformed:
            self._counters.malformed += 1
            return True
        self._answer(identity, content)
        return True

    def _answer(self, identity: bytes, content: dict[str, Any]) -> None:
        number = id_of(content)
        peer = self._peers.get(identity)
        if peer is None and content.get("type") != "hello":
            self._refuse(identity, number, "hello first")
            return
        if peer is not None and content.get("type") != "hello":
            if not peer.channel.admits(content):
                self._counters.unauthenticated += 1
                return
            peer.heard = self._clock()
        try:
            message = read(content)
            if isinstance(message, Hello):
                self._greet(identity, number, message)
                return
            assert peer is not None
            self._do(identity, peer, number, message)
        except (Refused, BadSteps) as error:
            self._refuse(identity, number, str(error))

    def _refuse(self, identity: bytes, number: int | None, why: str) -> None:
        self._counters.refused += 1
        if number is not None:
            self._send(identity, {"type": "refused", "id": number, "why": why})

    def _greet(self, identity: bytes, number: int | None, hello: Hello) -> None:
        if PROTOCOL not in hello.protocols:
            raise Refused(f"this package speaks protocol {PROTOCOL}")
        if identity not in self._peers and len(self._peers) >= MAX_PEERS:
            raise Refused(f"{MAX_PEERS} peers are connected already")
        peer = _Peer(Channel(self._settings.secret), self._clock(), hello.touches)
        self._peers[identity] = peer
        self._mailbox.wanted = any(each.touches for each in self._peers.values())
        logger.info("entresol-vllm: peer %s is connected", ascii(hello.client))
        # What is resident from before anybody listened can be leased too.
        for _, cached in self._facts.resident():
            self._known.learn(key[:-GROUP_BYTES] for key, _ in cached)
        self._send(identity, {"type": "hello", "id": number, **self._facts.as_message(), "channel": peer.channel.name})

    def _do(self, identity: bytes, peer: _Peer, number: int | None, message: Message) -> None:
        if isinstance(message, Plain) and message.type in ("ping", "counters", "bye", "dump"):
            self._do_plain(identity, number, message.type)
            return
        mode, reason = self._facts.state()
        if mode != "active":
            raise Refused(mode if reason is None else f"{mode}: {reason}")
        now = self._clock()
        if isinstance(message, Lease):
            self._lease(identity, number, message, now)
        elif isinstance(message, LeaseSession):
            steps = steps_from(message.steps, now, self._settings.max_lease_seconds)
            receipt = Receipt(identity, number, 0, 0) if message.report and number is not None else None
            self._mailbox.post(SetSessionLease(message.session, steps, message.tokens, receipt))
        elif isinstance(message, Grace):
            peer.set_grace = message.seconds > 0
            self._mailbox.post(SetGrace(level_of(message.value), message.seconds))
        elif isinstance(message, Evict):
            hashes = [block_hash for block_hash in map(self._known.get, message.keys) if block_hash is not None]
            for key in message.keys:
                self._unresolved.pop(key, None)
            unknown = len(message.keys) - len(hashes)
            receipt = Receipt(identity, number, len(message.keys), unknown) if message.report and number is not None else None
            self._mailbox.post(EvictBlocks(hashes, message.session, receipt))
        else:
            self._unresolved.clear()
            self._mailbox.post(Clear())
        self._accept(identity, number)

    def _accept(self, identity: bytes, number: int | None) -> None:
        if number is not None:
            self._send(identity, {"type": "accepted", "id": number})

    def _do_plain(self, identity: bytes, number: int | None, kind: str) -> None:
        if kind == "bye":
            self._forget(identity)
        elif kind == "ping":
            self._accept(identity, number)
        elif kind == "counters":
            self._send(identity, {"type": "counters", "id": number, **self._counters.as_message(), **self._facts.gauges(),
                                  "peers": len(self._peers), "commandsWaiting": self._mailbox.commands_waiting})
        else:
            self._dump(identity, number)

    def _lease(self, identity: bytes, number: int | None, message: Lease, now: float) -> None:
        # All are read before any is done: a message is refused as a whole.
        read_runs = [(keys, steps_from(steps, now, self._settings.max_lease_seconds)) for keys, steps in message.runs]
        runs: list[tuple[list[bytes], tuple[Step, ...]]] = []
        total = unknown = 0
        for keys, steps in read_runs:
            hashes: list[bytes] = []
            for at in range(0, len(keys), KEYS_PER_PIECE):
                for key in keys[at : at + KEYS_PER_PIECE]:
                    block_hash = self._known.get(key)
                    if block_hash is not None:
                        self._unresolved.pop(key, None)
                        hashes.append(block_hash)
                    else:
                        unknown += 1
                        self._hold_back(key, steps)
                time.sleep(0)
            total += len(keys)
            if hashes:
                runs.append((hashes, steps))
        self._counters.leases_unknown += unknown
        receipt = Receipt(identity, number, total, unknown) if message.report and number is not None else None
        if runs:
            self._mailbox.post(SetLease(runs, receipt))
        elif receipt is not None:
            self._mailbox.tell(Applied(receipt, 0, 0))

    def _hold_back(self, key: bytes, steps: tuple[Step, ...]) -> None:
        """A lease on a block that no call has used yet: it holds once one does."""
        self._unresolved.pop(key, None)
        if all(step.level == STOCK for step in steps):
            return
        self._unresolved[key] = steps
        if len(self._unresolved) > MAX_UNRESOLVED:
            del self._unresolved[next(iter(self._unresolved))]

    def _resolve(self, keys: list[bytes]) -> None:
        if not self._unresolved:
            return
        now = self._clock()
        runs = []
        for key in keys:
            steps = self._unresolved.pop(key, None)
            block_hash = self._known.get(key)
            if steps is None or block_hash is None:
                continue
            left = tuple(step for step in steps if step.until > now)
            if left:
                runs.append(([block_hash], left))
        if runs:
            self._mailbox.post(SetLease(runs))

    # Sending.

    def _send(self, identity: bytes, message: dict[str, Any]) -> None:
        peer = self._peers.get(identity)
        frames = unbound_frames(self._settings.secret, message) if peer is None else peer.channel.frames(message)
        try:
            self._socket.send_multipart([identity, *frames], zmq.NOBLOCK)
        except zmq.Again:
            self._counters.sends_dropped += 1
        except zmq.ZMQError as error:
            self._counters.sends_dropped += 1
            if error.errno == zmq.EHOSTUNREACH:
                self._forget(identity)
                return
            raise

    def _send_events(self, events: list[tuple[int, Event]]) -> None:
        told: list[dict[str, Any]] = []
        size = 0
        for sequence, event in events:
            if isinstance(event, Applied):
                receipt = event.receipt
                self._send(receipt.peer, {"type": "applied", "id": receipt.id, "keys": receipt.keys, "unknown": receipt.unknown,
                                          "set": event.set, "evicted": event.evicted})
                continue
            keys = self._known.learn(event.hashes)
            self._resolve(keys)
            told.append({"sequence": sequence, **_as_message(event, b"".join(keys))})
            size += len(keys)
            if size >= TOUCHED_KEYS_PER_MESSAGE or len(told) >= EVENTS_PER_MESSAGE:
                self._tell(told)
                told, size = [], 0
        self._tell(told)

    def _tell(self, events: list[dict[str, Any]]) -> None:
        if not events:
            return
        for identity, peer in list(self._peers.items()):
            if peer.touches:
                self._send(identity, {"type": "touches", "events": events})

    def _dump(self, identity: bytes, number: int | None) -> None:
        mode, reason = self._facts.state()
        if mode == "off":
            raise Refused(f"off: {reason}")
        parts = [(medium, group, piece) for medium, cached in self._facts.resident() for group, entries in _by_group(cached).items()
                 for piece in _pieces(entries)] or [("GPU", 0, [])]
        pending, free = self._facts.pending_events(), self._facts.free_blocks()
        for part, (medium, group, entries) in enumerate(parts):
            keys = self._known.learn(block_hash for block_hash, _ in entries)
            self._send(identity, {
                "type": "residents", "id": number, "part": part, "parts": len(parts), "medium": medium, "group": group, "keys": b"".join(keys),
                "copies": bytes(min(copies, 255) for _, copies in entries), "pendingEvents": pending, "free": free})

    # Peers that have gone.

    def _forget(self, identity: bytes) -> None:
        peer = self._peers.pop(identity, None)
        if peer is None:
            return
        self._mailbox.wanted = any(each.touches for each in self._peers.values())
        if peer.set_grace and not any(each.set_grace for each in self._peers.values()):
            self._mailbox.post(SetGrace(STOCK, 0))

    def _forget_silent(self) -> None:
        oldest = self._clock() - PEER_SILENCE_SECONDS
        for identity in [identity for identity, peer in self._peers.items() if peer.heard < oldest]:
            logger.info("entresol-vllm: a peer has been silent for %d s and is forgotten", PEER_SILENCE_SECONDS)
            self._forget(identity)


def _as_message(event: Touched | Done, keys: bytes) -> dict[str, Any]:
    message: dict[str, Any] = {"request": event.request}
    if event.tag is not None:
        message["tag"] = event.tag
    if event.session is not None:
        message["session"] = event.session
    if isinstance(event, Touched):
        return {"kind": "touch", **message, "promptTokens": event.prompt_tokens, "cachedTokens": event.cached_tokens,
                "externalTokens": event.external_tokens, "prompt": keys}
    return {"kind": "done", **message, "aborted": event.aborted, "outputTokens": event.output_tokens,
            "computedTokens": event.computed_tokens, "output": keys}


def _by_group(cached: list[tuple[bytes, int]]) -> dict[int, list[tuple[bytes, int]]]:
    groups: dict[int, list[tuple[bytes, int]]] = {}
    for key, copies in cached:
        groups.setdefault(int.from_bytes(key[-GROUP_BYTES:], "big"), []).append((key[:-GROUP_BYTES], copies))
    return groups


def _pieces(entries: list[tuple[bytes, int]]) -> Iterator[list[tuple[bytes, int]]]:
    for at in range(0, len(entries), KEYS_PER_PART):
        yield entries[at : at + KEYS_PER_PART]
