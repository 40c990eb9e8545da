"""
What a test has opened and is closed after it, also when it fails: a ZeroMQ context that is collected as garbage while one of
its sockets is open waits for that socket for ever, in whatever happens to run then.
"""

from __future__ import annotations

from typing import Protocol


class Closing(Protocol):
    def close(self) -> None:
        """Does nothing when it has been closed."""


_opened: list[Closing] = []


def remember(opened: Closing) -> None:
    _opened.append(opened)


def close_all() -> None:
    """The latest first: peers before what they are connected to."""
    while _opened:
        _opened.pop().close()
