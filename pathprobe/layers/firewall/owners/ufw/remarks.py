"""What has ufw written about a port, and is that what is loaded?"""

from __future__ import annotations

from dataclasses import dataclass, replace

from pathprobe.core.layers import Evidence
from pathprobe.layers.findings import either
from pathprobe.layers.firewall.model import Ruleset
from pathprobe.layers.firewall.owners.owner import UFW, Answer, Kind, Question, Remark, Standing, not_seen
from pathprobe.layers.firewall.owners.ufw import commands
from pathprobe.layers.firewall.owners.ufw.reading import CONF, DEFAULTS, FILES
from pathprobe.layers.firewall.owners.ufw.rules import Ufw, UfwRule
from pathprobe.layers.firewall.owners.ufw.standing import CHAINS, loaded, loaded_chain, written
from pathprobe.layers.system import Unread


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """``written``, ``loaded``: None where it could not be read. ``is_loaded``: None where the rules were not read."""

    ufw: Ufw
    version: int
    question: Question
    written: Standing | None
    loaded: Standing | None
    is_loaded: bool | None

    @property
    def named(self) -> str:
        return self.question.named + (" over IPv6" if self.version == 6 else "")

    @property
    def now(self) -> Standing | None:
        """What holds: what is loaded, or, where that was not seen, what is written."""
        return self.written if self.is_loaded is None else self.loaded

    def rule(self, line: str) -> UfwRule | None:
        """The rule that decided, by its line."""
        rules = self.ufw.rules.get(self.version, ())
        return next((one for one in (() if isinstance(rules, Unread) else rules) if one.line == line), None)


def case_of(ufw: Ufw, ruleset: Ruleset | None, version: int, question: Question) -> Case:
    return Case(
        ufw=ufw,
        version=version,
        question=question,
        written=written(ufw, version, question),
        loaded=None if ruleset is None else loaded(ruleset, ufw, version, question),
        is_loaded=None if ruleset is None else loaded_chain(ruleset, version) is not None,
    )


def unseen(ufw: Ufw | Unread | None) -> tuple[str, ...]:
    """What of its rules could not be seen, with the reason in brackets."""
    if ufw is None:
        return ()
    if isinstance(ufw, Unread):
        return (f"ufw's rules ({ufw.reason})",)
    files = ((version, rules) for version, rules in ufw.rules.items() if isinstance(rules, Unread))
    return tuple(f"ufw's rules for IPv{version} ({rules.reason})" for version, rules in files if not rules.is_missing)


def remarks(ufw: Ufw | Unread | None, ruleset: Ruleset | None, question: Question) -> tuple[Remark, ...]:
    """One for IPv4; one for IPv6 as well where that stands otherwise. ``ruleset``: None where it was not read."""
    if ufw is None or question.interface == "lo":
        return ()
    if isinstance(ufw, Unread):
        return tuple(not_seen(UFW, what) for what in unseen(ufw))
    versions = (4, 6) if question.version is None else (question.version,)
    found = [remark(case_of(ufw, ruleset, version, question)) for version in versions]
    kinds: set[Kind] = set()
    kept = []
    for one in found:
        if one.kind not in kinds:
            kept.append(one)
        kinds.add(one.kind)
    return tuple(kept)


def remark(case: Case) -> Remark:
    kind, sentence, fix = _told(case)
    if kind is Kind.NOT_SEEN:
        return not_seen(UFW, f"ufw's rules for IPv{case.version} ({_reason(case)})")
    return Remark(owner=UFW, kind=kind, sentence=sentence, evidence=_evidence(case), fix=fix)


Told = tuple[Kind, str, tuple[str, ...]]


def _told(case: Case) -> Told:
    if not case.ufw.is_enabled:
        return _disabled(case)
    if case.version == 6 and not case.ufw.covers_ipv6:
        return Kind.NOT_LET_IN, f"ufw lets no IPv6 in: IPV6=no in {DEFAULTS}.", (commands.WITH_IPV6,)
    if case.is_loaded is False:
        return _not_loaded_at_all(case)
    if case.now is None:
        return Kind.NOT_SEEN, "", ()
    if case.written is not None and case.loaded is not None:
        lets_in, is_kept = case.loaded.answer is Answer.ALLOWS, case.written.answer is Answer.ALLOWS
        if lets_in is not is_kept:
            return _not_kept(case) if lets_in else _not_loaded(case)
    return _alike(case, case.written or case.now)


