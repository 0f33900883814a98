"""What firewalld's commands and files say is read alike, in the spelling of several versions."""

from __future__ import annotations

import pytest

from pathprobe.layers.firewall.owners.firewalld import listing, rich, stored
from pathprobe.layers.firewall.owners.firewalld.zones import ForwardPort, PortRange, Zone
from tests.layers.firewall.owners.recordings import commands_of, files_of

DEBIAN, RHEL_9, RHEL_7, LATER = (
    "firewalld-1.3-debian-12",
    "firewalld-rhel-9-by-its-format",
    "firewalld-rhel-7-by-its-format",
    "firewalld-2.3-by-its-format",
)


def zone(name: str, recording: str, command: str = "firewall-cmd --list-all-zones") -> Zone:
    return listing.zones(commands_of(recording)[command])[name]


def test_a_zone_of_a_listing_is_read_to_its_last_line() -> None:
    dmz = zone("dmz", DEBIAN)
    assert (dmz.target, dmz.interfaces, dmz.sources) == ("default", ("eth1",), ())
    held = dmz.holds
    assert [str(one) for one in held.ports] == ["9000-9010/tcp"]
    assert (held.services, held.protocols) == (("ssh",), ("gre",))
    assert [str(one) for one in held.source_ports] == ["53/udp"]
    taken = PortRange(ports=(80, 80), protocol="tcp")
    assert held.forward_ports == (ForwardPort(taken=taken, port="8080", address="10.20.0.9"),)
    assert [rule.action for rule in held.rich_rules] == ["drop", "accept", "drop"]
    assert held.unclear == ()


def test_the_files_of_a_zone_and_a_policy_say_what_the_commands_list() -> None:
    files = files_of(DEBIAN)
    listed = zone("dmz", DEBIAN, "firewall-cmd --permanent --list-all-zones")
    kept = stored.zone("dmz", files["/etc/firewalld/zones/dmz.xml"])
    assert kept is not None
    in_order = sorted(kept.holds.rich_rules, key=lambda rule: rule.priority)
    assert in_order == list(listed.holds.rich_rules)
    assert kept.holds.ports == listed.holds.ports
    assert (kept.name, kept.target, kept.interfaces) == (listed.name, listed.target, listed.interfaces)
    assert kept.holds.forward_ports == listed.holds.forward_ports
    policies = listing.policies(commands_of(DEBIAN)["firewall-cmd --permanent --list-all-policies"])
    assert stored.policy("guests", files["/etc/firewalld/policies/guests.xml"]) == policies["guests"]


@pytest.mark.parametrize("name", ["samba", "dhcpv6-client"])
def test_a_service_is_alike_in_its_file_and_in_what_the_command_says(name: str) -> None:
    listed = listing.services(commands_of(DEBIAN)[f"firewall-cmd --info-service={name}"])[name]
    assert stored.service(name, files_of(DEBIAN)[f"/usr/lib/firewalld/services/{name}.xml"]) == listed


def test_a_forward_port_behind_its_key_is_read_as_one_on_a_line_of_its_own() -> None:
    (forward,) = zone("public", RHEL_7).holds.forward_ports
    assert (str(forward.taken), forward.port, forward.address) == ("80/tcp", "8080", "")


def test_the_default_zone_s_mark_and_the_priorities_of_version_2_are_read() -> None:
    assert zone("public", LATER).interfaces == ("enp1s0",)
    assert (zone("internal", LATER).priority, zone("lab", LATER).priority) == (10, -10)


def test_an_address_of_version_6_ends_a_forward_port() -> None:
    forward = listing.forward_port("port=80-90:proto=tcp:toport=8080:toaddr=2001:db8::9")
    assert forward is not None
    assert (forward.taken.ports, forward.address) == ((80, 90), "2001:db8::9")


@pytest.mark.parametrize("word", ["tcp", "80", "80/", "a-b/tcp", "80-/tcp"])
def test_what_is_no_port_is_kept_as_unclear(word: str) -> None:
    held = listing.zones(f"public\n  ports: {word} 8080/tcp\n")["public"].holds
    assert [str(one) for one in held.ports] == ["8080/tcp"]
    assert held.unclear == (word,)


@pytest.mark.parametrize("text", ["", "<zone", "<policy/>", "\x00", "<!DOCTYPE a><a/>"])
def test_a_file_that_is_no_zone_is_none(text: str) -> None:
    assert stored.zone("public", text) is None


def test_an_element_that_no_version_had_is_kept_as_unclear() -> None:
    kept = stored.zone("public", '<zone><tunnel name="x"/><port port="80" protocol="tcp"/></zone>')
    assert kept is not None
    assert kept.holds.unclear == ('<tunnel name="x" />',)


@pytest.mark.parametrize(
    ("text", "action", "priority", "element", "is_limited"),
    [
        ("rule accept", "accept", 0, None, False),
        ('rule priority="-10" service name="http" drop', "drop", -10, "service", False),
        (
            'rule family="ipv4" port port="80" protocol="tcp" reject type="icmp-port-unreachable"',
            "reject",
            0,
            "port",
            False,
        ),
        ('rule service name="ftp" log limit value="1/m" audit accept', "accept", 0, "service", False),
        ('rule service name="ftp" accept limit value="1/m"', "accept", 0, "service", True),
        ('rule protocol value="esp" mark set="1"', "mark", 0, "protocol", False),
        ('rule service name="ssh" nflog group="2"', "", 0, "service", False),
    ],
)
def test_rich_rules(text: str, action: str, priority: int, element: str | None, is_limited: bool) -> None:
    rule = rich.parse(text)
    assert rule.is_understood
    assert (rule.action, rule.priority, rule.is_limited) == (action, priority, is_limited)
    assert (rule.element[0] if rule.element else None) == element


@pytest.mark.parametrize("spelling", ['source NOT address="10.0.0.0/8"', 'source not address="10.0.0.0/8"'])
def test_a_negated_source_is_read(spelling: str) -> None:
    rule = rich.parse(f'rule family="ipv4" {spelling} accept')
    assert (rule.source, rule.source_negated) == ({"address": "10.0.0.0/8"}, True)


@pytest.mark.parametrize(
    "text",
    ["", "rule service name='", "accept", "rule colour=green accept", "rule priority=high accept", "rule moon accept"],
)
def test_a_rich_rule_that_is_not_in_the_language_is_not_understood(text: str) -> None:
    assert not rich.parse(text).is_understood
