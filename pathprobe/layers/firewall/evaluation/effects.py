"""What does a rule change about a packet or its connection?"""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address

from pathprobe.layers.firewall.evaluation.packet import KEYS, TRACKED, Key, Packet, Tracking, exactly
from pathprobe.layers.firewall.evaluation.ranges import single
from pathprobe.layers.firewall.evaluation.state import State
from pathprobe.layers.firewall.model import (
    Assign,
    Copy,
    CtStatus,
    Field,
    Nat,
    Range,
    Ranges,
    Translate,
    Untrack,
)
from pathprobe.layers.firewall.outcome import Place, Redirection
from pathprobe.layers.network import Network

#: The translations of the destination, and those of the source: a connection gets one of each kind.
DESTINATION = frozenset({Nat.DNAT, Nat.REDIRECT})
SOURCE = frozenset({Nat.SNAT, Nat.MASQUERADE})

_WORD = 0xFFFFFFFF


def changed(state: State, effect: Assign | Copy | Untrack) -> State:
    """The state after an effect; what is not known of the old value is not known of the new one."""
    match effect:
        case Assign() | Copy() if KEYS[effect.field] in TRACKED and not state.packet.has(effect.field):
            return state  # no connection, no mark of one
        case Assign():
            return _with(state, effect.field, _assigned(state.packet, effect))
        case Copy():
            known = state.packet.number(effect.source) if state.packet.has(effect.source) else None
            return _with(state, effect.field, known)
        case Untrack():
            # Once its connection is known this does nothing (nft_notrack_eval).
            if state.packet.tracking is Tracking.KEPT:
                return state
            return replace(state, packet=replace(state.packet, tracking=Tracking.UNTRACKED))


def _with(state: State, field: Field, value: Ranges | None) -> State:
    return replace(state, packet=state.packet.become({KEYS[field]: value}))


def _assigned(packet: Packet, effect: Assign) -> Ranges | None:
    if effect.flip is None:
        return None
    if effect.keep == 0:
        return exactly(effect.flip)
    old = single(packet.number(effect.field) or ()) if packet.has(effect.field) else None
    return None if old is None else exactly(((old & effect.keep) ^ effect.flip) & _WORD)


def translated(state: State, translation: Translate, place: Place, network: Network) -> State:
    """The state with its connection's translation; where there are several to choose from, any of them."""
    kinds = DESTINATION if translation.kind in DESTINATION else SOURCE
    changes: dict[Key, Ranges | None] = {Key.CT_STATUS: _status(state.packet, kinds)}
    if kinds is SOURCE:
        return replace(state, packet=state.packet.become(changes), bound=state.bound | kinds)
    version = single(state.packet.numbers[Key.VERSION] or ()) or 4
    address = _destination(state.packet, translation, network, version)
    if address is not None:
        kind = network.type_of(address[0], version)
        changes |= {Key.DESTINATION: (address,), Key.DESTINATION_TYPE: exactly(kind)}
    if translation.ports is not None:
        changes[Key.DESTINATION_PORT] = (translation.ports,)
    told = Redirection(
        place=place,
        address=None if address is None else _text(address[0], version),
        port=None if translation.ports is None else translation.ports[0],
    )
    return replace(
        state,
        packet=state.packet.become(changes),
        bound=state.bound | kinds,
        redirections=(*state.redirections, told),
    )


def _destination(packet: Packet, translation: Translate, network: Network, version: int) -> Range | None:
    """Where to, None where the address stays. A redirection takes the interface's own address, and of what this machine
    itself sends the loopback's (nf_nat_redirect_ipv4, nf_nat_redirect_ipv6)."""
    if translation.kind is not Nat.REDIRECT:
        return translation.addresses
    if not packet.incoming:
        return _LOOPBACK[version]
    interface = network.interface(packet.incoming)
    own = [one.number for one in interface.addresses if one.version == version] if interface else []
    return (own[0], own[0]) if own else None


_LOOPBACK = {version: (int(one), int(one)) for version, one in ((4, IPv4Address("127.0.0.1")), (6, IPv6Address("::1")))}


def _text(number: int, version: int) -> str:
    return str(IPv4Address(number) if version == 4 else IPv6Address(number))


def _status(packet: Packet, kinds: frozenset[Nat]) -> Ranges | None:
    old = single(packet.numbers.get(Key.CT_STATUS) or ())
    bit = CtStatus.DNAT if kinds is DESTINATION else CtStatus.SNAT
    return None if old is None else exactly(old | bit)
