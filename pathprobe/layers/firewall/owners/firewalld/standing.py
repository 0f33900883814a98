"""Which zone is a packet in, and does that let a port in?

A zone that the source belongs to comes before the zone of the interface, and that before the default one. Within it the
chains are called in this order (firewalld 0.9 and later, seen in its nftables rules): policies of a priority below 0,
rich rules of a priority below 0, rich rules that deny, what is allowed, rich rules of a priority above 0, policies of a
priority above 0, the zone's target. Forwarded ports are translated before all of that, and are let in then.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping

from pathprobe.layers.firewall.owners.firewalld.zones import (
    Configuration,
    Holdings,
    Policy,
    RichRule,
    Service,
    Zone,
)
from pathprobe.layers.firewall.owners.lines import Hit, Line, first_of
from pathprobe.layers.firewall.owners.owner import Answer, Question, Standing

#: A zone's or policy's target -> what becomes of a packet that nothing in it speaks of.
_TARGETS = {"ACCEPT": Answer.ALLOWS, "DROP": Answer.NOTHING, "REJECT": Answer.NOTHING, "%%REJECT%%": Answer.NOTHING}

_VERSIONS = {"ipv4": 4, "ipv6": 6}
_ACTIONS = {"accept": Answer.ALLOWS, "reject": Answer.DENIES, "drop": Answer.DENIES}


def zone_of(configuration: Configuration, default: str, question: Question) -> Zone | None:
    """The zone that the packet is in; None where the configuration has none of that name."""
    in_order = sorted(configuration.zones.values(), key=lambda zone: (zone.priority, zone.name))
    by_source = (one for one in in_order if question.source and _is_in(question.source, one.sources))
    by_interface = (one for one in in_order if question.interface and _is_bound(question.interface, one))
    return next(by_source, None) or next(by_interface, None) or configuration.zones.get(default)


def zones_in_play(configuration: Configuration, default: str, question: Question) -> tuple[Zone, ...]:
    """The zones that such packets may be in: one where the interface or the source tells, else all that have any."""
    told = zone_of(configuration, default, question)
    if question.interface is not None or (told is not None and told.name != default):
        return () if told is None else (told,)
    bound = tuple(one for one in configuration.zones.values() if one.interfaces)
    return bound or (() if told is None else (told,))


def bound_sources(configuration: Configuration, zone: Zone) -> tuple[str, ...]:
    """The sources for which another zone stands, so that the zone is not asked about them."""
    others = (one for one in configuration.zones.values() if one.name != zone.name)
    return tuple(source for other in others for source in other.sources)


def standing(configuration: Configuration, zone: Zone, services: Mapping[str, Service], question: Question) -> Standing:
    """What the zone and the policies from it to this machine say of the port."""
    policies = sorted(_policies_to_host(configuration, zone), key=lambda one: (one.priority, one.name))
    return first_of(_lines(zone, policies, services, question), f"target {zone.target}")


def _policies_to_host(configuration: Configuration, zone: Zone) -> Iterator[Policy]:
    for policy in configuration.policies.values():
        if "HOST" in policy.egress and {zone.name, "ANY"} & set(policy.ingress):
            yield policy


def _lines(zone: Zone, policies: list[Policy], services: Mapping[str, Service], question: Question) -> Iterator[Line]:
    yield from _forwards(zone.holds, question)
    for policy in policies:
        if policy.priority < 0:
            yield from _of_policy(policy, services, question)
    yield from held(zone.holds, services, question)
    for policy in policies:
        if policy.priority >= 0:
            yield from _of_policy(policy, services, question)
    if zone.target in _TARGETS:
        yield f"target {zone.target}", Hit.ALL, _TARGETS[zone.target]


def _of_policy(policy: Policy, services: Mapping[str, Service], question: Question) -> Iterator[Line]:
    for text, hit, answer in held(policy.holds, services, question):
        yield f"policy {policy.name}: {text}", hit, answer
    if policy.target in _TARGETS:
        answer = _TARGETS[policy.target]
        denied = Answer.DENIES if answer is Answer.NOTHING else answer
        yield f"policy {policy.name}: target {policy.target}", Hit.ALL, denied


def held(holds: Holdings, services: Mapping[str, Service], question: Question) -> Iterator[Line]:
    """The lines of a zone or policy in the order in which they decide."""
    in_order = sorted(holds.rich_rules, key=lambda rule: rule.priority)
    of_rules = [(rule, _of_rich_rule(rule, services, question)) for rule in in_order]
    plain = [(rule, line) for rule, line in of_rules if rule.priority == 0]
    yield from (line for rule, line in of_rules if rule.priority < 0)
    yield from (line for _, line in plain if line[2] is Answer.DENIES)
    yield from _allowed(holds, services, question)
    yield from (line for _, line in plain if line[2] is not Answer.DENIES)
    yield from (line for rule, line in of_rules if rule.priority > 0)
    yield from ((text, Hit.SOME, Answer.ALLOWS) for text in holds.unclear)


def _forwards(holds: Holdings, question: Question) -> Iterator[Line]:
    for forward in holds.forward_ports:
        if forward.taken.has(question.port, question.protocol):
            to = f"port {forward.port or question.port}" + (f" of {forward.address}" if forward.address else "")
            yield f"forward port {forward.taken} to {to}", Hit.ALL, Answer.ALLOWS


def _allowed(holds: Holdings, services: Mapping[str, Service], question: Question) -> Iterator[Line]:
    for service in holds.services:
        yield f"service {service}", _hit_by_service(service, services, question), Answer.ALLOWS
    for ports in holds.ports:
        yield f"port {ports}", _all_if(ports.has(question.port, question.protocol)), Answer.ALLOWS
    for protocol in holds.protocols:
        yield f"protocol {protocol}", _all_if(protocol == question.protocol), Answer.ALLOWS
    for ports in holds.source_ports:
        some = Hit.SOME if ports.protocol == question.protocol else Hit.NONE
        yield f"source port {ports}", some, Answer.ALLOWS


def _all_if(holds: bool) -> Hit:
    return Hit.ALL if holds else Hit.NONE


# Services


def _hit_by_service(name: str, services: Mapping[str, Service], question: Question) -> Hit:
    """A service whose file nobody found may be for any port."""
    hits = [_hit_by_one(services.get(one), question) for one in with_included(name, services)]
    if Hit.ALL in hits:
        return Hit.ALL
    return Hit.SOME if Hit.SOME in hits else Hit.NONE


def with_included(name: str, services: Mapping[str, Service]) -> tuple[str, ...]:
    """The service and all that it includes, each once, for they may include each other."""
    found: dict[str, None] = {}
    waiting = [name]
    while waiting:
        one = waiting.pop()
        if one not in found:
            found[one] = None
            waiting.extend(services[one].includes if one in services else ())
    return tuple(found)


def _hit_by_one(service: Service | None, question: Question) -> Hit:
    if service is None:
        return Hit.SOME
    if any(one.protocol == question.protocol for one in service.source_ports):
        return Hit.SOME
    speaks = question.protocol in service.protocols or any(
        one.has(question.port, question.protocol) for one in service.ports
    )
    if not speaks:
        return Hit.NONE
    return Hit.SOME if service.destinations else Hit.ALL


# Rich rules


def _of_rich_rule(rule: RichRule, services: Mapping[str, Service], question: Question) -> Line:
    answer = _ACTIONS.get(rule.action, Answer.NOTHING)
    if not rule.is_understood:
        return rule.text, Hit.SOME, answer
    if answer is Answer.NOTHING:
        return rule.text, Hit.NONE, answer
    return rule.text, _hit_by_rule(rule, services, question), answer


def _hit_by_rule(rule: RichRule, services: Mapping[str, Service], question: Question) -> Hit:
    hits = (
        _hit_by_family(rule.family, question),
        _hit_by_element(rule, services, question),
        _hit_by_rule_source(rule, question),
        Hit.SOME if rule.destination or rule.is_limited else Hit.ALL,
    )
    if Hit.NONE in hits:
        return Hit.NONE
    return Hit.SOME if Hit.SOME in hits else Hit.ALL


def _hit_by_family(family: str, question: Question) -> Hit:
    if not family:
        return Hit.ALL
    if question.version is None:
        return Hit.SOME
    return _all_if(_VERSIONS.get(family) == question.version)


def _hit_by_element(rule: RichRule, services: Mapping[str, Service], question: Question) -> Hit:
    if rule.element is None:
        return Hit.ALL
    kind, attributes = rule.element
    match kind:
        case "service":
            return _hit_by_service(attributes.get("name", ""), services, question)
        case "port":
            return _all_if(_has(attributes, question))
        case "protocol":
            return _all_if(attributes.get("value") == question.protocol)
        case "source-port":
            return Hit.SOME if attributes.get("protocol") == question.protocol else Hit.NONE
        case _:
            return Hit.NONE  # icmp, masquerading, forward ports: nothing that lets a port of this machine in


def _has(attributes: Mapping[str, str], question: Question) -> bool:
    first, dash, last = attributes.get("port", "").partition("-")
    if not first.isdecimal() or (dash and not last.isdecimal()):
        return False
    within = int(first) <= question.port <= int(last or first)
    return within and attributes.get("protocol") == question.protocol


def _hit_by_rule_source(rule: RichRule, question: Question) -> Hit:
    if not rule.source:
        return Hit.ALL
    address = rule.source.get("address")
    if address is None or question.source is None:
        return Hit.SOME
    return _all_if(_is_in(question.source, (address,)) is not rule.source_negated)


# Addresses and interfaces


def _is_in(source: str, networks: Iterable[str]) -> bool:
    """A hardware address and a set's name (``ipset:``) tell nothing of an address."""
    return any(_is_of(source, network) for network in networks)


def _is_of(source: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(source) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


def _is_bound(interface: str, zone: Zone) -> bool:
    """A ``+`` at the end stands for any rest."""
    return any(
        interface == name or (name.endswith("+") and interface.startswith(name[:-1])) for name in zone.interfaces
    )
