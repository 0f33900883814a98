"""A verdict that blames this host names the command that shows it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pathprobe.core.host_facts import HostFacts
from pathprobe.core.outcomes import Ended
from pathprobe.core.report import Result
from pathprobe.lab import catalogue
from pathprobe.output.advice import next_steps
from tests.core import factories as make
from tests.output.reports import result, result_of


def advice(one: Result) -> str:
    return " ".join(next_steps(one))


@pytest.mark.parametrize(
    ("error", "command"),
    [
        ("EPERM", "nft list ruleset; iptables -S OUTPUT; conntrack -C"),
        ("ENETUNREACH", "ip route get 10.0.0.5; ip rule; ip -br link; ip -br addr"),
        ("EHOSTUNREACH", "ip route show table all | grep"),
        ("EACCES", "ip route show table all | grep"),
        ("EINVAL", "ip route show table all | grep"),
        ("ENETDOWN", "ip -br link"),
        ("EADDRNOTAVAIL", "ip -br addr"),
        ("ENOBUFS", "tc -s qdisc show dev eth0"),
        ("ESOMETHING", "ip route get 10.0.0.5"),
    ],
)
def test_each_word_of_the_kernel_has_its_command(error: str, command: str) -> None:
    one = result_of(make.evidence(make.syn(64, make.refused_by_kernel(error))))
    assert command in advice(replace(one, host=HostFacts(interface="eth0")))


@pytest.mark.parametrize("name", [name for name in catalogue.names() if name.startswith("local-")])
def test_every_scenario_that_blames_this_host_says_what_to_run_on_it(name: str) -> None:
    if result(name).verdict.location.where == "local":
        assert advice(result(name)).startswith("On this host: ")


def test_the_interface_that_drops_is_named_where_it_is_known() -> None:
    assert "tc -s filter show dev to-r1 egress" in advice(
        replace(result("local-egress-drop"), host=HostFacts(interface="to-r1"))
    )


@pytest.mark.parametrize(
    ("version", "command"),
    [(4, "sysctl net.ipv4.conf.all.rp_filter net.ipv4.conf.eth1.rp_filter; nstat -az"), (6, "nft list ruleset")],
)
def test_an_answer_on_another_interface_names_the_setting_that_drops_it(version: int, command: str) -> None:
    seen = make.syn(64, make.answered(at=make.TARGET[version]), version=version)
    deaf = replace(seen, ended=Ended.BY_US, left_by=("eth0",), came_by=("eth1",))
    assert command in advice(result_of(make.evidence(deaf, version=version)))


def test_an_echo_reply_on_another_interface_is_no_matter_where_the_host_is_known_to_take_it() -> None:
    seen = replace(make.ping(64, make.answered()), left_by=("eth0",), came_by=("eth1",))
    one = result_of(make.evidence(seen))
    one = replace(one, target=replace(one.target, port=None, protocol="icmp"))
    assert "rp_filter" in advice(one)
    assert advice(replace(one, host=HostFacts(arrival="eth1", rp_filter=0))) == ""


def test_a_host_with_a_link_local_address_alone_is_told_so() -> None:
    refused = make.syn(64, make.unreachable("fd00:9:1::1", (1, 2), version=6), version=6)
    one = result_of(make.evidence(refused, version=6, source="fe80::9"))
    assert "ip -6 -br addr" in advice(one)


@pytest.mark.parametrize("name", ["loop-r2", "loop-r3-v6"])
def test_a_loop_names_the_router_that_sends_packets_back(name: str) -> None:
    hop = result(name).verdict.location.last_good
    assert hop is not None
    assert f"Ask who runs hop {hop.ttl} ({hop.address}) for its route" in advice(result(name))


@pytest.mark.parametrize("name", ["dnat-closed", "dnat-drop-behind", "dnat-host-down"])
def test_a_target_that_forwards_is_asked_where_to(name: str) -> None:
    assert "to what does it forward tcp/8080?" in advice(result(name))
