"""A peer of the side channel, written from PROTOCOL.md alone."""

from __future__ import annotations

import hashlib
import hmac
import itertools
from typing import Any

import msgspec
import zmq
from left_open import remember


class Peer:
    def __init__(self, endpoint: str, secret: bytes | None = None) -> None:
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.DEALER)
        self.socket.linger = 0
        self.socket.connect(endpoint)
        self.secret = secret
        self.channel: bytes | None = None
        self.numbers = itertools.count(1)
        self.ids = itertools.count(1)
        self.events: list[dict[str, Any]] = []
        self.applied: list[dict[str, Any]] = []
        remember(self)

    def send(self, type_: str, **fields: Any) -> int:
        number = next(self.ids)
        message = {"type": type_, "id": number, **fields}
        if self.secret is not None and type_ != "hello":
            message |= {"channel": self.channel, "n": next(self.numbers)}
        self.send_raw(msgspec.msgpack.encode(message))
        return number

    def send_raw(self, payload: bytes, mac: bytes | None = None) -> None:
        if mac is None:
            mac = b"" if self.secret is None else hmac.new(self.secret, b">" + payload, hashlib.sha256).digest()
        self.socket.send_multipart([mac, payload])

    def receive(self, timeout: float = 10) -> dict[str, Any]:
        """:raises TimeoutError:"""
        if not self.socket.poll(int(timeout * 1000)):
            raise TimeoutError("the package is silent")
        mac, payload = self.socket.recv_multipart()
        if self.secret is not None:
            assert mac == hmac.new(self.secret, b"<" + payload, hashlib.sha256).digest()
        return dict(msgspec.msgpack.decode(payload))

    def answer_to(self, number: int) -> dict[str, Any]:
        while True:
            message = self.receive()
            if message["type"] == "touches":
                self.events.extend(message["events"])
            elif message["type"] == "applied":
                self.applied.append(message)
                if message["id"] == number:
                    return message
            elif message.get("id") == number:
                return message

    def ask(self, type_: str, **fields: Any) -> dict[str, Any]:
        return self.answer_to(self.send(type_, **fields))

    def hello(self, touches: bool = True) -> dict[str, Any]:
        answer = self.ask("hello", protocols=[1], client="test", touches=touches)
        self.channel = answer.get("channel")
        return answer

    def residents(self) -> dict[bytes, int]:
        number = self.send("dump")
        parts = []
        while len(parts) < (parts[0]["parts"] if parts else 1):
            part = self.answer_to(number)
            assert part["type"] == "residents", part
            parts.append(part)
        found: dict[bytes, int] = {}
        for part in parts:
            assert len(part["keys"]) == 8 * len(part["copies"])
            for index, copies in enumerate(part["copies"]):
                key = part["keys"][8 * index : 8 * index + 8]
                found[key] = found.get(key, 0) + copies
        return found

    def wait_for_events(self, count: int) -> list[dict[str, Any]]:
        while len(self.events) < count:
            message = self.receive()
            if message["type"] == "touches":
                self.events.extend(message["events"])
        return self.events

    def close(self) -> None:
        self.socket.close()
        self.context.term()


def keys_of(blob: bytes) -> list[bytes]:
    return [blob[at : at + 8] for at in range(0, len(blob), 8)]
