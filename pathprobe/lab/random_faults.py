"""What goes wrong in a random network, and what is true then?

One fault or none, on a terrain. Each says what follows from its place: the states and places that may be told, how far
the port's probes get, and which box refuses. What is around may hide some of that, never make it false.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

from pathprobe.core.report import Direction, Mechanism, State, Where
from pathprobe.lab.surroundings import Surroundings
from pathprobe.lab.terrain import Terrain
from pathprobe.lab.truth import Truth
from pathprobe.net.scenario import Hook, Route, Rule, Service, ServiceKind

_ON_THE_WAY = (Hook.PREROUTING, Hook.FORWARD, Hook.POSTROUTING, Hook.EGRESS)

#: Hooks in which a rule may refuse; nft takes it in no other one of a router's (nft_reject_validate).
_REFUSING = (Hook.PREROUTING, Hook.FORWARD)

#: nft's names of the codes with which a router may refuse, and which of them say "cannot get there".
_REJECTS = {
    4: (
        "admin-prohibited",
        "host-prohibited",
        "net-prohibited",
        "port-unreachable",
        "prot-unreachable",
        "net-unreachable",
        "host-unreachable",
    ),
    6: ("admin-prohibited", "port-unreachable", "policy-fail", "reject-route", "no-route", "addr-unreachable"),
}
_NO_ROUTE = frozenset({"net-unreachable", "host-unreachable", "no-route", "addr-unreachable"})

#: With which codes a host's own firewall refuses.
_HOST_REJECTS = {4: ("admin-prohibited", "host-prohibited", "port-unreachable"), 6: ("admin-prohibited", "policy-fail")}

_EDGE = frozenset({Where.TARGET_EDGE})
_PATH = frozenset({Where.PATH})
_TARGET = frozenset({Where.TARGET})


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong with a network, and who is asked and answers. ``served_by`` is as in a scenario."""

    truth: Truth
    rules: tuple[Rule, ...] = ()
    routes: tuple[Route, ...] = ()
    serves: ServiceKind | None = ServiceKind.ANSWERS
    target_up: bool = True
    destination: str = "target"
    served_by: str | None = None

    def listen(self, terrain: Terrain) -> tuple[int, ...]:
        """The TCP ports with a listener."""
        return (terrain.port,) if terrain.protocol == "tcp" and terrain.port and self.serves else ()

    def services(self, terrain: Terrain) -> tuple[Service, ...]:
        """The UDP services."""
        if terrain.protocol != "udp" or terrain.port is None or self.serves is None:
            return ()
        return (Service(port=terrain.port, kind=self.serves),)


def draw_fault(rng: Random, terrain: Terrain, around: Surroundings) -> Fault:
    """One fault or none, of those that have one truth in these surroundings."""
    makers = [*_ANYWHERE, *_OF_PROTOCOL[terrain.protocol]]
    if terrain.routers:
        makers += _ON_A_ROUTER
        makers += [_no_route] if _may_misroute(terrain) else []
        makers += [_reset_on_the_way] * 2 if terrain.protocol == "tcp" else []
    if hops := _may_loop(terrain, around):
        makers += [lambda rng, terrain: _loop(rng.choice(hops), terrain)]
    if _may_forward(terrain, around):
        makers += [_forwarded]
    return rng.choice(makers)(rng, terrain)


def _may_loop(terrain: Terrain, around: Surroundings) -> list[int]:
    """Hops that may send packets back; a translator in the loop would meet its own packets again."""
    return [hop for hop in _may_misroute(terrain) if hop > 1 and around.nat_hop not in (hop - 1, hop)]


def _may_misroute(terrain: Terrain) -> list[int]:
    """Hops whose routes may fail; those of parallel routers beside the target are also their way to one another."""
    return [hop for hop in terrain.hops if hop < terrain.routers or hop in terrain.lone_hops]


def _may_forward(terrain: Terrain, around: Surroundings) -> bool:
    """The last router may be the target, with a host behind it.

    Losses behind it would be another fault, of the port alone; and two translators of one flow are too many.
    """
    last, back = terrain.routers, terrain.layout.way_back
    alone = last in terrain.lone_hops and (back is None or back.leaves != f"r{last}")
    return terrain.protocol == "tcp" and alone and last not in around.lossy_hops and last != around.nat_hop


