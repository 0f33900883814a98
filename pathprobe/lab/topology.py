"""Which settings, interfaces, addresses and routes turn a scenario's chain into a network?

Pure text: sysctls, and lines for ``ip -batch``. An interface is called after the node at its other
end (``to-r2``), so that ``ip netns exec r1 tcpdump -ni to-r2`` explains itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from pathprobe.lab.faults import route_fault, route_lines
from pathprobe.net.scenario import Delay, Scenario


def devices(scenario: Scenario, node: str) -> tuple[str, ...]:
    """A node's links, the one that faces the client first."""
    here = scenario.nodes.index(node)
    neighbours = (*scenario.nodes[:here][-1:], *scenario.nodes[here + 1 :][:1])
    return tuple(f"to-{neighbour}" for neighbour in neighbours)


def settings(scenario: Scenario, node: str) -> dict[str, str]:
    """A node's sysctls, to be written while it has no links yet: new links inherit ``default``.

    The ICMP rate limits stay Linux's own. A new namespace inherits the host's IPv4 ``conf`` values
    (net.core.devconf_inherit_init_net), hence the reverse path filter, which is not a fault anybody asked for.
    """
    forwarding = "0" if node in _ends(scenario) else "1"
    ipv4 = {
        "net/ipv4/ip_forward": forwarding,
        "net/ipv4/conf/all/rp_filter": "0",
        "net/ipv4/conf/default/rp_filter": "0",
        # systemd lets everybody ping without privileges; a bare kernel nobody. One gid: a user namespace has no more.
        "net/ipv4/ping_group_range": "0 0",
    }
    ipv6 = _ipv6_settings(forwarding) if scenario.family == 6 else {"net/ipv6/conf/default/disable_ipv6": "1"}
    return (
        ipv4
        | ipv6
        | _ttl_settings(scenario, node)
        | _fault_settings(scenario, node)
        | dict(scenario.sysctl.get(node, {}))
    )


def _ttl_settings(scenario: Scenario, node: str) -> dict[str, str]:
    if node not in scenario.ttl:
        return {}
    ttl = str(scenario.ttl[node])
    ipv6 = {f"net/ipv6/conf/{which}/hop_limit": ttl for which in ("all", "default")}
    return {"net/ipv4/ip_default_ttl": ttl} | (ipv6 if scenario.family == 6 else {})


def _fault_settings(scenario: Scenario, node: str) -> dict[str, str]:
    """What a fault needs besides its rule or route."""
    settings = {}
    if any(route.kind == "back" for route in scenario.routes):
        # Who forwards a packet to where it came from would tell the sender of the shorter way, with an ICMP
        # redirect (ip_forward); routers of the open network are told not to.
        settings = {f"net/ipv4/conf/{which}/send_redirects": "0" for which in ("all", "default")}
    if any(rule.at == node and rule.action == "synproxy" for rule in scenario.rules):
        # An ACK without a SYN is for the proxy, and no connection picked up in the middle (nft(8)).
        settings["net/netfilter/nf_conntrack_tcp_loose"] = "0"
    return settings


def _ipv6_settings(forwarding: str) -> dict[str, str]:
    # No duplicate address detection, router discovery or generated addresses: the network is ready
    # as soon as it is built, and a capture holds nothing but what was asked for.
    return {
        "net/ipv6/conf/all/forwarding": forwarding,
        "net/ipv6/conf/default/disable_ipv6": "0",
        "net/ipv6/conf/default/accept_dad": "0",
        "net/ipv6/conf/default/accept_ra": "0",
        "net/ipv6/conf/default/autoconf": "0",
        "net/ipv6/conf/default/router_solicitations": "0",
        "net/ipv6/conf/default/addr_gen_mode": "1",
    }


def _ends(scenario: Scenario) -> tuple[str, str]:
    return scenario.nodes[0], scenario.nodes[-1]


def veths(scenario: Scenario) -> Iterator[str]:
    """The lines that make every Ethernet link; a tun link is made by whoever holds its descriptors."""
    without_ethernet = tun_links(scenario)
    for left, right in pairwise(scenario.nodes):
        if (left, right) not in without_ethernet:
            yield f"link add to-{right} netns {left} type veth peer name to-{left} netns {right}"


def tun_links(scenario: Scenario) -> dict[tuple[str, str], Delay | None]:
    """The links that a process of ours carries, and what it does to them: veth knows no delay."""
    links = {(left, right): f"{left}-{right}" for left, right in pairwise(scenario.nodes)}
    delays = {delay.on: delay for delay in scenario.delays}
    own = scenario.nodes[:2] if scenario.link == "tun" else None
    return {ends: delays.get(name) for ends, name in links.items() if ends == own or name in delays}


def configuration(scenario: Scenario, node: str) -> Iterator[str]:
    """The lines that bring a node's links up, give it its addresses, and tell it where every network is."""
    for device in ("lo", *devices(scenario, node)):
        yield f"link set {device} up"
    if scenario.family == 6:
        yield from _link_local_addresses(scenario, node)
    if scenario.target_up or node != scenario.nodes[-1]:
        yield from _addresses(scenario, node)
        yield from _routes(scenario, node)


def _link_local_addresses(scenario: Scenario, node: str) -> Iterator[str]:
    # Who forwards a packet solicits its neighbour from one of these (RFC 4861 section 7.2.2).
    for device, (_, side) in _ends_of_links(scenario, node):
        yield f"address add fe80::{1 if side == 'left' else 2}/64 dev {device} nodad"


def _addresses(scenario: Scenario, node: str) -> Iterator[str]:
    nodad = " nodad" if scenario.family == 6 else ""
    for device, (link, side) in _ends_of_links(scenario, node):
        length = scenario.link_network(link).split("/")[1]
        # An address brings a connected route, which the fault says is missing.
        routeless = " noprefixroute" if link == scenario.routers and _has_no_route(scenario, node) else ""
        yield f"address add {scenario.link_address(link, side)}/{length} dev {device}{nodad}{routeless}"


def _ends_of_links(scenario: Scenario, node: str) -> Iterator[tuple[str, tuple[int, str]]]:
    """Each device of a node, with the number of its link and the side on which the node stands."""
    here = scenario.nodes.index(node)
    ends = [(here - 1, "right"), (here, "left")]
    return zip(devices(scenario, node), (end for end in ends if 0 <= end[0] <= scenario.routers), strict=True)


def _routes(scenario: Scenario, node: str) -> Iterator[str]:
    """Explicit prefixes everywhere; a default route on the ends only, so that a router can truly have no route."""
    here, fault = scenario.nodes.index(node), route_fault(scenario, node)
    if fault is not None:
        yield from route_lines(scenario, fault)
    for link in range(scenario.routers + 1):
        faulty = fault is not None and link == scenario.routers
        if link not in (here - 1, here) and not faulty:
            yield f"route add {scenario.link_network(link)} via {_gateway(scenario, here, link)}"
    if node in _ends(scenario) and scenario.routers > 0 and not _has_no_route(scenario, node):
        yield f"route add default via {_gateway(scenario, here, scenario.routers if here == 0 else 0)}"


def _has_no_route(scenario: Scenario, node: str) -> bool:
    fault = route_fault(scenario, node)
    return fault is not None and fault.kind == "none"


def _gateway(scenario: Scenario, here: int, link: int) -> str:
    """The neighbour of node number ``here`` that is nearer to a link."""
    return scenario.link_address(here - 1, "left") if link < here else scenario.link_address(here, "right")
