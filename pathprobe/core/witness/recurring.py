"""Which probe is it, when others' probes carry the same token again?

Our own probes have a token each (core.probes). Of others that is not so: a SYN that is sent again has the same sequence
number, tcptraceroute gives all its SYNs one, a resolver asks the same once more. What tells these apart, in this order:
the ports that a quote gives back, the token, the IP-ID; and where all of these recur, the last one that was sent.
An IP-ID of 0 tells nothing: it is what Linux gives to datagrams that may not be fragmented.
"""

from __future__ import annotations

from collections import defaultdict

from pathprobe.core.packets import Protocol, Quote, Tcp
from pathprobe.core.probes import Kind, Probe
from pathprobe.core.register import Register

_KINDS: dict[int, Kind] = {Protocol.TCP: Kind.TCP, Protocol.UDP: Kind.UDP}

_SEQUENCE_SPACE = 1 << 32
_CHECKSUM = 0xFFFF


class Recurring(Register):
    """The probes of somebody else, in the order in which they were sent.

    ``ports`` of a probe are those that stood on the wire: its flow has the port that the whole question is about.
    """

    def __init__(self) -> None:
        super().__init__()
        self._by_ports: dict[tuple[Kind, int, int], list[Probe]] = defaultdict(list)
        self._echoes: dict[int, list[Probe]] = defaultdict(list)
        self._by_number: dict[tuple[Kind, int], list[Probe]] = defaultdict(list)

    def add_sent(self, probe: Probe, destination_port: int) -> None:
        """Call this beside ``add``: with the port on the wire."""
        self._by_number[probe.flow.kind, probe.identification].append(probe)
        if probe.flow.kind is Kind.ECHO:
            self._echoes[probe.token].append(probe)
        else:
            self._by_ports[probe.flow.kind, probe.flow.source_port, destination_port].append(probe)

    def acknowledged(self, segment: Tcp) -> Probe | None:
        token = (segment.acknowledgement - 1) % _SEQUENCE_SPACE
        sent = self._by_ports.get((Kind.TCP, segment.destination_port, segment.source_port), [])
        return next((probe for probe in reversed(sent) if probe.token == token), None)

    def quoted(self, quote: Quote) -> Probe | None:
        if quote.word is None:
            return self._numbered(quote)
        kind = _KINDS.get(quote.protocol)
        if kind is None:
            return _identified(self._echoes.get(quote.word, []), quote) or super().quoted(quote)
        sent = self._by_ports.get((kind, quote.first or 0, quote.second or 0), [])
        token = quote.word if kind is Kind.TCP else quote.word & _CHECKSUM
        return _identified([probe for probe in sent if probe.token == token] or sent, quote) or super().quoted(quote)

    def _numbered(self, quote: Quote) -> Probe | None:
        """The one probe with the quoted IP-ID, where the capture cut the quote behind the IP header."""
        kind = _KINDS.get(quote.protocol, Kind.ECHO)
        sent = self._by_number.get((kind, quote.identification), []) if quote.identification else []
        return sent[0] if len(sent) == 1 else None


def _identified(sent: list[Probe], quote: Quote) -> Probe | None:
    """Of probes that are alike the one with the quoted IP-ID, else the last."""
    alike = [probe for probe in sent if probe.identification and probe.identification == quote.identification]
    return next(reversed(alike or sent), None)
