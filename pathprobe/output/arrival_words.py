"""In which words is it told how one attempt ended, and where to look?

The kernel's own names (NETFILTER_DROP, nf_hook_slow) stand beside the words, for they are what one searches for.
"""

from __future__ import annotations

from collections.abc import Sequence

from pathprobe.core.arrivals.facts import Attempt, Dropped, Fate, Queue, Seen, Step, Traced, Watched
from pathprobe.core.arrivals.fate import nothing_listens
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

#: Different drops of one attempt that are told.
_MOST_DROPS = 4


def finds_no_listener(attempt: Attempt) -> bool:
    """It was thrown away for want of a listener, and nothing was said to the asker: that is no drop by anybody."""
    return attempt.fate is Fate.DROPPED and nothing_listens(attempt)


def in_short(attempt: Attempt) -> str:
    """One line: who, and what became of it."""
    return f"{end(attempt.source, attempt.source_port)} {to(attempt)}  {outcome(attempt)}"


def to(attempt: Attempt) -> str:
    return f"-> {end(attempt.destination, attempt.port)} on {attempt.interface}"


def outcome(attempt: Attempt) -> str:
    headline = "NOTHING LISTENS" if finds_no_listener(attempt) else _HEADLINES[attempt.fate]
    return f"{headline}  {_ending(attempt)}"


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
            told = "; ".join(_drops(attempt.drops)) or "by a rule"
            return f"{told}, and {_NO_WORD[attempt.protocol]}" if finds_no_listener(attempt) else told
        case Fate.ANSWER_DROPPED:
            reply = "the reply (SYN-ACK or RST)" if attempt.protocol == "tcp" else "the reply"
            return f"{reply} was dropped on its way out: {'; '.join(_drops(attempt.answer_drops)) or 'by a rule'}"
        case Fate.HANDED_ON:
            return "no answer came back"
    return "it reached this host and drew no answer"


#: Of a port on which nothing listens, where the asker was not told so.
_NO_WORD = {"tcp": "no RST left", "udp": "no ICMP error left (their rate is limited, or a rule keeps them back)"}


def _whose_reset(attempt: Attempt) -> str:
    if attempt.by_rule:
        return "a rule rejects it with a reset"
    place = f"on {end(attempt.handed_on.destination, attempt.handed_on.port)}" if attempt.handed_on else "there"
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


def rules(attempt: Attempt) -> list[str]:
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


def on_the_way(attempt: Attempt) -> list[str]:
    lines = []
    if attempt.handed_on:
        on = attempt.handed_on
        lines.append(f"handed on to {end(on.destination, on.port)} by {on.interface}")
    if attempt.fate is Fate.ANSWERED and attempt.drops:
        lines.append(f"dropped before: {'; '.join(_drops(attempt.drops))}")
    return lines


def tries(attempt: Attempt) -> list[str]:
    count = len(attempt.tries)
    if attempt.protocol == "udp":
        return [f"{count} datagrams in {_span(attempt)}"] if count > 1 else []
    if why := repetition(attempt):
        counted = f"{count} tries in {_span(attempt)}, " if count > 1 else ""
        return [f"{counted}answered {len(attempt.answers)} times: {why}"]
    return [f"{count} tries in {_span(attempt)}"] if count > 1 else []


def repetition(attempt: Attempt) -> str:
    """What it means that a SYN was answered, and came or was answered again; "" where it was not."""
    if attempt.protocol == "udp" or not attempt.answers:
        return ""
    if attempt.tries[-1] > attempt.answers[0]:
        return "the answers do not reach the asker"
    if len(attempt.answers) > 1:
        return "the asker does not acknowledge it, or its acknowledgement is lost"
    return ""


def _span(attempt: Attempt) -> str:
    return f"{(attempt.tries[-1] - attempt.tries[0]) / 1e9:.1f} s"


def hints(attempt: Attempt, watched: Watched, *, source: str = "") -> list[str]:
    """Where nothing was seen of its end: what this machine says, or else what it may have been.

    ``source``: how the asker is called, where not by its address.
    """
    if attempt.fate not in (Fate.UNANSWERED, Fate.HANDED_ON):
        return []
    source = source or attempt.source
    known = _known(attempt, watched, source) if attempt.fate is Fate.UNANSWERED else []
    if watched.drops_unread:
        return [*known, f"whether the kernel dropped it is not readable: {watched.drops_unread}"]
    if watched.drops_missing:
        return [*known, f"whether the kernel dropped it is not known: {DROPS_MISSING}"]
    if known:
        return known
    if attempt.protocol == "udp":
        return [f"no drop of it was seen: {_SILENT_UDP}"]
    if attempt.fate is Fate.HANDED_ON:
        return ["the kernel of this machine did not drop it: look at where it was handed on to"]
    maybe = list(_SILENT_TCP)
    if attempt.source not in watched.ways_back:
        maybe.append(f"this host has no route back: ip route get {source}")
    return [f"the kernel did not drop it: {', '.join(maybe[:-1])}, or {maybe[-1]}"]


def _known(attempt: Attempt, watched: Watched, source: str) -> list[str]:
    lines = []
    if why := watched.ways_back.get(attempt.source):
        lines.append(f"no answer can leave for {source}: {why} (ip route get {source})")
    full = (queue for queue in watched.queues if queue.is_full and queue.serves(attempt.destination))
    return [*lines, *(_full(queue, attempt.port) for queue in full)]


def _full(queue: Queue, port: int) -> str:
    return (
        f"the queue of the program that listens on {end(queue.address, port)} is full: {queue.waiting} waiting to be "
        f"accepted, room for {queue.room} (ss -tln)"
    )


DROPS_MISSING = "some of the kernel's drops are missing here: there were too many"
_SILENT_TCP = (
    "the queue of the listening program was full (ss -tln: Recv-Q against Send-Q)",
    "a rule gave it to another program",
)
#: Over UDP nothing but the port tells a packet of ours, and a published one may be another inside.
_SILENT_UDP = (
    "the program that listens got it and is silent, or it is a published port and the datagram was lost inside"
)


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


def end(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
