"""Faults that no scenario can tell: a second link, interfaces that are down, loops of one port alone.

Each is made with ``ip`` in a network that was whole; the capture of each run must say what the run said.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pathprobe.commands.live import WORDS
from pathprobe.core.report import Claim, Direction, Hop, Mechanism, Result, State, Verdict, Where
from pathprobe.engine.offline import analyze
from pathprobe.engine.recorder import Recorder
from pathprobe.lab import netns
from pathprobe.lab.ask import ask_live
from pathprobe.lab.network import Lab
from pathprobe.net.scenario import Expectation, Hook, Match, Rule, Scenario
from pathprobe.output.advice import next_steps

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("lab_host")]

FAMILIES = (4, 6)
#: Packets that one diagnosis may send.
BUDGET = 60


def whole(family: int, *, port: int | None = 8080, rules: tuple[Rule, ...] = ()) -> Scenario:
    protocol = "icmp" if port is None else "tcp"
    expect = Expectation(state="open")
    return Scenario(name="x", summary="", family=family, expect=expect, protocol=protocol, port=port, rules=rules)


def mute(node: str) -> Rule:
    return Rule(at=node, hook=Hook.OUTPUT, match=Match(protocol="icmp", icmp="time-exceeded"), action="drop")


@contextmanager
def lab(scenario: Scenario, **commands: list[str]) -> Iterator[Lab]:
    """The scenario's network, then each node's ``ip`` lines; {network} is the target's, {hop1} the first hop's."""
    with Lab(scenario) as built:
        words = {f"hop{ttl}": scenario.hop_address(ttl) for ttl in (1, 2, 3, 4)}
        words |= {f"inner{link}": scenario.link_address(link, "left") for link in (0, 1, 2, 3)}
        for node, lines in commands.items():
            filled = [line.format(network=scenario.link_network(3), **words) for line in lines]
            netns.run_ip(node, scenario.family, filled)
        yield built


def ask(built: Lab, folder: Path) -> Result:
    """The live result, after the same was read from its capture."""
    path = folder / "run.pcapng"
    recorder = Recorder(path, WORDS, application="pathprobe 0", command="pathprobe")
    result = ask_live(built, recorder=recorder)
    recorder.finish((result,))
    (offline,) = analyze(path)
    assert in_short(offline.verdict) == in_short(result.verdict)
    assert len(result.observations) < BUDGET
    return result


def in_short(verdict: Verdict) -> tuple[object, ...]:
    return verdict.state, verdict.mechanism, verdict.location, verdict.distance


def claims(result: Result) -> set[Claim]:
    return {reason.claim for reason in result.verdict.reasons}


# ---- answers that come in by another link


SECOND = {4: ("10.8.0.9/24", "10.8.0.1/24", "10.8.0.9"), 6: ("fd00:8::9/64", "fd00:8::1/64", "fd00:8::9")}


def second_link(family: int) -> dict[str, list[str]]:
    """r1 gives the target's answers to the client by a link of its own, called ``second`` there."""
    here, there, via = SECOND[family]
    nodad = " nodad" if family == 6 else ""
    soliciting = ["address add fe80::9/64 dev {} nodad"] if family == 6 else []
    return {
        "client": [
            "link add second type veth peer name to-second netns r1",
            "link set second up",
            f"address add {here} dev second{nodad}",
            *[line.format("second") for line in soliciting],
        ],
        "r1": [
            "link set to-second up",
            f"address add {there} dev to-second{nodad}",
            *[line.format("to-second").replace("::9", "::8") for line in soliciting],
            f"route add {{inner0}} via {via} dev to-second table 100",
            "rule add iif to-r2 to {inner0} lookup 100",
        ],
    }


STRICT_RULESET = """
table inet strict {
    chain first {
        type filter hook prerouting priority raw
        meta l4proto tcp fib saddr . iif oif missing drop
    }
}
"""


