"""What became of a packet in a ruleset, and which rule decided that?"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pathprobe.layers.firewall.model import Backend, Ending, Family, Hook, Ranges, Rule


class Fate(StrEnum):
    """LOST: no rule dropped it, but it is sent where nobody takes it. HANDED: a program or proxy decides."""

    ACCEPTED = "accepted"
    DROPPED = "dropped"
    REJECTED = "rejected"
    HANDED = "handed"
    LOST = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A rule in a chain, or the chain's ``policy`` where ``rule`` is None."""

    backend: Backend
    family: Family
    table: str
    chain: str
    hook: Hook | None
    rule: Rule | None
    policy: Ending | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """A condition that could not be told: ``text`` as its owner wrote it, ``place`` the rule that has it.

    ``place`` is None where no rule asks: by which port of a bridge it comes. ``held``: what was assumed of it.
    ``at_first``: of a limit, whether it holds as long as little came.
    """

    place: Place | None
    text: str
    held: bool = True
    at_first: bool | None = None

    @property
    def is_limit(self) -> bool:
        return self.at_first is not None

    @property
    def is_reached(self) -> bool:
        """It is a limit, and assumed is what holds once much came."""
        return self.is_limit and self.held is not self.at_first


@dataclass(frozen=True, slots=True, kw_only=True)
class Redirection:
    """A destination NAT: from where to where, by which rule. Addresses as text, None where it stays."""

    place: Place
    address: str | None
    port: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What becomes of the packets from ``sources``, or of the answers to these.

    ``decided``: who said so; None where no rule or policy had anything against it. ``came_by``: the rules that jumped
    there, outermost first. ``passed``: for each hook, by which rule or policy it was let through; ``several``: that is
    one of several ways. ``doubts``: on what it depends, the latest first; empty where it is certain. ``detail``: with
    what it was rejected, to whom it is handed.
    """

    fate: Fate
    decided: Place | None
    came_by: tuple[Place, ...] = ()
    passed: tuple[Place, ...] = ()
    several: bool = False
    detail: str = ""
    sources: Ranges | None = None
    doubts: tuple[Doubt, ...] = ()
    redirections: tuple[Redirection, ...] = ()
