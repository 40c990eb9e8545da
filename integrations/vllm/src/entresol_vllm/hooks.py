"""Where the package takes hold of vLLM: five methods of its scheduler, each of which still does all that it did."""

from __future__ import annotations

import functools
import logging
from collections.abc import Mapping
from typing import Any

import zmq

from . import probe
from .counters import Counters
from .engine_facts import EngineFacts
from .mailbox import Mailbox
from .settings import Settings
from .side_channel import SideChannel
from .steering import Steering
from .version import VERSION
from .vllm_shapes import Scheduler

try:
    from . import host_tier
except ImportError:
    # A vLLM without policies for its host tier, or with others.
    host_tier = None  # type: ignore[assignment]

logger = logging.getLogger("vllm.entresol_vllm")

_MARK = "_entresol_hooked"


class Attached:
    """What one scheduler has of us."""

    def __init__(self, steering: Steering | None, channel: SideChannel | None, mailbox: Mailbox) -> None:
        self.steering = steering
        self._channel = channel
        self._mailbox = mailbox

    def close(self) -> None:
        # What its thread may still read from stays open: the number of its file could soon be another file's.
        if self._channel is None or self._channel.close():
            self._mailbox.close()


def hook_scheduler(scheduler_class: type, settings: Settings, off: str | None) -> None:
    """
    Once per process; a second call does nothing.

    :param off: why nothing but the side channel is to be attached, so that a peer can ask; None: everything
    """
    if _MARK in vars(scheduler_class):
        return
    setattr(scheduler_class, _MARK, True)
    initialise: Any = scheduler_class.__init__  # type: ignore[misc]
    shut_down: Any = scheduler_class.shutdown  # type: ignore[attr-defined]

    @functools.wraps(initialise)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        initialise(self, *args, **kwargs)
        self._entresol = attach(self, settings, off)

    @functools.wraps(shut_down)
    def shutdown(self: Any, *args: Any, **kwargs: Any) -> Any:
        self._entresol.close()
        return shut_down(self, *args, **kwargs)

    scheduler_class.__init__ = __init__  # type: ignore[misc]
    scheduler_class.shutdown = shutdown  # type: ignore[attr-defined]
    if off is None:
        _hook_calls(scheduler_class)


def register_host_tier() -> None:
    if host_tier is not None:
        host_tier.register()


def _hook_calls(scheduler_class: Any) -> None:
    add_request, schedule, free_request = scheduler_class.add_request, scheduler_class.schedule, scheduler_class._free_request

    @functools.wraps(add_request)
    def hooked_add_request(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
        steering = self._entresol.steering
        if steering is not None:
            steering.on_request(request)
        return add_request(self, request, *args, **kwargs)

    @functools.wraps(schedule)
    def hooked_schedule(self: Any, *args: Any, **kwargs: Any) -> Any:
        steering = self._entresol.steering
        if steering is None:
            return schedule(self, *args, **kwargs)
        steering.before_step()
        output = schedule(self, *args, **kwargs)
        steering.after_step(output)
        return output

    @functools.wraps(free_request)
    def hooked_free_request(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
        steering = self._entresol.steering
        if steering is not None:
            steering.on_end(request)
        return free_request(self, request, *args, **kwargs)

    scheduler_class.add_request = hooked_add_request
    scheduler_class.schedule = hooked_schedule
    scheduler_class._free_request = hooked_free_request


def attach(scheduler: Scheduler, settings: Settings, off: str | None) -> Attached:
    """Never raises: on any surprise vLLM goes on as if we were not there."""
    counters = Counters()
    mailbox = Mailbox(counters)
    steering: Steering | None = None
    if off is None:
        try:
            probe.check_pool(scheduler.kv_cache_manager, scheduler.vllm_config)
            steering = Steering(scheduler, settings, counters, mailbox, _groups(scheduler))
            if host_tier is not None:
                host_tier.follow(steering)
        except Exception as error:
            off, steering = str(error), None
            logger.warning("entresol-vllm %s is off, and vLLM as if it were not installed: %s", VERSION, off)
    try:
        facts = _facts(scheduler, settings, steering, off)
        channel = open_channel(settings, facts, counters, mailbox)
    except Exception:
        channel = None
        logger.exception("entresol-vllm: no side channel")
    if steering is not None:
        pool = scheduler.kv_cache_manager.block_pool
        logger.info("entresol-vllm %s is %s on %d blocks of %d tokens", VERSION, steering.mode, pool.num_gpu_blocks, pool.hash_block_size)
    return Attached(steering, channel, mailbox)


def open_channel(settings: Settings, facts: EngineFacts, counters: Counters, mailbox: Mailbox) -> SideChannel | None:
    """:returns: None, said in the log, where there is to be none or it cannot be bound"""
    if not settings.endpoint:
        return None
    endpoint = _for_rank(settings.endpoint, facts.rank)
    try:
        channel = SideChannel(Settings(**{**vars(settings), "endpoint": endpoint}), facts, counters, mailbox)
    except zmq.ZMQError as error:
        whose = ": another process has it, perhaps another vLLM with this package; each wants one of its own" if error.errno == zmq.EADDRINUSE else ""
        logger.warning("entresol-vllm: no side channel, so nobody can steer this cache: %s cannot be bound (%s)%s. Set ENTRESOL_VLLM_ENDPOINT", endpoint, error, whose)
        return None
    channel.start()
    logger.info("entresol-vllm: side channel at %s", channel.endpoint)
    return channel


def _for_rank(endpoint: str, rank: int) -> str:
    """Each data-parallel rank has an engine, a cache and an endpoint of its own, as with KV events."""
    if rank == 0:
        return endpoint
    if not endpoint.startswith("tcp://"):
        return f"{endpoint}_dp{rank}"
    base, _, port = endpoint.rpartition(":")
    return endpoint if port == "0" else f"{base}:{int(port) + rank}"


def _groups(scheduler: Any) -> int:
    config = getattr(scheduler, "kv_cache_config", None)
    return max(1, len(getattr(config, "kv_cache_groups", ()) or ()))


def _facts(scheduler: Any, settings: Settings, steering: Steering | None, off: str | None) -> EngineFacts:
    config = scheduler.vllm_config
    pool = getattr(getattr(scheduler, "kv_cache_manager", None), "block_pool", None)
    parallel = getattr(config, "parallel_config", None)
    cache = getattr(config, "cache_config", None)
    return EngineFacts(
        package=VERSION,
        vllm=probe.vllm_version(),
        rank=int(getattr(parallel, "data_parallel_index", 0) or 0),
        num_gpu_blocks=int(getattr(pool, "num_gpu_blocks", 0)),
        block_size=int(getattr(pool, "hash_block_size", 0)),
        groups=_groups(scheduler),
        max_lease_seconds=settings.max_lease_seconds,
        request_fields=settings.request_fields,
        hash_algorithm=str(getattr(cache, "prefix_caching_hash_algo", "unknown")),
        kv_events=_kv_events(scheduler),
        pool=pool if steering is not None else None,
        steering=steering,
        reason=off,
        host_tier=host_tier.snapshot() if host_tier is not None else None,
    )


def _kv_events(scheduler: Any) -> Mapping[str, Any] | None:
    publisher = getattr(scheduler, "kv_event_publisher", None)
    told = getattr(publisher, "get_publisher_config", None)
    config = told() if callable(told) else None
    if config is None or not getattr(config, "enable_kv_cache_events", False):
        return None
    return {"endpoint": config.endpoint, "replayEndpoint": config.replay_endpoint, "topic": config.topic}
