"""What do firewalld's files say: a zone's, a policy's, a service's, firewalld.conf?

XML after firewalld.zone(5), firewalld.policy(5), firewalld.service(5) and firewalld.direct(5). A file that is no XML
gives None; an element that is not known is kept as unclear.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from pathprobe.layers.firewall.owners.firewalld import rich
from pathprobe.layers.firewall.owners.firewalld.listing import port_range, range_of
from pathprobe.layers.firewall.owners.firewalld.zones import (
    ForwardPort,
    Holdings,
    Policy,
    PortRange,
    RichRule,
    Service,
    Zone,
)

#: What decides nothing about a port.
_IDLE = frozenset(
    {
        *("short", "description", "version", "interface", "source", "ingress-zone", "egress-zone", "forward"),
        *("masquerade", "icmp-block", "icmp-block-inversion", "module", "helper"),
    }
)
_HELD = frozenset({"service", "port", "protocol", "source-port", "forward-port", "rule"})

#: In the order in which the commands print them.
_PARTS = (*("source", "destination"), *sorted(rich.ELEMENTS), *("log", "nflog", "audit"), *sorted(rich.ACTIONS))


def zone(name: str, text: str) -> Zone | None:
    root = _root(text, "zone")
    if root is None:
        return None
    return Zone(
        name=name,
        target=root.get("target", "default"),
        interfaces=tuple(_values(root, "interface", "name")),
        sources=tuple(_source(one) for one in root.iterfind("source")),
        holds=_holdings(root),
        priority=_integer(root.get("ingress-priority", root.get("priority", "0"))),
    )


def policy(name: str, text: str) -> Policy | None:
    root = _root(text, "policy")
    if root is None:
        return None
    return Policy(
        name=name,
        target=root.get("target", "CONTINUE"),
        priority=_integer(root.get("priority", "-1")),
        ingress=tuple(_values(root, "ingress-zone", "name")),
        egress=tuple(_values(root, "egress-zone", "name")),
        holds=_holdings(root),
    )


def service(name: str, text: str) -> Service | None:
    root = _root(text, "service")
    if root is None:
        return None
    attributes = {} if (found := root.find("destination")) is None else found.attrib
    return Service(
        name=name,
        ports=_ranges(root, "port"),
        protocols=tuple(_values(root, "protocol", "value")),
        source_ports=_ranges(root, "source-port"),
        destinations={version: attributes[f"ipv{version}"] for version in (4, 6) if f"ipv{version}" in attributes},
        includes=tuple(_values(root, "include", "service")),
    )


def direct(text: str) -> tuple[str, ...]:
    """The rules of direct.xml, as ``--direct --get-all-rules`` prints them."""
    root = _root(text, "direct")
    rules = [] if root is None else root.findall("rule")
    keys = ("ipv", "table", "chain", "priority")
    return tuple(" ".join([*(one.get(key, "") for key in keys), (one.text or "").strip()]) for one in rules)


def settings(text: str) -> Mapping[str, str]:
    """firewalld.conf: KEY=value."""
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line and not line.lstrip().startswith("#"))
    return {key.strip(): value.strip() for key, _, value in pairs}


def _root(text: str, tag: str) -> Element | None:
    try:
        root = ElementTree.fromstring(text.encode())
    except (ElementTree.ParseError, ValueError):
        return None
    return root if root.tag == tag else None


def _values(root: Element, tag: str, attribute: str) -> Iterable[str]:
    return (one.get(attribute, "") for one in root.iterfind(tag))


def _source(element: Element) -> str:
    """As the commands print it."""
    return element.get("address") or element.get("mac") or f"ipset:{element.get('ipset', '')}"


def _holdings(root: Element) -> Holdings:
    forwards = [(one, _forward(one)) for one in root.iterfind("forward-port")]
    return Holdings(
        services=tuple(_values(root, "service", "name")),
        ports=_ranges(root, "port"),
        protocols=tuple(_values(root, "protocol", "value")),
        source_ports=_ranges(root, "source-port"),
        forward_ports=tuple(forward for _, forward in forwards if forward is not None),
        rich_rules=tuple(_rich_rule(one) for one in root.iterfind("rule")),
        unclear=(
            *(_shown(one) for one in root if one.tag not in _IDLE | _HELD),
            *(_shown(one) for one, forward in forwards if forward is None),
        ),
    )


def _ranges(root: Element, tag: str) -> tuple[PortRange, ...]:
    words = (f"{one.get('port', '')}/{one.get('protocol', '')}" for one in root.iterfind(tag))
    return tuple(found for found in map(port_range, words) if found is not None)


def _forward(element: Element) -> ForwardPort | None:
    span, protocol = range_of(element.get("port", "")), element.get("protocol")
    if span is None or protocol is None:
        return None
    taken = PortRange(ports=span, protocol=protocol)
    return ForwardPort(taken=taken, port=element.get("to-port", ""), address=element.get("to-addr", ""))


def _rich_rule(element: Element) -> RichRule:
    parts: list[tuple[str, Mapping[str, str], bool]] = []
    for tag in _PARTS:
        for one in element.iterfind(tag):
            attributes = {name: value for name, value in one.attrib.items() if name != "invert"}
            parts.append((tag, attributes, one.get("invert", "no").lower() in ("yes", "true")))
            parts.extend(("limit", dict(limit.attrib), False) for limit in one.iterfind("limit"))
    return rich.parse(rich.render(element.get("family", ""), element.get("priority", "0"), parts))


def _shown(element: Element) -> str:
    return ElementTree.tostring(element, encoding="unicode").strip()


def _integer(text: str) -> int:
    return int(text) if text.lstrip("-").isdecimal() else 0
