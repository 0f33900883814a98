"""Which hooks does a packet pass on its way in, and its answer on the way out, and what becomes of it there?

In the order of the kernel (nf_hook_slow): on each hook the chains of all tables by priority, connection tracking at
-200 and the translation of addresses at its own place among them; then the routes say whether it is for this machine or
to be forwarded. A chain of type nat is asked about the first packet of a connection only, and not once another one has
decided (nf_nat_inet_fn). Families bridge and arp are not followed.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from pathprobe.layers.firewall.evaluation.conditions import is_named
from pathprobe.layers.firewall.evaluation.effects import DESTINATION, SOURCE
from pathprobe.layers.firewall.evaluation.packet import Key, Numbers, Packet, Tracking, exactly
from pathprobe.layers.firewall.evaluation.ranges import single
from pathprobe.layers.firewall.evaluation.state import State, merged
from pathprobe.layers.firewall.evaluation.tracked import keeps_connections
from pathprobe.layers.firewall.evaluation.walk import Walk, outcome
from pathprobe.layers.firewall.model import (
    AddressType,
    Base,
    Chain,
    ChainType,
    CtState,
    CtStatus,
    Family,
    Hook,
    Nat,
    Ranges,
    Ruleset,
    Table,
)
from pathprobe.layers.firewall.outcome import Doubt, Fate, Outcome
from pathprobe.layers.network import Network, Route

#: Priorities (nf_ip_hook_priorities): connections are looked up, destinations and sources are translated.
_TRACKING, _TRANSLATING_DESTINATION, _TRANSLATING_SOURCE = -200, -100, 100

_TCP = 6
_SYN, _SYN_ACK = 0x02, 0x12

#: From where systems take the ports of their own connections: Linux 32768 to 60999, others 49152 to 65535 (RFC 6335).
CLIENT_PORTS: Ranges = ((32768, 65535),)

EVERYBODY: dict[int, Ranges] = {4: ((0, (1 << 32) - 1),), 6: ((0, (1 << 128) - 1),)}

_NAT_HOOKS = {
    Hook.PREROUTING: (_TRANSLATING_DESTINATION, DESTINATION),
    Hook.OUTPUT: (_TRANSLATING_DESTINATION, DESTINATION),
    Hook.INPUT: (_TRANSLATING_SOURCE, SOURCE),
    Hook.POSTROUTING: (_TRANSLATING_SOURCE, SOURCE),
}

_OF_VERSION = {4: Family.IP, 6: Family.IP6}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A first packet: ``protocol`` 6 or 17; ``sources``: who may have sent it; it comes in by ``interface``."""

    version: int
    protocol: int
    destination: int
    port: int
    interface: str
    sources: Ranges
    source_ports: Ranges = CLIENT_PORTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Journey:
    """``way_in``: of the packet, ``way_out``: of the answer to those that got through; of all senders each."""

    question: Question
    way_in: tuple[Outcome, ...]
    way_out: tuple[Outcome, ...]


def journey(ruleset: Ruleset, question: Question, network: Network) -> Journey:
    """Lead the packet, and the answer to it, through the rules."""
    version = question.version
    trip = _Trip(ruleset=ruleset, network=network, version=version, keeps=keeps_connections(ruleset, version))
    arrived = trip.inwards(State(packet=_first_packet(question, network)), question)
    way_in, trip.outcomes = tuple(trip.outcomes), []
    for state in arrived:
        trip.outwards(state, question)
    return Journey(question=question, way_in=way_in, way_out=tuple(trip.outcomes))


def _first_packet(question: Question, network: Network) -> Packet:
    is_tcp = question.protocol == _TCP
    destination = exactly(question.destination)
    numbers: dict[Key, Ranges | None] = {
        Key.VERSION: exactly(question.version),
        Key.PROTOCOL: exactly(question.protocol),
        Key.DESTINATION: destination,
        Key.SOURCE_PORT: question.source_ports,
        Key.DESTINATION_PORT: exactly(question.port),
        Key.TTL: ((1, 255),),
        # Headers with the options of a SYN, or a datagram of any size that needs no fragments.
        Key.LENGTH: ((40, 100),) if is_tcp else ((28, 1500),),
        Key.MARK: exactly(0),
        Key.PACKET_TYPE: exactly(0),
        Key.SOURCE_TYPE: exactly(_type_of(question.sources, question.version, network)),
        Key.DESTINATION_TYPE: exactly(network.type_of(question.destination, question.version)),
        Key.CT_STATE: exactly(CtState.NEW),
        Key.CT_STATUS: exactly(0),
        Key.CT_MARK: exactly(0),
        Key.CT_DIRECTION: exactly(0),
        Key.CT_ORIGINAL_DESTINATION: destination,
        Key.CT_ORIGINAL_SOURCE_PORT: question.source_ports,
        Key.CT_ORIGINAL_DESTINATION_PORT: exactly(question.port),
    }
    if is_tcp:
        numbers[Key.TCP_FLAGS] = exactly(_SYN)
    senders_own = frozenset({Key.SOURCE, Key.CT_ORIGINAL_SOURCE})
    return Packet(senders=question.sources, senders_own=senders_own, numbers=Numbers(numbers))


