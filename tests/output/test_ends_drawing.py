"""Does the drawing of two ends show what became of the packets, each way?"""

from __future__ import annotations

import pytest

from pathprobe.core.report import Result
from pathprobe.output.path_drawing import draw
from pathprobe.output.shapes import LANE, MARGIN, WIDTH, Drawing, Look, Sign
from tests.core.ends.two_ends import RST, Network, answer_to, refusal, syn
from tests.output.test_both_ends import asked

THERE, BACK = MARGIN, MARGIN + LANE


def answered() -> Result:
    network = Network()
    network.handshake()
    return network.result()


def forged() -> Result:
    network = Network()
    network.pings(1)
    network.seen_by_client(answer_to(network.there(syn(), lost=True), RST, ttl=63))
    network.pings(2)
    return network.result()


def refused() -> Result:
    network = Network()
    network.pings(1)
    network.seen_by_client(refusal(network.there(syn(), lost=True)))
    network.pings(2)
    return network.result()


def breaks(drawing: Drawing) -> list[tuple[int, Sign]]:
    """On which line a mark stands, and which one."""
    return [(mark.x, mark.sign) for mark in drawing.marks if mark.look is Look.BREAK]


def arrows(drawing: Drawing) -> set[tuple[int, Sign]]:
    return {(mark.x, mark.sign) for mark in drawing.marks if mark.sign in (Sign.UP, Sign.DOWN)}


def words(drawing: Drawing) -> list[str]:
    return [text.text for text in drawing.texts if text.look in (Look.BREAK, Look.NOTE)]


BOTH = {(THERE, Sign.DOWN), (BACK, Sign.UP)}


@pytest.mark.parametrize(
    ("result", "broken", "arriving", "said"),
    [
        (answered(), [], BOTH, ["1 SYN sent and arrived", "1 answer sent and came"]),
        (asked(lost=True), [(THERE, Sign.CROSS)], set(), ["3 SYNs sent", "none arrived"]),
        (asked(), [(BACK, Sign.CROSS)], {(THERE, Sign.DOWN)}, ["3 SYNs sent, all arrived", "the server sent nothing"]),
        (
            asked(answered=True),
            [(BACK, Sign.CROSS)],
            {(THERE, Sign.DOWN)},
            ["3 answers sent", "none came to the client"],
        ),
        (
            forged(),
            [(THERE, Sign.CROSS), (BACK, Sign.CROSS)],
            {(BACK, Sign.UP)},
            ["answer forged by hop 2", "not by the server"],
        ),
        (
            refused(),
            [(THERE, Sign.CROSS), (BACK, Sign.CROSS)],
            {(BACK, Sign.UP)},
            ["stopped by hop 2 (10.9.2.2)", "refusal made by hop 2 (10.9.2.2)"],
        ),
    ],
    ids=["answered", "lost there", "server silent", "lost back", "forged", "refused on the way"],
)
def test_the_mark_stands_on_the_way_on_which_packets_end_and_arrows_where_they_arrive(
    result: Result, broken: list[tuple[int, Sign]], arriving: set[tuple[int, Sign]], said: list[str]
) -> None:
    drawing = draw(result)
    assert breaks(drawing) == broken
    assert arrows(drawing) == arriving
    assert set(said) <= set(words(drawing))
    client, server = drawing.nodes
    assert all(client.y < mark.y < server.y for mark in drawing.marks)
    assert all(0 < mark.x < WIDTH for mark in drawing.marks)
    assert max(text.y for text in drawing.texts) < drawing.height


def test_the_line_is_broken_behind_the_mark_as_the_packets_go() -> None:
    drawing = draw(asked(answered=True))
    whole, broken = (link for link in drawing.links if link.x1 == BACK)
    assert (whole.look, broken.look) == (Look.WHOLE, Look.BROKEN)
    assert whole.y1 > whole.y2 == broken.y1 > broken.y2


def test_an_empty_capture_of_the_server_leaves_it_open() -> None:
    network = Network()
    network.there(syn(), lost=True)
    assert breaks(draw(network.result())) == [(THERE, Sign.QUESTION)]
