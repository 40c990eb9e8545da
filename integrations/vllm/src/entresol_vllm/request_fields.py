"""What a request carries for us in `vllm_xargs`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .messages import MAX_SESSION_CHARACTERS, MAX_TAG_CHARACTERS
from .vllm_shapes import Request


class BadFields(ValueError):
    """A field is not what PROTOCOL.md says; the call itself is served."""


@dataclass(frozen=True)
class RequestFields:
    tag: str | None = None
    session: str | None = None
    steps: object = None
    tokens: int | None = None


NO_FIELDS = RequestFields()


def fields_of(request: Request) -> RequestFields:
    """:raises BadFields:"""
    extra: Any = getattr(request.sampling_params, "extra_args", None)
    given: dict[str, Any] = extra if isinstance(extra, dict) else {}
    own_session = getattr(request, "session_id", None)
    if not given and own_session is None:
        return NO_FIELDS
    tag = _text(given.get("entresol_tag"), "entresol_tag", MAX_TAG_CHARACTERS)
    session = _text(given.get("entresol_session"), "entresol_session", MAX_SESSION_CHARACTERS)
    if session is None and isinstance(own_session, str) and len(own_session) <= MAX_SESSION_CHARACTERS:
        session = own_session
    tokens = given.get("entresol_tokens")
    if tokens is not None and (not isinstance(tokens, int) or isinstance(tokens, bool) or tokens < 0):
        raise BadFields("entresol_tokens is an integer, at least 0")
    return RequestFields(tag, session, given.get("entresol_lease"), tokens)


def _text(value: object, name: str, most: int) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not 0 < len(value) <= most:
        raise BadFields(f"{name} is a string of 1 to {most} characters")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise BadFields(f"{name} is no text") from error
    return value
