"""Is a packet believed to be a probe's answer exactly when it carries the probe's token?"""

from __future__ import annotations

from typing import Any

import pytest

from pathprobe.core.ledger import Departure, Ledger, Match
from pathprobe.core.outcomes import (
    NOT_SEEN,
    Answered,
    NotSent,
    Outcome,
    Rejected,
    Reset,
    Silent,
    TimeExceeded,
    Unreachable,
)
from pathprobe.core.packets import EchoKind, IcmpError, OtherPayload, Packet, Protocol, TcpFlags, Udp
from pathprobe.core.probes import Kind, Probe
from tests.core.factories import (
    ME,
    PORT,
    ROUTERS,
    SOURCE_PORT,
    STRANGER,
    TARGET,
    THERE,
    departure,
    echo_reply,
    icmp_error,
    packet,
    probe,
    quote,
    rst,
    segment,
    syn_ack,
)

R1, R2, R3 = ROUTERS[4]
FAMILIES = pytest.mark.parametrize("version", [4, 6])
KINDS = pytest.mark.parametrize("kind", list(Kind))


def ledger_with(*probes: Probe, at: float = 0.0) -> Ledger:
    """Every probe sent and seen to leave."""
    ledger = Ledger(probes[0].flow.destination)
    for one in probes:
        ledger.sent(one, at)
        ledger.read(departure(one), at)
    return ledger


def outcome(ledger: Ledger, of: Probe, now: float = 10.0) -> Outcome:
    return next(seen.outcome for seen in ledger.observations(now) if seen.probe == of)


def match(ledger: Ledger, answer: Packet, now: float = 0.5) -> Match:
    found = ledger.read(answer, now)
    assert isinstance(found, Match)
    return found


# ---- answers that are believed


@FAMILIES
@pytest.mark.parametrize(
    ("answer", "fate"),
    [(syn_ack, Answered), (rst, Reset)],
)
def test_a_segment_that_acknowledges_our_sequence_is_the_ports_answer(version: int, answer: Any, fate: type) -> None:
    ours = probe(version=version)
    ledger = ledger_with(ours)
    assert match(ledger, answer(ours, ttl=61), 0.25).probe == ours
    assert outcome(ledger, ours) == fate(source=TARGET[version], received=0.25, rtt=0.25, ttl=61)


@FAMILIES
def test_an_echo_reply_with_our_identifier_and_sequence_is_the_targets_answer(version: int) -> None:
    ours = probe(version=version, kind=Kind.ECHO)
    ledger = ledger_with(ours)
    match(ledger, echo_reply(ours, ttl=60), 0.25)
    assert outcome(ledger, ours) == Answered(source=TARGET[version], received=0.25, rtt=0.25, ttl=60)


@KINDS
@pytest.mark.parametrize(
    ("version", "code", "fate"),
    [
        (4, (3, 1), Unreachable),
        (4, (3, 3), Rejected),
        (4, (3, 13), Rejected),
        (4, (11, 0), TimeExceeded),
        (6, (1, 0), Unreachable),
        (6, (1, 1), Rejected),
        (6, (1, 4), Rejected),
        (6, (3, 0), TimeExceeded),
    ],
)
def test_an_icmp_error_that_quotes_our_probe_tells_its_fate(
    version: int, code: tuple[int, int], fate: type, kind: Kind
) -> None:
    ours = probe(version=version, kind=kind, ttl=2)
    ledger = ledger_with(ours)
    match(ledger, icmp_error(ours, code))
    told = outcome(ledger, ours)
    assert isinstance(told, Rejected | Unreachable | TimeExceeded)
    assert type(told) is fate
    assert (told.source, told.rtt, told.quote) == (ROUTERS[version][1], 0.5, quote(ours))


def test_a_reset_with_other_bits_is_a_reset() -> None:
    ours = probe()
    everything = TcpFlags.RST | TcpFlags.ACK | TcpFlags.SYN | TcpFlags.ECE
    assert isinstance(match(ledger_with(ours), segment(ours, everything)).outcome, Reset)


@pytest.mark.parametrize("token", [0xFFFFFFFF, 0xFFFFFFFE, 0, 1])
@pytest.mark.parametrize("answer", [syn_ack, rst])
def test_the_acknowledgement_wraps_where_the_sequence_space_ends(token: int, answer: Any) -> None:
    ours = probe(token=token)
    wrapped = answer(ours)
    assert wrapped.body.acknowledgement == (token + 1) & 0xFFFFFFFF
    assert match(ledger_with(ours), wrapped).probe == ours


