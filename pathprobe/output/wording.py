"""How is a verdict said, so that it can be pasted into a ticket?

The prose that all renderers share; reasons, next steps and packet comments have their own modules beside it.
Facts in, text out.
"""

from __future__ import annotations

from pathprobe.core.outcomes import (
    NOT_SEEN,
    NotSent,
)
from pathprobe.core.report import (
    Claim,
    Direction,
    Hop,
    Location,
    Mechanism,
    Result,
    State,
    Where,
)
from pathprobe.output import both_ends, flows, watched

#: What the kernel's refusals mean to a person (net/ipv4, net/ipv6; ip-route(8)).
_ERRNO = {
    "EPERM": "Operation not permitted: an output rule of this host drops it, or its connection table is full",
    "ENETUNREACH": "Network is unreachable: this host has no route",
    "EHOSTUNREACH": "No route to host: an 'unreachable' route of this host",
    "EACCES": "Permission denied: a 'prohibit' route of this host",
    "EINVAL": "Invalid argument: a 'blackhole' route of this host",
    "ENETDOWN": "Network is down: the interface is down",
    "EMSGSIZE": "Message too long: larger than the interface's MTU",
    "EADDRNOTAVAIL": "Cannot assign requested address: this host has no address to send from",
}


def place(hop: Hop | None) -> str:
    """``hop 2 (10.9.2.2)``, ``this host``, ``hop 3``."""
    if hop is None:
        return "an unknown hop"
    if hop.ttl == 0:
        return "this host"
    return f"hop {hop.ttl} ({hop.address})" if hop.address else f"hop {hop.ttl}"


def finding(result: Result) -> str:
    """What stops the packet and where, in one clause without a full stop."""
    verdict, location = result.verdict, result.verdict.location
    if told := both_ends.finding(result):
        return told
    match verdict.state, verdict.mechanism:
        case State.OPEN, _:
            return watched.trouble(result) or _open(result) + watched.not_always(result)
        case State.CLOSED, _ if _claims(result, Claim.TRACE_PORTS):
            return f"the traceroute reaches the target{_away(verdict.distance)}"
        case State.CLOSED, Mechanism.RESET if location.where is Where.UNKNOWN and _claims(result, Claim.NO_COMPARISON):
            return "a reset in the target's name; whether the target itself sent it was not looked into"
        case State.CLOSED, _:
            who = "what the target forwards this port to" if _claims(result, Claim.FORWARDED) else "the target itself"
            return f"{who} refuses: nothing listens there" + _away(verdict.distance)
        case State.INTERMITTENT, _:
            return _intermittent(result)
        case State.UNKNOWN, Mechanism.RESET | Mechanism.REJECT:
            return "it was refused, but whether by the target or by a box on the way cannot be told from here"
        case State.OPEN_FILTERED, _:
            return _mute(result) + ": a service that does not answer this, or a rule for this port"
        case State.UNKNOWN, None if is_mute(result):
            return _mute(result) + ": open, closed and filtered cannot be told apart from here"
        case State.UNKNOWN, _:
            return "not enough was learnt"
        case _, Mechanism.LOCAL_ERROR:
            return f"this host itself would not send it ({_first_error(result)})"
        case _, Mechanism.RESET:
            return f"a reset forged by {maker(location)}, in the target's name"
        case _, Mechanism.REJECT | Mechanism.NO_ROUTE:
            return _refusal(result)
        case _, Mechanism.LOOP:
            return f"packets circle{_circle(result)} until their TTL runs out"
        case _, _:
            return _drop(result)


def is_mute(result: Result) -> bool:
    """A UDP port that answers nothing and was not shown to be cut off."""
    return any(reason.claim is Claim.TEST_UNANSWERED for reason in result.verdict.reasons)


def _mute(result: Result) -> str:
    location = result.verdict.location
    if location.where is Where.LOCAL:
        return "silent, on this host itself"
    if location.last_good is None or location.last_good.ttl == 0:
        return "silent"
    return f"silent behind {place(location.last_good)}"


def _circle(result: Result) -> str:
    """Which hops circle: `` between hop 3 (10.9.3.2) and hop 2 (10.9.2.2)``."""
    location = result.verdict.location
    facts = next((reason.facts for reason in result.verdict.reasons if reason.claim is Claim.CIRCLE), None)
    if facts is None:
        return f" behind {place(location.last_good)}" if location.last_good else ""
    ttls, addresses = str(facts["ttls"]).split(), str(facts["addresses"]).split()
    hops = [place(Hop(ttl=int(ttl), address=address)) for ttl, address in zip(ttls, addresses, strict=True)]
    if len(hops) != facts["period"]:
        return f" through {' and '.join(hops)}, and through hops that answered nobody,"
    if len(hops) == 2:
        return f" between {hops[1]} and {hops[0]}"
    return f" through {', '.join(hops[:-1])} and {hops[-1]}"


def _claims(result: Result, claim: Claim) -> bool:
    return any(reason.claim is claim for reason in result.verdict.reasons)


