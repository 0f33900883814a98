"""What does ``firewall-cmd --list-all-zones`` say, or ``--list-all-policies``, or ``--info-service``?

    public (default, active)
      target: default
      ports: 8080/tcp 9000-9010/udp
      rich rules:
    <tab>rule family="ipv4" source address="10.0.0.0/8" accept

A name begins at the margin, a key is indented by two blanks, further lines of a value by a tab. Old versions (RHEL 7)
put a single forward port behind its key. Later ones bring keys of their own (``ingress-priority``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pathprobe.layers.firewall.model import Range
from pathprobe.layers.firewall.owners.firewalld import rich
from pathprobe.layers.firewall.owners.firewalld.zones import (
    ForwardPort,
    Holdings,
    Policy,
    PortRange,
    Service,
    Zone,
)


@dataclass(slots=True)
class _Section:
    name: str
    values: dict[str, list[str]] = field(default_factory=dict)

    def words(self, key: str) -> tuple[str, ...]:
        return tuple(word for line in self.values.get(key, ()) for word in line.split())

    def first(self, key: str, default: str) -> str:
        return next(iter(self.words(key)), default)


def zones(text: str) -> Mapping[str, Zone]:
    """The zones of ``--list-all-zones``, or the one of ``--list-all``."""
    return {section.name: _zone(section) for section in _sections(text)}


def policies(text: str) -> Mapping[str, Policy]:
    return {section.name: _policy(section) for section in _sections(text)}


def services(text: str) -> Mapping[str, Service]:
    return {section.name: _service(section) for section in _sections(text)}


def _sections(text: str) -> list[_Section]:
    found: list[_Section] = []
    key = ""
    for line in text.splitlines():
        if not line.strip():
            continue
        if not line[0].isspace():
            found.append(_Section(line.partition(" (")[0].strip()))
            key = ""
        elif not found:
            continue
        elif line.startswith("\t") or ":" not in line:
            found[-1].values.setdefault(key, []).append(line.strip())
        else:
            key, _, value = line.strip().partition(":")
            found[-1].values[key] = [value.strip()] if value.strip() else []
    return found


def _zone(section: _Section) -> Zone:
    return Zone(
        name=section.name,
        target=section.first("target", "default"),
        interfaces=section.words("interfaces"),
        sources=section.words("sources"),
        holds=_holdings(section),
        priority=_number(section.first("ingress-priority", "0")) or 0,
    )


def _policy(section: _Section) -> Policy:
    number = _number(section.first("priority", "-1"))
    return Policy(
        name=section.name,
        target=section.first("target", "CONTINUE"),
        priority=-1 if number is None else number,
        ingress=section.words("ingress-zones"),
        egress=section.words("egress-zones"),
        holds=_holdings(section),
    )


def _service(section: _Section) -> Service:
    destinations = (word.partition(":") for word in section.words("destination"))
    versions = {"ipv4": 4, "ipv6": 6}
    return Service(
        name=section.name,
        ports=_understood(section.words("ports")),
        protocols=section.words("protocols"),
        source_ports=_understood(section.words("source-ports")),
        destinations={versions[family]: address for family, _, address in destinations if family in versions},
        includes=section.words("includes"),
    )


def _holdings(section: _Section) -> Holdings:
    ports, source_ports = section.words("ports"), section.words("source-ports")
    forwards = {line: forward_port(line) for line in section.words("forward-ports")}
    unclear = [word for word in (*ports, *source_ports) if port_range(word) is None]
    return Holdings(
        services=section.words("services"),
        ports=_understood(ports),
        protocols=section.words("protocols"),
        source_ports=_understood(source_ports),
        forward_ports=tuple(one for one in forwards.values() if one is not None),
        rich_rules=tuple(rich.parse(line) for line in section.values.get("rich rules", ())),
        unclear=(*unclear, *(line for line, one in forwards.items() if one is None)),
    )


def _understood(words: tuple[str, ...]) -> tuple[PortRange, ...]:
    return tuple(one for one in map(port_range, words) if one is not None)


def port_range(word: str) -> PortRange | None:
    """8080/tcp or 9000-9010/udp."""
    ports, _, protocol = word.partition("/")
    span = range_of(ports)
    return PortRange(ports=span, protocol=protocol) if protocol and span else None


def range_of(ports: str) -> Range | None:
    first, dash, last = ports.partition("-")
    low = _number(first)
    high = _number(last) if dash else low
    return None if low is None or high is None else (low, high)


def forward_port(line: str) -> ForwardPort | None:
    """port=80:proto=tcp:toport=8080:toaddr=10.0.0.9; the address comes last and may be one of version 6."""
    head, _, address = line.partition(":toaddr=")
    said = dict(pair.partition("=")[::2] for pair in head.split(":"))
    span = range_of(said.get("port", ""))
    if span is None or "proto" not in said:
        return None
    return ForwardPort(
        taken=PortRange(ports=span, protocol=said["proto"]), port=said.get("toport", ""), address=address
    )


def _number(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None
