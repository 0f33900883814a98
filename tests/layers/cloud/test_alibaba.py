"""Alibaba Cloud: priorities, of equals the refusal first, and members that reach each other before all rules."""

from __future__ import annotations

from typing import Any

import pytest

from pathprobe.core.layers import Status
from tests.layers.cloud.cases import row

Json = dict[str, Any]
WEB, INNER = "tcp 8080 from 203.0.113.7", "tcp 8080 from 10.0.1.9"


def permission(policy: str, protocol: str, ports: str, source: str = "", priority: int = 1, **more: Any) -> Json:
    """With all the keys that DescribeSecurityGroupAttribute prints."""
    key = "SourceGroupId" if source.startswith("sg-") else "SourcePrefixListId" if source.startswith("pl-") else None
    key = key or ("Ipv6SourceCidrIp" if ":" in source else "SourceCidrIp")
    empty = dict.fromkeys(
        (
            "SourceCidrIp",
            "Ipv6SourceCidrIp",
            "SourceGroupId",
            "SourceGroupOwnerAccount",
            "SourceGroupName",
            "SourcePrefixListId",
            "SourcePortRange",
            "DestCidrIp",
            "Ipv6DestCidrIp",
            "DestGroupId",
            "DestPrefixListId",
            "Description",
        ),
        "",
    )
    return {
        **empty,
        key: source,
        "SecurityGroupRuleId": f"sgr-{priority}{policy.lower()}",
        "Direction": "ingress",
        "IpProtocol": protocol,
        "PortRange": ports,
        "Policy": policy,
        "Priority": str(priority),
        "NicType": "intranet",
        "CreateTime": "2026-01-01T00:00:00Z",
        **more,
    }


def group(*permissions: Json, name: str = "sg-bp1", inner: str = "Drop", vpc: str = "vpc-1") -> Json:
    return {
        "RequestId": "473469C7-AA6F-4DC5-B3DB-A3DC0DE3C83E",
        "RegionId": "cn-hangzhou",
        "VpcId": vpc,
        "SecurityGroupId": name,
        "SecurityGroupName": f"name of {name}",
        "Description": "",
        "InnerAccessPolicy": inner,
        "Permissions": {"Permission": list(permissions)},
    }


def instance(address: str, *names: str, public: str = "") -> Json:
    return {
        "InstanceId": f"i-{address}",
        "SecurityGroupIds": {"SecurityGroupId": list(names)},
        "VpcAttributes": {"VpcId": "vpc-1", "VSwitchId": "vsw-1", "PrivateIpAddress": {"IpAddress": [address]}},
        "PublicIpAddress": {"IpAddress": [public] if public else []},
        "EipAddress": {"IpAddress": "", "AllocationId": ""},
        "InnerIpAddress": {"IpAddress": []},
        "NetworkInterfaces": {"NetworkInterface": [{"NetworkInterfaceId": "eni-1", "PrimaryIpAddress": address}]},
    }


def instances(*those: Json) -> Json:
    return {"RequestId": "x", "Instances": {"Instance": list(those)}}


def acl(inbound: list[Json], outbound: list[Json]) -> Json:
    return {
        "RequestId": "x",
        "NetworkAclAttribute": {
            "NetworkAclId": "nacl-1",
            "VpcId": "vpc-1",
            "RegionId": "cn-hangzhou",
            "IngressAclEntries": {"IngressAclEntry": inbound},
            "EgressAclEntries": {"EgressAclEntry": outbound},
            "Resources": {"Resource": [{"ResourceId": "vsw-1", "ResourceType": "VSwitch", "Status": "BINDED"}]},
        },
    }


def entry(policy: str, protocol: str, port: str, network: str = "0.0.0.0/0", *, out: bool = False) -> Json:
    key = "DestinationCidrIp" if out else "SourceCidrIp"
    return {"Policy": policy, "Protocol": protocol, "Port": port, key: network, "EntryType": "custom"}


