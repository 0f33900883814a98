"""Tencent Cloud: policies from the top, templates, and network ACLs that keep no state."""

from __future__ import annotations

from typing import Any

import pytest

from pathprobe.core.layers import Status
from pathprobe.layers.cloud import tencent
from pathprobe.layers.cloud.documents import Node
from pathprobe.layers.cloud.judge import judge
from tests.layers.cloud.cases import question, row

Json = dict[str, Any]
WEB, INNER = "tcp 8080 from 203.0.113.7", "tcp 8080 from 10.0.1.9"
ALL = "0.0.0.0/0"


def policy(action: str, protocol: str, port: str, source: str = ALL, **more: Any) -> Json:
    """With all the keys that DescribeSecurityGroupPolicies prints."""
    key = "SecurityGroupId" if source.startswith("sg-") else "Ipv6CidrBlock" if ":" in source else "CidrBlock"
    return {
        "PolicyIndex": None,
        "Protocol": protocol,
        "Port": port,
        "ServiceTemplate": {"ServiceId": "", "ServiceGroupId": ""},
        "CidrBlock": "",
        "Ipv6CidrBlock": "",
        "SecurityGroupId": "",
        "AddressTemplate": {"AddressId": "", "AddressGroupId": ""},
        "Action": action,
        "PolicyDescription": "",
        "ModifyTime": "2026-01-01 00:00:00",
        key: source,
        **more,
    }


def group(*policies: Json) -> Json:
    numbered = [{**one, "PolicyIndex": number} for number, one in enumerate(policies)]
    return {
        "SecurityGroupPolicySet": {"Version": "1", "Ingress": numbered, "Egress": [policy("ACCEPT", "ALL", "ALL")]},
        "RequestId": "9b1c5c5e-6f0f-4a3b-9b6c-0b5b7c9c7d10",
    }


def service(name: str) -> Json:
    return {"Protocol": "", "Port": "", "ServiceTemplate": {"ServiceId": name, "ServiceGroupId": ""}}


def addresses(name: str) -> Json:
    return {"CidrBlock": "", "AddressTemplate": {"AddressId": name, "AddressGroupId": ""}}


def instance(address: str, *names: str) -> Json:
    return {
        "InstanceId": f"ins-{address}",
        "PrivateIpAddresses": [address],
        "PublicIpAddresses": None,
        "SecurityGroupIds": list(names),
        "VirtualPrivateCloud": {"VpcId": "vpc-1", "SubnetId": "subnet-1"},
    }


CASES = [
    ("a port", [policy("ACCEPT", "TCP", "8080")], WEB, "pass"),
    ("one of several ports", [policy("ACCEPT", "TCP", "80,443,8000-9000")], WEB, "pass"),
    ("none of several ports", [policy("ACCEPT", "TCP", "80,443,8081-9000")], WEB, "fail"),
    ("all ports", [policy("ACCEPT", "TCP", "ALL")], WEB, "pass"),
    ("all protocols", [policy("ACCEPT", "ALL", "ALL")], "icmp from 203.0.113.7", "pass"),
    ("ICMP", [policy("ACCEPT", "ICMP", "ALL")], "icmp from 203.0.113.7", "pass"),
    ("udp is not tcp", [policy("ACCEPT", "UDP", "8080")], WEB, "fail"),
    ("the first decides: drop", [policy("DROP", "TCP", "ALL"), policy("ACCEPT", "TCP", "8080")], WEB, "fail"),
    ("the first decides: accept", [policy("ACCEPT", "TCP", "8080"), policy("DROP", "ALL", "ALL")], WEB, "pass"),
    ("a drop for others", [policy("DROP", "TCP", "ALL", "1.0.0.0/8"), policy("ACCEPT", "TCP", "8080")], WEB, "pass"),
    ("nothing", [], WEB, "fail"),
    ("a group by a public address", [policy("ACCEPT", "TCP", "8080", "sg-other123")], WEB, "fail"),
    ("a group that nobody described", [policy("ACCEPT", "TCP", "8080", "sg-other123")], INNER, "unknown"),
    ("an address template", [policy("ACCEPT", "TCP", "8080", **addresses("ipm-1"))], WEB, "unknown"),
    ("a service template", [policy("ACCEPT", "", "", **service("ppm-1"))], WEB, "unknown"),
    (
        "a template that changes nothing",
        [policy("ACCEPT", "TCP", "8080", **addresses("ipm-1")), policy("ACCEPT", "TCP", "8080")],
        WEB,
        "pass",
    ),
]