def _truth(
    terrain: Terrain,
    states: set[State],
    wheres: frozenset[Where],
    mechanism: Mechanism,
    *,
    reach: int,
    first_bad: int | None = None,
    device: int | None = None,
    direction: Direction = Direction.FORWARD,
) -> Truth:
    """Whatever is refused may also be lost in silence, where the refusal does not come home."""
    silent = {Mechanism.DROP} if State.OPEN not in states else set()
    return Truth(
        states=frozenset(states),
        wheres=wheres,
        mechanisms=frozenset({mechanism, *silent}),
        reach=reach,
        first_bad=reach + 1 if first_bad is None else first_bad,
        distances=frozenset({terrain.routers + 1}),
        devices=frozenset({device} if device else ()),
        directions=frozenset({direction}),
    )


def _filtered(terrain: Terrain) -> set[State]:
    """Where a UDP port falls silent it may as well be open, seen from one end."""
    return {State.FILTERED, State.OPEN_FILTERED} if terrain.protocol == "udp" else {State.FILTERED}


def _open(_: Random, terrain: Terrain) -> Fault:
    truth = _truth(terrain, {State.OPEN}, _TARGET, Mechanism.ANSWER, reach=terrain.routers + 1)
    return Fault(truth=truth)


def _closed(_: Random, terrain: Terrain) -> Fault:
    here = terrain.routers + 1
    is_udp = terrain.protocol == "udp"
    mechanism = Mechanism.REJECT if is_udp else Mechanism.RESET
    wheres, device = (_TARGET | _EDGE, here) if is_udp else (_TARGET, None)
    truth = _truth(terrain, {State.CLOSED}, wheres, mechanism, reach=here, first_bad=here, device=device)
    return Fault(truth=truth, serves=None)


def _silent_service(_: Random, terrain: Terrain) -> Fault:
    truth = _truth(terrain, {State.OPEN_FILTERED}, _EDGE, Mechanism.DROP, reach=terrain.routers)
    return Fault(truth=replace(truth, mechanisms=frozenset(), directions=frozenset()), serves=ServiceKind.SILENT)


def _dropped_at_the_target(_: Random, terrain: Terrain) -> Fault:
    truth = _truth(terrain, _filtered(terrain), _EDGE, Mechanism.DROP, reach=terrain.routers)
    return Fault(truth=truth, rules=(Rule(at="target", hook=Hook.INPUT, match=terrain.test, action="drop"),))


def _refused_by_the_target(rng: Random, terrain: Terrain) -> Fault:
    here, code = terrain.routers + 1, rng.choice(_HOST_REJECTS[terrain.family])
    # To a UDP datagram that is what a host says of a closed port.
    state = State.CLOSED if code == "port-unreachable" and terrain.protocol == "udp" else State.FILTERED
    # Unheard, it is a drop at the target.
    states = {state, *(() if state is State.CLOSED else _filtered(terrain))}
    truth = _truth(terrain, states, _TARGET | _EDGE, Mechanism.REJECT, reach=here, first_bad=here, device=here)
    rule = Rule(at="target", hook=Hook.INPUT, match=terrain.test, action=f"reject {code}")
    return Fault(truth=truth, rules=(rule,))


def _reset_by_the_target(_: Random, terrain: Terrain) -> Fault:
    truth = _truth(terrain, {State.CLOSED}, _TARGET, Mechanism.RESET, reach=terrain.routers + 1)
    return Fault(truth=truth, rules=(Rule(at="target", hook=Hook.INPUT, match=terrain.test, action="reset"),))


def _answer_lost(rng: Random, terrain: Terrain) -> Fault:
    truth = _truth(
        terrain, _filtered(terrain), _EDGE, Mechanism.DROP, reach=terrain.routers, direction=Direction.RETURN
    )
    at = rng.choice((("target",), *terrain.routers_back))
    hook = Hook.OUTPUT if at == ("target",) else Hook.FORWARD
    return Fault(truth=truth, rules=tuple(Rule(at=name, hook=hook, match=terrain.answer, action="drop") for name in at))


def _host_down(_: Random, terrain: Terrain) -> Fault:
    last = terrain.routers
    wheres = _PATH if last else frozenset({Where.LOCAL})
    truth = _truth(terrain, {State.UNREACHABLE}, wheres, Mechanism.NO_ROUTE, reach=last, device=last or None)
    return Fault(truth=truth, target_up=False)


