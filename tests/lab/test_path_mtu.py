"""What --mtu says is true on real networks, and its capture says the same."""

from __future__ import annotations

import json
import select
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from pathprobe.core.report import Direction, Loss, PathMtu, Result, State, Where
from pathprobe.core.size_strategy import MOST_SIZED
from pathprobe.engine.offline import analyze
from pathprobe.lab.network import Lab
from pathprobe.net.scenario import Expectation, Hook, Match, Rule, Scenario
from pathprobe.output.path_mtu import next_steps, sentence, summary
from tests.commands.processes import on_client

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("lab_host")]

BOTH_FAMILIES = pytest.mark.parametrize("family", [4, 6])

_TABLE = "add table inet t; add chain inet t c {{ type filter hook {hook} priority 0; }}; add rule inet t c {rule}"
_PATIENCE_MS = 5000
_MTU_DISCOVER_DO = {4: (socket.IPPROTO_IP, 10, 2), 6: (socket.IPPROTO_IPV6, 23, 2)}

Fault = Callable[[Lab], None]


def network(family: int = 4, *, echo: bool = True, listen: tuple[int, ...] = (8080,)) -> Scenario:
    deaf = Rule(
        at="target", hook=Hook.INPUT, match=Match(protocol="icmp", icmp="echo-request"), action="drop"
    )  # and everything else stays as it is
    return Scenario(
        name="sizes",
        summary="a network whose links or rules are narrow",
        family=family,
        expect=Expectation(state="open"),
        listen=listen,
        rules=() if echo else (deaf,),
    )


def no_fault(lab: Lab) -> None:
    """As it was built."""


def narrow(lab: Lab, index: int = 2, mtu: int = 1400) -> None:
    """A link takes ``mtu`` octets; 0 is the client's own."""
    left, right = lab.scenario.nodes[index : index + 2]
    for node, device in ((left, f"to-{right}"), (right, f"to-{left}")):
        assert lab.run(node, ["ip", "link", "set", device, "mtu", str(mtu)]) == 0


def rule(lab: Lab, node: str, hook: str, text: str) -> None:
    assert lab.run(node, ["nft", _TABLE.format(hook=hook, rule=text)]) == 0


def black_hole(lab: Lab) -> None:
    """The link from r2 to r3 is narrow, and r2 never gets to say so."""
    narrow(lab)
    rule(lab, "r2", "output", "icmp type destination-unreachable drop")
    assert lab.run("r2", ["nft", "add rule inet t c icmpv6 type packet-too-big drop"]) == 0


def long_packets_dropped(node: str, way: str = "") -> Fault:
    return lambda lab: rule(lab, node, "forward", f"{way} meta length > 1400 drop")


def ask(place: Scenario, fault: Fault, folder: Path) -> tuple[PathMtu, Result]:
    """What the command line says in JSON, and the capture of it as a result."""
    capture = folder / "sizes.pcapng"
    with Lab(place) as lab:
        fault(lab)
        said = on_client(lab, *place.arguments, "--mtu", "--json", "-w", str(capture))
    document = json.loads(said.stdout)["results"][0]
    (result,) = analyze(capture)
    found = result.path_mtu
    assert found is not None
    shown = document["path_mtu"]
    assert (shown["interface"], shown["largest"], shown["smallest_lost"], shown["mechanism"]) == (
        found.interface,
        found.largest,
        found.smallest_lost,
        found.mechanism,
    )
    assert shown["summary"] == summary(found)
    assert shown["confidence"] == pytest.approx(found.confidence, abs=1e-6)
    assert document["state"] == result.verdict.state
    assert shown["probes"] == [probe["id"] for probe in document["probes"] if probe["size"] is not None]
    assert len(shown["probes"]) <= MOST_SIZED
    return found, result


def place_of(found: PathMtu) -> tuple[Where, Direction | None, int | None, int | None]:
    location = found.location
    assert location is not None
    good, bad = location.last_good, location.first_bad
    return location.where, location.direction, good.ttl if good else None, bad.ttl if bad else None


@BOTH_FAMILIES
def test_where_nothing_is_narrow_the_interfaces_size_passes(family: int, tmp_path: Path) -> None:
    found, result = ask(network(family), no_fault, tmp_path)
    assert (found.largest, found.mechanism) == (1500, Loss.NONE)
    assert result.verdict.state is State.OPEN


@BOTH_FAMILIES
def test_the_router_that_tells_is_named(family: int, tmp_path: Path) -> None:
    found, _ = ask(network(family), narrow, tmp_path)
    assert (found.largest, found.smallest_lost, found.mechanism) == (1400, 1401, Loss.TOLD)
    assert found.told_by is not None
    assert (found.told_by.ttl, found.told_by.mtu) == (2, 1400)
    assert found.told_by.address == network(family).hop_address(2)


