"""Would the kernel take the packet in, and route it on where it has to?

rp_filter: fib_validate_source() with the larger of the values of "all" and the interface; 1 strict, 2 loose (RFC 3704).
IPv6 has no such setting. Forwarding: ip_forward() asks the interface by which the packet came, ip6_forward() "all".
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

from pathprobe.core.layers import Evidence, Status
from pathprobe.layers.counters import NETSTAT
from pathprobe.layers.findings import Finding
from pathprobe.layers.kernel.facts import Kernel, counted, name
from pathprobe.layers.kernel.question import Question
from pathprobe.layers.listening.reach import is_inner

_STRICT, _LOOSE = 1, 2

#: The counter of packets that the reverse path filter dropped, on any interface.
_FILTERED = "IPReversePathFilter"

_REVERSE_PATH = (
    "A strict reverse path filter drops a packet that comes in by another interface than the answer would leave by, "
    "before any firewall rule of the input hook; nobody is told."
)
_NO_WAY_BACK = "Without a route to the client the kernel drops what comes from it, or the answer to it; nobody is told."
_NOT_ROUTED = "A packet for another address, a container's among them, is dropped where this machine does not forward."
_LOCALNET = "A packet that is rewritten to 127.0.0.0/8 is dropped as a martian unless route_localnet allows it."
_NO_IPV6 = "Without IPv6 the machine has no such address and answers nothing that is sent to one."


#: What modules of tunnels make for themselves in each namespace: down, as a rule, and nobody's way in.
_FALLBACKS = frozenset({"sit0", "gre0", "gretap0", "erspan0", "ip_vti0"})

#: By it come the machine's own packets, which neither rp_filter nor forwarding nor route_localnet is for.
_LOOPBACK = "lo"


def find(facts: Kernel, question: Question) -> Iterator[Finding]:
    if question.version == 6:
        yield from _ipv6(facts, question)
    if question.no_route_back is not None:
        yield _no_way_back(question, question.no_route_back)
    if question.arrival == _LOOPBACK:
        return
    if question.version != 6:
        if question.no_route_back is None:
            yield from _reverse_path(facts, question)
        yield from _localnet(facts, question)
    if question.forwarded:
        yield from _forwarding(facts, question)


def strictness(facts: Kernel, interface: str) -> int:
    """0 off, 1 strict, 2 loose."""
    return max(facts.number(_filter(one)) or 0 for one in ("all", interface))


def _filter(interface: str) -> str:
    return f"net/ipv4/conf/{interface}/rp_filter"


def _no_way_back(question: Question, reason: str) -> Finding:
    client = question.client
    return Finding(
        status=Status.FAIL,
        sentence=f"there is no route back to {client} ({reason}): the answer cannot leave",
        evidence=(Evidence(source=f"ip route get {client}", text=reason),) if question.source else (),
        why=_NO_WAY_BACK,
        fix=(f"# ip route add {question.source or 'CLIENT'} via GATEWAY",),
    )


def _reverse_path(facts: Kernel, question: Question) -> Iterator[Finding]:
    arrival, back = question.arrival, question.route_back
    if arrival is not None and back is not None:
        yield from _asymmetric(facts, question, arrival, back)
        return
    strict = _strict(facts)
    if arrival is not None:
        strict = [one for one in strict if one == arrival]
    several = len([one for one in facts.interfaces if one != _LOOPBACK]) > 1
    if strict and several and facts.tcp.get(_FILTERED, 0):
        yield _filtered(facts, strict)


def _strict(facts: Kernel) -> list[str]:
    return [one for one in facts.interfaces if one != _LOOPBACK and strictness(facts, one) == _STRICT]


def _asymmetric(facts: Kernel, question: Question, arrival: str, back: str) -> Iterator[Finding]:
    """Where the packet comes in is what the routes tell; the network may send it by another way."""
    if arrival != back:
        if strictness(facts, arrival) == _STRICT:
            yield _other_way(facts, arrival, back)
        return
    others = [one for one in _strict(facts) if one != back and one not in _FALLBACKS and not is_inner(one)]
    if others:
        yield _by_another(facts, question, back, others)


def _other_way(facts: Kernel, arrival: str, back: str) -> Finding:
    return Finding(
        status=Status.FAIL,
        sentence=f"the packet comes in by {arrival} and its answer would leave by {back}: "
        f"{arrival}'s reverse path filter is strict and drops it",
        evidence=(*facts.seen(_filter("all"), _filter(arrival)), *_filter_drops(facts)),
        why=_REVERSE_PATH,
        fix=(f"sysctl -w {name(_filter(arrival))}={_LOOSE}",),
    )


def _by_another(facts: Kernel, question: Question, back: str, others: list[str]) -> Finding:
    paths = [_filter(one) for one in others]
    there = "the strict reverse path filter there drops them"
    return Finding(
        status=Status.WARN,
        sentence=f"answers to {question.client} leave by {back}; if its packets come in by another interface "
        f"({', '.join(others)}), {there}",
        evidence=(*facts.seen(_filter("all"), *paths), *_filter_drops(facts)),
        why=_REVERSE_PATH,
        fix=tuple(f"sysctl -w {name(path)}={_LOOSE}" for path in paths),
    )


def _filtered(facts: Kernel, strict: list[str]) -> Finding:
    dropped = facts.tcp[_FILTERED]
    paths = [_filter(one) for one in strict]
    packets = f"{dropped} packet{'' if dropped == 1 else 's'}"
    return Finding(
        status=Status.WARN,
        sentence=f"the reverse path filter is strict on {', '.join(strict)} and dropped {packets} so far",
        evidence=(*facts.seen(_filter("all"), *paths), *_filter_drops(facts)),
        why=_REVERSE_PATH,
        fix=tuple(f"sysctl -w {name(path)}={_LOOSE}" for path in paths),
    )


def _filter_drops(facts: Kernel) -> tuple[Evidence, ...]:
    dropped = facts.tcp.get(_FILTERED)
    return () if dropped is None else (counted(NETSTAT, IPReversePathFilter=dropped),)


def _localnet(facts: Kernel, question: Question) -> Iterator[Finding]:
    if question.lands_on is None or not ip_address(question.lands_on).is_loopback:
        return
    interfaces = (question.arrival,) if question.arrival else [one for one in facts.interfaces if one != _LOOPBACK]
    paths = [f"net/ipv4/conf/{one}/route_localnet" for one in ("all", *interfaces)]
    told = [facts.number(one) for one in paths]
    # One interface that allows it may be the one.
    if any(told) or None in told:
        return
    yield Finding(
        status=Status.FAIL,
        sentence=f"a rule sends the packet to {question.lands_on}, which the kernel does not let in from outside",
        evidence=facts.seen(*paths),
        why=_LOCALNET,
        fix=(f"sysctl -w {name(paths[-1] if question.arrival else paths[0])}=1",),
    )


def _ipv6(facts: Kernel, question: Question) -> Iterator[Finding]:
    paths = {one: f"net/ipv6/conf/{one}/disable_ipv6" for one in facts.interfaces if one != _LOOPBACK}
    asked = {one: path for one, path in paths.items() if question.arrival in (None, one)}
    if not any(path.startswith("net/ipv6/") for path in facts.settings):
        yield Finding(
            status=Status.FAIL, sentence="this kernel has no IPv6 (ipv6.disable=1, or not built in)", why=_NO_IPV6
        )
    elif asked and all(facts.number(path) == 1 for path in asked.values()):
        yield Finding(
            status=Status.FAIL,
            sentence=f"IPv6 is switched off on {', '.join(asked)}",
            evidence=facts.seen(*asked.values()),
            why=_NO_IPV6,
            fix=tuple(f"sysctl -w {name(path)}=0" for path in asked.values()),
        )


def _forwarding(facts: Kernel, question: Question) -> Iterator[Finding]:
    """Of what comes in by any of the interfaces by which it may; the machine's own packets are not forwarded."""
    switch = "net/ipv6/conf/all/forwarding" if question.version == 6 else "net/ipv4/ip_forward"
    arrivals = (question.arrival,) if question.arrival is not None else question.arrivals
    outer = [one for one in arrivals if one != _LOOPBACK]
    if arrivals and not outer:
        return
    asked = {one: _switch_of(one, facts, question, switch) for one in outer} or {"": switch}
    values = {path: facts.number(path) for path in asked.values()}
    version = f"IPv{question.version or 4}"
    unread = [path for path, value in values.items() if value is None]
    shut = [path for path, value in values.items() if value == 0]
    if len(shut) == len(values):
        # The one switch sets all of them.
        paths = shut if len(shut) == 1 or facts.number(switch) else [switch]
        by = "" if switch in paths else f" from {', '.join(asked)}"
        yield Finding(
            status=Status.FAIL,
            sentence=f"the packet is to be forwarded, and this machine does not forward {version}{by}",
            evidence=facts.seen(*dict.fromkeys((switch, *shut))),
            why=_NOT_ROUTED,
            fix=_switched_on(paths),
        )
    elif unread:
        sentence = f"whether this machine forwards {version} could not be read"
        yield Finding(status=Status.UNKNOWN, sentence=sentence, fix=(f"sysctl {name(unread[0])}",))
    elif shut:
        does, does_not = (
            [one for one, path in asked.items() if (path in shut) is is_shut] for is_shut in (False, True)
        )
        yield Finding(
            status=Status.WARN,
            sentence=f"the packet is to be forwarded, and this machine forwards {version} from {', '.join(does)}, "
            f"but not from {', '.join(does_not)}",
            evidence=facts.seen(*values),
            why=_NOT_ROUTED,
            fix=_switched_on(shut),
        )
    else:
        yield Finding(status=Status.PASS, evidence=facts.seen(*values))


def _switch_of(interface: str, facts: Kernel, question: Question, switch: str) -> str:
    own = f"net/ipv4/conf/{interface}/forwarding"
    return own if question.version != 6 and own in facts.settings else switch


def _switched_on(paths: list[str]) -> tuple[str, ...]:
    kept = ">"
    lines = []
    for path in paths:
        lines += [f"sysctl -w {name(path)}=1", f"echo '{name(path)} = 1' {kept} /etc/sysctl.d/90-forwarding.conf"]
        kept = ">>"
    return tuple(lines)
