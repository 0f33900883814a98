"""Who is asked about each layer of a diagnosis, and how far does it make sense to ask?

The probes say layers 4 and 5. The server says 1 to 3: here where the target is this machine, over ssh, or by a report
of its own. The cloud's rules say 6. Layer 7 is asked where there is a connection to speak over. Who cannot be asked
hides no more than its own layers: an unreachable server is what all of this is for.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

from pathprobe.core.layers import Layer, LayerName, Status
from pathprobe.core.report import Result, State, Target

if TYPE_CHECKING:
    from pathprobe.layers.app import Question as AppQuestion
    from pathprobe.layers.cloud.judge import CloudQuestion
    from pathprobe.layers.cloud.model import Account
    from pathprobe.layers.host import PortQuestion
    from pathprobe.layers.remote import Destination
    from pathprobe.layers.reported import Reported
    from pathprobe.output.diagnosis.joining import Vantage

#: For all that is to be had of a vendor's account itself, in the place of a file.
AWS = "aws"

#: Rows that every diagnosis has beside those of the probes.
_SERVERS = (LayerName.LISTENING, LayerName.FIREWALL, LayerName.SELINUX)
_OTHERS = (*_SERVERS, LayerName.CLOUD, LayerName.APPLICATION)

#: Seconds after which a report is no longer called fresh.
_FRESH = 3600


class Misused(Exception):
    """What was given cannot be meant so; one line that says what to give."""


class NotOpened(Exception):
    """What was given cannot be read; one line that says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """``ssh``: [user@]host[:port]; ``report``: a file that ``host --json`` wrote; ``cloud``: files, or "aws".

    ``client``: the address that the server's side sees, None for the probes' own. ``url``: what to ask of the service,
    None for what its port is known for; ``application`` False: nothing. ``expected``: who should serve the port.
    """

    ssh: str | None = None
    report: Path | None = None
    cloud: tuple[str, ...] = ()
    client: str | None = None
    url: str | None = None
    application: bool = True
    expected: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """The sources, read as far as that needs no network. ``account`` None with ``is_aws``: AWS is to be asked."""

    sources: Sources
    destination: Destination | None
    reported: Reported | None
    account: Account | None
    is_aws: bool
    application: AppQuestion | None


@dataclass(slots=True)
class Looked:
    """What was found, which grows. ``complete``: nobody interrupted it."""

    client: str | None = None
    rows: list[Layer] = field(default_factory=list)
    stranger: str | None = None
    notes: list[str] = field(default_factory=list)
    complete: bool = True

    @property
    def layers(self) -> tuple[Layer, ...]:
        """In their order."""
        return tuple(sorted(self.rows, key=lambda row: row.number))

    @property
    def vantage(self) -> Vantage:
        from pathprobe.output.diagnosis.joining import Vantage

        return Vantage(client=self.client, stranger=self.stranger, notes=tuple(self.notes))


def opened(sources: Sources, target: Target) -> Opened:
    """Everything is read before the first probe. Raises Misused, NotOpened."""
    _check_client(sources.client, target)
    is_aws = AWS in sources.cloud
    if is_aws and len(sources.cloud) > 1:
        raise Misused("--cloud aws asks AWS itself: give that or files")
    return Opened(
        sources=sources,
        destination=_destination(sources.ssh),
        application=_application_question(sources.url, target),
        reported=None if sources.report is None else _reported(sources.report, target),
        account=None if is_aws or not sources.cloud else _account(sources.cloud),
        is_aws=is_aws,
    )


def _check_client(client: str | None, target: Target) -> None:
    if client is None:
        return
    given, version = ip_address(client.partition("%")[0]).version, ip_address(target.address.partition("%")[0]).version
    if given != version:
        raise Misused(f"--from {client} is IPv{given} and {target.address} IPv{version}: both have to be of one")


def _destination(ssh: str | None) -> Destination | None:
    from pathprobe.layers.remote import Destination

    if ssh is None:
        return None
    try:
        return Destination.parse(ssh)
    except ValueError as error:
        raise Misused(f"--ssh {error}") from None


def _application_question(url: str | None, target: Target) -> AppQuestion | None:
    from pathprobe.layers import app

    if url is None:
        return None
    try:
        asked = app.parse(url)
    except app.BadTarget as error:
        raise Misused(f"--app {error}") from None
    if asked.port != target.port:
        raise Misused(f"--app asks port {asked.port}, and the diagnosis is of {target.port}: write that in the URL too")
    return asked


def _reported(path: Path, target: Target) -> Reported:
    from pathprobe.layers.reported import NotAReport, read_report

    try:
        found = read_report(path.read_text(errors="replace"))
    except OSError as error:
        raise NotOpened(f"cannot read {path}: {error.strerror}") from None
    except NotAReport as error:
        raise NotOpened(f"{path}: {error}") from None
    if (found.asked.port, found.asked.protocol) != (target.port, target.protocol):
        wanted = f"{target.port}/{target.protocol}"
        raise NotOpened(f"{path} is about {found.asked.label_of_port}: have pathprobe host {wanted} --json write it")
    return found


def _account(files: Sequence[str]) -> Account:
    from pathprobe.commands import cloud_reading

    try:
        return cloud_reading.of_files(files)
    except cloud_reading.CannotRead as error:
        raise NotOpened(str(error)) from None


