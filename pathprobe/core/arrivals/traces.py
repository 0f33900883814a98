"""Which way did one traced packet go through the rules?

nftables tells step by step, of many packets at once. A packet's first step is in the table that makes it be traced:
there its headers are still those it came with, and there an old number may begin to mean a new packet.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from pathprobe.core.arrivals.facts import Step, Traced
from pathprobe.core.packets import Packet

#: How the tables begin by which watchers make packets be traced, each with its process's number behind it.
TABLE_PREFIX = "pathprobe_trace_"

#: Packets whose steps are put together at a time, and steps of one of them.
_MOST_PACKETS, _MOST_STEPS = 4096, 256
#: What decides nothing: the packet goes on to the next rule, or comes to the end of a chain that was jumped to.
_GOES_ON = frozenset({"continue", "break", "return", ""})


@dataclass(slots=True)
class _Way:
    packet: Packet
    steps: list[Step] = field(default_factory=list)


class Traces:
    """Puts the steps of each packet together; ``own_table``: the one that makes packets be traced."""

    def __init__(self, own_table: str) -> None:
        self._own_table = own_table
        self._ways: dict[int, _Way] = {}

    def add(self, number: int, packet: Packet | None, step: Step) -> Traced | None:
        """One more step of the packet with this number; its way so far, where that has a step to tell of.

        ``packet``: its headers as they are at this step, None where the step does not have them.
        """
        if is_of_a_watcher(step.table):
            if packet is not None and step.table == self._own_table:
                while len(self._ways) >= _MOST_PACKETS:
                    del self._ways[next(iter(self._ways))]
                self._ways[number] = _Way(packet)
            return None
        way = self._ways.get(number)
        if way is None or len(way.steps) >= _MOST_STEPS or step.verdict in _GOES_ON:
            return None
        way.steps.append(step)
        return Traced(packet=way.packet, steps=tuple(way.steps))


def is_of_a_watcher(table: str) -> bool:
    """It is no rule of this machine, but of a watcher, who may be another than we."""
    return table.startswith(TABLE_PREFIX)


def with_texts(traced: Traced, texts: dict[tuple[str, str, str, int], str]) -> Traced:
    """The same, each rule with its text; ``texts``: (family, table, chain, handle) -> the rule as it is listed."""
    steps = tuple(
        replace(step, text=texts.get((step.family, step.table, step.chain, step.handle), ""))
        if step.handle is not None
        else step
        for step in traced.steps
    )
    return replace(traced, steps=steps)


def rule_texts(family: str, table: str, listing: str) -> dict[tuple[str, str, str, int], str]:
    """The rules in what ``nft -a list table`` prints: (family, table, chain, handle) -> text.

    A chain begins with a line ``chain NAME { # handle 1``, a rule's line ends with ``# handle 7``.
    """
    texts: dict[tuple[str, str, str, int], str] = {}
    chain = ""
    for line in listing.splitlines():
        text, mark, number = line.strip().rpartition(" # handle ")
        words = text.split()
        if words[:1] == ["chain"] and text.endswith("{"):
            chain = words[1]
        elif mark and chain and number.isdecimal() and not text.endswith("{"):
            texts[family, table, chain, int(number)] = text
        elif line.strip() == "}":
            chain = ""
    return texts
