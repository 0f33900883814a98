"""Nobody's answer is taken but that to a probe of ours."""

from __future__ import annotations

import struct

from hypothesis import given, settings
from hypothesis import strategies as st

from pathprobe.core.sweep_tokens import Tokens

deterministic = settings(derandomize=True, deadline=None)
PORTS = range(40_000, 40_064)
words = st.integers(0, 0xFFFFFFFF)
attempts = st.integers(0, 60)


def tokens(bits: int) -> Tokens:
    return Tokens(struct.pack("=I", bits), PORTS)


@deterministic
@given(words, attempts)
def test_a_sequence_number_says_which_try_it_is(bits: int, attempt: int) -> None:
    _, sequence, _ = tokens(bits).written(0, attempt)
    assert 0 <= sequence <= 0xFFFFFFFF
    assert tokens(bits).attempt_of_sequence(0, sequence) == attempt


@deterministic
@given(words, words, attempts)
def test_any_other_sequence_number_is_no_try_that_was_made(bits: int, other: int, asked: int) -> None:
    ours = {tokens(bits).written(0, attempt)[1] for attempt in range(asked)}
    assert (tokens(bits).attempt_of_sequence(0, other) < asked) == (other in ours)


@deterministic
@given(words, attempts)
def test_a_source_port_is_one_of_ours_and_says_which_try_it_is(bits: int, attempt: int) -> None:
    port, _, _ = tokens(bits).written(0, attempt)
    assert port in PORTS
    assert tokens(bits).attempt_of_port(0, port, asked=attempt + 1) == attempt
    assert tokens(bits).attempt_of_port(0, port, asked=attempt) is None


@deterministic
@given(words, attempts)
def test_a_udp_checksum_is_never_none(bits: int, attempt: int) -> None:
    assert 1 <= tokens(bits).written(0, attempt)[2] <= 0xFFFF
