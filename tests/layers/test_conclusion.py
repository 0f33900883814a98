"""What the rows of a machine say together, and the status that scripts see."""

from __future__ import annotations

import pytest

from pathprobe.commands import status
from pathprobe.core.layers import Asked, Layer, LayerName, Status
from pathprobe.layers.conclusion import conclude

ASKED = Asked(given="80/tcp", protocol="tcp", port=80)
PASS, FAIL, WARN, UNKNOWN = Status.PASS, Status.FAIL, Status.WARN, Status.UNKNOWN


def rows(listening: Status, firewall: Status, selinux: Status, *, absent: bool = False) -> tuple[Layer, ...]:
    return (
        Layer(name=LayerName.LISTENING, status=listening, summary="one", is_absent=absent),
        Layer(name=LayerName.FIREWALL, status=firewall, summary="two"),
        Layer(name=LayerName.SELINUX, status=selinux, summary="three"),
    )


@pytest.mark.parametrize(
    ("layers", "layer", "word", "code"),
    [
        (rows(PASS, PASS, PASS), None, "HEALTHY", 0),
        (rows(PASS, WARN, PASS), None, "layer 2 (firewall) deserves a look", 0),
        (rows(PASS, FAIL, PASS), 2, "BLOCKED: layer 2 (firewall): two", 4),
        (rows(PASS, UNKNOWN, PASS), None, "UNKNOWN", 6),
        (rows(PASS, UNKNOWN, FAIL), 3, "BLOCKED", 4),
        (rows(FAIL, FAIL, PASS), 1, "layer 2 (firewall) stops it too", 4),
        (rows(FAIL, PASS, PASS, absent=True), 1, "NOT SERVED: layer 1 (listening): one", 3),
        (rows(FAIL, PASS, FAIL, absent=True), 3, "NOT SERVED: layer 3 (selinux): three", 3),
    ],
)
def test_the_first_broken_layer_is_named_and_the_status_follows(
    layers: tuple[Layer, ...], layer: int | None, word: str, code: int
) -> None:
    conclusion = conclude(layers, ASKED)
    assert conclusion.layer == layer
    assert word in f"{conclusion.word}: {conclusion.summary}"
    assert conclusion.next_steps
    assert status.of_layers(layers) == code
