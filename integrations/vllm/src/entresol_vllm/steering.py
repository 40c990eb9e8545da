"""The scheduler's side: applies what the side channel and requests ask for, and tells what calls use.

Every method is called on the scheduler's thread and returns at once. None of them raises: what goes wrong in here is
counted and logged, and after too much of it vLLM's own order is put back for good.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from .counters import FAULTS_UNTIL_NEUTRAL, Counters
from .leases import BY_KEY, LeaseTable
from .mailbox import Applied, Clear, Command, Done, EvictBlocks, Mailbox, Receipt, SetGrace, SetLease, SetSessionLease, Touched
from .request_fields import NO_FIELDS, BadFields, RequestFields, fields_of
from .resident_blocks import ResidentBlocks
from .settings import Settings
from .values import BadSteps, Step, steps_from
from .vllm_shapes import Request, Scheduler

logger = logging.getLogger("vllm.entresol_vllm")

KEYS_PER_STEP = 2048
MAX_SESSIONS = 4096
MAX_SESSION_HASHES = 1 << 20
MAX_CALLS = 65_536


@dataclass
class _Session:
    hashes: list[bytes] = field(default_factory=list)
    """Of its last call: vLLM's own list, which grows with the answer."""
    steps: tuple[Step, ...] = ()
    tokens: int | None = None
    counted: int = 0
    """Hashes that it had when it was noted last."""


@dataclass
class _Call:
    fields: RequestFields
    touched: bool = False


