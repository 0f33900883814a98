"""Our own packets leave as they were made, and every one is seen, with its time, going and coming."""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from pathprobe.core.packets import IcmpError, Malformed, Packet, Tcp, TcpFlags
from pathprobe.core.probes import FULL_TTL, Flow, Kind, Probe, Role
from pathprobe.lab import catalogue, netns
from pathprobe.lab.network import Lab
from pathprobe.net.base import Frame
from pathprobe.net.raw import RawNetwork
from pathprobe.net.scenario import Scenario
from pathprobe.wire.craft import Crafter
from pathprobe.wire.dissect import dissect

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("lab_host")]

#: Seconds. Nothing here takes long; it only bounds the wait of a failing test.
PATIENCE = 5.0

#: Seconds by which two clocks that are read one after the other may seem to differ on a busy machine.
SLACK = 0.1

TOKEN, IDENTIFIER = 1_000_000, 7


@contextmanager
def client_of(name: str, **options: str) -> Iterator[tuple[Scenario, RawNetwork]]:
    """The raw network of a lab's client, and where it is."""
    with Lab(catalogue.load(name)) as lab, lab.inside("client"):
        network = RawNetwork(lab.scenario.destination_address, **options)  # type: ignore[arg-type]
        try:
            yield lab.scenario, network
        finally:
            network.close()


def probe(place: Scenario, *, ttl: int = FULL_TTL, port: int | None = 8080, to: str | None = None) -> bytes:
    local = place.destination in ("loopback", "client")
    token = TOKEN if port else IDENTIFIER << 16 | 1
    flow = Flow(
        kind=Kind.TCP if port else Kind.ECHO,
        source=place.destination_address if local else place.link_address(0, "left"),
        destination=to or place.destination_address,
        source_port=40001 if port else IDENTIFIER,
        destination_port=port or 0,
    )
    return Crafter().craft(
        Probe(id=1, role=Role.TEST, flow=flow, flow_number=0, ttl=ttl, attempt=1, token=token, identification=77)
    )


def frames_until(network: RawNetwork, enough: Callable[[list[Frame]], bool]) -> list[Frame]:
    """What arrives, until it is enough."""
    frames: list[Frame] = []
    poll = select.poll()
    poll.register(network.fileno(), select.POLLIN)
    while not enough(frames):
        assert poll.poll(PATIENCE * 1000), f"nothing more came after {frames}"
        frames += network.receive()
    return frames


def answered(frames: list[Frame]) -> bool:
    return any(not frame.outgoing for frame in frames)


def packet(frame: Frame) -> Packet:
    read = dissect(frame.octets)
    assert not isinstance(read, Malformed)
    return read


@pytest.mark.parametrize("name", ["open", "open-v6", "tun-open"])
def test_a_probe_is_seen_leaving_as_it_was_made_and_then_its_answer(name: str) -> None:
    with client_of(name) as (place, network):
        octets = probe(place)
        before = network.now
        assert network.send(octets) is None
        sent, answer = frames_until(network, answered)[:2]
        after = network.now
    assert (sent.outgoing, answer.outgoing) == (True, False)
    assert sent.interface == answer.interface == "to-r1"
    assert sent.octets == octets
    body = packet(answer).body
    assert isinstance(body, Tcp)
    assert (body.flags, body.acknowledgement) == (TcpFlags.SYN | TcpFlags.ACK, TOKEN + 1)
    assert before - SLACK <= sent.time <= after + SLACK
    assert before - SLACK <= answer.time <= after + SLACK


def test_times_are_seconds_since_the_epoch_of_the_network() -> None:
    opened = time.time()
    with client_of("open") as (place, network):
        network.send(probe(place))
        frames = frames_until(network, answered)
        assert opened <= network.epoch <= time.time()
        for frame in frames:
            assert opened - SLACK <= network.epoch + frame.time <= time.time() + SLACK