def _type_of(sources: Ranges, version: int, network: Network) -> int:
    """Of senders whom nobody named: the others, out there."""
    number = single(sources)
    return AddressType.UNICAST.value if number is None else network.type_of(number, version)


@dataclass(slots=True, kw_only=True)
class _Trip:
    """``keeps``: connections are kept track of; ``translates``: some chain of type nat may be asked."""

    ruleset: Ruleset
    network: Network
    version: int
    keeps: bool
    outcomes: list[Outcome] = field(default_factory=list)
    translates: bool = field(init=False)

    def __post_init__(self) -> None:
        self.translates = self.keeps and any(
            chain.base is not None and chain.base.type is ChainType.NAT
            for table in self.ruleset.tables
            if table.family in (Family.INET, _OF_VERSION[self.version])
            for chain in table.chains.values()
        )

    def inwards(self, state: State, question: Question) -> list[State]:
        """Those that arrive, on the hook where they did."""
        incoming = question.interface
        states = [state]
        if self._is_loopback(incoming):
            arrived = self._from_itself(states, incoming)
        else:
            states = self._on_link(Hook.INGRESS, states, incoming)
            states = self._hook(Hook.PREROUTING, states, incoming=incoming)
            arrived = [two for one in states for two in self._routed(one, incoming)]
        self._pass(arrived)
        return arrived

    def _pass(self, states: list[State]) -> None:
        self.outcomes += [outcome(Fate.ACCEPTED, one, one.passed[-1] if one.passed else None) for one in states]

    def _from_itself(self, states: list[State], loopback: str) -> list[State]:
        """Out first; in again only what a translation did not send elsewhere (ip_route_me_harder)."""
        arrived = []
        for state in self._hook(Hook.OUTPUT, states, outgoing=loopback):
            if self._is_here(state):
                out = self._hook(Hook.POSTROUTING, [state], outgoing=loopback)
                back = self._hook(Hook.PREROUTING, self._over_loopback(out, loopback), incoming=loopback)
                arrived += self._hook(Hook.INPUT, back, incoming=loopback)
                continue
            outgoing = self._way_on(state)
            if outgoing:
                out = self._hook(Hook.POSTROUTING, [state], outgoing=outgoing)
                arrived += self._on_link(Hook.EGRESS, out, outgoing)
        return arrived

    def _over_loopback(self, states: list[State], loopback: str) -> list[State]:
        return self._on_link(Hook.INGRESS, self._on_link(Hook.EGRESS, states, loopback), loopback)

    def _is_loopback(self, name: str) -> bool:
        interface = self.network.interface(name)
        return interface is not None and interface.loopback

    def _is_here(self, state: State) -> bool:
        return state.packet.value(Key.DESTINATION_TYPE) == exactly(AddressType.LOCAL.value)

    def _routed(self, state: State, incoming: str) -> list[State]:
        """To the machine's own sockets, or on by another interface."""
        if self._is_here(state):
            return self._hook(Hook.INPUT, [state], incoming=incoming)
        outgoing = self._way_on(state, incoming=incoming)
        if not outgoing:
            return []
        states = self._hook(Hook.FORWARD, [state], incoming=incoming, outgoing=outgoing)
        states = self._hook(Hook.POSTROUTING, states, incoming=incoming, outgoing=outgoing)
        return self._on_link(Hook.EGRESS, states, outgoing)

    def _way_on(self, state: State, incoming: str | None = None) -> str | None:
        """The interface by which the routes send it; None where it is lost, which is told."""
        destination = state.packet.value(Key.DESTINATION)
        if destination is None:
            # Several translations met that were not told apart: one of them may be right.
            self.outcomes.append(outcome(Fate.HANDED, state, None, detail="a translation that cannot be told"))
            return None
        route = self.network.route(destination[0][0], self.version)
        lost = self._why_lost(route, incoming)
        if lost or route is None:
            self.outcomes.append(outcome(Fate.LOST, state, None, detail=lost))
            return None
        return route.device

    def _why_lost(self, route: Route | None, incoming: str | None) -> str:
        if route is None or route.device is None:
            return f"the route there is of type {route.type}" if route else "no route leads there"
        if route.type != "unicast":
            return f"the route there is of type {route.type}"
        if incoming is None or self.network.forwards_from(incoming, self.version):
            return ""
        return "this machine does not forward packets"

    def outwards(self, state: State, question: Question) -> None:
        """The answer to a packet that arrived: by the way it came in, as this machine's answers go to most senders."""
        answer = self._answer(state)
        outward = state.packet.outgoing
        if self._is_loopback(question.interface):
            self._pass(self._answer_to_itself(answer, question.interface, outward))
            return
        leaving = self._way_back(question)
        if not outward:
            states = self._hook(Hook.OUTPUT, [answer], outgoing=leaving)
        else:
            states = self._on_link(Hook.INGRESS, [answer], outward)
            states = self._hook(Hook.PREROUTING, states, incoming=outward)
            states = self._hook(Hook.FORWARD, states, incoming=outward, outgoing=leaving)
        states = self._hook(Hook.POSTROUTING, states, incoming=outward, outgoing=leaving)
        self._pass(self._on_link(Hook.EGRESS, states, leaving))

    def _answer_to_itself(self, answer: State, loopback: str, outward: str) -> list[State]:
        """Over loopback, or from where a translation sent the question."""
        if outward:
            states = self._on_link(Hook.INGRESS, [answer], outward)
            states = self._hook(Hook.PREROUTING, states, incoming=outward)
            return self._hook(Hook.INPUT, states, incoming=outward)
        states = self._hook(Hook.OUTPUT, [answer], outgoing=loopback)
        states = self._over_loopback(self._hook(Hook.POSTROUTING, states, outgoing=loopback), loopback)
        states = self._hook(Hook.PREROUTING, states, incoming=loopback)
        return self._hook(Hook.INPUT, states, incoming=loopback)

    def _way_back(self, question: Question) -> str:
        number = single(question.sources)
        route = None if number is None else self.network.route(number, self.version)
        return route.device if route and route.device and not self._is_loopback(route.device) else question.interface

    def _answer(self, state: State) -> State:
        """It goes the other way on the same connection; the translation back is taken to be behind all filters."""
        packet = state.packet
        asked = packet.numbers
        status = single(asked.get(Key.CT_STATUS) or ())
        changes: dict[Key, Ranges | None] = {
            Key.SOURCE: packet.value(Key.DESTINATION),
            Key.SOURCE_PORT: asked[Key.DESTINATION_PORT],
            Key.DESTINATION_PORT: asked[Key.SOURCE_PORT],
            Key.SOURCE_TYPE: asked[Key.DESTINATION_TYPE],
            Key.DESTINATION_TYPE: asked[Key.SOURCE_TYPE],
            Key.MARK: exactly(0),
        }
        if Key.TCP_FLAGS in asked:
            changes[Key.TCP_FLAGS] = exactly(_SYN_ACK)
        tracking = Tracking.KEPT
        if packet.tracking is Tracking.KEPT:
            seen = CtStatus.SEEN_REPLY | CtStatus.CONFIRMED
            changes[Key.CT_STATE] = exactly(CtState.ESTABLISHED)
            changes[Key.CT_DIRECTION] = exactly(1)
            changes[Key.CT_STATUS] = None if status is None else exactly(status | seen)
        elif asked[Key.PROTOCOL] == exactly(_TCP):
            # Nobody kept the SYN: an answer to nothing is invalid. A datagram begins something of its own.
            tracking = Tracking.INVALID
        numbers = asked | changes
        del numbers[Key.DESTINATION]
        answer = replace(
            packet,
            numbers=Numbers(numbers),
            senders_own=frozenset({Key.DESTINATION, Key.CT_ORIGINAL_SOURCE}),
            tracking=tracking,
        )
        return State(packet=answer, assumed=state.assumed, bound=state.bound)

    def _on_link(self, hook: Hook, states: list[State], device: str) -> list[State]:
        """Chains of a device, and of those that it is made of: ports of a bridge, members of a bond, below a VLAN.

        By which of several ports a packet goes cannot be told.
        """
        found: list[State] = []
        *ways, last = self._ways_by(hook, device)
        for way in ways:
            doubt = Doubt(place=None, text=f"{'coming in' if hook is Hook.INGRESS else 'leaving'} by {way[-1]}")
            found += self._along(hook, [one.assuming(doubt, held=True) for one in states], way)
            states = [one.assuming(doubt, held=False) for one in states]
        found = merged(found + self._along(hook, states, last))
        outgoing = "" if hook is Hook.INGRESS else device
        incoming = device if hook is Hook.INGRESS else ""
        return [replace(state, packet=state.packet.on(incoming=incoming, outgoing=outgoing)) for state in found]

    def _along(self, hook: Hook, states: list[State], way: tuple[str, ...]) -> list[State]:
        for one in reversed(way) if hook is Hook.INGRESS else way:
            ways = {"incoming": one} if hook is Hook.INGRESS else {"outgoing": one}
            states = self._hook(hook, states, tracked=False, **ways)
        return states

    def _ways_by(self, hook: Hook, device: str) -> list[tuple[str, ...]]:
        """The devices on each way whose chains are asked; ways that differ in none are one, the longest first."""
        on_hook = any(
            chain.base is not None and chain.base.hook is hook
            for table in self.ruleset.tables
            for chain in table.chains.values()
        )
        if not on_hook:
            return [()]
        ways = [(device, *way) for way in self.network.below(device)]
        asked = {one: bool(self._chains(hook, one)) for one in dict.fromkeys(one for way in ways for one in way)}
        met = dict.fromkeys(tuple(one for one in way if asked[one]) for way in ways)
        return sorted(met, key=len, reverse=True)

    def _hook(
        self, hook: Hook, states: list[State], *, incoming: str = "", outgoing: str = "", tracked: bool = True
    ) -> list[State]:
        """Those that all chains on the hook let through."""
        states = [replace(state, packet=state.packet.on(incoming=incoming, outgoing=outgoing)) for state in states]
        # What was sent to this machine itself has its connection still when it comes in.
        looks = hook is Hook.OUTPUT or (hook is Hook.PREROUTING and not self._is_loopback(incoming))
        for table, chain, base in self._chains(hook, incoming or outgoing):
            if not states:
                return []
            # What is known of a connection is not known yet where none has been looked for.
            early = not tracked or (looks and base.priority < _TRACKING)
            states = self._asked(table, chain, base, states, early=early)
        if not self.translates or hook not in _NAT_HOOKS:
            return states
        # That nothing is translated is decided as well, once for each side of a connection (nf_nat_alloc_null_binding),
        # on every hook of nat, for the kernel is called on all as soon as one has a chain.
        decided = _NAT_HOOKS[hook][1]
        return [replace(state, bound=state.bound | decided) if _is_first(state) else state for state in states]

    def _asked(self, table: Table, chain: Chain, base: Base, states: list[State], *, early: bool) -> list[State]:
        left, asked = [], []
        for state in states:
            if base.type is ChainType.NAT and not (self.keeps and _is_for_nat(state, base.hook)):
                left.append(state)
            else:
                asked.append(_early(state) if early else state)
        walk = Walk(table=table, base=chain, network=self.network)
        for state, place in walk.run(asked):
            told = _late(state) if early else state
            left.append(replace(told, passed=(*told.passed, place)))
        self.outcomes += walk.outcomes
        return merged(left)

    def _chains(self, hook: Hook, device: str) -> list[tuple[Table, Chain, Base]]:
        """In the order of calling: of the same priority the youngest first (nf_hook_entries_grow), listed last."""
        found = [
            (table, chain, base)
            for table in reversed(self.ruleset.tables)
            if not table.dormant and self._concerns(table.family, hook)
            for chain in reversed(tuple(table.chains.values()))
            if (base := chain.base) is not None and base.hook is hook
            if not base.devices or any(is_named(device, pattern) for pattern in base.devices)
        ]
        return sorted(found, key=lambda one: (_place_of(one[2]), one[2].priority))

    def _concerns(self, family: Family, hook: Hook) -> bool:
        if family is Family.NETDEV:
            return hook in (Hook.INGRESS, Hook.EGRESS)
        return family in (Family.INET, _OF_VERSION[self.version])


def _place_of(base: Base) -> int:
    """All chains of type nat are called at one place, in the order of their own priorities."""
    if base.type is ChainType.NAT and base.hook in _NAT_HOOKS:
        return _NAT_HOOKS[base.hook][0]
    return base.priority


def _is_first(state: State) -> bool:
    """A first packet whose connection is kept."""
    return state.packet.numbers[Key.CT_STATE] == exactly(CtState.NEW) and state.packet.tracking is Tracking.KEPT


def _is_for_nat(state: State, hook: Hook) -> bool:
    """A first packet whose connection has no translation of this side yet."""
    kinds: frozenset[Nat] = _NAT_HOOKS[hook][1] if hook in _NAT_HOOKS else frozenset()
    return _is_first(state) and not state.bound & kinds


def _early(state: State) -> State:
    """Nobody has looked for its connection yet."""
    if state.packet.tracking is not Tracking.KEPT:
        return state
    return replace(state, packet=replace(state.packet, tracking=Tracking.PENDING))


def _late(state: State) -> State:
    """Its connection has been looked for, unless a rule said that none be kept."""
    if state.packet.tracking is not Tracking.PENDING:
        return state
    return replace(state, packet=replace(state.packet, tracking=Tracking.KEPT))
