"""A payload of the user's own has no room for a token: the verdict is right all the same, on however many flows."""

from __future__ import annotations

import pytest

from pathprobe.engine.diagnose import Options, simulate
from pathprobe.lab import catalogue
from pathprobe.lab.ask import differences, question
from pathprobe.net.simulated import SimulatedNetwork


@pytest.mark.parametrize("name", ["udp-drop-r2", "udp-drop-r2-v6", "udp-silent-service-v6", "udp-closed-v6"])
@pytest.mark.parametrize("payload", [b"", b"\x00\xff"])
@pytest.mark.parametrize("flows", [1, 4, None])
def test_a_question_in_the_user_s_own_words_is_answered_right(name: str, payload: bytes, flows: int | None) -> None:
    scenario = catalogue.load(name)
    asked = Options(payload=payload, flows=flows)
    result = simulate(question(scenario), SimulatedNetwork(scenario), scenario.link_address(0, "left"), asked)
    assert not differences(scenario, result)
