"""Are TCP options read as they are laid out, and nothing read where they make no sense?"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pathprobe.core.tcp_options import option_text, read_options

LINUX = bytes.fromhex("020405b40402080a00a174420000000001030307")


@pytest.mark.parametrize(
    ("octets", "options"),
    [
        pytest.param(b"", {}, id="none"),
        pytest.param(LINUX, {2: b"\x05\xb4", 4: b"", 8: bytes.fromhex("00a1744200000000"), 3: b"\x07"}, id="Linux SYN"),
        pytest.param(b"\x01\x01\x04\x02", {4: b""}, id="padding before"),
        pytest.param(b"\x04\x02\x00\x03\x03\x07", {4: b""}, id="the end of the list"),
        pytest.param(b"\x03\x03\x07\x03\x03\x02", {3: b"\x07"}, id="the same kind twice"),
        pytest.param(b"\x04\x02\x02\x00\x05\xb4", {4: b""}, id="a length of 0"),
        pytest.param(b"\x04\x02\x02\x01", {4: b""}, id="a length of 1"),
        pytest.param(b"\x04\x02\x02\x09\x05\xb4", {4: b""}, id="longer than the header"),
        pytest.param(b"\x04\x02\x02", {4: b""}, id="no length"),
        pytest.param(b"\xfd\x03\xaa", {253: b"\xaa"}, id="an experiment"),
    ],
)
def test_options_are_read_by_kind(octets: bytes, options: dict[int, bytes]) -> None:
    assert read_options(octets) == options


@settings(derandomize=True, deadline=None)
@given(st.binary(max_size=40))
def test_every_value_was_in_the_octets(octets: bytes) -> None:
    for kind, value in read_options(octets).items():
        assert bytes([kind, len(value) + 2]) + value in octets


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        (2, b"\x05\xb4", "MSS 1460"),
        (3, b"\x07", "window scale 7"),
        (4, b"", "SACK permitted"),
        (8, b"12345678", "timestamps"),
        (253, b"\xaa\xbb", "option 253 (aabb)"),
        (254, b"", "option 254"),
    ],
)
def test_an_option_is_told_by_its_name(kind: int, value: bytes, text: str) -> None:
    assert option_text(kind, value) == text
