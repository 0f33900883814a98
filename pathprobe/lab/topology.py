"""Which settings, interfaces, addresses and routes turn a scenario into a network?

Pure text: sysctls, and lines for ``ip -batch``. An interface is called after the node at its other
end (``to-r2``), so that ``ip netns exec r1 tcpdump -ni to-r2`` explains itself.
"""

from __future__ import annotations

from collections.abc import Iterator

from pathprobe.lab.faults import route_fault, route_lines
from pathprobe.net.graph import Graph, Way
from pathprobe.net.layout import Ends
from pathprobe.net.scenario import Scenario


def devices(scenario: Scenario, node: str) -> tuple[str, ...]:
    """A node's links, those that face the client first."""
    return tuple(f"to-{link.neighbour(node)}" for link in Graph(scenario).links_of(node))


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
        | (_branch_settings(scenario, node) if scenario.branches else {})
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


def _branch_settings(scenario: Scenario, node: str) -> dict[str, str]:
    """How a node spreads flows over several next hops: by addresses, protocol and ports (ICMP has none: addresses).

    Not with policy 1, which is the same on paper: it takes the hash that a sending socket left in the packet
    (skb->l4_hash in fib_multipath_hash), veth passes that on as no wire does, and TCP's is new in each connection.
    """
    # Source and destination address, protocol, source and destination port: FIB_MULTIPATH_HASH_FIELD_*, <net/ip_fib.h>.
    policy = {"fib_multipath_hash_policy": "3", "fib_multipath_hash_fields": str(0b110111)}
    # With the seed that all namespaces share, every branch would split the flows in the same way (Linux 6.11).
    seed = {"net/ipv4/fib_multipath_hash_seed": str(scenario.nodes.index(node) + 1)}
    return {f"net/{ip}/{name}": value for ip in ("ipv4", "ipv6") for name, value in policy.items()} | seed


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
    return scenario.chain[0], scenario.chain[-1]


def veths(scenario: Scenario) -> Iterator[str]:
    """The lines that make every Ethernet link; a tun link is made by whoever holds its descriptors."""
    without_ethernet = tun_links(scenario)
    for ends in scenario.layout.links:
        if ends not in without_ethernet:
            left, right = ends.left, ends.right
            yield f"link add to-{right} netns {left} type veth peer name to-{left} netns {right}"


def tun_links(scenario: Scenario) -> tuple[Ends, ...]:
    """The links that a process of ours carries: veth knows no delay, and no box stands on it."""
    special = {*(delay.on for delay in scenario.delays), *(box.on for box in scenario.boxes)}
    first, *others = scenario.layout.links
    own = (first,) if scenario.link == "tun" or first.name in special else ()
    return (*own, *(ends for ends in others if ends.name in special))


def configuration(scenario: Scenario, node: str) -> Iterator[str]:
    """The lines that bring a node's links up, give it its addresses, and tell it where every network is."""
    for link in Graph(scenario).links_of(node):
        if link.ends.name in scenario.mtu:
            yield f"link set to-{link.neighbour(node)} mtu {link.mtu}"
    for device in ("lo", *devices(scenario, node)):
        yield f"link set {device} up"
    if scenario.family == 6:
        yield from _link_local_addresses(scenario, node)
    if scenario.target_up or node != scenario.chain[-1]:
        yield from _addresses(scenario, node)
        yield from _routes(scenario, node)


def _link_local_addresses(scenario: Scenario, node: str) -> Iterator[str]:
    # Who forwards a packet solicits its neighbour from one of these (RFC 4861 section 7.2.2).
    for link in Graph(scenario).links_of(node):
        yield f"address add fe80::{1 if node == link.ends.left else 2}/64 dev to-{link.neighbour(node)} nodad"


def _addresses(scenario: Scenario, node: str) -> Iterator[str]:
    nodad = " nodad" if scenario.family == 6 else ""
    for link in Graph(scenario).links_of(node):
        # An address brings a connected route, which the fault says is missing.
        missing = _leads_to_target(scenario, link.network) and _has_no_route(scenario, node)
        routeless = " noprefixroute" if missing else ""
        yield f"address add {link.address(node)}/{link.length} dev to-{link.neighbour(node)}{nodad}{routeless}"


def _routes(scenario: Scenario, node: str) -> Iterator[str]:
    """Explicit prefixes everywhere; a default route on the ends only, so that a router can truly have no route."""
    fault, graph = route_fault(scenario, node), Graph(scenario)
    if fault is not None:
        yield from route_lines(scenario, fault)
    for way in graph.ways(node):
        if fault is None or not _leads_to_target(scenario, way.network):
            yield f"route add {way.network} {_through(way, node)}"
    if node in _ends(scenario) and scenario.routers > 0 and not _has_no_route(scenario, node):
        farthest = graph.links[scenario.routers if node == scenario.chain[0] else 0]
        yield f"route add default {_through(graph.way_to(node, farthest), node)}"


def _through(way: Way, node: str) -> str:
    """The gateways of a way; the kernel spreads flows evenly over several."""
    source = f"src {way.source} " if way.source else ""
    gateways = [f"via {link.address(link.neighbour(node))}" for link in way.links]
    if len(gateways) == 1:
        return f"{source}{gateways[0]}"
    return source + " ".join(f"nexthop {gateway}" for gateway in gateways)


def _leads_to_target(scenario: Scenario, network: str) -> bool:
    return network == scenario.link_network(scenario.routers)


def _has_no_route(scenario: Scenario, node: str) -> bool:
    fault = route_fault(scenario, node)
    return fault is not None and fault.kind == "none"
