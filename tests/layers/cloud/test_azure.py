"""Azure: priorities, built-in rules, service tags, and two groups of which both must allow."""

from __future__ import annotations

from typing import Any

import pytest

from pathprobe.core.layers import Status
from tests.layers.cloud.cases import row

Json = dict[str, Any]
WEB, INNER = "tcp 8080 from 203.0.113.7", "tcp 8080 from 10.0.1.9"
BASE = "/subscriptions/0b1f/resourceGroups/rg-prod/providers/Microsoft.Network"
NSG, NIC, VNET = f"{BASE}/networkSecurityGroups", f"{BASE}/networkInterfaces", f"{BASE}/virtualNetworks/vnet"
SUBNET = f"{VNET}/subnets/front"


def rule(
    priority: int, access: str, protocol: str = "Tcp", ports: Any = "8080", source: Any = "*", **more: Any
) -> Json:
    """As ``az network nsg show`` prints it; lists go into the plural keys."""
    many_ports, many_sources = isinstance(ports, list), isinstance(source, list)
    return {
        "access": access,
        "destinationAddressPrefix": "*",
        "destinationAddressPrefixes": [],
        "destinationPortRange": None if many_ports else ports,
        "destinationPortRanges": ports if many_ports else [],
        "direction": "Inbound",
        "etag": 'W/"1"',
        "id": f"{NSG}/web-nsg/securityRules/r{priority}",
        "name": f"r{priority}",
        "priority": priority,
        "protocol": protocol,
        "provisioningState": "Succeeded",
        "resourceGroup": "rg-prod",
        "sourceAddressPrefix": None if many_sources else source,
        "sourceAddressPrefixes": source if many_sources else [],
        "sourcePortRange": "*",
        "sourcePortRanges": [],
        "type": "Microsoft.Network/networkSecurityGroups/securityRules",
        **more,
    }


def built_in() -> list[Json]:
    rows = (
        (65000, "Allow", "AllowVnetInBound", "VirtualNetwork", "VirtualNetwork"),
        (65001, "Allow", "AllowAzureLoadBalancerInBound", "AzureLoadBalancer", "*"),
        (65500, "Deny", "DenyAllInBound", "*", "*"),
    )
    return [
        rule(order, access, "*", "*", source, name=name, destinationAddressPrefix=to)
        for order, access, name, source, to in rows
    ]


def group(*rules: Json, name: str = "web-nsg", subnets: tuple[str, ...] = (), nics: tuple[str, ...] = ()) -> Json:
    return {
        "id": f"{NSG}/{name}",
        "name": name,
        "location": "westeurope",
        "resourceGroup": "rg-prod",
        "securityRules": list(rules),
        "defaultSecurityRules": built_in(),
        "subnets": [{"id": one} for one in subnets] or None,
        "networkInterfaces": [{"id": one} for one in nics] or None,
    }


def nic(address: str = "10.0.0.5", nsg: str = "web-nsg", *, subnet: str = SUBNET, marks: tuple[str, ...] = ()) -> Json:
    return {
        "id": f"{NIC}/nic-{address}",
        "name": f"nic-{address}",
        "ipConfigurations": [
            {
                "name": "ipconfig1",
                "privateIPAddress": address,
                "publicIPAddress": {"id": f"{BASE}/publicIPAddresses/pip-{address}"},
                "subnet": {"id": subnet},
                "applicationSecurityGroups": [{"id": f"{BASE}/applicationSecurityGroups/{one}"} for one in marks],
            }
        ],
        "networkSecurityGroup": {"id": f"{NSG}/{nsg}".upper()} if nsg else None,
        "virtualMachine": {"id": f"{BASE}/virtualMachines/vm-1"},
    }


def vnet(nsg: str | None = None) -> Json:
    return {
        "id": VNET,
        "name": "vnet",
        "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]},
        "subnets": [
            {
                "id": SUBNET,
                "addressPrefix": "10.0.0.0/24",
                "networkSecurityGroup": {"id": f"{NSG}/{nsg}"} if nsg else None,
            }
        ],
    }


