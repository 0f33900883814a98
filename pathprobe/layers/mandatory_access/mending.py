"""What ends an SELinux denial of a port, as commands to copy, and what does that change for others?

Giving the port a type that the domain may bind is the mending for name_bind where such a type is known. For all else
audit2why says which rule or boolean is missing; a guess would open more than is needed.
"""

from __future__ import annotations

import shlex

from pathprobe.layers.mandatory_access import policy, relabelling
from pathprobe.layers.mandatory_access.facts import AvcDenial, DomainRules, Facts
from pathprobe.layers.mandatory_access.port_labels import GENERIC, effective

#: Whose a type is that no domain of policy.SERVICES binds: Cockpit's socket is bound by systemd.
_KNOWN_AS = {"websm_port_t": "Cockpit", "transproxy_port_t": "transparent proxies"}


def rules_of(facts: Facts, domain: str) -> DomainRules | None:
    return next((rules for rules in facts.domain_rules if rules.domain == domain), None)


def label_now(facts: Facts, denial: AvcDenial) -> str:
    """The port's type, where it was read, else the one in the denial."""
    label = effective(facts.labels)
    return label.type if label else denial.target


def new_type(facts: Facts, denial: AvcDenial) -> str:
    """The type to give the port; empty where none is known that would help."""
    if "name_bind" not in denial.permissions:
        return ""
    chosen = policy.type_for(denial.domain, facts.protocol, rules_of(facts, denial.domain))
    return "" if chosen == label_now(facts, denial) else chosen


def fix(facts: Facts, denial: AvcDenial) -> tuple[str, ...]:
    """The commands, in their order."""
    chosen = new_type(facts, denial)
    if chosen:
        return relabelling.commands(facts.port, facts.protocol, chosen, facts.labels, denial.target)
    process = f" -c {shlex.quote(denial.process)}" if denial.process else ""
    return (f"ausearch -m AVC{process} -ts week-ago | audit2why",)


def why(facts: Facts, denial: AvcDenial) -> str:
    """Why the policy denies it, and what the fix changes beyond this service."""
    label, chosen = label_now(facts, denial), new_type(facts, denial)
    if not chosen:
        return "No type of port is known to mend this: audit2why names the rule or the boolean that is missing."
    sentences = [
        f"{denial.domain} may bind ports of type {chosen}, and {facts.port}/{facts.protocol} is {label}: "
        'bind() fails with "Permission denied", for root as well.'
    ]
    service = policy.SERVICES.get(denial.domain)
    if service and service.boolean:
        sentences.append(f"The boolean {service.boolean} would let {denial.domain} bind any port, which is far more.")
    if label not in GENERIC:
        sentences.append(_taken_from(facts.protocol, label, denial.domain))
    sentences.append(f"Then start {denial.process or 'the service'} again.")
    return " ".join(sentences)


def _taken_from(protocol: str, label: str, domain: str) -> str:
    others = policy.others_with(label, protocol, domain)
    named = _KNOWN_AS.get(label) or ", ".join(others)
    whose = f" ({named})" if named else ""
    return f"The new label takes the port from {label}: what relies on that type here{whose} is refused from then on."
