"""What does ip(8) say of this machine's addresses, interfaces and routes?"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from pathprobe.layers.network import TABLES, Interface, Network, Route, map_interface, map_route
from pathprobe.layers.system import Said, System, Unread

_Fact = TypeVar("_Fact")

#: Keys of a rule that say which packets it is for, beside "src".
_SELECTORS = (
    "suppress_prefixlength",
    "suppress_ifgroup",
    "dst",
    "fwmark",
    "fwmask",
    "iif",
    "oif",
    "ipproto",
    "sport",
    "dport",
    "tos",
    "uidrange",
    "l3mdev",
    "not",
)


def read(system: System) -> Network:
    """What ip(8) says now; what it does not say, or says strangely, is in ``unseen``."""
    unseen: list[str] = []
    interfaces = _mapped(map_interface, _asked(system, unseen, "ip", "-j", "-d", "addr", "show"), unseen)
    routes: list[Route] = []
    rules: list[Any] = []
    for version in (4, 6):
        family = ("ip", "-j", f"-{version}")
        listed = _asked(system, unseen, *family, "route", "show", "table", "all")
        routes += _mapped(partial(map_route, version=version), listed, unseen)
        rules += _asked(system, unseen, *family, "rule", "show")
    return Network(
        interfaces=tuple(interfaces),
        routes=tuple(routes),
        tables=_tables(rules) or TABLES,
        policies=tuple(dict.fromkeys(_policy(rule) for rule in rules if not _is_plain(rule))),
        forwards=frozenset(version for version, path in _FORWARDING.items() if _is_on(system.read(path))),
        forwarding=_forwarding(system, interfaces),
        unseen=tuple(dict.fromkeys(unseen)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class WayTo:
    """``device``: by which the kernel would send now, its own rules followed; None: ``why_none`` says why not."""

    device: str | None
    why_none: str | None = None


#: What the kernel says instead of a route (fib_table_lookup, fib_rules) -> what is in the way.
_REFUSALS = {
    "Network is unreachable": "no route",
    "No route to host": "unreachable",
    "Permission denied": "prohibit",
    "Invalid argument": "blackhole",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What policy rules look at beside the addresses: ``protocol`` tcp or udp, ``port`` of the server."""

    protocol: str
    port: int


#: A client's port is only known once it has come; one from the middle of those that systems take.
_A_CLIENTS_PORT = 50000


def way_to(system: System, destination: str, source: str, answer: Answer | None = None) -> WayTo | None:
    """The kernel's own choice for a packet between these addresses, by its rules too; None where it cannot be asked.

    ``answer``: for rules that look at ports as well; iproute2 before 4.17 knows nothing of them and is asked without.
    """
    asked = ("ip", "-j", "route", "get", destination, "from", source)
    said: Said | Unread = Unread(reason="not asked")
    if answer is not None:
        ports = ("sport", str(answer.port), "dport", str(_A_CLIENTS_PORT))
        said = system.run(*asked, "ipproto", answer.protocol, *ports)
    if isinstance(said, Unread) or (said.status and not any(text in said.error for text in _REFUSALS)):
        said = system.run(*asked)
    if isinstance(said, Unread):
        return None
    refusal = next((words for text, words in _REFUSALS.items() if text in said.error), None)
    if refusal:
        return WayTo(device=None, why_none=refusal)
    try:
        (entry,) = json.loads(said.out)
        kind, device = entry.get("type", "unicast"), entry.get("dev")
    except (AttributeError, TypeError, ValueError):
        return None
    return WayTo(device=device) if kind in ("unicast", "local") else WayTo(device=None, why_none=str(kind))


def _mapped(mapping: Callable[[Any], _Fact], entries: list[Any], unseen: list[str]) -> list[_Fact]:
    """The facts of those entries that make sense."""
    found = []
    for entry in entries:
        try:
            found.append(mapping(entry))
        except (AttributeError, KeyError, TypeError, ValueError):
            unseen.append(f"an entry of ip(8) that makes no sense: {json.dumps(entry)[:80]}")
    return found


def _forwarding(system: System, interfaces: Sequence[Interface]) -> dict[tuple[int, str], bool]:
    """Of IPv4, where each interface has a setting of its own that counts (ip_forward sets them all)."""
    found = {}
    for one in interfaces:
        text = system.read(f"/proc/sys/net/ipv4/conf/{one.name}/forwarding")
        if isinstance(text, str):
            found[4, one.name] = _is_on(text)
    return found


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
    plain = sorted((rule for rule in rules if _is_plain(rule)), key=_priority)
    return tuple(dict.fromkeys(str(rule["table"]) for rule in plain if "table" in rule))


def _priority(rule: dict[str, Any]) -> int:
    priority = rule.get("priority", 0)
    return priority if isinstance(priority, int) else 0


def _policy(rule: dict[str, Any]) -> str:
    words = [f"{key} {value}" if value is not None else key for key, value in rule.items() if key != "priority"]
    return f"{rule.get('priority', '?')}: {' '.join(words)}"
