"""The evaluator against what the vendors' words say literally: one port at a time, one rule after the other."""

from __future__ import annotations

import ipaddress
from dataclasses import replace
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pathprobe.core.layers import Status
from pathprobe.layers.cloud.evaluate import EPHEMERAL, follow, request
from pathprobe.layers.cloud.judge import judge
from pathprobe.layers.cloud.model import Action, Direction, IpNetwork, Peers, Rule
from pathprobe.layers.cloud.passage import Gate, GateKind, Leg, Verdict
from tests.layers.cloud.aws_shapes import OPEN, acl, acls, entry, group, groups, permission
from tests.layers.cloud.cases import account, question

CLIENT = ipaddress.ip_network("203.0.113.7/32")
TARGET = ipaddress.ip_address("10.0.0.5")
PORTS = (1, 1023, 1024, 1025, 8079, 8080, 8081, 32767, 32768, 49152, 60999, 61000, 65535)

networks = st.sampled_from([ipaddress.ip_network(one) for one in ("0.0.0.0/0", "203.0.113.0/24", "10.0.0.0/8", "::/0")])
spans = st.none() | st.tuples(st.sampled_from(PORTS), st.sampled_from(PORTS)).map(
    lambda both: ((min(both), max(both)),)
)
protocols = st.sampled_from([None, frozenset({6}), frozenset({17})])


def _rule(number: int, action: Action, direction: Direction, facts: tuple[Any, Any, IpNetwork]) -> Rule:
    numbers, ports, network = facts
    far = (Peers(label=str(network), networks=(network,)),)
    return Rule(
        ref=str(number),
        text="",
        action=action,
        direction=direction,
        home="acl",
        order=number,
        protocols=numbers,
        ports=ports,
        sources=far if direction is Direction.IN else None,
        destinations=far if direction is Direction.OUT else None,
    )


rules = st.lists(
    st.tuples(st.sampled_from(Action), st.sampled_from(Direction), st.tuples(protocols, spans, networks)), max_size=8
).map(lambda facts: tuple(_rule(number, *one) for number, one in enumerate(facts)))


def _literally(rules: tuple[Rule, ...], direction: Direction, port: int) -> Verdict:
    """The first rule whose protocol, port and far end are this packet's; else denied."""
    for rule in rules:
        far = rule.sources if direction is Direction.IN else rule.destinations
        if (
            rule.direction is direction
            and far
            and (rule.protocols is None or 6 in rule.protocols)
            and (rule.ports is None or rule.ports[0][0] <= port <= rule.ports[0][1])
            and any(CLIENT.network_address in network for network in far[0].networks)
        ):
            return Verdict(rule.action.value)
    return Verdict.DENY


@settings(max_examples=300, deadline=None)
@given(rules)
def test_a_network_acl_gives_each_client_port_what_going_through_its_rules_gives(rules: tuple[Rule, ...]) -> None:
    gate = Gate(kind=GateKind.ACL, label="acl", rules=rules, is_stateful=False)
    decisions = follow([gate], request(protocol=6, source=CLIENT, destination=TARGET, port=8080))
    inbound = [one for one in decisions if one.leg is Leg.REQUEST]
    assert {one.verdict for one in inbound} == {_literally(rules, Direction.IN, 8080)}
    answers = [one for one in decisions if one.leg is Leg.ANSWER]
    # The pieces are the whole range, once.
    ends = [one.client_ports for one in answers if one.client_ports]
    assert (ends[0][0], ends[-1][1]) == EPHEMERAL
    assert all(one[1] + 1 == other[0] for one, other in pairwise(ends))
    for port in (one for one in PORTS if one >= EPHEMERAL[0]):
        (verdict,) = (
            one.verdict for one in answers if one.client_ports and one.client_ports[0] <= port <= one.client_ports[1]
        )
        assert verdict is _literally(rules, Direction.OUT, port)


permissions = st.builds(
    lambda protocol, ports, end: permission(protocol, *ports, end),
    st.sampled_from(["tcp", "udp", "icmp", "-1", "quic"]),
    st.sampled_from([(80, 80), (0, 65535), (443, 8443), (-1, -1)]),
    st.sampled_from(["0.0.0.0/0", "203.0.113.0/24", "10.0.0.0/8", "sg-2", "pl-1", "::/0"]),
)
packets = st.sampled_from(
    ["tcp 80 from 203.0.113.7", "udp 443 from 10.0.9.9", "icmp from 203.0.113.7", "tcp 22", "tcp 80"]
)


def _status(given: list[Any], packet: str) -> Status:
    return judge(account(groups(group(*given)), acls(acl(*OPEN))), question(packet)).status


@settings(max_examples=150, deadline=None)
@given(st.lists(permissions, max_size=4), permissions, packets)
def test_a_further_rule_never_shuts_an_aws_security_group(given: list[Any], more: Any, packet: str) -> None:
    order = (Status.FAIL, Status.UNKNOWN, Status.PASS)
    assert order.index(_status([*given, more], packet)) >= order.index(_status(given, packet))


@settings(max_examples=100, deadline=None)
@given(st.lists(permissions, max_size=5), st.randoms(use_true_random=False), packets)
def test_the_order_of_an_aws_security_groups_rules_does_not_matter(given: list[Any], chance: Any, packet: str) -> None:
    shuffled = list(given)
    chance.shuffle(shuffled)
    assert _status(shuffled, packet) is _status(given, packet)


def test_a_rule_that_may_match_changes_nothing_where_the_next_says_the_same() -> None:
    sure = _rule(2, Action.ALLOW, Direction.IN, (None, None, ipaddress.ip_network("0.0.0.0/0")))
    unsure = replace(sure, ref="1", doubts=("the moon",))
    packet = request(protocol=6, source=CLIENT, destination=TARGET, port=80)
    for first, verdict in ((unsure, Verdict.ALLOW), (replace(unsure, action=Action.DENY), Verdict.DEPENDS)):
        gate = Gate(kind=GateKind.GROUP, label="g", rules=(first, sure), is_stateful=True)
        (decision,) = follow([gate], packet)
        assert decision.verdict is verdict
    assert decision.doubts[0].reasons == ("the moon",)


def test_an_acl_of_many_rules_is_followed_at_once() -> None:
    """Each cuts the client's range; a piece costs a walk through the rules before the one that matches. AWS: 40."""
    many = [entry(number, "deny", "6", (20000 + number, 20000 + number), out=True) for number in range(1, 201)]
    rows = judge(
        account(groups(group(permission("tcp", 80, 80, "0.0.0.0/0"))), acls(acl(OPEN[0], *many))),
        question("tcp 80 from 203.0.113.7"),
    )
    assert rows.status is Status.FAIL
