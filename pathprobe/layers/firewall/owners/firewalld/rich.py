"""What does a rich rule say? The language is that of firewalld.richlanguage(5).

rule [priority=P] [family=F] [source [NOT] address=A|mac=M|ipset=S] [destination [NOT] address=A|ipset=S]
     [ELEMENT attributes] [log ...|nflog ...] [audit] [accept|reject|drop|mark] [limit value=V]
"""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Mapping

from pathprobe.layers.firewall.owners.firewalld.zones import RichRule

ELEMENTS = frozenset(
    {
        *("service", "port", "protocol", "icmp-block", "icmp-type", "masquerade", "forward-port", "source-port"),
        "tcp-mss-clamp",
    }
)
ACTIONS = frozenset({"accept", "reject", "drop", "mark"})
_LOGGING = frozenset({"log", "nflog", "audit"})
_WORDS = ELEMENTS | ACTIONS | _LOGGING | {"rule", "source", "destination", "limit"}


def parse(text: str) -> RichRule:
    """One line of ``--list-rich-rules``; what is not in the language makes it one that is not understood."""
    try:
        tokens = shlex.split(text)
    except ValueError:
        return RichRule(text=text, is_understood=False)
    parts = _parts(tokens)
    if parts is None or not parts or parts[0][0] != "rule":
        return RichRule(text=text, is_understood=False)
    return _rule(text, parts)


#: A word of the language, its attributes, and whether NOT stands between them.
Part = tuple[str, dict[str, str], bool]


def _parts(tokens: list[str]) -> list[Part] | None:
    parts: list[Part] = []
    for token in tokens:
        name, equals, value = token.partition("=")
        if token in _WORDS:
            parts.append((token, {}, False))
        elif not parts:
            return None
        elif token.upper() == "NOT":
            parts[-1] = (parts[-1][0], parts[-1][1], True)
        elif equals:
            # The old spelling of a negated address.
            word, attributes, negated = parts[-1]
            attributes["address" if name == "invert" else name] = value
            parts[-1] = (word, attributes, negated)
        else:
            return None
    return parts


def _rule(text: str, parts: list[Part]) -> RichRule:
    head = parts[0][1]
    said = {word: (attributes, negated) for word, attributes, negated in parts}
    source, source_negated = said.get("source", ({}, False))
    destination, destination_negated = said.get("destination", ({}, False))
    element = next(((word, attributes) for word, attributes, _ in parts if word in ELEMENTS), None)
    action = next((word for word, _, _ in parts if word in ACTIONS), "")
    number = _number(head.get("priority", "0"))
    return RichRule(
        text=text,
        family=head.get("family", ""),
        priority=number or 0,
        source=source,
        source_negated=source_negated,
        destination=destination,
        element=element,
        action=action,
        is_limited=_limits_the_action(parts),
        is_understood=number is not None and not destination_negated and set(head) <= {"priority", "family"},
    )


def _limits_the_action(parts: list[Part]) -> bool:
    """A limit behind the logging is the logging's."""
    words = [word for word, _, _ in parts]
    return any(word == "limit" and before in ACTIONS for before, word in itertools.pairwise(words))


def _number(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None


def render(family: str, priority: str, parts: list[tuple[str, Mapping[str, str], bool]]) -> str:
    """The rule as ``firewall-cmd`` prints it, of what a zone's file says."""
    words = ["rule"]
    words += [f'priority="{priority}"'] if priority not in ("", "0") else []
    words += [f'family="{family}"'] if family else []
    for word, attributes, negated in parts:
        words += [word, *(["NOT"] if negated else []), *(f'{name}="{value}"' for name, value in attributes.items())]
    return " ".join(words)
