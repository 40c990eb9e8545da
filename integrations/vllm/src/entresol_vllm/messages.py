"""What a peer may say, as PROTOCOL.md has it: read once, checked, and handed on as plain objects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

PROTOCOL = 1
KEY_BYTES = 8
MAX_MESSAGE_BYTES = 1 << 20
MAX_SESSION_CHARACTERS = 256
MAX_TAG_CHARACTERS = 128
MAX_GRACE_SECONDS = 60.0

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder()


class Malformed(ValueError):
    """The payload is no message at all."""


class Refused(ValueError):
    """A message that can be read but not done; its text is the `why`."""


@dataclass(frozen=True)
class Hello:
    protocols: list[Any]
    client: str
    touches: bool


@dataclass(frozen=True)
class Lease:
    runs: list[tuple[list[bytes], object]]
    """Keys, and their steps as sent."""
    report: bool


@dataclass(frozen=True)
class LeaseSession:
    session: str
    steps: object
    tokens: int | None
    report: bool


@dataclass(frozen=True)
class Grace:
    seconds: float
    value: float


@dataclass(frozen=True)
class Evict:
    keys: list[bytes]
    session: str | None
    report: bool


@dataclass(frozen=True)
class Plain:
    """Messages that consist of their type: ping, clear, dump, counters, bye."""

    type: str


Message = Hello | Lease | LeaseSession | Grace | Evict | Plain
_PLAIN = frozenset({"ping", "clear", "dump", "counters", "bye"})


def encode(message: dict[str, Any]) -> bytes:
    return _encoder.encode(message)


def decode(payload: bytes) -> dict[str, Any]:
    """:raises Malformed: it is not a map whose keys are strings"""
    try:
        content = _decoder.decode(payload)
    except (msgspec.MsgspecError, ValueError, RecursionError, TypeError) as error:
        raise Malformed(str(error)) from error
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise Malformed("not a map with string keys")
    return content


def id_of(content: dict[str, Any]) -> int | None:
    number = content.get("id")
    return number if isinstance(number, int) and not isinstance(number, bool) and 0 <= number < 1 << 53 else None


def split_keys(keys: object) -> list[bytes]:
    if not isinstance(keys, bytes) or len(keys) % KEY_BYTES != 0:
        raise Refused(f"keys are one binary, {KEY_BYTES} bytes for each")
    return [keys[at : at + KEY_BYTES] for at in range(0, len(keys), KEY_BYTES)]


def read(content: dict[str, Any]) -> Message:
    """:raises Refused:"""
    kind = content.get("type")
    if not isinstance(kind, str):
        raise Refused("type is missing")
    if kind in _PLAIN:
        return Plain(kind)
    report = content.get("report") is True
    if kind == "lease":
        return Lease(_runs(content.get("runs")), report)
    if kind == "lease-session":
        return LeaseSession(_session(content.get("session")), content.get("steps"), _tokens(content.get("tokens")), report)
    if kind == "grace":
        ms, value = content.get("ms"), content.get("value")
        if not _is_number(ms) or not _is_number(value) or not ms >= 0 or value != value:  # type: ignore[operator]
            raise Refused("grace wants ms, at least 0, and value")
        return Grace(min(float(ms) / 1000, MAX_GRACE_SECONDS), float(value))  # type: ignore[arg-type]
    if kind == "evict":
        if "session" in content:
            return Evict([], _session(content["session"]), report)
        return Evict(split_keys(content.get("keys")), None, report)
    if kind == "hello":
        protocols, client = content.get("protocols"), content.get("client")
        return Hello(protocols if isinstance(protocols, list) else [], client[:128] if isinstance(client, str) else "", content.get("touches") is True)
    raise Refused("unknown type")


def _runs(runs: object) -> list[tuple[list[bytes], object]]:
    if not isinstance(runs, list):
        raise Refused("runs is an array of [keys, steps]")
    result = []
    for run in runs:
        if not isinstance(run, list) or len(run) != 2:
            raise Refused("a run is [keys, steps]")
        result.append((split_keys(run[0]), run[1]))
    return result


def _session(session: object) -> str:
    if not isinstance(session, str) or not 0 < len(session) <= MAX_SESSION_CHARACTERS:
        raise Refused(f"session is a string of 1 to {MAX_SESSION_CHARACTERS} characters")
    return session


def _tokens(tokens: object) -> int | None:
    if tokens is None:
        return None
    if not isinstance(tokens, int) or isinstance(tokens, bool) or tokens < 0:
        raise Refused("tokens is an integer, at least 0")
    return tokens


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
