"""What does this machine say of one of its ports: is it served, let in, and allowed?

Layers 1 to 3, each read and judged by its own room; what one finds is what the next is asked about: a packet that the
rules send on to a container needs no socket here, and a socket on one address is asked for by that address.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, replace

from pathprobe.core.layers import Evidence, Layer
from pathprobe.layers import kernel, listening, network_reading
from pathprobe.layers.firewall import judge as firewall
from pathprobe.layers.firewall import owners
from pathprobe.layers.firewall import read as rules
from pathprobe.layers.firewall.cases import IpAddress, questions
from pathprobe.layers.firewall.evaluation.journey import Question
from pathprobe.layers.firewall.judge import Case
from pathprobe.layers.listening.facts import Elsewhere, Socket, Sockets, processes_of
from pathprobe.layers.listening.placing import meets
from pathprobe.layers.mandatory_access import judge as access
from pathprobe.layers.mandatory_access.read import read as read_access
from pathprobe.layers.network import Network
from pathprobe.layers.system import System


@dataclass(frozen=True, slots=True, kw_only=True)
class PortQuestion:
    """``source``: who is to reach it, None for anybody; ``version``: 4 or 6 alone; ``expected``: who should serve."""

    port: int
    protocol: str
    source: IpAddress | None = None
    version: int | None = None
    expected: str | None = None


def look(system: System, asked: PortQuestion, *, now: float) -> tuple[Layer, ...]:
    """The rows of layers 1 to 3; ``now`` in seconds since 1970."""
    sockets = listening.read(system, asked.port, asked.protocol, expected=asked.expected)
    here = network_reading.read(system)
    reading = rules.read(system)
    found = firewall.cases(reading.ruleset, here, _packets(asked, here, sockets))
    handed_on = firewall.forwarded_to(found)
    behind = _behind(system, found, asked.protocol)
    version = asked.source.version if asked.source else asked.version
    return (
        _listening(sockets, asked, handed_on, behind, version),
        _firewall(system, asked, here, reading, found),
        kernel.judge(
            kernel.read(system),
            asked.port,
            asked.protocol,
            version=version,
            sockets=sockets,
            forwarded=handed_on is not None,
            lands_on=landing[0] if (landing := firewall.landing(found)) else None,
            arrival=_arrival(found, asked),
            route_back=_route_back(here, asked.source),
        ),
        _access(system, asked, sockets, now=now),
    )


def _packets(asked: PortQuestion, here: Network, sockets: Sockets) -> tuple[Question, ...]:
    """To the addresses where it is served; to all of them where it is served nowhere outside."""
    every = questions(here, protocol=asked.protocol, port=asked.port, source=asked.source)
    every = tuple(one for one in every if asked.version in (None, one.version))
    outer = [one for one in sockets.serving if not one.is_loopback]
    served = tuple(one for one in every if any(_takes(socket, one) for socket in outer))
    return served or every


def _takes(socket: Socket, question: Question) -> bool:
    make = ipaddress.IPv4Address if question.version == 4 else ipaddress.IPv6Address
    return meets(socket, str(make(question.destination)), question.version) is not False


def _behind(system: System, found: tuple[Case, ...], protocol: str) -> tuple[Elsewhere, ...] | None:
    """What serves the port where the rules send the packet on to, if that is on this machine."""
    sent_on = firewall.landing(found)
    return None if sent_on is None else listening.read_behind(system, sent_on[0], sent_on[1], protocol)


def _listening(
    sockets: Sockets,
    asked: PortQuestion,
    handed_on: str | None,
    behind: tuple[Elsewhere, ...] | None,
    version: int | None,
) -> Layer:
    row = listening.judge(sockets, expected=asked.expected, forwarded_to=handed_on, behind=behind, version=version)
    absent = not sockets.serving if handed_on is None else behind == ()
    return replace(row, is_absent=absent)


def _firewall(
    system: System, asked: PortQuestion, here: Network, reading: rules.Reading, found: tuple[Case, ...]
) -> Layer:
    kept_by = owners.read(system, reading.ruleset)
    unseen = (*reading.unseen, *here.unseen)
    row = firewall.judge(found, kept_by, port=asked.port, protocol=asked.protocol, unseen=unseen)
    notes = tuple(Evidence(source="not seen", text=note) for note in (*reading.notes, *_not_followed(here)))
    return replace(row, evidence=(*row.evidence, *notes))


def _not_followed(here: Network) -> list[str]:
    return [f"where this rule of ip-rule(8) sends packets: {one}" for one in here.policies]


def _arrival(found: tuple[Case, ...], asked: PortQuestion) -> str | None:
    """The interface, where there is only one by which the packet may come in."""
    interfaces = {case.question.interface for case in found}
    return interfaces.pop() if asked.source and len(interfaces) == 1 else None


def _route_back(here: Network, source: IpAddress | None) -> str | None:
    route = here.route(int(source), source.version) if source else None
    return route.device if route else None


def _access(system: System, asked: PortQuestion, sockets: Sockets, *, now: float) -> Layer:
    serving = processes_of(sockets.serving)
    facts = read_access(system, asked.port, asked.protocol, pids=[one.pid for one in serving])
    return access.judge(facts, now=now, listening=bool(sockets.serving))
