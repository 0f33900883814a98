"""Namespaces do to packets what their scenario says, and leave nothing behind.

The probes here are the kernel's own (kernel_probes).
"""

from __future__ import annotations

import errno
import os
import socket
import struct
import subprocess
import sys
import threading
from typing import NoReturn

import pytest

from pathprobe.core.icmp import Meaning, explain
from pathprobe.lab import catalogue, netns, topology
from pathprobe.lab.network import Lab
from pathprobe.net.scenario import Delay, Expectation, Hook, Match, Route, Rule, Scenario
from tests.lab.kernel_probes import (
    FAMILY,
    FULL_TTL,
    IcmpError,
    answer,
    chain,
    expired_at,
    expiries_at,
    is_silent,
    raw_tcp,
)

pytestmark = pytest.mark.lab

#: Before the fixture below makes anybody root of a user namespace.
STARTED_AS_ROOT = os.geteuid() == 0


@pytest.fixture(scope="module", autouse=True)
def private_namespaces(lab_host: None) -> None:
    """Every test here builds labs."""


def give_up(reason: str) -> NoReturn:
    """A host that forbids namespaces is no news on a laptop, and a hole in the tests in CI."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def packaged(name: str) -> Scenario:
    scenario = catalogue.load(name)
    if topology.tun_links(scenario) and not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        give_up("this user may not open /dev/net/tun")
    return scenario


def expecting(*mechanisms: str) -> list[str]:
    """The catalogue's names with these mechanisms. A host that is down takes seconds to show, and has its own test."""
    scenarios = [scenario for scenario in map(catalogue.load, catalogue.names()) if is_for_one_tcp_probe(scenario)]
    return [scenario.name for scenario in scenarios if scenario.expect.mechanism in mechanisms and scenario.target_up]


def is_for_one_tcp_probe(scenario: Scenario) -> bool:
    """The probes here are SYNs and pings, and each is sent once, from whatever port: all must fare alike."""
    return scenario.protocol != "udp" and scenario.is_steady and scenario.expect.state != "intermittent"


@pytest.mark.parametrize("name", expecting("answer", "reset"))
def test_what_answers_answers(name: str) -> None:
    scenario = packaged(name)
    with Lab(scenario) as lab, lab.inside("client"):
        yes = "syn-ack" if scenario.port else "echo-reply"
        assert answer(scenario, port=scenario.port) == ("reset" if scenario.expect.mechanism == "reset" else yes)


def on_the_way_out() -> list[str]:
    """The silent drops that this host's TCP alone can see.

    It does not see an answer that came home, nor believe quotes with sequence numbers that a box changed. And where
    not even the first router answers, nothing tells it a silence from having looked too early.
    """
    scenarios = map(packaged, expecting("drop"))
    return [
        scenario.name
        for scenario in scenarios
        if scenario.expect.direction != "return" and not scenario.boxes and _somebody_answers(scenario.expect)
    ]


def _somebody_answers(expect: Expectation) -> bool:
    return bool(expect.last_good or expect.first_bad) or expect.state == "filtered"


@pytest.mark.parametrize("name", on_the_way_out())
def test_a_drop_is_silent_from_the_hop_after_the_last_good_one(name: str) -> None:
    scenario = packaged(name)
    last_good, distance = scenario.expect.last_good or 0, scenario.routers + 1
    # Where nothing gets to the target, the first router is what still answers.
    control_ttl = FULL_TTL if scenario.expect.first_bad else 1
    with Lab(scenario) as lab, lab.inside("client"):
        if last_good > 0:
            assert answer(scenario, last_good, scenario.port) in expiries_at(scenario, last_good)
        for ttl in range(last_good + 1, distance + 1):
            assert is_silent(scenario, ttl, control_ttl=control_ttl), f"TTL {ttl}"


@pytest.mark.parametrize("name", expecting("reject", "no-route"))
def test_a_refusal_comes_from_the_box_that_made_it(name: str) -> None:
    scenario = packaged(name)
    device = scenario.expect.device
    assert device is not None
    with Lab(scenario) as lab, lab.inside("client"):
        refusal = answer(scenario, port=scenario.port)
    assert isinstance(refusal, IcmpError)
    assert refusal.source == scenario.hop_address(device)
    assert explain(scenario.family, refusal.type, refusal.code).meaning == scenario.expect.mechanism


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("hook", [Hook.PREROUTING, Hook.FORWARD])
@pytest.mark.parametrize("router", [1, 2, 3])
def test_a_forged_reset_starts_at_its_maker(router: int, hook: Hook, family: int) -> None:
    scenario = catalogue.load(f"reset-r{router}-{hook}" + "-v6" * (family == 6))
    with Lab(scenario) as lab, lab.inside("client"):
        if hook is Hook.FORWARD:
            assert answer(scenario, router) == expired_at(scenario, router)
        # The forward hook comes after the TTL check.
        assert answer(scenario, router + (hook is Hook.FORWARD)) == "reset"


