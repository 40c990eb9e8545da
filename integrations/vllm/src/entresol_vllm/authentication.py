"""Messages that only the holder of the secret can have sent, each of them once. See PROTOCOL.md, Transport."""

from __future__ import annotations

import hmac
import os
from typing import Any

from .messages import encode

CHANNEL_BYTES = 16
_FROM_PEER = b">"
_TO_PEER = b"<"


def mac_of(secret: bytes, direction: bytes, payload: bytes) -> bytes:
    return hmac.digest(secret, direction + payload, "sha256")


def unbound_frames(secret: bytes | None, message: dict[str, Any]) -> list[bytes]:
    """For whom has no channel (yet)."""
    payload = encode(message)
    return [b"" if secret is None else mac_of(secret, _TO_PEER, payload), payload]


class Channel:
    """One peer's. Without a secret everything passes, and nothing is signed."""

    def __init__(self, secret: bytes | None) -> None:
        self._secret = secret
        self.name = os.urandom(CHANNEL_BYTES)
        self._received = -1
        self._sent = 0

    @staticmethod
    def is_signed(secret: bytes | None, mac: bytes, payload: bytes) -> bool:
        return secret is None or hmac.compare_digest(mac, mac_of(secret, _FROM_PEER, payload))

    def admits(self, content: dict[str, Any]) -> bool:
        """Whether a signed message belongs to this channel and comes after all before it."""
        if self._secret is None:
            return True
        number = content.get("n")
        if content.get("channel") != self.name or not isinstance(number, int) or number <= self._received:
            return False
        self._received = number
        return True

    def frames(self, message: dict[str, Any]) -> list[bytes]:
        if self._secret is not None:
            self._sent += 1
            message = {**message, "channel": self.name, "n": self._sent}
        return unbound_frames(self._secret, message)
