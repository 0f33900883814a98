"""How is it said what only watching others' traffic shows?

The sentences of its claims, the one clause about a connection that stands and then fails, and what to do about it.
"""

from __future__ import annotations

from collections.abc import Mapping

from pathprobe.core.report import Claim, Direction, Fact, Location, Reason, Result, Where
from pathprobe.core.witness.urgency import trouble_of

SENTENCES: dict[Claim, str] = {
    Claim.STALLED: "In {connections} a segment of {size} octets from {sender} was sent {tries} times in {seconds} s and"
    " never acknowledged; {octets} octets of data had been.",
    Claim.LARGE_STALLED: "In {connections} a segment of {size} octets from {sender} was sent {tries} times in"
    " {seconds} s and never acknowledged, though {what_passed}: a path MTU that nobody tells of does that.",
    Claim.CUT: "In {connections} {size} octets from {sender} never came by, though what follows them did: lost on the"
    " way, perhaps for their size.",
    Claim.RESET_BY_BOX: "{connections} {were} reset in {sender}'s name after {octets} octets of data. The reset came"
    " with TTL {ttl}, {sender}'s own packets with {usual}: a box on the way made it.",
    Claim.RESET_MIDWAY: "{sender} reset {connections} after {octets} octets of data; the reset came with TTL {ttl}, as"
    " its other packets did.",
    Claim.REQUEST_UNANSWERED: "In {connections} {receiver}'s request of {size} octets was acknowledged and not answered"
    " in {seconds} s: the program at {sender} is silent, or its answer dies on the way.",
    Claim.ANSWER_REPEATED: "In {connections} {sender} sent its SYN-ACK {tries} times, although {receiver} acknowledged"
    " it: the acknowledgement is lost on the way, or the queue of the listening program is full.",
    Claim.ANSWER_UNHEARD: "In {connections} the answer of {sender} was seen and {receiver} never reacted to it, in"
    " {tries} tries: it is dropped behind the place of the capture, at {receiver} itself if that was there.",
    Claim.WINDOW_SHUT: "In {connections} {sender} kept its window shut for {seconds} s: its program does not read.",
    Claim.DISOWNED: "{receiver} met the answer to {connections} with a reset, as a port scanner does, or a program that"
    " is gone.",
    Claim.SENT_AGAIN: "{probes} had to be sent once more before the answer came: packets are lost, or the target was"
    " too busy.",
    Claim.NO_BEGINNING: "The beginning of {conversations} is not in the file; the other end is taken for the asker by"
    " its port.",
    Claim.TRACE_PORTS: "It is a traceroute: every probe went to a port of its own, from {low} to {high}, that nothing"
    " should listen on.",
    Claim.TRACE_SHORT: "Its probes got as far as hop {hop} ({address}), and none was sent with a larger TTL.",
    Claim.TRACE_ENDS: "{probes} with larger TTLs than {hop} drew nothing. Nothing else in the file was sent to the"
    " target in these seconds, so it may be this kind of packet alone, or all.",
    Claim.CAPTURED_ON_THE_WAY: "The capture was taken {hops_away} from {asker}, judging by its packets' TTL: hops count"
    " from there, and what became of packets before is not known.",
    Claim.CAPTURED_AT_TARGET: "The capture was taken at {target}, judging by its packets' TTL: what is in it did arrive"
    " there.",
    Claim.END_ASSUMED: "The file does not say how long was listened after its last packet: a second is assumed.",
    Claim.CAPTURED_SOMEWHERE: "The TTLs of {asker}'s packets do not tell how far from it the capture was taken.",
}

_CLAUSES: dict[Claim, str] = {
    Claim.LARGE_STALLED: "the connection is accepted and then stalls: large packets ({size} octets of data) die",
    Claim.STALLED: "the connection is accepted and then stalls after {octets} octets of data",
    Claim.CUT: "the connection is accepted, and {size} octets of what {sender} sent are lost",
    Claim.RESET_BY_BOX: "the connection is accepted, and reset after {octets} octets by a box on the way",
    Claim.RESET_MIDWAY: "the connection is accepted, and reset by the target after {octets} octets",
    Claim.REQUEST_UNANSWERED: "the connection is accepted, and the request is never answered: a silent application",
    Claim.ANSWER_REPEATED: "the target answers, and the handshake is never completed: its SYN-ACK comes {tries} times",
    Claim.ANSWER_UNHEARD: "the target answers, and {receiver} never reacts to the answer",
    Claim.WINDOW_SHUT: "the connection is accepted, and then {sender} stops reading",
}

