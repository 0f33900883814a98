"""Do the packet filters let a port's packets in and the answers out, and if not, which rule is it?

Pure: cases, each a packet that was led through the rules, become the row of layer 2. Where the kernel's rules were read
they have the last word; what their owners' configurations say beside them is whether it will stay so.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from pathprobe.core.layers import Evidence, Layer, LayerName, Status
from pathprobe.layers.findings import Finding, layer
from pathprobe.layers.firewall import owners, words
from pathprobe.layers.firewall.evaluation.journey import Journey, Question, journey
from pathprobe.layers.firewall.evaluation.ranges import single
from pathprobe.layers.firewall.model import Hook, Ruleset
from pathprobe.layers.firewall.outcome import Fate, Outcome, Place, Redirection
from pathprobe.layers.firewall.owners import Kind, Owners, Remark
from pathprobe.layers.firewall.ruling import Ruled, Ruling, ruled
from pathprobe.layers.network import Network

_NAMES = {6: "tcp", 17: "udp"}

#: Where a packet is let in, or let through to a container.
_DECIDING = (Hook.INPUT, Hook.FORWARD)

_STOPPED = (Fate.DROPPED, Fate.REJECTED)

#: Their rules are made from a configuration in which the cause stands; of others' the rule itself is the cause.
_CONFIGURED = (owners.FIREWALLD, owners.UFW)

#: Groups of senders of whom it is said what becomes of them.
_MOST_GROUPS = 3

_BY_ANY_PORT = "The interface has several ports, and the rules do not show which one leads to the client."

#: What an owner's configuration adds to what the rules in force do.
_TOLD_BESIDE_RULES = (Kind.NOT_KEPT, Kind.NOT_PUBLISHED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A packet, and what becomes of it."""

    journey: Journey
    ruled: Ruled

    @property
    def question(self) -> Question:
        return self.journey.question


