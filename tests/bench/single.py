"""Which races are about one target, and about starting?"""

from __future__ import annotations

import sys

from tests.bench import answers, networks
from tests.bench.answers import Question
from tests.bench.networks import OPEN_PORT
from tests.bench.work import OURS, PATHPROBE, SCAPY, Bound, How, Measure, Tool, Work

STATE, PLACE, PATH = Question

ADDRESS, PORT, UDP_PORT = "10.0.0.5", str(OPEN_PORT), "5353"
_ONE, _UDP = f"{ADDRESS}:{PORT}", f"{ADDRESS}:{UDP_PORT}"
_WAY = f"10.9.1.1 10.9.2.2 10.9.3.2 {ADDRESS}"

_NMAP = ("nmap", "-n", "-Pn", "-oG", "-")
_STEPS = ("-q", "1", "-w", "1", "-m", "8")


def _pathprobe(protocol: str, target: str, *questions: Question) -> Tool:
    command = (*PATHPROBE, protocol, target, "--json")
    return Tool(name=OURS, command=command, read=answers.pathprobe(target), questions=questions)


def _nmap(scan: str, port: str) -> Tool:
    return Tool(
        name="nmap", command=(*_NMAP, scan, "-p", port, ADDRESS), read=answers.nmap, questions=(STATE,), rounds=5
    )


def _hping3(target: str, *scan: str) -> Tool:
    command = ("hping3", *scan, "-c", "1", "-n", ADDRESS)
    return Tool(name="hping3", command=command, read=answers.hping3(target), questions=(STATE,), rounds=3)


def _traceroute(method: str, target: str, port: str, question: Question) -> Tool:
    command = ("traceroute", "-n", method, "-p", port, "-N", "8", *_STEPS, ADDRESS)
    return Tool(name="traceroute", command=command, read=answers.traceroute(target), questions=(question,), rounds=3)


def _walkers(question: Question) -> tuple[Tool, ...]:
    """Those that step the TTL of a SYN. tcptraceroute and mtr wait by the second."""
    return (
        _traceroute("-T", _ONE, PORT, question),
        Tool(
            name="tcptraceroute",
            command=("tcptraceroute.mt", "-n", *_STEPS, ADDRESS, PORT),
            read=answers.traceroute(_ONE),
            questions=(question,),
            rounds=2,
        ),
        Tool(
            name="mtr",
            command=("mtr", "-n", "--report", "-c", "1", "--tcp", "-P", PORT, "-m", "8", ADDRESS),
            read=answers.mtr(_ONE),
            questions=(question,),
            rounds=1,
            quick=False,
        ),
        Tool(
            name="scapy traceroute",
            command=(*SCAPY, "traceroute", ADDRESS, PORT),
            read=answers.traceroute(_ONE),
            questions=(question,),
            rounds=2,
        ),
    )


_SCAPY_SR = Tool(
    name="scapy sr", command=(*SCAPY, "sr", ADDRESS, PORT), read=answers.pairs, questions=(STATE,), rounds=2
)

_IMPORT = Tool(
    name="import scapy",
    command=(sys.executable, "-c", "import scapy.layers.inet"),
    read=answers.nothing,
    questions=(),
)

_HELP = Tool(name=OURS, command=(*PATHPROBE, "--help"), read=answers.nothing, questions=())

_FPING = Tool(name="fping", command=("fping", "-r", "1", ADDRESS), read=answers.fping, questions=(STATE,))
_NMAP_PING = Tool(
    name="nmap",
    command=("nmap", "-n", "-sn", "-PE", "-oG", "-", ADDRESS),
    read=answers.nmap_ping,
    questions=(STATE,),
)
_MTR_ECHO = Tool(
    name="mtr",
    command=("mtr", "-n", "--report", "-c", "1", "-m", "8", ADDRESS),
    read=answers.mtr(ADDRESS),
    questions=(PATH,),
    rounds=1,
    quick=False,
)


def _about(target: str, **words: str) -> dict[Question, dict[str, str]]:
    """The truth about one target."""
    return {Question(question): {target: word} for question, word in words.items()}


_NEAR_IMPORT = Bound(measure=Measure.WALL, how=How.DIFFERENCE, at_most=0.45, peer=_IMPORT.name)
_HALF_OF_NMAP = Bound(measure=Measure.WALL, how=How.RATIO, at_most=0.5, peer="nmap")

_STATES = (_nmap("-sS", PORT), _hping3(_ONE, "-S", "-p", PORT), _SCAPY_SR)

WORKS = (
    Work(
        name="help",
        what="pathprobe --help",
        network=networks.scenario("open"),
        truth={},
        tools=(_HELP,),
        bounds=(Bound(measure=Measure.WALL, how=How.VALUE, at_most=0.12),),
    ),
    Work(
        name="open",
        what="one open port",
        network=networks.scenario("open"),
        truth=_about(_ONE, state="open", path=_WAY),
        tools=(_pathprobe("tcp", _ONE, STATE, PATH), _IMPORT, *_STATES, *_walkers(PATH)),
        bounds=(_NEAR_IMPORT,),
    ),
    Work(
        name="closed",
        what="one closed port",
        network=networks.scenario("closed"),
        truth=_about(_ONE, state="closed", path=_WAY),
        tools=(_pathprobe("tcp", _ONE, STATE, PATH), _IMPORT, *_STATES),
        bounds=(_NEAR_IMPORT,),
    ),
    Work(
        name="drop",
        what="one silent drop on the way, located",
        network=networks.scenario("drop-r2-forward"),
        truth=_about(_ONE, state="silent", place="behind hop 2"),
        tools=(_pathprobe("tcp", _ONE, STATE, PLACE), *_STATES, *_walkers(PLACE)),
        bounds=(_HALF_OF_NMAP,),
    ),
    Work(
        name="drop-target",
        what="one silent drop at the target",
        network=networks.scenario("drop-target"),
        truth=_about(_ONE, state="silent", place="behind hop 3"),
        tools=(
            _pathprobe("tcp", _ONE, STATE, PLACE),
            _nmap("-sS", PORT),
            _traceroute("-T", _ONE, PORT, PLACE),
        ),
        bounds=(_HALF_OF_NMAP,),
    ),
    Work(
        name="udp-closed",
        what="one closed UDP port",
        network=networks.scenario("udp-closed"),
        truth=_about(_UDP, state="closed", path=_WAY),
        tools=(
            _pathprobe("udp", _UDP, STATE, PATH),
            _nmap("-sU", UDP_PORT),
            _hping3(_UDP, "-2", "-p", UDP_PORT),
            _traceroute("-U", _UDP, UDP_PORT, PATH),
        ),
    ),
    Work(
        name="udp-drop",
        what="one UDP port, dropped on the way",
        network=networks.scenario("udp-drop-r2"),
        truth=_about(_UDP, state="silent", place="behind hop 2"),
        tools=(
            _pathprobe("udp", _UDP, STATE, PLACE),
            _nmap("-sU", UDP_PORT),
            _traceroute("-U", _UDP, UDP_PORT, PLACE),
        ),
    ),
    Work(
        name="echo",
        what="one host that answers echo",
        network=networks.scenario("echo-open"),
        truth=_about(ADDRESS, state="open", path=_WAY),
        tools=(_pathprobe("icmp", ADDRESS, STATE, PATH), _FPING, _NMAP_PING, _MTR_ECHO),
    ),
)
