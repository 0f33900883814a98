"""Which type does the policy give this port?

A port may be in several entries. The kernel takes the first that covers it (security_port_sid, ss/services.c), and the
list is in this order: what the operator added comes first (sepol_port_modify puts it in front), then the policy's
entries, the narrowest first, the lowest port first among equals (cil_post_portcon_compare). So 9090 is websm_port_t
although unreserved_port_t has 1024-32767. A port in no entry is of type port_t.

What the operator changed with ``semanage port -m`` leaves the policy's entry in the list, behind his own: who does not
know which is local cannot tell which of two services' entries counts.
"""

from __future__ import annotations

from collections.abc import Iterable

from pathprobe.layers.mandatory_access.facts import Labels, PortLabel
from pathprobe.layers.mandatory_access.mode import domain_of, is_identifier
from pathprobe.layers.mandatory_access.record import printable

PROTOCOLS = frozenset({"tcp", "udp", "sctp", "dccp"})

#: Types of whole ranges, which belong to no service.
GENERIC = frozenset({"port_t", "unreserved_port_t", "ephemeral_port_t", "reserved_port_t", "hi_reserved_port_t"})

_HIGHEST = 65535


def parse_semanage(text: str, *, is_local: bool = False) -> tuple[tuple[PortLabel, ...], tuple[str, ...]]:
    """``semanage port -l``: the entries, and the lines that were not understood. The heading is neither."""
    entries: list[PortLabel] = []
    opaque: list[str] = []
    for line in text.splitlines():
        words = line.split(None, 2)
        if len(words) < 3 or words[1] not in PROTOCOLS or not is_identifier(words[0]):
            continue
        type_, protocol, listed = words
        ranges = [_range(one) for one in listed.split(",")]
        entries += [
            PortLabel(type=type_, protocol=protocol, low=both[0], high=both[1], is_local=is_local)
            for both in ranges
            if both is not None
        ]
        if None in ranges:
            opaque.append(printable(line.strip()))
    return tuple(entries), tuple(opaque)


def parse_portcon(text: str, *, is_local: bool = False) -> tuple[tuple[PortLabel, ...], tuple[str, ...]]:
    """Lines ``portcon tcp 9000 - 9100 CONTEXT``, as seinfo prints them and the policy store keeps them."""
    entries: list[PortLabel] = []
    opaque: list[str] = []
    for line in text.splitlines():
        words = line.split()
        if not words or words[0] != "portcon":
            continue
        both = _range("".join(words[2:-1])) if len(words) >= 4 else None
        type_ = domain_of(words[-1])
        if both is None or not type_:
            opaque.append(printable(line.strip()))
        else:
            entries.append(PortLabel(type=type_, protocol=words[1], low=both[0], high=both[1], is_local=is_local))
    return tuple(entries), tuple(opaque)


def _range(text: str) -> tuple[int, int] | None:
    low, dash, high = (part.strip() for part in text.partition("-"))
    ends = [low, high if dash else low]
    if not all(end.isascii() and end.isdecimal() and len(end) <= 5 for end in ends):
        return None
    first, last = int(ends[0]), int(ends[1])
    return (first, last) if first <= last <= _HIGHEST else None


def covering(
    port: int, protocol: str, policy: Iterable[PortLabel], local: Iterable[PortLabel]
) -> tuple[PortLabel, ...]:
    """The entries that cover the port, in the kernel's order. ``policy`` may list the local ones as well."""
    of_operator = [one for one in local if _covers(one, port, protocol)]
    known = {(one.type, one.low, one.high) for one in of_operator}
    of_policy = [one for one in policy if _covers(one, port, protocol) and (one.type, one.low, one.high) not in known]
    return tuple(of_operator + sorted(of_policy, key=lambda one: (one.high - one.low, one.low)))


def _covers(label: PortLabel, port: int, protocol: str) -> bool:
    return label.protocol == protocol and label.low <= port <= label.high


def effective(labels: Labels) -> PortLabel | None:
    """The entry that the kernel goes by; None where what was read does not tell."""
    if not labels.entries:
        return PortLabel(type="port_t", protocol="", low=0, high=_HIGHEST) if labels.knows_policy else None
    first = labels.entries[0]
    if first.is_local or labels.knows_local or len(labels.entries) == 1:
        return first
    second = labels.entries[1]
    may_be_local = second.type not in GENERIC and second.type != first.type
    return None if may_be_local else first