def cases(ruleset: Ruleset, network: Network, questions: Iterable[Question]) -> tuple[Case, ...]:
    """Each packet led through the rules."""
    found = (journey(ruleset, question, network) for question in questions)
    return tuple(Case(journey=one, ruled=ruled(one)) for one in found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Landing:
    """Where the rules send a packet on to. ``is_here``: an address of this machine, whose own sockets get it."""

    address: str
    port: int
    is_here: bool

    @property
    def label(self) -> str:
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


def landing(found: Iterable[Case], network: Network) -> Landing | None:
    """Address and port to which the rules rewrite the destination, of the first packet of which they do so."""
    for case in found:
        address, port = None, case.question.port
        for redirection in case.ruled.redirections:
            address, port = redirection.address or address, redirection.port or port
        if address is not None or port != case.question.port:
            address = address or str(_address(case.question.destination, case.question.version))
            here = network.has(int(ipaddress.ip_address(address)), case.question.version)
            return Landing(address=address, port=port, is_here=here)
    return None


def judge(
    found: Sequence[Case],
    kept_by: Owners,
    *,
    port: int,
    protocol: str,
    unseen: Sequence[str] = (),
    is_empty: bool = False,
) -> Layer:
    """The row of layer 2. ``unseen``: rules that could not be read, in words; ``is_empty``: there are none at all.

    What blocks is told though other rules could not be read; what seems open is not.
    """
    remarks = owners.remarks(kept_by, owners.Question(port=port, protocol=protocol))
    findings = _together(found, kept_by)
    if any(one.status is Status.FAIL for one in findings) or not (unseen or not found):
        findings += [_remarked(one) for one in remarks if one.kind in _TOLD_BESIDE_RULES]
        if is_empty and not unseen:
            findings = [replace(one, sentence=one.sentence.replace(_NO_RULE, _NO_RULES_AT_ALL)) for one in findings]
        return layer(LayerName.FIREWALL, findings)
    told = [_remarked(one) for one in remarks if one.kind is not Kind.NOT_IN_FORCE]
    return layer(LayerName.FIREWALL, [_not_seen(unseen, f"{port}/{protocol}"), *told])


_NO_RULE = "no rule is against it"
_NO_RULES_AT_ALL = "no packet filter rules are loaded"


def _not_seen(unseen: Sequence[str], port: str) -> Finding:
    if not unseen:
        return Finding(status=Status.UNKNOWN, sentence="no interface of this machine leads out, so nothing can come in")
    evidence = tuple(Evidence(source="not seen", text=what) for what in unseen)
    if any("permi" in what.lower() or "root" in what for what in unseen):
        return Finding(
            status=Status.UNKNOWN,
            sentence="the rules can be read by root alone",
            evidence=evidence,
            why="The kernel shows its packet filters to nobody else.",
            fix=(f"sudo pathprobe host {port}",),
        )
    return Finding(status=Status.UNKNOWN, sentence=f"the rules could not be read: {unseen[0]}", evidence=evidence)


def _remarked(remark: Remark) -> Finding:
    return Finding(status=remark.status, sentence=remark.sentence.rstrip("."), evidence=remark.evidence, fix=remark.fix)


def _together(found: Sequence[Case], kept_by: Owners) -> list[Finding]:
    """A finding for each thing that becomes of a packet, with the cases that it becomes of; what blocks comes first."""
    groups: dict[Finding, list[Case]] = {}
    for case in found:
        groups.setdefault(_finding(case, kept_by), []).append(case)
    if len(groups) <= 1:
        return list(groups)
    told = [
        replace(finding, sentence=f"{_which(of)}: {finding.sentence}", status=_of_some(finding.status, of, found))
        for finding, of in groups.items()
    ]
    return sorted(told, key=lambda one: one.status is not Status.FAIL)


def _of_some(status: Status, of: Sequence[Case], found: Sequence[Case]) -> Status:
    """Where a port is shut by one interface and open by another of the same version, that depends on who asks."""
    passing = {case.question.version for case in found if case.ruled.ruling is Ruling.OPEN}
    depends = status is Status.FAIL and any(case.question.version in passing for case in of)
    return Status.UNKNOWN if depends else status


def _which(found: Sequence[Case]) -> str:
    versions = sorted({case.question.version for case in found})
    interfaces = dict.fromkeys(case.question.interface for case in found)
    return f"{' and '.join(f'IPv{one}' for one in versions)} by {', '.join(interfaces)}"


def _finding(case: Case, kept_by: Owners) -> Finding:
    match case.ruled.ruling:
        case Ruling.OPEN:
            return _open(case)
        case Ruling.BLOCKED:
            return _blocked(case, kept_by)
        case Ruling.DEPENDS:
            return _depends(case, kept_by)


def _open(case: Case) -> Finding:
    told = case.ruled
    by = _let_in_by(told.outcome)
    more = " and other rules" if told.outcome.several else ""
    sentence = f"let in by {words.rule(by)}{more}" if by else _NO_RULE
    for redirection in told.redirections:
        sentence += f", sent on to {_destination(redirection)} by {words.rule(redirection.place)}"
    status = Status.PASS
    for other in told.others[:_MOST_GROUPS]:
        status = Status.WARN
        sentence += f"; but {_group(other, case)} {words.fate(other)}"
    if told.unanswered:
        status = Status.WARN
        sentence += _unanswered(case)
    for limited in told.limited[:1]:
        limit = next(doubt for doubt in limited.doubts if doubt.is_reached)
        sentence += f"; {words.fate(limited)} once the limit of {words.doubt(limit)} is reached"
    return Finding(status=status, sentence=sentence, evidence=tuple(_seen(told)))


def _unanswered(case: Case) -> str:
    """Who is let in and gets no answer."""
    some = case.ruled.unanswered[:_MOST_GROUPS]
    return "".join(f"; but the answer to {_who(one, case)} is {words.fate(one)}" for one in some)


def _destination(redirection: Redirection) -> str:
    address, port = redirection.address, redirection.port
    if address is None:
        return f"port {port}"
    host = f"[{address}]" if ":" in address else address
    return host if port is None else f"{host}:{port}"


def _let_in_by(outcome: Outcome) -> Place | None:
    """The rule that says so; the policy where no rule does."""
    filters = [one for one in outcome.passed if one.hook in _DECIDING]
    spoken = [one for one in filters if one.rule is not None]
    found = spoken or filters
    return found[-1] if found else None


def _blocked(case: Case, kept_by: Owners) -> Finding:
    told = case.ruled
    explained = owners.explain(told.outcome, kept_by, _asked(case), is_answer=told.of_answer)
    fate = f"{words.fate(told.outcome)}{_on_the_way_out(told)}"
    if explained.owner in _CONFIGURED:
        sentence, why = f"{explained.sentence.rstrip('.')}; {fate}", explained.note
    else:
        sentence, why = fate, " ".join(filter(None, (explained.sentence, explained.note)))
    return Finding(
        status=Status.FAIL,
        sentence=sentence,
        evidence=(*_seen(told), *explained.evidence),
        why=why,
        fix=explained.fixes,
        is_silent=told.outcome.fate is Fate.DROPPED,
    )


def _on_the_way_out(told: Ruled) -> str:
    return " (the answer, on its way out)" if told.of_answer else ""


def _depends(case: Case, kept_by: Owners) -> Finding:
    told = case.ruled
    blocked = [one for one in (told.outcome, *told.others) if one.fate in _STOPPED]
    fixes = (
        owners.explain(blocked[0], kept_by, _asked(case), is_answer=told.of_answer, for_some=True).fixes
        if blocked
        else ()
    )
    doubts = [doubt for one in (told.outcome, *told.others) for doubt in one.doubts if not doubt.is_limit]
    if doubts:
        sentence = f"depends on {words.doubt(doubts[0])}, which cannot be told from the rules"
        ways = [told.outcome, *told.others]
        sentence += ": " + ", or ".join(dict.fromkeys(words.fate(one) for one in ways[:_MOST_GROUPS]))
        of_rule = doubts[0].place is not None
        why = "That condition looks at something that a rule alone does not show." if of_rule else _BY_ANY_PORT
    elif told.others:
        groups = [f"{_group(one, case)} {words.fate(one)}" for one in (*told.others[:_MOST_GROUPS], told.outcome)]
        sentence = f"depends on who asks: {', '.join(groups)}"
        why = "Name the client with --from ADDRESS to know what becomes of its packets."
    else:
        sentence = words.fate(told.outcome)
        why = "What that program does with it is not in the rules."
    return Finding(
        status=Status.UNKNOWN,
        sentence=sentence + _on_the_way_out(told) + _unanswered(case),
        evidence=tuple(_seen(told)),
        why=why,
        fix=fixes,
    )


def _who(outcome: Outcome, case: Case) -> str:
    return words.senders(outcome.sources, case.question.version)


def _group(outcome: Outcome, case: Case) -> str:
    """``10.0.0.0/8 is``, ``everybody else is``."""
    who = _who(outcome, case)
    return f"{who} {'are' if ' and ' in who or who.endswith('addresses') else 'is'}"


def _seen(told: Ruled) -> Iterator[Evidence]:
    """The rule that decided and those that led there; then those of the others, and of the translations."""
    for outcome in (told.outcome, *told.others[:_MOST_GROUPS], *told.unanswered[:_MOST_GROUPS]):
        by = _let_in_by(outcome) if outcome.fate is Fate.ACCEPTED else outcome.decided
        if by is not None:
            yield words.evidence(by)
        for place in reversed(outcome.came_by):
            yield words.evidence(place, "leads there")
        for redirection in outcome.redirections:
            yield words.evidence(redirection.place, "rewrites the destination")
        for doubt in outcome.doubts[:1]:
            if doubt.place is not None:
                yield words.evidence(doubt.place, "cannot be told")


def _asked(case: Case) -> owners.Question:
    question = case.question
    source = single(question.sources)
    return owners.Question(
        port=question.port,
        protocol=_NAMES[question.protocol],
        version=question.version,
        interface=question.interface,
        source=None if source is None else str(_address(source, question.version)),
    )


def _address(number: int, version: int) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    return ipaddress.IPv4Address(number) if version == 4 else ipaddress.IPv6Address(number)