def filter_reverse_path(built: Lab, strictness: int) -> None:
    """IPv6 has no such setting in the kernel; what distributions do there instead is an nft rule (firewalld)."""
    if built.scenario.family == 6:
        if strictness == 1:
            netns.run_nft("client", STRICT_RULESET)
        return
    with built.inside("client"):
        for name in ("all", "second"):
            Path(f"/proc/sys/net/ipv4/conf/{name}/rp_filter").write_text(str(strictness))


@pytest.mark.parametrize("family", FAMILIES)
def test_strict_reverse_path_filtering_is_told_from_an_input_rule(family: int, tmp_path: Path) -> None:
    with lab(whole(family), **second_link(family)) as built:
        filter_reverse_path(built, 1)
        result = ask(built, tmp_path)
    verdict = result.verdict
    assert (verdict.state, verdict.mechanism) == (State.FILTERED, Mechanism.DROP)
    assert (verdict.location.where, verdict.location.direction) == (Where.LOCAL, Direction.RETURN)
    told = next(reason.facts for reason in verdict.reasons if reason.claim is Claim.OTHER_INTERFACE)
    assert (told["came"], told["left"]) == ("second", "to-r1")
    assert (Claim.REVERSE_PATH in claims(result)) is (family == 4)
    command = "sysctl net.ipv4.conf.all.rp_filter net.ipv4.conf.second.rp_filter" if family == 4 else "nft list ruleset"
    assert command in next_steps(result)[0]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("strictness", [0, 2])
def test_an_asymmetric_way_back_that_this_host_takes_is_no_fault(family: int, strictness: int, tmp_path: Path) -> None:
    with lab(whole(family), **second_link(family)) as built:
        filter_reverse_path(built, strictness)
        result = ask(built, tmp_path)
    assert (result.verdict.state, result.verdict.location.where) == (State.OPEN, Where.TARGET)
    assert Claim.OTHER_INTERFACE not in claims(result)


def test_an_echo_reply_by_another_link_warns_of_what_this_host_does_to_it(tmp_path: Path) -> None:
    with lab(whole(4, port=None), **second_link(4)) as built:
        filter_reverse_path(built, 1)
        result = ask(built, tmp_path)
    assert result.verdict.state is State.OPEN
    assert claims(result) >= {Claim.OTHER_INTERFACE, Claim.REVERSE_PATH}
    assert "rp_filter" in next_steps(result)[0]


# ---- interfaces and addresses


@pytest.mark.parametrize("port", [8080, None])
@pytest.mark.parametrize("family", FAMILIES)
def test_an_interface_that_is_down_leaves_no_route(family: int, port: int | None, tmp_path: Path) -> None:
    with lab(whole(family, port=port), client=["link set to-r1 down"]) as built:
        result = ask(built, tmp_path)
    assert (result.verdict.mechanism, result.verdict.location.where) == (Mechanism.LOCAL_ERROR, Where.LOCAL)
    assert "ip -br link" in next_steps(result)[0]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_link_without_carrier_is_told(family: int, tmp_path: Path) -> None:
    with lab(whole(family), r1=["link set to-client down"]) as built:
        result = ask(built, tmp_path)
    assert (result.verdict.state, result.verdict.location.where) == (State.UNREACHABLE, Where.LOCAL)
    assert claims(result) == {Claim.NO_NEIGHBOUR, Claim.NO_CARRIER}
    assert "tc -s filter show dev to-r1 egress" in next_steps(result)[0]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_host_without_any_address_is_told(family: int, tmp_path: Path) -> None:
    with lab(whole(family), client=["address flush dev to-r1", "route replace default dev to-r1"]) as built:
        result = ask(built, tmp_path)
    assert (result.verdict.state, result.verdict.location.where) == (State.UNREACHABLE, Where.LOCAL)
    assert claims(result) == {Claim.GAVE_UP, Claim.NO_ADDRESS}
    assert "ip -br addr" in next_steps(result)[0]


