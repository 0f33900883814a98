"""Which rules does nftables say a packet met?

Packets with ``meta nftrace`` set are told of, rule by rule, to the netlink group NFNLGRP_NFTRACE
(net/netfilter/nf_tables_trace.c; what ``nft monitor trace`` prints). The first message of a chain has the packet's
headers as they are there. A rule is told by its handle; its text is asked for by whoever wants it.
"""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from pathprobe.net.drops import joined

_NETLINK_NETFILTER, _SOL_NETLINK, _ADD_MEMBERSHIP = 12, 270, 1
_GROUP_NFTRACE = 9
#: (NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_TRACE
_TRACE = 10 << 8 | 17

_HEAD = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
_GENERIC = 4
_KIND_MASK = 0x3FFF

# enum nft_trace_attributes and nft_verdict_attributes, linux/netfilter/nf_tables.h
_TABLE, _CHAIN, _HANDLE, _TYPE, _VERDICT, _ID, _NETWORK, _TRANSPORT, _POLICY = 1, 2, 3, 4, 5, 6, 8, 9, 16
_VERDICT_CODE, _VERDICT_CHAIN = 1, 2

FAMILIES = {1: "inet", 2: "ip", 3: "arp", 5: "netdev", 7: "bridge", 10: "ip6"}
KINDS = {1: "policy", 2: "return", 3: "rule"}
VERDICTS = {
    0: "drop",
    1: "accept",
    2: "stolen",
    3: "queue",
    4: "repeat",
    -1: "continue",
    -2: "break",
    -3: "jump",
    -4: "goto",
    -5: "return",
}
_RECEIVE_BUFFER = 4 << 20
_SO_RCVBUFFORCE = 33
_BURST = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceMessage:
    """One step of a packet through the ruleset.

    ``id`` is the packet's while it lives; ``handle`` None for a policy or the end of a chain; ``verdict`` as nft writes
    it, ``target`` the chain of a jump; ``octets``: the packet's headers at this place, None where it has none.
    """

    id: int
    family: str
    table: str
    chain: str
    kind: str
    handle: int | None
    verdict: str
    target: str
    octets: bytes | None


class TraceListener:
    """Hears what is traced in this network namespace from now on. Raises OSError."""

    def __init__(self) -> None:
        self.lost = False
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER)
        try:
            self._socket.bind((0, 0))
            try:
                self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BUFFER)
            except PermissionError:
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
            self._socket.setsockopt(_SOL_NETLINK, _ADD_MEMBERSHIP, _GROUP_NFTRACE)
            self._socket.setblocking(False)
        except OSError:
            self._socket.close()
            raise

    def fileno(self) -> int:
        return self._socket.fileno()

    def receive(self) -> Iterator[TraceMessage]:
        for _ in range(_BURST):
            try:
                octets = self._socket.recv(65535)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                self.lost = True
                continue
            yield from read_messages(octets)

    def close(self) -> None:
        self._socket.close()


def read_messages(octets: bytes) -> Iterator[TraceMessage]:
    """The trace messages of one netlink datagram; what is no such message is passed over."""
    at = 0
    while at + _HEAD.size <= len(octets):
        length, kind, _, _, _ = _HEAD.unpack_from(octets, at)
        if length < _HEAD.size:
            return
        body = octets[at + _HEAD.size : at + length]
        if kind == _TRACE and len(body) >= _GENERIC:
            yield _message(body[0], dict(_attributes(body[_GENERIC:])))
        at += length + -length % 4


def _message(family: int, found: dict[int, bytes]) -> TraceMessage:
    verdict = dict(_attributes(found.get(_VERDICT, b"")))
    code = verdict.get(_VERDICT_CODE) or found.get(_POLICY)
    network = found.get(_NETWORK)
    return TraceMessage(
        id=_number(found.get(_ID)),
        family=FAMILIES.get(family, f"family {family}"),
        table=_text(found.get(_TABLE)),
        chain=_text(found.get(_CHAIN)),
        kind=KINDS.get(_number(found.get(_TYPE)), "unknown"),
        handle=_number(found[_HANDLE]) if _HANDLE in found else None,
        verdict=_verdict(code),
        target=_text(verdict.get(_VERDICT_CHAIN)),
        octets=joined(network, found.get(_TRANSPORT, b"")) if network and len(network) >= 20 else None,
    )


def _verdict(code: bytes | None) -> str:
    """Above its lowest octet a verdict holds its details: the error of a drop, the number of a queue."""
    if code is None:
        return ""
    number = int.from_bytes(code, "big", signed=True)
    return VERDICTS.get(number if number in VERDICTS else number & 0xFF, f"verdict {number}")


def _attributes(octets: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + _ATTRIBUTE.size <= len(octets):
        length, kind = _ATTRIBUTE.unpack_from(octets, at)
        if length < _ATTRIBUTE.size:
            return
        yield kind & _KIND_MASK, octets[at + _ATTRIBUTE.size : at + length]
        at += length + -length % 4


def _number(octets: bytes | None) -> int:
    return int.from_bytes(octets, "big") if octets else 0


def _text(octets: bytes | None) -> str:
    return octets.rstrip(b"\0").decode(errors="replace") if octets else ""
