"""Does a server greet who connects to it?

Only listened to: nothing is sent, for no octet is harmless to everything that might stand behind an unknown port.
"""

from __future__ import annotations

import time

from pathprobe.layers.app.connect import Deadline, Stream
from pathprobe.layers.app.facts import Banner, Broken, Ended, How, Step, Took

#: Seconds that a greeting may take which nobody knows to come.
_PATIENCE = 2.0


def listen(stream: Stream, timeout: float, *, awaited: bool) -> tuple[Banner | Broken, tuple[Took, ...]]:
    """What it says; an empty banner where it says nothing, as most protocols have it. ``awaited``: this one greets."""
    begun = time.monotonic()
    octets = stream.receive(Deadline.after(timeout if awaited else min(timeout, _PATIENCE)))
    took = time.monotonic() - begun
    if not isinstance(octets, Ended):
        return Banner(octets=stream.head), (Took(step=Step.FIRST_BYTE, seconds=took),)
    if octets.how is How.TIMEOUT:
        return Banner(), ()
    return Broken(step=Step.FIRST_BYTE, ended=octets, seconds=took, kernel=stream.kernel()), ()
