"""Does a silent UDP port's verdict say what it was asked?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pathprobe.core.report import Claim, Target
from pathprobe.engine.diagnose import Options, simulate
from pathprobe.engine.offline import analyze
from pathprobe.lab import catalogue
from pathprobe.net.scenario import Service, ServiceKind
from pathprobe.net.simulated import SimulatedNetwork
from tests.engine.runs import recorder

ABOUT_SERVICE = {Claim.ASKED_AS_CLIENT, Claim.ASKED_IN_TEXT, Claim.SILENT_BY_NATURE}


def told(port: int, folder: Path, kind: ServiceKind = ServiceKind.SILENT, **options: object) -> list[set[Claim]]:
    """What a run says about the service, and what its capture says."""
    network = replace(catalogue.load("udp-silent-service"), port=port, services=(Service(port=port, kind=kind),))
    target = Target(given="it", address=network.destination_address, port=port, protocol="udp")
    keeper = recorder(folder / "run.pcapng")
    source = network.link_address(0, "left")
    result = simulate(target, SimulatedNetwork(network), source, Options(**options), recorder=keeper)  # type: ignore[arg-type]
    keeper.finish((result,))
    results = (result, *analyze(folder / "run.pcapng"))
    return [{one.claim for one in each.verdict.reasons} & ABOUT_SERVICE for each in results]


@pytest.mark.parametrize(
    ("port", "right"),
    [
        (53, Claim.ASKED_AS_CLIENT),
        (161, Claim.ASKED_AS_CLIENT),
        (623, Claim.ASKED_AS_CLIENT),  # without a nonce
        (514, Claim.SILENT_BY_NATURE),
        (51820, Claim.SILENT_BY_NATURE),
        (4711, Claim.ASKED_IN_TEXT),
    ],
)
def test_a_silent_port_is_told_with_the_service_that_was_asked_for(port: int, right: Claim, tmp_path: Path) -> None:
    assert told(port, tmp_path) == [{right}, {right}]


def test_of_a_payload_that_was_given_nothing_is_known(tmp_path: Path) -> None:
    assert told(53, tmp_path, payload=b"something else") == [set(), set()]


def test_a_port_that_answers_needs_no_such_reason(tmp_path: Path) -> None:
    assert told(53, tmp_path, ServiceKind.ANSWERS) == [set(), set()]
