"""Places and outcomes as an evaluator would give them."""

from __future__ import annotations

from pathprobe.layers.firewall.model import Backend, Chain, Compare, Family, Field, Hook, Rule, Statement, Table
from pathprobe.layers.firewall.outcome import Fate, Outcome, Place, Redirection

NUMBERS = {"tcp": (6, Field.TCP_DESTINATION_PORT), "udp": (17, Field.UDP_DESTINATION_PORT)}


def rule(
    text: str,
    *statements: Statement,
    number: int = 1,
    handle: int | None = None,
    port: int | None = None,
    protocol: str = "tcp",
) -> Rule:
    """``port``: the conditions of ``tcp dport``."""
    return Rule(number=number, text=text, statements=(*of_port(port, protocol), *statements), handle=handle)


def of_port(port: int | None, protocol: str = "tcp") -> tuple[Statement, ...]:
    if port is None:
        return ()
    number, field = NUMBERS[protocol]
    return (
        Compare(field=Field.PROTOCOL, ranges=((number, number),)),
        Compare(field=field, ranges=((port, port),)),
    )


def place(
    chain: str,
    decided: Rule | None = None,
    *,
    backend: Backend = Backend.IPTABLES_NFT,
    family: Family = Family.IP,
    table: str = "filter",
    hook: Hook = Hook.INPUT,
) -> Place:
    return Place(backend=backend, family=family, table=table, chain=chain, hook=hook, rule=decided)


def stopped(
    where: Place, *, fate: Fate = Fate.DROPPED, came_by: tuple[Place, ...] = (), inner: int | None = None
) -> Outcome:
    """``inner``: to which port it was translated before."""
    translated = place("DOCKER", rule("-j DNAT"), table="nat", hook=Hook.PREROUTING)
    redirections = () if inner is None else (Redirection(place=translated, address="172.17.0.2", port=inner),)
    return Outcome(fate=fate, decided=where, came_by=came_by, redirections=redirections)


def table(
    *chains: Chain, name: str = "filter", family: Family = Family.IP, backend: Backend = Backend.IPTABLES_NFT
) -> Table:
    return Table(backend=backend, family=family, name=name, chains={chain.name: chain for chain in chains})
