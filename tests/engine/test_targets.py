"""HOST:PORT means what the page says, and a bad one is answered with what to write."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from pathprobe.core.report import Target
from pathprobe.engine.targets import MOST_PORTS, BadTarget, Unresolvable, Wanted, parse, resolve

#: Name -> its addresses in the resolver's order. No other name has any, and none is looked for outside.
NAMES = {
    "localhost": ["::1", "127.0.0.1"],
    "web1": ["10.0.0.5", "10.0.0.6"],
    "both": ["fd00::5", "10.0.0.5"],
    "scoped": ["fe80::5%2"],
}


@pytest.fixture(autouse=True)
def lookups(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A resolver of our own; gives the names that were looked up."""
    asked: list[str] = []

    def getaddrinfo(host: str, port: object, family: int, kind: int) -> list[tuple[Any, ...]]:
        asked.append(host)
        host.encode("idna")
        wanted = {socket.AF_INET: ".", socket.AF_INET6: ":", socket.AF_UNSPEC: ""}[family]  # type: ignore[index]
        found = [address for address in NAMES.get(host, ()) if wanted in address]
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(family, kind, 6, "", (address, port)) for address in found]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


@pytest.mark.parametrize(
    ("text", "host", "ports"),
    [
        ("10.0.0.5:8080", "10.0.0.5", (8080,)),
        ("web1:1", "web1", (1,)),
        ("web1.example.org:65535", "web1.example.org", (65535,)),
        ("[fd00::5]:8080", "fd00::5", (8080,)),
        ("[::1]:22,80", "::1", (22, 80)),
        ("[fe80::1%eth0]:22", "fe80::1%eth0", (22,)),
        ("web1:80,443", "web1", (80, 443)),
        ("web1:8000-8003", "web1", (8000, 8001, 8002, 8003)),
        ("web1:80-80", "web1", (80,)),
        ("web1:22,8000-8002,443", "web1", (22, 8000, 8001, 8002, 443)),
        ("web1:443,80,443", "web1", (443, 80)),
        ("web1:80-82,81-83", "web1", (80, 81, 82, 83)),
        ("web1:0080", "web1", (80,)),
        (f"web1:1-{MOST_PORTS}", "web1", tuple(range(1, MOST_PORTS + 1))),
    ],
)
def test_every_form_of_a_target_is_read(text: str, host: str, ports: tuple[int, ...]) -> None:
    assert parse(text, with_port=True) == Wanted(given=text, host=host, ports=ports)


@pytest.mark.parametrize(
    ("text", "host"), [("10.0.0.5", "10.0.0.5"), ("web1", "web1"), ("fd00::5", "fd00::5"), ("[fd00::5]", "fd00::5")]
)
def test_echo_has_a_host_and_no_port(text: str, host: str) -> None:
    assert parse(text, with_port=False) == Wanted(given=text, host=host, ports=())


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("", "no host name or address; write HOST:PORT"),
        (":80", "no host name or address; write HOST:PORT"),
        ("[]:80", "no host name or address; write HOST:PORT"),
        ("web1", "has no port: write HOST:PORT"),
        ("web1:", "has no port: write HOST:PORT"),
        ("[fd00::5]", "has no port: write HOST:PORT"),
        ("[fd00::5]:", "has no port: write HOST:PORT"),
        ("fd00::5:80", "write an IPv6 target as [ADDRESS]:PORT"),
        ("http://web1:80", "write an IPv6 target as [ADDRESS]:PORT"),
        ("[fd00::5", "an IPv6 target is written [ADDRESS]:PORT"),
        ("[fd00::5]80", "an IPv6 target is written [ADDRESS]:PORT"),
        ("web1:http", "'http' is no port: write HOST:PORT, HOST:PORT,PORT or HOST:LOW-HIGH"),
        ("web1:80/tcp", "'80/tcp' is no port"),
        ("web1:80,", "'80,' is no port"),
        ("web1:,80", "',80' is no port"),
        ("web1:80-", "'80-' is no port"),
        ("web1:-80", "'-80' is no port"),
        ("web1:1-2-3", "'1-2-3' is no port"),
        ("web1:80 ", "'80 ' is no port"),
        ("web1:+80", "'+80' is no port"),
        ("web1:\u0668\u0660", "is no port"),
        ("web1:0", "ports go from 1 to 65535, low before high, not 0"),
        ("web1:65536", "ports go from 1 to 65535, low before high, not 65536"),
        ("web1:90-80", "ports go from 1 to 65535, low before high, not 90-80"),
        ("web1:80,0-3", "ports go from 1 to 65535, low before high, not 0-3"),
        ("web1:1-1025", "1025 ports; a target has at most 1024"),
        ("web1:1-65535", "65535 ports; a target has at most 1024"),
        ("my web1:80", "no host name or address"),
        ("me@web1:22", "no host name or address"),
        ("10.0.0.0/24:80", "no host name or address"),
    ],
)
def test_a_bad_target_is_answered_with_what_to_write(text: str, hint: str) -> None:
    with pytest.raises(BadTarget) as caught:
        parse(text, with_port=True)
    message = str(caught.value)
    assert hint in message
    assert repr(text) in message
    assert "\n" not in message


