"""What a capture says beside its packets is read back as it was written, and only if it is ours."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pathprobe.core.evidence import Observation
from pathprobe.core.outcomes import NOT_SEEN, NotSent, Outcome, Silent
from pathprobe.core.probes import Flow, Kind, Probe, Role
from pathprobe.engine.notes import Asked, Asking, KeptBack, kept_back_note, read_note

OCTETS = st.none() | st.integers(68, 65535)
PORTS, TIMES = st.integers(0, 65535), st.integers(0, 1 << 63)
ADDRESSES = st.ip_addresses().map(str)

FLOWS = st.lists(PORTS, max_size=64).map(tuple)
ASKED = st.builds(
    Asked,
    kind=st.sampled_from(Kind),
    source=ADDRESSES,
    target=ADDRESSES,
    port=PORTS,
    start_ns=TIMES,
    end_ns=TIMES,
    window=st.integers(0, 60_000_000).map(lambda microseconds: microseconds / 1e6),
    mtu=OCTETS,
    flows=FLOWS,
    complete=st.booleans(),
)
ASKING = st.builds(
    Asking,
    kind=st.sampled_from(Kind),
    source=ADDRESSES,
    target=ADDRESSES,
    port=PORTS,
    start_ns=TIMES,
    mtu=OCTETS,
    flows=FLOWS,
)
KEPT_BACK = st.builds(
    KeptBack,
    error=st.sampled_from(["EPERM", "ENETUNREACH", "EINVAL", NOT_SEEN]),
    role=st.sampled_from(Role),
    kind=st.sampled_from(Kind),
    source_port=PORTS,
    port=PORTS,
    ttl=st.integers(1, 255),
    token=st.integers(0, (1 << 32) - 1),
    time_ns=TIMES,
    size=OCTETS,
)


@settings(derandomize=True, deadline=None)
@given(ASKED | ASKING | KEPT_BACK)
def test_a_note_is_read_back_as_it_was_written(note: Asked | Asking | KeptBack) -> None:
    assert read_note(str(note)) == note


@settings(derandomize=True, deadline=None)
@given(st.text())
def test_what_somebody_else_wrote_is_none(text: str) -> None:
    assert read_note(text) is None


A_QUESTION = "asked tcp 10.9.1.9 10.0.0.5 8080 from 1780000000000000000 until 1780000000600000000 window 0.150000"
A_LOSS = "not-sent EPERM test tcp 40001 8080 ttl 64 token 305419896 at 1780000000100000000"


def test_the_two_notes_of_the_module_s_example_are_ours() -> None:
    assert isinstance(read_note(A_QUESTION), Asked)
    assert isinstance(read_note(A_LOSS), KeptBack)


@pytest.mark.parametrize(
    "text",
    [
        A_QUESTION + " ",
        " " + A_QUESTION,
        A_QUESTION + "\n" + A_LOSS,
        A_QUESTION.replace("tcp", "sctp"),
        A_QUESTION.replace("8080", "http"),
        A_QUESTION.replace("until", "to"),
        A_QUESTION.replace("0.150000", "inf"),
        A_QUESTION.replace("0.150000", "-1"),
        A_QUESTION.replace("asked", "Asked"),
        A_QUESTION + " flows",
        A_QUESTION + " flows 40001,",
        A_QUESTION + " flows many",
        A_QUESTION + " flows " + ",".join(["40001"] * 65),
        A_LOSS.replace("test", "victim"),
        A_LOSS.replace("ttl 64", "ttl"),
        A_LOSS.replace(" EPERM", ""),
        A_LOSS.replace(" token 305419896", ""),
        A_LOSS.replace("305419896", "-1"),
        "not-sent",
        A_QUESTION + " mtu",
        A_QUESTION + " mtu 1500 ",
        A_QUESTION + " size 1500",
        A_LOSS + " mtu 1500",
    ],
)
def test_what_only_looks_like_a_note_is_none(text: str) -> None:
    assert read_note(text) is None


def test_a_note_without_an_mtu_is_one_of_a_run_that_asked_for_none() -> None:
    note, sized = read_note(A_QUESTION), read_note(A_QUESTION + " mtu 1500")
    assert isinstance(note, Asked)
    assert isinstance(sized, Asked)
    assert (note.mtu, sized.mtu) == (None, 1500)


def observation(outcome: Outcome, *, departed: bool) -> Observation:
    flow = Flow(kind=Kind.TCP, source="10.9.1.9", destination="10.0.0.5", source_port=40001, destination_port=8080)
    probe = Probe(id=1, role=Role.TEST, flow=flow, flow_number=0, ttl=64, attempt=1, token=305419896, identification=1)
    return Observation(probe=probe, sent=0.1, outcome=outcome, departed=departed)


def test_a_probe_that_the_kernel_refused_has_its_note() -> None:
    note = kept_back_note(observation(NotSent(error="EPERM"), departed=False), 1_780_000_000_000_000_000)
    assert str(note) == A_LOSS


def test_a_probe_that_nobody_saw_leave_has_one_whatever_came_of_it() -> None:
    note = kept_back_note(observation(Silent(waited=1.0), departed=False), 1_780_000_000_000_000_000)
    assert str(note) == A_LOSS.replace("EPERM", NOT_SEEN)


def test_a_probe_that_left_needs_none() -> None:
    assert kept_back_note(observation(Silent(waited=1.0), departed=True), 0) is None