def test_each_probe_gets_the_answer_to_its_own_token() -> None:
    first, second, ping = probe(id=1), probe(id=2), probe(id=3, kind=Kind.ECHO)
    ledger = ledger_with(first, second, ping)
    match(ledger, rst(second))
    match(ledger, echo_reply(ping))
    assert [type(seen.outcome) for seen in ledger.observations(1)] == [Silent, Reset, Answered]


def test_the_same_number_means_another_probe_in_another_protocol() -> None:
    syn, ping = probe(id=1, token=7 << 16 | 9), probe(id=2, kind=Kind.ECHO, token=7 << 16 | 9)
    ledger = ledger_with(syn, ping)
    assert match(ledger, icmp_error(syn)).probe == syn
    assert match(ledger, icmp_error(ping)).probe == ping
    assert match(ledger, syn_ack(syn)).probe == syn
    assert match(ledger, echo_reply(ping)).probe == ping


# ---- packets that prove nothing


OURS = probe()
PING = probe(kind=Kind.ECHO)


@pytest.mark.parametrize("make", [syn_ack, rst])
@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"acknowledgement": OURS.token}, id="our sequence itself"),
        pytest.param({"acknowledgement": OURS.token + 2}, id="one too many"),
        pytest.param({"acknowledgement": 0}, id="no acknowledgement"),
        pytest.param({"source_port": PORT + 1}, id="from another port"),
        pytest.param({"destination_port": SOURCE_PORT + 1}, id="to another port"),
        pytest.param({"source_port": SOURCE_PORT, "destination_port": PORT}, id="ports the wrong way round"),
        pytest.param({"source": STRANGER}, id="from a stranger"),
        pytest.param({"source": R2}, id="from a router"),
    ],
)
def test_a_segment_is_nobodys_answer_with(make: Any, changes: dict[str, Any]) -> None:
    ledger = ledger_with(OURS)
    assert ledger.read(make(OURS, **changes), 0.5) is None
    assert isinstance(outcome(ledger, OURS), Silent)


@pytest.mark.parametrize(
    "flags",
    [
        pytest.param(TcpFlags.RST, id="bare RST"),
        pytest.param(TcpFlags.ACK, id="challenge ACK"),
        pytest.param(TcpFlags.ACK | TcpFlags.PSH, id="data"),
        pytest.param(TcpFlags.FIN | TcpFlags.ACK, id="FIN"),
        pytest.param(TcpFlags(0), id="no flags"),
    ],
)
def test_flags_that_answer_no_syn_are_ignored(flags: TcpFlags) -> None:
    assert ledger_with(OURS).read(segment(OURS, flags), 0.5) is None


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"identifier": 1}, id="another identifier"),
        pytest.param({"sequence": 99}, id="another sequence"),
        pytest.param({"kind": EchoKind.REQUEST}, id="a request"),
        pytest.param({"source": STRANGER}, id="from a stranger"),
    ],
)
def test_an_echo_is_nobodys_answer_with(changes: dict[str, Any]) -> None:
    assert ledger_with(PING).read(echo_reply(PING, **changes), 0.5) is None


def test_an_echo_reply_does_not_answer_a_syn() -> None:
    assert ledger_with(OURS).read(echo_reply(OURS), 0.5) is None


@pytest.mark.parametrize("body", [OtherPayload(protocol=47), Udp(source_port=PORT, destination_port=1, payload=b"")])
def test_other_protocols_answer_nothing(body: OtherPayload | Udp) -> None:
    assert ledger_with(OURS).read(packet(body, source=THERE, destination=ME), 0.5) is None


# ---- quotes


