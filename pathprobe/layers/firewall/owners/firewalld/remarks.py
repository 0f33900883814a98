"""What do firewalld's configurations say of a port: the running one, and the permanent one?"""

from __future__ import annotations

from dataclasses import dataclass

from pathprobe.core.layers import Evidence
from pathprobe.layers.firewall.owners.firewalld import commands
from pathprobe.layers.firewall.owners.firewalld.standing import bound_sources, standing, zones_in_play
from pathprobe.layers.firewall.owners.firewalld.zones import Configuration, Firewalld, RichRule
from pathprobe.layers.firewall.owners.owner import (
    FIREWALLD,
    Answer,
    Kind,
    Question,
    Remark,
    Standing,
    not_seen,
)
from pathprobe.layers.system import Unread

_RUNNING = "firewall-cmd --list-all-zones"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What both configurations say of the port in one zone; None where one could not be read or has no such zone."""

    firewalld: Firewalld
    zone: str
    question: Question
    now: Standing | None
    kept: Standing | None

    @property
    def shown(self) -> str:
        interface = self.question.interface
        return f"firewalld's zone {self.zone}" + (f", which {interface} is in," if interface else "")

    def rule(self, text: str) -> RichRule | None:
        """The rich rule that decided, by its text."""
        configuration = in_force(self.firewalld)
        zone = None if configuration is None else configuration.zones.get(self.zone)
        rules = () if zone is None else zone.holds.rich_rules
        return next((rule for rule in rules if rule.text == text), None)


def case_of(firewalld: Firewalld, zone: str, question: Question) -> Case:
    return Case(
        firewalld=firewalld,
        zone=zone,
        question=question,
        now=_standing(firewalld, firewalld.runtime, zone, question),
        kept=_standing(firewalld, firewalld.permanent, zone, question),
    )


def _standing(
    firewalld: Firewalld, configuration: Configuration | Unread, name: str, question: Question
) -> Standing | None:
    if isinstance(configuration, Unread) or name not in configuration.zones:
        return None
    return standing(configuration, configuration.zones[name], firewalld.services, question)


def in_force(firewalld: Firewalld) -> Configuration | None:
    """The configuration that tells which zone is whose."""
    for configuration in (firewalld.runtime, firewalld.permanent):
        if not isinstance(configuration, Unread):
            return configuration
    return None


def remarks(firewalld: Firewalld | Unread | None, question: Question) -> tuple[Remark, ...]:
    """What firewalld says of the port, for each zone that such a packet may be in."""
    if firewalld is None or question.interface == "lo":
        return ()  # firewalld lets the loopback interface in before it asks any zone
    if isinstance(firewalld, Unread):
        return tuple(not_seen(FIREWALLD, what) for what in unseen(firewalld))
    if firewalld.in_panic:
        return (in_panic(),)
    configuration = in_force(firewalld)
    if configuration is None:
        return tuple(not_seen(FIREWALLD, what) for what in unseen(firewalld))
    zones = zones_in_play(configuration, firewalld.default_zone, question)
    return tuple(remark(case_of(firewalld, zone.name, question)) for zone in zones)


def unseen(firewalld: Firewalld | Unread | None) -> tuple[str, ...]:
    """What of its configurations could not be seen, with the reason in brackets."""
    if firewalld is None:
        return ()
    if isinstance(firewalld, Unread):
        return (f"firewalld's zones ({firewalld.reason})",)
    found = []
    if firewalld.is_running and isinstance(firewalld.runtime, Unread):
        found.append(f"firewalld's zones as they are now ({firewalld.runtime.reason})")
    if isinstance(firewalld.permanent, Unread):
        found.append(f"firewalld's permanent configuration ({firewalld.permanent.reason})")
    if firewalld.silence and not found:
        found.append(f"some of what firewalld has ({firewalld.silence})")
    return tuple(found)


def in_panic() -> Remark:
    return Remark(
        owner=FIREWALLD,
        kind=Kind.NOT_LET_IN,
        sentence="firewalld is in panic mode: it drops every packet, in and out.",
        evidence=(Evidence(source="firewall-cmd --query-panic", text="yes"),),
        fix=(commands.PANIC_OFF,),
    )


def remark(case: Case) -> Remark:
    kind = _kind(case)
    sentence, fix = _SENTENCES[kind](case)
    return Remark(owner=FIREWALLD, kind=kind, sentence=sentence, evidence=_evidence(case), fix=fix)


def _kind(case: Case) -> Kind:
    now, kept = case.now, case.kept
    if not case.firewalld.is_running:
        return Kind.NOT_IN_FORCE
    if now is None:
        return Kind.NOT_SEEN
    lets_in = now.answer is Answer.ALLOWS
    if kept is not None and lets_in is not (kept.answer is Answer.ALLOWS):
        return Kind.NOT_KEPT if lets_in else Kind.NOT_LOADED
    if lets_in:
        return Kind.ONLY_SOME if now.denies_some else Kind.LETS_IN
    return Kind.ONLY_SOME if now.allows_some and now.answer is Answer.NOTHING else Kind.NOT_LET_IN


# Sentences, each with what mends it

Told = tuple[str, tuple[str, ...]]


def _lets_in(case: Case) -> Told:
    assert case.now is not None
    lasting = "now and permanently" if case.kept is not None else "now; its permanent configuration could not be seen"
    return f"{case.shown} lets {case.question.named} in by {case.now.by}, {lasting}.", ()


def _not_kept(case: Case) -> Told:
    assert case.now is not None
    sentence = (
        f"{case.shown} lets {case.question.named} in by {case.now.by}, but only in the running configuration: "
        f"it is gone after the next reload or restart of firewalld."
    )
    return sentence, commands.keeping(case.firewalld, case.zone, case.question)


def _not_loaded(case: Case) -> Told:
    assert case.kept is not None
    sentence = (
        f"{case.shown} lets {case.question.named} in by {case.kept.by} in the permanent configuration, "
        f"which is not loaded yet: the running one does not."
    )
    if case.now is not None and (rule := case.rule(case.now.by)):
        sentence = sentence[:-1] + f", because of the rich rule {rule.text}."
    return sentence, commands.loading(case.firewalld, case.zone, case.question)


def _not_let_in(case: Case) -> Told:
    assert case.now is not None
    named = case.question.named
    if case.now.answer is not Answer.DENIES:
        sentence = f"{named} is not in {case.shown.rstrip(',')}: what a zone does not name, it does not let in."
        return sentence, commands.opening(case.firewalld, case.zone, case.question)
    rule = case.rule(case.now.by)
    if rule is None:  # a policy's line
        fixes = commands.mending_policy(case.firewalld, case.now.by, case.question)
        return f"firewalld keeps {named} out by its {case.now.by}.", fixes
    fix = commands.removing_rule(case.firewalld, case.zone, rule.text)
    return f"{case.shown} keeps {named} out by the rich rule {rule.text}.", (fix,)


def _only_some(case: Case) -> Told:
    assert case.now is not None
    named, now = case.question.named, case.now
    if now.answer is Answer.ALLOWS:
        fixes = tuple(commands.removing_rule(case.firewalld, case.zone, text) for text in now.denies_some)
        denied = "; ".join(now.denies_some)
        return f"{case.shown} lets {named} in by {now.by}, but not where this holds: {denied}.", fixes
    sentence = f"{case.shown} lets {named} in only where this holds: {'; '.join(now.allows_some)}."
    return sentence, commands.opening(case.firewalld, case.zone, case.question)


def _not_in_force(case: Case) -> Told:
    named = case.question.named
    lets_in = case.kept is not None and case.kept.answer is Answer.ALLOWS
    says = f"would let {named} in by {case.kept.by}" if lets_in and case.kept else f"would not let {named} in"
    fix = () if lets_in else commands.opening(case.firewalld, case.zone, case.question)
    return f"firewalld does not run. Its zone {case.zone} {says}, once it is started.", fix


def _not_seen(_: Case) -> Told:
    """It is among the evidence."""
    return "", ()


_SENTENCES = {
    Kind.LETS_IN: _lets_in,
    Kind.NOT_KEPT: _not_kept,
    Kind.NOT_LOADED: _not_loaded,
    Kind.NOT_LET_IN: _not_let_in,
    Kind.ONLY_SOME: _only_some,
    Kind.NOT_IN_FORCE: _not_in_force,
    Kind.NOT_SEEN: _not_seen,
}


def _evidence(case: Case) -> tuple[Evidence, ...]:
    ref = f"zone {case.zone}"
    seen = [Evidence(source="not seen", text=what) for what in unseen(case.firewalld)]
    if case.now is None and isinstance(case.firewalld.runtime, Configuration):
        seen.append(
            Evidence(source="not seen", text=f"firewalld's zone {case.zone} (it runs without one of that name)")
        )
    if case.now is not None:
        seen.append(Evidence(source=_RUNNING, ref=ref, text=_seen(case.firewalld.runtime, case, case.now)))
    if case.kept is not None:
        text = _seen(case.firewalld.permanent, case, case.kept)
        seen.append(Evidence(source=case.firewalld.source, ref=ref, text=text))
    if case.question.source is None and (elsewhere := _other_sources(case)):
        source = case.firewalld.source if isinstance(case.firewalld.runtime, Unread) else _RUNNING
        seen.append(Evidence(source=source, ref="sources of other zones", text=elsewhere))
    return tuple(seen)


def _seen(configuration: Configuration | Unread, case: Case, standing: Standing) -> str:
    """The line that decided, or, where none did, what the zone has instead."""
    if standing.answer is not Answer.NOTHING:
        return standing.by
    assert not isinstance(configuration, Unread)
    zone = configuration.zones[case.zone]
    ports = " ".join(map(str, zone.holds.ports))
    return f"target: {zone.target}; services: {' '.join(zone.holds.services)}; ports: {ports}"


def _other_sources(case: Case) -> str:
    configuration = in_force(case.firewalld)
    return "" if configuration is None else " ".join(bound_sources(configuration, configuration.zones[case.zone]))
