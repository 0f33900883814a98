"""What to run, or whom to ask, next? A command or an owner for every verdict."""

from __future__ import annotations

from ipaddress import ip_address

from pathprobe.core.branches import SUSPECTED
from pathprobe.core.report import Claim, Hop, Mechanism, Result, State, Target, Where
from pathprobe.output import both_ends, flows, path_mtu, watched
from pathprobe.output.local_advice import local_steps, reverse_path_steps
from pathprobe.output.wording import maker, place


def next_steps(result: Result) -> tuple[str, ...]:
    """What to run, or whom to ask, next; the ticket's to-do list."""
    return (*_about_the_port(result), *_on_the_server(result), *path_mtu.next_steps(result))


#: Where the packets get as far as the target, or may do so.
_AT_THE_TARGET = (Where.TARGET, Where.TARGET_EDGE)


def _on_the_server(result: Result) -> tuple[str, ...]:
    """The server's half of the question, where the answer lies there."""
    target, verdict = result.target, result.verdict
    if target.port is None or verdict.state is State.OPEN or verdict.location.where not in _AT_THE_TARGET:
        return ()
    if target.protocol not in ("tcp", "udp") or _forwarded(result):
        return ()
    port = f"{target.port}/{target.protocol}"
    return (f"On {target.address}, all of that in one: sudo pathprobe host {port} [--watch-arrivals SECONDS]",)


def _about_the_port(result: Result) -> tuple[str, ...]:
    if steps := both_ends.next_steps(result):
        return steps
    verdict, location, target = result.verdict, result.verdict.location, result.target
    match verdict.state, location.where:
        case State.CLOSED | State.OPEN_FILTERED | State.UNKNOWN, _ if target.port is None and target.protocol == "udp":
            return (f"A traceroute asks no service: pathprobe udp {target.address}:PORT does.",)
        case State.OPEN, _ if troubled := watched.steps(result):
            return troubled
        case State.OPEN, Where.PATH:
            return (f"Ask who runs {maker(location)}: it answers for {target.address}, which may not even be up.",)
        case State.OPEN, _:
            if strayed := reverse_path_steps(result):
                return strayed
            if target.protocol != "tcp" or path_mtu.next_steps(result):
                return ()
            return (f"The network is fine. If the service still fails, look at it: curl -v telnet://{_host(result)}",)
        case (State.CLOSED, _) | (_, Where.TARGET | Where.TARGET_EDGE) if _forwarded(result):
            return _behind_steps(result)
        case State.CLOSED, _:
            rule = "; nft list ruleset - a REJECT rule looks just like this" if target.protocol == "udp" else ""
            elsewhere = "" if ip_address(target.address).is_loopback else ", and not on 127.0.0.1 only"
            return (f"{_listeners(target)} - is the service running{elsewhere}?{rule}",)
        case State.OPEN_FILTERED, _:
            return (
                f"{_listeners(target)} - if something listens, look at nft list ruleset there; tcpdump -ni any"
                f" {_filter(result)} shows whether this arrives.",
            )
        case State.INTERMITTENT, _ if found := _flow_steps(result):
            return found
        case State.UNKNOWN | State.INTERMITTENT, _:
            return (f"Ask on {target.address} itself: tcpdump -ni any {_filter(result)}",)
        case _, Where.LOCAL:
            return local_steps(result)
        case _, _ if verdict.mechanism is Mechanism.DROP and (seen := watched.drop_steps(result)):
            return seen
        case _, _ if verdict.mechanism is Mechanism.LOOP:
            return _loop_steps(result)
        case _, Where.TARGET:
            return (
                f"On {target.address}: nft list ruleset (or iptables -S INPUT); look for the rule on {target.service}.",
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


def _forwarded(result: Result) -> bool:
    return any(reason.claim is Claim.FORWARDED for reason in result.verdict.reasons)


def _behind_steps(result: Result) -> tuple[str, ...]:
    """The target only hands the port on: the fault is behind it."""
    address, service = result.target.address, result.target.service
    return (
        f"On {address}: nft list ruleset; conntrack -L -p {result.target.protocol} - to what does it forward {service}?"
        f" Ask there: tcpdump -ni any {_filter(result)} while this runs again, and whether it is up and listening.",
    )


def _loop_steps(result: Result) -> tuple[str, ...]:
    """The router that sends packets back, and where it gets that from."""
    verdict, target = result.verdict, result.target
    where, port = verdict.location.last_good, ""
    if verdict.state is State.FILTERED and target.port is not None:
        port = f" ipproto {target.protocol} dport {target.port}; ip rule"  # others get through: a policy rule
    look = f"ip route get {target.address}{port}"
    if where is None or where.ttl == 0:
        return (f"Look at {look} here and on the routers on the way: one sends packets back where they came from.",)
    return (f"Ask who runs {place(where)} for its route to {target.address} ({look}): it sends packets back.",)


def _flow_steps(result: Result) -> tuple[str, ...]:
    """Some source ports are answered and others die: who runs the branch that is broken, else how to find it."""
    verdict, location, target = result.verdict, result.verdict.location, result.target
    if target.port is None:
        return ()
    if location.where is Where.UNKNOWN and len(result.paths) <= SUSPECTED:
        return (f"Run pathprobe {target.protocol} {_host(result)} --flows 16: it shows which branch the port dies on.",)
    rule = f"a rule on {target.service} towards {target.address}, on that branch only"
    if location.device:
        return (f"Ask who runs {maker(location)} for {rule}.",)
    if common := flows.told(verdict, Claim.SAME_ROUTER):
        return (f"Ask who runs {common['router']} (hop {common['hop']}) and the router behind it for {rule}.",)
    if flows.told(verdict, Claim.UNSEEN_AT) and location.last_good and location.last_good.ttl:
        return (
            f"Ask who runs {place(location.last_good)} for all its next hops towards {target.address} (ip route);"
            f" look on the one that was not seen here for {rule}.",
        )
    return ()


def _unreachable_steps(result: Result) -> tuple[str, ...]:
    location, address = result.verdict.location, result.target.address
    if _is_link_local(result.source) and not _is_link_local(address):
        return ("On this host: ip -6 -br addr - it has no address that is valid beyond its own link.",)
    if location.device:
        return (
            f"Ask who runs {maker(location)} for its route to {address}, and whether {address} is up behind it"
            f" (ip route get {address}; ip neigh).",
        )
    if location.last_good is None or location.last_good.ttl == 0:
        return (f"Look at ip route get {address} here, then ask who runs the routers on the way, and {address}.",)
    return (f"Ask who runs {place(location.last_good)} for its route to {address}, and whether {address} is up.",)


def _is_link_local(address: str) -> bool:
    return address.lower().startswith("fe80:")


def _ask_for_rule(result: Result) -> str:
    location, target = result.verdict.location, result.target
    rule = f"a rule on {target.service} towards {target.address} (forward chain, ACL)"
    if location.device:
        return f"Ask who runs {maker(location)} for {rule}."
    good, bad = location.last_good, location.first_bad
    if location.where is Where.UNKNOWN:
        blame = "look at nft list ruleset here, then ask who runs the routers on the way"
        if good is not None and good.ttl:
            blame = f"ask who runs {place(good)} and the routers behind it"
        return (
            f"On {target.address}: tcpdump -ni any {_filter(result)} while this runs again - if nothing arrives,"
            f" {blame} for {rule}."
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
    return f"'{target.protocol} port {target.port}'"


def _listeners(target: Target) -> str:
    sockets = "-ulnp" if target.protocol == "udp" else "-tlnp"
    return f"On {target.address}: ss {sockets} 'sport = :{target.port}'"
