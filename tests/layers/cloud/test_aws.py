"""AWS: security groups only allow and remember, network ACLs are asked in order and remember nothing."""

from __future__ import annotations

from typing import Any

import pytest

from pathprobe.core.layers import Status
from pathprobe.layers.cloud.documents import Node, Unreadable
from tests.layers.cloud.aws_shapes import (
    OPEN,
    SUBNET,
    acl,
    acls,
    entry,
    group,
    groups,
    interface,
    interfaces,
    permission,
    rule,
)
from tests.layers.cloud.cases import row

WORLD, WORLD6 = "0.0.0.0/0", "::/0"
WEB, ECHO = "tcp 80 from 203.0.113.7", "icmp from 203.0.113.7"
OPEN_ACL = acls(acl(*OPEN))
HTTP = groups(group(permission("tcp", 80, 80, WORLD)))

#: One group's permissions, behind an ACL that lets all through.
GROUP_CASES = [
    ("a port for everybody", [permission("tcp", 80, 80, WORLD)], WEB, "pass"),
    ("another port", [permission("tcp", 80, 80, WORLD)], "tcp 81 from 203.0.113.7", "fail"),
    ("the first of a range", [permission("tcp", 8000, 8100, WORLD)], "tcp 8000 from 203.0.113.7", "pass"),
    ("the last of a range", [permission("tcp", 8000, 8100, WORLD)], "tcp 8100 from 203.0.113.7", "pass"),
    ("behind the range", [permission("tcp", 8000, 8100, WORLD)], "tcp 8101 from 203.0.113.7", "fail"),
    ("udp is not tcp", [permission("tcp", 53, 53, WORLD)], "udp 53 from 203.0.113.7", "fail"),
    ("within the network", [permission("tcp", 80, 80, "203.0.113.0/24")], WEB, "pass"),
    ("outside of the network", [permission("tcp", 80, 80, "203.0.113.0/29")], "tcp 80 from 203.0.113.8", "fail"),
    ("all traffic", [permission("-1", None, None, WORLD)], "udp 4000 from 203.0.113.7", "pass"),
    ("all traffic is ICMP too", [permission("-1", None, None, WORLD)], ECHO, "pass"),
    ("all traffic has no ports", [permission("-1", 22, 22, WORLD)], WEB, "pass"),
    ("nothing at all", [], WEB, "fail"),
    ("echo by its type", [permission("icmp", 8, -1, WORLD)], ECHO, "pass"),
    ("all of ICMP", [permission("icmp", -1, -1, WORLD)], ECHO, "pass"),
    ("another type of ICMP", [permission("icmp", 3, 4, WORLD)], ECHO, "fail"),
    ("a protocol by number", [permission("6", 80, 80, WORLD)], WEB, "pass"),
    ("the second rule", [permission("tcp", 22, 22, WORLD), permission("tcp", 80, 80, WORLD)], WEB, "pass"),
    ("a second range", [permission("tcp", 80, 80, "10.0.0.0/8", "203.0.113.7/32")], WEB, "pass"),
    ("anybody, of whom some may", [permission("tcp", 80, 80, "10.0.0.0/8")], "tcp 80", "unknown"),
    ("anybody, who may", [permission("tcp", 80, 80, WORLD)], "tcp 80", "pass"),
    ("an unknown protocol", [permission("quic", 80, 80, WORLD)], WEB, "unknown"),
    (
        "an unknown rule beside a sure one",
        [permission("quic", 1, 2, WORLD), permission("tcp", 80, 80, WORLD)],
        WEB,
        "pass",
    ),
    ("a prefix list that was not given", [permission("tcp", 80, 80, "pl-1")], WEB, "unknown"),
    ("a group's members by their public addresses", [permission("tcp", 80, 80, "sg-2")], WEB, "fail"),
    ("a group whose members nobody told", [permission("tcp", 80, 80, "sg-2")], "tcp 80 from 10.0.9.9", "unknown"),
]


@pytest.mark.parametrize(
    ("permissions", "packet", "expected"), [case[1:] for case in GROUP_CASES], ids=[c[0] for c in GROUP_CASES]
)
def test_a_security_group_lets_in_what_one_of_its_rules_allows(permissions: Any, packet: str, expected: str) -> None:
    assert row([groups(group(*permissions)), OPEN_ACL], packet).status == expected


