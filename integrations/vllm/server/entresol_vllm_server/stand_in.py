"""`--distributed-executor-backend entresol_vllm_server.stand_in.StandInExecutor`: vLLM without its model.

The HTTP server, scheduler, block pool, KV events and metrics are vLLM's own; only the forward pass is replaced, by a
sleep and by scripted tokens. So hits, evictions and queueing are those of a real model, and text is not.

Environment: ENTRESOL_STAND_IN_PREFILL_US per prefill token, ENTRESOL_STAND_IN_DECODE_MS per step that decodes (both 0).
A request: `vllm_xargs.entresol_output`, a list of token ids, is its answer, then the end-of-text token. Without it the
answer is a function of the prompt's length and the position.
"""

from __future__ import annotations

import os
import time
from collections import deque
from concurrent.futures import Future
from typing import Any

from vllm.distributed.kv_transfer.kv_connector.v1.offloading.common import OffloadingConnectorMetadata, OffloadingWorkerMetadata
from vllm.v1.executor.abstract import Executor
from vllm.v1.kv_cache_interface import FullAttentionSpec
from vllm.v1.outputs import KVConnectorOutput, ModelRunnerOutput
from vllm.v1.worker.worker_base import CompilationTimes

# Pretended, so that vLLM lays out its cache; --num-gpu-blocks-override says how many blocks there are.
MEMORY_BYTES = 64 << 30
FIRST_WORD = 262


class StandInExecutor(Executor):
    uses_ray = False
    supports_pp = False

    def _init_executor(self) -> None:
        self.prefill_seconds = float(os.environ.get("ENTRESOL_STAND_IN_PREFILL_US", "0")) / 1e6
        self.decode_seconds = float(os.environ.get("ENTRESOL_STAND_IN_DECODE_MS", "0")) / 1e3
        self.end_of_text = int(self.model_config.hf_config.eos_token_id)
        self.vocabulary = int(self.model_config.get_vocab_size())
        self.prompt_tokens: dict[str, int] = {}
        self.scripts: dict[str, list[int]] = {}
        self.computed: deque[ModelRunnerOutput] = deque()

    @classmethod
    def supports_async_scheduling(cls) -> bool:
        return True

    # Start-up: what vLLM asks its workers.

    def collective_rpc(self, method: Any, timeout: float | None = None, args: tuple[Any, ...] = (),
                       kwargs: dict[str, Any] | None = None, non_block: bool = False, **_: Any) -> Any:
        name = method if isinstance(method, str) else getattr(method, "__name__", "")
        answer = getattr(self, f"answer_{name}", None)
        result = [answer(*args, **(kwargs or {})) if answer is not None else None]
        return done(result) if non_block else result

    def answer_get_kv_cache_spec(self) -> dict[str, FullAttentionSpec]:
        model, parallel = self.model_config, self.parallel_config
        layer = FullAttentionSpec(block_size=self.cache_config.block_size, num_kv_heads=model.get_num_kv_heads(parallel),
                                  head_size=model.get_head_size(), dtype=model.dtype)
        return {f"layer.{number}": layer for number in range(model.get_num_layers(parallel))}

    def answer_determine_available_memory(self) -> int:
        return MEMORY_BYTES

    def answer_get_supported_kv_cache_layouts(self) -> list[str]:
        return ["LBHNC"]

    def answer_compile_or_warm_up_model(self) -> CompilationTimes:
        return CompilationTimes(language_model=0.0, encoder=0.0)

    def answer_get_supported_tasks(self) -> tuple[str, ...]:
        return ("generate",)

    def check_health(self) -> None:
        return

    def shutdown(self) -> None:
        return

    # One step of the scheduler.

    def execute_model(self, step: Any, non_block: bool = False) -> Any:
        progress = {new.req_id: (new.num_computed_tokens, 0) for new in step.scheduled_new_reqs}
        for new in step.scheduled_new_reqs:
            self.prompt_tokens[new.req_id] = len(new.prompt_token_ids or ())
            script = ((new.sampling_params.extra_args if new.sampling_params else None) or {}).get("entresol_output")
            if isinstance(script, list):
                self.scripts[new.req_id] = [int(token) for token in script]
        running = step.scheduled_cached_reqs
        progress.update({request: (computed, outputs) for request, computed, outputs
                         in zip(running.req_ids, running.num_computed_tokens, running.num_output_tokens)})
        requests, tokens, prefill, decodes = [], [], 0, False
        for request, scheduled in step.num_scheduled_tokens.items():
            computed, outputs = progress[request]
            known = self.prompt_tokens[request] + outputs
            if scheduled > 1 or computed < self.prompt_tokens[request]:
                prefill += scheduled
            else:
                decodes = True
            requests.append(request)
            tokens.append([] if computed + scheduled < known else [self.token(request, outputs)])
        for request in step.finished_req_ids:
            self.prompt_tokens.pop(request, None)
            self.scripts.pop(request, None)
        seconds = prefill * self.prefill_seconds + (self.decode_seconds if decodes else 0)
        if seconds > 0:
            time.sleep(seconds)
        output = ModelRunnerOutput(
            req_ids=requests, req_id_to_index={request: index for index, request in enumerate(requests)}, sampled_token_ids=tokens,
            kv_connector_output=moved(step.kv_connector_metadata))
        # Asked for by `sample_tokens`, as with a real model; a step that computes nothing has no sampling.
        if requests:
            self.computed.append(output)
        answer = None if requests else output
        return done(answer) if non_block else answer

    def token(self, request: str, position: int) -> int:
        script = self.scripts.get(request)
        if script is not None:
            return script[position] if position < len(script) else self.end_of_text
        return FIRST_WORD + (self.prompt_tokens[request] * 31 + position * 7) % (self.vocabulary - FIRST_WORD)

    def sample_tokens(self, grammar_output: Any, non_block: bool = False) -> Any:
        output = self.computed.popleft()
        return done(output) if non_block else output


def moved(metadata: Any) -> KVConnectorOutput | None:
    """Copies to and from the host tier are done at once: there are no bytes to copy."""
    if metadata is None:
        return None
    if not isinstance(metadata, OffloadingConnectorMetadata):
        return KVConnectorOutput()
    jobs = {**metadata.load_jobs, **metadata.store_jobs}
    return KVConnectorOutput(finished_recving={job.req_id for job in metadata.load_jobs.values()} or None,
                             kv_connector_worker_meta=OffloadingWorkerMetadata(completed_jobs=dict.fromkeys(jobs, 1)) if jobs else None)


def done(value: Any) -> Future[Any]:
    future: Future[Any] = Future()
    future.set_result(value)
    return future