@pytest.mark.parametrize("ttl", [1, 2, 3])
def test_a_router_s_time_exceeded_comes_through_the_filter(ttl: int) -> None:
    with client_of("open") as (place, network):
        network.send(probe(place, ttl=ttl))
        *_, answer = frames_until(network, answered)
    assert isinstance(packet(answer).body, IcmpError)
    assert packet(answer).source == place.hop_address(ttl)


@pytest.mark.parametrize("name", ["echo-open", "echo-open-v6"])
def test_echo_goes_out_and_comes_back(name: str) -> None:
    with client_of(name) as (place, network):
        assert network.send(probe(place, port=None)) is None
        assert [frame.outgoing for frame in frames_until(network, answered)] == [True, False]


@pytest.mark.parametrize("name", ["loopback-open", "this-host-open-v6"])
def test_on_loopback_each_packet_is_seen_once(name: str) -> None:
    with client_of(name) as (place, network):
        octets = probe(place)
        network.send(octets)
        # The probe, the answer, and the kernel's RST to an answer that it did not expect.
        frames = frames_until(network, lambda frames: len(frames) == 3)
    assert [frame.interface for frame in frames] == ["lo"] * 3
    assert [frame.octets == octets for frame in frames] == [True, False, False]


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("local-output-drop", "EPERM"),
        ("local-output-drop-v6", "EPERM"),
        ("local-no-route", "ENETUNREACH"),
        ("local-no-route-v6", "ENETUNREACH"),
    ],
)
def test_what_the_kernel_refuses_is_told_by_its_name(name: str, error: str) -> None:
    with client_of(name) as (place, network):
        assert network.send(probe(place)) == error
        assert list(network.receive()) == []


@pytest.mark.parametrize("name", ["local-egress-drop", "local-egress-drop-v6"])
def test_what_an_egress_rule_drops_is_taken_and_never_seen(name: str) -> None:
    with client_of(name) as (place, network):
        assert network.send(probe(place)) is None
        assert network.send(probe(place, port=None)) is None
        frames = frames_until(network, answered)
    assert [packet(frame).destination for frame in frames if frame.outgoing] == [place.destination_address]
    assert not any(isinstance(packet(frame).body, Tcp) for frame in frames)


def test_an_octet_too_few_is_refused_and_no_exception() -> None:
    with client_of("open") as (_, network):
        assert network.send(b"\x45") == "EINVAL"


def test_other_people_s_traffic_stays_outside() -> None:
    with client_of("open") as (place, network):
        elsewhere = RawNetwork(place.hop_address(1))
        try:
            elsewhere.send(probe(place, to=place.hop_address(1)))
            frames_until(elsewhere, answered)
            network.send(probe(place))
            frames = frames_until(network, answered)
        finally:
            elsewhere.close()
    assert all("10.0.0.5" in (packet(frame).source, packet(frame).destination) for frame in frames)


def test_an_interface_that_goes_down_is_no_end() -> None:
    with client_of("open") as (place, network):
        netns.run_ip("client", 4, ["link set to-r1 down"])
        assert list(network.receive()) == []
        assert network.send(probe(place)) == "ENETUNREACH"


def test_an_interface_can_be_chosen() -> None:
    with client_of("open", interface="to-r1") as (place, network):
        assert network.send(probe(place)) is None
        assert {frame.interface for frame in frames_until(network, answered)} == {"to-r1"}


def test_nothing_is_lost_in_a_quiet_run() -> None:
    with client_of("open") as (place, network):
        network.send(probe(place))
        frames_until(network, answered)
        assert (network.lost, type(network.lost)) == (0, int)


def test_frames_that_did_not_fit_are_counted_and_the_count_is_kept() -> None:
    with client_of("loopback-open") as (place, network):
        octets = probe(place)
        sent = 0
        while not network.lost:
            network.send(octets)
            sent += 1
            assert sent < 100_000
        lost = network.lost
        assert network.lost == lost > 0
        assert len(list(network.receive())) > 100


def test_closing_gives_back_both_sockets() -> None:
    with client_of("open") as (_, network):
        pass
    assert network.fileno() == -1
