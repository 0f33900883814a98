"""How is it said where the ways from two hosts join, and on which side of that packets die?"""

from __future__ import annotations

from pathprobe.core.comparison.changes import Pair, What
from pathprobe.core.comparison.reported import Finding
from pathprobe.core.comparison.ways import STOPPED, Side, Ways
from pathprobe.core.report import Hop
from pathprobe.output.wording import place


def from_two_hosts(pair: Pair) -> str:
    """The conclusion about one target, without its name."""
    a, b, between = pair.a, pair.b, pair.ways
    assert between is not None
    hosts = a.asked_by or "A", b.asked_by or "B"
    if a.state == b.state and a.state not in STOPPED:
        return f"{a.state} from both hosts"
    if a.state == b.state:
        return f"{a.state} from both hosts: {_both_die(pair, between)}"
    told = f"{a.state} from A ({hosts[0]}), {b.state} from B ({hosts[1]})"
    if between.break_a and between.break_b:
        return f"{told}: {_both_die(pair, between)}"
    if between.break_a:
        return f"{told}: {a.clause}; {_one_dies(between.break_a, pair, 'A', 'B', hosts[0])}"
    if between.break_b:
        return f"{told}: {b.clause}; {_one_dies(between.break_b, pair, 'B', 'A', hosts[1])}"
    return told


def _both_die(pair: Pair, between: Ways) -> str:
    a, b = pair.a.location, pair.b.location
    place_differs = any(change.what is What.PLACE and change.counts for change in pair.changes)
    if between.break_a is between.break_b is Side.SHARED and not place_differs:
        if a.device and b.device and a.device.address == b.device.address:
            return f"{a.device.address} stops both"
        if a.last_good and b.last_good and a.last_good.address == b.last_good.address:
            return f"both die behind {a.last_good.address}"
        return "both die where the ways are one"
    return f"A's {_side_words(between.break_a, pair.a, 'A', 'B')}, B's {_side_words(between.break_b, pair.b, 'B', 'A')}"


def _side_words(side: Side | None, finding: Finding, one: str, other: str) -> str:
    where = _where(finding)
    match side:
        case Side.OWN:
            return f"die {where}, where only {one}'s way goes"
        case Side.SHARED:
            return f"die {where}, which {other}'s way crosses too"
        case Side.THIS_HOST:
            return f"die on host {one} itself"
        case _:
            return f"die {where}"


def _one_dies(side: Side, pair: Pair, one: str, other: str, host: str) -> str:
    finding = pair.a if one == "A" else pair.b
    match side:
        case Side.OWN:
            alone = _crossed_alone(pair, finding)
            return f"only {one}'s way crosses {alone}" if alone else f"that is where only {one}'s way goes"
        case Side.SHARED:
            return f"{other}'s packets pass the same place: look there for a rule about {host}, or a branch of its own"
        case Side.THIS_HOST:
            return f"the cause is on host {one} itself"
        case Side.EITHER:
            return f"whether before or behind where the ways join cannot be told: {_where(finding)}"
        case Side.UNKNOWN:
            return f"which of {one}'s hops {other} crosses too is not known"


def _crossed_alone(pair: Pair, finding: Finding) -> str | None:
    """A router where packets die and the other way does not go."""
    location = finding.location
    ends = (location.device, location.last_good, location.first_bad)
    shared = {pair.a.target.address, *(pair.a.way.keys() & pair.b.way.keys())}
    return next((end.address for end in ends if end and end.address and end.address not in shared), None)


def _where(finding: Finding) -> str:
    location = finding.location
    if location.device:
        return f"at {location.device.address or place(Hop(ttl=location.device.ttl))}"
    if location.last_good and location.last_good.address:
        return f"behind {location.last_good.address}"
    return "right behind the host" if location.last_good else "somewhere"


def way_lines(between: Ways, pair: Pair) -> tuple[str, ...]:
    """Which routers the ways have in common."""
    if between.joined is None:
        beside = [name for name, one in (("A", pair.a), ("B", pair.b)) if one.distance == 1]
        if beside:
            return (f"no router in common: {' and '.join(beside)} stands beside the target",)
        if not pair.a.way or not pair.b.way:
            return ("the routers of at least one way are not known",)
        return ("no router in common",)
    joined = between.joined
    lines = [f"join at {joined.address}, hop {joined.a} from A and hop {joined.b} from B"]
    if between.parted:
        lines.append(f"part again behind {between.parted.address}")
    lines.append(f"in common: {', '.join(hop.address for hop in between.common)}")
    return tuple(lines)
