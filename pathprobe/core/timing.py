"""How long must one wait before silence means something?

Arithmetic only; seconds in, seconds out.
"""

from __future__ import annotations

from collections.abc import Iterable

#: Silence is believed after this many of the longest round trips seen, as traceroute(8) does for one hop.
WINDOW_ROUND_TRIPS = 3.0

#: The shortest silence window: a neighbour lookup, a flow set-up in a firewall, a busy host's scheduling.
SHORTEST_WINDOW = 0.2

#: The window while nothing has answered yet: TCP's own first retransmission timeout (RFC 6298 section 2.1).
WINDOW_WITHOUT_ROUND_TRIP = 1.0

#: The longest window that an observed round trip may ask for.
LONGEST_WINDOW = 3.0

#: A router gives up on a neighbour after three lookups a second apart and only then says "host
#: unreachable" (mcast_solicit x retrans_time_ms in Linux, RFC 4861 section 10 in IPv6). Add a round trip.
NEIGHBOUR_LOOKUP = 3.35

#: Shortest wait for answers that can complete the picture and no longer change the verdict.
SHORTEST_GRACE = 0.03

#: This host's own TCP answers an unexpected SYN-ACK with a reset at once; after this long it will not.
KERNEL_REACTION = 0.03

#: Added to a round trip when a probe's turn depends on another's: what a scheduler may take.
SLACK = 0.01


def silence_window(round_trips: Iterable[float], longest: float | None = None) -> float:
    """Seconds after which an unanswered probe counts as silent, given the round trips seen so far.

    ``longest`` is the user's own upper bound (``--wait``).
    """
    slowest = max(round_trips, default=None)
    if slowest is None:
        window = WINDOW_WITHOUT_ROUND_TRIP
    else:
        window = min(LONGEST_WINDOW, max(SHORTEST_WINDOW, WINDOW_ROUND_TRIPS * slowest))
    return window if longest is None else min(window, longest)


def grace(round_trips: Iterable[float]) -> float:
    """Seconds to wait for an answer that is welcome and not needed."""
    slowest = max(round_trips, default=None)
    if slowest is None:
        return WINDOW_WITHOUT_ROUND_TRIP / 2
    return max(SHORTEST_GRACE, 2 * slowest + SLACK)
