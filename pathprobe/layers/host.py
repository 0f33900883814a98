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
from pathprobe.layers.firewall.model import Chain, Ending, Family, Ruleset
from pathprobe.layers.listening.facts import Socket, Sockets, processes_of
from pathprobe.layers.listening.placing import meets
from pathprobe.layers.mandatory_access import judge as access
from pathprobe.layers.mandatory_access.read import read as read_access
from pathprobe.layers.network import Network
from pathprobe.layers.system import Remembering, System


@dataclass(frozen=True, slots=True, kw_only=True)
class PortQuestion:
    """``source``: who is to reach it, None for anybody; ``version``: 4 or 6 alone; ``expected``: who should serve.

    ``address``: by which it is to be reached, None for any; one that is not this machine's is taken for any.
    """

    port: int
    protocol: str
    source: IpAddress | None = None
    version: int | None = None
    expected: str | None = None
    address: IpAddress | None = None


def look(system: System, asked: PortQuestion, *, now: float) -> tuple[Layer, ...]:
    """The rows of layers 1 to 3; ``now`` in seconds since 1970, by that machine's clock."""
    system = Remembering(system)
    sockets = listening.read(system, asked.port, asked.protocol, expected=asked.expected)
    here = network_reading.read(system)
    reading = rules.read(system)
    found = firewall.cases(reading.ruleset, here, _packets(asked, here, sockets))
    landing = firewall.landing(found, here)
    sent_on = landing if landing and not landing.is_here else None
    return (
        _listening(system, asked, here, sockets, landing),
        _firewall(system, asked, here, reading, found),
        kernel.judge(
            kernel.read(system),
            asked.port,
            asked.protocol,
            version=asked.source.version if asked.source else asked.version,
            sockets=sockets,
            forwarded=sent_on is not None,
            lands_on=landing.address if landing else None,
            arrivals=_arrivals(found, asked),
            **_ways(system, found, asked, here, landing),
        ),
        _access(system, asked, sockets, now=now),
    )


def _packets(asked: PortQuestion, here: Network, sockets: Sockets) -> tuple[Question, ...]:
    """To the addresses where it is served; to all of them where it is served nowhere outside."""
    outer = [one for one in sockets.serving if not one.is_loopback]
    if own := _own_address(asked, here):
        to_it = questions(
            here, protocol=asked.protocol, port=asked.port, source=asked.source, bound_to=frozenset({own})
        )
        if to_it:
            return to_it
    bound = frozenset() if any(one.is_any for one in outer) else frozenset(one.address for one in outer)
    every = questions(here, protocol=asked.protocol, port=asked.port, source=asked.source, bound_to=bound)
    every = every or questions(here, protocol=asked.protocol, port=asked.port, source=asked.source)
    every = tuple(one for one in every if asked.version in (None, one.version))
    served = tuple(one for one in every if any(_takes(socket, one) for socket in outer))
    return served or every


def _own_address(asked: PortQuestion, here: Network) -> str | None:
    """The one that is asked about, where this machine has it."""
    address = asked.address
    return str(address) if address is not None and here.has(int(address), address.version) else None


def _takes(socket: Socket, question: Question) -> bool:
    make = ipaddress.IPv4Address if question.version == 4 else ipaddress.IPv6Address
    return meets(socket, str(make(question.destination)), question.version) is not False


def _listening(
    system: System, asked: PortQuestion, here: Network, sockets: Sockets, landing: firewall.Landing | None
) -> Layer:
    """Of the port that the packet has when it arrives, at the address to which it comes."""
    version = asked.source.version if asked.source else asked.version
    if landing is not None and not landing.is_here:
        behind = listening.read_behind(system, landing.address, landing.port, asked.protocol)
        row = listening.judge(sockets, expected=asked.expected, forwarded_to=landing.label, behind=behind)
        return replace(row, is_absent=behind == ())
    if landing is not None:
        there = listening.read(system, landing.port, asked.protocol, expected=asked.expected)
        row = listening.judge(there, expected=asked.expected, address=landing.address, version=version)
        summary = f"port {asked.port} is redirected to {landing.label}: {row.summary}"
        return replace(row, summary=summary, is_absent=not there.serving)
    own = asked.source if asked.source and here.has(int(asked.source), asked.source.version) else None
    row = listening.judge(
        sockets,
        expected=asked.expected,
        address=_own_address(asked, here) if own is None else str(own),
        version=version,
        is_local=own is not None,
    )
    return replace(row, is_absent=not sockets.serving)


