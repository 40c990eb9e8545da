"""Leases on blocks: who set them, how they decay. Knows no vLLM; the clock comes with each call.

A run is a set of blocks with the same steps: an agent's anchor is one run. Work on many blocks is done a piece at a
time (`work`), so that no step of the scheduler waits for it.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import count, islice

from .counters import Counters
from .values import STOCK, Step

BY_KEY = ""
"""The owner of leases that were set by key: these overrule those of sessions and requests."""
_DEAD_KEPT = 1024


class Run:
    __slots__ = ("hashes", "level", "live", "owner", "position", "settled", "steps")

    def __init__(self, owner: str, hashes: Sequence[bytes], steps: Sequence[Step]) -> None:
        self.owner = owner
        self.hashes = hashes
        self.steps = steps
        self.position = 0
        self.level = steps[0].level if steps else STOCK
        self.live = 0
        self.settled = False
        """All its blocks have been set, or never will be."""


class LeaseTable:
    def __init__(self, most: int, counters: Counters, on_level: Callable[[bytes, int], None]) -> None:
        """
        :param most: block hashes under lease at a time; beyond it the oldest are forgotten
        :param on_level: told whenever a block's class changes, which may be to the one it has
        """
        self._most = most
        self._counters = counters
        self._on_level = on_level
        self._runs: dict[bytes, Run] = {}
        self._ends: list[tuple[float, int, Run]] = []
        self._numbers = count()
        self._dead = 0
        self._work: deque[Iterator[None]] = deque()

    def __len__(self) -> int:
        return len(self._runs)

    def level_of(self, block_hash: bytes) -> int:
        run = self._runs.get(block_hash)
        return STOCK if run is None else run.level

    def set_run(self, owner: str, hashes: Sequence[bytes], steps: Sequence[Step], then: Callable[[], None] | None = None) -> None:
        """
        Done by `work`, a piece at a time, leaf first, so that within a class a prefix is eaten from its end.

        :param hashes: in the order of the prefix, root first
        :param then: called when the last of them has been set
        """
        self._work.append(self.setting(owner, hashes, tuple(steps), then))

    def clear(self) -> None:
        self._work.append(self._clearing())

    def later(self, work: Iterator[None]) -> None:
        """Other work that is to be done in this order."""
        self._work.append(work)

    def drop(self, block_hash: bytes) -> None:
        """The block is to be evicted: nothing holds it any more."""
        run = self._runs.pop(block_hash, None)
        if run is not None:
            self._release(run)
            self._on_level(block_hash, STOCK)

    @property
    def waiting(self) -> bool:
        return bool(self._work)

    def work(self, now: float, most: int) -> int:
        """Does what waits and what has run out by now, on at most `most` blocks. :returns: on how many"""
        allowed = most
        while most > 0:
            while self._ends and self._ends[0][0] <= now:
                run = heapq.heappop(self._ends)[2]
                if run.live > 0:
                    self._work.append(self._advancing(run, now))
            if not self._work:
                break
            done = sum(1 for _ in islice(self._work[0], most))
            if done < most:
                self._work.popleft()
            most -= max(done, 1)
        return allowed - most

    # Each of these yields after each block.

    def setting(self, owner: str, hashes: Sequence[bytes], steps: tuple[Step, ...], then: Callable[[], None] | None = None) -> Iterator[None]:
        """What `set_run` has done later; yields after each block."""
        run = Run(owner, hashes, steps)
        # Worth nothing from now on: takes back what this owner may take back, and leaves no trace.
        keeps = any(step.level != STOCK for step in steps)
        runs, on_level = self._runs, self._on_level
        try:
            for block_hash in reversed(hashes):
                before = runs.get(block_hash)
                if before is not None and not self._may_replace(before, run, keeps):
                    yield
                    continue
                if before is not None:
                    self._release(before)
                    del runs[block_hash]
                if keeps:
                    run.live += 1
                    runs[block_hash] = run
                    self._counters.leases_set += 1
                if before is not None or keeps:
                    on_level(block_hash, run.level if keeps else STOCK)
                yield
        finally:
            # Whatever happened above, what has been set ends.
            run.settled = True
            if run.live > 0:
                self._wait_for(run)
        while len(runs) > self._most:
            oldest = next(iter(runs))
            self._release(runs.pop(oldest))
            self._counters.leases_forgotten += 1
            on_level(oldest, STOCK)
            yield
        if then is not None:
            then()

    @staticmethod
    def _may_replace(before: Run, run: Run, keeps: bool) -> bool:
        if run.owner == BY_KEY or before.owner == run.owner:
            return True
        return keeps and before.owner != BY_KEY and run.level > before.level

    def _release(self, run: Run) -> None:
        run.live -= 1
        if run.live == 0 and run.settled:
            self._dead += 1
            run.hashes = ()

    def _wait_for(self, run: Run) -> None:
        # Runs that were replaced long before their end would pile up.
        if self._dead > _DEAD_KEPT + len(self._ends) // 2:
            self._ends = [entry for entry in self._ends if entry[2].live > 0]
            heapq.heapify(self._ends)
            self._dead = 0
        heapq.heappush(self._ends, (run.steps[run.position].until, next(self._numbers), run))

    def _advancing(self, run: Run, now: float) -> Iterator[None]:
        while run.position < len(run.steps) and run.steps[run.position].until <= now:
            run.position += 1
        is_over = run.position == len(run.steps)
        level = STOCK if is_over else run.steps[run.position].level
        if not is_over:
            self._wait_for(run)
            if level == run.level:
                return
        run.level = level
        for block_hash in reversed(run.hashes):
            if self._runs.get(block_hash) is run:
                if is_over:
                    del self._runs[block_hash]
                    self._release(run)
                    self._counters.leases_expired += 1
                self._on_level(block_hash, level)
            yield

    def _clearing(self) -> Iterator[None]:
        while self._runs:
            block_hash, run = self._runs.popitem()
            self._release(run)
            self._on_level(block_hash, STOCK)
            yield