def test_a_host_with_a_link_local_address_alone_is_told(tmp_path: Path) -> None:
    commands = ["address flush dev to-r1 scope global", "route replace default via fe80::2 dev to-r1"]
    with lab(whole(6), client=commands) as built:
        result = ask(built, tmp_path)
    assert (result.verdict.state, result.verdict.mechanism) == (State.UNREACHABLE, Mechanism.NO_ROUTE)
    assert "ip -6 -br addr" in next_steps(result)[0]


# ---- loops


BACK_FROM_R2 = ["route replace {network} via {inner1} table 100", "rule add ipproto tcp dport 8080 lookup 100"]
BACK_FROM_R3 = ["route replace {network} via {inner2} table 100", "rule add ipproto tcp dport 8080 lookup 100"]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    ("node", "commands", "silent", "last_good"),
    [("r2", BACK_FROM_R2, None, 2), ("r3", BACK_FROM_R3, None, 3), ("r2", BACK_FROM_R2, "r1", 2)],
)
def test_a_loop_of_the_port_alone_is_filtered_and_placed(
    family: int, node: str, commands: list[str], silent: str | None, last_good: int, tmp_path: Path
) -> None:
    scenario = whole(family, rules=(mute(silent),) if silent else ())
    with lab(scenario, **{node: commands}) as built:
        result = ask(built, tmp_path)
    location = result.verdict.location
    assert (result.verdict.state, result.verdict.mechanism) == (State.FILTERED, Mechanism.LOOP)
    assert (location.where, location.direction) == (Where.PATH, Direction.FORWARD)
    assert location.last_good == Hop(ttl=last_good, address=scenario.hop_address(last_good))
    assert result.verdict.distance == 4
    assert "ipproto tcp dport 8080" in next_steps(result)[0]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_loop_of_the_port_alone_at_a_router_that_answers_nobody_is_placed_before_it(
    family: int, tmp_path: Path
) -> None:
    scenario = whole(family, rules=(mute("r2"),))
    with lab(scenario, r2=BACK_FROM_R2) as built:
        result = ask(built, tmp_path)
    assert (result.verdict.state, result.verdict.mechanism) == (State.FILTERED, Mechanism.LOOP)
    assert result.verdict.location.last_good == Hop(ttl=1, address=scenario.hop_address(1))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_router_that_sends_packets_back_to_this_host_is_told(family: int, tmp_path: Path) -> None:
    with lab(whole(family), r1=["route replace {network} via {inner0}"]) as built:
        result = ask(built, tmp_path)
    assert (result.verdict.state, result.verdict.mechanism) == (State.UNREACHABLE, Mechanism.LOOP)
    assert Claim.CAME_BACK in claims(result)


@pytest.mark.parametrize("family", FAMILIES)
def test_three_routers_that_circle_are_all_named(family: int, tmp_path: Path) -> None:
    here, there, _ = SECOND[family]
    back = there.partition("/")[0]
    nodad = " nodad" if family == 6 else ""
    soliciting = ["address add fe80::{}/64 dev {} nodad"] if family == 6 else []
    commands = {
        "r3": [
            "link add to-r1 type veth peer name to-r3 netns r1",
            "link set to-r1 up",
            f"address add {here} dev to-r1{nodad}",
            *[line.format(3, "to-r1") for line in soliciting],
        ],
        "r1": [
            "link set to-r3 up",
            f"address add {there} dev to-r3{nodad}",
            *[line.format(1, "to-r3") for line in soliciting],
        ],
    }
    scenario = whole(family)
    with lab(scenario, **commands) as built:
        netns.run_ip("r3", family, [f"route replace {scenario.destination_address} via {back}"])
        result = ask(built, tmp_path)
    assert (result.verdict.state, result.verdict.mechanism) == (State.UNREACHABLE, Mechanism.LOOP)
    assert result.verdict.location.last_good == Hop(ttl=3, address=scenario.hop_address(3))
    facts = next(reason.facts for reason in result.verdict.reasons if reason.claim is Claim.CIRCLE)
    assert (facts["ttls"], facts["period"]) == ("1 2 3", 3)
