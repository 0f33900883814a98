"""Does an answer from a file say what of the file it does not rest on?"""

from __future__ import annotations

import pytest

from pathprobe.core.sightings import Cut, FileSummary
from pathprobe.output.files import entry, lines


@pytest.mark.parametrize(
    ("file", "text"),
    [
        (FileSummary(frames=7), []),
        (
            FileSummary(frames=1, cut=Cut(offset=1234, reason="the file ends inside a packet")),
            ["This answer is partial: at octet 1234 the file ends inside a packet; before that 1 frame could be read."],
        ),
        (
            FileSummary(frames=30, not_ip={"LLDP": 1, "ARP": 9}, tunnels={"GRE": 4}, malformed=2, without_time=1),
            ["Of 30 frames, not used: 9 ARP, 1 LLDP, 4 inside GRE, 2 malformed, 1 without a time."],
        ),
        (
            FileSummary(frames=30, fragments=3, snapped=20),
            [
                "Of 30 frames, not used: 3 later fragments.",
                "Of 20 frames only the head was captured: what lay behind it is not known.",
            ],
        ),
    ],
)
def test_the_words_name_what_was_not_used_and_nothing_else(file: FileSummary, text: list[str]) -> None:
    assert lines(file) == text


def test_programs_get_the_cut_and_every_count() -> None:
    file = FileSummary(frames=3, not_ip={"ARP": 1}, cut=Cut(offset=99, reason="the file ends inside a packet"))
    assert entry(file) == {
        "frames": 3,
        "truncated": {"octet": 99, "reason": "the file ends inside a packet"},
        "not_ip": {"ARP": 1},
        "tunnels": {},
        "malformed": 0,
        "snapped": 0,
        "fragments": 0,
        "without_time": 0,
    }
