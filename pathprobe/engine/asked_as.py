"""What was a silent UDP port asked, and what does its silence say because of that?

The datagrams that left tell, live as in a capture: a request in the language of a known service, text for an unknown
one, or what the user gave. It adds a reason, and changes no verdict.
"""

from __future__ import annotations

from dataclasses import replace

from pathprobe.core.evidence import Observation
from pathprobe.core.packets import Udp
from pathprobe.core.probes import Role
from pathprobe.core.reasons import reason
from pathprobe.core.report import Claim, Result
from pathprobe.wire.payloads import UNKNOWN, Payload, recognise


def with_service(result: Result) -> Result:
    """The result, and where the port kept silent a reason that says what was asked."""
    if not any(one.claim is Claim.TEST_UNANSWERED for one in result.verdict.reasons):
        return result
    asked = tuple(seen for seen in result.observations if seen.probe.role is Role.TEST and seen.departure)
    payload = _payload(asked[0]) if asked else None
    if payload is None:
        return result
    added = reason(_claim(payload), asked, name=payload.service, expects=payload.expects)
    return replace(result, verdict=replace(result.verdict, reasons=(*result.verdict.reasons, added)))


def _payload(seen: Observation) -> Payload | None:
    body = seen.departure.body if seen.departure else None
    return recognise(body.destination_port, body.payload) if isinstance(body, Udp) else None


def _claim(payload: Payload) -> Claim:
    if payload.service == UNKNOWN:
        return Claim.ASKED_IN_TEXT
    return Claim.SILENT_BY_NATURE if payload.silent_by_nature else Claim.ASKED_AS_CLIENT