def _dropped_on_the_way(rng: Random, terrain: Terrain) -> Fault:
    hop, hook = rng.choice(terrain.hops), rng.choice(_ON_THE_WAY)
    reach = hop - 1 if hook is Hook.PREROUTING else hop
    wheres = _PATH | _EDGE if reach == terrain.routers else _PATH
    truth = _truth(terrain, _filtered(terrain), wheres, Mechanism.DROP, reach=reach)
    return Fault(truth=truth, rules=terrain.on(hop, hook, terrain.test, "drop"))


def _refused_on_the_way(rng: Random, terrain: Terrain) -> Fault:
    code = rng.choice(_REJECTS[terrain.family])
    mechanism = Mechanism.NO_ROUTE if code in _NO_ROUTE else Mechanism.REJECT
    return _refusal(rng, terrain, f"reject {code}", mechanism)


def _reset_on_the_way(rng: Random, terrain: Terrain) -> Fault:
    return _refusal(rng, terrain, "reset", Mechanism.RESET)


def _refusal(rng: Random, terrain: Terrain, action: str, mechanism: Mechanism) -> Fault:
    """Before routing no TTL runs out at the box: it is reached in so far as it answers."""
    hop, hook = rng.choice(terrain.hops), rng.choice(_REFUSING)
    first_bad = hop if hook is Hook.PREROUTING else hop + 1
    wheres = _PATH | _EDGE if first_bad > terrain.routers else _PATH
    truth = _truth(terrain, _filtered(terrain), wheres, mechanism, reach=hop, first_bad=first_bad, device=hop)
    return Fault(truth=truth, rules=terrain.on(hop, hook, terrain.test, action))


def _no_route(rng: Random, terrain: Terrain) -> Fault:
    hop, kind = rng.choice(_may_misroute(terrain)), rng.choice(("none", "unreachable", "blackhole", "prohibit"))
    # Everything is refused where a route prohibits: that is a policy, and it leaves the target unreachable.
    policy = kind == "prohibit"
    states = {State.UNREACHABLE, State.FILTERED} if policy else {State.UNREACHABLE}
    mechanism = Mechanism.REJECT if policy else Mechanism.NO_ROUTE
    truth = _truth(terrain, states, _PATH, mechanism, reach=hop, first_bad=hop, device=hop)
    return Fault(truth=truth, routes=tuple(Route(at=name, kind=kind) for name in terrain.at(hop)))


def _loop(hop: int, terrain: Terrain) -> Fault:
    truth = _truth(terrain, {State.UNREACHABLE}, _PATH, Mechanism.LOOP, reach=hop)
    return Fault(truth=truth, routes=tuple(Route(at=name, kind="back") for name in terrain.at(hop)))


def _forwarded(rng: Random, terrain: Terrain) -> Fault:
    """The last router is asked, and hands the port on to a host behind it, one hop farther in the same name."""
    last = terrain.routers
    state, mechanism, serves, rules = rng.choice(_BEHIND)
    wheres, reach = (_EDGE, last) if state is State.FILTERED else (_TARGET, last + 1)
    truth = _truth(terrain, {state}, wheres, mechanism, reach=reach, first_bad=last)
    name = f"r{last}"
    to = Rule(at=name, hook=Hook.PREROUTING, match=terrain.test, action=f"dnat target:{terrain.port}")
    behind = tuple(Rule(at="target", hook=Hook.INPUT, match=terrain.test, action=action) for action in rules)
    return Fault(
        truth=replace(truth, distances=frozenset({last, last + 1})),
        rules=(to, *behind),
        serves=serves,
        destination=name,
        served_by="target",
    )


_BEHIND: tuple[tuple[State, Mechanism, ServiceKind | None, tuple[str, ...]], ...] = (
    (State.OPEN, Mechanism.ANSWER, ServiceKind.ANSWERS, ()),
    (State.CLOSED, Mechanism.RESET, None, ()),
    (State.FILTERED, Mechanism.DROP, ServiceKind.ANSWERS, ("drop",)),
)

_Maker = Callable[[Random, Terrain], Fault]
_ANYWHERE: tuple[_Maker, ...] = (
    _open,
    _open,
    _dropped_at_the_target,
    _refused_by_the_target,
    _answer_lost,
    _host_down,
)
_ON_A_ROUTER: tuple[_Maker, ...] = (
    _dropped_on_the_way,
    _dropped_on_the_way,
    _dropped_on_the_way,
    _refused_on_the_way,
    _refused_on_the_way,
)
_OF_PROTOCOL: dict[str, tuple[_Maker, ...]] = {
    "tcp": (_closed, _closed, _reset_by_the_target),
    "udp": (_closed, _closed, _silent_service, _silent_service),
    "icmp": (),
}
