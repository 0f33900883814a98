"""Who is asked about each layer of a diagnosis, and how far does it make sense to ask?

The probes say layers 4 and 5. The server says 1 to 3: here where the target is this machine, over ssh, or by a report
of its own. The cloud's rules say 6. Layer 7 is asked where there is a connection to speak over.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

from pathprobe.core.layers import Layer, LayerName, Status
from pathprobe.core.report import Result, State, Target

if TYPE_CHECKING:
    from pathprobe.layers.host import PortQuestion

#: For all that is to be had of a vendor's account itself, in the place of a file.
AWS = "aws"


class CannotAsk(Exception):
    """One line that says why, and what to do."""


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


def rows(target: Target, result: Result, sources: Sources) -> tuple[Layer, ...]:
    """A row for each layer, in their order. Raises CannotAsk."""
    from pathprobe.output.diagnosis import probed

    server = _server(target, result, sources)
    connectivity = probed.connectivity(result)
    if any(row.status is not Status.SKIP for row in server):
        # Whether nothing listens is the server's word then: a rule resets as well.
        connectivity = replace(connectivity, is_absent=False)
    found = [*server, connectivity, probed.path(result)]
    found += [_cloud(target, result, sources), _application(target, result, sources)]
    return tuple(sorted(found, key=lambda row: row.number))


def _server(target: Target, result: Result, sources: Sources) -> Sequence[Layer]:
    from pathprobe.layers.own_addresses import is_this_machine
    from pathprobe.layers.system import ThisMachine

    if sources.report is not None:
        return _reported(sources.report, target)
    question = _question(target, result, sources)
    if sources.ssh is not None:
        return _over_ssh(sources.ssh, question)
    here = ThisMachine()
    if is_this_machine(here, target.address):
        from pathprobe.layers.host import look

        return look(here, question, now=time.time())
    how = "not looked at: --ssh [user@]HOST or --host-report FILE does that"
    names = (LayerName.LISTENING, LayerName.FIREWALL, LayerName.SELINUX)
    return [Layer(name=name, status=Status.SKIP, summary=how) for name in names]


def _question(target: Target, result: Result, sources: Sources) -> PortQuestion:
    from pathprobe.layers.host import PortQuestion

    assert target.port is not None, "a target without a port is not diagnosed"
    client = sources.client or result.source
    return PortQuestion(
        port=target.port,
        protocol=target.protocol,
        source=ip_address(client.partition("%")[0]) if client else None,
        version=ip_address(target.address).version,
        expected=sources.expected,
    )


def _over_ssh(given: str, question: PortQuestion) -> Sequence[Layer]:
    import sys

    from pathprobe.commands.terminal import is_terminal
    from pathprobe.layers.host import look
    from pathprobe.layers.remote import Destination, NotReached, SshMachine, SshOptions

    try:
        destination = Destination.parse(given)
        with SshMachine.connect(destination, SshOptions(may_ask=is_terminal(sys.stderr))) as machine:
            return look(machine, question, now=machine.now())
    except (NotReached, ValueError) as error:
        raise CannotAsk(str(error)) from None


def _reported(path: Path, target: Target) -> Sequence[Layer]:
    from pathprobe.layers.reported import NotAReport, read_report

    try:
        found = read_report(path.read_text(errors="replace"))
    except OSError as error:
        raise CannotAsk(f"cannot read {path}: {error.strerror}") from None
    except NotAReport as error:
        raise CannotAsk(f"{path}: {error}") from None
    if (found.asked.port, found.asked.protocol) != (target.port, target.protocol):
        wanted = f"{target.port}/{target.protocol}"
        raise CannotAsk(f"{path} is about {found.asked.label_of_port}: have pathprobe host {wanted} --json write it")
    return found.layers


def _cloud(target: Target, result: Result, sources: Sources) -> Layer:
    if not sources.cloud:
        how = "not looked at: --cloud FILE|aws does that"
        return Layer(name=LayerName.CLOUD, status=Status.SKIP, summary=how)
    from pathprobe.commands import cloud_reading
    from pathprobe.layers.cloud.judge import judge

    client = sources.client or result.source
    question = cloud_reading.question(
        target.protocol, target.port, target=ip_address(target.address), source=ip_address(client) if client else None
    )
    try:
        if sources.cloud == (AWS,):
            return judge(cloud_reading.of_aws(question), question)
        return judge(cloud_reading.of_files(sources.cloud), question)
    except cloud_reading.CannotRead as error:
        raise CannotAsk(str(error)) from None


def _application(target: Target, result: Result, sources: Sources) -> Layer:
    reason = _why_not(target, result, sources)
    if reason:
        return Layer(name=LayerName.APPLICATION, status=Status.SKIP, summary=f"not asked: {reason}")
    from pathprobe.layers import app

    try:
        question = app.parse(sources.url or target.given)
        row = app.look(replace(question, connect_to=target.address), now=time.time())
    except (app.BadTarget, app.CannotAsk) as error:
        raise CannotAsk(str(error)) from None
    # That it refuses is the probes' word; what was refused to this row came after that.
    return replace(row, is_absent=False)


def _why_not(target: Target, result: Result, sources: Sources) -> str:
    if not sources.application:
        return "--no-app"
    if result.verdict.state is not State.OPEN:
        return "there is no connection to speak over"
    if target.protocol != "tcp" and not sources.url:
        return "its answer to a datagram is all that was asked for; --app URL asks more"
    return ""
