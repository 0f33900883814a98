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

    def sequence(self, index: int, attempt: int) -> int:
        """The sequence number of a try, counted from 0; for echo, identifier and sequence number as one word."""
        return (self._bits[index] + attempt) % _WORD

    def source_port(self, index: int, attempt: int) -> int:
        return self._ports[(self._bits[index] + attempt) % len(self._ports)]

    def checksum(self, index: int, attempt: int) -> int:
        """The UDP checksum of a try, never 0, which would mean that there is none (RFC 768)."""
        return (self._bits[index] + attempt) % 0xFFFF + 1

    def attempt_of_sequence(self, index: int, sequence: int) -> int:
        """The try with this sequence number; an absurdly high one when it is nobody's."""
        return (sequence - self._bits[index]) % _WORD

    def attempt_of_port(self, index: int, port: int, asked: int) -> int | None:
        """The last of ``asked`` tries that used this source port."""
        tries = range(asked - 1, -1, -1)
        return next((attempt for attempt in tries if self.source_port(index, attempt) == port), None)
