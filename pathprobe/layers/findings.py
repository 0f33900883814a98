"""How do several findings about one layer become its row?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pathprobe.core.layers import Evidence, Layer, LayerName, Status

#: The worst first: what is broken, what nobody could tell, what may hurt.
_WORST_FIRST = (Status.FAIL, Status.UNKNOWN, Status.WARN, Status.PASS, Status.SKIP)


#: Stands in a fix between commands of which one is enough.
OR = "# or"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was found. ``sentence``: without capital and full stop; empty where it only adds evidence.

    ``fix``: commands in their order; alternatives have OR between them. ``is_silent``, ``is_mistaken``: as of a Layer.
    """

    status: Status
    sentence: str = ""
    evidence: tuple[Evidence, ...] = ()
    why: str = ""
    fix: tuple[str, ...] = ()
    is_silent: bool = False
    is_mistaken: bool = False


def layer(name: LayerName, findings: Sequence[Finding]) -> Layer:
    """The row: as bad as the worst finding, and what mends the worst comes first. Sentences stay in their order."""
    ranked = sorted(findings, key=lambda one: _WORST_FIRST.index(one.status))
    failures = [one for one in findings if one.status is Status.FAIL]
    return Layer(
        name=name,
        status=ranked[0].status,
        summary="; ".join(_once(one.sentence for one in findings)),
        evidence=tuple(dict.fromkeys(seen for one in findings for seen in one.evidence)),
        why=" ".join(_once(one.why for one in ranked)),
        fix=_joined([one.fix for one in ranked]),
        is_silent=bool(failures) and all(one.is_silent for one in failures),
        is_mistaken=bool(failures) and all(one.is_mistaken for one in failures),
    )


def either(commands: Iterable[str]) -> tuple[str, ...]:
    """Commands of which one is enough, the best first."""
    return tuple(line for command in commands for line in (OR, command))[1:]


def _joined(fixes: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    """Each command once; OR stays with the command behind it."""
    lines: list[str] = []
    for fix in fixes:
        before = ""
        for line in fix:
            if line not in lines and line != OR:
                lines += [before, line] if before == OR else [line]
            before = line
    return tuple(lines)


def _once(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for text in texts if text))
