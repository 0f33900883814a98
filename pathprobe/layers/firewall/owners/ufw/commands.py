"""With which ``ufw`` lines is a port opened, or a rule taken back?"""

from __future__ import annotations

import shlex

from pathprobe.layers.findings import either
from pathprobe.layers.firewall.owners.owner import Question
from pathprobe.layers.firewall.owners.ufw.rules import ANYWHERE, UfwRule

RELOAD = "ufw reload"

#: ufw makes IPv6 its business when it is started, not when it is reloaded (ufw(8)).
WITH_IPV6 = "sed -i 's/^IPV6=.*/IPV6=yes/' /etc/default/ufw && ufw disable && ufw enable"


def opening(question: Question) -> tuple[str, ...]:
    """For everybody, or for the source alone."""
    narrow = f"ufw allow {_for_client(question)}"
    if question.only_source:
        return (narrow,)
    return either((f"ufw allow {question.named}", *([narrow] if question.source else [])))


def _for_client(question: Question) -> str:
    return f"from {question.client} to any port {question.port} proto {question.protocol}"


def overruling(question: Question) -> str:
    """Before all rules that are there; ``prepend`` since 0.36."""
    return f"ufw prepend allow {_for_client(question) if question.only_source else question.named}"


def passing_on(question: Question) -> str:
    who = question.client if question.only_source else "any"
    interface = f"in on {question.interface} " if question.interface else ""
    return f"ufw route allow {interface}proto {question.protocol} from {who} to any port {question.port}"


def deleting(rule: UfwRule) -> str:
    """``ufw delete deny 8080/tcp``, or all of what the rule was told."""
    route = "route " if rule.is_routed else ""
    return f"ufw {route}delete {rule.action} {_spelled(rule)}"


def _spelled(rule: UfwRule) -> str:
    ports = _ports(rule)
    if _is_plain(rule) and rule.application:
        return shlex.quote(rule.application)
    if _is_plain(rule) and ports:
        return ports + ("" if rule.protocol == "any" else f"/{rule.protocol}")
    words = []
    words += ["in", "on", rule.interface_in] if rule.interface_in else []
    words += ["out", "on", rule.interface_out] if rule.interface_out else []
    words += ["proto", rule.protocol] if rule.protocol != "any" else []
    words += ["from", _place(rule.source)]
    words += ["port", rule.source_ports] if rule.source_ports != "any" else []
    words += ["to", _place(rule.destination)]
    words += ["app", shlex.quote(rule.application)] if rule.application else ["port", ports] if ports else []
    return " ".join(words)


def _is_plain(rule: UfwRule) -> bool:
    """It names ports, and neither addresses nor interfaces."""
    is_for_all = rule.source in ANYWHERE and rule.destination in ANYWHERE and rule.source_ports == "any"
    return is_for_all and not (rule.interface_in or rule.interface_out or rule.is_routed) and rule.way == "in"


def is_told_alike(rule: UfwRule, question: Question) -> bool:
    """Was it told what ``ufw allow PORT/PROTOCOL`` would be told, but for the action?"""
    port = question.port
    is_for_it = rule.ports == ((port, port),) and rule.protocol == question.protocol
    return is_for_it and _is_plain(rule) and not rule.application


def _place(network: str) -> str:
    return "any" if network in ANYWHERE else network


def _ports(rule: UfwRule) -> str:
    spans = rule.ports or ()
    return ",".join(str(first) if first == last else f"{first}:{last}" for first, last in spans)
