from __future__ import annotations

import random

from entresol_vllm.counters import Counters
from entresol_vllm.leases import BY_KEY, LeaseTable
from entresol_vllm.values import STOCK, Step

ALL = 1 << 30


class Table:
    """A lease table that writes down each block's class."""

    def __init__(self, most: int = 1000) -> None:
        self.counters = Counters()
        self.levels: dict[bytes, int] = {}
        self.told: list[bytes] = []
        self.leases = LeaseTable(most, self.counters, self._on_level)

    def _on_level(self, block_hash: bytes, level: int) -> None:
        self.told.append(block_hash)
        if level == STOCK:
            self.levels.pop(block_hash, None)
        else:
            self.levels[block_hash] = level

    def set(self, owner: str, names: str, *steps: tuple[float, int]) -> None:
        self.leases.set_run(owner, [name.encode() for name in names], [Step(*step) for step in steps])

    def at(self, now: float) -> dict[str, int]:
        self.leases.work(now, ALL)
        return {name.decode(): level for name, level in sorted(self.levels.items())}


def test_a_lease_goes_through_its_steps_and_is_over() -> None:
    table = Table()
    table.set(BY_KEY, "ab", (1.0, 9), (2.0, 4))
    assert table.at(0.5) == {"a": 9, "b": 9}
    assert table.at(1.0) == {"a": 4, "b": 4}
    assert table.at(2.0) == {}
    assert len(table.leases) == 0 and table.counters.leases_expired == 2


def test_a_clock_that_jumps_ahead_ends_all() -> None:
    table = Table()
    table.set(BY_KEY, "a", (1.0, 9), (2.0, 4), (3.0, 2))
    assert table.at(1e12) == {}


def test_leaves_are_set_first_so_that_roots_go_last_within_a_class() -> None:
    table = Table()
    table.set(BY_KEY, "abc", (1.0, 9))
    table.at(0.0)
    assert table.told == [b"c", b"b", b"a"]


def test_the_last_one_by_key_counts() -> None:
    table = Table()
    table.set(BY_KEY, "ab", (5.0, 9))
    table.set(BY_KEY, "b", (9.0, 2))
    assert table.at(0.0) == {"a": 9, "b": 2}
    assert table.at(6.0) == {"b": 2}


def test_of_two_sessions_the_higher_counts_and_a_lease_by_key_overrules() -> None:
    table = Table()
    table.set("session A", "ab", (5.0, 7))
    table.set("session B", "bc", (9.0, 3))
    assert table.at(0.0) == {"a": 7, "b": 7, "c": 3}
    table.set("session B", "bc", (9.0, 8))
    assert table.at(0.0) == {"a": 7, "b": 8, "c": 8}
    table.set(BY_KEY, "b", (9.0, 1))
    table.set("session A", "ab", (9.0, 9))
    assert table.at(0.0) == {"a": 9, "b": 1, "c": 8}


def test_a_session_gives_up_its_own_only() -> None:
    table = Table()
    table.set("session A", "a", (5.0, 7))
    table.set("session B", "b", (5.0, 7))
    table.set("session B", "ab")
    assert table.at(0.0) == {"a": 7}
    table.set(BY_KEY, "a", (5.0, STOCK))
    assert table.at(0.0) == {}
    assert len(table.leases) == 0


def test_first_to_go_is_a_lease_too() -> None:
    table = Table()
    table.set(BY_KEY, "a", (5.0, -1))
    assert table.at(0.0) == {"a": -1}
    assert table.at(5.0) == {}


def test_beyond_the_bound_the_oldest_are_forgotten() -> None:
    table = Table(most=3)
    table.set(BY_KEY, "ab", (5.0, 7))
    table.set(BY_KEY, "cde", (5.0, 7))
    assert table.at(0.0) == {"c": 7, "d": 7, "e": 7}
    assert table.counters.leases_forgotten == 2


def test_long_work_is_done_in_pieces_and_in_order() -> None:
    table = Table()
    table.set(BY_KEY, "abcdef", (5.0, 7))
    table.set(BY_KEY, "f", (5.0, 2))
    assert table.leases.work(0.0, 4) == 4
    assert sorted(table.levels) == [b"c", b"d", b"e", b"f"] and table.levels[b"f"] == 7
    assert table.leases.waiting
    assert table.at(0.0) == {"a": 7, "b": 7, "c": 7, "d": 7, "e": 7, "f": 2}
    assert not table.leases.waiting


def test_what_breaks_in_the_middle_still_ends() -> None:
    table = Table()
    on_level = table.leases._on_level

    def breaks(block_hash: bytes, level: int) -> None:
        if block_hash == b"a" and level == 7:
            raise RuntimeError("broken")
        on_level(block_hash, level)

    table.leases._on_level = breaks
    table.set(BY_KEY, "abc", (5.0, 7))
    try:
        table.leases.work(0.0, ALL)
    except RuntimeError:
        pass
    assert sorted(table.levels) == [b"b", b"c"]
    assert table.at(5.0) == {}
    assert len(table.leases) == 0


def test_clear_ends_all() -> None:
    table = Table()
    table.set(BY_KEY, "abc", (5.0, 7), (9.0, 2))
    table.set("session A", "d", (5.0, 7))
    table.leases.clear()
    assert table.at(0.0) == {}
    assert table.at(6.0) == {}


def test_against_a_plain_model_and_nothing_is_kept_of_what_has_been_replaced() -> None:
    """Random leases by key against a dictionary of steps; ten thousand of them leave no more than the live ones."""
    rng = random.Random(11)
    table = Table(most=10_000)
    model: dict[str, list[tuple[float, int]]] = {}
    names = [chr(ord("a") + number) for number in range(26)]
    now = 0.0
    for _ in range(10_000):
        now += rng.random()
        chosen = rng.sample(names, rng.randint(1, 8))
        until, steps = now, []
        for _ in range(rng.randint(0, 3)):
            until += rng.random() * 40
            steps.append((until, rng.choice([-1, 0, 1, 5, 100])))
        table.set(BY_KEY, "".join(chosen), *steps)
        for name in chosen:
            model[name] = steps
        expected = {}
        for name, its in model.items():
            level = next((level for until, level in its if until > now), STOCK)
            if level != STOCK:
                expected[name] = level
        assert table.at(now) == dict(sorted(expected.items()))
    assert len(table.leases._ends) < 4000
