"""What has Docker to do with a port: does it publish it, where to, for which container, and who is in the way?

Docker translates a published port in the nat table before any filter sees the packet (chain DOCKER), and lets it
through in the filter table's chains of that name; DOCKER-USER, which comes first, is the administrator's own. There a
packet has the container's port already: the published one is the connection's original destination port. Docker 28 adds
DOCKER-FORWARD and the like, and drops in raw what asks for a container directly or for a port published on loopback;
by its nftables backend (29) all of it stands in tables called docker-bridges.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pathprobe.core.layers import Evidence
from pathprobe.layers.findings import either
from pathprobe.layers.firewall.model import (
    Backend,
    Compare,
    Family,
    Field,
    Nat,
    Ranges,
    Rule,
    Ruleset,
    Table,
    Translate,
)
from pathprobe.layers.firewall.outcome import Outcome, Place
from pathprobe.layers.firewall.owners import plain
from pathprobe.layers.firewall.owners.matching import Ports, spoken_of
from pathprobe.layers.firewall.owners.owner import DOCKER, Explanation, Kind, Question, Remark
from pathprobe.layers.system import System, Unread

USER_CHAIN = "DOCKER-USER"

_LISTING = ("docker", "ps", "--no-trunc", "--format", "{{json .}}")
_NETWORKS = ("docker", "network", "ls", "--format", "{{json .}}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """``ports``: as Docker lists them: ``0.0.0.0:8080->80/tcp, [::]:8080->80/tcp``."""

    name: str
    ports: str
    networks: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Docker:
    """``internal``: names of the networks that nothing outside reaches."""

    containers: tuple[Container, ...] = ()
    internal: frozenset[str] = frozenset()


def read(system: System) -> Docker | Unread | None:
    """None: there is no docker command on this machine."""
    listing = system.run(*_LISTING)
    if isinstance(listing, Unread):
        return None if listing.is_missing else listing
    if not listing.worked:
        if "Cannot connect to the Docker daemon" in listing.error:
            return None  # it does not run, so nothing of it does
        lines = [line for line in listing.error.strip().splitlines() if not line.startswith("WARNING")]
        return Unread(reason=lines[0] if lines else f"docker ended with status {listing.status}")
    networks = system.run(*_NETWORKS)
    told = [] if isinstance(networks, Unread) else list(_objects(networks.out))
    return Docker(
        containers=tuple(
            Container(
                name=str(one.get("Names", "")),
                ports=str(one.get("Ports", "")),
                networks=tuple(str(one.get("Networks", "")).split(",")),
            )
            for one in _objects(listing.out)
        ),
        internal=frozenset(str(one.get("Name", "")) for one in told if str(one.get("Internal")).lower() == "true"),
    )


def _objects(text: str) -> Iterator[Mapping[str, Any]]:
    """A JSON object a line."""
    for line in text.splitlines():
        try:
            one = json.loads(line)
        except ValueError:
            continue
        if isinstance(one, dict):
            yield one


def container_of(docker: Docker | Unread | None, port: int, protocol: str) -> Container | None:
    """The container that publishes the port."""
    containers = docker.containers if isinstance(docker, Docker) else ()
    return next((one for one in containers if _publishes(one.ports, port, protocol)), None)


def _publishes(ports: str, port: int, protocol: str) -> bool:
    for part in ports.split(", "):
        outside, arrow, inside = part.partition("->")
        first, _, last = outside.rpartition(":")[2].partition("-")
        is_one = arrow and inside.endswith(f"/{protocol}") and first.isdecimal() and (last or first).isdecimal()
        if is_one and int(first) <= port <= int(last or first):
            return True
    return False


# Published ports


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """``on``: the addresses of this machine that it is published on, None for all."""

    place: str
    rule: Rule
    on: Ranges | None
    address: str | None
    port: int

    @property
    def is_on_loopback_only(self) -> bool:
        return self.on is not None and all(_is_loopback(first) and _is_loopback(last) for first, last in self.on)


def published(ruleset: Ruleset | None, question: Question) -> tuple[Publication, ...]:
    """Docker's own translations of the port."""
    tables = () if ruleset is None else ruleset.tables
    return tuple(one for table in tables if _is_wanted(table, question) for one in _published_in(table, question))


def _is_wanted(table: Table, question: Question) -> bool:
    versions = {Family.IP: 4, Family.IP6: 6}
    return question.version in (None, versions.get(table.family))


def _published_in(table: Table, question: Question) -> Iterator[Publication]:
    is_own = table.backend is Backend.NFT and table.name == "docker-bridges"
    for chain in table.chains.values():
        if not (is_own or (table.name == "nat" and chain.name == "DOCKER")):
            continue
        for rule in chain.rules:
            to = next((one for one in rule.statements if isinstance(one, Translate) and one.kind is Nat.DNAT), None)
            if to is None or spoken_of(rule, question.port, question.protocol).ports not in (
                Ports.EXACTLY,
                Ports.AMONG,
            ):
                continue
            yield Publication(
                place=f"{table.family} {table.name} {chain.name}",
                rule=rule,
                on=_on(rule),
                address=None if to.addresses is None else _shown(to.addresses[0], table.family),
                port=question.port if to.ports is None else to.ports[0],
            )


def _on(rule: Rule) -> Ranges | None:
    for one in rule.statements:
        if isinstance(one, Compare) and one.field in (Field.IP_DESTINATION, Field.IP6_DESTINATION) and not one.negated:
            return one.ranges
    return None


