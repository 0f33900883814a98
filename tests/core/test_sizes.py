"""Whose answer is this packet, when the probe was padded? And does the verdict on the port stay out of it?"""

from __future__ import annotations

from dataclasses import replace

import pytest

from pathprobe.core.ledger import Ledger, Match
from pathprobe.core.outcomes import NOT_SEEN, Answered, NotSent, Reset, TooBig
from pathprobe.core.packets import Packet
from pathprobe.core.probes import Kind, Probe
from pathprobe.core.sizes import carriers, refused
from tests.core.factories import (
    CLOSED_PORT,
    DISTANCE,
    PORT,
    ROUTERS,
    THERE,
    answered,
    departure,
    echo,
    evidence,
    icmp_error,
    other,
    probe,
    rejected,
    reset,
    rst,
    silent,
    syn,
    syn_ack,
    too_big,
)

R2 = ROUTERS[4][1]
SIZE = 1400


def padded(kind: Kind = Kind.TCP, size: int = SIZE) -> Probe:
    return replace(probe(kind=kind), size=size)


def read(of: Probe, answer: Packet) -> Match | None:
    ledger = Ledger(THERE)
    ledger.sent(of, 0.0)
    ledger.read(departure(of), 0.0)
    reading = ledger.read(answer, 0.1)
    assert reading is None or isinstance(reading, Match)
    return reading


def test_a_listener_acknowledges_the_syn_and_leaves_its_data() -> None:
    of = padded()
    found = read(of, syn_ack(of))
    assert found is not None
    assert isinstance(found.outcome, Answered)


def test_a_closed_port_acknowledges_the_data_as_well() -> None:
    of = padded()
    found = read(of, rst(of, acknowledgement=(of.token + 1 + SIZE - 60) % 2**32))
    assert found is not None
    assert isinstance(found.outcome, Reset)


@pytest.mark.parametrize("octets", [1, SIZE - 61, SIZE - 59, SIZE])
def test_a_reset_that_acknowledges_anything_else_is_nobodys(octets: int) -> None:
    of = padded()
    assert read(of, rst(of, acknowledgement=(of.token + 1 + octets) % 2**32)) is None


def test_without_padding_nothing_but_the_syn_can_be_acknowledged() -> None:
    of = probe()
    assert read(of, rst(of, acknowledgement=of.token + 1 + SIZE)) is None


@pytest.mark.parametrize("kind", [Kind.TCP, Kind.ECHO])
@pytest.mark.parametrize("mtu", [1300, None])
def test_a_padded_probe_that_is_too_big_is_told_so(kind: Kind, mtu: int | None) -> None:
    of = padded(kind)
    found = read(of, icmp_error(of, (3, 4), at=R2, mtu=mtu))
    assert found is not None
    assert isinstance(found.outcome, TooBig)
    assert (found.outcome.source, found.outcome.next_hop_mtu) == (R2, mtu)


def test_to_an_ordinary_probe_too_big_is_no_answer() -> None:
    of = probe()
    assert read(of, icmp_error(of, (3, 4), at=R2, mtu=1300)) is None


def test_a_stranger_who_does_not_know_the_token_tells_nothing() -> None:
    of = padded()
    assert read(of, icmp_error(of, (3, 4), at=R2, mtu=68, word=of.token ^ 1, identification=0)) is None


def test_padded_probes_are_neither_tests_nor_controls() -> None:
    large = [replace(seen, probe=replace(seen.probe, size=SIZE)) for seen in (syn(64, silent()), echo(3, silent()))]
    seen = evidence(syn(64, answered()), echo(64, answered()), *large)
    assert len(seen.tests) == len(seen.controls) == 1
    assert [one.probe.size for one in seen.sized] == [SIZE, SIZE]


def test_a_size_that_dies_where_small_ones_pass_is_no_loss() -> None:
    lost = echo(64, silent())
    seen = evidence(syn(64, answered()), echo(64, answered()), replace(lost, probe=replace(lost.probe, size=SIZE)))
    assert not seen.lossy
    assert evidence(syn(64, answered()), echo(64, answered()), lost).lossy


def test_echo_is_padded_first_and_the_port_itself_next() -> None:
    seen = evidence(syn(64, answered()), other(64, reset()), echo(DISTANCE, answered()))
    assert [carrier.label for carrier in carriers(seen)] == ["icmp echo", f"tcp/{PORT}", f"tcp/{CLOSED_PORT}"]
    assert [carrier.shows_way_out_only for carrier in carriers(seen)] == [False, True, True]


def test_what_a_box_answers_in_the_targets_name_is_not_padded() -> None:
    forged = [syn(ttl, reset(back=2)) for ttl in (3, DISTANCE, 64)]
    seen = evidence(*forged, echo(1, silent()), *(echo(ttl, answered()) for ttl in (DISTANCE, 64)))
    assert [carrier.label for carrier in carriers(seen)] == ["icmp echo"]


@pytest.mark.parametrize(
    ("seen", "is_refused"),
    [
        (syn(64, too_big(R2, 1300)), True),
        (syn(64, rejected(R2)), True),
        (syn(64, rejected(THERE)), False),
        (syn(64, NotSent(error="EMSGSIZE")), True),
        (syn(64, NotSent(error=NOT_SEEN)), False),
        (syn(64, silent()), False),
        (syn(64, answered()), False),
    ],
    ids=["too big", "a router rejects", "the target rejects", "the kernel", "not seen", "silence", "an answer"],
)
def test_a_size_is_refused_by_a_box_or_by_this_host(seen: object, is_refused: bool) -> None:
    assert refused(seen) is is_refused  # type: ignore[arg-type]
