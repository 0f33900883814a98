"""What differs between two reports is what changed on the network, not what the dice said."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pathprobe.core.comparison.changes import Pair, compare
from pathprobe.core.comparison.reported import NotAReport, read_report
from pathprobe.core.comparison.ways import CommonHop, Side, Ways
from tests.core.comparison.mirrors import mirrored
from tests.core.comparison.reporting import TARGET, WAY, account, box, document, result

DROP = {"last_good": 2, "first_bad": 3, "direction": "forward"}
NEW_R3 = (*WAY[:2], "10.9.3.7", TARGET)
LONGER = (*WAY[:2], "10.9.9.2", *WAY[2:])


def changes(a: dict[str, Any], b: dict[str, Any], **facts: Any) -> list[tuple[str, Any, Any, Any]]:
    """What counts as different."""
    (pair,) = compare(account(a), account(b, **facts)).pairs
    return [(one.what.value, one.at, one.a, one.b) for one in pair.changes if one.counts]


def remarks(a: dict[str, Any], b: dict[str, Any]) -> list[tuple[str, str]]:
    (pair,) = compare(account(a), account(b)).pairs
    assert pair.is_same
    return [(one.what.value, one.relation.value) for one in pair.changes]


# ---- the verdict


def test_a_port_that_is_filtered_since_has_another_state_and_another_mechanism() -> None:
    found = changes(result("open"), result("filtered", **DROP))
    assert found == [("state", None, "open", "filtered"), ("mechanism", None, "answer", "drop")]


def test_a_drop_at_another_place_is_another_verdict() -> None:
    farther = result("filtered", where="target-edge", last_good=3, first_bad=4)
    assert [what for what, *_ in changes(result("filtered", **DROP), farther)] == ["place"]


def test_the_same_two_routers_are_the_same_place_when_the_way_to_them_got_longer() -> None:
    longer = ("10.9.9.2", *WAY)
    found = changes(
        result("filtered", **DROP), result("filtered", way=longer, **{**DROP, "last_good": 3, "first_bad": 4})
    )
    assert "place" not in {what for what, *_ in found}


@pytest.mark.parametrize(
    ("wide", "who"),
    [
        ({"last_good": 2, "first_bad": 4}, "wider"),
        ({"last_good": 1, "first_bad": 3}, "wider"),
        ({"last_good": 2}, "open-ended"),
        ({"last_good": 2, "where": "unknown"}, "somewhere"),
    ],
)
def test_a_wider_interval_is_known_less_exactly_and_contradicts_nothing(wide: dict[str, Any], who: str) -> None:
    narrow, wider = result("filtered", **DROP), result("filtered", **wide)
    assert remarks(narrow, wider) == [("place", "a-exacter")], who
    assert remarks(wider, narrow) == [("place", "b-exacter")], who


def test_a_box_that_gave_itself_away_is_inside_its_interval() -> None:
    named = result("filtered", mechanism="reject", device=2, **DROP)
    assert remarks(named, result("filtered", mechanism="reject", **DROP)) == [("place", "a-exacter")]


def test_intervals_that_overlap_contradict_nothing() -> None:
    one, other = (result("filtered", last_good=good, first_bad=good + 2) for good in (1, 2))
    assert remarks(one, other) == [("place", "overlap")]


def test_another_box_is_another_verdict() -> None:
    found = changes(*(result("filtered", mechanism="reject", device=ttl, last_good=ttl) for ttl in (1, 2)))
    assert [what for what, *_ in found] == ["place"]


def test_a_distance_that_is_not_known_any_more_is_no_change() -> None:
    assert remarks(result("filtered", **DROP), result("filtered", distance=None, **DROP)) == [("distance", "a-exacter")]


def test_what_only_the_one_asked_is_no_difference() -> None:
    assert changes(result(), result(mtu=1400)) == []
    assert changes(result(mtu=1500), result(mtu=1400)) == [("mtu", None, 1500, 1400)]


def test_connections_that_stall_now_are_another_verdict_though_the_port_is_open() -> None:
    assert changes(result(), result(kinds=("stalled", "answered"))) == [("trouble", None, (), ("stalled",))]


# ---- the path


def test_another_router_at_a_hop_is_named_with_the_one_that_was_there() -> None:
    assert changes(result(), result(way=NEW_R3)) == [("hop", 3, ("10.9.3.2",), ("10.9.3.7",))]


def test_a_router_more_is_new_and_moves_those_behind_it() -> None:
    assert changes(result(), result(way=LONGER)) == [
        ("distance", None, 4, 5),
        ("moved", "10.9.3.2", 3, 4),
        ("hop", 3, None, ("10.9.9.2",)),
    ]


def test_a_router_more_beside_the_target_is_new_too() -> None:
    found = changes(result(), result(way=(*WAY[:3], "10.9.9.2", TARGET)))
    assert found == [("distance", None, 4, 5), ("hop", 4, None, ("10.9.9.2",))]


def test_a_hop_that_was_asked_often_is_mute_now() -> None:
    assert changes(result(), result(way=(*WAY[:2], None, TARGET))) == [("hop", 3, ("10.9.3.2",), "mute")]


def test_a_hop_that_was_hardly_asked_may_be_silent_by_chance() -> None:
    assert remarks(result(), result(way=(*WAY[:2], None, TARGET), asked=2)) == [("hop", "by-chance")]


def test_hops_that_nothing_gets_to_any_more_are_not_gone() -> None:
    dead = result("unreachable", way=(*WAY[:2], None), distance=None, last_good=2)
    assert {what for what, *_ in changes(result(), dead)} == {"state", "mechanism"}


def test_more_of_the_parallel_routers_seen_is_no_change() -> None:
    several = result()
    several["paths"] = [several["paths"][0], {**several["paths"][0], "hops": NEW_R3}]
    assert changes(result(), several) == []


# ---- middleboxes


MSS = "MSS changed"


def test_a_new_middlebox_is_a_difference() -> None:
    (found,) = changes(result(), result(boxes=[box(MSS, (1, 2), before="1460", after="1000")]))
    assert found[:3] == ("box", None, None)


def test_a_middlebox_that_nothing_gets_to_any_more_is_no_difference() -> None:
    behind = result(boxes=[box(MSS, (2, 3), before="1460", after="1000")])
    assert [what for what, *_ in changes(behind, result("filtered", **DROP))] == ["state", "mechanism"]


def test_a_port_that_is_rewritten_to_another_each_time_is_no_difference() -> None:
    one, other = (result(boxes=[box("source port rewritten", (1, 2), before="4000", after=after)]) for after in "56")
    assert changes(one, other) == []


def test_a_middlebox_at_another_place_is_a_difference() -> None:
    one, other = (result(boxes=[box(MSS, (ttl, ttl + 1), before="1460", after="1000")]) for ttl in (1, 2))
    assert [what for what, *_ in changes(one, other)] == ["box"]


# ---- which target goes with which


def test_targets_go_together_however_they_are_sorted() -> None:
    ports = [result(port=port) for port in (22, 80)]
    found = compare(account(*ports), account(*reversed(ports)))
    assert (found.is_same, len(found.pairs)) == (True, 2)


def test_a_target_that_only_one_asked_about_is_a_difference() -> None:
    found = compare(account(result(port=22), result(port=80)), account(result(port=80)))
    assert ([one.port for one in found.only_a], found.only_b, found.is_same) == ([22], (), False)


def test_the_questions_of_one_host_go_together_whatever_others_asked() -> None:
    hosts = [result(asked_by=host) for host in ("10.9.1.9", "10.7.1.9")]
    found = compare(account(*hosts), account(*reversed(hosts)))
    assert [(pair.a.asked_by, pair.b.asked_by) for pair in found.pairs] == [("10.9.1.9",) * 2, ("10.7.1.9",) * 2]
    assert all(pair.ways is None for pair in found.pairs)


def test_one_each_are_compared_though_they_are_not_the_same_target() -> None:
    (pair,) = compare(account(result(port=22)), account(result(port=80))).pairs
    assert (pair.a.target.port, pair.b.target.port) == (22, 80)


# ---- from two hosts


FROM_B = ("10.8.1.1", "10.8.2.2", *WAY[1:])
"""B's way joins A's at 10.9.2.2, its hop 3."""
BS_DROP = {"last_good": 3, "first_bad": 4, "direction": "forward"}


def from_two_hosts(a: dict[str, Any], b: dict[str, Any]) -> Pair:
    (pair,) = compare(account(a), account(b, source="10.8.1.9")).pairs
    return pair


def test_ways_from_two_hosts_are_compared_by_address_and_join_somewhere() -> None:
    pair = from_two_hosts(result(), result(way=FROM_B))
    assert pair.is_same
    assert pair.ways == Ways(
        common=(CommonHop(address="10.9.2.2", a=2, b=3), CommonHop(address="10.9.3.2", a=3, b=4)),
        joined=CommonHop(address="10.9.2.2", a=2, b=3),
        parted=None,
        break_a=None,
        break_b=None,
    )


def test_both_die_at_one_place_on_the_way_that_is_common() -> None:
    pair = from_two_hosts(result("filtered", **DROP), result("filtered", way=FROM_B, **BS_DROP))
    assert pair.is_same
    assert pair.ways
    assert (pair.ways.break_a, pair.ways.break_b) == (Side.SHARED, Side.SHARED)


@pytest.mark.parametrize(
    ("where", "side"),
    [
        ({"last_good": 1, "first_bad": 2}, Side.OWN),
        ({"last_good": 0, "first_bad": 1}, Side.OWN),
        ({"last_good": 2, "first_bad": 3}, Side.SHARED),
        ({"last_good": 2}, Side.SHARED),
        ({"last_good": 3, "first_bad": 4, "where": "target-edge"}, Side.SHARED),
        ({"last_good": 1, "first_bad": 3}, Side.EITHER),
        ({"last_good": 1}, Side.EITHER),
        ({"device": 1, "mechanism": "reject"}, Side.OWN),
        ({"device": 2, "mechanism": "reject"}, Side.SHARED),
        ({"last_good": 0, "where": "local"}, Side.THIS_HOST),
        ({"where": "unknown"}, Side.UNKNOWN),
    ],
)
def test_a_break_lies_before_or_behind_where_the_ways_join(where: dict[str, Any], side: Side) -> None:
    pair = from_two_hosts(result("filtered", **where), result(way=FROM_B))
    assert pair.ways
    assert (pair.ways.break_a, pair.ways.break_b) == (side, None)


def test_ways_that_part_again_are_said_to() -> None:
    pair = from_two_hosts(result(), result(way=(*FROM_B[:3], "10.8.3.2", TARGET)))
    assert pair.ways
    assert pair.ways.parted == CommonHop(address="10.9.2.2", a=2, b=3)


def test_exchanging_the_hosts_mirrors_the_comparison() -> None:
    one, other = account(result("filtered", **DROP)), account(result(way=FROM_B), source="10.8.1.9")
    assert mirrored(compare(one, other)) == compare(other, one)


# ---- what is no report


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[]", "no report of pathprobe"),
        ("{}", "names no schema"),
        ('{"schema": "pathprobe/2"}', "'pathprobe/2'"),
        ('{"schema": "pathprobe-layers/1"}', "only 'pathprobe/1'"),
        ('{"schema": "pathprobe/1"}', "says pathprobe/1 and is not"),
        (json.dumps(document()), "no results"),
        (json.dumps(document({"target": 7})), "and is not"),
        (json.dumps(document(result("ajar"))), "ajar"),
    ],
)
def test_what_is_no_report_is_called_so(text: str, complaint: str) -> None:
    with pytest.raises(NotAReport, match=complaint):
        read_report(json.loads(text))