@pytest.mark.parametrize("router", [1, 2, 3])
def test_a_forged_reset_has_come_as_far_as_from_its_maker(router: int) -> None:
    with Lab(catalogue.load(f"reset-r{router}-forward")) as lab, lab.inside("client"), raw_tcp(4) as listening:
        answer(lab.scenario)
        ttl_byte = 8
        assert listening.recv(1024)[ttl_byte] == FULL_TTL - (router - 1)


@pytest.mark.parametrize("name", ["local-output-drop", "local-output-drop-v6"])
def test_the_kernel_tells_a_raw_sender_of_an_output_rule(name: str) -> None:
    scenario = packaged(name)
    syn = struct.pack("!HHIIBBHHH", 40000, 8080, 1, 0, 5 << 4, 2, 1024, 0, 0)
    with Lab(scenario) as lab, lab.inside("client"), raw_tcp(scenario.family) as raw, pytest.raises(PermissionError):
        raw.sendto(syn, (scenario.destination_address, 0))


@pytest.mark.parametrize("name", ["local-no-route", "local-no-route-v6"])
def test_a_host_without_a_route_says_so_itself(name: str) -> None:
    scenario = packaged(name)
    with Lab(scenario) as lab, lab.inside("client"), socket.socket(FAMILY[scenario.family]) as asking:
        assert asking.connect_ex((scenario.destination_address, 8080)) == errno.ENETUNREACH


def dead_targets() -> list[str]:
    """Those with one last router: of several any may be the one that looked for its neighbour."""
    scenarios = [scenario for scenario in map(catalogue.load, catalogue.names()) if not scenario.target_up]
    single = [scenario for scenario in scenarios if not scenario.branches]
    return [scenario.name for scenario in single if scenario.expect.mechanism != "answer"]


@pytest.mark.parametrize("name", dead_targets())
def test_the_node_beside_a_dead_target_reports_it(name: str) -> None:
    scenario = packaged(name)
    beside = scenario.nodes[scenario.routers]
    with Lab(scenario) as lab:
        # Three requests a second apart, which nobody needs to sit through.
        cache = "arp_cache" if scenario.family == 4 else "ndisc_cache"
        netns.run_ip(beside, scenario.family, [f"ntable change name {cache} dev to-target retrans 10"])
        with lab.inside("client"):
            refusal = answer(scenario, port=scenario.port)
    assert isinstance(refusal, IcmpError)
    source = scenario.hop_address(scenario.routers) if scenario.routers else scenario.link_address(0, "left")
    assert refusal.source == source
    assert explain(scenario.family, refusal.type, refusal.code).meaning == Meaning.NO_ROUTE


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize(
    ("kind", "meaning"), [("none", Meaning.NO_ROUTE), ("unreachable", Meaning.NO_ROUTE), ("prohibit", Meaning.REJECT)]
)
def test_a_route_fault_beside_the_target_beats_its_connected_route(kind: str, meaning: Meaning, family: int) -> None:
    scenario = chain(family=family, routes=(Route(at="r3", kind=kind),))
    with Lab(scenario) as lab, lab.inside("client"):
        refusal = answer(scenario)
    assert isinstance(refusal, IcmpError)
    assert refusal.source == scenario.hop_address(3)
    assert explain(family, refusal.type, refusal.code).meaning == meaning


@pytest.mark.parametrize("family", [4, 6])
def test_a_blackhole_beside_the_target_swallows(family: int) -> None:
    scenario = chain(family=family, routes=(Route(at="r3", kind="blackhole"),))
    with Lab(scenario) as lab, lab.inside("client"):
        assert answer(scenario, 2) == expired_at(scenario, 2)
        assert is_silent(scenario, FULL_TTL, control_ttl=1)


@pytest.mark.parametrize("match", [Match(), Match(protocol="icmp")])
def test_a_rule_for_everything_leaves_neighbours_findable(match: Match) -> None:
    refuse = Rule(at="r1", hook=Hook.PREROUTING, match=match, action="reject admin-prohibited")
    scenario = chain(family=6, rules=(refuse,))
    with Lab(scenario) as lab, lab.inside("client"):
        assert answer(scenario, port=None) == IcmpError(1, 1, scenario.hop_address(1))


