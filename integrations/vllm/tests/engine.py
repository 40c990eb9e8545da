"""vLLM's own engine core in this process: its scheduler, block pool and requests, with the stand-in for the model."""

from __future__ import annotations

import functools
import gc
import itertools
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from entresol_vllm.hooks import hook_scheduler
from entresol_vllm.settings import Settings
from left_open import remember

SERVER = Path(__file__).parent.parent / "server"
sys.path.insert(0, str(SERVER))
BLOCK = 32
_names = itertools.count()


@functools.cache
def _set_modules_aside() -> None:
    """vLLM thaws all there is at the end of each engine, and goes over the million objects of its modules four times per engine."""
    gc.collect()
    gc.freeze()
    gc.freeze = gc.unfreeze = lambda: None


def model_folder() -> str:
    """Of the environment that these tests run in, or made for the occasion."""
    beside = Path(sys.prefix, "model")
    if beside.exists():
        return str(beside)
    import make_model

    folder = tempfile.mkdtemp()
    make_model.main(folder)
    return folder


class Engine:
    def __init__(self, blocks: int, settings: Settings | None, *, asynchronous: bool = False, concurrency: int = 64,
                 scheduler: Any = None, extra: dict[str, Any] | None = None) -> None:
        """:param settings: None: stock vLLM"""
        from vllm.engine.arg_utils import EngineArgs
        from vllm.v1.core.sched.async_scheduler import AsyncScheduler
        from vllm.v1.core.sched.scheduler import Scheduler
        from vllm.v1.engine.core import EngineCore
        from vllm.v1.executor.abstract import Executor

        _set_modules_aside()
        os.environ["VLLM_PLUGINS"] = ""
        os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")
        base = AsyncScheduler if asynchronous else Scheduler
        scheduler = scheduler or type(base.__name__, (base,), {})
        if settings is not None:
            hook_scheduler(scheduler, settings, None)
        config = EngineArgs(
            model=model_folder(), load_format="dummy", enforce_eager=True, dtype="bfloat16", block_size=BLOCK, num_gpu_blocks_override=blocks + 1,
            max_model_len=min(8192, blocks * BLOCK), max_num_seqs=concurrency, async_scheduling=asynchronous, scheduler_cls=scheduler,
            distributed_executor_backend="entresol_vllm_server.stand_in.StandInExecutor", **{"enable_prefix_caching": True, **(extra or {})},
        ).create_engine_config()
        self.core = EngineCore(config, Executor.get_class(config), log_stats=True)
        self.hits: dict[str, int] = {}
        self.outputs: dict[str, list[int]] = {}
        self.ended: dict[str, str] = {}
        self._closed = False
        remember(self)

    @property
    def scheduler(self) -> Any:
        return self.core.scheduler

    @property
    def pool(self) -> Any:
        return self.scheduler.kv_cache_manager.block_pool

    @property
    def steering(self) -> Any:
        return self.scheduler._entresol.steering

    @property
    def endpoint(self) -> str:
        return str(self.scheduler._entresol._channel.endpoint)

    def add(self, prompt: Sequence[int], tokens: int = 2, **fields: Any) -> str:
        from vllm.sampling_params import SamplingParams
        from vllm.v1.engine import EngineCoreRequest

        name = f"call-{next(_names)}"
        sampling = SamplingParams(max_tokens=tokens, temperature=0.0, ignore_eos=True, extra_args=fields or None)
        request = EngineCoreRequest(name, list(prompt), None, sampling, None, 0.0, None, None, None)
        self.core.add_request(*self.core.preprocess_add_request(request))
        return name

    def step(self) -> None:
        outputs, _ = self.core.step_fn()
        for each in (outputs or {}).values():
            for output in each.outputs:
                if output.prefill_stats is not None:
                    self.hits[output.request_id] = output.prefill_stats.num_local_cached_tokens
                self.outputs.setdefault(output.request_id, []).extend(output.new_token_ids)
                if output.finish_reason is not None:
                    self.ended[output.request_id] = str(output.finish_reason)

    def run(self) -> None:
        while self.core.scheduler.has_requests() or getattr(self.core, "batch_queue", None):
            self.step()

    def complete(self, prompt: Sequence[int], tokens: int = 2, **fields: Any) -> int:
        """:returns: tokens found in the cache"""
        name = self.add(prompt, tokens, **fields)
        self.run()
        return self.hits[name]

    def check(self) -> None:
        """No block is lost or held twice."""
        pool = self.pool
        free = pool.free_block_queue.get_all_free_blocks()
        assert len(free) == len({block.block_id for block in free}) == pool.free_block_queue.num_free_blocks
        assert all(block.ref_cnt == 0 for block in free)
        used = [block for block in pool.blocks if block.ref_cnt > 0 and not block.is_null]
        assert len(free) + len(used) == pool.num_gpu_blocks - 1

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self.core.shutdown()


def words(seed: int, count: int) -> list[int]:
    """Some tokens, the same for the same seed."""
    return [300 + (index * 7919 + seed * 104_729) % 3700 for index in range(1, count + 1)]
