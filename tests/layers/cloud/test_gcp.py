"""Google Cloud: priorities, of equals the one that denies, and rules for machines with a tag."""

from __future__ import annotations

from typing import Any

import pytest

from pathprobe.core.layers import Status
from tests.layers.cloud.cases import row

Json = dict[str, Any]
WEB, INNER = "tcp 8080 from 203.0.113.7", "tcp 8080 from 10.0.1.9"
API = "https://www.googleapis.com/compute/v1/projects/p"


def rule(name: str, *allowed: str, denied: tuple[str, ...] = (), sources: Any = ("0.0.0.0/0",), **more: Any) -> Json:
    """``tcp:80,8000-9000``, ``icmp``, ``all``."""
    return {
        "kind": "compute#firewall",
        "id": "4711",
        "creationTimestamp": "2026-01-01T00:00:00.000-08:00",
        "name": name,
        "network": f"{API}/global/networks/default",
        "direction": "INGRESS",
        "priority": 1000,
        "disabled": False,
        "logConfig": {"enable": False},
        "selfLink": f"{API}/global/firewalls/{name}",
        **({"sourceRanges": list(sources)} if sources else {}),
        **({"allowed": [_protocol(one) for one in allowed]} if allowed else {}),
        **({"denied": [_protocol(one) for one in denied]} if denied else {}),
        **more,
    }


def _protocol(text: str) -> Json:
    name, _, ports = text.partition(":")
    return {"IPProtocol": name, **({"ports": ports.split(",")} if ports else {})}


def instance(address: str = "10.0.0.5", *tags: str, account: str = "web@p.iam.gserviceaccount.com") -> Json:
    return {
        "kind": "compute#instance",
        "name": f"vm-{address}",
        "tags": {"fingerprint": "x", "items": list(tags)} if tags else {"fingerprint": "x"},
        "serviceAccounts": [{"email": account, "scopes": []}],
        "networkInterfaces": [
            {
                "name": "nic0",
                "network": f"{API}/global/networks/default",
                "subnetwork": f"{API}/regions/europe-west1/subnetworks/default",
                "networkIP": address,
                "accessConfigs": [{"name": "External NAT", "natIP": f"34.0.0.{address.rpartition('.')[2]}"}],
            }
        ],
    }


CASES = [
    ("a port", [rule("web", "tcp:8080")], WEB, "pass"),
    ("one of several", [rule("web", "udp:53", "tcp:80,8000-9000")], WEB, "pass"),
    ("none of several", [rule("web", "udp:8080", "tcp:80,8081-9000")], WEB, "fail"),
    ("a protocol without ports", [rule("web", "tcp")], WEB, "pass"),
    ("all", [rule("web", "all")], "icmp from 203.0.113.7", "pass"),
    ("ICMP", [rule("ping", "icmp")], "icmp from 203.0.113.7", "pass"),
    ("a protocol by its number", [rule("web", "6:8080")], WEB, "pass"),
    ("nothing but what is implied", [rule("ssh", "tcp:22")], WEB, "fail"),
    ("deny before allow", [rule("web", "tcp:8080"), rule("no", denied=("all",), priority=900)], WEB, "fail"),
    (
        "allow before deny",
        [rule("web", "tcp:8080", priority=800), rule("no", denied=("all",), priority=900)],
        WEB,
        "pass",
    ),
    ("of equals the one that denies", [rule("web", "tcp:8080"), rule("no", denied=("tcp:8080",))], WEB, "fail"),
    (
        "a disabled one does not count",
        [rule("web", "tcp:8080"), rule("no", denied=("all",), priority=1, disabled=True)],
        WEB,
        "pass",
    ),
    ("from elsewhere", [rule("web", "tcp:8080", sources=("198.51.100.0/24",))], WEB, "fail"),
    ("without a source everybody is meant", [rule("web", "tcp:8080", sources=())], WEB, "pass"),
    ("what is out is not in", [rule("web", "tcp:8080", direction="EGRESS")], WEB, "fail"),
    (
        "of another network",
        [rule("web", "tcp:8080", network=f"{API}/global/networks/other"), rule("ssh", "tcp:22")],
        WEB,
        "fail",
    ),
    ("for this tag", [rule("web", "tcp:8080", targetTags=["web"])], WEB, "pass"),
    ("for another tag", [rule("web", "tcp:8080", targetTags=["db"])], WEB, "fail"),
    (
        "for this account",
        [rule("web", "tcp:8080", targetServiceAccounts=["web@p.iam.gserviceaccount.com"])],
        WEB,
        "pass",
    ),
    (
        "from machines with a tag, by a public address",
        [rule("web", "tcp:8080", sources=(), sourceTags=["app"])],
        WEB,
        "fail",
    ),
    (
        "from machines with a tag, whoever they are",
        [rule("web", "tcp:8080", sources=(), sourceTags=["app"])],
        INNER,
        "unknown",
    ),
    ("to this machine", [rule("web", "tcp:8080", destinationRanges=["10.0.0.0/24"])], WEB, "pass"),
    ("to another machine", [rule("web", "tcp:8080", destinationRanges=["10.0.9.0/24"])], WEB, "fail"),
]


