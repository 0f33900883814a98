"""Order of answers, duplicates, late answers, strangers' packets: none of them changes a right verdict.

First from the file, packet by packet as somebody else may have seen the same; then in the middle of a run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import accumulate
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pathprobe.core.report import Result
from pathprobe.engine.diagnose import Options, simulate
from pathprobe.engine.offline import analyze
from pathprobe.lab import catalogue
from pathprobe.lab.ask import differences, question
from pathprobe.lab.record import CAPTURE
from pathprobe.net.base import Frame as Seen
from pathprobe.net.scenario import Scenario
from pathprobe.net.simulated import SimulatedNetwork
from pathprobe.wire.dissect import dissect
from tests.engine import transcripts
from tests.engine.strangers import strangers
from tests.engine.transcripts import Mutation, Transcript, analyzed, transcript, transcript_of
from tests.test_captures import FIXTURES

MUTATIONS: tuple[Mutation, ...] = (
    transcripts.answers_at_once,
    transcripts.answers_at_the_end,
    transcripts.answers_at_any_time,
    transcripts.two_answers_swapped,
    transcripts.all_seen_twice,
    transcripts.copies_later,
    transcripts.all_on_two_interfaces,
    transcripts.strangers_between,
)

#: One of each way a packet can end, for what takes long; each of them in both families.
KINDS = (
    "open",
    "closed",
    "drop-r2-forward",
    "drop-target",
    "reject-r2-host-prohibited",
    "reset-r2-forward",
    "host-down",
    "echo-open",
    "loop-r2-r3",
    "udp-open",
    "udp-closed",
    "udp-drop-r2",
    "udp-reject-r2",
    "udp-silent-service",
    "udp-snat-r1-open",
    "dnat-target-open",
)
FEW = [name for kind in KINDS for name in (kind, f"{kind}-v6") if name in catalogue.simulable()]


#: Networks whose router has two answers to spare: who gets there first has them.
STINGY = ("prohibit-r1", "prohibit-r2", "prohibit-r2-mute-r1", "prohibit-r3", "no-route-r2")


def says(result: Result) -> tuple[object, ...]:
    """All that must stay, whenever and how often the packets came."""
    verdict = result.verdict
    boxes = [(box.between, box.what, box.before, box.after, box.services, box.carried) for box in result.middleboxes]
    return verdict.state, verdict.mechanism, verdict.location, verdict.distance, boxes


def in_turn(seen: Transcript, mutations: list[Mutation], chance: Random) -> Transcript:
    *_, last = accumulate(mutations, lambda changed, mutation: mutation(changed, chance), initial=seen)
    return last


# ---- from the file


@pytest.mark.parametrize("name", catalogue.simulable())
def test_a_transcript_of_every_network_says_the_same_in_every_order(name: str) -> None:
    seen = transcript(name)
    (as_it_was,) = analyzed(seen)
    for mutation in MUTATIONS:
        (result,) = analyzed(mutation(seen, Random(name)))
        assert says(result) == says(as_it_was), mutation.__name__


@settings(derandomize=True, deadline=None, max_examples=200)
@given(
    st.sampled_from(catalogue.simulable()),
    st.lists(st.sampled_from(MUTATIONS), min_size=2, max_size=3),
    st.randoms(use_true_random=False),
)
def test_a_transcript_says_the_same_after_several_mutations(
    name: str, mutations: list[Mutation], chance: Random
) -> None:
    seen = transcript(name)
    assert [says(result) for result in analyzed(in_turn(seen, mutations, chance))] == [
        says(result) for result in analyzed(seen)
    ]


@pytest.mark.parametrize("name", FEW)
def test_no_forgery_that_comes_before_every_answer_is_believed(name: str) -> None:
    seen = transcript(name)
    (as_it_was,), (result,) = analyzed(seen), analyzed(transcripts.strangers_first(seen, Random(name)))
    assert says(result) == says(as_it_was)
    assert [one.outcome for one in result.observations] == [one.outcome for one in as_it_was.observations]


@pytest.mark.parametrize("folder", FIXTURES, ids=lambda folder: folder.name)
def test_a_real_capture_says_the_same_in_every_order(folder: Path) -> None:
    seen, (as_it_was,) = transcript_of(folder / CAPTURE), analyze(folder / CAPTURE)
    for mutation in MUTATIONS:
        (result,) = analyzed(mutation(seen, Random(folder.name)))
        assert says(result) == says(as_it_was), mutation.__name__


@pytest.mark.parametrize("name", [name for name in FEW if not name.endswith("-v6") and f"{name}-v6" in FEW])
def test_two_targets_that_were_asked_at_the_same_time_keep_their_verdicts(name: str) -> None:
    one, other = transcript(name), transcripts.another_run(f"{name}-v6")
    together = _merged(one, other)
    assert [says(result) for result in analyzed(together)] == [
        says(result) for alone in (one, other) for result in analyzed(alone)
    ]


@pytest.mark.parametrize("name", FEW)
def test_two_runs_that_asked_the_same_at_the_same_time_say_the_same(name: str) -> None:
    one, other = transcript(name), transcripts.another_run(name)
    as_it_was = [says(result) for alone in (one, other) for result in analyzed(alone)]
    assert [says(result) for result in analyzed(_merged(one, other))] == as_it_was


def _merged(one: Transcript, other: Transcript) -> Transcript:
    """Both files as one, packet by packet in the order of time."""
    frames = sorted((*one.frames, *other.frames), key=lambda frame: frame.time_ns)
    end = max(one.asked.end_ns, other.asked.end_ns)
    return replace(one, frames=tuple(frames), notes=(*one.notes, *other.notes), asked=replace(one.asked, end_ns=end))


def test_what_another_host_asks_the_target_is_no_probe_of_ours() -> None:
    seen = transcript("drop-r2-forward")
    (as_it_was,) = analyzed(seen)
    syn = next(frame for frame in seen.frames if frame.leaves)
    theirs = bytearray(syn.octets)
    theirs[12:16], theirs[24:28] = b"\xcb\x00\x71\x42", b"\x00\x00\x00\x01"
    frames = (replace(syn, octets=bytes(theirs), outgoing=False, leaves=False), *seen.frames)
    (result,) = analyzed(replace(seen, frames=frames))
    assert len(result.observations) == len(as_it_was.observations)


# ---- in the middle of a run


class Rough(SimulatedNetwork):
    """The same network, where all is seen twice and strangers answer every probe before anybody else can."""

    chance = Random(5)

    def receive(self) -> Iterator[Seen]:
        for frame in super().receive():
            yield from (frame, frame)
            if frame.outgoing:
                packet = dissect(frame.octets)
                for octets in strangers(packet, frame.octets, self.chance):
                    yield replace(frame, octets=octets, outgoing=False)


def asked_on(network: SimulatedNetwork, scenario: Scenario) -> Result:
    local = scenario.destination in ("client", "loopback")
    source = scenario.destination_address if local else scenario.link_address(0, "left")
    return simulate(question(scenario), network, source, Options())


@pytest.mark.parametrize("name", FEW)
def test_a_run_is_right_although_all_comes_twice_and_strangers_are_faster(name: str) -> None:
    scenario = catalogue.load(name)
    assert not differences(scenario, asked_on(Rough(scenario, seed=1), scenario))


@pytest.mark.parametrize(
    "name", [*FEW, "prohibit-r1", "prohibit-r2", "prohibit-r2-mute-r1", "prohibit-r3", "no-route-r2"]
)
@pytest.mark.parametrize("jitter", [0.002, 0.02])
def test_a_run_is_right_although_packets_overtake_one_another(name: str, jitter: float) -> None:
    scenario = catalogue.load(name)
    for seed in range(3):
        result = asked_on(SimulatedNetwork(scenario, jitter=jitter, seed=seed), scenario)
        assert not differences(scenario, result), seed