@pytest.mark.parametrize(
    ("quoted", "believed"),
    [
        pytest.param({}, True, id="as it was sent"),
        pytest.param({"first": 1024, "source": "192.0.2.1"}, True, id="source NAT"),
        pytest.param({"second": 80, "destination": "192.0.2.5"}, True, id="destination NAT"),
        pytest.param({"first": 1024, "second": 80}, True, id="both ends rewritten"),
        pytest.param({"word": None}, False, id="too short for a sequence"),
        pytest.param({"word": OURS.token, "identification": 9}, True, id="another IP-ID"),
        pytest.param({"word": 5}, True, id="sequence rewritten, IP-ID and ports kept"),
        pytest.param({"word": 5, "identification": 9}, False, id="sequence and IP-ID rewritten"),
        pytest.param({"word": 5, "first": 1024}, False, id="sequence and source port rewritten"),
        pytest.param({"word": 5, "second": 80}, False, id="sequence and destination port rewritten"),
        pytest.param({"word": 5, "identification": None}, False, id="sequence rewritten and no IP-ID"),
        pytest.param({"protocol": Protocol.UDP}, False, id="another protocol"),
        pytest.param({"protocol": Protocol.ICMP}, False, id="an echo with our number"),
        pytest.param({"protocol": 132}, False, id="a protocol we never send"),
    ],
)
def test_a_quote_of_a_syn_is_believed_by_its_sequence(quoted: dict[str, Any], believed: bool) -> None:
    ours = probe(ttl=2)
    found = ledger_with(ours).read(icmp_error(ours, **quoted), 0.5)
    assert (isinstance(found, Match) and found.probe == ours) is believed


@pytest.mark.parametrize(
    ("quoted", "believed"),
    [
        ({}, True),
        ({"first": 0x0800, "second": 0x1234}, True),  # another checksum: NAT
        ({"word": PING.token + 1}, False),
        ({"word": None}, False),
        ({"protocol": Protocol.TCP}, False),
    ],
)
def test_a_quote_of_an_echo_is_believed_by_identifier_and_sequence(quoted: dict[str, Any], believed: bool) -> None:
    found = ledger_with(PING).read(icmp_error(PING, at=R1, **quoted), 0.5)
    assert isinstance(found, Match) is believed


def test_a_quote_in_ipv6_without_our_sequence_is_nobodys() -> None:
    ours = probe(version=6, ttl=2)
    assert ledger_with(ours).read(icmp_error(ours, word=5), 0.5) is None


def test_an_icmp_error_without_a_quote_is_nobodys() -> None:
    bare = packet(IcmpError(type=11, code=0), source=R1, destination=ME)
    assert ledger_with(OURS).read(bare, 0.5) is None


@pytest.mark.parametrize("code", [(3, 4), (11, 1), (5, 1), (12, 0), (3, 15), (4, 0)])
def test_an_icmp_message_that_ends_no_probe_is_left_alone(code: tuple[int, int]) -> None:
    assert ledger_with(OURS).read(icmp_error(OURS, code, at=R1), 0.5) is None


def test_any_router_may_send_the_icmp_error() -> None:
    ours = probe(ttl=2)
    told = match(ledger_with(ours), icmp_error(ours, (3, 13), at=STRANGER)).outcome
    assert isinstance(told, Rejected)
    assert told.source == STRANGER


# ---- duplicates and order


def test_the_first_answer_counts_and_later_ones_are_duplicates() -> None:
    ours = probe()
    ledger = ledger_with(ours)
    assert not match(ledger, rst(ours, ttl=63), 0.1).duplicate
    late = match(ledger, syn_ack(ours), 0.2)
    assert late.duplicate
    assert isinstance(late.outcome, Answered)
    assert outcome(ledger, ours) == Reset(source=THERE, received=0.1, rtt=0.1, ttl=63)


def test_a_late_answer_takes_the_place_of_silence() -> None:
    ours = probe()
    ledger = ledger_with(ours)
    assert outcome(ledger, ours, 3.0) == Silent(waited=3.0)
    match(ledger, syn_ack(ours), 4.0)
    assert outcome(ledger, ours, 5.0) == Answered(source=THERE, received=4.0, rtt=4.0, ttl=61)


def test_observations_come_in_the_order_of_sending() -> None:
    probes = [probe(id=number) for number in (3, 1, 2)]
    ledger = ledger_with(*probes)
    match(ledger, rst(probes[2]))
    assert [seen.probe.id for seen in ledger.observations(1)] == [3, 1, 2]
    assert len(ledger) == 3


# ---- departures


@FAMILIES
@KINDS
def test_our_packet_seen_leaving_sets_the_time_of_sending(version: int, kind: Kind) -> None:
    ours = probe(version=version, kind=kind)
    ledger = Ledger(ours.flow.destination)
    ledger.sent(ours, 1.0)
    assert ledger.read(departure(ours), 1.05) == Departure(probe=ours)
    (seen,) = ledger.observations(2.0)
    assert (seen.sent, seen.departed) == (1.05, True)
    assert isinstance(seen.outcome, Silent)
    assert seen.outcome.waited == pytest.approx(0.95)


