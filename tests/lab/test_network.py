"""Namespaces do to packets what their scenario says, and leave nothing behind.

The probes here are the kernel's own: connect() and ping sockets with a TTL and an error queue
(ip(7), IP_RECVERR). So the lab is judged without the code that it is there to judge.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, NoReturn

import pytest

from pathprobe.core.icmp import Meaning, explain
from pathprobe.lab import catalogue, netns
from pathprobe.lab.network import Lab
from pathprobe.net.scenario import Delay, Expectation, Hook, Match, Route, Rule, Scenario

pytestmark = pytest.mark.lab

#: Before the fixture below makes anybody root of a user namespace.
STARTED_AS_ROOT = os.geteuid() == 0

#: Seconds. Nothing here takes long; it only bounds the wait of a failing test.
PATIENCE = 5.0
FULL_TTL, CLOSED_PORT = 64, 9

# <linux/in.h>, <linux/in6.h>; Python 3.11 does not name them.
_RECEIVE_ERRORS = {4: (socket.IPPROTO_IP, 11), 6: (socket.IPPROTO_IPV6, 25)}
_TTL = {
    4: (socket.IPPROTO_IP, socket.IP_TTL),
    6: (socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS),
}
_FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}
_ECHO = {4: (socket.IPPROTO_ICMP, 8), 6: (socket.IPPROTO_ICMPV6, 128)}


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
    if scenario.link == "tun" and not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        give_up("this user may not open /dev/net/tun")
    return scenario


@dataclass(frozen=True, slots=True)
class IcmpError:
    """An ICMP error that the kernel queued for a socket."""

    type: int
    code: int
    source: str


Answer = IcmpError | str


def chain(**fields: Any) -> Scenario:
    return replace(Scenario(name="x", summary="", family=4, expect=Expectation(state="open")), **fields)


@contextmanager
def probe(scenario: Scenario, ttl: int, port: int | None) -> Iterator[socket.socket]:
    """A SYN to ``port``, or an echo request when it is None, on its way with this TTL."""
    family = scenario.family
    protocol, echo_request = _ECHO[family]
    kind, number = (socket.SOCK_DGRAM, protocol) if port is None else (socket.SOCK_STREAM, 0)
    with socket.socket(_FAMILY[family], kind, number) as asking:
        asking.setblocking(False)
        asking.setsockopt(*_RECEIVE_ERRORS[family], 1)
        asking.setsockopt(*_TTL[family], ttl)
        if port is None:
            asking.sendto(struct.pack("!BBHHH", echo_request, 0, 0, 0, 1), (scenario.destination_address, 0))
        else:
            status = asking.connect_ex((scenario.destination_address, port))
            assert status in (0, errno.EINPROGRESS), errno.errorcode[status]
        yield asking


def has_answer(asking: socket.socket, patience: float) -> bool:
    poll = select.poll()
    poll.register(asking, select.POLLOUT if asking.type == socket.SOCK_STREAM else select.POLLIN)
    return bool(poll.poll(patience * 1000))


def read_answer(asking: socket.socket) -> Answer:
    """syn-ack, reset, echo-reply, or the ICMP error."""
    try:
        _, ancillary, _, _ = asking.recvmsg(1024, 1024, socket.MSG_ERRQUEUE)
    except BlockingIOError:
        if asking.type != socket.SOCK_STREAM:
            return "echo-reply"
        status = asking.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        # ECONNRESET: the handshake was a proxy's, which then learnt that nothing listens behind it.
        return {0: "syn-ack", errno.ECONNRESET: "syn-ack", errno.ECONNREFUSED: "reset"}[status]
    # struct sock_extended_err, and the sockaddr of who sent the error (ip(7)).
    extended = next(content for level, kind, content in ancillary if (level, kind) in _RECEIVE_ERRORS.values())
    _, _, type_, code = struct.unpack("=IBBB", extended[:7])
    offender = extended[16:]
    version = 4 if struct.unpack("=H", offender[:2])[0] == socket.AF_INET else 6
    address = offender[4:8] if version == 4 else offender[8:24]
    return IcmpError(type_, code, socket.inet_ntop(_FAMILY[version], address))


def answer(scenario: Scenario, ttl: int = FULL_TTL, port: int | None = 8080) -> Answer:
    with probe(scenario, ttl, port) as asking:
        assert has_answer(asking, PATIENCE), f"nothing came for port {port} at TTL {ttl}"
        return read_answer(asking)


def is_silent(scenario: Scenario, ttl: int, *, control_ttl: int = FULL_TTL) -> bool:
    """No answer, although one came to a control that was sent later: nothing has to be waited for."""
    with probe(scenario, ttl, scenario.port) as asking:
        answer(scenario, control_ttl, CLOSED_PORT)
        return not has_answer(asking, 0)


def expired_at(scenario: Scenario, ttl: int) -> IcmpError:
    return IcmpError({4: 11, 6: 3}[scenario.family], 0, scenario.hop_address(ttl))


def expecting(*mechanisms: str) -> list[str]:
    """The catalogue's names with these mechanisms. A host that is down takes seconds to show, and has its own test."""
    scenarios = [scenario for scenario in map(catalogue.load, catalogue.names()) if is_for_one_tcp_probe(scenario)]
    return [scenario.name for scenario in scenarios if scenario.expect.mechanism in mechanisms and scenario.target_up]


