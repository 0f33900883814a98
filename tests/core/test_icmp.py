"""Does every ICMP code mean what the contract says?"""

from __future__ import annotations

import pytest

from pathprobe.core.icmp import ERROR_TYPES, Meaning, explain

REJECT = {4: [(3, 2), (3, 3), (3, 9), (3, 10), (3, 13)], 6: [(1, 1), (1, 4), (1, 5), (1, 6)]}
NO_ROUTE = {4: [(3, code) for code in (0, 1, 5, 6, 7, 8, 11, 12)], 6: [(1, 0), (1, 2), (1, 3)]}
TIME_EXCEEDED = {4: [(11, 0)], 6: [(3, 0)]}
TOO_BIG = {4: [(3, 4)], 6: [(2, 0)]}

MEANINGS = {
    Meaning.REJECT: REJECT,
    Meaning.NO_ROUTE: NO_ROUTE,
    Meaning.TIME_EXCEEDED: TIME_EXCEEDED,
    Meaning.TOO_BIG: TOO_BIG,
}
TABLE = [
    (version, code, meaning) for meaning, codes in MEANINGS.items() for version in (4, 6) for code in codes[version]
]
KNOWN = {(version, code) for version, code, _ in TABLE}


@pytest.mark.parametrize(("version", "code", "meaning"), TABLE)
def test_a_code_means_what_the_contract_says(version: int, code: tuple[int, int], meaning: Meaning) -> None:
    assert explain(version, *code).meaning is meaning


@pytest.mark.parametrize("version", [4, 6])
def test_every_other_code_means_nothing_we_know_and_is_named_by_its_numbers(version: int) -> None:
    for type_ in range(256):
        for code in range(256):
            if (version, (type_, code)) not in KNOWN:
                message = explain(version, type_, code)
                assert (message.meaning, message.name) == (Meaning.OTHER, f"ICMP type {type_} code {code}")


@pytest.mark.parametrize("version", [4, 6])
def test_no_two_codes_have_the_same_name(version: int) -> None:
    names = [explain(version, *code).name for of_version, code in KNOWN if of_version == version]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(("version", "code"), [(4, (3, 3)), (6, (1, 4))])
def test_port_unreachable_alone_is_marked_as_such(version: int, code: tuple[int, int]) -> None:
    marked = [key for of, key in KNOWN if of == version and explain(of, *key).port_unreachable]
    assert marked == [code]


@pytest.mark.parametrize(("version", "code"), sorted(KNOWN))
def test_every_known_code_belongs_to_a_type_that_quotes_a_packet(version: int, code: tuple[int, int]) -> None:
    assert code[0] in ERROR_TYPES[version]


def test_types_that_quote_nothing_are_not_among_the_errors() -> None:
    # RFC 792: a redirect (5) quotes the packet, echo (8, 0) does not; RFC 4443: errors are below 128.
    assert {5} <= ERROR_TYPES[4]
    assert not ERROR_TYPES[4] & {0, 8}
    assert all(type_ < 128 for type_ in ERROR_TYPES[6])
