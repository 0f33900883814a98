"""What does this host say of itself that no packet shows?

Read live, after a verdict that blames this host, and in no capture: so it adds reasons and changes no verdict.
"""

from __future__ import annotations

from dataclasses import dataclass

#: Share of the connection table from which on new connections are lost now and then: the count goes up and down.
_NEARLY_FULL = 0.95

#: Values of net.ipv4.conf.*.rp_filter: only an answer on the route's own interface is let in (RFC 3704 section 2.2).
_STRICT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFacts:
    """A field is None where it could not be read, or there is nothing to read.

    ``interface``: the one by which packets to the target leave; ``up``: it was switched on; ``running``: it also has
    a carrier. ``conntrack_count`` of ``conntrack_max``: connections that this network namespace keeps track of.
    ``rp_filter``: the strictness with which the interface ``arrival`` filters, 0 none, 1 strict, 2 loose.
    """

    interface: str | None = None
    up: bool | None = None
    running: bool | None = None
    conntrack_count: int | None = None
    conntrack_max: int | None = None
    arrival: str | None = None
    rp_filter: int | None = None

    @property
    def table_is_full(self) -> bool:
        """No room for a new connection, or hardly any: nf_conntrack drops what it cannot enter."""
        if self.conntrack_count is None or not self.conntrack_max:
            return False
        return self.conntrack_count >= _NEARLY_FULL * self.conntrack_max

    @property
    def is_strict(self) -> bool:
        """What comes in by ``arrival`` from an address whose route is by another interface is dropped."""
        return self.rp_filter == _STRICT