ALL = "0.0.0.0/0"
CASES = [
    ("a port for everybody", [permission("Accept", "TCP", "8080/8080", ALL)], WEB, "pass"),
    ("behind the range", [permission("Accept", "TCP", "8000/8079", ALL)], WEB, "fail"),
    ("udp is not tcp", [permission("Accept", "UDP", "8080/8080", ALL)], WEB, "fail"),
    ("all protocols", [permission("Accept", "ALL", "-1/-1", ALL)], WEB, "pass"),
    ("all protocols are ICMP too", [permission("Accept", "ALL", "-1/-1", ALL)], "icmp from 203.0.113.7", "pass"),
    ("ICMP", [permission("Accept", "ICMP", "-1/-1", ALL)], "icmp from 203.0.113.7", "pass"),
    (
        "the lower number first",
        [permission("Drop", "TCP", "1/65535", ALL, 1), permission("Accept", "TCP", "8080/8080", ALL, 2)],
        WEB,
        "fail",
    ),
    (
        "the lower number first, which accepts",
        [permission("Drop", "TCP", "1/65535", ALL, 100), permission("Accept", "TCP", "8080/8080", ALL, 99)],
        WEB,
        "pass",
    ),
    (
        "of equals the refusal",
        [permission("Accept", "TCP", "8080/8080", ALL, 10), permission("Drop", "TCP", "8080/8080", ALL, 10)],
        WEB,
        "fail",
    ),
    ("from another network", [permission("Accept", "TCP", "8080/8080", "198.51.100.0/24")], WEB, "fail"),
    ("from a group by a public address", [permission("Accept", "TCP", "8080/8080", "sg-bp2")], WEB, "fail"),
    ("from a group that nobody described", [permission("Accept", "TCP", "8080/8080", "sg-bp2")], INNER, "unknown"),
    ("from a prefix list that was not given", [permission("Accept", "TCP", "8080/8080", "pl-1")], WEB, "unknown"),
    (
        "to this machine (five-tuple)",
        [permission("Accept", "TCP", "8080/8080", ALL, DestCidrIp="10.0.0.5/32")],
        WEB,
        "pass",
    ),
    (
        "to another machine (five-tuple)",
        [permission("Accept", "TCP", "8080/8080", ALL, DestCidrIp="10.0.0.6/32")],
        WEB,
        "fail",
    ),
    (
        "from certain client ports (five-tuple)",
        [permission("Accept", "TCP", "8080/8080", ALL, SourcePortRange="1024/32767")],
        WEB,
        "fail",
    ),
    ("what is out is not in", [permission("Accept", "TCP", "8080/8080", ALL, Direction="egress")], WEB, "fail"),
    ("nothing", [], WEB, "fail"),
]


@pytest.mark.parametrize(("rules", "packet", "expected"), [one[1:] for one in CASES], ids=[one[0] for one in CASES])
def test_the_rule_of_the_lowest_number_decides(rules: list[Json], packet: str, expected: str) -> None:
    assert row([group(*rules)], packet).status == expected


def test_over_ipv6_the_ipv6_source_counts() -> None:
    six = [group(permission("Accept", "TCP", "8080/8080", "::/0"))]
    assert row(six, "tcp 8080 from 2001:db8:9::1", to="2001:db8::5").status is Status.PASS
    assert row(six, WEB).status is Status.FAIL


def test_members_of_a_group_reach_each_other_before_all_rules() -> None:
    where = instances(instance("10.0.0.5", "sg-bp1"), instance("10.0.1.9", "sg-bp1"), instance("10.0.1.8", "sg-bp2"))
    drop = permission("Drop", "ALL", "-1/-1", ALL, 1)
    connected, isolated = group(drop, inner="Accept"), group(drop, inner="Drop")
    assert row([connected, where], INNER).status is Status.PASS
    assert "InnerAccessPolicy" in row([connected, where], INNER).summary
    assert row([isolated, where], INNER).status is Status.FAIL
    # Another group's member is no member.
    assert row([connected, where], "tcp 8080 from 10.0.1.8").status is Status.FAIL


def test_the_rules_of_several_groups_are_sorted_together() -> None:
    where = instances(instance("10.0.0.5", "sg-bp1", "sg-bp2"))
    accepts = group(permission("Accept", "TCP", "8080/8080", ALL, 10), name="sg-bp1")
    for priority, expected in ((9, "fail"), (10, "fail"), (11, "pass")):
        drops = group(permission("Drop", "TCP", "8080/8080", ALL, priority), name="sg-bp2")
        assert row([accepts, drops, where], WEB).status == expected


