"""Does a browser show path, break and table, on a telephone and on a desk, by day and by night?

Run by `make evidence`, which brings Chromium. The pictures stay in build/screenshots for whoever wants to look.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from html import escape, unescape
from pathlib import Path
from typing import Any

import pytest

from tests.evidence import png
from tests.output.tickets import ticket
from tests.test_foreign_captures import FOLDERS
from tests.test_tickets import captures_of, pathprobe

PICTURES = Path(__file__).parents[2] / "build" / "screenshots"
WIDTHS = (420, 1200)
HEIGHT = 1600

#: The names that Chromium has, by distribution.
BROWSERS = ("chromium", "chromium-browser", "google-chrome")

NAMES = (
    "drop-r2-forward",
    "drop-r2-forward-v6",
    "flows-4-drop-r2c-v6",
    "mss-r2-drop-r3-v6",
    "udp-drop-target-v6",
    "host-down",
)

#: Of both ends: lost there, lost back, made by a box on the way.
PAIRS = ("pair-drop-forward", "pair-drop-return", "pair-forged-reset", "pair-rejected")

#: A headless window is never narrower than this; what is, is asked in a frame of its width.
NARROWEST = 500

#: What the page says of itself when asked: CSS pixels.
PROBE = """
<script>
const boxes = (name) => [...document.querySelectorAll(name)].map((one) => {
  const box = one.getBoundingClientRect();
  return [box.left, box.top, box.right, box.bottom];
});
parent.document.title = JSON.stringify({
  width: document.documentElement.scrollWidth,
  path: boxes('svg.path'), texts: boxes('svg text'), mark: boxes('svg .mark'),
  table: boxes('table.hops'), here: boxes('tr.here'),
  hidden: [...document.querySelectorAll('.scroll')].map((one) => one.scrollWidth - one.clientWidth),
});
</script>
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheme:
    """A colour scheme, Chromium's number for it, and the colours of paper and break in the style sheet."""

    name: str
    number: int
    paper: str
    broken: str


SCHEMES = (
    Scheme(name="dark", number=0, paper="#0d1117", broken="#ff8a80"),
    Scheme(name="light", number=1, paper="#ffffff", broken="#b3261e"),
)


def chromium(folder: Path, scheme: Scheme, width: int, *arguments: str) -> str:
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    assert browser, "no Chromium here: make evidence installs it"
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    done = subprocess.run(
        [
            browser, "--headless=new", *sandbox, "--disable-gpu", "--hide-scrollbars", "--force-device-scale-factor=1",
            f"--user-data-dir={folder / 'profile'}", f"--window-size={width},{HEIGHT}",
            f"--blink-settings=preferredColorScheme={scheme.number}", *arguments,
        ],
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    return done.stdout


def picture(page: Path, name: str, scheme: Scheme, width: int) -> png.Picture:
    PICTURES.mkdir(parents=True, exist_ok=True)
    path = PICTURES / f"{name}-{width}-{scheme.name}.png"
    chromium(page.parent, scheme, width, f"--screenshot={path}", page.as_uri())
    return png.read(path.read_bytes())


def geometry(page: Path, width: int) -> dict[str, Any]:
    """Where things are; the page's own policy forbids scripts, so the copy that is asked goes without it."""
    asked = re.sub(r"<meta http-equiv[^>]*>", "", page.read_text()).replace("</body>", f"{PROBE}</body>")
    size = f'width="{width}" height="{HEIGHT}" style="border: 0"'
    frame = page.with_name("asked.html")
    frame.write_text(f'<!DOCTYPE html><title>-</title><iframe {size} srcdoc="{escape(asked)}"></iframe>')
    shown = chromium(page.parent, SCHEMES[0], max(width, NARROWEST), "--dump-dom", frame.as_uri())
    found = re.search(r"<title>(\{.*?\})</title>", shown)
    assert found
    read: dict[str, Any] = json.loads(unescape(found.group(1)))
    return read


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", NAMES)
def test_path_break_and_table_are_seen_and_nothing_sticks_out(name: str, width: int, tmp_path: Path) -> None:
    assert_shown(name, width, ticket(name)["report.html"], tmp_path)


@pytest.mark.parametrize("width", WIDTHS)
def test_the_longest_addresses_have_room_too(width: int, tmp_path: Path) -> None:
    page = ticket("flows-4-drop-r2c-v6", is_redacted=True)["report.html"]
    assert_shown("redacted", width, page, tmp_path)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("redact", [(), ("--redact",)], ids=["plain", "redacted"])
@pytest.mark.parametrize("name", PAIRS)
def test_both_ends_and_the_break_are_seen_where_no_hop_is_known(
    name: str, redact: tuple[str, ...], width: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = next(one for one in FOLDERS if one.name == name)
    pathprobe(monkeypatch, "analyze", *captures_of(folder), "--ticket", tmp_path / "t", *redact)
    page = tmp_path / "report.html"
    page.write_bytes((tmp_path / "t" / "report.html").read_bytes())
    places = geometry(page, width)
    assert_fits(places, width)
    for scheme in SCHEMES:
        shown = picture(page, f"{name}{'-redacted' if redact else ''}", scheme, width)
        assert shown.at(2, 2) == scheme.paper
        assert places["mark"]
        assert all(shown.count(scheme.broken, mark) > 60 for mark in places["mark"])


def assert_fits(places: dict[str, Any], width: int) -> None:
    """Nothing sticks out of the page, nor any word out of its drawing."""
    assert places["width"] <= width
    assert max(places["hidden"]) == 0
    assert places["path"]
    for left, top, right, bottom in places["path"]:
        assert 0 <= left < right <= width
        within = [text for text in places["texts"] if top <= text[1] < bottom]
        assert within
        assert all(left <= text[0] < text[2] <= right and text[3] <= bottom for text in within)


def assert_shown(name: str, width: int, octets: bytes, tmp_path: Path) -> None:
    """``name``: what the pictures are called."""
    page = tmp_path / "report.html"
    page.write_bytes(octets)
    places = geometry(page, width)
    assert_fits(places, width)
    assert len(places["table"]) == 1
    assert places["table"][0][2] <= width
    assert len(places["here"]) == 1
    for scheme in SCHEMES:
        shown = picture(page, name, scheme, width)
        assert (shown.width, shown.height) == (width, HEIGHT)
        assert shown.at(2, 2) == scheme.paper
        assert any(shown.count(scheme.broken, mark) > 60 for mark in places["mark"])
        row = places["here"][0]
        assert shown.count(scheme.broken, row) > 60
        assert shown.at(row[2] - 2, row[1] + 2) != scheme.paper
