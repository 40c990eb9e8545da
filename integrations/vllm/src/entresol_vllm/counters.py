"""What the package has done since its process began. Plain integers: read by one thread while another writes."""

from __future__ import annotations

from dataclasses import dataclass, fields

FAULTS_UNTIL_NEUTRAL = 100


@dataclass
class Counters:
    # of the side channel's thread
    messages: int = 0
    malformed: int = 0
    unauthenticated: int = 0
    refused: int = 0
    commands_dropped: int = 0
    touches_dropped: int = 0
    sends_dropped: int = 0
    leases_unknown: int = 0
    # of the scheduler's thread
    leases_set: int = 0
    leases_expired: int = 0
    leases_forgotten: int = 0
    graced: int = 0
    requests_with_fields: int = 0
    request_fields_bad: int = 0
    evicted_on_command: int = 0
    handed_out: int = 0
    handed_out_leased: int = 0
    faults: int = 0

    def as_message(self) -> dict[str, int]:
        return {_camel(field.name): getattr(self, field.name) for field in fields(self)}


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)
