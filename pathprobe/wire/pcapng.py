"""How are packets, and what is known of them, kept in a file that Wireshark opens?

The pcapng format (draft-ietf-opsawg-pcapng): a chain of blocks, each with its type and its length on
both ends. A section header, an interface description when an interface is first seen, one enhanced
packet block per packet with its direction and its comments, and at the end interface statistics.

- Times are integer nanoseconds since 1970; a float has no room for them.
- Every packet is flushed: a run that is killed leaves a file that opens, without statistics at its end.
- Packets are raw IP datagrams (LINKTYPE_RAW): the link header differs by interface and says nothing here.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from typing import BinaryIO

from pathprobe.wire import pcapng_format as form

#: The packet begins with an IPv4 or IPv6 header: www.tcpdump.org/linktypes.html.
LINKTYPE_RAW = 101


class Writer:
    """Writes one section, little endian, with nanosecond times."""

    def __init__(self, stream: BinaryIO, *, comment: str = "", application: str = "") -> None:
        """``comment`` is about the whole file; ``application`` the program's name and version."""
        self._stream = stream
        self._interfaces: dict[str, int] = {}
        system = os.uname()
        options = [
            *_texts(form.COMMENT, [comment] if comment else []),
            *_texts(form.SECTION_SYSTEM, [f"{system.sysname} {system.release}"]),
            *_texts(form.SECTION_APPLICATION, [application] if application else []),
        ]
        fixed = struct.pack("<IHHq", form.BYTE_ORDER_MAGIC, 1, 0, form.SECTION_LENGTH_UNKNOWN)
        self._block(form.SECTION_HEADER, fixed, options)

    def interface(self, name: str) -> int:
        """The number of an interface; its description is written when the name is new."""
        if name not in self._interfaces:
            options = [*_texts(form.INTERFACE_NAME, [name]), (form.INTERFACE_RESOLUTION, bytes([form.NANOSECONDS]))]
            self._block(form.INTERFACE, struct.pack("<HHI", LINKTYPE_RAW, 0, 0), options)
            self._interfaces[name] = len(self._interfaces)
        return self._interfaces[name]

    def packet(
        self, time_ns: int, octets: bytes, *, interface: str, outgoing: bool, comments: Sequence[str] = ()
    ) -> None:
        """One IP datagram, seen at ``time_ns`` (nanoseconds since 1970), as it leaves or arrives."""
        number = self.interface(interface)
        fixed = struct.pack("<IIIII", number, *_halves(time_ns), len(octets), len(octets))
        flags = struct.pack("<I", form.OUTBOUND if outgoing else form.INBOUND)
        self._block(
            form.ENHANCED_PACKET, fixed + _padded(octets), [(form.PACKET_FLAGS, flags), *_texts(form.COMMENT, comments)]
        )

    def statistics(
        self, start_ns: int, end_ns: int, comments: Sequence[str] = (), *, delivered: int | None = None
    ) -> None:
        """When watching began and ended, per interface: a silence counts only while somebody listened.

        The comments go to the first interface, and so does how many packets were ``delivered`` in all, where the file
        holds some of them only. A run that saw no packet has them too, so it gets the
        interface ``any``, which is libpcap's name for all of them.
        """
        if not self._interfaces:
            self.interface("any")
        for number in self._interfaces.values():
            options = [
                *_texts(form.COMMENT, comments if number == 0 else []),
                (form.STATISTICS_START, struct.pack("<II", *_halves(start_ns))),
                (form.STATISTICS_END, struct.pack("<II", *_halves(end_ns))),
            ]
            if delivered is not None and number == 0:
                options.append((form.STATISTICS_DELIVERED, struct.pack("<Q", delivered)))
            self._block(form.STATISTICS, struct.pack("<III", number, *_halves(end_ns)), options)

    def _block(self, type_: int, fixed: bytes, options: Sequence[form.Option]) -> None:
        """One write and one flush, so that a kill falls between blocks and seldom inside one."""
        listed = b"".join(struct.pack("<HH", code, len(value)) + _padded(value) for code, value in options)
        body = fixed + listed + struct.pack("<HH", form.END_OF_OPTIONS, 0)
        length = struct.pack("<I", form.SMALLEST_BLOCK + len(body))
        self._stream.write(struct.pack("<I", type_) + length + body + length)
        self._stream.flush()


def _texts(code: int, texts: Sequence[str]) -> list[form.Option]:
    encoded = [text.encode(errors="backslashreplace") for text in texts]
    if any(len(value) > form.LONGEST_OPTION for value in encoded):
        raise ValueError(f"a pcapng comment or name holds at most {form.LONGEST_OPTION} octets: split or shorten it")
    return [(code, value) for value in encoded]


def _halves(time_ns: int) -> tuple[int, int]:
    """The upper and the lower 32 bits, in that order whatever the byte order."""
    return time_ns >> 32, time_ns & 0xFFFFFFFF


def _padded(octets: bytes) -> bytes:
    return octets + bytes(-len(octets) % 4)