def _is_loopback(number: int) -> bool:
    """127.0.0.0/8 or ::1."""
    return number >> 24 == 127 or number == 1


def _shown(number: int, family: Family) -> str:
    """Of an address as the model has it: small numbers may be of version 6 too."""
    return str(ipaddress.IPv6Address(number) if family is Family.IP6 else ipaddress.IPv4Address(number))


def remarks(docker: Docker | Unread | None, ruleset: Ruleset | None, question: Question) -> tuple[Remark, ...]:
    """What Docker publishes the port as, where that explains why nobody outside reaches it."""
    found = published(ruleset, question)
    container = container_of(docker, question.port, question.protocol)
    named = f"container {container.name}" if container is not None else "a container"
    if found and all(one.is_on_loopback_only for one in found):
        evidence = tuple(Evidence(source="iptables-save", ref=one.place, text=one.rule.text) for one in found)
        sentence = f"Docker publishes {question.named} of {named} on this machine's loopback address only."
        fix = (f"docker run --publish {question.port}:{found[0].port} IMAGE",)
        return (Remark(owner=DOCKER, kind=Kind.NOT_PUBLISHED, sentence=sentence, evidence=evidence, fix=fix),)
    internal = _internal(docker, container)
    if container is not None and internal:
        sentence = f"Container {container.name} is in the network {internal} only, which is internal."
        fix = (f"docker network connect bridge {container.name}",)
        evidence = (Evidence(source=" ".join(_NETWORKS), text=f"{internal}: internal"),)
        return (Remark(owner=DOCKER, kind=Kind.NOT_PUBLISHED, sentence=sentence, evidence=evidence, fix=fix),)
    return ()


def _internal(docker: Docker | Unread | None, container: Container | None) -> str:
    """The internal networks that a container is in, where it is in no other."""
    if container is None or not isinstance(docker, Docker) or not set(container.networks) <= docker.internal:
        return ""
    return ", ".join(container.networks)


# Its rule decided


def explain(outcome: Outcome, docker: Docker | Unread | None, kept: plain.Kept, question: Question) -> Explanation:
    """``question``: about the published port, as it was asked from outside."""
    assert outcome.decided is not None
    place = outcome.decided
    container = container_of(docker, question.port, question.protocol)
    named = f"container {container.name}" if container is not None else "a container"
    if place.chain == USER_CHAIN and place.rule is not None:
        return _by_user_rule(outcome, place, named, kept, question)
    if "ISOLATION" in place.chain or "INTERNAL" in place.chain or _internal(docker, container):
        name = container.name if container is not None else "CONTAINER"
        return Explanation(
            owner=DOCKER,
            sentence=f"Docker keeps its networks apart: {named} is in an internal one, or in another than the sender.",
            fixes=(f"docker network connect bridge {name}",),
        )
    if outcome.redirections:
        return Explanation(
            owner=DOCKER,
            sentence=f"Docker translates {question.named} to {named}, but no rule of its own lets it through.",
            fixes=("systemctl restart docker",),
            note="Docker writes its rules anew when it starts; somebody removed them meanwhile.",
        )
    return Explanation(
        owner=DOCKER,
        sentence=f"Docker lets only published ports through to a container, and {question.named} is none.",
        fixes=(f"docker run --publish {question.port}:{question.port} IMAGE",),
    )


def _by_user_rule(outcome: Outcome, place: Place, named: str, kept: plain.Kept, question: Question) -> Explanation:
    """Deleted, unless it is for some sources only, which somebody meant; or the published port accepted above it."""
    assert place.rule is not None
    deleting = [plain.deleting(place, kept)]
    if place.rule.handle is not None and place.backend is not Backend.IPTABLES_LEGACY:
        at = f"{place.family} {place.table} {place.chain}"
        deleting.append(f"nft delete rule {at} handle {place.rule.handle}")
    accepting = _accepting(place, kept, question)
    is_meant = any(one.field in (Field.IP_SOURCE, Field.IP6_SOURCE) for one in _compared(place.rule))
    if question.only_source:
        fixes: tuple[str, ...] = (accepting,)
    else:
        fixes = (accepting, *deleting) if is_meant else (deleting[0], accepting, *deleting[1:])
    inner = outcome.redirections[-1].port if outcome.redirections else None
    to = f", translated to port {inner} already," if inner not in (None, question.port) else ""
    return Explanation(
        owner=DOCKER,
        sentence=f"A rule in {USER_CHAIN}, which is the administrator's own chain, stops what is for {named}{to} "
        f"before Docker lets {question.named} in.",
        fixes=either(fixes),
        note=_whence(kept),
    )


def _accepting(place: Place, kept: plain.Kept, question: Question) -> str:
    interface = f"-i {question.interface} " if question.interface else ""
    original = f"-p {question.protocol} -m conntrack --ctorigdstport {question.port} --ctdir ORIGINAL"
    client = f"-s {question.client} " if question.only_source else ""
    return f"{plain.program(place, kept)} -I {USER_CHAIN} {interface}{client}{original} -j ACCEPT"


def _compared(rule: Rule) -> Iterator[Compare]:
    return (one for one in rule.statements if isinstance(one, Compare))


def _whence(kept: plain.Kept) -> str:
    """Docker leaves the chain as it is, also when it starts: what is in it was put there by others, or at boot."""
    return "Whatever put the rule there may do so again at the next boot" + (
        ": look into the rules that are saved." if kept.saving else "."
    )
