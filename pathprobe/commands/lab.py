"""``pathprobe lab``: throw-away networks with a known fault."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click
from tabulate import tabulate

from pathprobe.commands import status

if TYPE_CHECKING:
    from pathprobe.core.report import Result
    from pathprobe.lab.ask import Difference
    from pathprobe.lab.calibration import Judged
    from pathprobe.lab.generate import Network
    from pathprobe.lab.network import Lab
    from pathprobe.net.scenario import Scenario


@click.group()
def lab() -> None:
    """Throw-away networks with a known fault, to learn on and to test on.

    Each is a chain client - r1 - r2 - r3 - target of network namespaces that only this process sees, and
    that goes away with it. Needs root, or user namespaces.
    """


@lab.command("list")
def list_() -> None:
    """Which networks there are."""
    from pathprobe.lab import catalogue

    rows = [(name, catalogue.load(name).summary) for name in catalogue.names()]
    click.echo(tabulate(rows, tablefmt="plain"))


@lab.command(context_settings={"ignore_unknown_options": True})
@click.argument("name")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def run(name: str, command: tuple[str, ...]) -> None:
    """Run COMMAND on the client of network NAME, by default the pathprobe command for its fault.

    \b
    pathprobe lab run drop-r2-forward
    pathprobe lab run drop-r2-forward -- traceroute -n -T -p 8080 10.0.0.5
    """
    with _network(name) as network:
        given = command or (sys.executable, "-m", "pathprobe", *network.scenario.arguments)
        code = call(network, given)
    sys.exit(code)


@lab.command()
@click.argument("name")
def shell(name: str) -> None:
    """A shell on the client of network NAME; `ip netns exec r2 ...` reaches the other nodes."""
    with _network(name) as network:
        scenario = network.scenario
        click.echo(f"{scenario.name}: {scenario.summary}", err=True)
        click.echo(f"nodes: {', '.join(scenario.nodes)}; try: pathprobe {' '.join(scenario.arguments)}", err=True)
        code = call(network, (os.environ.get("SHELL", "/bin/sh"),))
    sys.exit(code)


@lab.command()
@click.argument("names", nargs=-1)
@click.option("--times", default=1, show_default=True, type=click.IntRange(1, 1000), help="How often to ask each.")
@click.option("--simulated", is_flag=True, help="On the simulated networks; needs no privileges.")
@click.option("--random", "generated", type=click.IntRange(1, 100_000), metavar="N", help="N random networks instead.")
@click.option("--seed", default=0, show_default=True, help="Seed of the first random network.")
def check(names: tuple[str, ...], times: int, simulated: bool, generated: int | None, seed: int) -> None:
    """Ask about every network (or NAMES) and compare the verdict with the truth.

    Exit status 0 when every verdict is right, else 1.
    """
    from pathprobe.lab import catalogue

    if generated:
        _check_generated(range(seed, seed + generated), simulated=simulated)
    scenarios = [_load(name) for name in names or (catalogue.simulable() if simulated else catalogue.names())]
    for scenario in scenarios:
        if simulated and not scenario.is_simulable:
            raise click.UsageError(f"{scenario.name} has parts that only a real network has: leave out --simulated")
    wrong = 0
    for scenario in scenarios:
        wrong += _check(scenario, times, simulated=simulated)
    click.echo(f"{len(scenarios)} networks, {times} times each: {wrong} wrong verdicts")
    sys.exit(1 if wrong else 0)


@lab.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@click.argument("names", nargs=-1)
def record(directory: Path, names: tuple[str, ...]) -> None:
    """Record fixtures: DIRECTORY/NAME of a live run, DIRECTORY/foreign or pairs/NAME of other tools' traffic.

    Without NAMES the live runs that are there are renewed, and all of the others. A live run with a wrong verdict
    is not kept.
    """
    from pathprobe.lab import recordings
    from pathprobe.lab.netns import LabUnavailable
    from pathprobe.lab.record import recorded

    wrong = 0
    for name in names or (*recorded(directory), *recordings.names()):
        try:
            found = _record(name, directory)
        except LabUnavailable as error:
            click.echo(f"pathprobe: {error}", err=True)
            sys.exit(status.CANNOT)
        wrong += bool(found)
        click.echo(f"{name:32} {'; '.join(map(str, found)) or 'recorded'}")
    sys.exit(1 if wrong else 0)


def _record(name: str, directory: Path) -> tuple[Difference, ...]:
    """Make or renew one fixture; what was wrong with the verdict of a live run."""
    from pathprobe import __version__
    from pathprobe.commands.live import WORDS
    from pathprobe.lab import listen, recordings
    from pathprobe.lab.record import record as keep

    if name not in recordings.names():
        return keep(_load(name), directory, WORDS, f"pathprobe {__version__}")
    with undisturbed():
        listen.listen(recordings.load(name), directory)
    return ()


def _check_generated(seeds: range, *, simulated: bool) -> NoReturn:
    from pathprobe.lab.generate import generate

    judged = []
    for seed in seeds:
        network = generate(seed)
        verdict = _judge(network, _ask(network.scenario, seed, simulated=simulated))
        judged.append(verdict)
        for line in verdict.found:
            click.echo(f"{network.scenario.name}: {line} (sure {verdict.confidence:.1%})")
    _summarize(judged)
    sys.exit(1 if any(one.found for one in judged) else 0)


def _judge(network: Network, result: Result) -> Judged:
    from pathprobe.lab.calibration import Judged
    from pathprobe.lab.truth import contradictions, knows_nothing

    return Judged(
        found=tuple(contradictions(network.truth, result.verdict)),
        knows_nothing=knows_nothing(network.truth, result.verdict),
        by_chance=network.truth.by_chance,
        confidence=result.verdict.confidence,
        packets=len(result.observations),
    )


def _summarize(judged: list[Judged]) -> None:
    """What came of all the random networks, and how far a confidence can be trusted where chance has a part."""
    from pathprobe.lab.calibration import calibration

    noisy = [one for one in judged if one.by_chance]
    wrong, wrong_by_chance = (sum(bool(one.found) for one in some) for some in (judged, noisy))
    rows = [(f"{row.least:.0%} to {row.below:.0%}", row.verdicts, row.right) for row in calibration(noisy)]
    if rows:
        click.echo("where packets get lost, or routers spare their ICMP:")
        click.echo(tabulate(rows, headers=("sure", "verdicts", "right"), tablefmt="plain"))
    nothing, most = sum(one.knows_nothing for one in judged), max(one.packets for one in judged)
    click.echo(
        f"{len(judged)} random networks: {wrong} verdicts that contradict the truth "
        f"({wrong_by_chance} of them where packets get lost), knew nothing: {nothing}, at most {most} packets"
    )


def _ask(scenario: Scenario, seed: int, *, simulated: bool) -> Result:
    """The verdict on a scenario, simulated or on a network built for it."""
    from pathprobe.lab.ask import ask_live, ask_simulated

    if simulated:
        return ask_simulated(scenario, seed=seed)
    with _built(scenario) as network:
        return ask_live(network)


def _check(scenario: Scenario, times: int, *, simulated: bool) -> int:
    from pathprobe.lab.ask import differences

    wrong, confidences, packets = 0, [], []
    for number in range(times):
        result = _ask(scenario, number, simulated=simulated)
        confidences.append(result.verdict.confidence)
        packets.append(len(result.observations))
        found = differences(scenario, result)
        wrong += bool(found)
        for difference in found:
            click.echo(f"  {scenario.name}, run {number + 1}: {difference}")
    sure = f"{min(confidences):.1%}"
    click.echo(f"{scenario.name:32} {times - wrong}/{times} right, sure {sure}, {max(packets)} packets")
    return wrong


def _network(name: str) -> AbstractContextManager[Lab]:
    return _built(_load(name))


@contextmanager
def _built(scenario: Scenario) -> Iterator[Lab]:
    from pathprobe.lab.netns import LabUnavailable
    from pathprobe.lab.network import Lab

    try:
        with undisturbed(), Lab(scenario) as network:
            yield network
    except LabUnavailable as error:
        click.echo(f"pathprobe: {error}", err=True)
        sys.exit(status.CANNOT)


def _load(name: str) -> Scenario:
    from pathprobe.lab.catalogue import UnknownScenario, load

    try:
        return load(name)
    except UnknownScenario as error:
        click.echo(f"pathprobe: {error} (pathprobe lab list)", err=True)
        sys.exit(status.USAGE)


@contextmanager
def undisturbed() -> Iterator[None]:
    """A termination takes the same way out as Ctrl-C, so that the network is always torn down."""

    def stop(number: int, _: object) -> None:
        sys.exit(128 + number)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def call(network: Lab, command: tuple[str, ...], *, apart: bool = False) -> int:
    """Run a command on the client and give its status.

    Ctrl-C is the command's to handle, we tear down after it. The terminal sends it to the command too, unless
    that runs ``apart``, in a session of its own: then we pass it on.
    """
    here = os.path.dirname(sys.executable)
    environment = {**os.environ, "PATH": f"{here}:{os.environ.get('PATH', os.defpath)}"}
    try:
        process = network.start("client", command, env=environment, start_new_session=apart)
    except (FileNotFoundError, PermissionError) as error:
        click.echo(f"pathprobe: cannot run {command[0]}: {error.strerror}", err=True)
        return status.CANNOT
    before = signal.signal(signal.SIGINT, lambda number, _: process.send_signal(number) if apart else None)
    try:
        return _shell_status(process.wait())
    finally:
        signal.signal(signal.SIGINT, before)


def _shell_status(code: int) -> int:
    """A command that a signal ended has the status that shells give it."""
    return 128 - code if code < 0 else code
