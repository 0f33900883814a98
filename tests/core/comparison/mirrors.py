"""A comparison as it must be when the two reports are exchanged."""

from __future__ import annotations

from dataclasses import replace

from pathprobe.core.comparison.changes import Change, Comparison, Pair
from pathprobe.core.comparison.places import Relation
from pathprobe.core.comparison.ways import CommonHop, Ways

_MIRRORED = {Relation.A_EXACTER: Relation.B_EXACTER, Relation.B_EXACTER: Relation.A_EXACTER}


def mirrored(found: Comparison) -> Comparison:
    pairs = tuple(
        Pair(a=pair.b, b=pair.a, changes=tuple(map(_mirrored_change, pair.changes)), ways=_mirrored_ways(pair.ways))
        for pair in found.pairs
    )
    return Comparison(a=found.b, b=found.a, pairs=pairs, only_a=found.only_b, only_b=found.only_a)


def _mirrored_change(one: Change) -> Change:
    return replace(one, a=one.b, b=one.a, relation=_MIRRORED.get(one.relation, one.relation))


def _mirrored_ways(between: Ways | None) -> Ways | None:
    if between is None:
        return None
    hops = {hop: CommonHop(address=hop.address, a=hop.b, b=hop.a) for hop in between.common}
    return Ways(
        common=tuple(hops.values()),
        joined=between.joined and hops[between.joined],
        parted=between.parted and hops[between.parted],
        break_a=between.break_b,
        break_b=between.break_a,
    )