V6_CASES = [
    ("v6 for all", [permission("tcp", 80, 80, WORLD6)], "tcp 80 from 2001:db8:9::1", "pass"),
    ("v4 for all is not v6", [permission("tcp", 80, 80, WORLD)], "tcp 80 from 2001:db8:9::1", "fail"),
    ("a v6 network", [permission("tcp", 80, 80, "2001:db8:9::/48")], "tcp 80 from 2001:db8:9::1", "pass"),
    ("ICMPv6 is a protocol of its own", [permission("icmp", -1, -1, WORLD6)], "icmp from 2001:db8:9::1", "fail"),
    ("ICMPv6", [permission("icmpv6", -1, -1, WORLD6)], "icmp from 2001:db8:9::1", "pass"),
]


@pytest.mark.parametrize(
    ("permissions", "packet", "expected"), [case[1:] for case in V6_CASES], ids=[c[0] for c in V6_CASES]
)
def test_over_ipv6_the_ipv6_ranges_count(permissions: Any, packet: str, expected: str) -> None:
    open_acl = acls(acl(*OPEN, entry(101, "allow", end="::/0"), entry(101, "allow", end="::/0", out=True)))
    assert row([groups(group(*permissions)), open_acl], packet, to="2001:db8::5").status == expected


#: A network ACL's entries, before a group that lets in tcp 80 and all of ICMP.
ANSWERS = entry(100, "allow", "6", (1024, 65535), out=True)
ACL_CASES = [
    ("both ways", [entry(100, "allow", "6", (80, 80)), ANSWERS], WEB, "pass"),
    ("no way in", [ANSWERS], WEB, "fail"),
    ("no way out", [entry(100, "allow", "6", (80, 80))], WEB, "fail"),
    ("deny before allow", [entry(90, "deny", "6", (80, 80)), *OPEN], WEB, "fail"),
    ("allow before deny", [entry(110, "deny", "6", (80, 80)), *OPEN], WEB, "pass"),
    ("the order is the number's, not the list's", [*OPEN, entry(50, "deny", "6", (80, 80))], WEB, "fail"),
    ("a deny for somebody else", [entry(90, "deny", "6", (80, 80), "198.51.100.0/24"), *OPEN], WEB, "pass"),
    (
        "the answer's port is the client's, not the server's",
        [OPEN[0], entry(100, "allow", "6", (80, 80), out=True)],
        WEB,
        "fail",
    ),
    ("out to Linux, not to Windows", [OPEN[0], entry(100, "allow", "6", (32768, 60999), out=True)], WEB, "fail"),
    ("out to both, not to NAT gateways", [OPEN[0], entry(100, "allow", "6", (32768, 65535), out=True)], WEB, "warn"),
    ("a hole in the way out", [OPEN[0], entry(90, "deny", "6", (50000, 50000), out=True), OPEN[1]], WEB, "fail"),
    ("the answer out to others", [OPEN[0], entry(100, "allow", "-1", None, "10.0.0.0/8", out=True)], WEB, "fail"),
    (
        "echo both ways",
        [entry(100, "allow", "1", None, icmp=(8, -1)), entry(100, "allow", "1", None, out=True, icmp=(0, -1))],
        ECHO,
        "pass",
    ),
    (
        "echo in, its answer not out",
        [entry(100, "allow", "1", None, icmp=(-1, -1)), entry(100, "allow", "1", None, out=True, icmp=(8, -1))],
        ECHO,
        "fail",
    ),
    ("v6 alone", [entry(100, "allow", end="::/0"), entry(100, "allow", end="::/0", out=True)], WEB, "fail"),
]


@pytest.mark.parametrize(
    ("entries", "packet", "expected"), [case[1:] for case in ACL_CASES], ids=[c[0] for c in ACL_CASES]
)
def test_a_network_acl_is_asked_in_order_and_both_ways(entries: Any, packet: str, expected: str) -> None:
    behind = groups(group(permission("tcp", 80, 80, WORLD), permission("icmp", -1, -1, WORLD)))
    assert row([behind, acls(acl(*entries))], packet).status == expected


