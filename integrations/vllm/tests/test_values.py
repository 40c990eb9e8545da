from __future__ import annotations

import math
import random

import pytest

from entresol_vllm.values import FIRST_TO_GO, LEVELS, MAX_STEPS, STOCK, BadSteps, level_of, steps_from


def test_worth_more_never_goes_earlier() -> None:
    rng = random.Random(3)
    values = sorted(math.exp(rng.uniform(-20, 20)) for _ in range(2000))
    levels = [level_of(value) for value in values]
    assert levels == sorted(levels)
    assert levels[0] == 1 and levels[-1] == LEVELS - 1


def test_values_that_differ_by_a_sixth_are_told_apart() -> None:
    for exponent in range(-13, 11):
        assert level_of(2.0**exponent * 1.16) > level_of(2.0**exponent)


def test_the_ends_of_the_scale() -> None:
    assert level_of(0.0) == STOCK
    assert level_of(-0.5) == FIRST_TO_GO
    assert level_of(math.nan) == STOCK
    assert level_of(math.inf) == LEVELS - 1
    assert level_of(5e-324) == 1


def test_steps_count_from_now_and_are_clipped() -> None:
    steps = steps_from([500, 2.0, 0, 9.0, 1500, 0.5], now=100.0, longest_seconds=900)
    assert [step.until for step in steps] == [100.5, 102.0]
    assert steps[0].level > steps[1].level > STOCK
    clipped = steps_from([1000, 1.0, math.inf, 2.0, 1000, 3.0], now=0.0, longest_seconds=10)
    assert [step.until for step in clipped] == [1.0, 10.0]
    assert steps_from([], now=0.0, longest_seconds=10) == ()


@pytest.mark.parametrize("flat", [None, "1", {}, [1], [1, 2, 3], ["1", 2], [1, "2"], [-1, 2], [math.nan, 2], [1, math.nan], [True, 1], [1, [2]],
                                  [10**400, 1], [1, -(10**400)],
                                  [1, 1] * (MAX_STEPS + 1)])
def test_what_are_no_steps(flat: object) -> None:
    with pytest.raises(BadSteps):
        steps_from(flat, now=0.0, longest_seconds=10)
