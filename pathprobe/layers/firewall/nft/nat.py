"""To which address and port does a NAT statement of nft's JSON send a packet?

One statement may have both fixed, or one of them in a map, or both in one map (``addr . port``). Without an address of
a family of its own it is the table's (nft_nat.c, nft_masq.c, nft_redir.c).
"""

from __future__ import annotations

from collections.abc import Callable

from pathprobe.layers.firewall.model import Nat, Range, Translate
from pathprobe.layers.firewall.nft import values
from pathprobe.layers.firewall.nft.conditions import Surroundings
from pathprobe.layers.firewall.nft.fields import of_version
from pathprobe.layers.firewall.nft.maps import Choice, Statements, translate_map
from pathprobe.layers.firewall.nft.values import Json, Strange


def translation(kind: Nat) -> Callable[[Json, Surroundings], Statements | Choice]:
    """The reader of this kind's statements; it raises Strange."""

    def read(value: Json, around: Surroundings) -> Statements | Choice:
        given = value or {}
        before = of_version(given.get("family"), around.family)
        found = _translate(kind, given, around)
        if isinstance(found, Choice):
            return Choice(rows=tuple((*before, *row) for row in found.rows))
        return *before, *found

    return read


def _translate(kind: Nat, given: Json, around: Surroundings) -> Statements | Choice:
    address, port = given.get("addr"), given.get("port")
    if _is_map(address):
        if _is_map(port):
            raise Strange("two maps")
        ports = _ports(port)
        return translate_map(address["map"], around, lambda target: _with_address(kind, target, ports))
    addresses = _addresses(address)
    if _is_map(port):
        return translate_map(
            port["map"], around, lambda target: Translate(kind=kind, addresses=addresses, ports=_ports(target))
        )
    return (Translate(kind=kind, addresses=addresses, ports=_ports(port)),)


def _is_map(value: Json) -> bool:
    return isinstance(value, dict) and "map" in value


def _with_address(kind: Nat, target: Json, ports: Range | None) -> Translate:
    target = values.bare(target)
    if isinstance(target, dict) and "concat" in target:
        address, port = target["concat"]
        return Translate(kind=kind, addresses=_addresses(address), ports=_ports(port))
    return Translate(kind=kind, addresses=_addresses(target), ports=ports)


def _addresses(value: Json) -> Range | None:
    if value is None:
        return None
    return values.span(value, values.ADDRESS_6 if ":" in _first_address(value) else values.ADDRESS_4)


def _first_address(value: Json) -> str:
    value = values.bare(value)
    if isinstance(value, dict):
        value = value["range"][0] if "range" in value else value["prefix"]["addr"]
    if not isinstance(value, str):
        raise Strange(f"no address: {value!r:.80}")
    return value


def _ports(value: Json) -> Range | None:
    return None if value is None else values.span(value, values.PORT)