def test_whose_answer_dies_is_named_with_the_ports_of_linux_and_windows() -> None:
    entries = [OPEN[0], entry(100, "allow", "6", (1024, 50000), out=True)]
    found = row([HTTP, acls(acl(*entries))], WEB)
    assert "client ports 50001-65535" in found.summary
    assert "Linux (32768-60999) and Windows (49152-65535)" in found.summary
    assert "keeps no state" in found.why
    assert found.fix[0] == (
        "aws ec2 create-network-acl-entry --network-acl-id acl-1 --egress --rule-number 110 --protocol 6 "
        "--rule-action allow --cidr-block 203.0.113.7/32 --port-range From=1024,To=65535"
    )


def test_the_entry_that_denies_is_named_and_the_new_one_gets_a_free_number_before_it() -> None:
    entries = [entry(80, "allow", "6", (22, 22)), entry(90, "deny", "6", (80, 80)), *OPEN]
    found = row([HTTP, acls(acl(*entries))], WEB)
    assert "acl-1 inbound rule 90 (deny tcp 80 from 0.0.0.0/0)" in found.summary
    assert "--ingress --rule-number 89 --protocol 6" in found.fix[0]


def test_before_entry_1_there_is_no_room_so_it_is_taken_away() -> None:
    found = row([HTTP, acls(acl(entry(1, "deny", "6", (80, 80)), *OPEN))], WEB)
    assert found.fix == ("aws ec2 delete-network-acl-entry --network-acl-id acl-1 --ingress --rule-number 1",)


def test_the_missing_rule_is_proposed_for_this_port_and_client_alone() -> None:
    found = row([groups(group(permission("tcp", 8080, 8080, "10.0.0.0/8"))), OPEN_ACL], "tcp 8080 from 203.0.113.7")
    assert found.status is Status.FAIL
    assert "security group sg-1 (web) has no rule that lets tcp 8080 from 203.0.113.7 in" in found.summary
    assert found.fix == (
        "aws ec2 authorize-security-group-ingress --group-id sg-1 --protocol tcp --port 8080 --cidr 203.0.113.7/32",
    )
    # What would do for others is shown.
    assert found.evidence[0].text == "allow tcp 8080 from 10.0.0.0/8"
    assert found.evidence[0].source == "aws ec2 describe-security-groups"


def test_the_missing_rule_for_ipv6_and_icmp_is_proposed_in_the_long_form() -> None:
    empty = groups(group())
    six = row([empty], "tcp 80 from 2001:db8:9::1", to="2001:db8::5")
    echo = row([empty], ECHO)
    assert '"Ipv6Ranges":[{"CidrIpv6":"2001:db8:9::1/128"}]' in six.fix[0]
    assert '{"IpProtocol":"icmp","FromPort":8,"ToPort":-1,"IpRanges":[{"CidrIp":"203.0.113.7/32"}]}' in echo.fix[0]


def test_a_rule_for_everybody_is_proposed_with_a_word_of_warning() -> None:
    found = row([groups(group()), OPEN_ACL], "tcp 80")
    assert found.status is Status.FAIL
    assert found.fix[0].endswith("--cidr 0.0.0.0/0")
    assert found.fix[1].startswith("# that is for everybody")


# --- Which rules stand before the target


def test_of_several_groups_of_an_interface_any_may_allow() -> None:
    two = groups(
        group(permission("tcp", 22, 22, WORLD)), group(permission("tcp", 80, 80, WORLD), name="sg-2", title="b")
    )
    where = interfaces(interface("10.0.0.5", "sg-1", "sg-2"))
    found = row([two, where, OPEN_ACL], WEB)
    assert found.status is Status.PASS
    assert "security groups sg-1 (web) and sg-2 (b)" in found.summary


@pytest.mark.parametrize("target", ["10.0.0.5", "198.51.100.5", "2001:db8::5"])
def test_the_groups_are_found_from_the_private_the_public_and_the_ipv6_address(target: str) -> None:
    both = groups(
        group(permission("tcp", 80, 80, WORLD, WORLD6)),
        group(name="sg-2", title="other"),
        group(name="sg-3", title="x"),
    )
    where = interfaces(
        interface("10.0.0.5", "sg-1", public="198.51.100.5", six="2001:db8::5"), interface("10.0.0.6", "sg-2")
    )
    client = "2001:db8:9::1" if ":" in target else "203.0.113.7"
    found = row([both, where], f"tcp 80 from {client}", to=target)
    assert "security group sg-1 (web) lets" in found.summary