def test_the_round_trip_counts_from_the_departure() -> None:
    ours = probe()
    ledger = Ledger(THERE)
    ledger.sent(ours, 1.0)
    ledger.read(departure(ours), 1.05)
    match(ledger, syn_ack(ours), 1.15)
    told = outcome(ledger, ours)
    assert isinstance(told, Answered)
    assert told.rtt == pytest.approx(0.1)


def test_the_first_departure_counts() -> None:
    ours = probe()
    ledger = Ledger(THERE)
    ledger.sent(ours, 1.0)
    for time in (1.01, 1.02):
        assert ledger.read(departure(ours), time) == Departure(probe=ours)
    assert ledger.observations(2.0)[0].sent == 1.01


def test_an_answer_that_seems_to_come_before_its_question_took_no_time() -> None:
    ours = probe()
    told = match(ledger_with(ours, at=1.0), rst(ours), 0.9).outcome
    assert isinstance(told, Reset)
    assert told.rtt == 0.0


@pytest.mark.parametrize(
    "leaving",
    [
        pytest.param(departure(probe(id=9)), id="another sequence"),
        pytest.param(departure(probe(id=9, kind=Kind.ECHO)), id="another echo"),
        pytest.param(packet(departure(OURS).body, source=ME, destination=STRANGER), id="to somebody else"),
        pytest.param(segment(OURS, TcpFlags.SYN | TcpFlags.ACK, sequence=OURS.token, source=ME), id="no SYN alone"),
    ],
)
def test_other_packets_that_leave_are_no_departures(leaving: Packet) -> None:
    ledger = Ledger(THERE)
    ledger.sent(OURS, 0.0)
    ledger.sent(PING, 0.0)
    assert not isinstance(ledger.read(leaving, 0.05), Departure)
    assert not any(seen.departed for seen in ledger.observations(0.05))


def test_on_loopback_the_answer_is_no_departure() -> None:
    ours = probe()
    ledger = Ledger(THERE)
    ledger.sent(ours, 0.0)
    assert isinstance(ledger.read(departure(ours), 0.0), Departure)
    looped = packet(rst(ours).body, source=THERE, destination=THERE)
    assert isinstance(ledger.read(looped, 0.1), Match)


# ---- what never left


@pytest.mark.parametrize(("waited", "fate"), [(0.0, Silent), (0.09, Silent), (0.1, NotSent), (9.0, NotSent)])
def test_what_nobody_saw_leave_in_a_tenth_of_a_second_did_not_leave(waited: float, fate: type) -> None:
    ours = probe()
    ledger = Ledger(THERE)
    ledger.sent(ours, 0.0)
    told = outcome(ledger, ours, waited)
    assert type(told) is fate
    assert getattr(told, "error", NOT_SEEN) == NOT_SEEN
    assert not ledger.observations(waited)[0].departed


def test_what_was_seen_leaving_late_did_leave() -> None:
    ours = probe()
    ledger = Ledger(THERE)
    ledger.sent(ours, 0.0)
    assert isinstance(outcome(ledger, ours, 0.9), NotSent)
    ledger.read(departure(ours), 0.95)
    assert isinstance(outcome(ledger, ours, 1.0), Silent)


def test_an_answer_proves_that_a_probe_left_that_nobody_saw() -> None:
    ours = probe()
    ledger = Ledger(THERE)
    ledger.sent(ours, 0.0)
    match(ledger, syn_ack(ours))
    assert isinstance(outcome(ledger, ours, 9.0), Answered)


def test_the_kernels_refusal_is_kept_with_its_errno() -> None:
    ours = probe()
    ledger = Ledger(THERE)
    ledger.not_sent(ours, 0.0, "EPERM")
    assert outcome(ledger, ours, 9.0) == NotSent(error="EPERM")


def test_time_that_runs_backwards_is_no_waiting() -> None:
    assert outcome(ledger_with(OURS, at=1.0), OURS, 0.5) == Silent(waited=0.0)


@pytest.mark.parametrize("tap_first", [True, False])
def test_a_taps_answer_counts_though_the_ttl_of_the_same_probe_ran_out_behind_it(tap_first: bool) -> None:
    step = probe(ttl=3)
    ledger = Ledger(step.flow.destination)
    ledger.sent(step, 0.0)
    told = [rst(step), icmp_error(step)]
    for one in told if tap_first else reversed(told):
        ledger.read(one, 0.5)
    assert isinstance(ledger.observations(1.0)[0].outcome, Reset)
