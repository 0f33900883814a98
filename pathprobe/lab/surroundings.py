"""What is there besides the fault, that makes it harder to find?

Each of these is drawn on its own, so any of them may meet any other: routers that answer nobody, seldom, or one
probe in five; losses; slow links; address translation; initial TTLs; stateful firewalls; blocked echo; blocked ICMP
errors. None of them is a fault: without one the port stays reachable.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random

from pathprobe.lab.terrain import Terrain
from pathprobe.net.scenario import Delay, Hook, Match, Rule

#: Shares of all networks, or of all hops where it says so.
_MUTE_HOPS, _LIMITED_HOPS = 0.15, 0.06
_LOSSY, _LOSSY_TWICE = 0.12, 0.2
_SLOW, _NAT, _STATEFUL = 0.05, 0.15, 0.15
_TARGET_TTL, _ROUTER_TTLS = 0.3, 0.2
_ECHO_BLOCKED, _ERRORS_BLOCKED = 0.2, 0.05

#: Routers that spare their ICMP: by the clock, and one answer in five.
_LIMITS = ("limit 1/second", "lose 80%")

#: Percent of all packets that a lossy router drops.
_LEAST_LOSS, _MOST_LOSS = 5, 30

#: Milliseconds of one link in one direction.
_LONGEST_DELAY, _LONGEST_JITTER = 80, 20

#: With which TTL stacks start: old ones, Linux, Windows, network devices.
_INITIAL_TTLS = (32, 64, 128, 255)

_ALL = Match()
_TIME_EXCEEDED = Match(protocol="icmp", icmp="time-exceeded")
_UNREACHABLE = Match(protocol="icmp", icmp="unreachable")
_ECHO = Match(protocol="icmp", icmp="echo-request")
_INVALID = Match(ct_state="invalid")


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What was drawn. ``errors_die_at``: the hop that lets no ICMP error of those behind it come home.

    ``by_chance``: packets get lost, or routers spare their ICMP, so that the same question may be answered otherwise.
    """

    rules: tuple[Rule, ...] = ()
    ttl: Mapping[str, int] = field(default_factory=dict)
    delays: tuple[Delay, ...] = ()
    errors_die_at: int | None = None
    by_chance: bool = False
    mute_hops: frozenset[int] = frozenset()
    lossy_hops: frozenset[int] = frozenset()
    nat_hop: int | None = None


def draw_surroundings(rng: Random, terrain: Terrain) -> Surroundings:
    """Random surroundings on a terrain."""
    mute = frozenset(hop for hop in terrain.hops if rng.random() < _MUTE_HOPS)
    lossy = _lossy_hops(rng, terrain)
    loss = [rule for hop in sorted(lossy) for rule in _loses(rng, terrain, hop)]
    limited = list(_limited(rng, terrain))
    translated, nat_hop = _nat(rng, terrain)
    blocked, errors_die_at = _blocked_errors(rng, terrain)
    silent = [rule for hop in sorted(mute) for rule in terrain.on(hop, Hook.OUTPUT, _TIME_EXCEEDED, "drop")]
    plain = [rule for draw in _PLAIN for rule in draw(rng, terrain)]
    return Surroundings(
        rules=(*silent, *plain, *translated, *limited, *blocked, *loss),
        ttl=_initial_ttls(rng, terrain),
        delays=_slow_link(rng, terrain),
        errors_die_at=errors_die_at,
        by_chance=bool(loss or limited),
        mute_hops=mute,
        lossy_hops=lossy,
        nat_hop=nat_hop,
    )


def _limited(rng: Random, terrain: Terrain) -> list[Rule]:
    hops = [hop for hop in terrain.hops if rng.random() < _LIMITED_HOPS]
    return [rule for hop in hops for rule in terrain.on(hop, Hook.OUTPUT, _TIME_EXCEEDED, rng.choice(_LIMITS))]


def _lossy_hops(rng: Random, terrain: Terrain) -> frozenset[int]:
    if not terrain.routers or rng.random() >= _LOSSY:
        return frozenset()
    number = 2 if terrain.routers > 1 and rng.random() < _LOSSY_TWICE else 1
    return frozenset(rng.sample(terrain.hops, number))


def _loses(rng: Random, terrain: Terrain, hop: int) -> tuple[Rule, ...]:
    return terrain.on(hop, Hook.FORWARD, _ALL, f"lose {rng.randint(_LEAST_LOSS, _MOST_LOSS)}%")


def _nat(rng: Random, terrain: Terrain) -> tuple[list[Rule], int | None]:
    """A translator has to see both ways. Where another way back ends it would be answered on the direct one."""
    back = terrain.layout.way_back
    hops = [hop for hop in terrain.seen_both_ways if back is None or back.joins != f"r{hop}"]
    if not hops or rng.random() >= _NAT:
        return [], None
    hop = rng.choice(hops)
    action = rng.choice((f"snat r{hop}", "masquerade"))
    return list(terrain.on(hop, Hook.POSTROUTING, _ALL, action)), hop


def _stateful(rng: Random, terrain: Terrain) -> list[Rule]:
    if rng.random() >= _STATEFUL:
        return []
    return [rule for hop in terrain.seen_both_ways for rule in terrain.on(hop, Hook.FORWARD, _INVALID, "drop")]


def _blocked_echo(rng: Random, terrain: Terrain) -> list[Rule]:
    """Where echo itself is the question, blocking it would be a second fault."""
    if terrain.protocol == "icmp" or rng.random() >= _ECHO_BLOCKED:
        return []
    hop = rng.randint(1, terrain.routers + 1)
    hook = Hook.FORWARD if hop in terrain.hops else Hook.INPUT
    return list(terrain.on(hop, hook, _ECHO, rng.choice(("drop", "reject admin-prohibited"))))


def _blocked_errors(rng: Random, terrain: Terrain) -> tuple[list[Rule], int | None]:
    hops = [hop for hop in terrain.hops if hop not in terrain.spared]
    if not hops or rng.random() >= _ERRORS_BLOCKED:
        return [], None
    hop = rng.choice(hops)
    matches = (_TIME_EXCEEDED, _UNREACHABLE)
    return [rule for match in matches for rule in terrain.on(hop, Hook.FORWARD, match, "drop")], hop


def _initial_ttls(rng: Random, terrain: Terrain) -> dict[str, int]:
    found = {"target": rng.choice(_INITIAL_TTLS)} if rng.random() < _TARGET_TTL else {}
    if rng.random() < _ROUTER_TTLS:
        for hop in terrain.hops:
            found |= dict.fromkeys(terrain.at(hop), rng.choice(_INITIAL_TTLS))
    return found


def _slow_link(rng: Random, terrain: Terrain) -> tuple[Delay, ...]:
    if rng.random() >= _SLOW:
        return ()
    hop = rng.randint(0, terrain.routers)
    name = terrain.layout.links[hop].name
    return (Delay(on=name, delay_ms=rng.randint(5, _LONGEST_DELAY), jitter_ms=rng.randint(0, _LONGEST_JITTER)),)


_PLAIN: tuple[Callable[[Random, Terrain], list[Rule]], ...] = (_stateful, _blocked_echo)
