"""Is the whole answer put together from one evidence?"""

from __future__ import annotations

import pytest

from pathprobe.core.hops import hop_rows
from pathprobe.core.probes import FULL_TTL
from pathprobe.core.report import Target
from pathprobe.core.results import result_of
from pathprobe.core.verdict import conclude
from tests.core.factories import (
    PORT,
    SOURCE_PORT,
    THERE,
    answered,
    clear_echo,
    evidence,
    ping,
    reset,
    steps,
    syn,
)

FULL = FULL_TTL
TARGET = Target(given="web:8080", address=THERE, port=PORT, protocol="tcp")


def test_a_result_holds_the_verdict_its_hops_and_what_they_rest_on() -> None:
    seen = evidence(*steps(syn, 3), syn(4, reset()), syn(FULL, reset()), *clear_echo(), longest_wait=0.5)
    result = result_of(TARGET, seen, started=1_780_000_000.0, duration=0.25)
    assert result.verdict == conclude(seen)
    assert result.hops == hop_rows(seen, result.verdict)
    assert (result.control, result.source, result.window) == ("icmp echo", seen.source, seen.window)
    assert (result.observations, result.started, result.duration) == (seen.observations, 1_780_000_000.0, 0.25)


@pytest.mark.parametrize(
    ("seen", "port"),
    [
        (steps(syn, 2), SOURCE_PORT),
        ([syn(FULL, answered())], None),
        (steps(ping, 2), None),
        ([], None),
    ],
)
def test_the_source_port_is_that_of_the_ports_own_sweep(seen: list, port: int | None) -> None:
    assert result_of(TARGET, evidence(*seen), started=0, duration=0).source_port == port


@pytest.mark.parametrize(
    ("address", "port", "protocol", "label", "service"),
    [
        ("10.0.0.5", 8080, "tcp", "10.0.0.5:8080/tcp", "tcp/8080"),
        ("fd00::5", 8080, "tcp", "[fd00::5]:8080/tcp", "tcp/8080"),
        ("10.0.0.5", None, "icmp", "10.0.0.5/icmp", "icmp echo"),
        ("fd00::5", None, "icmp", "fd00::5/icmp", "icmp echo"),
    ],
)
def test_a_target_is_called_as_operators_write_it(
    address: str, port: int | None, protocol: str, label: str, service: str
) -> None:
    target = Target(given="x", address=address, port=port, protocol=protocol)
    assert (target.label, target.service) == (label, service)