class Steering:
    def __init__(self, scheduler: Scheduler, settings: Settings, counters: Counters, mailbox: Mailbox, groups: int,
                 clock: Callable[[], float] = time.monotonic) -> None:
        pool = scheduler.kv_cache_manager.block_pool
        self._requests = scheduler.requests
        self._settings = settings
        self._counters = counters
        self._mailbox = mailbox
        self._clock = clock
        self._block_size = pool.hash_block_size
        self.blocks = ResidentBlocks(pool, groups, counters)
        self.max_leases = max(65_536, 8 * pool.num_gpu_blocks)
        self.leases = LeaseTable(self.max_leases, counters, self.blocks.set_level)
        self.mode = settings.mode
        self.reason: str | None = None if self.mode == "active" else "ENTRESOL_VLLM=neutral"
        self._sessions: dict[str, _Session] = {}
        self._session_hashes = 0
        self._calls: dict[str, _Call] = {}

    @property
    def session_count(self) -> int:
        return len(self._sessions)

    # What vLLM's scheduler does.

    def on_request(self, request: Request) -> None:
        """Before it is queued, so before its prefix is looked up."""
        self._safely(self._on_request, request)

    def before_step(self) -> None:
        self._safely(self._apply)

    def after_step(self, output: Any) -> None:
        if self._mailbox.wanted and output.scheduled_new_reqs:
            self._safely(self._tell_touched, output.scheduled_new_reqs)

    def on_end(self, request: Request) -> None:
        """Before its blocks are given back."""
        self._safely(self._on_end, request)

    def _safely(self, work: Callable[..., None], *args: Any) -> None:
        try:
            work(*args)
        except Exception:
            self._counters.faults += 1
            if self._counters.faults <= 3:
                logger.exception("entresol-vllm: a fault of this package, not of vLLM; the call goes on")
            if self._counters.faults >= FAULTS_UNTIL_NEUTRAL and self.mode == "active":
                self.mode, self.reason = "neutral", f"{FAULTS_UNTIL_NEUTRAL} faults, see vLLM's log"
                self.blocks.neutralise()
                logger.error("entresol-vllm: %s: vLLM's own order from here on", self.reason)

    # Each in safety.

    def _on_request(self, request: Request) -> None:
        self._apply()
        fields = NO_FIELDS
        try:
            fields = fields_of(request)
            if fields is not NO_FIELDS:
                self._counters.requests_with_fields += 1
                self._note_session(request, fields)
        except (BadFields, BadSteps) as error:
            self._counters.request_fields_bad += 1
            if self._counters.request_fields_bad <= 3:
                logger.warning("entresol-vllm: fields of request %s are left out: %s", ascii(request.request_id), error)
        if fields is not NO_FIELDS or self._mailbox.wanted:
            self._calls[request.request_id] = _Call(fields)
            if len(self._calls) > MAX_CALLS:
                del self._calls[next(iter(self._calls))]

    def _note_session(self, request: Request, fields: RequestFields) -> None:
        session = None
        if fields.session is not None:
            session = self._sessions.get(fields.session) or _Session()
            session.hashes = request.block_hashes
            self._remember(fields.session, session)
        if self.mode != "active":
            return
        now = self._clock()
        if fields.steps is not None and self._settings.request_fields:
            steps = steps_from(fields.steps, now, self._settings.max_lease_seconds)
            if session is not None:
                session.steps, session.tokens = steps, fields.tokens
            owner = _owner_of_session(fields.session) if fields.session is not None else f"call {request.request_id}"
            self.leases.set_run(owner, self._leading(request.block_hashes, fields.tokens), steps)
        elif session is not None and fields.session is not None:
            self._renew(fields.session, session, request.block_hashes, now)

    def _renew(self, name: str, session: _Session, hashes: Sequence[bytes], now: float) -> None:
        """A lease of the session holds for its new blocks too."""
        steps = tuple(step for step in session.steps if step.until > now)
        if steps:
            self.leases.set_run(_owner_of_session(name), self._leading(hashes, session.tokens), steps)

    def _remember(self, name: str, session: _Session) -> None:
        """As the latest; the oldest are forgotten, for histories are long."""
        self._sessions.pop(name, None)
        self._sessions[name] = session
        self._session_hashes += len(session.hashes) - session.counted
        session.counted = len(session.hashes)
        while len(self._sessions) > MAX_SESSIONS or (self._session_hashes > MAX_SESSION_HASHES and len(self._sessions) > 1):
            self._session_hashes -= self._sessions.pop(next(iter(self._sessions))).counted

    def _leading(self, hashes: Sequence[bytes], tokens: int | None) -> list[bytes]:
        return list(hashes if tokens is None else hashes[: tokens // self._block_size])

    def _apply(self) -> None:
        """What has come and what has run out, on so many blocks that a step does not wait for it."""
        if self.mode != "active":
            while self._mailbox.next_command() is not None:
                continue
            return
        now = self._clock()
        budget = KEYS_PER_STEP - self.blocks.queue.end_grace(KEYS_PER_STEP, now)
        while budget > 0:
            if not self.leases.waiting:
                command = self._mailbox.next_command()
                if command is not None:
                    self._begin(command, now)
            done = self.leases.work(now, budget)
            if done == 0 and self._mailbox.commands_waiting == 0:
                return
            budget -= max(done, 1)

    def _begin(self, command: Command, now: float) -> None:
        if isinstance(command, SetLease):
            self.leases.later(self._setting(command))
        elif isinstance(command, SetSessionLease):
            session = self._sessions.get(command.session) or _Session()
            session.steps, session.tokens = command.steps, command.tokens
            self._remember(command.session, session)
            self.leases.set_run(_owner_of_session(command.session), self._leading(session.hashes, command.tokens), command.steps,
                                lambda: self._report(command.receipt, 0))
        elif isinstance(command, SetGrace):
            self.blocks.queue.set_grace(command.level, command.seconds)
        elif isinstance(command, EvictBlocks):
            self._begin_evicting(command)
        else:
            assert isinstance(command, Clear)
            for session in self._sessions.values():
                session.steps = ()
            self.blocks.queue.set_grace(0, 0)
            self.leases.clear()

    def _begin_evicting(self, command: EvictBlocks) -> None:
        hashes = command.hashes
        if command.session is not None:
            session = self._sessions.get(command.session)
            hashes = list(session.hashes) if session is not None else []
            if session is not None:
                session.steps = ()
        self.leases.later(self.blocks.evict(hashes, self.leases.drop, lambda evicted: self._report(command.receipt, 0, evicted)))

    def _setting(self, command: SetLease) -> Iterator[None]:
        before = self._counters.leases_set
        for hashes, steps in command.runs:
            yield from self.leases.setting(BY_KEY, hashes, steps)
        self._report(command.receipt, self._counters.leases_set - before)

    def _report(self, receipt: Receipt | None, leased: int, evicted: int = 0) -> None:
        if receipt is not None:
            self._mailbox.tell(Applied(receipt, leased, evicted))

    def _tell_touched(self, new_requests: Any) -> None:
        for new in new_requests:
            request = self._requests.get(new.req_id)
            if request is None:
                continue
            call = self._calls.get(request.request_id)
            # One that came before anybody listened, or that has been preempted and comes again.
            if call is None or call.touched:
                continue
            call.touched = True
            fields = call.fields
            local, external = _cached_tokens(request, new)
            prompt_blocks = request.num_prompt_tokens // self._block_size
            self._mailbox.tell(Touched(request.request_id, fields.tag, fields.session, request.num_prompt_tokens, local, external,
                                       request.block_hashes[:prompt_blocks]))

    def _on_end(self, request: Request) -> None:
        call = self._calls.pop(request.request_id, None)
        if call is None:
            return
        fields = call.fields
        prompt_blocks = request.num_prompt_tokens // self._block_size
        computed = min(request.num_computed_tokens, request.num_prompt_tokens + request.num_output_tokens)
        output = request.block_hashes[prompt_blocks : computed // self._block_size]
        if fields.session is not None and self.mode == "active":
            session = self._sessions.get(fields.session)
            if session is not None and session.hashes is request.block_hashes and output:
                self._renew(fields.session, session, request.block_hashes, self._clock())
        if self._mailbox.wanted:
            aborted = getattr(request.status, "name", "") == "FINISHED_ABORTED"
            self._mailbox.tell(Done(request.request_id, fields.tag, fields.session, aborted, request.num_output_tokens, computed, output))


def _owner_of_session(name: str) -> str:
    return f"session {name}"


def _cached_tokens(request: Request, new: Any) -> tuple[int, int]:
    """Found in the GPU's prefix cache, and brought by a connector."""
    stats = getattr(request, "prefill_stats", None)
    if stats is not None and getattr(stats, "num_prompt_tokens", 0) > 0:
        return stats.num_local_cached_tokens, stats.num_external_cached_tokens
    return new.num_computed_tokens, 0
