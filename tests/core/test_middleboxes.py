"""Is a box placed between the last hop that saw packets as they left and the first that did not?"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pathprobe.core.evidence import Observation
from pathprobe.core.ledger import Ledger
from pathprobe.core.middleboxes import middleboxes
from pathprobe.core.outcomes import Answered, Reset, TimeExceeded
from pathprobe.core.probes import FULL_TTL, Role
from pathprobe.core.quotes import Change
from pathprobe.core.report import Middlebox
from tests.core.factories import (
    DISTANCE,
    ME,
    ROUTERS,
    THERE,
    answered,
    clear_echo,
    departure,
    echo,
    evidence,
    expired,
    icmp_error,
    ping,
    probe,
    rejected,
    reset,
    rst,
    silent,
    syn,
    syn_ack,
)
from tests.core.quoting import given_back, patched, seen_with

R1, R2, R3 = ROUTERS[4]
NAT, OTHER_NAT = {"source": "192.0.2.1"}, {"source": "198.51.100.1"}
MARKED, OTHER_MARK = {"traffic_class": 18 << 2}, {"traffic_class": 10 << 2}


def sweep(*changes: dict[str, Any] | None, of: Any = syn) -> list[Observation]:
    """TTL steps 1, 2, 3 ..., each quoted with these changes; None for a hop that says nothing."""
    steps = []
    for ttl, changed in enumerate(changes, start=1):
        if changed is None:
            steps.append(of(ttl, silent()))
            continue
        step = of(ttl, expired())
        # The sweep's probes differ as real ones do: the factory gives them all the same sequence.
        step = replace(step, probe=replace(step.probe, token=step.probe.token + ttl, identification=100 + ttl))
        steps.append(seen_with(step, **changed))
    return steps


def found(*seen: Observation, **more: Any) -> tuple[Middlebox, ...]:
    return middleboxes(evidence(*seen, **more))


def said(*seen: Observation, **more: Any) -> list[tuple[int, int, Change]]:
    return [(box.between[0].ttl, box.between[1].ttl, box.what) for box in found(*seen, **more)]


def visible(boxes: list[tuple[int, int, Change]]) -> list[tuple[int, int, Change]]:
    """Without what the checksum adds: these quotes change a field and leave the checksum as it was."""
    return [box for box in boxes if box[2] is not Change.HIDDEN]


@pytest.mark.parametrize(
    ("changes", "boxes"),
    [
        pytest.param([{}, {}, {}], [], id="nothing rewritten"),
        pytest.param([MARKED, MARKED, MARKED], [(0, 1)], id="before the first hop"),
        pytest.param([{}, MARKED, MARKED], [(1, 2)], id="between two hops"),
        pytest.param([{}, {}, MARKED], [(2, 3)], id="shown by the last hop alone"),
        pytest.param([{}, None, MARKED], [(1, 3)], id="across a silent hop"),
        pytest.param([{}, {"traffic_class": None}, MARKED], [(1, 3)], id="across a hop that quotes no such field"),
        pytest.param([None, None, MARKED], [(0, 3)], id="nobody before"),
        pytest.param([{}, MARKED, OTHER_MARK], [(1, 2), (2, 3)], id="two boxes"),
        pytest.param([{}, MARKED, OTHER_MARK, OTHER_MARK], [(1, 2), (2, 3)], id="two boxes, and on"),
    ],
)
def test_a_rewriter_is_behind_the_last_hop_that_saw_the_field_as_it_left(
    changes: list[dict[str, Any] | None], boxes: list[tuple[int, int]]
) -> None:
    assert said(*sweep(*changes)) == [(*box, Change.DSCP) for box in boxes]


def test_a_box_has_the_addresses_around_it_and_the_values_before_and_after() -> None:
    (box,) = found(*sweep({}, MARKED, MARKED))
    assert [hop.address for hop in box.between] == [R1, R2]
    assert (box.before, box.after, box.services, box.probes) == ("0", "18 (AF21)", ("tcp/8080",), (2, 3))


def test_the_second_of_two_boxes_starts_from_what_the_first_made() -> None:
    first, second = found(*sweep({}, MARKED, OTHER_MARK))
    assert (first.before, first.after) == ("0", "18 (AF21)")
    assert (second.before, second.after) == ("18 (AF21)", "10 (AF11)")


@pytest.mark.parametrize(
    ("changes", "odd"),
    [
        pytest.param([{}, MARKED, {}], [2], id="a later hop quotes it as it left"),
        pytest.param([MARKED, None, {}], [1], id="a much later one"),
        pytest.param([MARKED, OTHER_MARK, {}], [1, 2], id="two odd ones"),
    ],
)
def test_what_later_hops_do_not_show_was_not_rewritten(changes: list[dict[str, Any] | None], odd: list[int]) -> None:
    boxes = found(*sweep(*changes))
    assert [(box.between[0].ttl, box.between[1].ttl) for box in boxes] == [(hop, hop) for hop in odd]
    assert not any(box.carried for box in boxes)


def test_an_odd_hop_hides_no_box_behind_it() -> None:
    boxes = found(*sweep(OTHER_MARK, {}, MARKED))
    assert [(box.between[0].ttl, box.between[1].ttl, box.carried) for box in boxes] == [(1, 1, False), (2, 3, True)]


def test_a_hop_that_quotes_it_both_ways_rewrites_nothing() -> None:
    """Two ways lead there, and a box is on one of them, or that router is odd: no more can be said."""
    both = [*sweep({}, {}, MARKED), *sweep({}, {}, {})]
    assert [box.carried for box in found(*both)] == [False]


def test_what_a_box_does_to_all_services_is_one_entry() -> None:
    (box,) = found(*sweep({}, MARKED, MARKED), *sweep({}, MARKED, MARKED, of=echo))
    assert box.services == ("tcp/8080", "icmp echo")
    assert box.probes == (2, 3, 5, 6)


def test_what_a_box_leaves_alone_does_not_clear_it() -> None:
    boxes = found(*sweep({}, {}, MARKED), *sweep({}, {}, {}, of=echo))
    assert [(box.between[0].ttl, box.between[1].ttl, box.services) for box in boxes] == [(2, 3, ("tcp/8080",))]


def test_a_field_that_no_two_probes_share_has_no_values_to_tell() -> None:
    boxes = found(*sweep({}, {"identification": 7}, {"identification": 9}))
    assert [(box.what, box.before, box.after) for box in boxes] == [(Change.IDENTIFICATION, None, None)]


def test_two_nats_in_a_row_are_both_found() -> None:
    boxes = [box for box in found(*sweep({}, NAT, OTHER_NAT)) if box.what is Change.SOURCE_ADDRESS]
    assert [(box.between[1].ttl, box.before, box.after) for box in boxes] == [
        (2, ME, "192.0.2.1"),
        (3, "192.0.2.1", "198.51.100.1"),
    ]


def with_mss(value: int) -> dict[str, Any]:
    return {"transport": patched(given_back(probe(ttl=3)).transport, 22, value.to_bytes(2, "big"))}


def test_a_short_quote_says_nothing_about_options() -> None:
    step = {ttl: syn(ttl, expired()) for ttl in (1, 2, 3)}
    boxes = said(seen_with(step[1], octets=8), seen_with(step[2], octets=8), seen_with(step[3], **with_mss(1200)))
    assert visible(boxes) == [(0, 3, Change.MSS)]


def test_an_option_that_hops_before_the_box_do_not_quote_was_not_there() -> None:
    transport = given_back(probe(ttl=3)).transport
    added = {"transport": patched(transport, 24, b"\x1e\x02")}  # multipath TCP where SACK permitted stood
    boxes = said(seen_with(syn(2, expired())), seen_with(syn(3, expired()), **added))
    assert visible(boxes) == [(2, 3, Change.OPTION_ADDED), (2, 3, Change.OPTION_REMOVED)]


def test_a_refusal_is_a_quote_from_the_hop_that_refused() -> None:
    refused = replace(rejected(R3), ttl=62)
    seen = [*sweep({}, {}), seen_with(syn(FULL_TTL, refused), ttl=61, **MARKED), *clear_echo()]
    assert said(*seen) == [(2, 3, Change.DSCP)]


def test_a_refusal_that_quotes_more_hops_to_live_than_were_sent_shows_a_ttl_set_on_the_way() -> None:
    seen = [*sweep({}, {}), seen_with(syn(3, rejected(R3)), ttl=63), *clear_echo()]
    assert said(*seen) == [(2, 3, Change.TTL)]


def test_a_full_ttl_that_ran_out_is_no_hop() -> None:
    assert found(seen_with(syn(FULL_TTL, expired(R2)), **MARKED)) == ()


def test_a_probe_that_nobody_saw_leave_is_compared_with_nothing() -> None:
    steps = [replace(one, departure=None) for one in sweep({}, MARKED, MARKED)]
    assert found(*steps) == ()


# ---- redirectors


def in_targets_name(*hops: int, last: int = 3, of: Any = syn) -> list[Observation]:
    return [of(ttl, expired(THERE if ttl in hops else "")) for ttl in range(1, last + 1)]


@pytest.mark.parametrize(
    ("hops", "between"),
    [((), None), ((3,), (2, 3)), ((2, 3), (1, 2)), ((1, 2, 3), (0, 1)), ((2,), None)],
)
def test_a_destination_nat_is_where_ttls_begin_to_run_out_at_the_target(
    hops: tuple[int, ...], between: tuple[int, int] | None
) -> None:
    boxes = said(*in_targets_name(*hops), *clear_echo())
    assert boxes == ([(*between, Change.DESTINATION)] if between else [])


def test_a_hop_keeps_its_own_address_where_a_nat_speaks_for_it() -> None:
    (box,) = found(*in_targets_name(2, 3), *clear_echo())
    assert [hop.address for hop in box.between] == [R1, R2]
    (alone,) = found(*in_targets_name(2, 3), echo(DISTANCE, answered()))
    assert [hop.address for hop in alone.between] == [R1, None]


# ---- stand-ins and taps


def test_a_forged_reset_is_a_box_at_its_makers_hop() -> None:
    forged = reset(back=2)
    seen = [syn(1, expired()), syn(2, expired()), syn(3, forged), syn(FULL_TTL, forged), *clear_echo()]
    (box,) = found(*seen)
    assert box.what is Change.IN_PLACE
    assert [(hop.ttl, hop.address) for hop in box.between] == [(2, R2), (2, R2)]


def test_the_targets_own_answer_is_no_box() -> None:
    for answer in (reset(), answered()):
        assert found(syn(DISTANCE, answer), syn(FULL_TTL, answer), *clear_echo()) == ()


def test_two_answers_from_two_distances_show_a_tap() -> None:
    tapped = replace(syn(FULL_TTL, reset(back=2)), also=(answered(),))
    (box,) = found(*[syn(ttl, expired()) for ttl in (1, 2)], tapped, *clear_echo())
    assert (box.what, box.between[0].ttl, box.between[1].ttl) == (Change.TAP, 2, 2)


def test_an_answer_to_a_probe_whose_ttl_ran_out_shows_a_tap() -> None:
    forged = replace(syn(3, reset(back=2)), also=(expired(R3),))
    (box,) = found(syn(1, expired()), syn(2, expired()), forged, *clear_echo())
    assert (box.what, box.between[0].ttl) == (Change.TAP, 2)


def test_an_answer_and_a_reset_from_one_distance_are_one_hosts() -> None:
    """A balancer that accepts and then finds no server; and stacks start resets with another TTL."""
    for late in (reset(), reset(start=255)):
        one = replace(syn(FULL_TTL, answered()), also=(late,))
        assert found(one, syn(DISTANCE, answered()), *clear_echo()) == ()


def test_nothing_is_between_this_host_and_itself() -> None:
    seen = replace(ping(FULL_TTL, answered(back=1)), also=(reset(back=3),))
    assert found(seen, source=THERE) == ()


# ---- what the ledger hands on


def test_the_ledger_keeps_the_packet_that_left() -> None:
    ours = probe()
    ledger = Ledger(THERE)
    ledger.sent(ours, 0.0)
    assert ledger.observations(1)[0].departure is None
    first = replace(departure(ours), ttl=64)
    for packet in (first, replace(first, traffic_class=4)):
        ledger.read(packet, 0.01)
    assert ledger.observations(1)[0].departure == first


def test_the_ledger_keeps_other_answers_to_a_probe_once() -> None:
    ours = probe(ttl=3)
    ledger = Ledger(THERE)
    ledger.sent(ours, 0.0)
    answers = [icmp_error(ours, at=R3, ttl=62), rst(ours, ttl=63), rst(ours, ttl=63), syn_ack(ours, ttl=61)]
    for packet in (departure(ours), *answers, *answers):
        ledger.read(packet, 0.1)
    (seen,) = ledger.observations(1)
    assert isinstance(seen.outcome, Reset)
    assert [type(one) for one in seen.also] == [TimeExceeded, Answered]
    assert seen.probe.role is Role.TEST
