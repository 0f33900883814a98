"""Every verdict can be said: in one sentence that names the right place, and with reasons that are whole."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pathprobe.core.evidence import Evidence, Observation
from pathprobe.core.ledger import Match
from pathprobe.core.report import Claim, Fact, Hop, Mechanism, Reason, Result, State, Where
from pathprobe.engine.diagnose import Options
from pathprobe.lab import catalogue
from pathprobe.net.graph import Graph
from pathprobe.net.scenario import Scenario
from pathprobe.output import table
from pathprobe.output.advice import next_steps
from pathprobe.output.claims import claim
from pathprobe.output.comments import answer_comment, section_comment, sent_comment
from pathprobe.output.json import render as render_json
from pathprobe.output.wording import explain_errno, place, summary, sureness
from tests.core import factories as make
from tests.output.reports import report, result, result_of, result_with

#: Everything that a claim may be given; which of them are there depends on the claim.
FACTS: dict[str, Fact] = {
    "count": 5,
    "sent": 6,
    "what": "control probes",
    "like": "10.0.0.7:8080/tcp",
    "trouble": "cannot resolve web9",
    "service": "tcp/8080",
    "ttl": 61,
    "source": "10.9.2.2",
    "message": "host unreachable",
    "kinds": "icmp echo",
    "hop": 2,
    "hops": "2, 3",
    "hop_count": 2,
    "asked": 5,
    "name": "dns",
    "expects": "a DNS answer",
    "answered": 2,
    "good_ttl": 2,
    "good_address": "10.9.2.2",
    "bad_ttl": 3,
    "bad_address": "10.9.3.2",
    "distance": 4,
    "back": 2,
    "usual": 4,
    "error": "EPERM",
    "again": 4,
    "before": 2,
    "period": 2,
    "address": "10.9.2.2",
    "target": "10.0.0.5",
    "left": "eth0",
    "came": "eth1",
    "interface": "eth0",
    "entries": 65536,
    "most": 65536,
    "died": 5,
    "of": 16,
    "lived": 11,
    "crossing": 5,
    "compared": 11,
    "router": "10.9.2.2",
    "routers": "10.9.2.2, 10.9.102.2",
    "answers": 3,
    "lost": 7,
    "out_of": 22,
    "way": "there",
    "low": 0.16,
    "high": 0.52,
    "sender": "client",
    "receiver": "server",
    "octets": 1400,
    "tries": 3,
    "smallest": 1500,
    "largest": 152,
    "first": 100,
    "last": 1500,
    "asker": "10.9.1.9",
    "size": 1448,
    "passed": 100,
    "seconds": 1.5,
}


def assert_whole(text: str) -> None:
    """One line without anything that was meant to be filled in."""
    assert text.strip() == text
    assert text
    assert not re.search(r"[{}\n\x1b]|\bNone\b|\(\)|  |\b0 (SYN|control|echo)", text), text


def assert_one_sentence(text: str) -> None:
    assert_whole(text)
    assert text.endswith(".")
    assert ". " not in text


@pytest.mark.parametrize("said", Claim)
def test_every_claim_has_a_whole_sentence(said: Claim) -> None:
    text = claim(Reason(claim=said, facts=FACTS))
    assert_whole(text)
    assert text.endswith(".")


@pytest.mark.parametrize(
    ("service", "count", "phrase"),
    [
        ("tcp/8080", 1, "1 SYN to tcp/8080,"),
        ("tcp/8080", 3, "3 SYNs to tcp/8080,"),
        ("icmp echo", 1, "1 echo request,"),
        ("icmp echo", 3, "3 echo requests,"),
    ],
)
def test_probes_are_counted_in_words(service: str, count: int, phrase: str) -> None:
    assert phrase in claim(Reason(claim=Claim.NOT_SEEN, facts={"count": count, "service": service}))


@pytest.mark.parametrize(
    ("facts", "phrase"),
    [
        ({"hop": 0}, "past this host"),
        ({"hop": 3}, "past hop 3"),
    ],
)
def test_where_probes_died_is_counted_from_this_host(facts: dict[str, Fact], phrase: str) -> None:
    assert phrase in claim(Reason(claim=Claim.TEST_SILENT, facts={**FACTS, **facts}))


@pytest.mark.parametrize(
    ("facts", "phrase"), [({"hops": "3", "hop_count": 1}, "Hop 3 answered"), ({"hop_count": 2}, "Hops 2, 3 answered")]
)
def test_silent_hops_are_one_or_several(facts: dict[str, Fact], phrase: str) -> None:
    assert phrase in claim(Reason(claim=Claim.SILENT_HOPS, facts={**FACTS, **facts}))


@pytest.mark.parametrize(("back", "phrase"), [(1, "over 1 hop,"), (2, "over 2 hops,")])
def test_hops_are_one_or_several(back: int, phrase: str) -> None:
    assert phrase in claim(Reason(claim=Claim.SAME_BOTH_WAYS, facts={**FACTS, "back": back}))


@pytest.mark.parametrize(
    ("hop", "words"),
    [
        (Hop(ttl=0), "this host"),
        (Hop(ttl=2, address="10.9.2.2"), "hop 2 (10.9.2.2)"),
        (Hop(ttl=2, address="fd00::2"), "hop 2 (fd00::2)"),
        (Hop(ttl=3), "hop 3"),
        (None, "an unknown hop"),
    ],
)
def test_a_place_is_named_as_far_as_it_is_known(hop: Hop | None, words: str) -> None:
    assert place(hop) == words


@pytest.mark.parametrize(
    ("confidence", "words"),
    [(0.0, "0.0 %"), (0.5, "50.0 %"), (0.996, "99.6 %"), (0.999, "99.9 %"), (0.9991, "> 99.9 %"), (1.0, "> 99.9 %")],
)
def test_certainty_is_never_claimed(confidence: float, words: str) -> None:
    assert sureness(confidence) == words


def test_an_errno_that_nobody_expected_is_not_passed_over() -> None:
    assert explain_errno("ENOBUFS") == "see errno(3)"


# --- What the packaged scenarios say


def combinations() -> list[tuple[str, str]]:
    """(state mechanism where, NAME): the first scenario of each family in which the combination occurs."""
    found: dict[tuple[str, ...], str] = {}
    for name in catalogue.simulable():
        scenario = catalogue.load(name)
        expect = scenario.expect
        found.setdefault((expect.state, str(expect.mechanism), expect.where, f"v{scenario.family}"), name)
    return [(" ".join(key), name) for key, name in sorted(found.items())]


@pytest.mark.parametrize(("combination", "name"), combinations())
def test_each_kind_of_verdict_is_one_sentence(combination: str, name: str) -> None:
    one, state = result(name), combination.split()[0]
    assert_one_sentence(summary(one))
    assert summary(one).startswith(f"{one.target.label} is {state}: ")


def of_one_flow() -> list[str]:
    """Where flows are told apart the summary names what they met: see test_flows."""
    return [name for name in catalogue.simulable() if catalogue.load(name).flows == 1]


@pytest.mark.parametrize("name", of_one_flow())
def test_the_summary_names_the_hops_of_the_verdict_and_no_other(name: str) -> None:
    scenario = catalogue.load(name)
    text = summary(result(name)).removeprefix(result(name).target.label)
    named = {int(number): address for number, address in re.findall(r"hop (\d+) \(([^)]+)\)", text)}
    assert set(named) == set(hops_to_name(scenario))
    assert all(address in Graph(scenario).hop_addresses(ttl) for ttl, address in named.items())
    assert ("this host" in text) == tells_of_this_host(scenario)


def hops_to_name(scenario: Scenario) -> Iterator[int]:
    expect = scenario.expect
    if expect.where == Where.LOCAL:
        return
    # Where no box gave itself away, it stands between two hops.
    between = expect.mechanism in (Mechanism.DROP, None) or (expect.where == Where.PATH and expect.device is None)
    if between and expect.last_good:
        yield expect.last_good
    if between and expect.first_bad and expect.where != Where.TARGET_EDGE:
        yield expect.first_bad
    if expect.where == Where.PATH and expect.device:
        yield expect.device
    if expect.mechanism == Mechanism.LOOP and expect.last_good:
        yield expect.last_good
        if not scenario.rules:  # both routers of the loop answer
            yield expect.last_good - 1


def tells_of_this_host(scenario: Scenario) -> bool:
    expect = scenario.expect
    starts_here = expect.mechanism == Mechanism.DROP and not expect.last_good
    return expect.where == Where.LOCAL or starts_here or expect.distance == 0


@pytest.mark.parametrize("name", catalogue.simulable())
def test_reasons_steps_and_comments_are_whole(name: str) -> None:
    one = result(name)
    for reason in one.verdict.reasons:
        assert_whole(claim(reason))
    for step in next_steps(one):
        assert_whole(step)
    for seen in one.observations:
        assert_whole(sent_comment(seen))
    assert_whole(section_comment(one))


@pytest.mark.parametrize(
    "name", [name for name in catalogue.simulable() if catalogue.load(name).expect.state != "open"]
)
def test_whatever_does_not_work_has_a_next_step(name: str) -> None:
    assert next_steps(result(name))


@pytest.mark.parametrize("name", catalogue.simulable())
def test_reasons_point_at_probes_that_there_are(name: str) -> None:
    ids = {seen.probe.id for seen in result(name).observations}
    for reason in result(name).verdict.reasons:
        assert reason.probes
        assert set(reason.probes) <= ids


# --- What no packaged scenario says


def loop() -> Evidence:
    return make.evidence(*make.steps(make.syn, 3), make.syn(64, make.expired("10.9.3.2")))


def refused_beside_it() -> Evidence:
    return make.evidence(make.syn(64, make.silent()), make.echo(64, make.rejected("10.9.1.1")))


def lost_entirely() -> Evidence:
    return make.evidence(make.syn(64, make.silent()))


@pytest.mark.parametrize(
    ("one", "state", "words"),
    [
        (result_of(make.evidence()), State.UNKNOWN, "not enough was learnt"),
        (result_of(make.evidence(make.syn(64, make.silent(0.01)))), State.UNKNOWN, "not enough was learnt"),
        (result_of(loop()), State.UNREACHABLE, "packets circle behind hop 3 (10.9.3.2) until their TTL runs out"),
        (result("loop-r2"), State.UNREACHABLE, "packets circle between hop 2 (10.9.2.2) and hop 1 (10.9.1.1) until"),
        (
            result("loop-r2-mute-r1"),
            State.UNREACHABLE,
            "through hop 2 (10.9.2.2), and through hops that answered nobody",
        ),
        (result("dnat-open"), State.OPEN, "the target answers (3 hops away), from behind a port forwarding"),
        (result("dnat-closed"), State.CLOSED, "what the target forwards this port to refuses"),
        (result("dnat-drop-behind"), State.FILTERED, "hop 3 (10.9.3.2) forwards it, and it is lost behind"),
        (result("dnat-host-down"), State.FILTERED, "forwards this port to something that it cannot reach"),
        (
            result_of(refused_beside_it()),
            State.UNREACHABLE,
            "nothing sent to it comes back from beyond this host, and 10.9.1.1 refuses the control",
        ),
        (result_of(lost_entirely()), State.FILTERED, "dropped silently somewhere beyond this host"),
        (result_with("drop-r2-forward", Options(trace=False)), State.FILTERED, "dropped silently somewhere beyond"),
        (result_with("open", Options(trace=False)), State.OPEN, "the target answers."),
        (result_with("closed", Options(max_hops=2)), State.CLOSED, "the target itself refuses"),
    ],
)
def test_what_no_scenario_shows_is_one_sentence_too(one: Result, state: State, words: str) -> None:
    assert one.verdict.state is state
    assert words in summary(one)
    assert_one_sentence(summary(one))
    for reason in one.verdict.reasons:
        assert_whole(claim(reason))
    for step in next_steps(one):
        assert_whole(step)


@pytest.mark.parametrize("name", ["open", "drop-r2-forward", "closed-v6", "reject-r2-admin-prohibited", "host-down"])
@pytest.mark.parametrize(
    "options", [Options(trace=False), Options(max_hops=1), Options(max_hops=2), Options(wait=0.05)]
)
def test_a_question_asked_in_another_way_is_worded_as_well(name: str, options: Options) -> None:
    one = result_with(name, options)
    assert_one_sentence(summary(one))
    for text in (*map(claim, one.verdict.reasons), *next_steps(one)):
        assert_whole(text)


FATES = st.sampled_from(
    [
        make.silent(),
        make.silent(0.01),
        make.expired(),
        make.expired("10.9.2.2"),
        make.answered(),
        make.answered(back=2),
        make.reset(),
        make.reset(back=2),
        make.rejected("10.9.2.2"),
        make.rejected(make.THERE),
        make.unreachable("10.9.3.2"),
        make.not_seen(),
        make.refused_by_kernel(),
        make.refused_by_kernel("ENETUNREACH"),
    ]
)
TTLS = st.sampled_from([1, 2, 3, 4, 5, 64])
SEEN: st.SearchStrategy[Observation] = st.one_of(
    *(st.builds(kind, TTLS, FATES) for kind in (make.syn, make.echo, make.other))
)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.lists(SEEN, max_size=12))
def test_whatever_was_observed_can_be_told(seen: list[Observation]) -> None:
    one = result_of(make.evidence(*seen))
    assert_one_sentence(summary(one))
    reasons = [claim(reason) for reason in one.verdict.reasons if reason.probes]
    for text in (*reasons, *next_steps(one), *map(sent_comment, one.observations)):
        assert_whole(text)
    assert table.render(report(one))
    assert render_json(report(one))


def test_an_answer_s_comment_names_its_probe_and_what_follows() -> None:
    match = Match(probe=make.probe(id=7, ttl=2), outcome=make.expired("10.9.2.2"), duplicate=False)
    assert answer_comment(match).startswith(
        "answers probe 7 (test, SYN to tcp/8080, TTL 2): the TTL ran out at 10.9.2.2"
    )
