"""What is a file that is no capture, and what should its owner do?"""

from __future__ import annotations

#: How a file begins, what it is then, and how a capture comes out of it.
_KINDS: tuple[tuple[bytes, str, str], ...] = (
    (b"\x28\xb5\x2f\xfd", "compressed with zstd", "unpack it with unzstd"),
    (b"\x04\x22\x4d\x18", "compressed with lz4", "unpack it with unlz4"),
    (b"\xfd7zXZ\x00", "compressed with xz", "unpack it with unxz"),
    (b"BZh", "compressed with bzip2", "unpack it with bunzip2"),
    (b"PK\x03\x04", "a zip archive", "unpack it, and name the capture inside"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it, and name the capture inside"),
    (b"snoop\x00\x00\x00", "a snoop capture", "convert it with editcap -F pcapng"),
    (b"GMBU", "a Microsoft Network Monitor capture", "convert it with editcap -F pcapng"),
    (b"RTSS", "a Microsoft Network Monitor capture", "convert it with editcap -F pcapng"),
    (b"iptrace ", "an iptrace capture", "convert it with editcap -F pcapng"),
    (b"XCP\x00", "a Sniffer capture", "convert it with editcap -F pcapng"),
    (b"TRSNIFF data", "a Sniffer capture", "convert it with editcap -F pcapng"),
    (b"\x7fELF", "a program", "name a file written by tcpdump -w"),
)

#: Text of the common encodings has no octets below the space but these, and seldom half of them above ASCII.
_CONTROLS_OF_TEXT = frozenset(b"\t\n\r\f\x1b")
_RECORD = "name a file written by tcpdump -w, Wireshark or pathprobe -w"


def kind_of(start: bytes) -> str:
    """One line for a file that begins with ``start``: what it seems to be, and what to do."""
    if not start:
        return f"the file is empty: {_RECORD}"
    for magic, kind, advice in _KINDS:
        if start.startswith(magic):
            return f"not a pcap or pcapng file but {kind}: {advice}"
    if _is_text(start[:512]):
        return f"not a pcap or pcapng file but text: {_RECORD}"
    return f"not a pcap or pcapng file: {_RECORD}"


def _is_text(start: bytes) -> bool:
    beyond_ascii = sum(octet >= 0x7F for octet in start)
    return 2 * beyond_ascii < len(start) and all(octet >= 0x20 or octet in _CONTROLS_OF_TEXT for octet in start)
