"""How is a verdict said, so that it can be pasted into a ticket?

The only prose about verdicts: summary, reasons, next steps, and the comments in the capture. One sentence
a claim, in a table; facts in, text out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pathprobe.core.evidence import Observation
from pathprobe.core.ledger import Match
from pathprobe.core.outcomes import (
    NOT_SEEN,
    Answered,
    NotSent,
    Outcome,
    Refusal,
    Reply,
    Reset,
    Silent,
    TimeExceeded,
)
from pathprobe.core.probes import FULL_TTL, Kind, Probe
from pathprobe.core.report import (
    Claim,
    Fact,
    Hop,
    Location,
    Mechanism,
    Reason,
    Result,
    State,
    Where,
)

_Facts = Mapping[str, Fact]

#: What the kernel's refusals mean to a person (net/ipv4, net/ipv6; ip-route(8)).
_ERRNO = {
    "EPERM": "Operation not permitted: an output rule of this host's firewall drops it",
    "ENETUNREACH": "Network is unreachable: this host has no route",
    "EHOSTUNREACH": "No route to host: an 'unreachable' route of this host",
    "EACCES": "Permission denied: a 'prohibit' route of this host",
    "EINVAL": "Invalid argument: a 'blackhole' route of this host",
    "ENETDOWN": "Network is down: the interface is down",
    "EADDRNOTAVAIL": "Cannot assign requested address",
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
    match verdict.state, verdict.mechanism:
        case State.OPEN, _:
            return _open(result)
        case State.CLOSED, _:
            return "the target itself refuses: nothing listens there" + _away(verdict.distance)
        case State.UNKNOWN, Mechanism.RESET:
            return "a reset came back, but whether the target or a box on the way made it cannot be told from here"
        case State.UNKNOWN, _:
            return "not enough was learnt"
        case _, Mechanism.LOCAL_ERROR:
            return f"this host itself would not send it ({_first_error(result)})"
        case _, Mechanism.RESET:
            return f"a reset forged by {_maker(location)}, in the target's name"
        case _, Mechanism.REJECT | Mechanism.NO_ROUTE:
            return _refusal(result)
        case _, Mechanism.LOOP:
            return f"packets circle behind {place(location.last_good)} until their TTL runs out"
        case _, _:
            return _drop(result)


def _open(result: Result) -> str:
    verdict = result.verdict
    if verdict.location.where is Where.PATH:
        return f"answered by {_maker(verdict.location)}, which stands in for the target"
    return "the target answers" + _away(verdict.distance)


def _away(distance: int | None) -> str:
    if distance is None:
        return ""
    return " (this host itself)" if distance == 0 else f" ({distance} {'hop' if distance == 1 else 'hops'} away)"


def _maker(location: Location) -> str:
    if location.device:
        return place(Hop(ttl=location.device.ttl, address=location.device.address))
    return f"a box between {place(location.last_good)} and {place(location.first_bad)}"


def _first_error(result: Result) -> str:
    return next((_error_text(seen.outcome) for seen in result.observations if isinstance(seen.outcome, NotSent)), "")


def _error_text(outcome: NotSent) -> str:
    if outcome.error == NOT_SEEN:
        return "the packet never left the interface"
    return _ERRNO.get(outcome.error, outcome.error)


def _refusal(result: Result) -> str:
    verdict, location = result.verdict, result.verdict.location
    words = next((reason.facts.get("message") for reason in verdict.reasons if "message" in reason.facts), "refused")
    if location.where is Where.LOCAL:
        return "this host finds no neighbour to hand the packet to (no answer to ARP or neighbour discovery)"
    if location.where is Where.TARGET:
        return f"rejected by the target itself ({words})"
    if verdict.state is State.UNREACHABLE:
        return f"{_maker(location)} says {words}"
    return f"rejected by {_maker(location)} ({words})"


def _drop(result: Result) -> str:
    verdict, location = result.verdict, result.verdict.location
    good, bad = place(location.last_good), place(location.first_bad)
    if verdict.state is State.UNREACHABLE and location.where is not Where.LOCAL:
        return f"nothing of any kind comes back from beyond {good}"
    match location.where:
        case Where.LOCAL:
            return "dropped silently on this host"
        case Where.TARGET_EDGE:
            return f"dropped silently behind {good}: by its exit, by the target's own firewall, or on the way back"
        case Where.PATH:
            return f"dropped silently between {good} and {bad}"
        case _ if location.first_bad:
            return f"dropped silently between {good} and {bad}; the hops in between answer nobody"
        case _:
            return "no answer; the path was not traced" if not result.control else f"no answer from beyond {good}"


def summary(result: Result) -> str:
    """One sentence a person can paste into a ticket."""
    return f"{result.target.label} is {result.verdict.state}: {finding(result)}."


def sureness(confidence: float) -> str:
    """``99.6 %``; what rounds to certainty is shown as more than 99.9 %."""
    percent = confidence * 100
    return "> 99.9 %" if percent > 99.9 else f"{percent:.1f} %"


def claim(reason: Reason) -> str:
    """The sentence of one reason."""
    return _CLAIMS[reason.claim](reason.facts)


def _kind(facts: _Facts) -> str:
    """What one of the tested probes is called."""
    service = str(facts.get("service") or "")
    return "echo request" if service == "icmp echo" else f"SYN to {service}"


def _many(count: Fact, singular: str) -> str:
    noun, _, rest = singular.partition(" ")
    return singular if count == 1 else f"{noun}s {rest}".strip() if noun == "SYN" else f"{singular}s"


def _were(facts: _Facts) -> str:
    return f"{facts['count']} of {facts['count']} {_many(facts['count'], _kind(facts))}"


def _control(facts: _Facts) -> str:
    return f"{facts['count']} of {facts.get('sent', facts['count'])} control probes ({facts['kinds']})"


def _ends(facts: _Facts) -> tuple[str, str]:
    def hop(name: str) -> str:
        ttl, address = facts[f"{name}_ttl"], facts[f"{name}_address"]
        if ttl is None:
            return "the target"
        return place(Hop(ttl=int(ttl), address=str(address) if address else None))

    return hop("good"), hop("bad")


def _past(facts: _Facts) -> str:
    return "this host" if not facts.get("hop") else f"hop {facts['hop']}"


_CLAIMS: dict[Claim, Callable[[_Facts], str]] = {
    Claim.ANSWERED: lambda f: (
        f"The target's answer echoes the token of {f['count']} {_many(f['count'], _kind(f))}; it arrived with TTL {f['ttl']}."
    ),
    Claim.RESET_BY_TARGET: lambda f: (
        f"A reset came back for {f['count']} {_many(f['count'], _kind(f))}; it arrived with TTL {f['ttl']}."
    ),
    Claim.REFUSED: lambda f: (
        f"{f['source']} answered {f['count']} {_many(f['count'], _kind(f))} with ICMP {f['message']}, quoting our packet."
    ),
    Claim.TEST_SILENT: lambda f: f"{_were(f)} died past {_past(f)}, without a word.",
    Claim.CONTROL_PASSED: lambda f: f"{_control(f)} got through in the same seconds.",
    Claim.CONTROL_REFUSED: lambda f: (
        f"{f['source']} also refused {f['count']} control {_many(f['count'], 'probe')} ({f['service']}):"
        f" ICMP {f['message']}."
    ),
    Claim.CONTROL_SILENT: lambda f: (
        f"{f['count']} control probes of other kinds ({f['kinds']}) died there too: it is not about this port alone."
    ),
    Claim.INTERVAL: lambda f: (
        "A drop shows as an interval: the rule is on the way out of {} or on the way in to {}.".format(*_ends(f))
    ),
    Claim.TARGET_EDGE: lambda f: (
        "From here these cannot be told apart: a rule on the way out of {}, the firewall of {}, an answer lost on the"
        " way back.".format(*_ends(f))
    ),
    Claim.LOCAL_SILENCE: lambda f: "Nothing lies between: a rule of this host drops it.",
    Claim.SILENT_HOPS: lambda f: (
        f"Hop {f['hops']} answers nobody; packets pass it all the same."
        if f["hop_count"] == 1
        else f"Hops {f['hops']} answer nobody; packets pass them all the same."
    ),
    Claim.NOTHING_ANSWERS: lambda f: "Nothing on the way answers.",
    Claim.EARLY_ANSWER: lambda f: (
        f"{f['count']} {_many(f['count'], _kind(f))} drew the answer from TTL {f['ttl']} on;"
        f" the target is {f['distance']} hops away and cannot be reached with that."
    ),
    Claim.NEARER_REPLY: lambda f: (
        f"The answer came back over {f['back']} hops, judging by its TTL; the target's own answers"
        f" ({f['kinds']}) come over {f['usual']}."
    ),
    Claim.SAME_DISTANCE: lambda f: (
        f"The answer came back over {f['back']} hops, judging by its TTL, as the target's other answers"
        f" do ({f['kinds']})."
    ),
    Claim.NO_COMPARISON: lambda f: "The target answers nothing else, so there is nothing to compare this answer with.",
    Claim.NOT_SENT: lambda f: (
        f"The kernel refused {f['count']} {_many(f['count'], _kind(f))}:"
        f" {f['error']}, {_ERRNO.get(str(f['error']), 'see errno(3)')}."
    ),
    Claim.NOT_SEEN: lambda f: (
        f"The kernel accepted {f['count']} {_many(f['count'], _kind(f))}, and none was seen to leave the interface."
    ),
    Claim.NO_NEIGHBOUR: lambda f: "No packet of any kind was seen to leave: the next hop's link address is not known.",
    Claim.EXPIRED_AT_FULL_TTL: lambda f: (
        f"{f['count']} {_many(f['count'], _kind(f))} ran out of a TTL of {FULL_TTL} at {f['source']}."
    ),
    Claim.NOT_TRACED: lambda f: "The path was not traced, so there is no telling where they died.",
    Claim.UNFINISHED: lambda f: "It ended before the network had its time to answer.",
}


def next_steps(result: Result) -> tuple[str, ...]:
    """What to run, or whom to ask, next; the ticket's to-do list."""
    verdict, location, target = result.verdict, result.verdict.location, result.target
    match verdict.state, location.where:
        case State.OPEN, Where.PATH:
            return (f"Ask who runs {_maker(location)}: it answers for {target.address}, which may not even be up.",)
        case State.OPEN, _:
            if target.port is None:
                return ()
            return (f"The network is fine. If the service still fails, look at it: curl -v telnet://{_host(result)}",)
        case State.CLOSED, _:
            return (
                f"On {target.address}: ss -tlnp 'sport = :{target.port}' - is the service running, and not on 127.0.0.1 only?",
            )
        case State.UNKNOWN, _:
            return (f"Ask on {target.address} itself: tcpdump -ni any {_filter(result)}",)
        case _, Where.LOCAL:
            return _local_steps(result)
        case _, Where.TARGET:
            return (
                f"On {target.address}: nft list ruleset (or iptables -S INPUT) and look for the rule on {target.service}.",
            )
        case State.UNREACHABLE, _:
            return _unreachable_steps(result)
        case _, Where.TARGET_EDGE:
            return (
                f"On {target.address}: tcpdump -ni any {_filter(result)} while this runs again - if it arrives,"
                f" look at nft list ruleset there; if not, {_blame(location.last_good)}.",
            )
        case _, _:
            return (_ask_for_rule(result),)


