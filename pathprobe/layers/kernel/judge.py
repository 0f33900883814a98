"""Has the kernel itself something against the packet, beside all firewall rules?"""

from __future__ import annotations

from pathprobe.core.layers import Evidence, Layer, LayerName, Status
from pathprobe.layers.findings import Finding, layer
from pathprobe.layers.kernel import ports, queues, routing, tracking
from pathprobe.layers.kernel.facts import Kernel
from pathprobe.layers.kernel.question import Question
from pathprobe.layers.listening.facts import Sockets

_FINE = "the kernel's own filters, limits and tables have nothing against it"


def judge(
    facts: Kernel,
    port: int,
    protocol: str,
    *,
    version: int | None = None,
    sockets: Sockets | None = None,
    forwarded: bool = False,
    lands_on: str | None = None,
    arrival: str | None = None,
    route_back: str | None = None,
    source: str | None = None,
    no_route_back: str | None = None,
    arrivals: tuple[str, ...] = (),
) -> Layer:
    """The kernel's row of layer 2.

    ``version``: 4 or 6, the family of the packet. ``sockets``: what layer 1 found; its queues and the port's range are
    not looked at without. ``forwarded``: the rules send the packet on to another machine or container. ``lands_on``:
    the address that they rewrite its destination to. ``arrival``: the interface that it comes in by; ``route_back``:
    the one by which the answer to its source would leave. ``source``: the client's address. None: not known.
    ``no_route_back``: why there is no way back to it, in words: "no route", or the route's type ("blackhole").
    ``arrivals``: the interfaces by which a packet that is sent on may come in, where it is not known by which.
    """
    question = Question(
        port=port,
        protocol=protocol,
        version=version,
        sockets=sockets,
        forwarded=forwarded,
        lands_on=lands_on,
        arrival=arrival,
        route_back=route_back,
        source=source,
        no_route_back=no_route_back,
        arrivals=arrivals,
    )
    found = [
        *routing.find(facts, question),
        *tracking.find(facts),
        *ports.find(facts, question),
        *queues.find(facts, question),
        *(Finding(status=Status.PASS, evidence=(Evidence(source="not seen", text=what),)) for what in facts.unseen),
    ]
    if not facts.settings:
        found.append(Finding(status=Status.UNKNOWN, sentence="the kernel's settings could not be read (/proc/sys)"))
    if not any(one.sentence for one in found):
        found.append(Finding(status=Status.PASS, sentence=_FINE))
    return layer(LayerName.KERNEL, found)