def is_for_one_tcp_probe(scenario: Scenario) -> bool:
    """The probes here are SYNs and pings, and each is sent once."""
    return scenario.protocol != "udp" and scenario.is_steady


@pytest.mark.parametrize("name", expecting("answer", "reset"))
def test_what_answers_answers(name: str) -> None:
    scenario = packaged(name)
    with Lab(scenario) as lab, lab.inside("client"):
        yes = "syn-ack" if scenario.port else "echo-reply"
        assert answer(scenario, port=scenario.port) == ("reset" if scenario.expect.mechanism == "reset" else yes)


def on_the_way_out() -> list[str]:
    """The silent drops, but for those of an answer that came home: its kernel alone does not see it."""
    return [name for name in expecting("drop") if packaged(name).expect.direction != "return"]


@pytest.mark.parametrize("name", on_the_way_out())
def test_a_drop_is_silent_from_the_hop_after_the_last_good_one(name: str) -> None:
    scenario = packaged(name)
    last_good, distance = scenario.expect.last_good or 0, scenario.routers + 1
    # Where nothing gets to the target, the first router is what still answers.
    control_ttl = FULL_TTL if scenario.expect.first_bad else 1
    with Lab(scenario) as lab, lab.inside("client"):
        if last_good > 0:
            assert answer(scenario, last_good, scenario.port) == expired_at(scenario, last_good)
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


@contextmanager
def raw_tcp(family: int) -> Iterator[socket.socket]:
    with socket.socket(_FAMILY[family], socket.SOCK_RAW, socket.IPPROTO_TCP) as raw:
        raw.settimeout(PATIENCE)
        yield raw


@pytest.mark.parametrize("name", ["local-output-drop", "local-output-drop-v6"])
def test_the_kernel_tells_a_raw_sender_of_an_output_rule(name: str) -> None:
    scenario = packaged(name)
    syn = struct.pack("!HHIIBBHHH", 40000, 8080, 1, 0, 5 << 4, 2, 1024, 0, 0)
    with Lab(scenario) as lab, lab.inside("client"), raw_tcp(scenario.family) as raw, pytest.raises(PermissionError):
        raw.sendto(syn, (scenario.destination_address, 0))


@pytest.mark.parametrize("name", ["local-no-route", "local-no-route-v6"])
def test_a_host_without_a_route_says_so_itself(name: str) -> None:
    scenario = packaged(name)
    with Lab(scenario) as lab, lab.inside("client"), socket.socket(_FAMILY[scenario.family]) as asking:
        assert asking.connect_ex((scenario.destination_address, 8080)) == errno.ENETUNREACH


def dead_targets() -> list[str]:
    scenarios = [scenario for scenario in map(catalogue.load, catalogue.names()) if not scenario.target_up]
    return [scenario.name for scenario in scenarios if scenario.expect.mechanism != "answer"]


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
    with Lab(scenario) as lab, lab.inside("client"), socket.socket(_FAMILY[family]) as asking:
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
