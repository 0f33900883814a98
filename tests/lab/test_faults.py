"""Rules and route faults become the nft and ip text that means the same."""

from __future__ import annotations

import pytest

from pathprobe.lab.faults import route_lines, ruleset, statement
from pathprobe.net.scenario import Expectation, Hook, Match, Route, Rule, Scenario

SYN_8080 = Match(protocol="tcp", destination_port=8080)


def rule(action: str = "drop", match: Match = SYN_8080, hook: Hook = Hook.FORWARD, at: str = "r2") -> Rule:
    return Rule(at=at, hook=hook, match=match, action=action)


def scenario(*rules: Rule, family: int = 4, routers: int = 3) -> Scenario:
    expect = Expectation(state="filtered")
    return Scenario(name="x", summary="", family=family, expect=expect, rules=rules, routers=routers)


@pytest.mark.parametrize(
    ("family", "match", "condition"),
    [
        (4, Match(), ""),
        (4, SYN_8080, "tcp dport 8080 "),
        (6, SYN_8080, "tcp dport 8080 "),
        (4, Match(protocol="tcp", source_port=8080), "tcp sport 8080 "),
        (4, Match(protocol="udp", source_port=53, destination_port=54), "udp sport 53 udp dport 54 "),
        (4, Match(protocol="tcp"), "meta l4proto tcp "),
        (4, Match(protocol="icmp"), "meta l4proto icmp "),
        (6, Match(protocol="icmp"), "meta l4proto ipv6-icmp "),
        (4, Match(protocol="icmp", icmp="echo-request"), "meta l4proto icmp icmp type echo-request "),
        (6, Match(protocol="icmp", icmp="echo-reply"), "meta l4proto ipv6-icmp icmpv6 type echo-reply "),
        (4, Match(icmp="time-exceeded"), "icmp type time-exceeded "),
        (6, Match(icmp="time-exceeded"), "icmpv6 type time-exceeded "),
        (4, Match(icmp="unreachable"), "icmp type destination-unreachable "),
        (6, Match(icmp="unreachable"), "icmpv6 type destination-unreachable "),
        (4, Match(icmp="too-big"), "icmp type destination-unreachable icmp code frag-needed "),
        (6, Match(icmp="too-big"), "icmpv6 type packet-too-big "),
        (4, Match(ct_state="invalid"), "ct state invalid "),
        (4, Match(protocol="tcp", destination_port=80, ct_state="new"), "tcp dport 80 ct state new "),
        (4, Match(length_over=600), "ip length > 600 "),
        # IPv6 does not count its header of 40 octets.
        (6, Match(length_over=600), "ip6 length > 560 "),
    ],
)
def test_a_match_becomes_nft_conditions(family: int, match: Match, condition: str) -> None:
    assert statement(rule(match=match), family) == f"{condition}drop"


@pytest.mark.parametrize(
    ("family", "action", "verdict"),
    [
        (4, "drop", "drop"),
        (4, "reset", "reject with tcp reset"),
        (6, "reset", "reject with tcp reset"),
        (4, "reject net-unreachable", "reject with icmp net-unreachable"),
        (6, "reject no-route", "reject with icmpv6 no-route"),
        (4, "lose 30%", "numgen random mod 100 < 30 drop"),
        (4, "limit 1/second", "limit rate over 1/second drop"),
        (4, "snat 10.9.2.1", "snat ip to 10.9.2.1"),
        (6, "snat fd00:9:2::1", "snat ip6 to fd00:9:2::1"),
        (4, "masquerade", "meta nfproto ipv4 masquerade"),
        (4, "dnat 10.0.0.5", "dnat ip to 10.0.0.5"),
        (4, "dnat 10.0.0.5:81", "dnat ip to 10.0.0.5:81"),
        (6, "dnat [fd00::5]", "dnat ip6 to fd00::5"),
        (6, "dnat [fd00::5]:81", "dnat ip6 to [fd00::5]:81"),
        (4, "set ttl 64", "ip ttl set 64"),
        (6, "set ttl 64", "ip6 hoplimit set 64"),
        (4, "set dscp 8", "ip dscp set 8"),
        (6, "set ecn 3", "ip6 ecn set 3"),
        (6, "set mss 1000", "tcp option maxseg size set 1000"),
        (4, "strip sack-perm", "reset tcp option sack-perm"),
        (4, "synproxy", "ct state invalid,untracked synproxy mss 1460 wscale 7 timestamp sack-perm"),
    ],
)
def test_an_action_becomes_an_nft_verdict(family: int, action: str, verdict: str) -> None:
    assert statement(rule(action), family) == f"tcp dport 8080 {verdict}"


@pytest.mark.parametrize("action", ["", "reject", "tarpit", "drop slowly please"])
def test_an_unknown_action_is_refused_with_the_known_ones(action: str) -> None:
    with pytest.raises(ValueError, match=r"unknown action .*: drop, reset, or reject"):
        statement(rule(action), 4)


