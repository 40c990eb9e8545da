"""Scored KV-cache eviction for an unmodified vLLM. See the README and PROTOCOL.md beside the sources."""


def register() -> None:
    """Entry point `vllm.general_plugins`: vLLM calls it once in each of its processes."""