def test_a_group_that_was_not_given_may_refuse_too() -> None:
    where = instances(instance("10.0.0.5", "sg-bp1", "sg-bp9"))
    found = row([group(permission("Accept", "TCP", "8080/8080", ALL)), where], WEB)
    assert found.status is Status.UNKNOWN
    assert "sg-bp9" in found.summary


def test_a_prefix_list_is_looked_up() -> None:
    entries = {
        "RequestId": "x",
        "PrefixListId": "pl-1",
        "AddressFamily": "IPv4",
        "Entries": {"Entry": [{"Cidr": "203.0.113.0/24", "Description": ""}]},
    }
    assert row([group(permission("Accept", "TCP", "8080/8080", "pl-1")), entries], WEB).status is Status.PASS


def test_the_network_acl_of_the_vswitch_is_asked_both_ways() -> None:
    where = instances(instance("10.0.0.5", "sg-bp1"))
    open_group = group(permission("Accept", "TCP", "8080/8080", ALL))
    in_, out = entry("accept", "all", "-1/-1"), entry("accept", "tcp", "1024/65535", out=True)
    assert row([open_group, where, acl([in_], [out])], WEB).status is Status.PASS
    dropped = row([open_group, where, acl([entry("drop", "tcp", "8080/8080"), in_], [out])], WEB)
    assert "nacl-1 inbound entry 1 (drop tcp 8080 from 0.0.0.0/0)" in dropped.summary
    silent = row([open_group, where, acl([in_], [])], WEB)
    assert silent.status is Status.FAIL
    assert "UpdateNetworkAclEntries" in silent.fix[1]
    # Whether it sees what stays within the vSwitch is not documented.
    where_subnet = {"VSwitches": {"VSwitch": [{"VSwitchId": "vsw-1", "CidrBlock": "10.0.0.0/16", "VpcId": "vpc-1"}]}}
    assert row([open_group, where, where_subnet, acl([], [])], INNER).status is Status.UNKNOWN


def test_the_proposed_rule_comes_before_the_one_that_refuses() -> None:
    drop = permission("Drop", "TCP", "1/65535", ALL, 50)
    found = row([group(drop)], WEB)
    assert "sgr-50drop (Drop tcp 1-65535 from 0.0.0.0/0, priority 50)" in found.summary
    assert found.fix == (
        "aliyun ecs AuthorizeSecurityGroup --RegionId cn-hangzhou --SecurityGroupId sg-bp1 "
        "--Permissions.1.Policy accept --Permissions.1.Priority 49 "
        "--Permissions.1.IpProtocol tcp --Permissions.1.PortRange 8080/8080 "
        "--Permissions.1.SourceCidrIp 203.0.113.7/32",
    )
    assert found.evidence[0].source == "aliyun ecs DescribeSecurityGroupAttribute --SecurityGroupId sg-bp1"


def test_nothing_comes_before_priority_1_so_the_refusal_is_taken_away() -> None:
    found = row([group(permission("Drop", "TCP", "8080/8080", ALL, 1))], WEB)
    assert found.fix[1] == (
        "aliyun ecs RevokeSecurityGroup --RegionId cn-hangzhou --SecurityGroupId sg-bp1 "
        "--SecurityGroupRuleId.1 sgr-1drop"
    )


def test_a_rule_of_the_classic_network_depends_on_the_card() -> None:
    found = row([group(permission("Accept", "TCP", "8080/8080", ALL, NicType="internet"), vpc="")], WEB)
    assert found.status is Status.UNKNOWN
    assert "classic" in found.summary


@pytest.mark.parametrize("inner", ["Accept", "Drop"])
def test_a_group_may_be_printed_one_direction_at_a_time(inner: str) -> None:
    inwards = group(permission("Accept", "TCP", "8080/8080", "203.0.113.0/24"), inner=inner)
    out = permission("Drop", "ALL", "-1/-1", Direction="egress", DestCidrIp="0.0.0.0/0")
    told = row([group(out, inner=inner), inwards, instances(instance("10.0.0.5", "sg-bp1"))], WEB)
    assert told.status is Status.PASS
