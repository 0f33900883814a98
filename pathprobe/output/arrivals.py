"""How is it told what became of the packets that arrived?

A line for each attempt, below it what is known of its end, and one sentence about them all. The kernel's own names
(NETFILTER_DROP, nf_hook_slow) stand beside the words, for they are what one searches for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, tzinfo
from typing import Any

from pathprobe.core.arrivals.facts import Attempt, Dropped, Fate, Seen, Step, Traced, Watched
from pathprobe.core.arrivals.fate import is_blocked, nothing_listens, summary_of
from pathprobe.core.packets import IcmpError, Tcp, TcpFlags

#: What the kernel's reasons mean (include/net/dropreason-core.h), for those that an operator can do something about.
REASONS = {
    "NETFILTER_DROP": "a firewall rule",
    "IP_RPFILTER": "the reverse path filter (rp_filter): answers to this source would leave by another interface",
    "NO_SOCKET": "nothing listens there",
    "SOCKET_FILTER": "a filter that the listening program put on its socket",
    "SOCKET_RCVBUFF": "the program does not read: its receive buffer is full",
    "SOCKET_BACKLOG": "the socket's backlog is full",
    "TCP_LISTEN_OVERFLOW": "the queue of connections that the program has not accepted is full",
    "TCP_CSUM": "its TCP checksum is wrong",
    "UDP_CSUM": "its UDP checksum is wrong",
    "IP_CSUM": "its IP checksum is wrong",
    "TCP_MD5NOTFOUND": "the socket wants TCP MD5 signatures and it has none",
    "TCP_MINTTL": "its TTL is below what the socket takes (IP_MINTTL)",
    "OTHERHOST": "it is addressed to another host's hardware address",
    "IP_INADDRERRORS": "this host is no router for that address (ip_forward), or has no such address",
    "IP_INNOROUTES": "no route for it",
    "IP_OUTNOROUTES": "no route for it",
    "IP_LOCAL_SOURCE": "its source is an address of this host itself",
    "IP_INVALID_SOURCE": "its source is no address that one can have",
    "IP_INVALID_DEST": "its destination is no address that one can have",
    "IP_LOCALNET": "a loopback address came from outside (route_localnet)",
    "IPV6DISABLED": "IPv6 is disabled on the interface",
    "NEIGH_FAILED": "nobody answers for the next hop on the link",
    "NEIGH_QUEUEFULL": "nobody answered for the next hop on the link yet",
    "XFRM_POLICY": "an IPsec policy (ip xfrm policy)",
    "SECURITY_HOOK": "a security module such as SELinux",
    "BPF_CGROUP_EGRESS": "a BPF program of the service's cgroup (systemd: IPAddressDeny)",
    "TC_INGRESS": "a traffic control filter on the way in (tc filter show dev ... ingress)",
    "TC_EGRESS": "a traffic control filter on the way out (tc filter show dev ... egress)",
    "QDISC_DROP": "the interface's queue (tc -s qdisc)",
    "CPU_BACKLOG": "this host was too busy (net.core.netdev_max_backlog)",
    "XDP": "an XDP program on the interface",
}

_HEADLINES = {
    Fate.ANSWERED: "ANSWERED",
    Fate.RESET: "RESET",
    Fate.REFUSED: "REFUSED",
    Fate.DROPPED: "DROPPED",
    Fate.ANSWER_DROPPED: "ANSWER DROPPED",
    Fate.HANDED_ON: "HANDED ON",
    Fate.UNANSWERED: "UNANSWERED",
}

#: What is said of each fate when all are summed up.
_COUNTED = {
    Fate.ANSWERED: "answered",
    Fate.RESET: "reset",
    Fate.REFUSED: "refused by ICMP",
    Fate.DROPPED: "dropped",
    Fate.ANSWER_DROPPED: "answered with the answer dropped on its way out",
    Fate.HANDED_ON: "handed on without an answer coming back",
    Fate.UNANSWERED: "left without an answer",
}

#: Seconds that it takes somebody to ask again.
_SHORTEST_AGAIN = 10
#: Different drops of one attempt that are told.
_MOST_DROPS = 4


def ready(protocol: str, port: int, seconds: float) -> str:
    """The line that says that nothing is missed from now on."""
    return f"watching {protocol}/{port} for {seconds:g} s, Ctrl-C ends it"


def render(watched: Watched, *, zone: tzinfo | None = None) -> str:
    """The whole answer as text; times of day in ``zone``, None for this host's."""
    blocks = ["\n".join(_lines(one, watched, zone)) for one in watched.attempts]
    blocks.append("\n".join([conclusion(watched), *_shortcomings(watched)]))
    return "\n\n".join(blocks)


