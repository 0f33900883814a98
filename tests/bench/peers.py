"""What do nmap and traceroute say of a scenario's target, in one cell of a table each?

Both are run with bounds, for a drop makes them wait: nmap gives up a probe after two retries and a host after 15 s,
traceroute asks each hop once, waits a second, and goes four hops beyond the target.

A cell is marked where its tool says what is not so (WRONG), and where it does not say where (NO_PLACE). What a tool has
no word for is not held against it: nmap says "filtered" of what cannot be reached, traceroute tells open from closed
by no sign at all, and which box it was is what its last line says.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass

from pathprobe.core.report import Mechanism, State, Where
from pathprobe.lab.network import Lab
from pathprobe.net.graph import Graph
from pathprobe.net.scenario import Scenario

WRONG, NO_PLACE = "WRONG", "no place"

#: Seconds after which a tool is stopped, whatever it is at.
PATIENCE = 30

#: nmap's states that fit a truth; it knows four, and "down" of a host that answers no ping.
_SILENT = frozenset({"filtered", "open|filtered", "down"})
_FITTING = {
    State.OPEN: frozenset({"open"}),
    State.CLOSED: frozenset({"closed"}),
    State.FILTERED: _SILENT,
    State.UNREACHABLE: _SILENT,
    State.OPEN_FILTERED: frozenset({"open|filtered"}),
    State.UNKNOWN: _SILENT,
    State.INTERMITTENT: _SILENT | {"open"},
}

_NMAP_SCAN = {"tcp": "-sS", "udp": "-sU"}
_TRACEROUTE_METHOD = {"tcp": "-T", "udp": "-U", "icmp": "-I"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Nmap:
    """``state`` is its own word, None when it has none; ``named``: the box it names; ``local``: this host's errno."""

    words: str
    state: str | None
    named: str | None = None
    local: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Traceroute:
    """How its list of hops ends. ``last``: the last hop that answered; ``local``: this host would not send.

    ``end``: the address at which it stopped, as it does at the target and where it is refused.
    """

    words: str
    last: int = 0
    end: str | None = None
    local: bool = False


def nmap_command(scenario: Scenario) -> tuple[str, ...]:
    address = scenario.destination_address
    family = ("-6",) if scenario.family == 6 else ()
    scan = ("-sn", "-PE") if scenario.port is None else ("-Pn", _NMAP_SCAN[scenario.protocol], "-p", str(scenario.port))
    return ("nmap", *family, "-n", *scan, "--reason", "--max-retries", "2", "--host-timeout", "15", address)


def traceroute_command(scenario: Scenario) -> tuple[str, ...]:
    port = () if scenario.port is None else ("-p", str(scenario.port))
    bounds = ("-q", "1", "-w", "1", "-N", "8", "-m", str(scenario.routers + 5))
    method = _TRACEROUTE_METHOD[scenario.protocol]
    return ("traceroute", f"-{scenario.family}", "-n", method, *port, *bounds, scenario.destination_address)


def parse_nmap(text: str) -> Nmap:
    """nmap's verdict from what it prints."""
    if refused := re.search(r"sendto\(.*\) => (.+)", text):
        return Nmap(words=f"filtered/{refused[1]}", state="filtered", local=True)
    if "failed to determine route" in text:
        return Nmap(words="no route", state=None, local=True)
    if found := re.search(r"^\d+/\w+\s+(\S+)\s+\S+\s+(.+?)\s*$", text, re.MULTILINE):
        state, reason = found.groups()
        named = re.search(r" from (\S+)", reason)
        return Nmap(words=f"{state}/{reason}", state=state, named=named[1] if named else None)
    if found := re.search(r"Host is up, received (\S+(?: ttl \d+)?)", text):
        return Nmap(words=f"up/{found[1]}", state="open")
    if "Host seems down" in text:
        return Nmap(words="host seems down", state="down")
    return Nmap(words="no verdict", state=None)


_HOP = re.compile(r"^ *(\d+)  (?:\*|([0-9a-f.:]+)  [\d.]+ ms(?: (!\S+))?)", re.MULTILINE)


def parse_traceroute(text: str, target: str) -> Traceroute:
    """How traceroute's list ends."""
    if refused := re.search(r"^(?:send(?: probe)?|connect): (.+)$", text, re.MULTILINE):
        return Traceroute(words=refused[0], local=True)
    hops = [(int(ttl), address, mark) for ttl, address, mark in _HOP.findall(text)]
    answered = [hop for hop in hops if hop[1]]
    if not answered:
        return Traceroute(words="silent from hop 1 on")
    last, address, mark = answered[-1]
    if mark:
        return Traceroute(words=f"{mark} from {address} at hop {last}", last=last, end=address)
    if address == target:
        return Traceroute(words=f"target at hop {last}", last=last, end=address)
    if len(answered) > 1 and answered[-2][1] == address:
        return Traceroute(words=f"ends at {address}, hop {last}", last=last, end=address)
    if last == hops[-1][0]:
        return Traceroute(words=f"hop after hop, up to {last}", last=last)
    return Traceroute(words=f"last answer hop {last}, then *", last=last)


def remark_nmap(scenario: Scenario, said: Nmap) -> str:
    """How nmap's verdict compares with the truth: empty, WRONG or NO_PLACE."""
    expect = scenario.expect
    if said.state is not None and said.state not in _FITTING[State(expect.state)]:
        return WRONG
    if said.named and expect.device is not None:
        return "" if said.named in Graph(scenario).hop_addresses(expect.device) else WRONG
    placed = said.named or said.local or expect.where == Where.TARGET
    return "" if placed else NO_PLACE


def remark_traceroute(scenario: Scenario, said: Traceroute) -> str:
    """The same of traceroute's last line."""
    expect = scenario.expect
    if said.local or expect.where == Where.LOCAL:
        return "" if said.local or said.last == (expect.last_good or 0) else WRONG
    if expect.where == Where.TARGET:
        return "" if said.end == scenario.destination_address and said.last == expect.distance else WRONG
    if said.end is not None:
        boxes = Graph(scenario).hop_addresses(expect.device) if expect.device is not None else ()
        return "" if said.end in boxes else WRONG
    if expect.mechanism == Mechanism.LOOP:
        return ""
    return "" if said.last == expect.last_good else WRONG


def ask(lab: Lab, command: tuple[str, ...]) -> str:
    """What a tool prints on the lab's client."""
    process = lab.start("client", command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        return str(process.communicate(timeout=PATIENCE)[0])
    except subprocess.TimeoutExpired:
        process.kill()
        return str(process.communicate()[0])


def cells(scenario: Scenario) -> tuple[str, str]:
    """nmap's cell and traceroute's, each from a network of its own: no router's ICMP limit is used up by the other."""
    with Lab(scenario) as lab:
        nmap = parse_nmap(ask(lab, nmap_command(scenario)))
    with Lab(scenario) as lab:
        trace = parse_traceroute(ask(lab, traceroute_command(scenario)), scenario.destination_address)
    return _marked(nmap.words, remark_nmap(scenario, nmap)), _marked(trace.words, remark_traceroute(scenario, trace))


def _marked(words: str, remark: str) -> str:
    return f"{words} ({remark})" if remark else words
