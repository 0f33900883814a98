"""How is it said what two captures, one from each end, show together?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pathprobe.core.ends.fate import Fate
from pathprobe.core.probes import Flow, Kind
from pathprobe.core.report import Report, Result, State

if TYPE_CHECKING:
    # What reads two captures is not loaded for the sake of a live run.
    from pathprobe.core.ends.both_ends import BothEnds
    from pathprobe.core.ends.clocks import Clocks, Delays
    from pathprobe.core.ends.lost_octets import LostData

_ASKING = {"tcp": "SYN", "udp": "datagram", "icmp": "echo request"}

#: What the verdict comes to where only two ends can tell; other fates are said as one end says them.
_FINDINGS = {
    Fate.NEVER_ARRIVED: "{lost} of {sent} never arrived at the server: lost on the way there, or sent elsewhere by a"
    " NAT",
    Fate.SERVER_SILENT: "{arrived} of {sent} arrived at the server, and it answered nothing",
    Fate.ANSWER_LOST: "the server answered ({answers} sent), and the answer was lost on the way back",
}
_UNKNOWN = "no answer to {sent}, and the server's capture cannot tell whether they arrived"


def finding(result: Result) -> str | None:
    """What happened, in one clause; None where the fate is one that one end sees as well."""
    ends = result.both_ends
    if (wrong := trouble(result)) and result.verdict.state is State.OPEN:
        return f"the target answers, and then {wrong}"
    if ends is None or ends.fate not in _FINDINGS:
        return None
    if _is_interval(result):
        return None
    known = ends.fate is not Fate.NEVER_ARRIVED or ends.running.is_known
    clause = (_FINDINGS[ends.fate] if known else _UNKNOWN).format(
        lost=ends.sent - ends.arrived,
        sent=asked(result, ends.sent),
        arrived=ends.arrived,
        answers=count(ends.answers, "packet"),
    )
    if result.verdict.state is not State.INTERMITTENT:
        return clause
    return f"{ends.tries[ends.fate]} of {count(sum(ends.tries.values()), 'try')} died; in all, {clause}"


def trouble(result: Result) -> str | None:
    """What goes wrong with connections that the server accepted, in one clause; None if nothing does."""
    ends = result.both_ends
    if ends and ends.lost:
        return _lost(ends.lost[0])
    return f"{breaker(result)} breaks the connection off with a reset" if ends and ends.resets else None


def _is_interval(result: Result) -> bool:
    """Probes with small TTLs show between which hops they die, which says more."""
    ends, good = result.both_ends, result.verdict.location.last_good
    is_steady = result.verdict.state is not State.INTERMITTENT
    return bool(ends and ends.fate is Fate.NEVER_ARRIVED and good and good.ttl and is_steady)


def breaker(result: Result) -> str:
    """Who made what the server never sent."""
    device = result.verdict.location.device
    if device is None:
        return "a box on the way"
    return f"hop {device.ttl} ({device.address})" if device.address else f"hop {device.ttl}"


def _lost(one: LostData) -> str:
    what = f"large packets ({one.smallest_lost} octets and more)" if one.is_about_size else "data"
    sender, receiver = ("client", "server") if one.forward else ("server", "client")
    return f"{what} of the {sender} never arrive at the {receiver}"


def asked(result: Result, number: int) -> str:
    """So many packets that ask: ``2 SYNs``."""
    return count(number, _ASKING[result.target.protocol])


def count(number: int, what: str) -> str:
    """``1 packet``, ``3 tries``."""
    plural = what if number == 1 else f"{what[:-1]}ies" if what.endswith("y") else f"{what}s"
    return f"{number} {plural}"


# ---- what to do


def next_steps(result: Result) -> tuple[str, ...] | None:
    """Where to look next, now that it is known which end or which way it is; None: as one end says."""
    ends = result.both_ends
    if ends is None:
        return None
    if ends.lost:
        return tuple(_ask_about_data(result, one) for one in ends.lost)
    if ends.resets:
        return (f"Ask who runs {breaker(result)} why it resets connections to {result.target.service}: its log tells.",)
    match ends.fate:
        case Fate.NEVER_ARRIVED if not ends.running.is_known:
            return (_capture_again(result),)
        case Fate.SERVER_SILENT:
            return (_SILENT[result.target.protocol].format(address=result.target.address, port=result.target.port),)
        case Fate.NEVER_ARRIVED if not _is_interval(result):
            return (_ask_the_way(result),)
        case Fate.ANSWER_LOST:
            return (_ask_the_way_back(result),)
    return None


_SILENT = {
    "tcp": "On {address}: nft list ruleset (or iptables -S INPUT) for a rule on tcp/{port}; ss -ltn 'sport = :{port}'"
    " - Recv-Q at Send-Q is a full queue, and so is nstat -az TcpExtListenOverflows TcpExtListenDrops that grows; "
    "sysctl net.ipv4.conf.all.rp_filter.",
    "udp": "On {address}: ss -ulnp 'sport = :{port}' - does anything listen, and does it answer this?; nft list"
    " ruleset; nstat -az UdpRcvbufErrors UdpNoPorts.",
    "icmp": "On {address}: nft list ruleset; sysctl net.ipv4.icmp_echo_ignore_all.",
}


def _capture_again(result: Result) -> str:
    port = "icmp or icmp6" if result.target.port is None else f"{result.target.protocol} port {result.target.port}"
    return (
        f"Capture again on {result.target.address}, started before the client asks and ended after it:"
        f" tcpdump -ni any -w server.pcap '{port} or icmp or icmp6' - and ping it once, to see that the capture runs."
    )


def _ask_the_way(result: Result) -> str:
    target = result.target
    return (
        f"From the client: sudo pathprobe {_again(result)} - it finds the hop; there look for a rule on"
        f" {target.service} (forward chain, ACL), and for a NAT of {target.address}."
    )


def _again(result: Result) -> str:
    target = result.target
    return f"{target.protocol} {target.label.rpartition('/')[0]}"


def _ask_about_data(result: Result, one: LostData) -> str:
    there = f"from {result.source} to {result.target.address}"
    way = there if one.forward else f"from {result.target.address} back to {result.source}"
    if not one.is_about_size:
        return (
            f"Ask who runs the routers {way} for a firewall or shaper that drops an established connection's packets."
        )
    return (
        f"Ask who runs the routers {way} for the link that takes no {one.smallest_lost} octets and for what drops its"
        f" ICMP; sudo pathprobe {_again(result)} --mtu finds it; until then clamp the MSS."
    )


def _ask_the_way_back(result: Result) -> str:
    target, seen = result.target, result.both_ends.seen_as if result.both_ends else ()
    client = seen[0][1].source if seen else result.source
    return (
        f"On {target.address}: ip route get {client} - then ask who runs the routers on that way for a rule on answers"
        f" from {target.service}, or a stateful firewall that only sees this direction (asymmetric routing)."
    )


# ---- clocks, delays and addresses


def lines(result: Result) -> list[str]:
    """What both ends show beside the verdict: hops, clocks, delays, and addresses that a NAT rewrote."""
    ends = result.both_ends
    if ends is None:
        return []
    return [*_hops(ends), *_clocks(ends.clocks), *_addresses(ends)]


def server_ahead(report: Report) -> float | None:
    """By how many seconds the server's clock is ahead of the client's; None where nothing shows it."""
    clocks = next((one.both_ends.clocks for one in report.results if one.both_ends and one.both_ends.clocks), None)
    return clocks.main.offset_ns / 1e9 if clocks else None


def _hops(ends: BothEnds) -> list[str]:
    ways = [(ends.hops_there, "there"), (ends.hops_back, "back")]
    known = [f"{count(hops, 'hop')} {way}" for hops, way in ways if hops]
    return [f"{' and '.join(known)}, by the TTLs at both ends"] if known else []


def _clocks(clocks: Clocks | None) -> list[str]:
    if clocks is None:
        return ["no packet is in both captures: the clocks cannot be compared"]
    span = clocks.main
    if span.error_ns is not None and abs(span.offset_ns) <= span.error_ns and len(clocks.spans) == 1:
        return [f"the clocks agree, as far as can be told: +- {span.error_ns / 1e6:.3f} ms", *_delays(clocks)]
    ahead = f"{abs(span.offset_ns) / 1e9:.6f} s {'ahead of' if span.offset_ns >= 0 else 'behind'} the client's"
    if span.error_ns is None:
        text = f"the server's clock is {ahead}, if the fastest packet took no time: packets of one direction only"
    else:
        text = f"the server's clock is {ahead}, +- {span.error_ns / 1e6:.3f} ms"
    if len(clocks.spans) > 1:
        text += f"; that changed {count(len(clocks.spans) - 1, 'time')}: a clock was set, or drifts"
    return [text, *_delays(clocks)]


def _delays(clocks: Clocks) -> list[str]:
    """Packets of one direction alone show no delay, but only how it differs."""
    if clocks.forward is None or clocks.back is None:
        return []
    return [f"one way: there {_delay(clocks.forward)}; back {_delay(clocks.back)}"]


def _delay(found: Delays) -> str:
    least, middle, most = (f"{seconds * 1000:.3f}" for seconds in (found.least, found.median, found.most))
    return f"{middle} ms ({least} to {most}, {count(found.packets, 'packet')})"


def _addresses(ends: BothEnds) -> list[str]:
    if not ends.seen_as:
        return []
    mine, theirs = ends.seen_as[0]
    more = f", and {len(ends.seen_as) - 1} more" if len(ends.seen_as) > 1 else ""
    return [f"the server sees {_flow(mine)} as {_flow(theirs)}{more}"]


def _flow(flow: Flow) -> str:
    if flow.kind is Kind.ECHO:
        return f"{flow.source} > {flow.destination} (echo {flow.source_port})"
    return f"{_end(flow.source, flow.source_port)} > {_end(flow.destination, flow.destination_port)}"


def _end(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