def looked(target: Target, result: Result, asked: Opened, *, goes_on: bool) -> Looked:
    """A row for each layer; those that nobody came to are skipped. ``goes_on`` False: the probes were interrupted."""
    from pathprobe.output.diagnosis import probed

    client = asked.sources.client
    found = Looked(client=client if client != result.source else None, complete=goes_on)
    connectivity = probed.connectivity(result)
    try:
        if goes_on:
            found.rows += _server(target, result, asked, found)
            found.rows.append(_cloud(target, result, asked))
            found.rows.append(_application(target, result, asked))
    except KeyboardInterrupt:
        found.complete = False
    if any(row.status not in (Status.SKIP, Status.UNKNOWN) for row in found.rows if row.name in _SERVERS):
        # Whether nothing listens is the server's word then: a rule resets as well.
        connectivity = replace(connectivity, is_absent=False)
    had = {row.name for row in found.rows}
    found.rows += _skipped((name for name in _OTHERS if name not in had), "not looked at: interrupted")
    found.rows += [connectivity, probed.path(result)]
    return found


def _skipped(names: Iterable[LayerName], why: str) -> Iterator[Layer]:
    return (Layer(name=name, status=Status.SKIP, summary=why) for name in names)


def _server(target: Target, result: Result, asked: Opened, found: Looked) -> Sequence[Layer]:
    from pathprobe.layers.own_addresses import is_this_machine
    from pathprobe.layers.system import ThisMachine

    if asked.reported is not None:
        found.notes += _age(time.time() - asked.reported.started)
        return asked.reported.layers
    question = _question(target, result, asked.sources)
    if asked.destination is not None:
        return _over_ssh(asked.destination, question, target, found)
    here = ThisMachine()
    if is_this_machine(here, target.address):
        from pathprobe.layers.host import look

        return look(here, question, now=time.time())
    return tuple(_skipped(_SERVERS, "not looked at: --ssh [user@]HOST or --host-report FILE does that"))


def _age(seconds: float) -> tuple[str, ...]:
    """Said of a report that may no longer be true."""
    if abs(seconds) < _FRESH:
        return ()
    if seconds < 0:
        return ("the server's report is of the future, by this machine's clock",)
    hours = seconds / 3600
    return (f"the server's report is {f'{hours:.0f} hours' if hours < 48 else f'{hours / 24:.0f} days'} old",)


def _question(target: Target, result: Result, sources: Sources) -> PortQuestion:
    from pathprobe.layers.host import PortQuestion

    assert target.port is not None, "a target without a port is not diagnosed"
    client = sources.client or result.source
    return PortQuestion(
        port=target.port,
        protocol=target.protocol,
        source=ip_address(client.partition("%")[0]) if client else None,
        version=ip_address(target.address.partition("%")[0]).version,
        address=ip_address(target.address.partition("%")[0]),
        expected=sources.expected,
    )


def _over_ssh(destination: Destination, question: PortQuestion, target: Target, found: Looked) -> Sequence[Layer]:
    from pathprobe.commands.terminal import is_terminal
    from pathprobe.layers.host import look
    from pathprobe.layers.own_addresses import is_this_machine
    from pathprobe.layers.remote import NotReached, SshMachine, SshOptions
    from pathprobe.layers.system import Remembering

    try:
        with SshMachine.connect(destination, SshOptions(may_ask=is_terminal(sys.stderr))) as machine:
            system = Remembering(machine)
            layers = look(system, question, now=machine.now())
            if not is_this_machine(system, target.address):
                found.stranger = destination.host
            return [_as_root(row, destination) for row in layers]
    except NotReached as error:
        return [Layer(name=name, status=Status.UNKNOWN, summary=f"not looked at: {error}") for name in _SERVERS]


def _as_root(row: Layer, destination: Destination) -> Layer:
    """Who is asked over ssh need not have this program: root is had another way."""
    if not any(line.startswith("sudo pathprobe host") for line in row.fix):
        return row
    return replace(row, fix=(f"# look as root: --ssh root@{destination.host}, or as a user who may sudo",))


def _cloud(target: Target, result: Result, asked: Opened) -> Layer:
    if not asked.sources.cloud:
        (row,) = _skipped([LayerName.CLOUD], "not looked at: --cloud FILE|aws does that")
        return row
    from pathprobe.commands import cloud_reading
    from pathprobe.layers.cloud.judge import judge

    question = _cloud_question(target, asked.sources.client or result.source)
    try:
        return judge(asked.account or cloud_reading.of_aws(question), question)
    except cloud_reading.CannotRead as error:
        return Layer(name=LayerName.CLOUD, status=Status.UNKNOWN, summary=f"not looked at: {error}")


def _cloud_question(target: Target, client: str) -> CloudQuestion:
    from pathprobe.commands import cloud_reading

    address, source = ip_address(target.address), ip_address(client) if client else None
    return cloud_reading.question(target.protocol, target.port, target=address, source=source)


def _application(target: Target, result: Result, asked: Opened) -> Layer:
    reason = _why_not(target, result, asked)
    if reason:
        (row,) = _skipped([LayerName.APPLICATION], f"not asked: {reason}")
        return row
    from pathprobe.layers import app

    question = asked.application or app.parse(target.given)
    try:
        row = app.look(replace(question, connect_to=target.address), now=time.time())
    except app.CannotAsk as error:
        return Layer(name=LayerName.APPLICATION, status=Status.UNKNOWN, summary=f"not asked: {error}")
    # That it refuses is the probes' word; what was refused to this row came after that.
    return replace(row, is_absent=False)


def _why_not(target: Target, result: Result, asked: Opened) -> str:
    if not asked.sources.application:
        return "--no-app"
    if result.verdict.state not in (State.OPEN, State.INTERMITTENT):
        return "there is no connection to speak over"
    if target.protocol != "tcp" and asked.application is None:
        return "its answer to a datagram is all that was asked for; --app URL asks more"
    return ""
