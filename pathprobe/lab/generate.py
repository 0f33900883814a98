"""Which networks would nobody think of, and what is true of them?

A seed gives a chain of routers, some mute, perhaps stateful, perhaps with echo blocked somewhere, and one fault
or none. What is true follows from how it was made, not from what pathprobe says: the fault's place bounds what a
verdict may claim. A verdict may know less than the truth (a mute hop hides where it was), never something else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from pathprobe.core.report import Result, State, Where
from pathprobe.lab.ask import observed
from pathprobe.net.scenario import Expectation, Hook, Match, Route, Rule, Scenario

PORT = 8080

#: Sizes of the chain; short ones are likelier, as faults are near an edge more often than not.
_ROUTERS = (0, 1, 1, 2, 3, 3, 4, 5, 6, 7)
_MUTE_SHARE, _STATEFUL_SHARE, _ECHO_BLOCKED_SHARE = 0.2, 0.2, 0.25

_TEST = Match(protocol="tcp", destination_port=PORT)
_ANSWER = Match(protocol="tcp", source_port=PORT)
_ECHO = Match(protocol="icmp", icmp="echo-request")


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What a right verdict may say.

    ``reach``: the last hop that the port's probes get to. ``device``: the hop of the box that refuses, if one does.
    """

    states: frozenset[State]
    wheres: frozenset[Where]
    reach: int
    device: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A generated network and its truth."""

    scenario: Scenario
    truth: Truth


@dataclass(frozen=True, slots=True)
class _Fault:
    """What goes wrong: rules, routes, whether somebody listens, and the truth that follows."""

    truth: Truth
    rules: tuple[Rule, ...] = ()
    routes: tuple[Route, ...] = ()
    listen: tuple[int, ...] = (PORT,)
    target_up: bool = True


def generate(seed: int) -> Network:
    """The network of a seed; the same seed gives the same network."""
    rng = Random(seed)
    routers, family = rng.choice(_ROUTERS), rng.choice((4, 6))
    surroundings = _surroundings(rng, routers)
    faults = _ANYWHERE + (_ON_A_ROUTER if routers else ())
    fault = rng.choice(faults)(rng, routers)
    scenario = Scenario(
        name=f"random-{seed}",
        summary="made at random",
        family=family,
        expect=Expectation(state=min(fault.truth.states)),
        routers=routers,
        listen=fault.listen,
        target_up=fault.target_up,
        rules=(*fault.rules, *surroundings),
        routes=fault.routes,
    )
    return Network(scenario=scenario, truth=fault.truth)


def contradictions(network: Network, result: Result) -> list[str]:
    """In what a verdict contradicts the truth; empty when it does not."""
    truth, got, scenario = network.truth, observed(result.verdict), network.scenario
    wrong = []
    if result.verdict.state not in truth.states:
        wrong.append(f"state {got.state}, not {' or '.join(sorted(truth.states))}")
    if result.verdict.location.where not in truth.wheres:
        wrong.append(f"where {got.where}, not {' or '.join(sorted(truth.wheres))}")
    if got.distance not in (None, scenario.routers + 1):
        wrong.append(f"distance {got.distance}, not {scenario.routers + 1}")
    if got.last_good is not None and got.last_good > truth.reach:
        wrong.append(f"last good hop {got.last_good}, though nothing gets beyond {truth.reach}")
    if got.first_bad is not None and got.first_bad <= truth.reach:
        wrong.append(f"first bad hop {got.first_bad}, though all get to {truth.reach}")
    if got.device not in (None, truth.device):
        wrong.append(f"device {got.device}, not {truth.device}")
    return wrong


def _surroundings(rng: Random, routers: int) -> tuple[Rule, ...]:
    """What is there besides the fault: mute and stateful routers, blocked echo."""
    names = [f"r{k}" for k in range(1, routers + 1)]
    mute = Match(protocol="icmp", icmp="time-exceeded")
    rules = [Rule(at=name, hook=Hook.OUTPUT, match=mute, action="drop") for name in names if rng.random() < _MUTE_SHARE]
    if rng.random() < _STATEFUL_SHARE:
        stateful = Match(ct_state="invalid")
        rules += [Rule(at=name, hook=Hook.FORWARD, match=stateful, action="drop") for name in names]
    if rng.random() < _ECHO_BLOCKED_SHARE:
        at = rng.choice([*names, "target"])
        hook = Hook.INPUT if at == "target" else Hook.FORWARD
        rules.append(Rule(at=at, hook=hook, match=_ECHO, action=rng.choice(("drop", "reject admin-prohibited"))))
    return tuple(rules)


def _truth(*states: State, wheres: tuple[Where, ...], reach: int, device: int | None = None) -> Truth:
    return Truth(states=frozenset(states), wheres=frozenset(wheres), reach=reach, device=device)


def _open(_: Random, routers: int) -> _Fault:
    return _Fault(_truth(State.OPEN, wheres=(Where.TARGET,), reach=routers + 1))


def _closed(_: Random, routers: int) -> _Fault:
    return _Fault(_truth(State.CLOSED, wheres=(Where.TARGET,), reach=routers + 1), listen=())


def _dropped_at_the_target(_: Random, routers: int) -> _Fault:
    truth = _truth(State.FILTERED, wheres=(Where.TARGET_EDGE, Where.UNKNOWN), reach=routers)
    return _Fault(truth, (Rule(at="target", hook=Hook.INPUT, match=_TEST, action="drop"),))


def _answer_lost(rng: Random, routers: int) -> _Fault:
    at = rng.choice(["target", *(f"r{k}" for k in range(1, routers + 1))])
    hook = Hook.OUTPUT if at == "target" else Hook.FORWARD
    truth = _truth(State.FILTERED, wheres=(Where.TARGET_EDGE, Where.UNKNOWN), reach=routers)
    return _Fault(truth, (Rule(at=at, hook=hook, match=_ANSWER, action="drop"),))


def _host_down(_: Random, routers: int) -> _Fault:
    wheres = (Where.PATH, Where.UNKNOWN) if routers else (Where.LOCAL,)
    truth = _truth(State.UNREACHABLE, wheres=wheres, reach=routers, device=routers or None)
    return _Fault(truth, target_up=False)


def _dropped_on_the_way(rng: Random, routers: int) -> _Fault:
    hop, hook = _place(rng, routers)
    reach = hop if hook is Hook.FORWARD else hop - 1
    wheres = {Where.PATH, Where.UNKNOWN} | ({Where.TARGET_EDGE} if reach == routers else set())
    truth = _truth(State.FILTERED, wheres=tuple(wheres), reach=reach)
    return _Fault(truth, (Rule(at=f"r{hop}", hook=hook, match=_TEST, action="drop"),))


def _refused_on_the_way(rng: Random, routers: int) -> _Fault:
    hop, hook = _place(rng, routers)
    action = rng.choice(("reset", "reject admin-prohibited", "reject port-unreachable"))
    truth = _truth(State.FILTERED, wheres=(Where.PATH,), reach=hop, device=hop)
    return _Fault(truth, (Rule(at=f"r{hop}", hook=hook, match=_TEST, action=action),))


def _no_route(rng: Random, routers: int) -> _Fault:
    hop, _ = _place(rng, routers)
    kind = rng.choice(("none", "unreachable", "blackhole"))
    truth = _truth(State.UNREACHABLE, wheres=(Where.PATH, Where.UNKNOWN), reach=hop, device=hop)
    return _Fault(truth, routes=(Route(at=f"r{hop}", kind=kind),))


def _place(rng: Random, routers: int) -> tuple[int, Hook]:
    return rng.randint(1, routers), rng.choice((Hook.FORWARD, Hook.PREROUTING))


_Maker = Callable[[Random, int], _Fault]
_ANYWHERE: tuple[_Maker, ...] = (_open, _closed, _dropped_at_the_target, _answer_lost, _host_down)
_ON_A_ROUTER: tuple[_Maker, ...] = (_dropped_on_the_way, _refused_on_the_way, _refused_on_the_way, _no_route)
