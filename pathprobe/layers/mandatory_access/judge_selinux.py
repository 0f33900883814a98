"""Does SELinux keep a service from this port?

A denial counts when it is of this port, is enforced, and is not older than the listening socket: who listens was let.
In permissive mode (of the machine, or of a domain) the same record is a warning. No record means "not denied" only
where the log that would have it was read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pathprobe.core.layers import Evidence, Layer, Status
from pathprobe.layers.mandatory_access import avc, mending, policy
from pathprobe.layers.mandatory_access.circumstances import Circumstances, layer
from pathprobe.layers.mandatory_access.facts import AvcDenial, Facts, Mode
from pathprobe.layers.mandatory_access.port_labels import effective

#: Denials that are shown as evidence; the summary has their number.
_SHOWN = 3

_DOING = {
    "name_bind": "binding {port}",
    "node_bind": "binding an address for {port}",
    "listen": "listening on {port}",
    "accept": "accepting connections on {port}",
    avc.CONNECT: "connecting to {port} somewhere",
}


def judge(facts: Facts, known: Circumstances) -> Layer:
    """SELinux's share of layer 3."""
    modes = facts.modes
    if modes.present is Mode.DISABLED:
        return layer(Status.PASS, "SELinux is not enabled" + _next_boot(facts))
    if modes.present is Mode.UNKNOWN:
        return layer(Status.UNKNOWN, f"whether SELinux enforces could not be read: {modes.reason}")
    found = _judge_denials(facts, known) or _judge_connects(facts, known) or _judge_silence(facts, known)
    return replace(found, evidence=_evidence(facts))


def _judge_denials(facts: Facts, known: Circumstances) -> Layer | None:
    """None where no denial stands."""
    standing = [one for one in facts.denials if avc.is_of_server(one) and not _is_over(facts, known, one)]
    enforced = [one for one in standing if one.permissive is not True]
    if not standing:
        return None
    denial, *_ = enforced or standing
    alike = [one.time for one in (enforced or standing) if _subject(one) == _subject(denial)]
    status, summary = _said_of(facts, known, denial, known.how_often(alike))
    if _fits_now(facts, denial):
        return layer(status, summary)
    return replace(layer(status, summary), why=mending.why(facts, denial), fix=mending.fix(facts, denial))


def _said_of(facts: Facts, known: Circumstances, denial: AvcDenial, often: str) -> tuple[Status, str]:
    who, doing = _who(denial), _doing(facts, denial)
    what = f"{who} {doing}, which is {_label(facts, denial)}"
    if _fits_now(facts, denial):
        now = f"it is {mending.label_now(facts, denial)} now, which {denial.domain} may bind: start the service again"
        return Status.WARN, f"SELinux denied {who} {doing} ({often}) when that was {denial.target}; {now}"
    if facts.modes.present is Mode.PERMISSIVE:
        mode = f"SELinux is permissive{_next_boot(facts)}"
        return Status.WARN, f"{mode}; when enforcing, it denies {what} (seen {often})"
    if denial.domain in (facts.permissive_domains or ()):
        return Status.WARN, f"SELinux lets {what}, only because {denial.domain} is permissive (noted {often})"
    if denial.permissive:
        return Status.WARN, f"SELinux is enforcing now, and noted while permissive that it denies {what} ({often})"
    if known.listening and not avc.is_after_bind(denial):
        return Status.WARN, f"somebody listens, and yet SELinux (enforcing) denied {what}: {often}"
    return Status.FAIL, f"SELinux (enforcing) denies {what}: {often}"


def _judge_connects(facts: Facts, known: Circumstances) -> Layer | None:
    """What may not connect to such a port elsewhere is no fault of this one, but may be what is looked for."""
    connects = [one for one in facts.denials if avc.CONNECT in one.permissions and one.permissive is not True]
    if not connects:
        return None
    first = connects[0]
    often = known.how_often([one.time for one in connects if _subject(one) == _subject(first)])
    summary = f"SELinux denied {_who(first)} {_doing(facts, first)}: {often}; others reach this port all the same"
    return replace(layer(Status.WARN, summary), fix=mending.fix(facts, first), why="It matters where it is a proxy.")


