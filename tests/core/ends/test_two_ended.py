"""Do two captures, one from each end, tell which way it was lost, and who answered?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from pathprobe.core.ends.fate import Fate
from pathprobe.core.ends.running import Running
from pathprobe.core.quotes import Change
from pathprobe.core.report import Claim, Direction, Hop, Mechanism, Result, State, Where
from tests.core.ends.two_ends import (
    ACK,
    CLIENT,
    CLIENT6,
    ISN,
    RST,
    SECOND,
    SERVER,
    SERVER6,
    Network,
    answer_to,
    datagram,
    destination_nat,
    ping,
    refusal,
    sequence_shift,
    source_nat,
    syn,
    tcp,
)

#: Nanoseconds that the server's clock is ahead.
OFFSETS = [0, 3 * SECOND, -2 * 86400 * SECOND, 400 * 86400 * SECOND + 12_345]


def claims(result: Result) -> set[Claim]:
    return {reason.claim for reason in result.verdict.reasons}


def repeated(network: Network, times: int = 3, **fate: bool) -> None:
    """A SYN and its repetitions, one and more seconds apart."""
    for number in range(times):
        network.there(syn(identification=100 + number, clock=5000 + number), **fate)
        network.wait(1 + number)


def never_arrives(network: Network) -> None:
    network.pings(1)
    repeated(network, lost=True)
    network.pings(2)


def server_is_silent(network: Network) -> None:
    repeated(network)


def answer_is_lost(network: Network) -> None:
    for number in range(3):
        arrived = network.there(syn(identification=100 + number))
        network.home(answer_to(arrived), lost=True)
        network.wait(1)


def is_open(network: Network) -> None:
    network.handshake()
    network.there(tcp(ACK, sequence=ISN + 1, acknowledgement=1, identification=5))


def is_closed(network: Network) -> None:
    arrived = network.there(syn())
    network.home(answer_to(arrived, RST, sequence=0))


def is_reset_by_a_box(network: Network) -> None:
    network.pings(1)
    network.there(syn(), lost=True)
    network.seen_by_client(answer_to(syn(), RST, sequence=0, ttl=63))
    network.pings(2)


def is_reset_by_a_tap(network: Network) -> None:
    arrived = network.there(syn())
    network.seen_by_client(answer_to(syn(), RST, sequence=0, ttl=62))
    network.home(answer_to(arrived))


def is_answered_by_a_proxy(network: Network) -> None:
    network.pings(1)
    network.there(syn(), lost=True)
    network.seen_by_client(answer_to(syn(), sequence=99, ttl=63))
    network.pings(2)


def is_rejected_by_a_router(network: Network) -> None:
    network.pings(1)
    network.there(syn(identification=5), lost=True)
    network.seen_by_client(refusal(syn(identification=5)))
    network.pings(2)


def is_rejected_by_the_server(network: Network) -> None:
    arrived = network.there(syn(identification=5))
    network.home(refusal(arrived, source=SERVER, ttl=64))


def is_dropped_by_the_client(network: Network) -> None:
    for number in range(3):
        arrived = network.there(syn(identification=100 + number))
        network.home(answer_to(arrived))
        network.wait(1)


Story = Callable[[Network], None]

FATES = [
    (is_open, Fate.ANSWERED, State.OPEN, Mechanism.ANSWER, Where.TARGET, None, None),
    (is_closed, Fate.REFUSED, State.CLOSED, Mechanism.RESET, Where.TARGET, None, None),
    (never_arrives, Fate.NEVER_ARRIVED, State.FILTERED, Mechanism.DROP, Where.PATH, Direction.FORWARD, None),
    (server_is_silent, Fate.SERVER_SILENT, State.FILTERED, Mechanism.DROP, Where.TARGET, Direction.FORWARD, None),
    (answer_is_lost, Fate.ANSWER_LOST, State.FILTERED, Mechanism.DROP, Where.PATH, Direction.RETURN, None),
    (is_reset_by_a_box, Fate.FORGED, State.FILTERED, Mechanism.RESET, Where.PATH, Direction.FORWARD, 2),
    (is_reset_by_a_tap, Fate.FORGED, State.FILTERED, Mechanism.RESET, Where.PATH, Direction.FORWARD, 3),
    (is_answered_by_a_proxy, Fate.FORGED, State.OPEN, Mechanism.ANSWER, Where.PATH, Direction.FORWARD, 2),
    (
        is_rejected_by_a_router,
        Fate.REFUSED_ON_THE_WAY,
        State.FILTERED,
        Mechanism.REJECT,
        Where.PATH,
        Direction.FORWARD,
        2,
    ),
    (is_rejected_by_the_server, Fate.REFUSED, State.FILTERED, Mechanism.REJECT, Where.TARGET, None, None),
    (is_dropped_by_the_client, Fate.UNHEARD, State.FILTERED, Mechanism.DROP, Where.LOCAL, Direction.RETURN, None),
]


@pytest.mark.parametrize("offset", OFFSETS)
@pytest.mark.parametrize(
    ("story", "fate", "state", "mechanism", "where", "direction", "device"),
    [pytest.param(*row, id=row[0].__name__) for row in FATES],
)
def test_both_ends_tell_which_way_it_was_lost_whatever_the_clocks_say(
    story: Story,
    fate: Fate,
    state: State,
    mechanism: Mechanism,
    where: Where,
    direction: Direction | None,
    device: int | None,
    offset: int,
) -> None:
    network = Network(offset=offset)
    story(network)
    result = network.result()
    verdict, ends = result.verdict, result.both_ends
    assert ends is not None
    assert ends.fate is fate
    assert (verdict.state, verdict.mechanism) == (state, mechanism)
    assert (verdict.location.where, verdict.location.direction) == (where, direction)
    assert (verdict.location.device.ttl if verdict.location.device else None) == device
    assert ends.clocks is not None
    span = ends.clocks.main
    assert abs(span.offset_ns - offset) <= (span.error_ns or 10_000_000)


def test_the_distance_is_what_the_ttl_lost_on_the_way() -> None:
    network = Network()
    is_open(network)
    result = network.result()
    assert result.verdict.distance == 4
    assert result.verdict.location.last_good == Hop(ttl=4, address=SERVER)


@pytest.mark.parametrize(
    ("box", "what", "before", "after"),
    [
        (source_nat(), Change.SOURCE_ADDRESS, CLIENT, "192.0.2.7"),
        (source_nat(port=1025), Change.SOURCE_PORT, "40001", "1025"),
        (destination_nat(), Change.DESTINATION_ADDRESS, SERVER, "172.16.0.5"),
        (sequence_shift(), Change.SEQUENCE, None, None),
        (lambda packet: replace(packet, traffic_class=8 << 2), Change.DSCP, "0", "8 (CS1)"),
        (lambda packet: replace(packet, traffic_class=2), Change.ECN, "not ECT", "ECT(0)"),
    ],
)
def test_what_a_box_changes_is_told_with_its_values(
    box: Callable[..., object], what: Change, before: str | None, after: str | None
) -> None:
    network = Network(box=box)
    is_open(network)
    result = network.result()
    assert result.verdict.state is State.OPEN
    assert (what, before, after) in [(one.what, one.before, one.after) for one in result.middleboxes]


def test_a_nat_that_turns_answers_back_is_one_change() -> None:
    network = Network(box=source_nat(port=1025))
    is_open(network)
    assert {one.what for one in network.result().middleboxes} == {Change.SOURCE_ADDRESS, Change.SOURCE_PORT}


def test_a_lowered_mss_is_told_for_the_direction_in_which_it_is_lowered() -> None:
    network = Network()
    network.seen_by_client(syn(), outgoing=True)
    network.seen_by_server(syn(ttl=61, mss=1000), after=1000)
    network.wait(0.01)
    network.home(answer_to(syn(), clock=7))
    ends = network.result().both_ends
    assert ends is not None
    assert [(one.what, one.before, one.after, one.forward) for one in ends.changes] == [
        (Change.MSS, "1460", "1000", True)
    ]


def test_tries_that_never_arrived_are_counted_beside_those_that_did() -> None:
    network = Network()
    for number in range(5):
        arrived = network.there(syn(ports=(40001 + number, 8080), identification=100 + number), lost=number in (1, 3))
        if number not in (1, 3):
            network.home(answer_to(arrived))
        network.wait(0.2)
    result = network.result()
    assert result.both_ends is not None
    assert (result.both_ends.sent, result.both_ends.arrived) == (5, 3)
    assert result.verdict.state is State.OPEN
    (loss,) = (one for one in result.verdict.reasons if one.claim is Claim.LOST_ON_THE_WAY)
    assert (loss.facts["lost"], loss.facts["out_of"], loss.facts["way"]) == (2, 5, "there")
    low, high = float(loss.facts["low"] or 0), float(loss.facts["high"] or 0)
    assert low < 0.4 < high < 1


def test_tries_that_die_beside_others_that_live_make_it_intermittent() -> None:
    network = Network()
    for number in range(4):
        for again in range(1 if number % 2 else 4):
            packet = syn(ports=(40001 + number, 8080), identification=100 + 10 * number + again)
            arrived = network.there(packet, lost=number % 2 == 0)
            network.wait(1)
        if number % 2:
            network.home(answer_to(arrived))
    verdict = network.result().verdict
    assert (verdict.state, verdict.mechanism) == (State.INTERMITTENT, Mechanism.DROP)
    assert (verdict.location.where, verdict.location.direction) == (Where.PATH, Direction.FORWARD)


def test_an_empty_capture_proves_nothing_about_the_way() -> None:
    network = Network()
    repeated(network, lost=True)
    result = network.result()
    assert result.verdict.state is State.FILTERED
    assert (result.verdict.location.where, result.verdict.location.direction) == (Where.UNKNOWN, None)
    assert Claim.NOTHING_CAPTURED in claims(result)


def test_a_reset_is_not_called_forged_when_the_servers_capture_may_not_have_run() -> None:
    network = Network()
    network.there(syn(), lost=True)
    network.seen_by_client(answer_to(syn(), RST, sequence=0, ttl=63))
    result = network.result()
    assert (result.verdict.state, result.verdict.location.where) == (State.UNKNOWN, Where.UNKNOWN)


def test_a_capture_that_ended_before_does_not_show_that_nothing_arrived() -> None:
    network = Network()
    network.pings(1, 2)
    network.wait(60)
    repeated(network, lost=True)
    result = network.result()
    assert result.both_ends is not None
    assert result.both_ends.running is Running.UNKNOWN
    assert result.verdict.location.where is Where.UNKNOWN
    assert Claim.MAY_NOT_HAVE_RUN in claims(result)


def test_other_packets_of_the_server_show_by_the_clocks_that_its_capture_ran() -> None:
    network = Network(offset=77 * SECOND)
    network.pings(1)
    network.wait(5)
    repeated(network, lost=True)
    network.seen_by_server(datagram(source="10.0.0.8", destination="10.0.0.5"))
    result = network.result()
    assert result.both_ends is not None
    assert result.both_ends.running is Running.BY_CLOCK
    assert result.verdict.location.where is Where.PATH


def test_nothing_of_any_kind_that_arrives_is_unreachable() -> None:
    network = Network()
    network.handshake(ports=(50000, 22), identification=3)
    arrived = [one for one in network.results() if one.target.port == 22]
    assert arrived[0].verdict.state is State.OPEN
    network = Network()
    network.seen_by_server(datagram(source="10.0.0.8", destination=SERVER))
    network.wait(1)
    repeated(network, lost=True)
    network.there(ping(1), lost=True)
    network.seen_by_server(datagram(source="10.0.0.8", destination=SERVER))
    result = network.result()
    assert (result.verdict.state, result.verdict.location.where) == (State.UNREACHABLE, Where.PATH)
    assert Claim.RAN_IF_CLOCKS_AGREE in claims(result)


def test_a_datagram_that_arrived_and_drew_no_answer_is_open_or_filtered() -> None:
    network = Network()
    network.there(datagram())
    verdict = network.result("udp").verdict
    assert (verdict.state, verdict.mechanism, verdict.location.where) == (State.OPEN_FILTERED, None, Where.TARGET)


def test_a_closed_udp_port_is_told_by_the_server_itself() -> None:
    network = Network()
    arrived = network.there(datagram())
    network.home(refusal(arrived, source=SERVER, code=(3, 3), ttl=64))
    verdict = network.result("udp").verdict
    assert (verdict.state, verdict.mechanism, verdict.location.where) == (State.CLOSED, Mechanism.REJECT, Where.TARGET)


def test_echo_requests_are_tries_of_their_own() -> None:
    network = Network()
    network.pings(1, 2, 3)
    network.there(ping(4), lost=True)
    network.pings(5)
    result = network.result("icmp")
    assert result.verdict.state is State.OPEN
    assert result.both_ends is not None
    assert dict(result.both_ends.tries) == {Fate.ANSWERED: 4, Fate.NEVER_ARRIVED: 1}


def test_repeated_syns_of_ipv6_are_told_apart_by_the_time_between_them() -> None:
    network = Network(offset=86400 * SECOND)
    ends = {"source": CLIENT6, "destination": SERVER6, "clock": None}
    for wait, lost in ((1, True), (2, False), (4, True), (8, False)):
        network.there(syn(**ends), lost=lost)
        network.wait(wait)
    result = network.result()
    assert [len(frames) for frames in result.both_ends.server_frames.values()] == [0, 1, 0, 1]


def test_hops_that_only_let_probes_expire_are_no_tries() -> None:
    network = Network()
    network.pings(1)
    for ttl in (1, 2):
        step = syn(ttl=ttl, identification=ttl, sequence=ISN + ttl)
        network.there(step, lost=True)
        network.seen_by_client(refusal(step, source=f"10.9.{ttl}.2", code=(11, 0), ttl=65 - ttl))
    repeated(network, lost=True)
    network.pings(2)
    result = network.result()
    assert result.both_ends is not None
    assert result.both_ends.sent == 3
    location = result.verdict.location
    assert (location.last_good, location.first_bad) == (Hop(ttl=2, address="10.9.2.2"), Hop(ttl=4, address=SERVER))


def test_a_proxy_that_keeps_the_clients_number_is_no_arrival() -> None:
    network = Network()
    network.pings(1)
    network.there(syn(identification=5), lost=True)
    network.seen_by_client(answer_to(syn(), sequence=99, ttl=63, clock=1, window=0))
    made = syn(identification=0, ttl=63, clock=6000, window=63)
    network.seen_by_server(made)
    network.home(answer_to(made, clock=9), lost=True)
    network.pings(2)
    result = network.result()
    assert (result.verdict.state, result.verdict.location.where) == (State.OPEN, Where.PATH)
    assert result.both_ends is not None
    assert result.both_ends.arrived == 0


def test_what_the_client_asked_of_others_has_no_verdict() -> None:
    network = Network()
    is_open(network)
    network.there(syn(destination="198.51.100.1", identification=9), lost=True)
    assert [result.target.address for result in network.results()] == [SERVER]


def test_a_capture_that_began_after_the_question_does_not_show_that_nothing_arrived() -> None:
    network = Network(offset=-SECOND)
    repeated(network, lost=True)
    network.wait(30)
    network.pings(1)
    result = network.result()
    assert result.both_ends is not None
    assert result.both_ends.running is Running.UNKNOWN
    assert result.verdict.location.where is Where.UNKNOWN


def test_a_forged_reset_with_the_ttl_of_the_servers_own_packets_is_pinned_to_no_hop() -> None:
    network = Network()
    for number in (1, 2):
        network.there(ping(number))
        network.home(replace(ping(number, back=True), ttl=66))
        if number == 1:
            network.there(syn(), lost=True)
            network.seen_by_client(answer_to(syn(), RST, sequence=0, ttl=63))
    location = network.result().verdict.location
    assert (location.where, location.device) == (Where.PATH, None)


def test_a_capture_of_one_direction_calls_no_answer_forged() -> None:
    network = Network()
    network.there(syn())
    network.seen_by_client(answer_to(syn(), ttl=61))
    network.there(tcp(ACK, sequence=ISN + 1, identification=5))
    result = network.result()
    assert (result.verdict.state, result.verdict.location.where) == (State.OPEN, Where.UNKNOWN)
    assert Claim.ONE_WAY_CAPTURE in claims(result)


def test_a_path_that_loses_everything_alike_is_not_intermittent_for_one_port() -> None:
    network = Network()
    for number in range(10):
        network.there(ping(number), lost=number % 2 == 0)
        if number % 2:
            network.home(ping(number, back=True))
    repeated(network, 2, lost=True)
    network.handshake(ports=(40002, 8080), sequence=ISN + 5, identification=200)
    assert network.result().verdict.state is State.OPEN


def test_a_reset_within_the_connection_that_the_server_never_sent_broke_it_off() -> None:
    network = Network()
    is_open(network)
    network.there(tcp(ACK, sequence=ISN + 1, identification=6, octets=100), lost=True)
    network.seen_by_client(answer_to(syn(), RST, sequence=8, ttl=63))
    network.wait(0.1)
    network.there(ping(1))
    network.home(ping(1, back=True))
    result = network.result()
    assert result.verdict.state is State.OPEN
    assert result.verdict.location.device is not None
    assert result.verdict.location.device.ttl == 2
    assert Claim.BROKEN_OFF in claims(result)


def test_a_reset_that_the_server_sent_itself_broke_nothing_off() -> None:
    network = Network()
    is_open(network)
    network.home(answer_to(syn(), RST, sequence=8))
    result = network.result()
    assert (result.verdict.state, result.both_ends and result.both_ends.resets) == (State.OPEN, ())


def test_a_reset_in_the_clients_name_that_it_never_sent_broke_it_off_too() -> None:
    network = Network()
    is_open(network)
    network.seen_by_server(tcp(RST, sequence=ISN + 1, ttl=62))
    result = network.result()
    assert result.both_ends is not None
    assert [(one.to_client, one.ttl) for one in result.both_ends.resets] == [(False, 62)]


@pytest.mark.parametrize(("ttl", "broken"), [(63, True), (61, False)])
def test_a_reset_after_the_end_of_the_servers_capture_is_told_by_its_ttl_alone(ttl: int, broken: bool) -> None:
    network = Network()
    is_open(network)
    network.wait(1)
    network.seen_by_client(answer_to(syn(), RST, sequence=8, ttl=ttl))
    ends = network.result().both_ends
    assert ends is not None
    assert bool(ends.resets) is broken
