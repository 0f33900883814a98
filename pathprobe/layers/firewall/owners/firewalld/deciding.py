"""firewalld's rule stopped a packet: in which zone, for what reason, and what opens the port there?

firewalld names its chains after the zone or policy: filter_IN_public_deny, IN_public (by its iptables backend),
filter_IN_policy_NAME. A direct rule stands in a chain that is called so, or, by the nftables backend, in iptables' own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pathprobe.core.layers import Evidence
from pathprobe.layers.firewall.model import Backend, Family, Hook
from pathprobe.layers.firewall.outcome import Outcome, Place
from pathprobe.layers.firewall.owners.firewalld import commands, remarks
from pathprobe.layers.firewall.owners.firewalld.standing import held, zone_of
from pathprobe.layers.firewall.owners.firewalld.zones import Configuration, Firewalld
from pathprobe.layers.firewall.owners.lines import Hit
from pathprobe.layers.firewall.owners.owner import FIREWALLD, Answer, Explanation, Kind, Question
from pathprobe.layers.system import Unread

_PREFIXES = ("filter_", "nat_", "mangle_", "raw_")
_WAYS = ("IN_", "FWD_", "FWDI_", "FWDO_", "PRE_", "OUT_", "POST_")
_POLICY = "policy_"
_PARTS = ("_pre", "_log", "_deny", "_allow", "_post")


def explain(outcome: Outcome, firewalld: Firewalld | Unread | None, question: Question) -> Explanation:
    """The cause as firewalld has it; where its configuration cannot be seen, what opens the port in any case."""
    assert outcome.decided is not None
    place = outcome.decided
    known = firewalld if isinstance(firewalld, Firewalld) else _unknown()
    if known.in_panic or place.table.endswith("policy_drop"):
        panic = remarks.in_panic()
        return Explanation(owner=FIREWALLD, sentence=panic.sentence, evidence=panic.evidence, fixes=panic.fix)
    if (line := direct_rule(place, known)) is not None:
        return _by_direct(line, known)
    configuration = remarks.in_force(known)
    names = list(_names((place, *reversed(outcome.came_by))))
    policy = _policy(names, configuration)
    if policy is not None:
        return _by_policy(policy, known, question)
    zone = _zone(names, configuration, known, question)
    if place.hook is Hook.FORWARD:
        return _passed_on(zone, question)
    if place.hook is Hook.OUTPUT:
        return Explanation(owner=FIREWALLD, sentence="firewalld keeps the answer in: a policy from HOST rejects it.")
    return _by_zone(zone, known, question)


def _unknown() -> Firewalld:
    unread = Unread(reason="firewalld's zones could not be seen")
    return Firewalld(is_running=True, default_zone="", runtime=unread, permanent=unread)


def _by_zone(zone: str, firewalld: Firewalld, question: Question) -> Explanation:
    case = remarks.case_of(firewalld, zone, question)
    if case.now is None:
        fixes = commands.opening(firewalld, zone, question)
        return Explanation(owner=FIREWALLD, sentence=f"firewalld's zone {zone} does not let it in.", fixes=fixes)
    remark = remarks.remark(case)
    if remark.kind in (Kind.LETS_IN, Kind.NOT_KEPT):
        sentence = f"The rule is firewalld's, though by its configuration {question.named} would be let in."
        return Explanation(owner=FIREWALLD, sentence=sentence, evidence=remark.evidence, fixes=(commands.RELOAD,))
    return Explanation(owner=FIREWALLD, sentence=remark.sentence, evidence=remark.evidence, fixes=remark.fix)


def _by_policy(policy: str, firewalld: Firewalld, question: Question) -> Explanation:
    line = _denying_line(policy, firewalld, question)
    if line is not None:
        fixes = commands.mending_policy(firewalld, line, question)
        return Explanation(owner=FIREWALLD, sentence=f"It is firewalld's {line}.", fixes=fixes)
    return Explanation(
        owner=FIREWALLD,
        sentence=f"firewalld's policy {policy} does not let {question.named} through.",
        evidence=(Evidence(source="firewall-cmd --list-all-policies", ref=policy),),
        fixes=(commands.opening_policy(firewalld, policy, question),),
    )


def _denying_line(policy: str, firewalld: Firewalld, question: Question) -> str | None:
    """A rich rule of the policy that keeps such packets out, or some of them."""
    configuration = remarks.in_force(firewalld)
    known = None if configuration is None else configuration.policies.get(policy)
    lines = () if known is None else held(known.holds, firewalld.services, question)
    denying = (text for text, hit, answer in lines if hit is not Hit.NONE and answer is Answer.DENIES)
    return next((f"policy {policy}: {text}" for text in denying), None)


def _by_direct(line: str, firewalld: Firewalld) -> Explanation:
    return Explanation(
        owner=FIREWALLD,
        sentence=f"It is a direct rule of firewalld: {line}.",
        evidence=(Evidence(source="firewall-cmd --direct --get-all-rules", text=line),),
        fixes=(commands.removing_direct(firewalld, line),),
    )


def _passed_on(zone: str, question: Question) -> Explanation:
    return Explanation(
        owner=FIREWALLD,
        sentence=f"firewalld does not pass {question.named} on from zone {zone}: no policy says so.",
        fixes=(commands.passing_on(zone, question),),
        note="Another egress zone than ANY lets it go there only (firewall-cmd --get-active-zones).",
    )


# Names


def _names(places: Iterable[Place]) -> Iterator[str]:
    """Zones and policies ("policy_NAME") after which the chains are called, with the part at the end and without."""
    for place in places:
        name = place.chain
        for prefix in _PREFIXES:
            name = name.removeprefix(prefix)
        way = next((one for one in _WAYS if name.startswith(one)), None)
        if way is not None:
            name = name.removeprefix(way)
            yield name
            yield from (name.removesuffix(part) for part in _PARTS if name.endswith(part))


def _policy(names: list[str], configuration: Configuration | None) -> str | None:
    """By the iptables backend nothing but its name tells a policy from a zone."""
    known = () if configuration is None else configuration.policies
    marked = (name.removeprefix(_POLICY) for name in names if name.startswith(_POLICY))
    candidates = list(marked) or [name for name in names if name in known]
    return next((name for name in candidates if name in known), next(iter(candidates), None))


def _zone(names: list[str], configuration: Configuration | None, firewalld: Firewalld, question: Question) -> str:
    if configuration is None:
        return names[-1] if names else firewalld.default_zone or "public"
    told = next((name for name in names if name in configuration.zones), None)
    if told is not None:
        return told
    zone = zone_of(configuration, firewalld.default_zone, question)
    return firewalld.default_zone if zone is None else zone.name


# Direct rules

#: How iptables-save spells a match that -p implies.
_IMPLIED = ("-m tcp", "-m udp")

_FAMILIES = {Family.IP: "ipv4", Family.IP6: "ipv6"}


def direct_rule(place: Place, firewalld: Firewalld) -> str | None:
    """The direct rule that the place is, as firewalld lists it: ``ipv4 filter INPUT 0 -p tcp --dport 22 -j DROP``."""
    configuration = remarks.in_force(firewalld)
    if place.rule is None or place.backend is Backend.NFT or configuration is None:
        return None
    chain = place.chain.removesuffix("_direct")
    for line in configuration.direct:
        words = line.split(maxsplit=4)
        if words[:3] != [_FAMILIES.get(place.family), place.table, chain] or len(words) < 5:
            continue
        if _normal(words[4]) == _normal(place.rule.text.removeprefix(f"-A {place.chain} ")):
            return line
    return None


def _normal(specification: str) -> str:
    for implied in _IMPLIED:
        specification = specification.replace(implied, "")
    return " ".join(specification.split())
