"""What does the check of one layer say, and what do all of them say together?

The layers are those of "the port is unreachable", in the order in which an operator looks at them. Facts and closed
sets; a layer's sentences are made by who judged it, for they name rules, processes and commands of that very layer.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # What only a command that also probes needs.
    from pathprobe.core.report import Result


class Status(StrEnum):
    """What became of a layer's check. SKIP: there was no reason to look; UNKNOWN: looked, and could not tell."""

    PASS = "pass"
    FAIL = "fail"
    WARN = "warn"
    UNKNOWN = "unknown"
    SKIP = "skip"


class LayerName(StrEnum):
    LISTENING = "listening"
    FIREWALL = "firewall"
    KERNEL = "kernel"
    SELINUX = "selinux"
    CONNECTIVITY = "connectivity"
    PATH = "path"
    CLOUD = "cloud"
    APPLICATION = "application"


#: The kernel's own reasons to drop a packet stand beside the rules' in layer 2.
NUMBERS = {
    LayerName.LISTENING: 1,
    LayerName.FIREWALL: 2,
    LayerName.KERNEL: 2,
    LayerName.SELINUX: 3,
    LayerName.CONNECTIVITY: 4,
    LayerName.PATH: 5,
    LayerName.CLOUD: 6,
    LayerName.APPLICATION: 7,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What was seen: ``source`` the command or file, ``ref`` the place in it, ``text`` the line itself."""

    source: str
    ref: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One row. ``why``: why it matters, a sentence; ``fix``: commands to copy, which nobody here runs.

    ``is_absent``: it fails because there is nothing at all to reach, such as a listener. ``is_silent``: who is stopped
    by it hears nothing. ``is_mistaken``: it fails only because another serves than who was expected.
    """

    name: LayerName
    status: Status
    summary: str
    evidence: tuple[Evidence, ...] = ()
    why: str = ""
    fix: tuple[str, ...] = ()
    is_absent: bool = False
    is_silent: bool = False
    is_mistaken: bool = False

    @property
    def number(self) -> int:
        return NUMBERS[self.name]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was asked about; ``address`` is None where the question is this machine's port.

    ``source``: who is to reach it, None for anybody; ``version``: 4 or 6 alone. ``command``: what to run to ask again.
    """

    given: str
    protocol: str
    port: int | None
    address: str | None = None
    source: str | None = None
    version: int | None = None
    command: str = ""

    @property
    def label_of_port(self) -> str:
        """``8080/tcp``; ``icmp``, which has no ports."""
        return self.protocol if self.port is None else f"{self.port}/{self.protocol}"

    @property
    def label(self) -> str:
        """``8080/tcp``, ``8080/tcp from 10.0.0.9``, ``8080/tcp over IPv4``, ``10.0.0.5:8080/tcp``, ``10.0.0.5 icmp``.

        A URL as it was asked.
        """
        if "://" in self.given:
            return self.given
        over = f" over IPv{self.version}" if self.version and not self.source else ""
        return self._label_of_address + self.label_of_port + over + (f" from {self.source}" if self.source else "")

    @property
    def _label_of_address(self) -> str:
        if self.address is None:
            return ""
        if self.port is None:
            return f"{self.address} "
        return f"[{self.address}]:" if ":" in self.address else f"{self.address}:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusion:
    """``layer``: the number of the first broken one, None where none is; ``word``: all of it in one, for a heading."""

    layer: int | None
    word: str
    summary: str
    next_steps: tuple[str, ...] = ()


class Mark(StrEnum):
    """What is known of an item of a checklist: well, to be mended, or for somebody to look at."""

    OK = "ok"
    MEND = "mend"
    LOOK = "look"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """What is to be looked at after a change, and what of it is known."""

    topic: str
    mark: Mark
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LayersReport:
    """``started`` in seconds since 1970, ``duration`` in seconds. ``results``: what the probes of layers 4, 5 said.

    ``complete`` is False where it was interrupted.
    """

    asked: Asked
    started: float
    duration: float
    layers: tuple[Layer, ...]
    conclusion: Conclusion
    results: tuple[Result, ...] = ()
    checklist: tuple[Item, ...] = ()
    complete: bool = True
