"""Which sizes pass is said in one line for a ticket, with who must do what; and in JSON for programs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pathprobe.core.evidence import Observation
from pathprobe.core.ledger import Match
from pathprobe.core.report import Clue, Device, Direction, Hop, Location, Loss, PathMtu, Result, Told, Where
from pathprobe.output.comments import answer_comment, sent_comment
from pathprobe.output.json import document
from pathprobe.output.path_mtu import UNKNOWN, next_steps, refuted, sentence, summary
from pathprobe.output.table import render
from tests.core.factories import ROUTERS, probe, silent, too_big
from tests.output.reports import report, result

R2, R3 = ROUTERS[4][1:]
SECOND, THIRD, TARGET = Hop(ttl=2, address=R2), Hop(ttl=3, address=R3), Hop(ttl=4, address="10.0.0.5")
TELLER = Told(ttl=2, address=R2, size=1500, mtu=1400, message="fragmentation needed")


def path(good: Hop | None = SECOND, bad: Hop | None = THIRD, where: Where = Where.PATH, **more: Any) -> Location:
    facts: dict[str, Any] = {"direction": Direction.FORWARD, **more}
    return Location(where=where, last_good=good, first_bad=bad, **facts)


def found(**changes: Any) -> PathMtu:
    """A black hole between hops 2 and 3, unless told otherwise."""
    facts: dict[str, Any] = {
        "interface": 1500,
        "carrier": "icmp echo",
        "largest": 1400,
        "smallest_lost": 1401,
        "mechanism": Loss.SILENT,
        "location": path(),
        "told_by": None,
        "told": (),
        "confidence": 0.952,
        "probes": (11, 12),
    }
    return PathMtu(**{**facts, **changes})


def with_mtu(of: PathMtu | None, name: str = "open") -> Result:
    return replace(result(name), mtu=1500, path_mtu=of)


HOLE = found()
TOLD = found(
    mechanism=Loss.TOLD,
    told_by=TELLER,
    told=(TELLER,),
    location=path(device=Device(ttl=2, address=R2, by=(Clue.ICMP_SOURCE,))),
)
NONE = found(mechanism=Loss.NONE, largest=1500, smallest_lost=None, location=None)
HIDDEN = found(mechanism=None, smallest_lost=None, location=None, confidence=0.0)
EDGE = found(location=path(THIRD, TARGET, Where.TARGET_EDGE, direction=None))
BACK = found(location=path(TARGET, None, Where.UNKNOWN, direction=None), gets_there="tcp/8080")
HERE = found(location=path(Hop(ttl=0), None, Where.LOCAL))
UNTRACED = found(location=path(None, None, Where.UNKNOWN, direction=None))
ALL = [HOLE, TOLD, NONE, HIDDEN, EDGE, BACK, HERE, UNTRACED]


@pytest.mark.parametrize(
    ("of", "words"),
    [
        (HOLE, "large packets die after hop 2, MTU 1400, no ICMP"),
        (TOLD, f"large packets are refused by hop 2 ({R2}), MTU 1400, and it says so"),
        (NONE, "packets of 1500 octets pass"),
        (HIDDEN, "packets of 1400 octets pass; whether larger ones do is hidden by loss"),
        (EDGE, "large packets die after hop 3, MTU 1400, no ICMP"),
        (BACK, "large echo replies do not come back, MTU 1400, no ICMP"),
        (HERE, "large packets die after this host, MTU 1400, no ICMP"),
        (UNTRACED, "large packets die on the way, MTU 1400, no ICMP"),
    ],
)
def test_the_summary_is_one_clause(of: PathMtu, words: str) -> None:
    assert summary(of) == words


@pytest.mark.parametrize(
    ("of", "part"),
    [
        (HOLE, f"large packets die after hop 2 ({R2}): 1400 octets pass, 1401 vanish and nobody says why (no ICMP)"),
        (TOLD, f"1401 are refused by hop 2 ({R2}), which says so (fragmentation needed, MTU 1400)"),
        (EDGE, "perhaps on the way back, for a reply is as large as its request"),
        (BACK, "though a probe of tcp/8080 gets there with as many: large packets die on the way back, or a firewall"),
        (found(location=path(Hop(ttl=1, address="10.9.1.1"))), f"between hop 1 (10.9.1.1) and hop 3 ({R3})"),
        (NONE, "all that this host's interface sends"),
    ],
)
def test_the_sentence_says_more(of: PathMtu, part: str) -> None:
    assert part in sentence(of)


@pytest.mark.parametrize("of", ALL)
def test_every_sentence_says_with_what_was_asked(of: PathMtu) -> None:
    assert "asked with icmp echo" in sentence(of)


@pytest.mark.parametrize(
    ("of", "parts"),
    [
        (HOLE, (f"hop 2 ({R2}) and hop 3 ({R3})", "ICMP type 3 code 4", "clamp the MSS of TCP to 1360")),
        (EDGE, ("hop 4 (10.0.0.5)",)),
        (BACK, ("On 10.0.0.5: tracepath -n 10.9.1.9", "1360")),
        (HERE, ("On this host: nft list ruleset",)),
        (UNTRACED, ("the routers on the way",)),
    ],
)
def test_the_next_step_names_its_owner_the_message_and_the_number(of: PathMtu, parts: tuple[str, ...]) -> None:
    (step,) = next_steps(with_mtu(of))
    assert all(part in step for part in parts), step


def test_in_ipv6_the_headers_are_larger_and_the_message_is_another() -> None:
    (step,) = next_steps(with_mtu(HOLE, "closed-v6"))
    assert "ICMPv6 type 2" in step
    assert "1340" in step


@pytest.mark.parametrize("of", [None, NONE, TOLD, HIDDEN])
def test_where_nothing_is_broken_there_is_nothing_to_do(of: PathMtu | None) -> None:
    assert next_steps(with_mtu(of)) == ()


def test_a_router_that_named_a_wrong_number_is_shown_up() -> None:
    wrong = replace(TELLER, mtu=1300, wrong=True)
    assert refuted(found(told=(wrong, TELLER))) == (
        f"hop 2 ({R2}) said MTU 1300 of a packet of 1500 octets, which cannot be: 1400 pass",
    )


@pytest.mark.parametrize("of", ALL)
def test_the_text_has_a_line_for_it_and_the_verdict_stays_what_it_was(of: PathMtu) -> None:
    text = render(report(with_mtu(of)))
    assert f"\nmtu   {sentence(of)}\n" in text
    assert text.splitlines()[0] == render(report(result("open"))).splitlines()[0]


def test_the_text_says_so_when_it_was_asked_and_nothing_could_be_compared() -> None:
    assert f"\nmtu   {UNKNOWN}\n" in render(report(with_mtu(None)))
    assert "mtu" not in render(report(result("open")))


def test_the_json_has_what_the_contract_says() -> None:
    (one,) = document(report(with_mtu(TOLD)))["results"]
    shown = one["path_mtu"]
    expected = {"interface": 1500, "largest": 1400, "smallest_lost": 1401, "mechanism": "told"}
    assert {key: shown[key] for key in expected} == expected
    assert shown["told_by"] == {"ttl": 2, "address": R2, "mtu": 1400}
    assert shown["location"]["device"] == {"ttl": 2, "address": R2, "by": ["icmp-source"]}
    assert (shown["confidence"], shown["summary"], shown["probes"]) == (0.952, summary(TOLD), [11, 12])
    assert one["state"] == "open"


def test_the_json_has_null_where_it_was_not_asked() -> None:
    (one,) = document(report(result("open")))["results"]
    assert one["path_mtu"] is None


def test_the_json_counts_the_advice_among_the_next_steps() -> None:
    (one,) = document(report(with_mtu(HOLE, "closed")))["results"]
    assert len(one["next_steps"]) == 3
    assert one["next_steps"][-1] == next_steps(with_mtu(HOLE))[0]


def test_a_network_with_a_black_hole_is_not_called_fine() -> None:
    (hole,) = document(report(with_mtu(HOLE)))["results"]
    (fine,) = document(report(with_mtu(NONE)))["results"]
    assert hole["next_steps"] == list(next_steps(with_mtu(HOLE)))
    assert "The network is fine" in fine["next_steps"][0]


def test_a_packet_of_the_capture_says_its_size_and_who_found_it_too_big() -> None:
    large = replace(probe(ttl=64), size=1500)
    assert "SYN of 1500 octets to tcp/8080" in sent_comment(Observation(probe=large, sent=0.0, outcome=silent()))
    told = answer_comment(Match(probe=large, outcome=too_big(R2, 1400), duplicate=False))
    assert f"too big for {R2}: fragmentation needed, its next link takes 1400 octets" in told
    mute = answer_comment(Match(probe=large, outcome=too_big(R2, None), duplicate=False))
    assert "it gives no MTU" in mute
