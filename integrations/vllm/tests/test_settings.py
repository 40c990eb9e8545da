from __future__ import annotations

from pathlib import Path

import pytest
from entresol_vllm.settings import BadSetting, Settings, is_local, settings_from
from entresol_vllm.version import VERSION

LONG = "x" * 32


def test_the_version_is_told_once() -> None:
    pyproject = Path(__file__).parent.parent / "pyproject.toml"
    assert f'version = "{VERSION}"' in pyproject.read_text()


def test_nothing_set() -> None:
    assert settings_from({}) == Settings()


@pytest.mark.parametrize("environment", [
    {"ENTRESOL_VLLM": "on"}, {"ENTRESOL_VLLM_MAX_LEASE_S": "0"}, {"ENTRESOL_VLLM_MAX_LEASE_S": "soon"}, {"ENTRESOL_VLLM_MAX_LEASE_S": "nan"},
    {"ENTRESOL_VLLM_REQUEST_FIELDS": "yes"}, {"ENTRESOL_VLLM_SECRET": "short"}, {"ENTRESOL_VLLM_SECRET_FILE": "/nowhere/at/all"},
    {"ENTRESOL_VLLM_ENDPOINT": "tcp://0.0.0.0:5600"}, {"ENTRESOL_VLLM_ENDPOINT": "tcp://*:5600"}, {"ENTRESOL_VLLM_ENDPOINT": "tcp://127.0.0.1.example:5600"},
    {"ENTRESOL_VLLM_ENDPOINT": "tcp://192.168.0.1:5600"}, {"ENTRESOL_VLLM_ENDPOINT": "udp://127.0.0.1:5600"}])
def test_what_cannot_be_honoured_is_named(environment: dict[str, str]) -> None:
    with pytest.raises(BadSetting) as error:
        settings_from(environment)
    assert any(word in str(error.value) for word in [*environment, "secret"])


def test_with_a_secret_any_address(tmp_path: Path) -> None:
    assert settings_from({"ENTRESOL_VLLM_ENDPOINT": "tcp://*:5600", "ENTRESOL_VLLM_SECRET": LONG}).secret == LONG.encode()
    file = tmp_path / "secret"
    file.write_text(f"{LONG}\n")
    file.chmod(0o600)
    assert settings_from({"ENTRESOL_VLLM_ENDPOINT": "tcp://*:5600", "ENTRESOL_VLLM_SECRET_FILE": str(file)}).secret == LONG.encode()
    file.chmod(0o644)
    with pytest.raises(BadSetting, match="chmod 600"):
        settings_from({"ENTRESOL_VLLM_SECRET_FILE": str(file)})


def test_what_is_local() -> None:
    for endpoint in ("tcp://127.0.0.1:1", "tcp://localhost:1", "tcp://[::1]:1", "ipc:///run/entresol"):
        assert is_local(endpoint)
    for endpoint in ("tcp://*:1", "tcp://0.0.0.0:1", "tcp://host:1", "tcp://[::]:1", "tcp://127.0.0.1@host:1"):
        assert not is_local(endpoint)