@pytest.mark.parametrize(("rules", "packet", "expected"), [one[1:] for one in CASES], ids=[one[0] for one in CASES])
def test_the_rule_of_the_lowest_priority_decides(rules: list[Json], packet: str, expected: str) -> None:
    assert row([rules, [instance("10.0.0.5", "web")]], packet).status == expected


def test_over_ipv6_nothing_is_meant_by_ipv4_ranges() -> None:
    six = "tcp 8080 from 2001:db8:9::1"
    assert row([[rule("web", "tcp:8080", sources=("::/0",))]], six, to="2001:db8::5").status is Status.PASS
    assert row([[rule("web", "tcp:8080", sources=())]], six, to="2001:db8::5").status is Status.FAIL


def test_source_tags_mean_the_internal_addresses_of_their_machines() -> None:
    rules = [rule("web", "tcp:8080", sources=("203.0.113.7/32",), sourceTags=["app"])]
    documents = [rules, [instance("10.0.0.5", "web"), instance("10.0.1.9", "app"), instance("10.0.1.8", "db")]]
    assert row(documents, INNER).status is Status.PASS
    assert row(documents, "tcp 8080 from 10.0.1.8").status is Status.FAIL
    assert row(documents, WEB).status is Status.PASS


def test_whether_a_rule_is_about_a_machine_that_nobody_described_is_not_guessed() -> None:
    rules = [rule("web", "tcp:8080", targetTags=["web"])]
    unclear = row([rules], WEB)
    assert unclear.status is Status.UNKNOWN
    assert "whether the target has one of the tags web" in unclear.summary
    assert row([rules], WEB, groups=("web",)).status is Status.PASS
    assert row([rules], WEB, groups=("db",)).status is Status.FAIL


def test_the_machine_is_found_by_its_external_address_and_its_network_with_it() -> None:
    other = rule("web", "tcp:8080", network=f"{API}/global/networks/other")
    found = row([[other, rule("ssh", "tcp:22")], [instance()]], WEB, to="34.0.0.5")
    assert found.status is Status.FAIL
    assert "VPC firewall default has no rule" in found.summary


def test_of_several_networks_the_one_that_is_named_is_taken() -> None:
    rules = [rule("web", "tcp:8080", network=f"{API}/global/networks/other"), rule("ssh", "tcp:22")]
    assert row([rules], WEB).status is Status.UNKNOWN
    assert row([rules], WEB, groups=("other",)).status is Status.PASS


def test_firewall_policies_that_were_printed_are_not_followed_and_so_decide() -> None:
    effective = {"firewalls": [rule("web", "tcp:8080")], "firewallPolicys": [{"name": "42", "rules": []}]}
    found = row([effective], WEB)
    assert found.status is Status.UNKNOWN
    assert "firewall policies" in found.summary
    assert row([{"firewalls": [rule("web", "tcp:8080")]}], WEB).status is Status.PASS


@pytest.mark.parametrize(("denied", "priority"), [([], 1000), ([rule("no", denied=("all",), priority=500)], 499)])
def test_the_proposed_rule_comes_before_the_one_that_denies(denied: list[Json], priority: int) -> None:
    found = row([[rule("ssh", "tcp:22", priority=400), *denied]], WEB)
    assert found.fix[0] == (
        f"gcloud compute firewall-rules create allow-tcp-8080 --network default --direction INGRESS --action ALLOW "
        f"--rules tcp:8080 --source-ranges 203.0.113.7/32 --priority {priority}"
    )
    assert found.fix[1].startswith("# for all machines")


def test_before_priority_0_nothing_comes_so_the_rule_is_disabled() -> None:
    found = row([[rule("no", denied=("tcp",), priority=0)]], WEB)
    assert found.fix[0] == "gcloud compute firewall-rules update no --disabled"
    assert "no (priority 0: deny tcp from 0.0.0.0/0)" in found.summary
