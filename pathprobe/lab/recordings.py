"""What do other tools ask in the lab, who listens meanwhile, and what can be told from what he hears?

One table for each recording in ``recordings/*.toml``. The expectation is the truth of the network as far as a person
could tell it from these packets alone: a field that is not stated is not judged, and "none" stands for null.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from importlib import resources
from typing import Any

from pathprobe.lab import catalogue
from pathprobe.net.scenario import Scenario, read_rules


class TcpKind(StrEnum):
    """What a TCP server does when it is asked: it answers, resets in the middle of the answer, or says nothing."""

    SENDS = "sends"
    RESETS = "resets"
    SILENT = "silent"


class Format(StrEnum):
    """How a capture is kept: as tcpdump wrote it, or said anew by editcap."""

    PCAP = "pcap"
    PCAPNG = "pcapng"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """One tcpdump: on ``node``, at its interface ``device``, with ``options``; its capture is called ``name``."""

    name: str
    node: str
    device: str
    options: tuple[str, ...] = ()
    format: Format = Format.PCAP

    @property
    def file(self) -> str:
        return f"{self.name}.{self.format}"

    @property
    def command(self) -> tuple[str, ...]:
        """tcpdump's command line; it writes to stdout, so that no path gets into anything.

        In immediate mode every packet takes a frame of the snap length in the kernel's buffer: 64 MiB hold 256.
        """
        return ("tcpdump", "-n", "-i", self.device, *self.options, "--immediate-mode", "-B", "65536", "-U", "-w", "-")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What was asked and what can be told. ``port`` is None for echo, and for a tool that takes a new one each time.

    ``fields``: state, mechanism, where, direction, distance, changed (what is rewritten on the way), afterwards (how an
    established connection went on: answered, unanswered, stalled or reset). ``places``: last_good, first_bad and
    device, as TTLs.
    ``unnamed``: those of the places whose address cannot be told.
    """

    protocol: str
    port: int | None
    fields: Mapping[str, Any]
    places: Mapping[str, int | None]
    unnamed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """``commands`` run one after the other on the client, ``{target}`` in them is the address that is asked about.

    ``scenario`` is the network, with the rules and without the listeners that the recording adds and takes away;
    ``servers``: port -> what serves it on the node that serves.
    """

    name: str
    summary: str
    scenario: Scenario
    commands: tuple[str, ...]
    listeners: tuple[Listener, ...]
    questions: tuple[Question, ...]
    servers: Mapping[int, TcpKind]

    @property
    def is_pair(self) -> bool:
        """Both ends listened."""
        return len(self.listeners) > 1

    @property
    def folder(self) -> str:
        """Where among the fixtures it belongs."""
        return f"pairs/{self.name}" if self.is_pair else f"foreign/{self.name}"


_PLACES = ("last_good", "first_bad", "device")


def read(text: str) -> tuple[Recording, ...]:
    """The recordings of one TOML file. Raises ValueError with what is wrong with it, UnknownScenario."""
    return tuple(_recording(dict(table)) for table in tomllib.loads(text)["recording"])


def _recording(table: dict[str, Any]) -> Recording:
    name = table.pop("name")
    try:
        scenario = catalogue.load(table.pop("network"))
        extra = read_rules(table.pop("rule", ()), scenario.family)
        servers = {int(port): TcpKind(kind) for port, kind in table.pop("servers", {}).items()}
        kept = tuple(port for port in scenario.listen if port not in servers)
        scenario = replace(scenario, rules=(*scenario.rules, *extra), listen=kept)
        return Recording(
            name=name,
            summary=table.pop("summary"),
            scenario=scenario,
            commands=tuple(table.pop("commands")),
            listeners=_listeners(table, scenario),
            questions=tuple(_question(dict(question), scenario) for question in table.pop("question")),
            servers=servers,
            **table,
        )
    except (TypeError, KeyError, ValueError) as error:
        raise ValueError(f"{name}: {error}") from None


def _listeners(table: dict[str, Any], scenario: Scenario) -> tuple[Listener, ...]:
    """The ``[[recording.listener]]`` tables; without them, and for a pair, the ends' own links as they are."""
    given, is_pair = table.pop("listener", ()), table.pop("pair", False)
    if given:
        return tuple(_listener(dict(one)) for one in given)
    ends = scenario.chain[1], scenario.chain[-2]
    client = Listener(name="client" if is_pair else "capture", node="client", device=f"to-{ends[0]}")
    server = Listener(name="server", node=scenario.chain[-1], device=f"to-{ends[1]}")
    return (client, server) if is_pair else (client,)


def _listener(table: dict[str, Any]) -> Listener:
    options = tuple(table.pop("options", "").split())
    return Listener(options=options, format=Format(table.pop("format", "pcap")), **table)


def _question(table: dict[str, Any], scenario: Scenario) -> Question:
    unnamed = tuple(table.pop("unnamed", ()))
    stated = {"protocol": scenario.protocol, "port": scenario.port} | {
        name: None if value == "none" else value for name, value in table.items()
    }
    return Question(
        protocol=str(stated.pop("protocol")),
        port=stated.pop("port"),
        places={name: stated.pop(name) for name in _PLACES if name in stated},
        fields=stated,
        unnamed=unnamed,
    )


def names() -> tuple[str, ...]:
    """The recordings' names, sorted."""
    return tuple(sorted(_recordings()))


def load(name: str) -> Recording:
    """The recording called NAME. Raises KeyError."""
    return _recordings()[name]


@functools.cache
def _recordings() -> dict[str, Recording]:
    files = (resources.files("pathprobe.lab") / "recordings").iterdir()
    texts = [file.read_text("utf-8") for file in files if file.name.endswith(".toml")]
    return {recording.name: recording for text in texts for recording in read(text)}
