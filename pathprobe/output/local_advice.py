"""Which command shows what this host itself does to the packets?"""

from __future__ import annotations

from pathprobe.core.outcomes import NotSent
from pathprobe.core.report import Claim, Direction, Mechanism, Result

_ROUTES = "ip route get {address}; ip rule; ip -br link; ip -br addr"
_REFUSING_ROUTES = "ip route get {address}; ip rule; ip route show table all | grep -E 'unreachable|prohibit|blackhole'"
_TABLE = "conntrack -C; sysctl net.netfilter.nf_conntrack_count net.netfilter.nf_conntrack_max"

#: What send() said -> where to look (ip(7), raw(7)).
_BY_ERROR = {
    "EPERM": "nft list ruleset; {tables} -S OUTPUT; " + _TABLE,
    "ENETUNREACH": _ROUTES,
    "EHOSTUNREACH": _REFUSING_ROUTES,
    "EACCES": _REFUSING_ROUTES,
    "EINVAL": _REFUSING_ROUTES,
    "ENETDOWN": "ip -br link; ip route get {address}",
    "EADDRNOTAVAIL": "ip -br addr; ip route get {address}",
    "ENOBUFS": "tc -s qdisc show dev {device}; ip -s link show dev {device}",
}

_EGRESS = "nft list ruleset; tc -s filter show dev {device} egress; tc -s qdisc show dev {device}"
_NO_NEIGHBOUR = "ip route get {address}; ip neigh; ip -br link; ip -br addr; " + _EGRESS
_GAVE_UP = "ip route get {address}; ip neigh; ip -br addr - is the next hop up, and in this network?"
_INPUT = "nft list ruleset; {tables} -S INPUT"
_OWN_WAY = "; ip rule; ip route get {address} ipproto tcp dport {port}"
_REVERSE_PATH = {
    4: "sysctl net.ipv4.conf.all.rp_filter net.ipv4.conf.{came}.rp_filter; nstat -az TcpExtIPReversePathFilter;"
    " ip route get {address}",
    6: "nft list ruleset (a fib rule?); ip6tables -t mangle -S PREROUTING; ip6tables -t raw -S; ip route get {address}",
}


def local_steps(result: Result) -> tuple[str, ...]:
    """What to run on this host, for a verdict that blames it."""
    return ("On this host: " + _command(result).format_map(_words(result)),)


def reverse_path_steps(result: Result) -> tuple[str, ...]:
    """What to run where the answer came in on another interface; nothing where it did not."""
    tolerated = result.host is not None and result.host.rp_filter is not None and not result.host.is_strict
    if not _strayed(result) or (tolerated and ":" not in result.target.address):
        return ()
    return ("On this host: " + _reverse_path(result).format_map(_words(result)),)


def _command(result: Result) -> str:
    verdict = result.verdict
    claims = {reason.claim for reason in verdict.reasons}
    if verdict.location.direction is Direction.RETURN:
        return _reverse_path(result) if _strayed(result) else _INPUT + (_OWN_WAY if result.target.port else "")
    if verdict.mechanism is Mechanism.LOCAL_ERROR:
        return _BY_ERROR.get(_error(result), _ROUTES)
    if Claim.NO_NEIGHBOUR in claims:
        return _NO_NEIGHBOUR
    if verdict.mechanism is Mechanism.NO_ROUTE:
        return _GAVE_UP
    return _EGRESS if Claim.NOT_SEEN in claims else _INPUT


def _reverse_path(result: Result) -> str:
    return _REVERSE_PATH[6 if ":" in result.target.address else 4]


def _strayed(result: Result) -> bool:
    return any(reason.claim is Claim.OTHER_INTERFACE for reason in result.verdict.reasons)


def _error(result: Result) -> str:
    return next((seen.outcome.error for seen in result.observations if isinstance(seen.outcome, NotSent)), "")


def _device(result: Result) -> str:
    if result.host and result.host.interface:
        return result.host.interface
    return next((name for seen in result.observations for name in seen.left_by), "DEVICE")


def _words(result: Result) -> dict[str, object]:
    return {
        "address": result.target.address,
        "port": result.target.port,
        "tables": "ip6tables" if ":" in result.target.address else "iptables",
        "device": _device(result),
        "came": next((seen.came_by[-1] for seen in result.observations if seen.strayed), "DEVICE"),
    }
