"""A vLLM that is not as we know it is left alone."""

from __future__ import annotations

import logging
from typing import Any

import entresol_vllm
import pytest
from engine import BLOCK, Engine, words
from entresol_vllm import hooks, probe
from entresol_vllm.settings import Settings
from peer import Peer
from vllm.v1.core.kv_cache_utils import FreeKVCacheBlockQueue
from vllm.v1.core.sched.scheduler import Scheduler


def test_this_one_is_known() -> None:
    probe.check_version(probe.vllm_version(), any_version=False)
    probe.check_shapes()
    probe.check_behaviour()


@pytest.mark.parametrize("version", ["0.31.2", "0.34.0", "1.0.0", "dev", "0.99.0.dev1+gabc"])
def test_other_versions_only_on_demand(version: str) -> None:
    with pytest.raises(probe.UnknownVllm, match="ENTRESOL_VLLM_ANY_VERSION"):
        probe.check_version(version, any_version=False)
    probe.check_version(version, any_version=True)


@pytest.mark.parametrize("change", [
    lambda patch: patch.delattr(Scheduler, "_free_request"),
    lambda patch: patch.setattr(Scheduler, "add_request", lambda self, requests: None),
    lambda patch: patch.delattr(FreeKVCacheBlockQueue, "prepend_n"),
    lambda patch: patch.setattr(FreeKVCacheBlockQueue, "popleft_some", lambda self: None, raising=False)])
def test_a_shape_that_has_changed_is_noticed(monkeypatch: pytest.MonkeyPatch, change: Any) -> None:
    change(monkeypatch)
    with pytest.raises(probe.UnknownVllm):
        probe.check_shapes()


def test_an_order_that_has_changed_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another vLLM might put what is given back to the front."""
    monkeypatch.setattr(FreeKVCacheBlockQueue, "append_n", FreeKVCacheBlockQueue.prepend_n)
    with pytest.raises(probe.UnknownVllm, match="order"):
        probe.check_behaviour()


def test_on_an_unknown_vllm_nothing_is_touched_and_the_log_says_so(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("vllm").propagate = True
    monkeypatch.setattr(probe, "vllm_version", lambda: "0.77.0")
    monkeypatch.setenv("ENTRESOL_VLLM_ENDPOINT", "tcp://127.0.0.1:0")
    hooked: list[tuple[Any, Any]] = []
    monkeypatch.setattr(hooks, "hook_scheduler", lambda scheduler, settings, off: hooked.append((settings, off)))
    with caplog.at_level(logging.WARNING, logger="vllm.entresol_vllm"):
        entresol_vllm.register()
    assert "0.77.0 is not one of" in caplog.text
    [(settings, off)] = hooked
    assert "0.77.0" in off
    before = Scheduler.schedule
    engine = Engine.__new__(Engine)
    monkeypatch.undo()
    scheduler = type("Scheduler", (Scheduler,), {})
    hooks.hook_scheduler(scheduler, settings, off)
    assert scheduler.schedule is before and scheduler.add_request is Scheduler.add_request
    engine.__init__(40, None, scheduler=scheduler)  # type: ignore[misc]
    assert type(engine.pool.free_block_queue) is FreeKVCacheBlockQueue
    peer = Peer(engine.endpoint)
    hello = peer.hello()
    assert hello["mode"] == "off" and "0.77.0" in hello["reason"]
    assert engine.complete(words(1, 3 * BLOCK)) == 0 and engine.complete(words(1, 3 * BLOCK + 1)) == 3 * BLOCK
    assert peer.ask("counters")["handedOut"] == 0


def test_a_bad_setting_switches_off_and_opens_nothing(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("vllm").propagate = True
    monkeypatch.setenv("ENTRESOL_VLLM_ENDPOINT", "tcp://0.0.0.0:0")
    hooked: list[tuple[Any, Any]] = []
    monkeypatch.setattr(hooks, "hook_scheduler", lambda scheduler, settings, off: hooked.append((settings, off)))
    with caplog.at_level(logging.WARNING, logger="vllm.entresol_vllm"):
        entresol_vllm.register()
    assert "can be reached from elsewhere" in caplog.text
    assert hooked[0][0].endpoint == ""


def test_off_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENTRESOL_VLLM", "off")
    monkeypatch.setattr(hooks, "hook_scheduler", lambda *_: pytest.fail("hooked"))
    entresol_vllm.register()


def test_a_cache_of_another_kind_is_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    engine = Engine(40, Settings(endpoint="tcp://127.0.0.1:0"), extra={"enable_prefix_caching": False})
    assert type(engine.pool.free_block_queue) is FreeKVCacheBlockQueue and engine.steering is None
    peer = Peer(engine.endpoint)
    assert "prefix caching is off" in peer.hello()["reason"]
    engine.complete(words(1, 3 * BLOCK))
