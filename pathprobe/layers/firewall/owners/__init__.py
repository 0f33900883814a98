"""Who owns the firewall's rules, and how is a blocked port opened there?

    owners = read(system, ruleset)
    told = explain(outcome, owners, Question(port=8080))  # whose rule stopped it, why, and the commands that open it
    remarks(owners, Question(port=8080))  # what the owners' configurations say by themselves

The kernel's rules tell what becomes of a packet. Their owners tell why, and what will become of it after a reload.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from pathprobe.layers.firewall.model import Backend, Family, Hook, Ruleset
from pathprobe.layers.firewall.outcome import Fate, Outcome, Place
from pathprobe.layers.firewall.owners import docker, others, plain
from pathprobe.layers.firewall.owners.docker import Docker
from pathprobe.layers.firewall.owners.firewalld import deciding as firewalld_deciding
from pathprobe.layers.firewall.owners.firewalld import reading as firewalld_reading
from pathprobe.layers.firewall.owners.firewalld import remarks as firewalld_remarks
from pathprobe.layers.firewall.owners.firewalld.zones import Firewalld
from pathprobe.layers.firewall.owners.names import owner_by_names, owner_of
from pathprobe.layers.firewall.owners.owner import (
    DOCKER,
    FIREWALLD,
    UFW,
    Answer,
    Explanation,
    Kind,
    Question,
    Remark,
    Standing,
)
from pathprobe.layers.firewall.owners.ufw import deciding as ufw_deciding
from pathprobe.layers.firewall.owners.ufw import reading as ufw_reading
from pathprobe.layers.firewall.owners.ufw import remarks as ufw_remarks
from pathprobe.layers.firewall.owners.ufw.rules import Ufw
from pathprobe.layers.system import System, Unread

__all__ = [
    "FIREWALLD",
    "UFW",
    "Answer",
    "Explanation",
    "Kind",
    "Owners",
    "Question",
    "Remark",
    "Standing",
    "explain",
    "fixes",
    "owner_of",
    "read",
    "remarks",
    "unseen",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Owners:
    """None: it is not on this machine. ``ruleset``: what the kernel has loaded, None where that could not be read."""

    firewalld: Firewalld | Unread | None = None
    ufw: Ufw | Unread | None = None
    docker: Docker | Unread | None = None
    kept: plain.Kept = field(default_factory=plain.Kept)
    ruleset: Ruleset | None = None


def read(system: System, ruleset: Ruleset | None = None) -> Owners:
    """Asks every owner that is on the machine; what is not there costs nothing."""
    return Owners(
        firewalld=firewalld_reading.read(system),
        ufw=ufw_reading.read(system),
        docker=docker.read(system),
        kept=plain.read(system),
        ruleset=ruleset,
    )


def remarks(owners: Owners, question: Question) -> tuple[Remark, ...]:
    """What each owner's configuration says of the port, and where that is not what it has loaded."""
    return (
        *firewalld_remarks.remarks(owners.firewalld, question),
        *ufw_remarks.remarks(owners.ufw, owners.ruleset, question),
        *docker.remarks(owners.docker, owners.ruleset, question),
    )


def unseen(owners: Owners) -> tuple[str, ...]:
    """What of their configurations could not be seen, with the reason in brackets."""
    of_docker = (f"Docker's containers ({owners.docker.reason})",) if isinstance(owners.docker, Unread) else ()
    return (*firewalld_remarks.unseen(owners.firewalld), *ufw_remarks.unseen(owners.ufw), *of_docker)


def fixes(
    outcome: Outcome, owners: Owners, question: Question, *, is_answer: bool = False, for_some: bool = False
) -> tuple[str, ...]:
    """Commands that would let the packet through, alternatives with OR (findings) between them, the best first.

    None where it was not stopped.
    """
    return explain(outcome, owners, question, is_answer=is_answer, for_some=for_some).fixes


def explain(
    outcome: Outcome, owners: Owners, question: Question, *, is_answer: bool = False, for_some: bool = False
) -> Explanation:
    """Why a packet was stopped, in its owner's terms. ``question``: about the port as it was asked from outside.

    ``is_answer``: the packet is the answer on its way out, from that port. ``for_some``: the port is open to some
    clients already, and is to be opened to one more instead of to everybody.
    """
    question = replace(question, only_source=for_some)
    place = outcome.decided
    if place is None or outcome.fate not in (Fate.DROPPED, Fate.REJECTED):
        return Explanation()
    owner = _owner(place, outcome, owners)
    inner = _as_seen_there(outcome, question)
    if owner == FIREWALLD:
        return firewalld_deciding.explain(outcome, owners.firewalld, inner)
    if owner == UFW:
        return ufw_deciding.explain(outcome, owners.ufw, owners.ruleset, inner)
    if owner == DOCKER:
        return docker.explain(outcome, owners.docker, owners.kept, question)
    if owner is not None:
        return others.explain(owner, outcome, question)
    opening = plain.opening(place, owners.kept, inner, is_answer=is_answer)
    return Explanation(fixes=opening, note=plain.note(place, owners.kept))


def _as_seen_there(outcome: Outcome, question: Question) -> Question:
    """Behind a translation the packet has another port."""
    translated = [one.port for one in outcome.redirections if one.port is not None]
    if not translated:
        return question
    return replace(question, port=translated[-1])


def _owner(place: Place, outcome: Outcome, owners: Owners) -> str | None:
    """By the names; a built-in chain is whose chains are called from it."""
    named = owner_of(place)
    if named == FIREWALLD and owners.firewalld is None and place.backend is not Backend.NFT:
        named = None  # IN_ and the like are words that others use too
    if named is not None or place.backend is Backend.NFT:
        return named
    if isinstance(owners.firewalld, Firewalld) and _is_firewallds(place, owners.firewalld):
        return FIREWALLD
    if place.rule is not None or place.table != "filter":
        return None
    if place.family is Family.IP6 and isinstance(owners.ufw, Ufw) and owners.ufw.keeps_all_ipv6_out:
        return UFW
    neighbours = _neighbours(place, owners.ruleset)
    if place.hook is Hook.FORWARD and DOCKER in neighbours and outcome.redirections:
        return DOCKER
    return next((one for one in (UFW, DOCKER) if one in neighbours), None)


def _is_firewallds(place: Place, firewalld: Firewalld) -> bool:
    """A direct rule; or the last rule of a built-in chain, by the iptables backend."""
    if firewalld_deciding.direct_rule(place, firewalld) is not None:
        return True
    is_last = place.rule is not None and place.rule.text.startswith(f"-A {place.chain} -j REJECT")
    return firewalld.is_running and firewalld.backend == "iptables" and is_last


def _neighbours(place: Place, ruleset: Ruleset | None) -> set[str]:
    """Who else has chains in the same table; Docker has some for packets that are passed on alone."""
    if ruleset is None:
        return set()
    table = next(
        (
            one
            for one in ruleset.tables
            if (one.backend, one.family, one.name) == (place.backend, place.family, place.table)
        ),
        None,
    )
    found = {owner_by_names(place.backend, place.family, place.table, name) for name in (table.chains if table else ())}
    named = {one for one in found if one is not None}
    return named if place.hook is Hook.FORWARD else named - {DOCKER}