def _judge_silence(facts: Facts, known: Circumstances) -> Layer:
    """No denial stands."""
    mode = f"SELinux is {facts.modes.present}{_next_boot(facts)}"
    if known.listening:
        who = ", ".join(f"{one.name or 'process'} ({one.domain})" for one in facts.processes if one.domain)
        listens = f"{who or 'somebody'} listens on it" + _past(facts, known)
        return layer(Status.PASS, f"{mode}; {_port(facts)} is {_label(facts)}, and {listens}")
    if not facts.log.is_whole:
        reasons = "; ".join(facts.log.unread) or f"{facts.log.source} has no audit records"
        summary = f"{mode}, and no log that would have its denials could be read ({reasons})"
        fix = f"sudo pathprobe host {facts.port}/{facts.protocol}"
        return replace(layer(Status.UNKNOWN, summary), why="Root reads the audit log and the policy.", fix=(fix,))
    summary = f"{mode}, and {facts.log.source.split()[0]} has no denial for {_port(facts)}, which is {_label(facts)}"
    hint = (
        'Where the service says "Permission denied" all the same: semodule -DB records denials that the policy '
        "keeps quiet about, semodule -B ends that."
    )
    return replace(layer(Status.PASS, summary + _unasked(facts)), why=hint)


# ---- what holds


def _is_over(facts: Facts, known: Circumstances, denial: AvcDenial) -> bool:
    """Nothing is left of it. One in permissive mode comes before the listening that it did not prevent."""
    if known.listening and _fits_now(facts, denial):
        return True
    return denial.permissive is not True and known.is_history(denial.time)


def _fits_now(facts: Facts, denial: AvcDenial) -> bool:
    """The port has got another label since, one that the domain may bind."""
    label = effective(facts.labels)
    if label is None or label.type == denial.target or "name_bind" not in denial.permissions:
        return False
    rules = mending.rules_of(facts, denial.domain)
    return policy.may_bind(denial.domain, label.type, facts.protocol, rules) is True


# ---- words


def _subject(denial: AvcDenial) -> tuple[str, tuple[str, ...]]:
    return denial.domain, denial.permissions


def _who(denial: AvcDenial) -> str:
    return f"{denial.process or denial.program or 'a process'} ({denial.domain or 'of no known domain'})"


def _port(facts: Facts) -> str:
    return f"{facts.protocol} port {facts.port}"


def _doing(facts: Facts, denial: AvcDenial) -> str:
    doing = next((_DOING[one] for one in denial.permissions if one in _DOING), "{port}")
    return doing.format(port=_port(facts))


def _label(facts: Facts, denial: AvcDenial | None = None) -> str:
    label = effective(facts.labels)
    if label:
        return label.type
    if denial and "name_bind" in denial.permissions and denial.target:
        return denial.target
    if facts.labels.entries:
        return " or ".join(dict.fromkeys(one.type for one in facts.labels.entries[:2]))
    return "of a type that could not be read"


def _next_boot(facts: Facts) -> str:
    configured, present = facts.modes.configured, facts.modes.present
    return "" if configured in (None, present) else f" now, and {configured} after the next boot"


def _past(facts: Facts, known: Circumstances) -> str:
    over = [one for one in facts.denials if avc.is_of_server(one)]
    if not over:
        return ""
    return f"; what was denied before ({known.how_often([one.time for one in over])}) is over"


def _unasked(facts: Facts) -> str:
    """The kernel asks for no name_bind for the ports that it hands out itself (selinux_socket_bind, hooks.c)."""
    within = facts.chosen_by_kernel
    if within is None or not within[0] <= facts.port <= within[1]:
        return ""
    return "; for a port of net.ipv4.ip_local_port_range the label does not matter"


def _evidence(facts: Facts) -> tuple[Evidence, ...]:
    rows = [Evidence(source=facts.modes.source, text=facts.modes.text)]
    rows += [
        Evidence(
            source=facts.labels.source,
            ref="local" if one.is_local else "",
            text=f"{one.type} {one.protocol} {one.ports}",
        )
        for one in facts.labels.entries
    ]
    rows += [Evidence(source=facts.labels.source, ref="not understood", text=one) for one in facts.labels.opaque]
    rows += [Evidence(source="port labels", ref="not read", text=one) for one in _reasons(facts)]
    rows += [_of_denial(facts, one) for one in facts.denials[:_SHOWN]]
    return tuple(rows)


def _reasons(facts: Facts) -> Sequence[str]:
    return () if effective(facts.labels) else facts.labels.unread


def _of_denial(facts: Facts, denial: AvcDenial) -> Evidence:
    ref = f"audit({denial.event})" if denial.event else ""
    return Evidence(source=facts.log.source, ref=f"{ref} {denial.program}".strip(), text=denial.text)