def test_the_groups_are_found_below_instances_too() -> None:
    described = {"Reservations": [{"Instances": [{"InstanceId": "i-1", "NetworkInterfaces": [interface()]}]}]}
    two = groups(group(permission("tcp", 80, 80, WORLD)), group(name="sg-2", title="other"))
    found = row([two, described, OPEN_ACL], WEB)
    assert found.status is Status.PASS
    assert any("i-1" in one.text for one in found.evidence)


def test_a_group_that_was_not_given_may_allow_and_may_not() -> None:
    where = interfaces(interface("10.0.0.5", "sg-1", "sg-9"))
    unclear = row([HTTP, where, OPEN_ACL], "tcp 22 from 203.0.113.7")
    assert unclear.status is Status.UNKNOWN
    assert "the rules of security group sg-9" in unclear.summary
    # Another group allows, and none can take that back.
    assert row([HTTP, where, OPEN_ACL], WEB).status is Status.PASS


def test_of_several_groups_and_no_interface_nobody_can_tell() -> None:
    found = row([groups(group(), group(name="sg-2"))], WEB)
    assert found.status is Status.UNKNOWN
    assert "which of the 2 groups stand before 10.0.0.5 cannot be told" in found.summary
    assert "--group" in found.summary


def test_an_address_that_two_networks_have_is_not_guessed_at() -> None:
    there = groups(group(permission("tcp", 80, 80, WORLD)), {**group(name="sg-2", title="other"), "VpcId": "vpc-2"})
    where = interfaces(interface(), {**interface("10.0.0.5", "sg-2"), "VpcId": "vpc-2"})
    found = row([there, where], WEB)
    assert found.status is Status.UNKNOWN
    assert "2 interfaces have 10.0.0.5" in found.summary
    assert row([there, where, OPEN_ACL], WEB, groups=("sg-1",)).status is Status.PASS


def test_the_group_that_is_named_is_taken_by_id_or_by_name() -> None:
    two = groups(group(permission("tcp", 80, 80, WORLD)), group(name="sg-2", title="other"))
    for name in ("sg-1", "web"):
        assert row([two, OPEN_ACL], WEB, groups=(name,)).status is Status.PASS
    assert row([two, OPEN_ACL], WEB, groups=("other",)).status is Status.FAIL
    with pytest.raises(Unreadable, match="no rules of group sg-7 were given"):
        row([two], WEB, groups=("sg-7",))


@pytest.mark.parametrize("target", ["10.0.0.6", "2001:db8::6"])
def test_no_rules_are_assumed_for_an_address_that_no_given_interface_has(target: str) -> None:
    client = "203.0.113.7" if "." in target else "2001:db8:9::1"
    found = row([HTTP, OPEN_ACL, interfaces(interface())], f"tcp 80 from {client}", to=target)
    assert found.status is Status.UNKNOWN
    assert f"none of the interfaces that were given has {target}" in found.summary
    named = row([HTTP, OPEN_ACL, interfaces(interface())], WEB, to="10.0.0.6", groups=("sg-1",))
    assert named.status is Status.PASS


def test_two_files_that_differ_about_a_group_are_not_put_together() -> None:
    shut = groups(group())
    with pytest.raises(Unreadable, match=r"0.json and 1.json tell different rules of sg-1"):
        row([shut, HTTP], WEB)
    assert row([HTTP, HTTP, OPEN_ACL], WEB).status is Status.PASS


@pytest.mark.parametrize(
    ("port", "expected", "words"),
    [
        (22, Status.WARN, "sg-1 IpPermissions[1] has the address 'foo.bar', which could not be understood"),
        (80, Status.UNKNOWN, "depends on the address 'foo.bar', which could not be understood"),
        (81, Status.FAIL, "sg-1 IpPermissions[1] has the address 'foo.bar', which could not be understood"),
    ],
)
def test_an_address_that_is_none_is_noticed_whatever_port_was_asked_for(
    port: int, expected: Status, words: str
) -> None:
    rules = groups(group(permission("tcp", 22, 22, WORLD), permission("tcp", 80, 80, "foo.bar")))
    found = row([rules, OPEN_ACL], f"tcp {port} from 203.0.113.7")
    assert found.status is expected
    assert found.summary.count("'foo.bar'") == 1
    assert words in found.summary


