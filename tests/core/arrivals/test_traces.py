"""A packet's way through the rules, put together from steps of many packets."""

from __future__ import annotations

from dataclasses import replace

from pathprobe.core.arrivals.facts import Step, Traced, deciding_step
from pathprobe.core.arrivals.traces import Traces, rule_texts, with_texts
from tests.core.arrivals.packets import step, syn

OURS = Step(family="inet", table="pathprobe_trace_9", chain="prerouting", verdict="continue", handle=3)
LISTING = """\
table inet filter { # handle 12
	set allowed { # handle 9
		type ipv4_addr
		elements = { 10.0.0.1 }
	}

	chain input { # handle 1
		type filter hook input priority filter; policy accept;
		tcp dport 8080 jump knocks # handle 3
		meta mark 0x1 comment "a # handle 99" accept # handle 4
	}

	chain knocks { # handle 2
		ip saddr @allowed accept # handle 5
		counter packets 3 bytes 180 drop # handle 6
	}
}
"""


def traces(*steps: tuple[int, Step]) -> dict[int, Traced]:
    """The ways of packets 1 and 2, after these steps of theirs."""
    kept, ways = Traces("pathprobe_trace_9"), {}
    for number in (1, 2):
        kept.add(number, syn(number), OURS)
    for number, one in steps:
        if way := kept.add(number, None, one):
            ways[number] = way
    return ways


def test_steps_of_two_packets_do_not_mix() -> None:
    ways = traces((1, step("input", "jump", 3, "knocks")), (2, step("input", "accept")), (1, step("knocks", "drop", 6)))
    assert [one.place for one in ways[1].steps] == ["inet filter input handle 3", "inet filter knocks handle 6"]
    assert [one.place for one in ways[2].steps] == ["inet filter input policy"]
    assert deciding_step(ways[1]) == step("knocks", "drop", 6)
    assert deciding_step(ways[2]) is None


def test_a_rule_that_decides_nothing_is_no_step() -> None:
    assert traces((1, step("input", "continue", 4)), (1, step("knocks", "continue"))) == {}


def test_what_another_watcher_does_is_no_rule_of_this_machine() -> None:
    theirs = replace(OURS, table="pathprobe_trace_3466", handle=None, verdict="accept")
    assert traces((1, theirs), (2, replace(theirs, handle=3, verdict="continue"))) == {}


def test_another_watchers_mark_before_ours_does_not_begin_a_way() -> None:
    kept = Traces("pathprobe_trace_9")
    kept.add(1, syn(), replace(OURS, table="pathprobe_trace_3466"))
    assert kept.add(1, None, step("input", "drop", 7)) is None


def test_a_packet_that_was_not_seen_at_its_beginning_is_left_alone() -> None:
    assert traces((3, step("input", "drop", 7))) == {}


def test_the_packet_is_the_one_that_came_and_not_what_nat_made_of_it() -> None:
    kept = Traces("pathprobe_trace_9")
    kept.add(1, syn(), OURS)
    way = kept.add(1, syn(to="172.17.0.2", port=80), step("forward", "drop", 7))
    assert way is not None
    assert way.packet == syn()


def test_a_number_that_is_used_again_begins_anew() -> None:
    kept = Traces("pathprobe_trace_9")
    kept.add(1, syn(1), OURS)
    kept.add(1, None, step("input", "drop", 7))
    kept.add(1, syn(2), OURS)
    way = kept.add(1, None, step("input", "accept"))
    assert way is not None
    assert (way.packet, len(way.steps)) == (syn(2), 1)


def test_memory_is_bounded() -> None:
    kept = Traces("pathprobe_trace_9")
    for number in range(5000):
        kept.add(number, syn(number), OURS)
    assert kept.add(0, None, step("input", "drop", 7)) is None
    ways = [kept.add(4999, None, step("input", "jump", 7)) for _ in range(1000)]
    assert sum(way is not None for way in ways) == 256


def test_rules_are_read_by_chain_and_handle() -> None:
    assert rule_texts("inet", "filter", LISTING) == {
        ("inet", "filter", "input", 3): "tcp dport 8080 jump knocks",
        ("inet", "filter", "input", 4): 'meta mark 0x1 comment "a # handle 99" accept',
        ("inet", "filter", "knocks", 5): "ip saddr @allowed accept",
        ("inet", "filter", "knocks", 6): "counter packets 3 bytes 180 drop",
    }


def test_each_rule_gets_its_text_and_one_that_is_gone_none() -> None:
    way = Traced(packet=syn(), steps=(step("knocks", "drop", 6), step("input", "drop", 77), step("input", "drop")))
    told = with_texts(way, rule_texts("inet", "filter", LISTING))
    assert told.steps[0] == replace(way.steps[0], text="counter packets 3 bytes 180 drop")
    assert told.steps[1:] == way.steps[1:]


def test_a_listing_of_nothing_has_no_rules() -> None:
    assert rule_texts("ip", "nat", "") == {}
    assert rule_texts("ip", "nat", "Error: No such file or directory\n }") == {}
