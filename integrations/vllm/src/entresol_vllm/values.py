"""What a block is worth, and in which class of the free queue that puts it."""

from __future__ import annotations

import math
from typing import NamedTuple

LEVELS = 128
"""Classes of the queue: 0 is vLLM's own least-recent-use order, 127 goes last."""
FIRST_TO_GO = -1
STOCK = 0

# Values span what prefill costs: from microseconds to seconds per block-second. 5 classes per doubling: a factor of 1.15.
_CLASSES_PER_DOUBLING = 5
_SMALLEST_EXPONENT = -14

MAX_STEPS = 16


def level_of(value: float) -> int:
    """
    :param value: ms of prefill saved per block-second; below 0: first to go; not a number counts as 0
    """
    if value < 0:
        return FIRST_TO_GO
    if not value > 0:
        return STOCK
    if value == math.inf:
        return LEVELS - 1
    level = 1 + math.floor((math.log2(value) - _SMALLEST_EXPONENT) * _CLASSES_PER_DOUBLING)
    return min(max(level, 1), LEVELS - 1)


class Step(NamedTuple):
    until: float
    """Seconds of the monotonic clock."""
    level: int


class BadSteps(ValueError):
    """What a peer or a request sent as steps cannot be read as such."""


def steps_from(flat: object, now: float, longest_seconds: float) -> tuple[Step, ...]:
    """
    :param flat: `[ms, value, ms, value, …]`, durations from now on
    :param now: seconds of the monotonic clock
    :raises BadSteps: with the reason
    """
    if not isinstance(flat, (list, tuple)) or len(flat) % 2 != 0 or len(flat) > 2 * MAX_STEPS:
        raise BadSteps(f"steps are a flat list [ms, value, …] of at most {MAX_STEPS} pairs")
    last = now + longest_seconds
    until = now
    steps: list[Step] = []
    for index in range(0, len(flat), 2):
        ms, value = flat[index], flat[index + 1]
        if not _is_number(ms) or not ms >= 0:
            raise BadSteps("a duration is a number of milliseconds, at least 0")
        if not _is_number(value) or value != value:
            raise BadSteps("a value is a number")
        if ms == 0:
            continue
        # An infinite duration is clipped like any that is too long.
        until = min(until + ms / 1000, last)
        steps.append(Step(until, level_of(value)))
        if until >= last:
            break
    return tuple(steps)


def _is_number(value: object) -> bool:
    # JSON has integers that no float can hold.
    return isinstance(value, float) or (isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 63)
