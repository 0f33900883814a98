"""Anybody's capture gives the verdict that a run of ours would have given, as far as its packets prove it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from pathprobe.core.packets import IcmpError
from pathprobe.core.report import Claim, Direction, Mechanism, Result, State, Where
from pathprobe.core.sightings import Sighting
from pathprobe.core.verdict import conclude
from pathprobe.core.witness.plain import Around, is_plain, plain_verdict
from pathprobe.core.witness.retold import retell
from pathprobe.core.witness.traffic import Traffic
from pathprobe.core.witness.urgency import trouble_of
from pathprobe.engine.foreign import Wanted, judge, network_of, results_of
from pathprobe.engine.sightings import open_sightings
from pathprobe.lab.ask import differences
from pathprobe.output.advice import next_steps
from pathprobe.output.claims import claim
from pathprobe.output.wording import summary
from tests.core.factories import ME, THERE, router
from tests.core.witness.traffic import ACK, FIN, PUSH, RST, SYN, Capture
from tests.engine.runs import run

#: One of each way to end, and those where others' probes are hard to tell apart.
SCENARIOS = (
    "open",
    "closed-v6",
    "drop-r2-forward",
    "drop-target",
    "reset-r2-forward",
    "reject-r2-host-prohibited",
    "no-route-r2",
    "host-down",
    "echo-drop-r2",
    "udp-closed",
    "udp-drop-r2",
    "udp-other-port-open",
    "flows-r2-drop-r2b",
    "flows-4-drop-r2c",
    "loop-r2",
    "silent-r3-drop-r2",
)


def without_notes(name: str, folder: Path) -> list[Sighting]:
    """The packets of a run of ours, as if tcpdump had written them: no notes, interfaces or directions."""
    path = folder / "run.pcapng"
    path.write_bytes(run(name).octets)
    with open_sightings(path) as seen:
        return [replace(one, interface="", outgoing=None) for one in seen]


def about(results: tuple[Result, ...], port: int | None = 80, protocol: str = "tcp") -> Result:
    (found,) = (one for one in results if (one.target.port, one.target.protocol) == (port, protocol))
    return found


def claims(result: Result) -> list[Claim]:
    return [one.claim for one in result.verdict.reasons]


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_packets_of_a_run_without_its_notes_give_the_same_verdict(name: str, tmp_path: Path) -> None:
    target = run(name).result.target
    found = about(results_of(without_notes(name, tmp_path)), target.port, target.protocol)
    assert not differences(run(name).scenario, found)


# ---- steps of other tools


def traced(capture: Capture, ttls: range, *, reach: int = 4, **more: int) -> None:
    """A traceroute of SYNs with new ports, of which those up to ``reach`` get where their TTL takes them."""
    for ttl in ttls:
        syn = capture.syn(ttl=ttl, source_port=4000 + ttl, sequence=ttl * 1000, **more)
        if ttl <= min(reach, 3):
            capture.error(syn, hop=ttl)
        elif ttl <= reach:
            capture.answers(acknowledges=ttl * 1000 + 1, source_port=4000 + ttl)


def test_a_traceroute_with_a_new_source_port_each_is_one_question_with_its_hops() -> None:
    capture = Capture()
    traced(capture, range(1, 6), reach=5)
    (result,) = results_of(capture.seen)
    assert (result.verdict.state, result.verdict.distance) == (State.OPEN, 4)
    assert [row.address for row in result.hops] == [router(1), router(2), router(3), THERE]


def test_a_traceroute_that_dies_beside_an_echo_that_passes_has_its_interval() -> None:
    capture = Capture()
    for ttl in range(1, 5):
        ping = capture.ping(ttl, ttl=ttl)
        _ = capture.error(ping, hop=ttl) if ttl < 4 else capture.pong(ttl)
    traced(capture, range(1, 8), reach=2)
    capture.passes(1)
    traced(capture, range(3, 8), reach=2, port=80)
    capture.passes(2)
    capture.ping(99)
    result = about(results_of(capture.seen))
    location = result.verdict.location
    assert (result.verdict.state, location.where, location.direction) == (State.FILTERED, Where.PATH, Direction.FORWARD)
    assert location.last_good
    assert location.first_bad
    assert (location.last_good.ttl, location.first_bad.ttl) == (2, 3)


def test_no_interval_is_made_of_the_steps_of_a_control_alone() -> None:
    capture = Capture()
    for _ in range(3):
        capture.syn()
        capture.passes(1)
    for ttl in range(1, 5):
        ping = capture.ping(ttl, ttl=ttl)
        _ = capture.error(ping, hop=ttl) if ttl < 4 else capture.pong(ttl)
    result = about(results_of(capture.seen))
    assert (result.verdict.state, result.verdict.location.where) == (State.FILTERED, Where.UNKNOWN)
    assert result.verdict.location.first_bad is None
    assert Claim.NOT_TRACED in claims(result)


def test_a_traceroute_that_nothing_is_compared_with_says_so() -> None:
    capture = Capture()
    traced(capture, range(1, 7), reach=2)
    (result,) = results_of(capture.seen)
    assert result.verdict.state is State.FILTERED
    assert result.verdict.location.last_good
    assert (result.verdict.location.last_good.ttl, result.verdict.location.first_bad) == (2, None)
    assert Claim.TRACE_ENDS in claims(result)
    assert Claim.NOT_TRACED not in claims(result)


def test_a_traceroute_that_was_not_carried_on_says_how_far_it_got() -> None:
    capture = Capture()
    traced(capture, range(1, 3), reach=2)
    capture.passes(5)
    capture.ping()
    result = about(results_of(capture.seen))
    assert result.verdict.state is State.UNKNOWN
    assert Claim.TRACE_SHORT in claims(result)
    assert Claim.UNFINISHED not in claims(result)


def test_an_answer_that_a_router_shows_twice_is_no_second_one() -> None:
    capture = Capture(ttl=62)
    ping = capture.ping(transport=b"ping")
    capture.error(ping, hop=3, type_=3, code=1, transport=b"error")
    seen = capture.seen[-1]
    capture.seen.append(replace(seen, number=3, packet=replace(seen.packet, ttl=seen.packet.ttl - 1)))
    capture.passes(1)
    capture.ping(2)
    (result,) = results_of(capture.seen)
    assert result.observations[0].also == ()


def test_a_udp_traceroute_with_a_new_port_each_is_one_question_without_a_port() -> None:
    capture = Capture()
    for ttl in range(1, 7):
        sent = capture.datagram(port=33433 + ttl, source_port=5000 + ttl, ttl=ttl, checksum=ttl)
        if ttl < 4:
            capture.error(sent, hop=ttl)
        else:
            capture.error(sent, hop=4, source=THERE, type_=3, code=3)
    (result,) = results_of(capture.seen)
    assert (result.target.port, result.target.protocol, result.target.label) == (None, "udp", f"{THERE}/udp")
    assert (result.verdict.state, result.verdict.distance) == (State.CLOSED, 4)
    assert Claim.TRACE_PORTS in claims(result)


def test_forged_resets_to_a_control_do_not_make_the_target_nearer() -> None:
    capture = Capture()
    for ttl in range(1, 5):
        ping = capture.ping(ttl, ttl=ttl)
        _ = capture.error(ping, hop=ttl) if ttl < 4 else capture.pong(ttl)
    for ttl in range(1, 5):
        syn = capture.syn(ttl=ttl, source_port=4000 + ttl, sequence=ttl * 1000)
        if ttl < 3:
            capture.error(syn, hop=ttl)
        else:
            capture.resets(acknowledges=ttl * 1000 + 1, source_port=4000 + ttl, ttl=63)
    results = results_of(capture.seen)
    assert about(results, None, "icmp").verdict.distance == 4
    forged = about(results).verdict
    assert (forged.state, forged.mechanism) == (State.FILTERED, Mechanism.RESET)
    assert forged.location.device
    assert (forged.location.device.ttl, forged.location.device.address) == (2, router(2))


# ---- what the host that asked made of it


def test_an_answer_that_the_host_never_reacts_to_is_dropped_on_that_host() -> None:
    capture = Capture()
    for _ in range(3):
        capture.syn()
        capture.answers()
        capture.passes(1)
    (result,) = results_of(capture.seen)
    location = result.verdict.location
    assert (result.verdict.state, location.where, location.direction) == (State.FILTERED, Where.LOCAL, Direction.RETURN)
    assert Claim.ANSWER_UNHEARD in claims(result)


def test_the_same_seen_at_the_target_is_an_answer_that_is_lost_on_its_way() -> None:
    capture = Capture(ttl=61, back=64)
    for _ in range(3):
        capture.syn()
        capture.answers()
        capture.passes(1)
    (result,) = results_of(capture.seen)
    location = result.verdict.location
    assert (result.verdict.state, location.where, location.direction) == (State.FILTERED, Where.PATH, Direction.RETURN)
    assert Claim.CAPTURED_AT_TARGET in claims(result)


def test_a_request_that_is_seen_at_the_target_and_not_answered_has_arrived() -> None:
    capture = Capture(ttl=61, back=64)
    capture.ping()
    capture.pong()
    for _ in range(3):
        capture.syn()
        capture.passes(1)
    result = about(results_of(capture.seen))
    assert (result.verdict.state, result.verdict.location.where) == (State.FILTERED, Where.TARGET)


def test_on_the_way_nothing_is_said_of_where_a_request_is_lost() -> None:
    capture = Capture(ttl=62)
    for _ in range(3):
        capture.syn()
        capture.passes(1)
    (result,) = results_of(capture.seen)
    location = result.verdict.location
    assert (location.where, location.last_good, location.first_bad) == (Where.UNKNOWN, None, None)
    (reason,) = (one for one in result.verdict.reasons if one.claim is Claim.CAPTURED_ON_THE_WAY)
    assert reason.facts["hops"] == 2


def test_only_where_the_file_does_not_say_how_long_was_listened_it_is_assumed() -> None:
    capture = Capture()
    for _ in range(2):
        capture.syn()
        capture.passes(0.1)
    traffic = Traffic(lambda _: True)
    traffic.take_all(capture.seen)
    (assumed,) = judge(traffic, Wanted())
    (known,) = judge(traffic, Wanted(), traffic.end_ns + 5_000_000_000)
    assert (Claim.END_ASSUMED in claims(assumed), Claim.END_ASSUMED in claims(known)) == (True, False)


def test_a_syn_that_was_answered_in_the_end_was_sent_again_and_is_no_silence() -> None:
    capture = Capture()
    capture.syn()
    capture.passes(1)
    capture.handshake()
    capture.passes(5)
    capture.ping()
    result = about(results_of(capture.seen))
    assert result.verdict.state is State.OPEN
    assert Claim.SENT_AGAIN in claims(result)
    assert Claim.SOME_SILENT not in claims(result)


def test_connections_that_never_come_about_beside_others_that_do_are_intermittent() -> None:
    capture = Capture()
    for number in range(12):
        source_port = 4000 + number
        if number % 2:
            capture.handshake(source_port=source_port)
        else:
            for _ in range(4):
                capture.syn(source_port=source_port, sequence=source_port * 10)
                capture.passes(1)
    (result,) = results_of(capture.seen)
    assert result.verdict.state is State.INTERMITTENT


def test_pings_that_are_lost_now_and_then_are_told_in_the_summary() -> None:
    capture = Capture()
    for number in range(10):
        capture.ping(number)
        if number % 2:
            capture.pong(number)
        capture.passes(1)
    (result,) = results_of(capture.seen)
    assert result.verdict.state is State.OPEN
    assert summary(result).endswith(", but not always: 5 of 10 drew no answer.")


def test_a_reset_that_was_seen_leaving_the_target_is_the_targets() -> None:
    capture = Capture(ttl=61, back=64)
    capture.syn()
    capture.resets()
    (result,) = results_of(capture.seen)
    assert result.verdict.state is State.CLOSED
    assert result.verdict.confidence > 0.999
    assert Claim.NO_COMPARISON not in claims(result)


def test_a_udp_port_that_keeps_silent_is_open_or_filtered() -> None:
    capture = Capture()
    capture.datagram()
    capture.passes(5)
    capture.datagram()
    (result,) = results_of(capture.seen)
    assert (result.verdict.state, result.verdict.mechanism) == (State.OPEN_FILTERED, None)


def test_what_was_asked_once_at_the_very_end_is_not_judged() -> None:
    capture = Capture()
    capture.ping()
    capture.pong()
    capture.syn()
    assert about(results_of(capture.seen)).verdict.state is State.UNKNOWN


# ---- many


def test_the_worst_come_first_and_the_counts_stand_beside_them() -> None:
    capture = Capture()
    capture.handshake(port=80)
    for number in range(5):
        capture.syn(port=81, source_port=6000 + number, sequence=number * 100)
        capture.resets(port=81, source_port=6000 + number, acknowledges=number * 100 + 1)
    capture.handshake(port=82, source_port=7000)
    for wait in (0.3, 0.6, 1.2):
        capture.says(PUSH | ACK, port=82, source_port=7000, size=1448)
        capture.passes(wait)
    for wait in (1, 3, 7):
        capture.syn(port=83, source_port=8000)
        capture.passes(wait)
    results = results_of(capture.seen)
    assert [one.target.port for one in results] == [83, 82, 81, 80]
    assert trouble_of(results[1]) is Claim.LARGE_STALLED
    assert [one.counted.attempts for one in results if one.counted] == [1, 1, 5, 1]


@pytest.mark.parametrize(
    ("wanted", "ports"),
    [
        (Wanted(targets=((THERE, 80),)), [80]),
        (Wanted(targets=((THERE, None),)), [81, 80]),
        (Wanted(targets=((ME, 80),)), []),
        (Wanted(hosts=(network_of("10.9.0.0/16"),)), [81, 80]),
        (Wanted(hosts=(network_of(THERE),)), [81, 80]),
        (Wanted(hosts=(network_of("192.0.2.0/24"),)), []),
    ],
)
def test_only_what_is_wanted_is_told(wanted: Wanted, ports: list[int]) -> None:
    capture = Capture()
    capture.handshake(port=80)
    capture.syn(port=81, source_port=5000)
    capture.resets(port=81, source_port=5000)
    assert [one.target.port for one in results_of(capture.seen, wanted)] == ports


def _all_answered(capture: Capture) -> None:
    for number in range(3):
        capture.handshake(source_port=4000 + number)


def _all_refused(capture: Capture) -> None:
    for number in range(3):
        capture.syn(source_port=4000 + number)
        capture.resets(source_port=4000 + number)


def _all_silent(capture: Capture) -> None:
    for number in range(3):
        capture.syn(source_port=4000 + number)
        capture.passes(2)


@pytest.mark.parametrize("happens", [_all_answered, _all_refused, _all_silent])
def test_counts_alone_give_the_verdict_that_the_packets_give(happens: object) -> None:
    capture = Capture()
    assert callable(happens)
    happens(capture)
    traffic = Traffic()
    traffic.take_all(capture.seen)
    (question,) = traffic.questions()
    around = Around(asked=False, heard=False)
    assert is_plain(question, around)
    end = traffic.end_ns + 2_000_000_000
    short, full = plain_verdict(question, around, end_ns=end), conclude(retell(question, [], end_ns=end).evidence)
    assert (short.state, short.mechanism, short.location.where) == (full.state, full.mechanism, full.location.where)
    assert short.confidence == pytest.approx(full.confidence)


def test_a_flood_is_judged_by_its_counts_and_the_strange_ones_in_full() -> None:
    capture = Capture()
    for number in range(300):
        capture.syn(to=f"10.0.{number // 250}.{number % 250 + 1}", source_port=1024 + number, sequence=number)
    refused = capture.syn(to="10.7.7.7", source_port=9000, sequence=12345)
    capture.error(refused, type_=3, code=13)
    capture.passes(5)
    results = results_of(capture.seen)
    assert len(results) == 301
    assert [one.target.address for one in results if one.observations] == ["10.7.7.7"]


@pytest.mark.parametrize(
    ("type_", "code", "source", "state"),
    [
        (3, 13, router(2), State.FILTERED),
        (3, 1, router(3), State.UNREACHABLE),
        (3, 3, THERE, State.FILTERED),
    ],
)
def test_refusals_beyond_those_judged_in_full_have_the_state_that_they_say(
    type_: int, code: int, source: str, state: State
) -> None:
    capture = Capture()
    for number in range(210):
        syn = capture.syn(port=1000 + number, sequence=number * 10)
        capture.error(syn, type_=type_, code=code, source=source)
    results = results_of(capture.seen)
    assert len(results) == 210
    assert {one.verdict.state for one in results} == {state}
    assert sum(not one.observations for one in results) == 10


def one_more_packet(capture: Capture, chance: Random) -> None:
    """Any packet of any sender, with whatever numbers."""
    asked = [
        one.packet for one in capture.seen if one.packet.source == ME and not isinstance(one.packet.body, IcmpError)
    ]
    acts: tuple[Callable[[], object], ...] = (
        lambda: capture.syn(ttl=chance.randrange(1, 256), sequence=chance.randrange(3000)),
        lambda: capture.answers(
            chance.choice([SYN | ACK, RST, RST | ACK, ACK, FIN | ACK]), size=chance.randrange(2000)
        ),
        lambda: capture.says(chance.choice([ACK, PUSH | ACK, RST, FIN | ACK]), size=chance.randrange(2000)),
        lambda: capture.datagram(ttl=chance.randrange(1, 65), port=chance.choice([53, 33434, 33435])),
        lambda: capture.ping(chance.randrange(3)),
        lambda: capture.replies(port=chance.choice([53, 99])),
        lambda: capture.pong(chance.randrange(3)),
        lambda: capture.passes(chance.random() * 3),
        lambda: asked and capture.error(chance.choice(asked), type_=chance.choice([3, 11]), code=chance.randrange(4)),
    )
    chance.choice(acts)()


@pytest.mark.parametrize("seed", range(60))
def test_packets_of_all_sorts_in_any_order_raise_nothing(seed: int) -> None:
    chance = Random(seed)
    capture = Capture(ttl=chance.choice([64, 61, 3]))
    for _ in range(40):
        one_more_packet(capture, chance)
    for seen in (capture.seen, chance.sample(capture.seen, len(capture.seen)), capture.seen[10:]):
        for result in results_of(seen):
            assert summary(result).endswith(".")
            assert all(claim(one).endswith(".") for one in result.verdict.reasons)
            assert all(next_steps(result))


def test_a_connection_that_fails_is_shown_with_all_its_frames() -> None:
    capture = Capture()
    capture.handshake()
    for wait in (0.3, 0.6, 1.2):
        capture.says(PUSH | ACK, size=1448)
        capture.passes(wait)
    (result,) = results_of(capture.seen)
    (reason,) = (one for one in result.verdict.reasons if one.claim is Claim.LARGE_STALLED)
    (probe,) = reason.probes
    assert result.frames[probe] == tuple(range(1, 7))


def test_a_ping_s_hops_are_known_where_the_capture_cut_what_routers_quote() -> None:
    capture = Capture()
    for hop in (1, 2, 3):
        capture.error(capture.ping(hop, ttl=hop), hop=hop, cut=True)
    capture.ping(4, ttl=4)
    capture.pong(4)
    (result,) = results_of(capture.seen)
    assert [hop.address for hop in result.hops] == [*(router(hop) for hop in (1, 2, 3)), THERE]


def test_a_clock_that_jumps_by_a_century_costs_no_time() -> None:
    capture = Capture()
    capture.handshake()
    capture.passes(3_000_000_000)
    capture.syn()
    capture.resets()
    capture.syn(port=443, source_port=5000)
    results = results_of(capture.seen)
    assert {result.target.port for result in results} == {80, 443}