CASES = [
    ("a port", [rule(100, "Allow")], WEB, "pass"),
    ("one of several ranges", [rule(100, "Allow", ports=["80", "8000-8100"])], WEB, "pass"),
    ("none of them", [rule(100, "Allow", ports=["80", "8000-8079"])], WEB, "fail"),
    ("all protocols", [rule(100, "Allow", "*", "*")], "icmp from 203.0.113.7", "pass"),
    ("ICMP", [rule(100, "Allow", "Icmp", "*")], "icmp from 203.0.113.7", "pass"),
    ("udp is not tcp", [rule(100, "Allow", "Udp")], WEB, "fail"),
    ("deny before allow", [rule(100, "Deny"), rule(200, "Allow")], WEB, "fail"),
    ("allow before deny", [rule(100, "Allow"), rule(200, "Deny")], WEB, "pass"),
    ("the number's order, not the list's", [rule(200, "Deny"), rule(100, "Allow")], WEB, "pass"),
    ("one of several sources", [rule(100, "Allow", source=["198.51.100.0/24", "203.0.113.7"])], WEB, "pass"),
    ("another source", [rule(100, "Allow", source="198.51.100.0/24")], WEB, "fail"),
    ("Internet is what is public", [rule(100, "Allow", source="Internet")], WEB, "pass"),
    ("Internet is not what is private", [rule(100, "Deny", source="Internet"), rule(200, "Allow")], INNER, "pass"),
    ("VirtualNetwork is not what is public", [rule(100, "Allow", source="VirtualNetwork")], WEB, "fail"),
    ("whether it is in the network was not told", [], INNER, "unknown"),
    ("another tag", [rule(100, "Allow", source="AzureCloud")], WEB, "unknown"),
    ("the health probes", [], "tcp 8080 from 168.63.129.16", "pass"),
    ("nothing but what is built in", [], WEB, "fail"),
    ("to another machine", [rule(100, "Allow", destinationAddressPrefix="10.0.0.6")], WEB, "fail"),
    ("from low client ports", [rule(100, "Allow", sourcePortRange="1-1023")], WEB, "fail"),
    ("what is out is not in", [rule(100, "Allow", direction="Outbound")], WEB, "fail"),
]


@pytest.mark.parametrize(("rules", "packet", "expected"), [one[1:] for one in CASES], ids=[one[0] for one in CASES])
def test_the_rule_of_the_lowest_priority_decides(rules: list[Json], packet: str, expected: str) -> None:
    assert row([group(*rules), nic(), vnet_without_prefixes()], packet).status == expected


def vnet_without_prefixes() -> Json:
    """Tells that no group stands before the subnet, and of no addresses."""
    there = vnet()
    return {
        **there,
        "addressSpace": {"addressPrefixes": []},
        "subnets": [{"id": SUBNET, "addressPrefix": "", "networkSecurityGroup": None}],
    }


def test_the_virtual_networks_addresses_are_taken_from_its_description() -> None:
    documents = [group(), nic(), vnet()]
    assert row(documents, INNER).status is Status.PASS
    assert "AllowVnetInBound" in row(documents, INNER).summary
    # 172.16.0.0/12 may be peered with it.
    assert row(documents, "tcp 8080 from 172.16.0.9").status is Status.UNKNOWN


def test_the_subnets_group_is_asked_first_and_both_must_allow() -> None:
    open_, shut = group(rule(100, "Allow")), group(name="front-nsg")
    both = [open_, shut, nic(), vnet("front-nsg")]
    found = row(both, WEB)
    assert found.status is Status.FAIL
    assert "network security group front-nsg has no rule that lets" in found.summary
    assert "web-nsg" not in found.summary
    opened = [open_, group(rule(100, "Allow"), name="front-nsg"), nic(), vnet("front-nsg")]
    assert row(opened, WEB).status is Status.PASS
    assert row(opened, WEB).summary.index("front-nsg") < row(opened, WEB).summary.index("web-nsg")


def test_a_group_that_says_which_subnets_it_stands_before_is_found_by_that() -> None:
    found = row([group(rule(100, "Allow")), group(name="front-nsg", subnets=(SUBNET,)), nic()], WEB)
    assert "front-nsg" in found.summary
    assert found.status is Status.FAIL


def test_a_group_that_was_not_given_decides() -> None:
    found = row([group(rule(100, "Allow")), nic(), vnet("front-nsg")], WEB)
    assert found.status is Status.UNKNOWN
    assert "front-nsg, which were not among what was given" in found.summary


def test_where_nobody_told_of_the_subnet_it_is_a_warning() -> None:
    found = row([group(rule(100, "Allow")), nic()], WEB)
    assert found.status is Status.WARN
    assert "whether a group stands before its subnet" in found.summary


def test_without_any_group_what_is_private_passes_and_the_rest_depends_on_the_address() -> None:
    documents = [group(name="other"), nic(nsg=""), vnet()]
    assert row(documents, INNER).status is Status.PASS
    assert row(documents, WEB).status is Status.UNKNOWN


def test_the_interface_is_found_by_its_public_address() -> None:
    public = {"id": f"{BASE}/publicIPAddresses/pip-10.0.0.5", "name": "pip", "ipAddress": "20.1.2.3"}
    documents = [group(rule(100, "Allow", destinationAddressPrefix="10.0.0.5")), nic(), vnet(), public]
    # The rule sees the private address.
    assert row(documents, WEB, to="20.1.2.3").status is Status.PASS
    alone = row([group(rule(100, "Allow", destinationAddressPrefix="10.0.0.5"))], WEB, to="20.1.2.3")
    assert alone.status is Status.UNKNOWN
    assert "the target's private address" in alone.summary


