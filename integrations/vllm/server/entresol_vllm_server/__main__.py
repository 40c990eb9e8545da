"""vLLM's OpenAI server, `python -m entresol_vllm_server [flags of vLLM]`, made fit for tests.

It ends with its parent: when standard input closes, the whole process group is killed, the engine's process included.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import signal
import sys
import threading


def end_with_parent() -> None:
    """Only where we lead a process group of our own, so that nobody else is hit."""
    if os.getpgrp() != os.getpid():
        return

    def wait() -> None:
        while os.read(0, 4096):
            pass
        os.killpg(os.getpgrp(), signal.SIGKILL)

    threading.Thread(target=wait, name="parent-watch", daemon=True).start()


def fork_the_engine() -> None:
    """The engine's process is forked, not spawned: it need not import torch and vLLM a second time.

    Right only for an executor that starts no threads of its own before: the stand-in for the model.
    """
    import vllm.v1.engine.utils as engine_utils

    engine_utils.get_mp_context = lambda: multiprocessing.get_context("fork")


def main() -> None:
    end_with_parent()
    if any("entresol_vllm_server.stand_in" in argument for argument in sys.argv):
        fork_the_engine()
    runpy.run_module("vllm.entrypoints.openai.api_server", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
