"""Do pseudonyms keep what a reader needs of an address, and nothing else of it?"""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pathprobe.core.redaction.pseudonyms import KEY_SIZE, Pseudonyms

deterministic = settings(derandomize=True, deadline=None, max_examples=60)

KEY = b"k" * KEY_SIZE


def pseudonyms() -> Pseudonyms:
    return Pseudonyms(KEY)


def shared_bits(first: bytes, second: bytes) -> int:
    different = int.from_bytes(first, "big") ^ int.from_bytes(second, "big")
    return len(first) * 8 - different.bit_length()


@pytest.mark.parametrize("size", [4, 16])
@deterministic
@given(data=st.data())
def test_two_addresses_share_as_many_bits_afterwards_as_before(size: int, data: st.DataObject) -> None:
    first = data.draw(st.binary(min_size=size, max_size=size))
    kept = data.draw(st.integers(0, size * 8))
    tail = data.draw(st.integers(0, 2 ** (size * 8 - kept) - 1))
    second = (int.from_bytes(first, "big") >> (size * 8 - kept) << (size * 8 - kept) | tail).to_bytes(size, "big")
    if size == 16 and bytes(10) == first[:10]:
        return  # an IPv4 address may stand behind it, with bits of its own
    ours = pseudonyms()
    assert shared_bits(ours.packed(first), ours.packed(second)) == shared_bits(first, second)


@pytest.mark.parametrize(
    ("address", "block"),
    [
        ("10.1.2.3", "10."),
        ("192.168.1.7", "192.168."),
        ("100.64.9.9", "100."),
        ("169.254.7.7", "169.254."),
        ("239.1.2.3", "2"),
        ("fd12:3456::1", "fd"),
        ("fe80::211:22ff:fe33:4455", "fe80::"),
        ("ff05::2:3", "ff05:"),
        ("2a00:1450::1", "2"),
        ("::ffff:10.1.2.3", "::ffff:a"),
    ],
)
def test_what_kind_of_address_it_is_stays_to_be_seen(address: str, block: str) -> None:
    replaced = pseudonyms().address(address)
    assert replaced != address
    assert replaced.startswith(block)
    before, after = ip_address(address), ip_address(replaced)
    for kind in ("is_private", "is_link_local", "is_multicast", "is_loopback"):
        assert getattr(after, kind) == getattr(before, kind)


@pytest.mark.parametrize("address", ["172.15.255.255", "172.32.0.1", "11.0.0.1", "192.167.0.1", "9.9.9.9", "128.0.0.1"])
def test_a_public_address_never_becomes_a_private_one(address: str) -> None:
    for number in range(40):
        assert not ip_address(Pseudonyms(bytes([number]) * KEY_SIZE).address(address)).is_private


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "0.0.0.0", "::", "255.255.255.255", "224.0.0.1", "ff02::1"])
def test_what_is_nobodys_own_stays(address: str) -> None:
    assert pseudonyms().address(address) == address


def test_a_mac_address_cannot_be_read_from_an_interface_identifier() -> None:
    replaced = ip_address(pseudonyms().address("fe80::211:22ff:fe33:4455")).packed
    assert replaced[11:13] != b"\xff\xfe"
    assert replaced[:8] == ip_address("fe80::").packed[:8]


def test_an_embedded_ipv4_address_is_replaced_as_it_is_elsewhere() -> None:
    ours = pseudonyms()
    assert ip_address(ours.address("64:ff9b::10.1.2.3")).packed[12:] == ours.packed(bytes([10, 1, 2, 3]))


def test_another_key_gives_other_pseudonyms() -> None:
    assert pseudonyms().address("10.1.2.3") != Pseudonyms(b"x" * KEY_SIZE).address("10.1.2.3")


@pytest.mark.parametrize(
    "text",
    [
        "rejected by hop 2 (10.9.2.2) (admin prohibited).",
        "10.9.2.2:8080/tcp is filtered",
        "Ask who runs 10.9.2.2, and 10.9.2.2.",
        "[fd00::5]:8080/tcp is open",
        "to fd00::5: no answer",
        "fd00::5,fd00::5",
        "fe80::a:b%eth0",
        "::ffff:10.9.2.2 said so",
        "<10.9.2.2>",
        "10.9.2.2-10.9.2.2",
    ],
)
def test_every_address_in_a_text_is_replaced(text: str) -> None:
    ours = pseudonyms()
    replaced = ours.text(text)
    for address in ("::ffff:10.9.2.2", "10.9.2.2", "fd00::5", "fe80::a:b"):
        if address in text:
            assert address not in replaced
            assert ours.address(address) in replaced
            break


@pytest.mark.parametrize("text", ["at 12:00:00", "aa:bb:cc:dd:ee:ff", "pathprobe 0.1.0", "scapy 2.6.1.dev3", "hop 2"])
def test_what_is_no_address_stays(text: str) -> None:
    assert pseudonyms().text(text) == text


def test_names_are_numbered_as_they_come_and_are_the_same_everywhere() -> None:
    ours = pseudonyms()
    assert [ours.name(name) for name in ("web1.example", "db", "WEB1.example.", "db")] == [
        "host-1", "host-2", "host-1", "host-2",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("given_as", "told"),
    [
        ("web1:8080", "host-1:8080"),
        ("web1", "host-1"),
        ("web1:80,443", "host-1:80,443"),
        ("127.0.0.1:1", "127.0.0.1:1"),
    ],
)
def test_a_target_keeps_its_ports(given_as: str, told: str) -> None:
    assert pseudonyms().target(given_as) == told


def test_a_targets_address_keeps_its_brackets_and_its_zone() -> None:
    ours = pseudonyms()
    assert ours.target("[fd00::5]:8080") == f"[{ours.address('fd00::5')}]:8080"
    assert ours.target("fe80::5%eth0") == f"{ours.address('fe80::5')}%eth0"


def test_a_number_is_replaced_and_zero_stays() -> None:
    ours = pseudonyms()
    assert ours.number(0, 20) == 0
    assert ours.number(7, 20) == ours.number(7, 20) != 7
    assert 0 < ours.number(7, 20) < 1 << 20