def test_application_security_groups_mean_the_addresses_of_their_interfaces() -> None:
    marks = {"sourceApplicationSecurityGroups": [{"id": f"{BASE}/applicationSecurityGroups/app"}]}
    rules = [rule(100, "Allow", source="", **marks), rule(200, "Deny")]
    documents = [group(*rules), nic(), nic("10.0.1.9", "", marks=("app",)), nic("10.0.1.8", ""), vnet()]
    assert row(documents, INNER).status is Status.PASS
    assert row(documents, "tcp 8080 from 10.0.1.8").status is Status.FAIL
    assert row(documents, "tcp 8080 from 10.0.1.7").status is Status.UNKNOWN
    to = {"destinationApplicationSecurityGroups": [{"id": f"{BASE}/applicationSecurityGroups/app"}]}
    aimed = group(rule(100, "Allow", destinationAddressPrefix=None, **to))
    assert row([aimed, nic(marks=("app",)), vnet()], WEB).status is Status.PASS
    assert row([aimed, nic(), vnet()], WEB).status is Status.FAIL


def effective(*rules: Json, nsg: str, association: str) -> Json:
    return {
        "association": {association: {"id": SUBNET if association == "subnet" else f"{NIC}/nic-1"}},
        "effectiveSecurityRules": list(rules),
        "networkSecurityGroup": {"id": f"{NSG}/{nsg}"},
        "tagMap": None,
    }


def effective_rule(priority: int, access: str, name: str, source: str, expanded: list[str] | None) -> Json:
    return {
        "access": access,
        "destinationAddressPrefix": "0.0.0.0/0",
        "destinationAddressPrefixes": ["0.0.0.0/0"],
        "destinationPortRange": "0-65535",
        "destinationPortRanges": ["0-65535"],
        "direction": "Inbound",
        "expandedDestinationAddressPrefix": None,
        "expandedSourceAddressPrefix": expanded,
        "name": name,
        "priority": priority,
        "protocol": "All",
        "sourceAddressPrefix": source,
        "sourceAddressPrefixes": [source],
        "sourcePortRange": "0-65535",
        "sourcePortRanges": ["0-65535"],
    }


def test_effective_rules_have_their_tags_expanded_and_all_of_them_stand_before_the_interface() -> None:
    allow = effective_rule(100, "Allow", "securityRules/from-cloud", "AzureCloud", ["203.0.113.0/24"])
    deny = effective_rule(65500, "Deny", "defaultSecurityRules/DenyAllInBound", "0.0.0.0/0", None)
    outer = effective(allow, deny, nsg="front-nsg", association="subnet")
    inner = effective(allow, deny, nsg="web-nsg", association="networkInterface")
    assert row([{"value": [outer, inner]}], WEB).status is Status.PASS
    shut = effective(deny, nsg="web-nsg", association="networkInterface")
    found = row([{"value": [outer, shut]}], WEB)
    assert found.status is Status.FAIL
    assert "web-nsg" in found.summary
    assert row([{"value": [outer, inner]}], "tcp 8080 from 198.51.100.1").status is Status.FAIL


def test_rules_that_were_listed_alone_get_the_built_in_ones() -> None:
    assert row([[rule(100, "Allow")]], WEB).status is Status.WARN
    found = row([[rule(100, "Allow", ports="22")]], WEB)
    assert found.status is Status.FAIL
    assert "DenyAllInBound" in found.summary


def test_the_rest_apis_properties_are_read_likewise() -> None:
    plain = group(rule(100, "Allow"))
    nested = {
        "id": plain["id"],
        "name": "web-nsg",
        "properties": {
            "securityRules": [{"name": "r100", "id": "x", "properties": rule(100, "Allow")}],
            "defaultSecurityRules": [{"name": one["name"], "id": "x", "properties": one} for one in built_in()],
        },
    }
    assert row([nested], WEB).status == row([plain], WEB).status == Status.WARN


@pytest.mark.parametrize(
    ("rules", "priority"), [([], 100), ([rule(100, "Allow", ports="22")], 110), ([rule(300, "Deny")], 290)]
)
def test_the_proposed_rule_has_a_free_priority_before_the_one_that_denies(rules: list[Json], priority: int) -> None:
    found = row([group(*rules)], WEB)
    assert found.fix == (
        f"az network nsg rule create --resource-group rg-prod --nsg-name web-nsg --name allow-tcp-8080 "
        f"--priority {priority} --direction Inbound --access Allow --protocol Tcp "
        f"--source-address-prefixes 203.0.113.7/32 --source-port-ranges '*' --destination-address-prefixes '*' "
        f"--destination-port-ranges 8080",
    )


def test_the_proposed_rule_comes_before_what_may_deny_too() -> None:
    found = row([group(rule(200, "Deny", source="AzureCloud"))], WEB)
    assert found.status is Status.FAIL
    assert "--priority 190 " in found.fix[0]


def test_before_priority_100_there_is_no_room_so_the_rule_is_taken_away() -> None:
    found = row([group(rule(100, "Deny"))], WEB)
    assert found.fix == ("az network nsg rule delete --resource-group rg-prod --nsg-name web-nsg --name r100",)
    assert "web-nsg r100 (priority 100: Deny tcp 8080 from * to *)" in found.summary
    assert found.evidence[0].source == "az network nsg show -g rg-prod -n web-nsg"
