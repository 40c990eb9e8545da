from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

os.environ.setdefault("VLLM_TARGET_DEVICE", "cpu")
os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
# As many threads as cores, each spinning while it waits for the others, stand still on a machine that has other work.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from left_open import close_all


@pytest.fixture(autouse=True)
def nothing_is_left_open() -> Iterator[None]:
    yield
    close_all()
