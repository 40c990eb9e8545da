"""What passes between the scheduler's thread and the side channel's. Bounded both ways: the oldest is dropped, and counted."""

from __future__ import annotations

import os
import threading
from collections import deque
from dataclasses import dataclass
from typing import Any

from .counters import Counters
from .values import Step

MAX_COMMANDS = 256
MAX_COMMAND_KEYS = 1 << 18
MAX_EVENTS = 65_536
MAX_EVENT_HASHES = 1 << 22


@dataclass(frozen=True)
class SetLease:
    runs: list[tuple[list[bytes], tuple[Step, ...]]]
    """Block hashes, and until when they are in which class."""
    receipt: Receipt | None = None

    @property
    def size(self) -> int:
        return sum(len(hashes) for hashes, _ in self.runs)


@dataclass(frozen=True)
class SetSessionLease:
    session: str
    steps: tuple[Step, ...]
    tokens: int | None
    receipt: Receipt | None = None
    size: int = 1


@dataclass(frozen=True)
class SetGrace:
    level: int
    seconds: float
    size: int = 1


@dataclass(frozen=True)
class EvictBlocks:
    hashes: list[bytes]
    session: str | None
    receipt: Receipt | None = None

    @property
    def size(self) -> int:
        return len(self.hashes) + 1


@dataclass(frozen=True)
class Clear:
    size: int = 1


Command = SetLease | SetSessionLease | SetGrace | EvictBlocks | Clear


@dataclass(frozen=True)
class Receipt:
    """Whom to tell that a command has been done."""

    peer: bytes
    id: int
    keys: int
    unknown: int


@dataclass(frozen=True)
class Touched:
    request: str
    tag: str | None
    session: str | None
    prompt_tokens: int
    cached_tokens: int
    external_tokens: int
    hashes: list[bytes]
    """Of the prompt's full blocks."""


@dataclass(frozen=True)
class Done:
    request: str
    tag: str | None
    session: str | None
    aborted: bool
    output_tokens: int
    computed_tokens: int
    hashes: list[bytes]
    """Of the blocks that were completed after the prompt's."""


@dataclass(frozen=True)
class Applied:
    receipt: Receipt
    set: int
    evicted: int


Event = Touched | Done | Applied


class Mailbox:
    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        # Held for a few operations on a list only: neither side ever waits for the other's work.
        self._lock = threading.Lock()
        self._commands: deque[Command] = deque()
        self._command_keys = 0
        self._events: deque[tuple[int, Event]] = deque()
        self._event_hashes = 0
        self._sequence = 0
        self.wanted = False
        """Whether anybody listens: else no event is made."""
        # The side channel's thread sleeps on this and on its socket at once.
        self.wake_fd, self._write_fd = os.pipe()
        os.set_blocking(self.wake_fd, False)
        os.set_blocking(self._write_fd, False)
        self._closed = False

    # Of the side channel's thread.

    def post(self, command: Command) -> None:
        with self._lock:
            self._commands.append(command)
            self._command_keys += command.size
            while len(self._commands) > MAX_COMMANDS or (self._command_keys > MAX_COMMAND_KEYS and len(self._commands) > 1):
                self._command_keys -= self._commands.popleft().size
                self._counters.commands_dropped += 1

    def take_events(self) -> list[tuple[int, Event]]:
        try:
            os.read(self.wake_fd, 4096)
        except BlockingIOError:
            pass
        with self._lock:
            events = list(self._events)
            self._events.clear()
            self._event_hashes = 0
        return events

    # Of the scheduler's thread.

    def next_command(self) -> Command | None:
        if not self._commands:
            return None
        with self._lock:
            command = self._commands.popleft()
            self._command_keys -= command.size
        return command

    def tell(self, event: Event) -> None:
        with self._lock:
            is_first = not self._events
            if not isinstance(event, Applied):
                self._sequence += 1
            self._events.append((self._sequence, event))
            self._event_hashes += _hashes_in(event)
            while len(self._events) > MAX_EVENTS or (self._event_hashes > MAX_EVENT_HASHES and len(self._events) > 1):
                self._event_hashes -= _hashes_in(self._events.popleft()[1])
                self._counters.touches_dropped += 1
        if is_first:
            self.wake()

    # Of either.

    @property
    def commands_waiting(self) -> int:
        return len(self._commands)

    def wake(self) -> None:
        if self._closed:
            return
        try:
            os.write(self._write_fd, b"!")
        except BlockingIOError:
            # It is awake, or about to be: the pipe is full.
            return

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            os.close(self.wake_fd)
            os.close(self._write_fd)


def _hashes_in(event: Event) -> int:
    return 0 if isinstance(event, Applied) else len(event.hashes)