@pytest.mark.parametrize(("rules", "packet", "expected"), [one[1:] for one in CASES], ids=[one[0] for one in CASES])
def test_the_first_policy_that_matches_decides(rules: list[Json], packet: str, expected: str) -> None:
    assert row([group(*rules)], packet, unnamed="sg-33ocnj9n").status == expected


def test_over_ipv6_the_ipv6_block_counts() -> None:
    six = [group(policy("ACCEPT", "TCP", "8080", "::/0"))]
    assert row(six, "tcp 8080 from 2001:db8:9::1", to="2001:db8::5").status is Status.PASS
    assert row(six, WEB).status is Status.FAIL


TEMPLATES = {
    "AddressTemplateSet": [
        {"AddressTemplateId": "ipm-1", "AddressSet": ["203.0.113.7", "198.51.100.1-198.51.100.9"]},
        {"AddressTemplateId": "ipm-2", "AddressSet": ["10.0.0.0/8"]},
    ]
}


@pytest.mark.parametrize(
    ("client", "expected"), [("203.0.113.7", "pass"), ("198.51.100.9", "pass"), ("198.51.100.10", "fail")]
)
def test_an_address_template_is_looked_up(client: str, expected: str) -> None:
    rules = group(policy("ACCEPT", "TCP", "8080", **addresses("ipm-1")))
    assert row([rules, TEMPLATES], f"tcp 8080 from {client}").status == expected


def test_a_group_of_templates_is_unfolded_even_where_it_holds_itself() -> None:
    held = {
        "AddressTemplateGroupSet": [{"AddressTemplateGroupId": "ipmg-1", "AddressTemplateIdSet": ["ipm-2", "ipm-1"]}]
    }
    within = {"CidrBlock": "", "AddressTemplate": {"AddressId": "", "AddressGroupId": "ipmg-1"}}
    assert row([group(policy("ACCEPT", "TCP", "8080", **within)), TEMPLATES, held], WEB).status is Status.PASS
    circle = {"AddressTemplateGroupSet": [{"AddressTemplateGroupId": "ipmg-1", "AddressTemplateIdSet": ["ipmg-1"]}]}
    assert row([group(policy("ACCEPT", "TCP", "8080", **within)), circle], WEB).status is Status.UNKNOWN


@pytest.mark.parametrize(("packet", "expected"), [(WEB, "pass"), ("udp 53 from 1.2.3.4", "pass"), ("tcp 53", "fail")])
def test_a_service_template_is_looked_up(packet: str, expected: str) -> None:
    held = {"ServiceTemplateSet": [{"ServiceTemplateId": "ppm-1", "ServiceSet": ["tcp:80,8080-8090", "udp:53"]}]}
    assert row([group(policy("ACCEPT", "", "", **service("ppm-1"))), held], packet).status == expected


def test_several_groups_are_asked_in_the_order_in_which_they_are_bound() -> None:
    accepts = Node(group(policy("ACCEPT", "TCP", "8080")), "sg-aaaaaaaa.json")
    drops = Node(group(policy("DROP", "ALL", "ALL")), "sg-bbbbbbbb.json")
    for names, expected in ((("sg-aaaaaaaa", "sg-bbbbbbbb"), "pass"), (("sg-bbbbbbbb", "sg-aaaaaaaa"), "fail")):
        where = Node({"InstanceSet": [instance("10.0.0.5", *names)], "TotalCount": 1}, "instances.json")
        assert judge(tencent.read([accepts, drops, where]), question(WEB)).status == expected