@pytest.mark.parametrize("text", ["", "[fd00::5", "[fd00::5]x", "a b", "10.0.0.0/24", "me@web1"])
def test_a_bad_host_for_echo_is_answered_without_a_word_on_ports(text: str) -> None:
    with pytest.raises(BadTarget, match=r"write HOST$|is written \[ADDRESS\]"):
        parse(text, with_port=False)


def targets(text: str, *, protocol: str = "tcp", family: int | None = None) -> list[Target]:
    return list(resolve(parse(text, with_port=protocol == "tcp"), protocol=protocol, family=family))


def unresolvable(text: str, family: int | None = None) -> str:
    with pytest.raises(Unresolvable) as caught:
        targets(text, family=family)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("10.0.0.5:80", "10.0.0.5"),
        ("[fd00::5]:80", "fd00::5"),
        ("[FD00:0:0:0::5]:80", "fd00::5"),
        ("[10.0.0.5]:80", "10.0.0.5"),
    ],
)
def test_an_address_is_taken_as_it_is_in_its_canonical_form(text: str, address: str, lookups: list[str]) -> None:
    assert targets(text) == [Target(given=text, address=address, port=80, protocol="tcp")]
    assert lookups == []


@pytest.mark.parametrize(
    ("text", "family", "address"),
    [
        ("web1:80", None, "10.0.0.5"),
        ("both:80", None, "fd00::5"),
        ("both:80", 4, "10.0.0.5"),
        ("both:80", 6, "fd00::5"),
        ("localhost:80", 4, "127.0.0.1"),
        ("localhost:80", 6, "::1"),
        ("10.0.0.5:80", 4, "10.0.0.5"),
        ("[fd00::5]:80", 6, "fd00::5"),
        ("scoped:80", None, "fe80::5"),
    ],
)
def test_the_first_address_of_the_wanted_family_counts(text: str, family: int | None, address: str) -> None:
    assert [target.address for target in targets(text, family=family)] == [address]


def test_the_machine_s_own_resolver_knows_localhost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert [target.address for target in targets("localhost:80", family=4)] == ["127.0.0.1"]


def test_one_lookup_serves_all_ports_and_each_has_its_own_name(lookups: list[str]) -> None:
    assert [(target.given, target.port) for target in targets("web1:80,8000-8001")] == [
        ("web1:80", 80),
        ("web1:8000", 8000),
        ("web1:8001", 8001),
    ]
    assert lookups == ["web1"]


def test_several_ports_of_an_ipv6_address_keep_their_brackets() -> None:
    assert [target.given for target in targets("[fd00::5]:80,443")] == ["[fd00::5]:80", "[fd00::5]:443"]


def test_echo_resolves_to_a_target_without_a_port() -> None:
    assert targets("web1", protocol="icmp") == [Target(given="web1", address="10.0.0.5", port=None, protocol="icmp")]


@pytest.mark.parametrize(
    ("text", "family", "reason"),
    [
        ("10.0.0.5:80", 6, "10.0.0.5 is an IPv4 address and -6 was asked for"),
        ("[fd00::5]:80", 4, "fd00::5 is an IPv6 address and -4 was asked for"),
        ("nohost.invalid:80", None, "cannot resolve nohost.invalid: Name or service not known; check the name"),
        ("web1:80", 6, "cannot resolve web1: Name or service not known; check the name, or give the address"),
        (f"{'a' * 64}.example:80", None, "no valid name"),
        ("a..b:80", None, "no valid name"),
        ("0.0.0.0:80", None, "is not the address of one host"),
        ("255.255.255.255:80", None, "is not the address of one host"),
        ("224.0.0.1:80", None, "is not the address of one host"),
        ("[::]:80", None, "is not the address of one host"),
        ("[ff02::1]:80", None, "is not the address of one host"),
    ],
)
def test_what_has_no_usable_address_is_told_in_one_line(text: str, family: int | None, reason: str) -> None:
    message = unresolvable(text, family)
    assert reason in message
    assert "\n" not in message