def in_short(attempt: Attempt) -> str:
    """One line: who, and what became of it."""
    ends = f"{_end(attempt.source, attempt.source_port)} -> {_end(attempt.destination, attempt.port)}"
    return f"{ends} on {attempt.interface}  {_HEADLINES[attempt.fate]}  {_ending(attempt)}"


def _lines(attempt: Attempt, watched: Watched, zone: tzinfo | None) -> list[str]:
    when = datetime.fromtimestamp(attempt.tries[0] / 1e9, zone).strftime("%H:%M:%S.%f")[:-3]
    more = [*_rules(attempt), *_on_the_way(attempt), *_tries(attempt), *_unreadable(attempt, watched)]
    return [f"{when}  {in_short(attempt)}", *(f"{'':14}{line}" for line in more)]


def _ending(attempt: Attempt) -> str:
    match attempt.fate:
        case Fate.ANSWERED:
            what = "SYN-ACK" if attempt.protocol == "tcp" else "a datagram"
            return f"{what} left{_after(attempt)}"
        case Fate.RESET:
            return f"RST left{_after(attempt)}: {_whose_reset(attempt)}"
        case Fate.REFUSED:
            return _refusal(attempt)
        case Fate.DROPPED:
            return "; ".join(_drops(attempt.drops)) or "by a rule"
        case Fate.ANSWER_DROPPED:
            answer = "its SYN-ACK or RST" if attempt.protocol == "tcp" else "the datagram that answers it"
            return f"{answer} did not leave: {'; '.join(_drops(attempt.answer_drops)) or 'dropped by a rule'}"
        case Fate.HANDED_ON:
            return "no answer came back"
    return "it reached this host and drew no answer"


def _whose_reset(attempt: Attempt) -> str:
    if attempt.by_rule:
        return "a rule rejects it with a reset"
    place = f"on {_end(attempt.handed_on.destination, attempt.handed_on.port)}" if attempt.handed_on else "there"
    return f"nothing listens {place}{'' if _has_no_socket(attempt) else ', or a rule rejects it with a reset'}"


def _has_no_socket(attempt: Attempt) -> bool:
    """The kernel itself says that it found nobody to give it to."""
    return any(one.reason == "NO_SOCKET" for one in attempt.drops)


def _after(attempt: Attempt) -> str:
    if attempt.after_ms is None:
        return ""
    return f" after {attempt.after_ms:.{1 if round(attempt.after_ms, 2) >= 1 else 2}f} ms"


def _refusal(attempt: Attempt) -> str:
    refusal = attempt.refusal
    if refusal is None:
        return "by ICMP"
    said = f"ICMP {refusal.name} left{_after(attempt)}"
    if refusal.by != attempt.destination:
        said += f", from {refusal.by}"
    if nothing_listens(attempt):
        return f"{said}: nothing listens there{'' if _has_no_socket(attempt) else ', or a rule rejects it'}"
    return f"{said}: a rule rejects it" if attempt.by_rule or attempt.protocol == "tcp" else said


def _drops(drops: Sequence[Dropped]) -> list[str]:
    """Each different way in which it was thrown away, once."""
    told = list(dict.fromkeys(map(_drop, drops)))
    return told[:_MOST_DROPS]


def _drop(one: Dropped) -> str:
    reason = one.reason or "the kernel gives no reason"
    words = f" ({REASONS[one.reason]})" if one.reason in REASONS else ""
    function = f" in {one.function}" if one.function else ""
    elsewhere = ", in another network namespace of this machine (a container?)" if one.elsewhere else ""
    return f"{reason}{function}{words}{elsewhere}"


