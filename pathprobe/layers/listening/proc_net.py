"""Which sockets do /proc/net/tcp, tcp6, udp and udp6 list?

Each line has its fields in hexadecimal (proc(5)): addresses as 32-bit words in the machine's own order, ports and
states as in the kernel. What ss knows besides (IPV6_V6ONLY, the backlog) is not in these files.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address

from pathprobe.core.layers import Evidence
from pathprobe.layers.listening.facts import Socket, State

#: include/net/tcp_states.h; UDP uses 1 for a socket with a peer and 7 for one without.
_TCP = {1: State.CONNECTED, 6: State.TIME_WAIT, 10: State.LISTENING}
_UDP = {1: State.CONNECTED, 7: State.UNCONNECTED}

#: protocol, version -> the file's name.
FILES = {("tcp", 4): "tcp", ("tcp", 6): "tcp6", ("udp", 4): "udp", ("udp", 6): "udp6"}

#: Columns of a line, split at spaces: number, local, remote, state, queues, timer, retransmits, uid, timeout, inode.
_LOCAL, _REMOTE, _STATE, _QUEUES, _UID, _INODE, _DROPS = 1, 2, 3, 4, 7, 9, 12


def parse(text: str, *, protocol: str, version: int, port: int | None, source: str) -> tuple[Socket, ...]:
    """The sockets on ``port`` (None: on any); lines that make no sense are left out."""
    # Most lines of a busy machine are other ports': told apart before anything else is.
    suffix = "" if port is None else f":{port:04X}"
    return tuple(_sockets(text, suffix, protocol, version, source))


def _sockets(text: str, suffix: str, protocol: str, version: int, source: str) -> Iterator[Socket]:
    for line in text.splitlines()[1:]:
        words = line.split()
        if len(words) > _INODE and words[_LOCAL].endswith(suffix):
            try:
                yield _socket(words, protocol, version, Evidence(source=source, text=" ".join(words)))
            except ValueError:
                continue


def _socket(words: list[str], protocol: str, version: int, seen: Evidence) -> Socket:
    """Raises ValueError where a field is not what it should be."""
    address, port = _endpoint(words[_LOCAL])
    peer, peer_port = _endpoint(words[_REMOTE])
    states = _TCP if protocol == "tcp" else _UDP
    state = states.get(int(words[_STATE], 16), State.OTHER)
    has_drops = protocol == "udp" and len(words) > _DROPS
    return Socket(
        protocol=protocol,
        version=version,
        address=address,
        port=port,
        state=state,
        peer=f"{peer}:{peer_port}" if state not in (State.LISTENING, State.UNCONNECTED) else None,
        queued=int(words[_QUEUES].partition(":")[2], 16),
        drops=int(words[_DROPS]) if has_drops else None,
        inode=int(words[_INODE]),
        uid=int(words[_UID]),
        seen=seen,
    )


def _endpoint(text: str) -> tuple[str, int]:
    digits, _, port = text.partition(":")
    words = [bytes.fromhex(digits[start : start + 8]) for start in range(0, len(digits), 8)]
    octets = b"".join(word[::-1] if sys.byteorder == "little" else word for word in words)
    if len(octets) == 4:
        return str(IPv4Address(octets)), int(port, 16)
    address = IPv6Address(octets)
    return str(address.ipv4_mapped or address), int(port, 16)
