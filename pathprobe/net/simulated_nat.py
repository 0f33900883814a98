"""Which addresses does a packet have once a router's connection tracking and NAT are done with it?

A flow's first packet meets the rules: those of prerouting change its destination, those of postrouting its
source. What was decided holds for the flow, and turned round for its answers. An ICMP error is about a flow of
its own: the datagram it quotes gets the flow's former addresses back, and the error itself those of an answer, so
that every router behind a destination NAT answers in the destination's name (nf_nat_icmp_reply_translation).

A port stays what it is, as long as no two flows would become one. Flows do not age here. As measured on Linux 6.18.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from pathprobe.core.icmp import ERROR_TYPES
from pathprobe.net.scenario import Hook
from pathprobe.net.simulated_mangling import readdressed
from pathprobe.net.simulated_packets import Datagram, read, with_payload

_ERROR_HEADER_SIZE = 8
_ECHO_TYPES = {4: (8, 0), 6: (128, 129)}
_OTHER_HOOK = {Hook.PREROUTING: Hook.POSTROUTING, Hook.POSTROUTING: Hook.PREROUTING}


@dataclass(frozen=True, slots=True)
class Flow:
    """One direction of a conversation: each end is an address and a port, or an echo's identifier."""

    protocol: int
    source: tuple[str, int]
    destination: tuple[str, int]

    @property
    def turned(self) -> Flow:
        return replace(self, source=self.destination, destination=self.source)


@dataclass(slots=True)
class Translations:
    """What one node decided: at each of the two hooks, a flow as it comes -> as it goes."""

    decided: dict[tuple[Hook, Flow], Flow] = field(default_factory=dict)

    def copy(self) -> Translations:
        return Translations(self.decided.copy())

    def apply(self, hook: Hook, packet: Datagram, decide: Callable[[Flow], Flow]) -> Datagram:
        """The packet behind ``hook``; ``decide`` is asked about a flow that is new."""
        if packet.icmp_type in ERROR_TYPES[packet.version]:
            return self._about_a_flow(hook, packet)
        before = _flow(packet)
        if before is None:
            return packet
        if (hook, before) not in self.decided:
            self._remember(hook, before, decide(before))
        after = self.decided[hook, before]
        return packet if after == before else read(readdressed(packet.octets, after.source, after.destination))

    def _remember(self, hook: Hook, before: Flow, after: Flow) -> None:
        self.decided[hook, before] = after
        self.decided[_OTHER_HOOK[hook], after.turned] = before.turned

    def _about_a_flow(self, hook: Hook, packet: Datagram) -> Datagram:
        quote = packet.payload[_ERROR_HEADER_SIZE:]
        quoted = _quoted_flow(quote)
        answer = self.decided.get((hook, quoted.turned)) if quoted else None
        if quoted is None or answer is None or answer == quoted.turned:
            return packet
        mended = readdressed(quote, answer.destination, answer.source)
        source = answer.source[0] if hook is Hook.POSTROUTING else packet.source
        destination = answer.destination[0] if hook is Hook.PREROUTING else packet.destination
        return with_payload(packet, source, destination, packet.payload[:_ERROR_HEADER_SIZE] + mended)


def _quoted_flow(quote: bytes) -> Flow | None:
    try:
        return _flow(read(quote))
    except ValueError:
        return None


def _flow(packet: Datagram) -> Flow | None:
    ports = packet.ports
    if packet.icmp_type in _ECHO_TYPES[packet.version]:
        (identifier,) = struct.unpack_from("!H", packet.payload, 4)
        ports = identifier, identifier
    if ports is None:
        return None
    return Flow(packet.protocol, (packet.source, ports[0]), (packet.destination, ports[1]))
