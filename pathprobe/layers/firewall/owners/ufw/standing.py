"""What do ufw's rules do with a port: those that are written, and those that are loaded?

The first rule that speaks of the packet decides; after the last one the default for incoming packets does.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address

from pathprobe.layers.firewall.model import (
    Chain,
    Compare,
    Condition,
    End,
    Ending,
    Family,
    Field,
    Jump,
    Named,
    Rule,
    Ruleset,
)
from pathprobe.layers.firewall.owners.lines import Hit, Line, first_of
from pathprobe.layers.firewall.owners.matching import Ports, conditions, spoken_of, within
from pathprobe.layers.firewall.owners.owner import Answer, Question, Standing
from pathprobe.layers.firewall.owners.ufw.rules import ANYWHERE, Ufw, UfwRule
from pathprobe.layers.system import Unread

_ANSWERS = {"allow": Answer.ALLOWS, "limit": Answer.ALLOWS, "deny": Answer.DENIES, "reject": Answer.DENIES}

#: IP version -> family of the table, chain of the rules for packets that come in.
CHAINS = {4: (Family.IP, "ufw-user-input"), 6: (Family.IP6, "ufw6-user-input")}


def written(ufw: Ufw, version: int, question: Question) -> Standing | None:
    """What user.rules and the default say; None where the file could not be read."""
    rules = ufw.rules.get(version, ())
    if isinstance(rules, Unread):
        return None
    default = ufw.defaults.get("DEFAULT_INPUT_POLICY", "DROP")
    lines = (_line(rule, question) for rule in rules if rule.way == "in" and not rule.is_routed)
    return _or_default(first_of(lines, "the default for incoming packets"), accepts=default == "ACCEPT")


def loaded(ruleset: Ruleset, ufw: Ufw, version: int, question: Question) -> Standing | None:
    """What the rules in the kernel say; None where ufw's chain is not there."""
    chain = loaded_chain(ruleset, version)
    if chain is None:
        return None
    default = ufw.defaults.get("DEFAULT_INPUT_POLICY", "DROP")
    standing = first_of(_loaded_lines(chain, question), "the default for incoming packets")
    return _or_default(standing, accepts=default == "ACCEPT")


def loaded_chain(ruleset: Ruleset, version: int) -> Chain | None:
    family, name = CHAINS[version]
    for table in ruleset.tables:
        if table.family is family and table.name == "filter" and name in table.chains:
            return table.chains[name]
    return None


def _or_default(standing: Standing, *, accepts: bool) -> Standing:
    if standing.answer is not Answer.NOTHING or not accepts:
        return standing
    return Standing(
        answer=Answer.ALLOWS,
        by=standing.by,
        allows_some=standing.allows_some,
        denies_some=standing.denies_some,
    )


# As written


def _line(rule: UfwRule, question: Question) -> Line:
    return rule.line, _hit(rule, question), _ANSWERS[rule.action]


def _hit(rule: UfwRule, question: Question) -> Hit:
    if rule.protocol not in ("any", question.protocol):
        return Hit.NONE
    if rule.ports is not None and not within(question.port, rule.ports):
        return Hit.NONE
    hits = (
        _hit_by_address(rule.source, question.source),
        Hit.ALL if rule.destination in ANYWHERE else Hit.SOME,
        Hit.ALL if rule.source_ports == "any" else Hit.SOME,
        _hit_by_name(rule.interface_in, question.interface),
    )
    if Hit.NONE in hits:
        return Hit.NONE
    return Hit.SOME if Hit.SOME in hits else Hit.ALL


def _hit_by_name(name: str, interface: str | None) -> Hit:
    if not name:
        return Hit.ALL
    if interface is None:
        return Hit.SOME
    return Hit.ALL if name == interface else Hit.NONE


def _hit_by_address(network: str, source: str | None) -> Hit:
    if network in ANYWHERE:
        return Hit.ALL
    address = _address(source)
    if address is None:
        return Hit.SOME
    try:
        return Hit.ALL if address in ipaddress.ip_network(network, strict=False) else Hit.NONE
    except ValueError:
        return Hit.SOME


# As loaded

_ENDINGS = {Ending.ACCEPT: Answer.ALLOWS, Ending.DROP: Answer.DENIES, Ending.REJECT: Answer.DENIES}


def _loaded_lines(chain: Chain, question: Question) -> Iterator[Line]:
    for rule in chain.rules:
        answer = _answer(rule)
        if answer is not None:
            yield rule.text, _loaded_hit(rule, question), answer


def _answer(rule: Rule) -> Answer | None:
    """A rule of ``limit`` is three lines: only the last of them lets the packet in, while few come."""
    last = rule.statements[-1] if rule.statements else None
    if isinstance(last, End):
        return _ENDINGS.get(last.ending)
    return Answer.ALLOWS if isinstance(last, Jump) and last.chain.endswith("-user-limit-accept") else None


def _loaded_hit(rule: Rule, question: Question) -> Hit:
    spoken = spoken_of(rule, question.port, question.protocol)
    if spoken.ports is Ports.OTHERS:
        return Hit.NONE
    hits = [_hit_by_condition(one, question) for one in conditions(rule.statements)]
    if Hit.NONE in hits:
        return Hit.NONE
    return Hit.SOME if Hit.SOME in hits else Hit.ALL


#: What spoken_of has looked at.
_LOOKED_AT = {Field.PROTOCOL, Field.TCP_DESTINATION_PORT, Field.UDP_DESTINATION_PORT, Field.DESTINATION_PORT}


def _hit_by_condition(condition: Condition, question: Question) -> Hit:
    if isinstance(condition, Named) and condition.field is Field.INPUT_INTERFACE and not condition.negated:
        return _hit_by_name(condition.patterns[0], question.interface) if len(condition.patterns) == 1 else Hit.SOME
    if not isinstance(condition, Compare) or condition.negated or condition.mask is not None:
        return Hit.SOME
    if condition.field in _LOOKED_AT:
        return Hit.ALL
    address = _address(question.source)
    if condition.field in (Field.IP_SOURCE, Field.IP6_SOURCE) and address is not None:
        return Hit.ALL if within(int(address), condition.ranges) else Hit.NONE
    return Hit.SOME


def _address(text: str | None) -> IPv4Address | IPv6Address | None:
    try:
        return None if text is None else ipaddress.ip_address(text)
    except ValueError:
        return None