def _rules(attempt: Attempt) -> list[str]:
    step = attempt.deciding
    if step is not None:
        trace = attempt.answer_trace if attempt.fate is Fate.ANSWER_DROPPED else attempt.trace
        return [f"by {step_words(step)}{_jumps(trace, step)}"]
    if attempt.trace is not None and attempt.trace.steps:
        last = attempt.trace.steps[-1]
        return [f"last rule on its way: {step_words(last)}"]
    return []


def step_words(step: Step) -> str:
    """The place of a rule and its text, or a policy and what it does."""
    if step.handle is None:
        return f"{step.place} {step.verdict}"
    return f"{step.place}: {step.text}" if step.text else f"{step.place} ({step.verdict})"


def _jumps(trace: Traced | None, step: Step) -> str:
    """The jumps by which it came to the chain that decided."""
    if trace is None:
        return ""
    jumps: list[str] = []
    wanted = step.chain
    for earlier in reversed(trace.steps[: trace.steps.index(step)]):
        same = (earlier.family, earlier.table) == (step.family, step.table)
        if same and earlier.verdict in ("jump", "goto") and earlier.target == wanted:
            jumps.append(f"{earlier.chain} handle {earlier.handle}")
            wanted = earlier.chain
    return f" (reached from {', from '.join(jumps)})" if jumps else ""


def _on_the_way(attempt: Attempt) -> list[str]:
    lines = []
    if attempt.handed_on:
        on = attempt.handed_on
        lines.append(f"handed on to {_end(on.destination, on.port)} by {on.interface}")
    if attempt.fate is Fate.ANSWERED and attempt.drops:
        lines.append(f"dropped before: {'; '.join(_drops(attempt.drops))}")
    return lines


def _tries(attempt: Attempt) -> list[str]:
    count, answers = len(attempt.tries), len(attempt.answers)
    if attempt.protocol == "udp":
        return [f"{count} datagrams in {_span(attempt)}"] if count > 1 else []
    if answers and attempt.tries[-1] > attempt.answers[0]:
        return [f"{count} tries in {_span(attempt)}, answered {answers} times: the answers do not reach the asker"]
    if answers > 1:
        return [f"answered {answers} times: the asker does not acknowledge it, or its acknowledgement is lost"]
    return [f"{count} tries in {_span(attempt)}"] if count > 1 else []


def _span(attempt: Attempt) -> str:
    return f"{(attempt.tries[-1] - attempt.tries[0]) / 1e9:.1f} s"


def _unreadable(attempt: Attempt, watched: Watched) -> list[str]:
    if attempt.fate not in (Fate.UNANSWERED, Fate.HANDED_ON):
        return []
    if watched.drops_unread:
        return [f"whether the kernel dropped it is not readable: {watched.drops_unread}"]
    if attempt.protocol == "udp":
        return [f"no drop of it was seen: {_SILENT_UDP}"]
    if attempt.fate is Fate.HANDED_ON:
        return ["the kernel of this machine did not drop it: look at where it was handed on to"]
    return [f"the kernel did not drop it: {_SILENT_TCP}"]


_SILENT_TCP = (
    "the queue of the listening program is full (ss -tln: Recv-Q against Send-Q), or a rule gave it to another program"
)
#: Over UDP nothing but the port tells a packet of ours, and a published one may be another inside.
_SILENT_UDP = (
    "the program that listens got it and is silent, or it was published under another port and is lost behind that"
)


def conclusion(watched: Watched) -> str:
    """One sentence about all that arrived."""
    port, seconds = f"{watched.protocol}/{watched.port}", f"{watched.seconds:.1f} s"
    if not watched.attempts:
        return f"no packet to {port} arrived in {seconds}: it dies before this host (or nobody asked)"
    total = len(watched.attempts)
    counts = [f"{count} {_COUNTED[fate]}" for fate, count in summary_of(watched).items()]
    what = "attempt" if total == 1 else "attempts"
    line = f"{total} {what} to {port} in {seconds}: {', '.join(counts)}"
    if watched.untold:
        line += f"; {watched.untold} more packets arrived and are not told one by one"
    return line


