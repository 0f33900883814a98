"""Is there room for one more connection in the table of connection tracking?

nf_conntrack_alloc(): above nf_conntrack_max the kernel first looks for an entry that it may forget (early_drop), else
the packet is dropped and "nf_conntrack: table full, dropping packet" is logged.
"""

from __future__ import annotations

from collections.abc import Iterator

from pathprobe.core.layers import Status
from pathprobe.layers.counters import CONNTRACK
from pathprobe.layers.findings import Finding
from pathprobe.layers.kernel.facts import Kernel, counted

_COUNT, _MAX = "net/netfilter/nf_conntrack_count", "net/netfilter/nf_conntrack_max"

#: Share of the table from which on the next burst may fill it.
_NEARLY = 0.95

_WHY = "When the table of connections is full, the first packet of a new one is dropped, whatever the rules say."


def find(facts: Kernel) -> Iterator[Finding]:
    count, most = facts.number(_COUNT), facts.number(_MAX)
    # A limit of 0 is none.
    if count is not None and most:
        yield from _room(facts, count, most)
    yield from _past(facts)


def _room(facts: Kernel, count: int, most: int) -> Iterator[Finding]:
    seen = facts.seen(_COUNT, _MAX)
    fix = (f"sysctl -w net.netfilter.nf_conntrack_max={most * 2}", "conntrack -S")
    if count >= most:
        sentence = f"the table of connections is full ({count} of {most}): packets of new ones are dropped"
        yield Finding(status=Status.FAIL, sentence=sentence, evidence=seen, why=_WHY, fix=fix)
    elif count >= most * _NEARLY:
        sentence = f"the table of connections is nearly full ({count} of {most})"
        yield Finding(status=Status.WARN, sentence=sentence, evidence=seen, why=_WHY, fix=fix)
    else:
        yield Finding(status=Status.PASS, evidence=seen)


def _past(facts: Kernel) -> Iterator[Finding]:
    """``insert_failed`` alone is mostly two packets of one flow at the same moment, and no reason to worry."""
    names = ("drop", "early_drop", "insert_failed")
    told = {name: facts.conntrack[name] for name in names if facts.conntrack.get(name)}
    if not told:
        return
    seen = (counted(CONNTRACK, **told),)
    dropped = told.get("drop", 0)
    if dropped:
        sentence = f"connection tracking dropped {dropped} packets since the start"
        yield Finding(status=Status.WARN, sentence=sentence, evidence=seen, why=_WHY, fix=("conntrack -S",))
    else:
        yield Finding(status=Status.PASS, evidence=seen)
