"""ufw's rule stopped a packet: which of its files has it, and what opens the port there?

ufw-before-* and ufw-not-local come from before.rules, ufw-user-* from user.rules, ufw-after-* from after.rules; the
rest (ufw-reject-*, ufw-skip-to-policy-*, the policies of the built-in chains) is its default.
"""

from __future__ import annotations

from pathprobe.core.layers import Evidence
from pathprobe.layers.firewall.model import Family, Hook, Ruleset
from pathprobe.layers.firewall.outcome import Outcome, Place
from pathprobe.layers.firewall.owners.owner import UFW, Answer, Explanation, Kind, Question
from pathprobe.layers.firewall.owners.ufw import commands
from pathprobe.layers.firewall.owners.ufw.remarks import Case, case_of, remark, undoing
from pathprobe.layers.firewall.owners.ufw.rules import Ufw
from pathprobe.layers.system import Unread

#: What a chain is called, behind ufw- or ufw6- -> the file that has its rules.
_FILES = {"before-": "before", "not-local": "before", "after-": "after"}


def explain(outcome: Outcome, ufw: Ufw | Unread | None, ruleset: Ruleset | None, question: Question) -> Explanation:
    assert outcome.decided is not None
    place = outcome.decided
    if (file := file_of(place)) is not None:
        return _by_file(file, place)
    if place.hook is Hook.FORWARD:
        sentence = f"No route rule of ufw passes {question.named} on."
        return Explanation(owner=UFW, sentence=sentence, fixes=(commands.passing_on(question),))
    if place.hook is Hook.OUTPUT:
        return Explanation(owner=UFW, sentence="ufw keeps the answer in.", fixes=("ufw default allow outgoing",))
    if not isinstance(ufw, Ufw):
        sentence = f"No rule of ufw lets {question.named} in."
        return Explanation(owner=UFW, sentence=sentence, fixes=commands.opening(question))
    return _by_rules(case_of(ufw, ruleset, _version(place), question))


def _by_rules(case: Case) -> Explanation:
    """What is loaded decided; when no ruleset was given, what is written is taken for it."""
    told = remark(case)
    if told.kind in (Kind.LETS_IN, Kind.NOT_IN_FORCE, Kind.NOT_SEEN, Kind.NOT_KEPT):
        sentence = f"No rule of ufw lets {case.named} in, as it is loaded."
        return Explanation(owner=UFW, sentence=sentence, evidence=told.evidence, fixes=commands.opening(case.question))
    fixes = told.fix
    if case.written is not None and case.written.answer is Answer.DENIES:
        fixes = undoing(case, case.written)
    return Explanation(owner=UFW, sentence=told.sentence, evidence=told.evidence, fixes=fixes)


def file_of(place: Place) -> str | None:
    """The file with the rules that ufw does not write itself: /etc/ufw/before.rules and the like."""
    name = place.chain.removeprefix("ufw6-").removeprefix("ufw-")
    if name == place.chain:
        return None
    stem = next((stem for start, stem in _FILES.items() if name.startswith(start)), None)
    six = "6" if place.chain.startswith("ufw6-") else ""
    return None if stem is None else f"/etc/ufw/{stem}{six}.rules"


def _by_file(file: str, place: Place) -> Explanation:
    text = "" if place.rule is None else place.rule.text
    return Explanation(
        owner=UFW,
        sentence=f"The rule comes from {file}, which is an administrator's to edit; ufw's commands do not reach it.",
        evidence=(Evidence(source=file, ref=place.chain, text=text),),
        fixes=(f"${{EDITOR:-vi}} {file} && {commands.RELOAD}",),
    )


def _version(place: Place) -> int:
    return 6 if place.family is Family.IP6 else 4
