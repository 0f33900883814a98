"""What stands beside each packet of a capture, and at its head?"""

from __future__ import annotations

from pathprobe.core.evidence import Observation
from pathprobe.core.icmp import explain
from pathprobe.core.ledger import Farewell, Match
from pathprobe.core.outcomes import (
    Answered,
    Ended,
    NotSent,
    Outcome,
    Refusal,
    Reply,
    Reset,
    Silent,
    TimeExceeded,
    TooBig,
)
from pathprobe.core.packets import IcmpError, Packet
from pathprobe.core.probes import Kind, Probe
from pathprobe.core.report import Result
from pathprobe.output.wording import error_text, summary, sureness


def sent_comment(seen: Observation) -> str:
    """What a sent packet was for and what came of it."""
    probe = seen.probe
    text = f"probe {probe.id}, {probe.role}: {_what(probe)} with {_ttl(probe)}, try {probe.attempt}"
    if isinstance(seen.outcome, Silent) and not seen.outcome.waited:
        return text
    return f"{text} -> {_fate(seen.outcome)}"


def answer_comment(match: Match) -> str:
    """Which probe a received packet answers, and what follows from it."""
    probe, again = match.probe, "again " if match.duplicate else ""
    return f"{again}answers probe {probe.id} ({probe.role}, {_what(probe)}, {_ttl(probe)}): {_fate(match.outcome)}"


def farewell_comment(farewell: Farewell) -> str:
    """Who ends a half-open connection, and what that shows."""
    number = farewell.probe.id
    if farewell.by is Ended.BY_KERNEL:
        return f"this host's own TCP ends what probe {number} left half open: the SYN-ACK got through to it"
    return f"we end what probe {number} left half open, for this host's own TCP did not react to the SYN-ACK"


def connection_comment(seen: Observation) -> str:
    """To which probe a segment belongs that comes after the handshake."""
    return f"of the connection that probe {seen.probe.id} began"


def disowned_comment(packet: Packet) -> str:
    """The host that asked refuses what comes to it: the program was gone before the answer."""
    what = (
        explain(packet.version, packet.body.type, packet.body.code).name if isinstance(packet.body, IcmpError) else ""
    )
    return f"the host that asked refuses an answer itself: {what}, so the program that asked did not wait for it"


def short_comment(result: Result, outgoing: bool) -> str:
    """Of a question among so many that only counts are kept of it."""
    return f"{'asks' if outgoing else 'about'} {result.target.label}, which is {result.verdict.state}"


def section_comment(result: Result) -> str:
    """The verdict, as it stands at the head of the capture."""
    return f"{summary(result)} (sure: {sureness(result.verdict.confidence)})"


def _what(probe: Probe) -> str:
    size = f" of {probe.size} octets" if probe.size is not None else ""
    match probe.flow.kind:
        case Kind.TCP:
            return f"SYN{size} to {probe.flow.label}"
        case Kind.UDP:
            return f"datagram to {probe.flow.label}"
        case Kind.ECHO:
            return f"echo request{size}"


def _ttl(probe: Probe) -> str:
    return "full TTL" if probe.is_direct else f"TTL {probe.ttl}"


def _fate(outcome: Outcome) -> str:
    match outcome:
        case Answered():
            return f"answered by {outcome.source}, {_timing(outcome)}"
        case Reset():
            return f"reset in the name of {outcome.source}, {_timing(outcome)}"
        case TimeExceeded():
            return f"the TTL ran out at {outcome.source}, so it got that far, {_timing(outcome)}"
        case TooBig(next_hop_mtu=mtu):
            number = "it gives no MTU" if mtu is None else f"its next link takes {mtu} octets"
            return f"too big for {outcome.source}: {outcome.message.name}, {number}, {_timing(outcome)}"
        case Refusal():
            return f"refused by {outcome.source}: {outcome.message.name}, {_timing(outcome)}"
        case Silent(waited=waited):
            return f"no answer in {waited:.2f} s"
        case NotSent():
            return f"not sent: {error_text(outcome)}"
    raise AssertionError(outcome)


def _timing(reply: Reply) -> str:
    return f"{reply.rtt * 1000:.1f} ms, arrived with TTL {reply.ttl}"
