"""From where was this traffic watched: at the host that asked, on the way, or at the target?

Stacks start their packets with a TTL of 64, 128 or 255. Where a host's packets still have that, it is the host itself
or its own link; a TTL of 61 is three routers farther. What TTL steps show counts from the place of the capture, and
what arrived there says nothing of the way before. A scanner's random TTLs (nmap: 37 to 60) tell nothing: its SYNs have
no options worth speaking of, and who captures a scan does so where it starts, unless something shows otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pathprobe.core.witness.questions import Key

_INITIAL = (64, 128, 255)

#: A host has one initial TTL for each of its protocols at most, and few paths to the same place; more are random.
_FEW = 2


@dataclass(slots=True)
class Host:
    """What is known of one address: the TTLs of its packets that are no steps.

    ``crafts``: it sends SYNs that no operating system makes, so that their TTLs may be any.
    """

    ttls: set[int] = field(default_factory=set)
    crafts: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """``hops`` from the host that asked to the place of the capture, None where its TTLs do not tell.

    ``at_target``: the target's own packets were seen as they left it.
    """

    hops: int | None
    at_target: bool

    @property
    def at_asker(self) -> bool:
        return self.hops == 0


def standing(hosts: Mapping[str, Host], key: Key) -> Standing:
    """The place of the capture, as far as a question is concerned."""
    hops = _hops_from(hosts.get(key.source))
    return Standing(hops=hops, at_target=hops != 0 and _hops_from(hosts.get(key.target), unseen=None) == 0)


def _hops_from(host: Host | None, unseen: int | None = 0) -> int | None:
    """Hops that a host's packets had behind them; ``unseen`` where none but TTL steps were seen."""
    if host is None or not host.ttls:
        return unseen
    if any(ttl in _INITIAL for ttl in host.ttls):
        return 0
    if host.crafts:
        return unseen
    if len(host.ttls) > _FEW:
        return None
    return min(next(start for start in _INITIAL if start > ttl) - ttl for ttl in host.ttls)
