"""By what does one recognise the answer to one of very many probes?

Each pair has 32 random bits. A try's sequence number is these and the number of the try, so an answer, which
acknowledges it (RFC 9293 section 3.10.7.3), also says which try it answers: no clock is confused by a late answer to
the first. Each try has a source port of its own, which follows from the same bits. Nothing is remembered per probe.

A UDP answer carries only the port, so a stranger who knows what is asked has to guess that one alone; what quotes a
datagram has to quote its checksum too, which is made to be 16 of the bits.
"""

from __future__ import annotations

from array import array

_WORD = 1 << 32


class Tokens:
    """What is written into probes, and which try an answer is for."""

    def __init__(self, bits: bytes, ports: range) -> None:
        """``bits``: four random octets for each pair. ``ports``: source ports that are ours, at least one per try."""
        self._bits = array("I", bits)
        self._ports = ports

    def written(self, index: int, attempt: int) -> tuple[int, int, int]:
        """Source port, sequence number and UDP checksum of a try, counted from 0.

        For echo the number is identifier and sequence number as one word. The checksum is never 0, which would mean
        that there is none (RFC 768).
        """
        bits = self._bits[index] + attempt
        return self._ports[bits % len(self._ports)], bits % _WORD, bits % 0xFFFF + 1

    def attempt_of_sequence(self, index: int, sequence: int) -> int:
        """The try with this sequence number; an absurdly high one when it is nobody's."""
        return (sequence - self._bits[index]) % _WORD

    def attempt_of_port(self, index: int, port: int, asked: int) -> int | None:
        """The last of ``asked`` tries that used this source port."""
        tries = range(asked - 1, -1, -1)
        return next((attempt for attempt in tries if self.written(index, attempt)[0] == port), None)