def test_members_of_a_group_are_known_by_their_private_addresses() -> None:
    rules = group(policy("ACCEPT", "TCP", "8080", "sg-other123"))
    where = {"InstanceSet": [instance("10.0.0.5", "sg-33ocnj9n"), instance("10.0.1.9", "sg-other123")]}
    assert row([rules, where], INNER, unnamed="sg-33ocnj9n").status is Status.PASS


def test_the_envelope_of_the_api_is_taken_off() -> None:
    assert row([{"Response": group(policy("ACCEPT", "TCP", "8080"))}], WEB).status is Status.PASS


def acl(inbound: list[Json], outbound: list[Json]) -> Json:
    return {
        "NetworkAclSet": [
            {
                "VpcId": "vpc-1",
                "NetworkAclId": "acl-12345678",
                "NetworkAclName": "acl",
                "SubnetSet": [{"SubnetId": "subnet-1", "CidrBlock": "10.0.0.0/24"}],
                "IngressEntries": inbound,
                "EgressEntries": outbound,
            }
        ],
        "TotalCount": 1,
    }


def entry(action: str, protocol: str, port: str, network: str = ALL) -> Json:
    return {
        "Action": action,
        "Protocol": protocol,
        "Port": port,
        "CidrBlock": network,
        "Ipv6CidrBlock": "",
        "Description": "",
    }


ACL_CASES = [
    ("both ways", [entry("Accept", "ALL", "ALL")], [entry("Accept", "TCP", "1024-65535")], "pass"),
    ("no way out", [entry("Accept", "ALL", "ALL")], [], "fail"),
    (
        "drop first",
        [entry("Drop", "TCP", "8080"), entry("Accept", "ALL", "ALL")],
        [entry("Accept", "ALL", "ALL")],
        "fail",
    ),
    ("to Linux alone", [entry("Accept", "ALL", "ALL")], [entry("Accept", "TCP", "32768-60999")], "fail"),
]


@pytest.mark.parametrize(("inbound", "outbound", "expected"), [c[1:] for c in ACL_CASES], ids=[c[0] for c in ACL_CASES])
def test_a_network_acl_is_asked_both_ways(inbound: list[Json], outbound: list[Json], expected: str) -> None:
    rules = group(policy("ACCEPT", "TCP", "8080"))
    where = {"InstanceSet": [instance("10.0.0.5", "sg-33ocnj9n")]}
    found = row([rules, where, acl(inbound, outbound)], WEB, unnamed="sg-33ocnj9n")
    assert found.status == expected
    # Nor does it see traffic within the subnet.
    subnet = {"SubnetSet": [{"SubnetId": "subnet-1", "CidrBlock": "10.0.0.0/24", "VpcId": "vpc-1"}]}
    within = row([rules, where, subnet, acl([], [])], "tcp 8080 from 10.0.0.9", unnamed="sg-33ocnj9n")
    assert within.status is Status.PASS


def test_the_proposed_policy_takes_the_place_of_the_one_that_drops() -> None:
    found = row([group(policy("ACCEPT", "TCP", "22"), policy("DROP", "ALL", "ALL"))], WEB, unnamed="sg-33ocnj9n")
    assert "sg-33ocnj9n inbound policy 1 (DROP all traffic from 0.0.0.0/0)" in found.summary
    assert found.fix == (
        "tccli vpc CreateSecurityGroupPolicies --SecurityGroupId sg-33ocnj9n --SecurityGroupPolicySet "
        '\'{"Ingress":[{"PolicyIndex":1,"Protocol":"TCP","Action":"ACCEPT","Port":"8080","CidrBlock":"203.0.113.7/32"}]}\'',
    )


def test_a_files_name_is_not_taken_for_a_groups_id() -> None:
    found = row([group(policy("ACCEPT", "TCP", "22"))], WEB)
    assert found.status is Status.FAIL
    commands = [one.source for one in found.evidence] + list(found.fix)
    assert not any("--SecurityGroupId 0.json" in one for one in commands)
    assert any(one.endswith("DescribeSecurityGroupPolicies --SecurityGroupId SECURITY_GROUP_ID") for one in commands)
    assert any("CreateSecurityGroupPolicies --SecurityGroupId SECURITY_GROUP_ID" in one for one in found.fix)
