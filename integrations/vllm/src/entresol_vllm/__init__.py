"""Scored KV-cache eviction for an unmodified vLLM. See README.md and PROTOCOL.md of `integrations/vllm`."""

from __future__ import annotations

import logging

from .version import VERSION as __version__

__all__ = ["__version__", "register"]

logger = logging.getLogger("vllm.entresol_vllm")


def register() -> None:
    """
    Entry point `vllm.general_plugins`: vLLM calls it in each of its processes, before there is a scheduler. Never raises.
    """
    try:
        _register()
    except Exception:
        logger.exception("entresol-vllm %s is off: a fault of this package", __version__)


def _register() -> None:
    from .settings import BadSetting, Settings, settings_from

    off: str | None = None
    try:
        settings = settings_from()
    except BadSetting as error:
        off, settings = str(error), Settings(mode="off", endpoint="")
    if settings.mode == "off" and off is None:
        return

    from . import probe

    try:
        version = probe.vllm_version()
        probe.check_version(version, settings.any_version)
        if off is None:
            probe.check_shapes()
            probe.check_behaviour()
    except probe.UnknownVllm as error:
        off = off or str(error)
    if off is not None:
        logger.warning("entresol-vllm %s is off, and vLLM as if it were not installed: %s", __version__, off)
    try:
        from vllm.v1.core.sched.scheduler import Scheduler

        from . import hooks
    except ImportError as error:
        logger.warning("entresol-vllm %s is off: this vLLM lacks %s", __version__, error)
        return
    hooks.hook_scheduler(Scheduler, settings, off)
    if off is None:
        hooks.register_host_tier()
