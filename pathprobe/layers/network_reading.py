"""What does ip(8) say of this machine's addresses, interfaces and routes?"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from pathprobe.layers.network import TABLES, Network, Route, map_interfaces, map_routes
from pathprobe.layers.system import System, Unread

#: Keys of a rule that say which packets it is for, beside "src".
_SELECTORS = ("dst", "fwmark", "fwmask", "iif", "oif", "ipproto", "sport", "dport", "tos", "uidrange", "l3mdev", "not")


def read(system: System) -> Network:
    """What ip(8) says now; what it does not say is in ``unseen``."""
    unseen: list[str] = []
    interfaces = _asked(system, unseen, "ip", "-j", "-d", "addr", "show")
    routes: list[Route] = []
    rules: list[Any] = []
    for version in (4, 6):
        routes += map_routes(
            _asked(system, unseen, "ip", "-j", f"-{version}", "route", "show", "table", "all"), version
        )
        rules += _asked(system, unseen, "ip", "-j", f"-{version}", "rule", "show")
    return Network(
        interfaces=map_interfaces(interfaces),
        routes=tuple(routes),
        tables=_tables(rules) or TABLES,
        policies=tuple(dict.fromkeys(_policy(rule) for rule in rules if not _is_plain(rule))),
        forwards=frozenset(version for version, path in _FORWARDING.items() if _is_on(system.read(path))),
        unseen=tuple(dict.fromkeys(unseen)),
    )


_FORWARDING = {4: "/proc/sys/net/ipv4/ip_forward", 6: "/proc/sys/net/ipv6/conf/all/forwarding"}


def _is_on(text: str | Unread) -> bool:
    return isinstance(text, str) and text.strip() not in ("", "0")


def _asked(system: System, unseen: list[str], *command: str) -> list[Any]:
    """The JSON list that a command prints; empty, and noted, where there is none."""
    said = system.run(*command)
    if isinstance(said, Unread):
        unseen.append(said.reason)
        return []
    try:
        answer = json.loads(said.out or "[]")
    except ValueError:
        answer = None
    if not isinstance(answer, list) or not said.worked:
        # A kernel without IPv6 has no rules and routes of it: nothing is missed.
        if "-6" not in command:
            unseen.append(f"{' '.join(command)}: {said.error.strip() or 'no JSON'}")
        return []
    return [one for one in answer if isinstance(one, dict)]


def _is_plain(rule: dict[str, Any]) -> bool:
    return rule.get("src") in (None, "all") and not any(key in rule for key in _SELECTORS)


def _tables(rules: Iterable[dict[str, Any]]) -> tuple[str, ...]:
    plain = sorted((rule for rule in rules if _is_plain(rule)), key=lambda rule: rule.get("priority", 0))
    return tuple(dict.fromkeys(str(rule["table"]) for rule in plain if "table" in rule))


def _policy(rule: dict[str, Any]) -> str:
    words = [f"{key} {value}" if value is not None else key for key, value in rule.items() if key != "priority"]
    return f"{rule.get('priority', '?')}: {' '.join(words)}"
