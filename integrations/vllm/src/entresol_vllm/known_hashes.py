"""vLLM's full hashes by their keys: those that calls have used lately. Of the side channel's thread only."""

from __future__ import annotations

from collections.abc import Iterable

from .messages import KEY_BYTES


class KnownHashes:
    """Remembers at least the last `most` distinct keys, at most twice as many: the older half is dropped whole."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._young: dict[bytes, bytes] = {}
        self._old: dict[bytes, bytes] = {}

    def learn(self, hashes: Iterable[bytes]) -> list[bytes]:
        """:returns: their keys, in order"""
        hashes = list(hashes)
        keys = [block_hash[-KEY_BYTES:] for block_hash in hashes]
        self._young.update(zip(keys, hashes))
        if len(self._young) > self._most:
            self._old, self._young = self._young, {}
        return keys

    def get(self, key: bytes) -> bytes | None:
        return self._young.get(key) or self._old.get(key)