def _firewall(
    system: System, asked: PortQuestion, here: Network, reading: rules.Reading, found: tuple[Case, ...]
) -> Layer:
    kept_by = owners.read(system, reading.ruleset)
    unfollowed = _unfollowed(reading.ruleset, here)
    row = firewall.judge(
        found,
        kept_by,
        port=asked.port,
        protocol=asked.protocol,
        unseen=(*reading.unseen, *here.unseen, *unfollowed),
        is_empty=not any(table.chains for table in reading.ruleset.tables),
    )
    missed = (*reading.notes, *owners.unseen(kept_by), *_not_followed(here))
    notes = (Evidence(source="not seen", text=note) for note in missed)
    return replace(row, evidence=tuple(dict.fromkeys((*row.evidence, *notes))))


def _unfollowed(ruleset: Ruleset, here: Network) -> list[str]:
    """Rules for what a bridge passes on: a packet for this machine that comes in by one meets them first."""
    if not any(one.kind == "bridge" and one.addresses for one in here.interfaces):
        return []
    tables = [one for one in ruleset.tables if one.family is Family.BRIDGE and not one.dormant]
    asked = [one.name for one in tables if any(_decides(chain) for chain in one.chains.values())]
    return [f"what the rules of table bridge {name} do is not followed" for name in asked]


def _decides(chain: Chain) -> bool:
    """Whether what the kernel calls may stop a packet: by a rule, or by a policy without any."""
    return chain.base is not None and (bool(chain.rules) or chain.base.policy is Ending.DROP)


def _not_followed(here: Network) -> list[str]:
    return [f"where this rule of ip-rule(8) sends packets: {one}" for one in here.policies]


def _arrivals(found: tuple[Case, ...], asked: PortQuestion) -> tuple[str, ...]:
    """By which interfaces packets come in that the rules send elsewhere; of IPv4 where no version is asked about."""
    version = asked.source.version if asked.source else asked.version or 4
    sent_on = [case for case in found if case.question.version == version and case.ruled.redirections]
    return tuple(dict.fromkeys(case.question.interface for case in sent_on))


def _ways(
    system: System, found: tuple[Case, ...], asked: PortQuestion, here: Network, landing: firewall.Landing | None
) -> dict[str, str | None]:
    """By which interface a named client's packet comes in and its answer leaves; a local one's stays inside."""
    source = asked.source
    if source is None or not found:
        return {}
    if here.has(int(source), source.version):
        return {"arrival": found[0].question.interface}
    interfaces = {case.question.interface for case in found}
    make = ipaddress.IPv4Address if source.version == 4 else ipaddress.IPv6Address
    port = landing.port if landing else asked.port
    answer = network_reading.Answer(protocol=asked.protocol, port=port) if here.policies else None
    way = network_reading.way_to(system, str(source), str(make(found[0].question.destination)), answer)
    if way is None:
        route = here.route(int(source), source.version)
        leads = route is not None and route.type == "unicast"
        why_none = None if leads else route.type if route else "no route"
        way = network_reading.WayTo(device=route.device if route else None, why_none=why_none)
    return {
        "source": str(source),
        "arrival": interfaces.pop() if len(interfaces) == 1 else None,
        "route_back": way.device,
        "no_route_back": way.why_none,
    }


def _access(system: System, asked: PortQuestion, sockets: Sockets, *, now: float) -> Layer:
    serving = processes_of(sockets.serving)
    facts = read_access(system, asked.port, asked.protocol, pids=[one.pid for one in serving])
    since = listening.since(sockets.serving)
    return access.judge(facts, now=now, listening=bool(sockets.serving), listening_since=since)
