"""Whose JSON is it, and what is said of JSON that is nobody's."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pathprobe.layers.cloud import recognise
from pathprobe.layers.cloud.documents import Node, Unreadable, parse
from pathprobe.layers.cloud.model import Vendor

OWNERS: list[tuple[Vendor | None, Any]] = [
    (Vendor.AWS, {"SecurityGroups": []}),
    (Vendor.AWS, {"SecurityGroupRules": []}),
    (Vendor.AWS, {"NetworkAcls": []}),
    (Vendor.AWS, {"NetworkInterfaces": []}),
    (Vendor.AWS, {"Reservations": []}),
    (Vendor.AWS, {"Subnets": []}),
    (Vendor.AWS, {"Entries": [{"Cidr": "10.0.0.0/8"}]}),
    (Vendor.ALIBABA, {"SecurityGroupId": "sg-1", "Permissions": {"Permission": []}}),
    (Vendor.ALIBABA, {"RequestId": "x", "PrefixListId": "pl-1", "Entries": {"Entry": []}}),
    (Vendor.ALIBABA, {"NetworkAclAttribute": {}}),
    (Vendor.ALIBABA, {"NetworkAcls": {"NetworkAcl": []}}),
    (Vendor.ALIBABA, {"Instances": {"Instance": []}}),
    (Vendor.TENCENT, {"SecurityGroupPolicySet": {}, "RequestId": "x"}),
    (Vendor.TENCENT, {"Response": {"SecurityGroupPolicySet": {}}}),
    (Vendor.TENCENT, {"NetworkAclSet": [], "RequestId": "x"}),
    (Vendor.AZURE, {"name": "nsg", "securityRules": []}),
    (Vendor.AZURE, [{"name": "nsg", "securityRules": []}]),
    (Vendor.AZURE, {"value": [{"effectiveSecurityRules": []}]}),
    (Vendor.AZURE, [{"name": "nic", "ipConfigurations": []}]),
    (Vendor.AZURE, {"name": "pip", "ipAddress": "20.1.2.3", "location": "westeurope"}),
    (Vendor.GCP, [{"name": "web", "direction": "INGRESS", "allowed": []}]),
    (Vendor.GCP, [{"kind": "compute#instance", "networkInterfaces": []}]),
    (Vendor.GCP, {"firewalls": []}),
    (None, {"hello": "world"}),
    (None, "text"),
    (None, 7),
]


@pytest.mark.parametrize(("vendor", "document"), OWNERS, ids=[json.dumps(one[1])[:40] for one in OWNERS])
def test_the_vendor_is_told_by_its_keys(vendor: Vendor | None, document: Any) -> None:
    assert recognise.vendor_of(Node(document, "x.json")) is vendor


def test_documents_of_two_vendors_are_not_mixed() -> None:
    two = [Node({"SecurityGroups": []}, "a.json"), Node({"NetworkAclSet": [], "RequestId": "x"}, "t.json")]
    with pytest.raises(Unreadable, match=r"not of one vendor: a.json is aws's, t.json is tencent's"):
        recognise.read(two)


#: A group that lets nobody in, one that lets somebody in.
TWICE: list[tuple[Any, Any]] = [
    (
        {"SecurityGroupId": "sg-1", "Permissions": {"Permission": []}},
        {
            "SecurityGroupId": "sg-1",
            "Permissions": {
                "Permission": [{"Policy": "Accept", "IpProtocol": "TCP", "PortRange": "80/80", "Priority": "1"}]
            },
        },
    ),
    (
        {"SecurityGroupPolicySet": {"Ingress": []}},
        {"SecurityGroupPolicySet": {"Ingress": [{"Action": "ACCEPT", "Protocol": "TCP", "CidrBlock": "0.0.0.0/0"}]}},
    ),
    (
        {"name": "sg-1", "securityRules": []},
        {"name": "sg-1", "securityRules": [{"access": "Allow", "priority": 100, "direction": "Inbound"}]},
    ),
]


@pytest.mark.parametrize(("one", "other"), TWICE)
def test_a_group_that_was_given_twice_counts_once_and_is_not_guessed_at_where_it_differs(one: Any, other: Any) -> None:
    there = recognise.read([Node(other, "a.json"), Node(other, "b.json")], unnamed="sg-1")
    assert [group.id for group in there.groups] == ["sg-1"]
    with pytest.raises(Unreadable, match="two documents tell different rules of sg-1"):
        recognise.read([Node(one, "a.json"), Node(other, "b.json")], unnamed="sg-1")


@pytest.mark.parametrize("vendor", [Vendor.ALIBABA, Vendor.TENCENT, Vendor.AZURE, Vendor.GCP])
def test_json_of_another_vendor_than_was_said_is_refused(vendor: Vendor) -> None:
    with pytest.raises(Unreadable, match=rf"x.json: not {vendor}'s JSON but aws's"):
        recognise.read([Node({"SecurityGroups": [{"GroupId": "sg-1"}]}, "x.json")], vendor=vendor)


def test_what_is_nobodys_is_said_to_be_so() -> None:
    with pytest.raises(Unreadable, match=r"x.json: not the JSON of a command known here"):
        recognise.read([Node({"hello": "world"}, "x.json")])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "f: empty"),
        ("  \n", "f: empty"),
        ("{", "f: no JSON (line 1"),
        ("<html>", "f: no JSON (line 1"),
        ('{"a": 1}\nnonsense', "f: no JSON (line 2"),
        ("[" * 100_000, "f: JSON that is nested too deeply"),
    ],
)
def test_what_is_no_json_is_said_with_its_line(text: str, message: str) -> None:
    with pytest.raises(Unreadable) as caught:
        parse(text, "f")
    assert str(caught.value).startswith(message)


def test_documents_may_follow_one_another() -> None:
    assert [one.value for one in parse('{"a": 1}\n[2]\n', "f")] == [{"a": 1}, [2]]


#: Of the right keys, with what cannot stand there.
WRONG: list[tuple[Any, str]] = [
    ({"SecurityGroups": {}}, "SecurityGroups is not a list"),
    ({"SecurityGroups": ["sg-1"]}, "SecurityGroups[0] is not an object"),
    ({"SecurityGroups": [{"GroupName": "web"}]}, "SecurityGroups[0].GroupId is missing"),
    ({"SecurityGroups": [{"GroupId": "sg-1", "IpPermissions": 7}]}, "SecurityGroups[0].IpPermissions is not a list"),
    (
        {
            "SecurityGroups": [
                {
                    "GroupId": "sg-1",
                    "IpPermissions": [{"IpProtocol": "tcp", "FromPort": "many", "IpRanges": [{"CidrIp": "::/0"}]}],
                }
            ]
        },
        "SecurityGroups[0].IpPermissions[0].FromPort is not a number",
    ),
    ({"NetworkAcls": [{"Entries": [{"RuleAction": "allow"}]}]}, "NetworkAcls[0].Entries[0].RuleNumber is missing"),
    ({"NetworkAcls": [{"Entries": [{"RuleNumber": 1}]}]}, "Entries[0].RuleAction is neither allow nor deny"),
    ({"NetworkInterfaces": [{"PrivateIpAddress": "ten"}]}, "the address 'ten' is none"),
    (
        {"SecurityGroupId": "sg-1", "Permissions": {"Permission": [{"Policy": "maybe"}]}},
        "Policy is neither accept nor drop",
    ),
    ({"Permissions": {"Permission": []}}, "SecurityGroupId is missing"),
    ({"SecurityGroupPolicySet": {"Ingress": [{"Action": "?"}]}}, "Ingress[0].Action is neither ACCEPT nor DROP"),
    ({"securityRules": [{"access": "Allow", "direction": "Inbound"}]}, "securityRules[0].priority is missing"),
    ({"securityRules": [{"access": "Perhaps", "priority": 1}]}, "securityRules[0].access is neither allow nor deny"),
    ([{"direction": "INGRESS", "allowed": [{}]}], "allowed[0].IPProtocol is missing"),
    ([{"direction": "INGRESS", "allowed": "tcp"}], "allowed is not a list"),
]


@pytest.mark.parametrize(("document", "message"), WRONG, ids=[one[1] for one in WRONG])
def test_what_cannot_stand_there_is_said_with_its_place(document: Any, message: str) -> None:
    with pytest.raises(Unreadable) as caught:
        recognise.read([Node(document, "x.json")])
    assert message in str(caught.value)
    assert str(caught.value).startswith("x.json: ")
    assert "\n" not in str(caught.value)