def _shortcomings(watched: Watched) -> list[str]:
    lines = []
    if watched.drops_unread:
        lines.append(f"what the kernel dropped could not be read: {watched.drops_unread}")
    if watched.rules_unread:
        lines.append(f"the rules were not traced: {watched.rules_unread}")
    if watched.lost:
        lines.append(f"{watched.lost} packets came too fast to be looked at")
    unnamed = any(is_blocked(one) and one.by_rule and one.deciding is None for one in watched.attempts)
    if unnamed and watched.rules_unread is None:
        seconds = max(_SHORTEST_AGAIN, round(watched.seconds))
        again = f"pathprobe host {watched.port}/{watched.protocol} --watch-arrivals {seconds} --trace-rules"
        lines.append(f"which rule it was: {again}")
    elif unnamed and not watched.rules_unread:
        is_partial = any(one.deciding for one in watched.attempts)
        lines.append(_TRACED_IN_PART if is_partial else _NOT_TRACED)
    return lines


_TRACED_IN_PART = "so many packets came that not all were traced: an attempt without a rule may have met the same"
_NOT_TRACED = "no nftables rule was seen to do it: iptables-legacy and rules of other namespaces show no trace"


def packet_comment(seen: Seen, number: int) -> str:
    """What stands at a packet in the capture."""
    body = seen.packet.body
    if isinstance(body, IcmpError):
        what = "ICMP error about it"
    elif isinstance(body, Tcp):
        what = _segment(body, outgoing=seen.outgoing)
    else:
        what = "datagram out" if seen.outgoing else "datagram in"
    return f"attempt {number}: {what}"


def _segment(segment: Tcp, *, outgoing: bool) -> str:
    if TcpFlags.RST in segment.flags:
        return "RST"
    if TcpFlags.ACK in segment.flags:
        return "SYN-ACK"
    return "SYN, handed on" if outgoing else "SYN arrives"


def entry(watched: Watched) -> dict[str, Any]:
    """All of it for programs; the value of ``arrivals`` in the document of ``host``."""
    return {
        "started": _time(watched.started_ns),
        "seconds": round(watched.seconds, 3),
        "complete": watched.complete,
        "attempts": [_attempt_entry(one) for one in watched.attempts],
        "untold": watched.untold,
        "lost": watched.lost,
        "drops_unread": watched.drops_unread or None,
        "rules_traced": watched.rules_unread == "",
        "rules_unread": watched.rules_unread or None,
        "summary": conclusion(watched),
    }


def _attempt_entry(attempt: Attempt) -> dict[str, Any]:
    return {
        "time": _time(attempt.tries[0]),
        "source": attempt.source,
        "source_port": attempt.source_port,
        "destination": attempt.destination,
        "port": attempt.port,
        "interface": attempt.interface,
        "fate": attempt.fate,
        "by_rule": attempt.by_rule,
        "nothing_listens": nothing_listens(attempt),
        "tries": [_time(one) for one in attempt.tries],
        "answers": len(attempt.answers),
        "after_ms": None if attempt.after_ms is None else round(attempt.after_ms, 3),
        "icmp": {"from": attempt.refusal.by, "name": attempt.refusal.name} if attempt.refusal else None,
        "drops": [_drop_entry(one) for one in attempt.drops],
        "answer_drops": [_drop_entry(one) for one in attempt.answer_drops],
        "handed_on": _handed_on_entry(attempt),
        "rule": asdict(attempt.deciding) if attempt.deciding else None,
        "steps": [asdict(step) for step in attempt.trace.steps] if attempt.trace else None,
        "answer_steps": [asdict(step) for step in attempt.answer_trace.steps] if attempt.answer_trace else None,
        "summary": in_short(attempt),
    }


def _drop_entry(one: Dropped) -> dict[str, Any]:
    return {
        "time": _time(one.time_ns),
        "reason": one.reason or None,
        "function": one.function or None,
        "elsewhere": one.elsewhere,
    }


def _handed_on_entry(attempt: Attempt) -> dict[str, Any] | None:
    on = attempt.handed_on
    if on is None:
        return None
    return {"interface": on.interface, "source": on.source, "destination": on.destination, "port": on.port}


def _time(nanoseconds: int) -> str:
    stamp = datetime.fromtimestamp(nanoseconds / 1e9, UTC).isoformat(timespec="microseconds")
    return stamp.replace("+00:00", "Z")


def _end(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