def _local_steps(result: Result) -> tuple[str, ...]:
    verdict, address = result.verdict, result.target.address
    if verdict.state is State.FILTERED:
        return ("On this host: nft list ruleset; iptables -S OUTPUT; tc filter show dev DEVICE egress",)
    if verdict.mechanism is Mechanism.LOCAL_ERROR:
        return (f"On this host: ip route get {address}; ip rule; ip -br link",)
    return (f"On this host: ip route get {address}; ip neigh - is the next hop up, and in this network?",)


def _unreachable_steps(result: Result) -> tuple[str, ...]:
    location, address = result.verdict.location, result.target.address
    if location.device:
        return (
            f"Ask who runs {_maker(location)} for its route to {address}, and whether {address} is up behind it"
            f" (ip route get {address}; ip neigh).",
        )
    return (f"Ask who runs {place(location.last_good)} for its route to {address}, and whether {address} is up.",)


def _ask_for_rule(result: Result) -> str:
    location, target = result.verdict.location, result.target
    rule = f"a rule on {target.service} towards {target.address} (forward chain, ACL)"
    if location.device:
        return f"Ask who runs {_maker(location)} for {rule}."
    good, bad = location.last_good, location.first_bad
    if location.where is Where.UNKNOWN:
        return (
            f"On {target.address}: tcpdump -ni any {_filter(result)} while this runs again - if nothing arrives,"
            f" {_blame(good)}, and those behind it, for {rule}."
        )
    if good is not None and good.ttl == 0:
        return f"Look on this host (nft list ruleset), then ask who runs {place(bad)} for {rule}."
    return f"Ask who runs {place(good)} and {place(bad)} for {rule}."


def _blame(hop: Hop | None) -> str:
    if hop is not None and hop.ttl == 0:
        return "look at nft list ruleset here"
    return f"ask who runs {place(hop)}"


def _host(result: Result) -> str:
    return result.target.label.rpartition("/")[0]


def _filter(result: Result) -> str:
    target = result.target
    if target.port is None:
        return "'icmp6'" if ":" in target.address else "'icmp'"
    return f"'tcp port {target.port}'"


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


def section_comment(result: Result) -> str:
    """The verdict, as it stands at the head of the capture."""
    return f"{summary(result)} (sure: {sureness(result.verdict.confidence)})"


def _what(probe: Probe) -> str:
    return "echo request" if probe.flow.kind is Kind.ECHO else f"SYN to {probe.flow.label}"


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
        case Refusal():
            return f"refused by {outcome.source}: {outcome.message.name}, {_timing(outcome)}"
        case Silent(waited=waited):
            return f"no answer in {waited:.2f} s"
        case NotSent():
            return f"not sent: {_error_text(outcome)}"
    raise AssertionError(outcome)


def _timing(reply: Reply) -> str:
    return f"{reply.rtt * 1000:.1f} ms, arrived with TTL {reply.ttl}"
