"""Is the page whole, readable for everybody, and deaf to what the network wants it to do?"""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from pathprobe.core.exhibits import Exhibit
from pathprobe.core.report import State, Target
from pathprobe.output import html, wording
from tests.output.pages import Element, parse
from tests.output.reports import report, result
from tests.output.tickets import page, proof, recorded, ticket

NAMES = (
    "drop-r2-forward",
    "drop-r2-forward-v6",
    "reset-r2-forward",
    "flows-r2-drop-r2b-v6",
    "open",
    "closed",
    "host-down",
    "udp-drop-target",
    "echo-drop-r2",
    "local-output-drop",
    "silent-r3-drop-r2",
    "mss-r2-drop-r3-v6",
)
pages = pytest.mark.parametrize("name", NAMES)


@pages
def test_it_loads_and_runs_nothing(name: str) -> None:
    everything = page(name).everything()
    assert not {one.name for one in everything} & {"script", "link", "img", "iframe", "object", "embed", "base", "form"}
    for element in everything:
        assert not [key for key in element.attributes if key.startswith("on") or key in ("src", "style", "action")]
        assert element.attributes.get("href", "#").startswith("#")
    (style,) = page(name).all("style")
    assert "url(" not in style.text
    assert "@import" not in style.text


@pages
def test_it_says_the_verdict_and_every_reason(name: str) -> None:
    said = recorded(name)[0].results[0]
    read = page(name)
    (heading,) = read.all("h1")
    assert heading.text == f"{said.target.label} {said.verdict.state}"
    finding = wording.finding(said)
    assert finding[1:] in read.all("p", class_="finding")[0].text
    assert wording.sureness(said.verdict.confidence) in read.text


@pages
def test_tables_have_captions_and_headers_with_a_scope(name: str) -> None:
    for table in page(name).all("table"):
        assert len(table.all("caption")) == 1
        assert table.all("th")
        assert {header.attributes.get("scope") for header in table.all("th")} <= {"col", "row"}
        for row in (body_row for body in table.all("tbody") for body_row in body.all("tr")):
            assert next(cell.name for cell in row.children if isinstance(cell, Element)) == "th"
        columns = len(table.all("th", scope="col"))
        if columns:
            assert {sum(isinstance(cell, Element) for cell in row.children) for row in table.all("tr")} == {columns}


@pages
def test_every_link_leads_to_a_packet_that_is_there(name: str) -> None:
    read = page(name)
    anchors = {one.attributes["id"] for one in read.everything() if "id" in one.attributes}
    assert len(anchors) == sum("id" in one.attributes for one in read.everything())
    links = {one.attributes["href"].removeprefix("#") for one in read.all("a")}
    assert links
    assert links <= anchors
    assert {f"packet-{one.seen.number}" for one in recorded(name)[2]} <= anchors


@pages
def test_the_drawing_says_in_words_what_it_shows(name: str) -> None:
    (drawing,) = page(name).all("svg")
    (title,), (description,) = drawing.all("title"), drawing.all("desc")
    assert drawing.attributes["role"] == "img"
    assert drawing.attributes["aria-labelledby"].split() == [title.attributes["id"], description.attributes["id"]]
    assert wording.summary(recorded(name)[0].results[0]) in description.text


def test_each_packet_has_its_time_its_way_and_what_follows_from_it() -> None:
    (row,) = page("reject-r2-admin-prohibited").all("tr", id="packet-1")
    cells = [one.text for one in row.children if isinstance(one, Element)]
    assert cells[0] == "1"
    assert cells[2] == "sent"
    assert re.fullmatch(r"10\.9\.1\.9:\d+ → 10\.0\.0\.5:8080 SYN, TTL 64", cells[3])
    assert cells[4].startswith("probe 1, test: SYN to tcp/8080 with full TTL")


def test_the_hop_at_which_it_stops_is_marked() -> None:
    (row,) = page("drop-r2-forward").all("tr", class_="here")
    assert row.text == "3 10.9.3.2 silent 0/5 0.30 ms 5/5 stops here"
    assert page("open").all("tr", class_="here") == []


def test_an_interrupted_run_says_so() -> None:
    assert page("open", complete=False).all("p", class_="notice")[0].text.startswith("Interrupted")
    assert page("open").all("p", class_="notice") == []


HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>'


def test_what_the_network_said_stays_text() -> None:
    said, _, seen = recorded("drop-r2-forward")
    target = Target(given=HOSTILE, address=HOSTILE, port=8080, protocol=HOSTILE)
    hops = tuple(replace(row, address=HOSTILE) for row in said.results[0].hops)
    hostile = replace(said.results[0], control=HOSTILE, target=target, hops=hops)
    shown = tuple(Exhibit(seen=replace(one.seen, interface=HOSTILE), conclusions=(HOSTILE,)) for one in seen)
    text = html.render(replace(said, results=(hostile,)), (proof(exhibits=shown),), {"command": HOSTILE})
    assert "<script" not in text
    assert "<img" not in text
    assert len(parse(text).all("svg")) == 1
    assert HOSTILE in parse(text).text


def test_several_targets_have_a_section_each() -> None:
    text = html.render(report(result("open"), result("closed")), (proof(),), {})
    read = parse(text)
    assert [one.text for one in read.all("span", class_="state")] == ["open", "closed"]
    assert len(read.all("svg")) == 2


@pytest.mark.parametrize("state", State)
def test_every_state_has_a_colour_of_its_own_or_the_dull_one(state: State) -> None:
    (style,) = page("open").all("style")
    named = f".verdict.{state.replace('|', '-')}" in style.text
    assert named == (state not in (State.UNKNOWN, State.OPEN_FILTERED))


def test_text_has_the_contrast_that_wcag_asks_for_in_both_schemes() -> None:
    (style,) = page("open").all("style")
    light = dict(re.findall(r"--([\w-]+): (#\w{6})", style.text.split("@media")[0]))
    dark = dict(re.findall(r"--([\w-]+): (#\w{6})", style.text.split("prefers-color-scheme: dark")[1].split("}")[0]))
    for colours in (light, dark):
        for paper in ("paper", "card"):
            for ink in ("ink", "quiet", "link", "bad", "good", "warn", "odd", "dull"):
                assert contrast(colours[ink], colours[paper]) >= 4.5, (ink, paper)
        for badge in ("bad", "good", "warn", "odd", "dull"):
            assert contrast(colours["on-state"], colours[badge]) >= 4.5, badge
        assert contrast(colours["bad"], colours["bad-paper"]) >= 4.5


def contrast(first: str, second: str) -> float:
    """WCAG 2.2, "contrast ratio"."""
    lighter, darker = sorted((luminance(first), luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_the_page_of_a_ticket_is_this_one() -> None:
    assert parse(ticket("open")["report.html"].decode()).text == page("open").text
