"""Does the drawing show the path as the verdict has it?"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from pathprobe.output.path_drawing import draw
from pathprobe.output.shapes import WIDTH, Drawing, Look, Sign
from tests.output.reports import result

EVERY = (
    "drop-r2-forward",
    "drop-r2-forward-v6",
    "silent-r3-drop-r2",
    "reset-r2-forward",
    "host-down",
    "flows-r2-drop-r2b-v6",
    "flows-4-drop-r2c-v6",
    "udp-drop-target",
    "local-output-drop",
    "loopback-open",
    "mss-r2-drop-r3-v6",
    "open",
)


def drawing(name: str) -> Drawing:
    return draw(result(name))


def words(one: Drawing, look: Look) -> list[str]:
    return [text.text for text in one.texts if text.look is look]


def test_a_whole_path_has_its_hops_from_here_to_the_target() -> None:
    whole = drawing("open")
    assert words(whole, Look.HOP) == ["10.9.1.9", "10.9.1.1", "10.9.2.2", "10.9.3.2", "10.0.0.5"]
    assert [node.look for node in whole.nodes] == [Look.HOST, Look.HOP, Look.HOP, Look.HOP, Look.TARGET]
    assert {link.look for link in whole.links} == {Look.WHOLE}
    assert whole.marks == ()


def test_a_drop_is_a_cross_between_the_hops_of_its_interval() -> None:
    broken = drawing("drop-r2-forward")
    (cross,) = broken.marks
    assert cross.sign is Sign.CROSS
    good, bad = broken.nodes[2], broken.nodes[3]
    assert good.y < cross.y < bad.y
    assert [link.look for link in broken.links] == [Look.WHOLE, Look.WHOLE, Look.BROKEN, Look.WHOLE]
    assert words(broken, Look.BREAK) == ["tcp/8080 stops between hop 2 and hop 3"]


def test_a_hop_that_answers_nobody_is_drawn_as_such() -> None:
    mute = drawing("silent-r3-drop-r2")
    assert Look.MUTE in {node.look for node in mute.nodes}
    assert "?" in words(mute, Look.HOP)
    assert "hop 3, answered nobody" in words(mute, Look.NOTE)


def test_a_box_that_gave_itself_away_is_the_guilty_one() -> None:
    refused = drawing("reset-r2-forward")
    assert [node.look for node in refused.nodes][2] is Look.GUILTY
    assert "hop 2, answered from here" in words(refused, Look.NOTE)


def test_a_target_that_nothing_reaches_is_missed() -> None:
    assert [node.look for node in drawing("host-down").nodes][-1] is Look.MISSED


def test_silence_that_may_be_an_answer_is_a_question() -> None:
    assert [mark.sign for mark in drawing("udp-drop-target").marks] == [Sign.QUESTION]


def test_a_box_that_changes_packets_stands_on_the_line_between_its_hops() -> None:
    changed = drawing("mss-r2-drop-r3-v6")
    assert Sign.BOX in {mark.sign for mark in changed.marks}
    assert any("MSS" in text for text in words(changed, Look.BOX))


def test_flows_that_part_have_lanes_of_their_own_and_meet_again() -> None:
    parted = drawing("flows-r2-drop-r2b-v6")
    lanes = sorted({node.x for node in parted.nodes})
    assert len(lanes) == 2
    assert [mark.sign for mark in parted.marks] == [Sign.CROSS]
    assert parted.marks[0].x == lanes[1]
    assert any("6 of 16 flows die here" in text for text in words(parted, Look.BREAK))
    assert "hop 4, the target, 10 of 16 flows" in words(parted, Look.NOTE)


@pytest.mark.parametrize("name", EVERY)
def test_everything_is_on_the_paper_and_no_line_of_text_on_another(name: str) -> None:
    one = drawing(name)
    for text in one.texts:
        assert 0 < text.x < WIDTH
        assert 0 < text.y < one.height
        assert text.x + len(text.text) * 8.5 <= WIDTH or text.look is not Look.HOP
    heights = sorted(text.y for text in one.texts)
    assert all(later - earlier >= 16 for earlier, later in pairwise(heights))
    for shape in (*one.nodes, *one.marks):
        assert 0 < shape.x < WIDTH
        assert 0 < shape.y < one.height


def test_the_longest_address_is_folded_where_there_is_no_room() -> None:
    long = "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"
    many = draw(replace(result("flows-4-drop-r2c-v6"), source=long))
    shown = [text.text for text in many.texts if text.look is Look.HOP][:2]
    assert "".join(shown) == long
