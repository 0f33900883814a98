"""What does a tool say, in words that can be compared?

An answer has for each question that a tool was asked, and for each target, one word or line:

- state: ``open``, ``closed``, or ``silent`` (nmap's "filtered" and "open|filtered")
- place: ``behind hop N``, the last hop that the tested port's own packets are known to reach
- path: the addresses up to the target
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Any


class Question(StrEnum):
    STATE = "state"
    PLACE = "place"
    PATH = "path"


Answer = Mapping[Question, Mapping[str, str]]
Reader = Callable[[str], Answer]

_NMAP_STATES = {"open": "open", "closed": "closed", "filtered": "silent", "open|filtered": "silent"}
_NMAP_HOST = re.compile(r"^Host: (\S+) \(\)\t(?:Ports: ([^\t\n]*)|Status: Up$)", re.MULTILINE)
_TRACEROUTE_HOP = re.compile(r"^ *\d+  (?:\*|([0-9a-f.:]+)(?: \[(\w+)\])?)", re.MULTILINE)
_MTR_HOP = re.compile(r"^ *\d+\.\|-- (\S+)", re.MULTILINE)
_LINE = re.compile(r"^(\S+:\d+)(?: \(.*\))? - (?:reachable|NOT reachable: ([^,\n]+).*)$", re.MULTILINE)
_PAIR = re.compile(r"^(\S+:\d+) (open|closed|silent)$", re.MULTILINE)


def nothing(_text: str) -> Answer:
    """Of what only starts."""
    return {}


def nmap(text: str) -> Answer:
    """``-oG -``: a line a host, with all its ports. A host without ports was only pinged."""
    states = {}
    for address, ports in _NMAP_HOST.findall(text):
        for port in filter(None, ports.split(", ")):
            number, state, *_ = port.split("/")
            states[f"{address}:{number}"] = _NMAP_STATES.get(state, state)
    return {Question.STATE: states}


def nmap_ping(text: str) -> Answer:
    """``-sn -oG -``."""
    return {Question.STATE: dict.fromkeys(re.findall(r"^Host: (\S+) \(\)\tStatus: Up$", text, re.MULTILINE), "open")}


def fping(text: str) -> Answer:
    return {Question.STATE: dict.fromkeys(re.findall(r"^(\S+) is alive$", text, re.MULTILINE), "open")}


def hping3(target: str) -> Reader:
    """One packet: what came back, by its flags, or as an ICMP error."""
    signs = (
        ("flags=SA", "open"),
        ("flags=RA", "closed"),
        ("ICMP Port Unreachable", "closed"),
        ("100% packet", "silent"),
    )

    def read(text: str) -> Answer:
        state = next((state for sign, state in signs if sign in text), "nothing")
        return {Question.STATE: {target: state}}

    return read


def traceroute(target: str) -> Reader:
    """traceroute and tcptraceroute, which also says what the port is; and scapy's, printed in the same way."""

    def read(text: str) -> Answer:
        hops = _TRACEROUTE_HOP.findall(text)
        state = {target: hops[-1][1]} if hops and hops[-1][1] else {}
        return {Question.STATE: state, **_walked(target, [address for address, _ in hops])}

    return read


def mtr(target: str) -> Reader:
    """``--report``."""
    return lambda text: _walked(target, ["" if hop == "???" else hop for hop in _MTR_HOP.findall(text)])


def _walked(target: str, hops: list[str]) -> Answer:
    """``hops``: addresses from hop 1 on, empty for silence."""
    last = max((ttl for ttl, address in enumerate(hops, 1) if address), default=0)
    return {Question.PLACE: {target: f"behind hop {last}"}, Question.PATH: {target: " ".join(hops[:last])}}


def pairs(text: str) -> Answer:
    """``10.0.0.5:8080 open``, a line each: what tests/bench/scapy_peer.py prints."""
    return {Question.STATE: dict(_PAIR.findall(text))}


def pathprobe(target: str) -> Reader:
    """``--json`` of one target; its talk on stderr may stand around it."""

    def read(text: str) -> Answer:
        try:
            (result,) = json.loads(text[text.index("{") : text.rindex("}") + 1])["results"]
        except ValueError:
            return {}
        return {
            Question.STATE: {target: _state(result)},
            Question.PLACE: {target: _place(result["location"])},
            Question.PATH: {target: " ".join(hop or "*" for hop in result["paths"][0]["hops"])},
        }

    return read


def lines(text: str) -> Answer:
    """``batch``: the lines that people grep, ``10.0.0.5:8080 (web) - reachable``."""
    return {Question.STATE: {pair: state or "open" for pair, state in _LINE.findall(text)}}


def batch(text: str) -> Answer:
    """``batch --csv``, a place for what is not open; its talk on stderr may stand before and behind the table."""
    _, _, table = text.partition("address,")
    states, places = {}, {}
    for row in csv.DictReader(io.StringIO(f"address,{table}")):
        if not (row["port"] or "").isdecimal():
            continue  # talk
        pair = f"{row['address']}:{row['port']}"
        states[pair] = _state(row)
        if row["state"] != "open":
            places[pair] = f"behind hop {row['last_good'].partition(' ')[0]}" if row["last_good"] else "unknown"
    return {Question.STATE: states, Question.PLACE: places}


def _state(result: Mapping[str, Any]) -> str:
    return "silent" if result["mechanism"] == "drop" or result["state"] == "open|filtered" else str(result["state"])


def _place(location: Mapping[str, Any]) -> str:
    good = location["last_good"]
    return "unknown" if good is None else f"behind hop {good['ttl']}"


def differs(said: Answer, truth: Answer, questions: Iterable[Question]) -> str:
    """What is wrong with an answer, in a few words; empty when all that was asked is right."""
    for question in questions:
        given, right = said.get(question, {}), truth[question]
        if wrong := [target for target in {*given, *right} if given.get(target) != right.get(target)]:
            one = min(wrong)
            return f"{question}: {len(wrong)} of {len(right)}, {one} is {right.get(one)}, said {given.get(one)}"
    return ""
