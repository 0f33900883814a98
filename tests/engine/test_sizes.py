"""A capture says that sizes were asked about, and gives the same answer, also when the run was killed."""

from __future__ import annotations

from pathlib import Path

import pytest

from pathprobe.core.report import Loss, Result
from pathprobe.engine.diagnose import Options, simulate
from pathprobe.engine.offline import analyze
from pathprobe.lab import catalogue
from pathprobe.lab.ask import question
from pathprobe.net.simulated import SimulatedNetwork
from tests.engine.runs import recorder, run


def asked(name: str, path: Path) -> tuple[Result, bytes]:
    """The result of a simulated run with --mtu, and its capture as it was before the end."""
    scenario, keeper = catalogue.load(name), recorder(path)
    source = scenario.link_address(0, "left")
    result = simulate(question(scenario), SimulatedNetwork(scenario), source, Options(mtu=True), recorder=keeper)
    killed = path.read_bytes()
    keeper.finish((result,))
    return result, killed


@pytest.mark.parametrize("name", ["open", "closed-v6", "echo-open", "drop-r2-forward", "no-icmp-open", "host-down"])
def test_the_file_alone_gives_the_same_sizes(name: str, tmp_path: Path) -> None:
    path = tmp_path / "run.pcapng"
    live, _ = asked(name, path)
    (again,) = analyze(path)
    assert again.mtu == live.mtu == 1500
    assert again.path_mtu == live.path_mtu
    assert [seen.probe.size for seen in again.observations] == [seen.probe.size for seen in live.observations]
    assert again.verdict.location == live.verdict.location


@pytest.mark.parametrize("family", ["", "-v6"])
@pytest.mark.parametrize(
    ("name", "mechanism", "good", "bad"),
    [
        ("pmtu-r2-r3-1400-told", Loss.TOLD, 2, 3),
        ("pmtu-blackhole-r2-r3", Loss.SILENT, 2, 3),
        ("pmtu-blackhole-rule-r3", Loss.SILENT, 3, 4),
    ],
)
def test_the_packaged_networks_have_the_sizes_that_they_were_made_with(
    name: str, family: str, mechanism: Loss, good: int, bad: int, tmp_path: Path
) -> None:
    path = tmp_path / "run.pcapng"
    live, _ = asked(f"{name}{family}", path)
    found = live.path_mtu
    assert found is not None
    assert (found.largest, found.smallest_lost, found.mechanism) == (1400, 1401, mechanism)
    location = found.location
    assert location is not None
    assert location.last_good is not None
    assert location.first_bad is not None
    assert (location.last_good.ttl, location.first_bad.ttl) == (good, bad)
    (again,) = analyze(path)
    assert again.path_mtu == found


def test_a_run_that_was_killed_says_it_too(tmp_path: Path) -> None:
    path = tmp_path / "run.pcapng"
    _, killed = asked("open", path)
    path.write_bytes(killed)
    (again,) = analyze(path)
    assert again.path_mtu is not None
    assert (again.path_mtu.largest, again.path_mtu.mechanism) == (1500, Loss.NONE)
    assert not again.complete


def test_a_file_of_a_run_that_asked_for_none_has_none(tmp_path: Path) -> None:
    path = tmp_path / "run.pcapng"
    path.write_bytes(run("open").octets)
    (again,) = analyze(path)
    assert (again.mtu, again.path_mtu) == (None, None)
