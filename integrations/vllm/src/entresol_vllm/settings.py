"""What the environment says. A setting that cannot be honoured switches the package off, and says so."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

MODES = ("active", "neutral", "off")
DEFAULT_ENDPOINT = "tcp://127.0.0.1:5600"
SECRET_BYTES = 32
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


class BadSetting(ValueError):
    """Names the variable and what it should be."""


@dataclass(frozen=True)
class Settings:
    mode: str = "active"
    endpoint: str = DEFAULT_ENDPOINT
    """Empty: no side channel."""
    secret: bytes | None = None
    max_lease_seconds: float = 900.0
    request_fields: bool = True
    any_version: bool = False


def settings_from(environment: Mapping[str, str] = os.environ) -> Settings:
    """:raises BadSetting:"""
    mode = environment.get("ENTRESOL_VLLM", "active")
    if mode not in MODES:
        raise BadSetting(f"ENTRESOL_VLLM is one of {', '.join(MODES)}, not {mode!r}")
    secret = _secret(environment)
    endpoint = environment.get("ENTRESOL_VLLM_ENDPOINT", DEFAULT_ENDPOINT)
    if secret is None and endpoint and not is_local(endpoint):
        raise BadSetting(f"ENTRESOL_VLLM_ENDPOINT={endpoint} can be reached from elsewhere: set ENTRESOL_VLLM_SECRET_FILE, or take a loopback address")
    return Settings(
        mode=mode,
        endpoint=endpoint,
        secret=secret,
        max_lease_seconds=_seconds(environment, "ENTRESOL_VLLM_MAX_LEASE_S", 900.0),
        request_fields=_switch(environment, "ENTRESOL_VLLM_REQUEST_FIELDS", True),
        any_version=_switch(environment, "ENTRESOL_VLLM_ANY_VERSION", False),
    )


def is_local(endpoint: str) -> bool:
    if endpoint.startswith(("ipc://", "inproc://")):
        return True
    try:
        host = urlsplit(endpoint).netloc.rsplit(":", 1)[0]
    except ValueError:
        return False
    return endpoint.startswith("tcp://") and host in LOOPBACK


def _secret(environment: Mapping[str, str]) -> bytes | None:
    path = environment.get("ENTRESOL_VLLM_SECRET_FILE")
    if path:
        try:
            if os.stat(path).st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise BadSetting("ENTRESOL_VLLM_SECRET_FILE may be read by others than its owner: chmod 600")
            secret = Path(path).read_bytes().strip()
        except OSError as error:
            raise BadSetting(f"ENTRESOL_VLLM_SECRET_FILE cannot be read: {error.strerror}") from error
    elif "ENTRESOL_VLLM_SECRET" in environment:
        secret = environment["ENTRESOL_VLLM_SECRET"].strip().encode()
    else:
        return None
    if len(secret) < SECRET_BYTES:
        raise BadSetting(f"the secret of the side channel has {len(secret)} bytes; it wants at least {SECRET_BYTES}")
    return secret


def _seconds(environment: Mapping[str, str], name: str, default: float) -> float:
    text = environment.get(name)
    if text is None:
        return default
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < 1e9:
        raise BadSetting(f"{name} is a number of seconds above 0, not {text!r}")
    return value


def _switch(environment: Mapping[str, str], name: str, default: bool) -> bool:
    text = environment.get(name)
    if text is None:
        return default
    if text not in ("0", "1"):
        raise BadSetting(f"{name} is 0 or 1, not {text!r}")
    return text == "1"
