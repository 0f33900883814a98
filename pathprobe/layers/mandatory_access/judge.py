"""What do SELinux, AppArmor and the kernel's own rule for low ports say together, as one row?

The worst of them is the row's status. What can not be told weighs more than a warning: a warning is no answer.
"""

from __future__ import annotations

from dataclasses import replace

from pathprobe.core.layers import Layer, Status
from pathprobe.layers.mandatory_access import judge_apparmor, judge_selinux, privileged
from pathprobe.layers.mandatory_access.circumstances import Circumstances, layer
from pathprobe.layers.mandatory_access.facts import Facts, Mode

_WORST_FIRST = (Status.FAIL, Status.UNKNOWN, Status.WARN, Status.PASS)


def judge(
    facts: Facts, *, now: float, listening: bool = False, listening_since: float | None = None, user: str = ""
) -> Layer:
    """Layer 3 of a port. Times in seconds since 1970.

    ``listening``: somebody listens on it, ``listening_since`` when known; ``user``: whom the service is to run as.
    """
    is_listening = listening or listening_since is not None
    known = Circumstances(now=now, listening=is_listening, listening_since=listening_since, user=user)
    parts = _access_controls(facts, known)
    low_port = privileged.judge(facts, known)
    if low_port is not None:
        parts.append(low_port)
    parts.sort(key=lambda part: _WORST_FIRST.index(part.status))
    return replace(
        parts[0],
        summary="; ".join(part.summary for part in parts),
        evidence=tuple(one for part in parts for one in part.evidence),
        why=" ".join(part.why for part in parts if part.why),
        fix=tuple(command for part in parts for command in part.fix),
    )


def _access_controls(facts: Facts, known: Circumstances) -> list[Layer]:
    """A machine has one of the two, as a rule; the other, which is off, is no news then."""
    modes, apparmor_on = facts.modes, facts.apparmor.enabled
    selinux_off = modes.present is Mode.DISABLED
    if selinux_off and not apparmor_on and modes.configured in (None, Mode.DISABLED):
        return [layer(Status.PASS, "not enabled: neither SELinux nor AppArmor")]
    parts = []
    if not (selinux_off and apparmor_on):
        parts.append(judge_selinux.judge(facts, known))
    if apparmor_on:
        parts.append(judge_apparmor.judge(facts, known))
    return parts