def _reason(case: Case) -> str:
    rules = case.ufw.rules.get(case.version, ())
    return rules.reason if isinstance(rules, Unread) else "its chains were not read"


def _disabled(case: Case) -> Told:
    if not case.is_loaded:
        return Kind.NOT_IN_FORCE, f"ufw is not enabled (ENABLED=no in {CONF}).", ()
    sentence = f"ufw's rules are loaded, but ufw is not enabled (ENABLED=no in {CONF}): they are gone at the next boot."
    return Kind.NOT_KEPT, sentence, ("ufw enable",)


def _not_loaded_at_all(case: Case) -> Told:
    chain = CHAINS[case.version][1]
    sentence = f"ufw is enabled, but its rules are not loaded: there is no chain {chain}."
    if case.written is None or case.written.answer is Answer.ALLOWS:
        return Kind.NOT_IN_FORCE, sentence, (commands.RELOAD,)
    sentence = f"{sentence} Once they are, {case.named} is kept out."
    return Kind.NOT_KEPT, sentence, commands.opening(case.question)


def _not_kept(case: Case) -> Told:
    sentence = f"ufw's loaded rules let {case.named} in, but {FILES[case.version]} does not: it is gone after a reload."
    return Kind.NOT_KEPT, sentence, commands.opening(case.question)


def _not_loaded(case: Case) -> Told:
    sentence = f"{FILES[case.version]} lets {case.named} in, but the loaded rules do not: ufw was not reloaded."
    return Kind.NOT_LOADED, sentence, (commands.RELOAD,)


def _alike(case: Case, standing: Standing) -> Told:
    opening = commands.opening(case.question)
    match standing.answer:
        case Answer.ALLOWS if standing.denies_some:
            denied = "; ".join(map(_shown, standing.denies_some))
            return Kind.ONLY_SOME, f"ufw lets {case.named} in, but not where this holds: {denied}.", ()
        case Answer.ALLOWS:
            return Kind.LETS_IN, f"ufw lets {case.named} in by {_shown(standing.by)}.", ()
        case Answer.DENIES:
            return Kind.NOT_LET_IN, f"ufw keeps {case.named} out by {_shown(standing.by)}.", undoing(case, standing)
        case Answer.NOTHING if standing.allows_some:
            allowed = "; ".join(map(_shown, standing.allows_some))
            return Kind.ONLY_SOME, f"ufw lets {case.named} in only where this holds: {allowed}.", opening
    policy = case.ufw.defaults.get("DEFAULT_INPUT_POLICY", "DROP").lower()
    return Kind.NOT_LET_IN, f"No rule of ufw lets {case.named} in, and its default is to {policy}.", opening


def _shown(line: str) -> str:
    """A rule of a file without the mark before it."""
    return line.removeprefix("### tuple ### ")


def undoing(case: Case, standing: Standing) -> tuple[str, ...]:
    """Take back the rule that keeps the port out, where it is for this port alone; else go before it.

    ufw inserts no rule that differs from one it has in nothing but the action ("Skipping inserting existing rule").
    """
    rule = case.rule(standing.by)
    overruling = commands.overruling(case.question)
    if rule is None or case.question.only_source:
        return (overruling,)
    deleting = commands.deleting(rule)
    if not _would_let_in(case, rule):
        deleting = f"{deleting} && {commands.opening(case.question)[0]}"
    if commands.is_told_alike(rule, case.question):
        return (deleting,)
    port = case.question.port
    return either((deleting, overruling) if rule.ports == ((port, port),) else (overruling, deleting))


def _would_let_in(case: Case, without: UfwRule) -> bool:
    rules = case.ufw.rules.get(case.version, ())
    assert not isinstance(rules, Unread)
    rest = replace(case.ufw, rules={case.version: tuple(one for one in rules if one is not without)})
    standing = written(rest, case.version, case.question)
    return standing is not None and standing.answer is Answer.ALLOWS


def _evidence(case: Case) -> tuple[Evidence, ...]:
    enabled = "ENABLED=" + ("yes" if case.ufw.is_enabled else "no")
    seen = [Evidence(source=CONF, text=enabled)]
    if case.written is not None and case.ufw.is_enabled:
        seen.append(Evidence(source=FILES[case.version], text=_shown(case.written.by)))
    if case.loaded is not None:
        seen.append(Evidence(source="iptables-save", ref=CHAINS[case.version][1], text=case.loaded.by))
    return tuple(seen)
