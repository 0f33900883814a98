"""Very many pairs are told apart by numbers."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pathprobe.core.pair_table import KINDS, PairTable, address_number, key_of
from pathprobe.core.pairs import Pair
from pathprobe.core.probes import Kind

deterministic = settings(derandomize=True, deadline=None)
addresses = st.ip_addresses().map(str)
a_pair = st.builds(Pair, kind=st.sampled_from(Kind), address=addresses, port=st.integers(0, 0xFFFF))


@deterministic
@given(st.lists(a_pair, max_size=50))
def test_every_pair_is_kept_once_and_as_it_was_given(pairs: list[Pair]) -> None:
    table = PairTable(pairs + pairs)
    assert [table.pair(index) for index in range(len(table))] == list(dict.fromkeys(pairs))


@deterministic
@given(st.lists(a_pair, max_size=50))
def test_an_answer_finds_its_pair(pairs: list[Pair]) -> None:
    table = PairTable(pairs)
    for pair in pairs:
        address = ip_address(pair.address)
        index = table.by_key[key_of(address.version, KINDS.index(pair.kind), int(address), pair.port)]
        assert table.pair(index) == pair


@deterministic
@given(addresses)
def test_an_address_is_the_number_it_stands_for(address: str) -> None:
    assert address_number(address) == int(ip_address(address))


@pytest.mark.parametrize(
    ("addresses", "networks"),
    [
        (["10.0.0.1", "10.0.0.255"], 1),
        (["10.0.0.255", "10.0.1.0"], 2),
        (["fd00::1", "fd00::ffff:0:0:1"], 1),
        (["fd00::1", "fd00:0:0:1::1"], 2),
        (["0.0.0.1", "::1"], 2),
    ],
)
def test_neighbours_are_a_24_or_a_64(addresses: list[str], networks: int) -> None:
    assert PairTable(Pair(kind=Kind.TCP, address=address, port=80) for address in addresses).networks == networks