_STEPS: dict[Claim, tuple[str, ...]] = {
    Claim.LARGE_STALLED: (
        "Ask for the path MTU from {asker}: pathprobe tcp {target} --mtu - it finds the largest packet that passes,"
        " and where larger ones die.",
    ),
    Claim.STALLED: (
        "Ask from {asker}: pathprobe tcp {target} --mtu - if all sizes pass, capture at both ends and run"
        " pathprobe analyze CLIENT SERVER.",
    ),
    Claim.CUT: ("Ask for the path MTU from {asker}: pathprobe tcp {target} --mtu",),
    Claim.RESET_BY_BOX: (
        "Ask who runs the firewalls and proxies between {asker} and {address} for a rule that resets {service}"
        " (content filter, idle timeout).",
    ),
    Claim.RESET_MIDWAY: ("On {address}: look at the log of what listens on {service}; it closed the connection.",),
    Claim.REQUEST_UNANSWERED: (
        "On {address}: look at what listens on {service} (its log, ss -tnp, its own back ends); if it did answer, ask"
        " for the path MTU from {asker}: pathprobe tcp {target} --mtu",
    ),
    Claim.ANSWER_REPEATED: (
        "On {address}: ss -tln (Recv-Q against Send-Q of the listener), nstat -az TcpExtListenOverflows; if both are"
        " fine, capture at both ends and run pathprobe analyze CLIENT SERVER.",
    ),
    Claim.ANSWER_UNHEARD: (
        "On {asker}: nft list ruleset (input), and rp_filter on the interface where the answer comes in.",
    ),
    Claim.WINDOW_SHUT: ("On {reader}: look at the program of {service}; it does not read what it is sent.",),
}


def words(facts: Mapping[str, Fact]) -> dict[str, str]:
    """The phrases of these sentences."""
    count, of = int(facts.get("count") or 0), int(facts.get("of") or 0)
    connections = f"{count} connection" if count == 1 else f"{count} connections"
    passed = int(facts.get("passed") or 0)
    return {
        "connections": connections if of <= count else f"{count} of {of} connections",
        "conversations": "1 conversation" if count == 1 else f"{count} conversations",
        "hops_away": "1 hop" if facts.get("hops") == 1 else f"{facts.get('hops')} hops",
        "were": "was" if count == 1 else "were",
        "what_passed": f"segments of up to {passed} octets were" if passed else "the handshake passed",
    }


def trouble(result: Result) -> str | None:
    """What goes wrong with connections that the target accepted, in one clause; None if nothing does."""
    found = _leading(result)
    if found is None:
        return None
    text = _CLAUSES[found.claim].format_map(found.facts)
    count, of = found.facts["count"], found.facts["of"]
    return text if count == of else f"{text} (in {count} of {of} connections)"


def not_always(result: Result) -> str:
    """That some attempts were never answered, while others were."""
    counted = result.counted
    if counted is None or not any(one.claim is Claim.SOME_SILENT for one in result.verdict.reasons):
        return ""
    return f", but not always: {counted.silent} of {counted.attempts} drew no answer"


def drop(location: Location) -> str | None:
    """Where a packet is lost that was watched from elsewhere than the host which sent it; None if it was not."""
    match location.where, location.direction, location.last_good:
        case Where.PATH, Direction.RETURN, None:
            return "the target answers, and the answer is lost on the way back"
        case Where.TARGET, _, _:
            return "it arrives at the target, which gives no answer"
        case Where.UNKNOWN, _, None:
            return "no answer comes by, and from where the capture was taken there is no telling where it is lost"
    return None


def drop_steps(result: Result) -> tuple[str, ...]:
    """What to do about a packet that is lost where ``drop`` says; nothing if it says nothing."""
    location, target = result.verdict.location, result.target
    asked = f"pathprobe {target.protocol} {target.label.rpartition('/')[0]}"
    match location.where, location.direction, location.last_good:
        case _ if result.counted is None:
            return ()
        case Where.PATH, Direction.RETURN, None:
            return (
                f"On {target.address}: ip route get {result.source}; then ask who runs the routers and firewalls on"
                f" that way for what drops answers of {target.service} (a stateful one that never saw the request).",
            )
        case Where.TARGET, _, _:
            return (
                f"On {target.address}: nft list ruleset (or iptables -S INPUT); look for the rule on {target.service};"
                " nstat -az TcpExtListenDrops.",
            )
        case Where.UNKNOWN, _, None:
            return (
                f"From {result.source}: {asked} - or capture at both ends and run pathprobe analyze CLIENT SERVER.",
            )
    return ()


def steps(result: Result) -> tuple[str, ...]:
    """What to do about it."""
    found = _leading(result)
    if found is None:
        return ()
    target = result.target
    names = {
        "asker": result.source,
        "address": target.address,
        "target": target.label.rpartition("/")[0],
        "service": target.service,
        "reader": found.facts["sender"],
    }
    return tuple(step.format_map(names) for step in _STEPS[found.claim])


def _leading(result: Result) -> Reason | None:
    claim = trouble_of(result)
    return next((one for one in result.verdict.reasons if one.claim is claim), None)