def _intermittent(result: Result) -> str:
    verdict, location = result.verdict, result.verdict.location
    flows_die = flows.how_many(verdict)
    if flows_die is None:
        return "some tries are answered and some die, more than the control loses"
    if verdict.mechanism is Mechanism.RESET:
        return f"{flows_die}: a reset forged by {maker(location)}, in the target's name"
    if verdict.mechanism in (Mechanism.REJECT, Mechanism.NO_ROUTE):
        return f"{flows_die}: {_refusal(result)}"
    if common := flows.in_common(verdict):
        return f"{flows_die}; {common}"
    return f"{flows_die}, {_drop(result)}" if location.last_good else flows_die


def _open(result: Result) -> str:
    verdict = result.verdict
    if verdict.location.where is Where.PATH:
        return f"answered by {maker(verdict.location)}, which stands in for the target"
    behind = ", from behind a port forwarding" if _claims(result, Claim.FORWARDED) else ""
    return "the target answers" + _away(verdict.distance) + behind


def _away(distance: int | None) -> str:
    if distance is None:
        return ""
    return " (this host itself)" if distance == 0 else f" ({distance} {'hop' if distance == 1 else 'hops'} away)"


def maker(location: Location) -> str:
    if location.device:
        return place(Hop(ttl=location.device.ttl, address=location.device.address))
    return f"a box between {place(location.last_good)} and {place(location.first_bad)}"


def _first_error(result: Result) -> str:
    return next((error_text(seen.outcome) for seen in result.observations if isinstance(seen.outcome, NotSent)), "")


def explain_errno(name: str) -> str:
    """What an errno of send() says about this host."""
    return _ERRNO.get(name, "see errno(3)")


def error_text(outcome: NotSent) -> str:
    """Why a probe was not sent."""
    if outcome.error == NOT_SEEN:
        return "the packet never left the interface"
    return _ERRNO.get(outcome.error, outcome.error)


def _refusal(result: Result) -> str:
    verdict, location = result.verdict, result.verdict.location
    words = next((reason.facts.get("message") for reason in verdict.reasons if "message" in reason.facts), "refused")
    if location.where is Where.LOCAL and _claims(result, Claim.NO_ADDRESS):
        return "this host has no address of its own to send from"
    if location.where is Where.LOCAL:
        return "this host finds no neighbour to hand the packet to (no answer to ARP or neighbour discovery)"
    if location.where is Where.TARGET and verdict.mechanism is Mechanism.NO_ROUTE and _claims(result, Claim.FORWARDED):
        return f"the target forwards this port to something that it cannot reach ({words})"
    if location.where is Where.TARGET:
        return f"rejected by the target itself ({words})"
    if verdict.state is State.UNREACHABLE:
        return f"{maker(location)} says {words}"
    return f"rejected by {maker(location)} ({words})"


def _drop(result: Result) -> str:
    verdict, location = result.verdict, result.verdict.location
    good, bad = place(location.last_good), place(location.first_bad)
    if elsewhere := watched.drop(location):
        return elsewhere
    if verdict.state is State.UNREACHABLE and location.where is not Where.LOCAL:
        told = next((one.facts for one in verdict.reasons if one.claim is Claim.CONTROL_REFUSED), None)
        if told:
            return f"nothing sent to it comes back from beyond {good}, and {told['source']} refuses the control"
        return f"nothing of any kind comes back from beyond {good}"
    match location.where:
        case Where.LOCAL if location.direction is Direction.RETURN:
            return "the target answers, and this host drops the answer on its way in"
        case Where.LOCAL:
            return "dropped silently on this host"
        case Where.TARGET_EDGE if location.first_bad is None:
            return f"{good} forwards it, and it is lost behind: at its exit, at what it forwards to, or on the way back"
        case Where.TARGET_EDGE:
            return f"dropped silently behind {good}: by its exit, by the target's own firewall, or on the way back"
        case Where.PATH:
            return f"dropped silently between {good} and {bad}"
        case _ if location.first_bad:
            return f"dropped silently between {good} and {bad}; the hops in between answered nobody"
        case _:
            return f"dropped silently somewhere beyond {good}"


def fails(result: Result) -> bool:
    """The target accepts connections, and they come to grief."""
    return result.verdict.state is State.OPEN and bool(watched.trouble(result) or both_ends.trouble(result))


def stated(result: Result) -> str:
    """The state, and whether that is the whole truth: ``open, but it fails``."""
    return f"{result.verdict.state}{', but it fails' if fails(result) else ''}"


def summary(result: Result) -> str:
    """One sentence a person can paste into a ticket."""
    return f"{result.target.label} is {stated(result)}: {finding(result)}."


def sureness(confidence: float) -> str:
    """``99.6 %``; what rounds to certainty is shown as more than 99.9 %."""
    percent = confidence * 100
    return "> 99.9 %" if percent > 99.9 else f"{percent:.1f} %"