def test_what_was_assumed_is_said() -> None:
    found = row([HTTP, OPEN_ACL], WEB)
    assert "sg-1 (web) is assumed to stand before 10.0.0.5" in found.summary
    assert "acl-1 is assumed to stand before its subnet" in found.summary


def test_a_network_acl_that_was_not_given_is_a_warning_not_a_pass() -> None:
    found = row([HTTP], WEB)
    assert found.status is Status.WARN
    assert "aws ec2 describe-network-acls" in found.summary


def test_the_acl_is_that_of_the_subnet_else_the_default_one() -> None:
    where = interfaces(interface())
    closed, open_ = acl(name="acl-2", subnets=("subnet-2",), default=True), acl(*OPEN)
    assert row([HTTP, where, acls(closed, open_)], WEB).status is Status.PASS
    only_default = acl(name="acl-2", subnets=(), default=True)
    assert row([HTTP, where, acls(only_default)], WEB).status is Status.FAIL


def test_a_network_acl_does_not_see_traffic_within_its_subnet() -> None:
    where = interfaces(interface())
    inner = row([HTTP, where, acls(acl()), SUBNET], "tcp 80 from 10.0.0.9")
    outer = row([HTTP, where, acls(acl()), SUBNET], "tcp 80 from 10.0.1.9")
    unclear = row([HTTP, where, acls(acl())], "tcp 80 from 10.0.0.9")
    assert inner.status is Status.PASS
    assert "does not see traffic within its subnet" in inner.summary
    assert (outer.status, unclear.status) == (Status.FAIL, Status.UNKNOWN)


# --- What rules refer to


def test_a_referenced_group_means_its_members_private_addresses() -> None:
    described = groups(group(permission("tcp", 80, 80, "sg-2")))
    where = interfaces(
        interface("10.0.0.5", "sg-1"),
        interface("10.0.1.7", "sg-2", public="198.51.100.7"),
        interface("10.0.1.8", "sg-3"),
    )
    member, public, other, stranger = (
        row([described, where, OPEN_ACL], f"tcp 80 from {client}")
        for client in ("10.0.1.7", "198.51.100.7", "10.0.1.8", "10.0.1.9")
    )
    assert member.status is Status.PASS
    assert public.status is Status.FAIL
    assert other.status is Status.FAIL
    assert stranger.status is Status.UNKNOWN
    assert "whether the client belongs to security group sg-2" in stranger.summary


def test_a_group_may_reference_itself() -> None:
    described = groups(group(permission("-1", None, None, "sg-1")))
    where = interfaces(interface("10.0.0.5", "sg-1"), interface("10.0.0.6", "sg-1"))
    assert row([described, where, OPEN_ACL], "tcp 5432 from 10.0.0.6").status is Status.PASS


@pytest.mark.parametrize(("client", "expected"), [("203.0.113.7", "pass"), ("198.51.100.7", "fail")])
def test_a_prefix_list_is_looked_up(client: str, expected: str) -> None:
    described = groups(group(permission("tcp", 80, 80, "pl-0a")))
    entries = {"Entries": [{"Cidr": "203.0.113.0/24", "Description": "office"}], "PrefixListId": "pl-0a"}
    of_aws = {"PrefixLists": [{"PrefixListId": "pl-0a", "PrefixListName": "s3", "Cidrs": ["203.0.113.0/24"]}]}
    for given in (entries, of_aws):
        assert row([described, OPEN_ACL, given], f"tcp 80 from {client}").status == expected


def test_entries_of_a_prefix_list_are_told_apart_by_the_files_name() -> None:
    from pathprobe.layers.cloud import aws

    described = Node(groups(group(permission("tcp", 80, 80, "pl-0a1"))), "groups.json")
    entries = {"Entries": [{"Cidr": "203.0.113.0/24"}]}
    (rule_,) = [one for one in aws.read([described, Node(entries, "lists/pl-0a1.json")]).groups[0].rules if one.sources]
    assert rule_.sources is not None
    assert [str(one) for one in rule_.sources[0].networks] == ["203.0.113.0/24"]
    with pytest.raises(Unreadable, match="does not print whose entries"):
        aws.read([described, Node(entries, "entries.json")])