@BOTH_FAMILIES
def test_a_black_hole_is_found_to_the_octet_between_its_hops(family: int, tmp_path: Path) -> None:
    found, result = ask(network(family), black_hole, tmp_path)
    assert (found.largest, found.smallest_lost, found.mechanism) == (1400, 1401, Loss.SILENT)
    assert place_of(found) == (Where.PATH, Direction.FORWARD, 2, 3)
    assert summary(found) == "large packets die after hop 2, MTU 1400, no ICMP"
    assert f"clamp the MSS of TCP to {1360 if family == 4 else 1340}" in next_steps(result)[0]
    assert result.verdict.state is State.OPEN


def test_a_rule_on_length_in_the_last_router_looks_like_the_targets_own(tmp_path: Path) -> None:
    found, _ = ask(network(), long_packets_dropped("r3"), tmp_path)
    assert (found.largest, found.mechanism) == (1400, Loss.SILENT)
    assert place_of(found) == (Where.TARGET_EDGE, Direction.FORWARD, 3, 4)


def test_on_the_way_back_only_the_echo_dies(tmp_path: Path) -> None:
    found, result = ask(network(), long_packets_dropped("r2", 'iifname "to-r3"'), tmp_path)
    assert (found.largest, found.mechanism, found.gets_there) == (1400, Loss.SILENT, "tcp/8080")
    assert place_of(found) == (Where.UNKNOWN, None, 4, None)
    assert "on the way back" in sentence(found)
    assert "tracepath" in next_steps(result)[0]


@pytest.mark.parametrize(("listen", "state"), [((8080,), State.OPEN), ((), State.CLOSED)])
@BOTH_FAMILIES
def test_where_echo_is_blocked_padded_syns_ask(
    family: int, listen: tuple[int, ...], state: State, tmp_path: Path
) -> None:
    found, result = ask(network(family, echo=False, listen=listen), black_hole, tmp_path)
    assert result.verdict.state is state
    assert (found.carrier, found.largest, found.smallest_lost) == ("tcp/8080", 1400, 1401)
    assert place_of(found) == (Where.PATH, Direction.FORWARD, 2, 3)


def test_a_first_hop_that_takes_less_swallows_the_rest(tmp_path: Path) -> None:
    def fault(lab: Lab) -> None:
        assert lab.run("r1", ["ip", "link", "set", "to-client", "mtu", "1400"]) == 0

    found, _ = ask(network(), fault, tmp_path)
    # A veth lets four octets more in, the room of a VLAN tag (is_skb_forwardable, net/core/dev.c).
    assert (found.largest, found.mechanism) == (1404, Loss.SILENT)
    assert place_of(found) == (Where.PATH, Direction.FORWARD, 0, 1)


def test_an_interface_that_takes_less_is_where_the_question_begins(tmp_path: Path) -> None:
    found, _ = ask(network(), lambda lab: narrow(lab, 0), tmp_path)
    assert (found.interface, found.largest, found.mechanism) == (1400, 1400, Loss.NONE)


def test_loss_of_three_in_ten_is_no_black_hole(tmp_path: Path) -> None:
    found, _ = ask(network(), lambda lab: rule(lab, "r2", "forward", "numgen inc mod 10 < 3 drop"), tmp_path)
    assert (found.largest, found.mechanism) == (1500, Loss.NONE)


@BOTH_FAMILIES
def test_what_this_hosts_kernel_has_learnt_does_not_hinder_the_probes(family: int, tmp_path: Path) -> None:
    def fault(lab: Lab) -> None:
        narrow(lab)
        with lab.inside("client"), _told_by_a_router(lab.scenario) as large:
            assert large.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0
        narrow(lab, mtu=1450)

    found, _ = ask(network(family), fault, tmp_path)
    assert (found.largest, found.smallest_lost, found.mechanism) == (1450, 1451, Loss.TOLD)


def _told_by_a_router(place: Scenario) -> socket.socket:
    """A UDP socket whose datagram was too big, so that the kernel now holds a smaller path MTU for the target."""
    talker = socket.socket(socket.AF_INET if place.family == 4 else socket.AF_INET6, socket.SOCK_DGRAM)
    talker.setsockopt(*_MTU_DISCOVER_DO[place.family])
    talker.connect((place.destination_address, 9))
    talker.send(bytes(1400))
    poll = select.poll()
    poll.register(talker, select.POLLERR)
    assert poll.poll(_PATIENCE_MS), "nobody said that it is too big"
    return talker


def test_without_the_flag_nothing_is_asked_and_nothing_said() -> None:
    with Lab(network()) as lab:
        narrow(lab)
        document = json.loads(on_client(lab, *lab.scenario.arguments, "--json").stdout)["results"][0]
        text = on_client(lab, "tcp", "127.0.0.1:8080", "--mtu").stdout
    assert document["path_mtu"] is None
    assert all(probe["size"] is None for probe in document["probes"])
    assert "\nmtu   not known: " in text, "this host itself has no path"