def test_a_port_without_a_protocol_is_refused() -> None:
    with pytest.raises(ValueError, match="needs protocol tcp or udp"):
        statement(rule(match=Match(destination_port=80)), 4)


def test_a_node_without_rules_has_no_ruleset() -> None:
    assert ruleset(scenario(rule(at="r1")), "r2", ["to-r1"]) == ""


def test_rules_of_one_hook_share_a_chain_in_their_order() -> None:
    invalid = rule(match=Match(ct_state="invalid"))
    assert ruleset(scenario(invalid, rule("reset")), "r2", ["to-r1"]) == (
        "table inet fault {\n"
        "\tchain forward {\n"
        "\t\ttype filter hook forward priority filter; policy accept;\n"
        "\t\tct state invalid drop\n"
        "\t\ttcp dport 8080 reject with tcp reset\n"
        "\t}\n"
        "}\n"
    )


@pytest.mark.parametrize(
    ("hook", "priority"),
    [
        (Hook.PREROUTING, "mangle"),  # -150: behind conntrack (-200), before routing
        (Hook.INPUT, "filter"),
        (Hook.FORWARD, "filter"),
        (Hook.OUTPUT, "filter"),
        (Hook.POSTROUTING, "filter"),
    ],
)
def test_a_hook_has_its_own_chain(hook: Hook, priority: str) -> None:
    assert f"type filter hook {hook} priority {priority};" in ruleset(scenario(rule(hook=hook)), "r2", [])


def test_addresses_are_translated_in_a_chain_of_their_own_behind_the_filter() -> None:
    forged = rule("drop", hook=Hook.PREROUTING)
    translated = rule("dnat 10.0.0.5", hook=Hook.PREROUTING)
    text = ruleset(scenario(translated, forged), "r2", [])
    assert text == (
        "table inet fault {\n"
        "\tchain prerouting {\n"
        "\t\ttype filter hook prerouting priority mangle; policy accept;\n"
        "\t\ttcp dport 8080 drop\n"
        "\t}\n"
        "\tchain prerouting-nat {\n"
        "\t\ttype nat hook prerouting priority dstnat; policy accept;\n"
        "\t\ttcp dport 8080 dnat ip to 10.0.0.5\n"
        "\t}\n"
        "}\n"
    )


def test_only_translation_makes_no_filter_chain() -> None:
    text = ruleset(scenario(rule("masquerade", hook=Hook.POSTROUTING)), "r2", [])
    assert "type nat hook postrouting priority srcnat;" in text
    assert "type filter" not in text


def test_no_address_is_translated_in_the_forward_hook() -> None:
    with pytest.raises(ValueError, match=r"no addresses in forward; move the rule to prerouting"):
        ruleset(scenario(rule("masquerade")), "r2", [])


def test_a_syn_proxy_keeps_the_syn_from_connection_tracking() -> None:
    untracked, proxied = ruleset(scenario(rule("synproxy")), "r2", []).split("\tchain forward")
    assert "type filter hook prerouting priority raw;" in untracked
    assert "\t\ttcp dport 8080 tcp flags & (fin | syn | rst | ack) == syn notrack\n" in untracked
    assert "synproxy mss" in proxied


def test_egress_is_on_every_device_and_leaves_arp_alone() -> None:
    text = ruleset(scenario(rule(match=Match(), hook=Hook.EGRESS)), "r2", ["lo", "to-r1"])
    assert "table netdev fault" in text
    assert "hook egress devices = { lo, to-r1 } priority filter;" in text
    assert "\t\tmeta protocol ip drop\n" in text


@pytest.mark.parametrize("hook", Hook)
def test_ipv6_neighbour_discovery_passes_before_any_fault(hook: Hook) -> None:
    first, second = ruleset(scenario(rule(match=Match(), hook=hook), family=6), "r2", ["lo"]).splitlines()[3:5]
    assert first.strip().startswith("icmpv6 type { nd-")
    assert first.endswith("accept")
    assert second.endswith("drop")


@pytest.mark.parametrize(
    ("family", "at", "kind", "lines"),
    [
        (4, "r2", "blackhole", ("route add blackhole 10.0.0.0/24",)),
        (6, "r2", "prohibit", ("route add prohibit fd00::/64",)),
        (4, "client", "unreachable", ("route add unreachable 10.0.0.0/24",)),
        (4, "r2", "none", ()),
        # Beside the target: longer than the connected route.
        (4, "r3", "blackhole", ("route add blackhole 10.0.0.5",)),
        (6, "r3", "unreachable", ("route add unreachable fd00::5",)),
        (4, "r2", "back", ("route add 10.0.0.0/24 via 10.9.2.1",)),
        (6, "r3", "back", ("route add fd00::5 via fd00:9:3::1",)),
    ],
)
def test_a_route_fault_beats_the_good_route(family: int, at: str, kind: str, lines: tuple[str, ...]) -> None:
    assert route_lines(scenario(family=family), Route(at=at, kind=kind)) == lines
