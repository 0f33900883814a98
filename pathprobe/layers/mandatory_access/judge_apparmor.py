"""Does AppArmor keep a service from this port?

A denial that names the port is as good as SELinux's. Most do not: those say that a program was refused a socket of this
kind, which may have been for this port or for a connection of its own, and so they only warn, and only while nothing
listens or when it is the listener's own profile.
"""

from __future__ import annotations

import shlex
from dataclasses import replace

from pathprobe.core.layers import Evidence, Layer, Status
from pathprobe.layers.mandatory_access import apparmor
from pathprobe.layers.mandatory_access.circumstances import Circumstances, layer
from pathprobe.layers.mandatory_access.facts import AppArmorDenial, Facts

_SHOWN = 3
_FOLDER = "/etc/apparmor.d"
#: Modes of a profile that keep nothing from happening.
_LETS = ("complain", "unconfined")
_DOING = {
    "create": "making",
    "bind": "binding",
    "listen": "listening on",
    "accept": "accepting connections on",
}


def judge(facts: Facts, known: Circumstances) -> Layer:
    """AppArmor's share of layer 3, on a machine where it is on."""
    found = _judge_denials(facts, known) or _judge_silence(facts, known)
    evidence = [
        Evidence(source=facts.log.source, ref=f"audit({one.event})" if one.event else "", text=one.text)
        for one in facts.apparmor.denials[:_SHOWN]
    ]
    enabled = Evidence(source="/sys/module/apparmor/parameters/enabled", text="Y")
    return replace(found, evidence=(enabled, *evidence))


def _judge_denials(facts: Facts, known: Circumstances) -> Layer | None:
    # What complain mode lets happen comes before the listening that it did not prevent.
    denials = [one for one in facts.apparmor.denials if not (one.enforced and known.is_history(one.time))]
    ours = [one for one in denials if one.port == facts.port]
    enforced = [one for one in ours if one.enforced]
    if enforced and _mode_now(facts, enforced[0].profile) in _LETS:
        return layer(Status.WARN, _let_since(facts, known, enforced))
    if enforced:
        bound = enforced[0].operation in ("listen", "accept")
        status = Status.FAIL if bound or not known.listening else Status.WARN
        return _denied(facts, known, status, enforced, _port(facts))
    if ours:
        return _denied(facts, known, Status.WARN, ours, _port(facts))
    possible = [one for one in denials if one.enforced and _may_matter(facts, known, one)]
    if possible:
        what = f"a socket that may be that of {_port(facts)} (the record does not say)"
        return _denied(facts, known, Status.WARN, possible, what)
    return None


def _mode_now(facts: Facts, profile: str) -> str:
    return dict(facts.apparmor.profiles).get(profile, "")


def _let_since(facts: Facts, known: Circumstances, denials: list[AppArmorDenial]) -> str:
    profile = denials[0].profile
    often = known.how_often([one.time for one in denials])
    return (
        f"AppArmor denied {_port(facts)} to profile {profile} ({often}), "
        f"which is in {_mode_now(facts, profile)} mode now: start the service again"
    )


def _port(facts: Facts) -> str:
    return f"{facts.protocol} port {facts.port}"


def _may_matter(facts: Facts, known: Circumstances, denial: AppArmorDenial) -> bool:
    return not known.listening or denial.profile in {one.profile for one in facts.processes}


def _denied(facts: Facts, known: Circumstances, status: Status, denials: list[AppArmorDenial], what: str) -> Layer:
    denial = denials[0]
    alike = [one for one in denials if (one.profile, one.operation) == (denial.profile, denial.operation)]
    verb = "denies" if denial.enforced else "would deny, were it not for complain mode,"
    who = f"{denial.process or 'a process'} (profile {denial.profile or 'not recorded'})"
    summary = f"AppArmor {verb} {who} {_doing(facts, denial, what)}: {known.how_often([one.time for one in alike])}"
    why = f"The profile has no rule '{_rule(denial)}'; without it the call fails with \"Permission denied\"."
    return replace(layer(status, summary), why=why, fix=_fix(facts, denial))


def _doing(facts: Facts, denial: AppArmorDenial, what: str) -> str:
    if denial.capability:
        return f"the right to bind ports below {facts.privileged_below}, of which {facts.port} is one"
    return f"{_DOING[denial.operation]} {what}"


def _rule(denial: AppArmorDenial) -> str:
    if denial.capability:
        return f"capability {denial.capability},"
    return f"network {denial.family} {denial.socket_type},"


def _fix(facts: Facts, denial: AppArmorDenial) -> tuple[str, ...]:
    """The rule into the file that packages leave to the operator, where the profile has one; else by hand."""
    files = facts.apparmor.profile_files
    name = apparmor.profile_file(denial.profile, files)
    if name is None:
        return (f"grep -rl {shlex.quote(denial.profile)} {_FOLDER}",)
    path = shlex.quote(f"{_FOLDER}/{name}")
    load = f"apparmor_parser -r {path}"
    if f"local/{name}" in files:
        edit = f"echo '{_rule(denial)}' >> {shlex.quote(f'{_FOLDER}/local/{name}')} && {load}"
    else:
        edit = f"${{EDITOR:-vi}} {path} && {load}  # add: {_rule(denial)}"
    return edit, f"aa-complain {path}  # to test without it"


def _judge_silence(facts: Facts, known: Circumstances) -> Layer:
    confined = [f"{one.name or 'process'} runs {_under(one.profile, one.profile_mode)}" for one in facts.processes]
    if known.listening:
        return layer(Status.PASS, f"AppArmor is enabled and lets the service listen{_joined(confined)}")
    if not facts.log.is_whole:
        reasons = "; ".join(facts.log.unread) or f"{facts.log.source} has no audit records"
        summary = f"AppArmor is enabled, and no log that would have its denials could be read ({reasons})"
        return replace(
            layer(Status.UNKNOWN, summary),
            why="Root reads the audit log and the kernel's.",
            fix=(f"sudo pathprobe host {facts.port}/{facts.protocol}",),
        )
    source = facts.log.source.split()[0]
    return layer(Status.PASS, f"AppArmor is enabled, and {source} has no denial for {_port(facts)}")


def _joined(parts: list[str]) -> str:
    return f" ({'; '.join(parts)})" if parts else ""


def _under(profile: str, mode: str) -> str:
    if profile in ("", "unconfined"):
        return "unconfined"
    return f"under {profile}" + (f" in {mode} mode" if mode else "")
