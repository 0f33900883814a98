"""Which races are about very many targets?"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

from pathprobe.core.timing import SHORTEST_WINDOW
from tests.bench import answers, networks
from tests.bench.answers import Question
from tests.bench.networks import CLOSED_PORT, OPEN_PORT, WIDE
from tests.bench.work import LIST, OURS, PATHPROBE, SCAPY, Bound, How, Measure, Tool, Work

STATE, PLACE = Question.STATE, Question.PLACE

_STATES = {OPEN_PORT: "open", CLOSED_PORT: "closed"}
_PORTS = f"{OPEN_PORT},{CLOSED_PORT}"

#: MiB that a batch of any size may take.
_MEMORY = 300

_BATCH = (*PATHPROBE, "batch", LIST)
_NMAP = ("nmap", "-n", "-Pn", "-sS", "-oG", "-")

#: Seconds for the located ones: three silence windows, and the time that 1,000 SYNs and 20 packets for each of the 200
#: dropped targets take at the rate at which a batch starts, in packets a second.
_LOCATED_IN = 3 * SHORTEST_WINDOW + (1_000 + 200 * 20) / 2_000

#: 250 of each of four /24s, of which each dropping router drops 25.
_TARGETS = [IPv4Address(f"10.64.{third}.{fourth}") for third in range(4) for fourth in range(1, 251)]
_DROPPED = tuple([one for one in _TARGETS if int(one) % 256 in fourths] for fourths in (range(1, 26), range(26, 51)))


def _scan(network: IPv4Network, *, seconds: float, rounds: int) -> tuple[Tool, Tool]:
    """pathprobe's first pass, and nmap at its defaults."""
    ours = Tool(
        name=OURS,
        command=(*_BATCH, "--no-trace"),
        read=answers.lines,
        questions=(STATE,),
        seconds=seconds,
        rounds=rounds,
    )
    nmap = Tool(
        name="nmap",
        command=(*_NMAP, "-p", _PORTS, str(network)),
        read=answers.nmap,
        questions=(STATE,),
        seconds=seconds,
        rounds=rounds,
    )
    return ours, nmap


def _half_open(network: IPv4Network) -> dict[str, str]:
    return {f"{address}:{port}": state for address in network for port, state in _STATES.items()}


def _located() -> dict[Question, dict[str, str]]:
    """The state of every target, and the place of those that do not answer."""
    places = {
        f"{address}:{OPEN_PORT}": f"behind hop {hop}"
        for hop, addresses in zip(networks.DROPPING, _DROPPED, strict=True)
        for address in addresses
    }
    pairs = [f"{address}:{OPEN_PORT}" for address in _TARGETS]
    return {STATE: {pair: "silent" if pair in places else "open" for pair in pairs}, PLACE: places}


_SOME = next(WIDE.subnets(new_prefix=20))

WORKS = (
    Work(
        name="pairs-8192",
        what="4,096 addresses, an open and a closed port of each",
        network=networks.wide(),
        truth={STATE: _half_open(_SOME)},
        pairs=tuple(_half_open(_SOME)),
        tools=(
            *_scan(_SOME, seconds=60, rounds=5),
            Tool(
                name="scapy sr",
                command=(*SCAPY, "sr", str(_SOME), str(OPEN_PORT), str(CLOSED_PORT)),
                read=answers.pairs,
                questions=(STATE,),
                seconds=90,
                rounds=1,
            ),
        ),
        bounds=(
            Bound(measure=Measure.WALL, how=How.RATIO, at_most=1.0, peer="nmap"),
            Bound(measure=Measure.CPU, how=How.RATIO, at_most=1 / 8, peer="scapy sr"),
            Bound(measure=Measure.MEMORY, how=How.VALUE, at_most=_MEMORY),
        ),
    ),
    Work(
        name="pairs-131072",
        what="65,536 addresses, an open and a closed port of each",
        network=networks.wide(),
        truth={STATE: _half_open(WIDE)},
        pairs=tuple(_half_open(WIDE)),
        tools=_scan(WIDE, seconds=150, rounds=2),
        bounds=(
            Bound(measure=Measure.WALL, how=How.RATIO, at_most=0.6, peer="nmap"),
            Bound(measure=Measure.MEMORY, how=How.VALUE, at_most=_MEMORY),
        ),
        quick=False,
    ),
    Work(
        name="located-1000",
        what="1,000 targets, 100 dropped at each of two routers, located",
        network=networks.wide(_DROPPED),
        truth=_located(),
        pairs=tuple(f"{one}:{OPEN_PORT}" for one in _TARGETS),
        tools=(
            Tool(
                name=OURS,
                command=(*_BATCH, "--csv"),
                read=answers.batch,
                questions=(STATE, PLACE),
                seconds=60,
                rounds=5,
            ),
            Tool(
                name="nmap",
                command=(*_NMAP, "-p", str(OPEN_PORT), "10.64.0-3.1-250"),
                read=answers.nmap,
                questions=(STATE,),
                seconds=60,
                rounds=2,
            ),
        ),
        bounds=(Bound(measure=Measure.WALL, how=How.VALUE, at_most=_LOCATED_IN),),
    ),
)