def test_rules_by_themselves_bring_their_ids_and_are_not_told_twice() -> None:
    described = groups(group(permission("tcp", 80, 80, WORLD)))
    rules = {"SecurityGroupRules": [rule(1, "tcp", 80, 80, WORLD), rule(2, "-1", -1, -1, WORLD, out=True)]}
    found = row([described, rules, OPEN_ACL], WEB)
    assert "security group sg-1 (web) lets tcp 80 from 203.0.113.7 in (sgr-1)" in found.summary
    from tests.layers.cloud.cases import account

    (read,) = account(described, rules).groups
    assert len(read.rules) == 2
    alone = row([rules, OPEN_ACL], WEB)
    assert alone.status is Status.PASS


# --- The client's own side, where it is in the account too

INNER = "tcp 80 from 10.0.1.7"


def _client(*out: Any, entries: Any = OPEN) -> list[Any]:
    """A web server that lets all in, and a client in another subnet behind these outbound rules and this ACL."""
    app = {**group(name="sg-2", title="app"), "IpPermissionsEgress": list(out)}
    where = interfaces(interface("10.0.0.5", "sg-1"), interface("10.0.1.7", "sg-2", subnet="subnet-2"))
    both = acls(acl(*OPEN), acl(*entries, name="acl-2", subnets=("subnet-2",)))
    return [groups(group(permission("tcp", 80, 80, WORLD)), app), where, both]


def test_a_client_whose_own_group_lets_nothing_out_is_named_and_its_fix_goes_out() -> None:
    assert row(_client(permission("tcp", 80, 80, WORLD)), INNER).status is Status.PASS
    assert row(_client(permission("tcp", 80, 80, "sg-1")), INNER).status is Status.PASS
    found = row(_client(permission("tcp", 443, 443, WORLD)), INNER)
    assert found.status is Status.FAIL
    assert "the client's security group sg-2 (app) has no rule that lets tcp 80 from 10.0.1.7 out" in found.summary
    assert found.fix == (
        "aws ec2 authorize-security-group-egress --group-id sg-2 --ip-permissions "
        '\'[{"IpProtocol":"tcp","FromPort":80,"ToPort":80,"IpRanges":[{"CidrIp":"10.0.0.5/32"}]}]\'',
    )


def test_the_clients_acl_must_let_the_request_out_and_the_answer_in() -> None:
    out = permission("-1", None, None, WORLD)
    no_way_out = row(_client(out, entries=[OPEN[0]]), INNER)
    assert "the client's network ACL acl-2 has no rule that lets tcp 80 from 10.0.1.7 out" in no_way_out.summary
    assert "--network-acl-id acl-2 --egress --rule-number 10 " in no_way_out.fix[0]
    assert no_way_out.fix[0].endswith("--cidr-block 10.0.0.5/32 --port-range From=80,To=80")
    no_answer = row(_client(out, entries=[OPEN[1]]), INNER)
    assert "the client's network ACL acl-2 has no rule that lets the answer in" in no_answer.summary
    assert "--ingress" in no_answer.fix[0]
    assert no_answer.fix[0].endswith("--cidr-block 10.0.0.5/32 --port-range From=1024,To=65535")


def test_a_clients_group_that_was_not_given_is_told_and_not_guessed_at() -> None:
    documents = _client()
    documents[0]["SecurityGroups"].pop()
    found = row(documents, INNER)
    assert found.status is Status.PASS
    assert any("outbound rules of the client's security group sg-2" in one.text for one in found.evidence)


def test_both_gates_that_are_shut_are_named_with_a_fix_each() -> None:
    found = row([groups(group()), acls(acl(entry(100, "allow", out=True)))], WEB)
    assert "network ACL acl-1" in found.summary
    assert "security group sg-1" in found.summary
    assert [line.split()[2] for line in found.fix] == ["create-network-acl-entry", "authorize-security-group-ingress"]


def test_a_document_that_is_cut_off_is_a_warning() -> None:
    found = row([{**HTTP, "NextToken": "abc"}, OPEN_ACL], WEB)
    assert found.status is Status.WARN
    assert "0.json is cut off" in found.summary