@pytest.mark.parametrize("family", [4, 6])
def test_a_slow_link_takes_at_least_its_delay(family: int) -> None:
    scenario = chain(family=family, delays=(Delay(on="client-r1", delay_ms=40, jitter_ms=10),))
    with Lab(scenario) as lab, lab.inside("client"), socket.socket(FAMILY[family]) as asking:
        asking.connect((scenario.destination_address, 8080))
        assert round_trip(asking) >= 0.08


def round_trip(connected: socket.socket) -> float:
    """Seconds, as the kernel's TCP measured it: tcpi_rtt, <linux/tcp.h>, after 8 octets and 15 words."""
    information = connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    return struct.unpack_from("=I", information, 8 + 15 * 4)[0] / 1e6


def test_a_command_runs_in_a_node_and_sees_the_others() -> None:
    with Lab(catalogue.load("open")) as lab:
        check = 'test "$(cat /proc/sys/net/ipv4/ip_forward)" = 1 || exit 3'
        assert lab.run("r1", ["sh", "-c", check]) == 0
        assert lab.run("client", ["sh", "-c", check]) == 3
        by_name = "PATH=$PATH:/usr/sbin:/sbin ip netns exec r2 sh -c"
        assert lab.run("client", ["sh", "-c", f"{by_name} '{check}'"]) == 0


def test_an_unknown_node_is_answered_with_the_known_ones() -> None:
    with Lab(catalogue.load("neighbour-open")) as lab, pytest.raises(LookupError, match="there are client, target"):
        lab.run("r1", ["true"])


@pytest.mark.parametrize("name", ["open", "tun-open"])
def test_closing_leaves_no_name_and_no_thread(name: str) -> None:
    threads, namespace = threading.active_count(), own_namespace()
    with Lab(packaged(name)):
        assert set(os.listdir(netns.NAMES)) == {"client", "r1", "r2", "r3", "target"}
    assert os.listdir(netns.NAMES) == []
    assert (threading.active_count(), own_namespace()) == (threads, namespace)


def test_a_failed_build_leaves_nothing_either() -> None:
    nonsense = Rule(at="target", hook=Hook.INPUT, match=Match(), action="reject politely")
    with pytest.raises(netns.LabUnavailable, match=r"(?s)nft -f - failed in target: .*politely"):
        Lab(chain(rules=(nonsense,))).__enter__()
    assert os.listdir(netns.NAMES) == []


def test_a_second_lab_is_refused_and_the_first_lives_on() -> None:
    scenario = catalogue.load("open")
    with Lab(scenario) as first:
        with pytest.raises(netns.LabUnavailable, match="one lab at a time"):
            Lab(scenario).__enter__()
        with first.inside("client"):
            assert answer(scenario) == "syn-ack"


def own_namespace() -> str:
    return os.readlink("/proc/thread-self/ns/net")


# Modules are imported first, because the interpreter may live where nobody else can read it. setuid
# makes /proc/self root's (PR_SET_DUMPABLE, proc(5)), which exec would have undone.
_ANOTHER_PROCESS = """
import ctypes, os, socket, sys
from pathprobe.lab import catalogue, netns, network
scenario = catalogue.load("open")
if "as-nobody" in sys.argv:
    os.setgroups([]), os.setresgid(65534, 65534, 65534), os.setresuid(65534, 65534, 65534)
    ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)
with network.Lab(scenario) as lab, lab.inside("client"), socket.socket() as asking:
    asking.connect((scenario.destination_address, 8080))
    print("connected", *sorted(os.listdir(netns.NAMES)), flush=True)
    sys.stdin.read()
"""


def another_process(*arguments: str) -> subprocess.Popen[str]:
    """A lab in a process of its own, which stays until its standard input ends."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", _ANOTHER_PROCESS, *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)


def test_an_ordinary_user_can_build_a_lab() -> None:
    with another_process(*["as-nobody"] * STARTED_AS_ROOT) as process:
        output, _ = process.communicate(timeout=60)
    assert output == "connected client r1 r2 r3 target\n"
    assert process.returncode == 0


def test_another_process_s_lab_is_not_seen_and_dies_with_it() -> None:
    with another_process() as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "connected client r1 r2 r3 target\n"
        assert os.listdir(netns.NAMES) == []
        process.kill()
    assert process.returncode == -9
