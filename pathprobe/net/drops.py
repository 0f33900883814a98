"""Which packets of this port does the kernel throw away, for which reason, and in which of its functions?

The tracepoint skb:kfree_skb fires for every packet that is dropped (what was delivered goes by consume_skb), but in
tracefs it shows no packet: there one could only guess by time which drop was whose. So a small program of ours looks at
the same tracepoint, reads the headers of the packet that is dropped, and hands out those that concern the port. It
changes nothing, and ends with its descriptors.

- TCP is seen with SYN (of any port, for a published port is another one inside) or RST, UDP with the port itself.
- The network header is where skb->network_header says; before the kernel has set it, what is there is no IP packet.
- ``location`` is the function that dropped it, from /proc/kallsyms: nf_hook_slow for a rule, tcp_v4_rcv for no socket.
"""

from __future__ import annotations

import bisect
import functools
import os
import struct
import time
from dataclasses import dataclass
from pathlib import Path

from pathprobe.net import ebpf
from pathprobe.net.btf import Btf, NotInBtf
from pathprobe.net.ebpf import SharedRing, Step

_TYPES = Path("/sys/kernel/btf/vmlinux")
_SYMBOLS = Path("/proc/kallsyms")
_TRACEPOINT = "kfree_skb"
_REASON_PREFIX = "SKB_DROP_REASON_"

#: Octets for drops that were not read yet: about 2,500 of them.
_RING = 1 << 18

#: A record: nanoseconds (CLOCK_MONOTONIC), the address in the kernel, the reason, the network namespace, the IP
#: header, the transport header. On the program's stack it ends below the 16 octets of scratch.
_RECORD = struct.Struct("=QQII40s20s4x")
_SCRATCH = -16
_AT = _SCRATCH - _RECORD.size
_LOCATION, _REASON, _NAMESPACE, _IP, _TRANSPORT = _AT + 8, _AT + 16, _AT + 20, _AT + 24, _AT + 64

_KTIME, _PROBE_READ_KERNEL, _RINGBUF_OUTPUT = 5, 113, 130

# linux/bpf_common.h, linux/bpf.h: class | size or operation | source
_MOVE, _MOVE_VALUE, _ADD, _ADD_VALUE, _AND_VALUE, _SHIFT_LEFT, _SHIFT_RIGHT = 0xBF, 0xB7, 0x0F, 0x07, 0x57, 0x67, 0x77
_LOAD_LONG, _LOAD_WORD, _LOAD_HALF, _LOAD_BYTE = 0x79, 0x61, 0x69, 0x71
_STORE_LONG, _STORE_WORD, _STORE_ZERO = 0x7B, 0x63, 0x7A
_IF_EQUAL, _IF_NOT, _JUMP, _CALL, _EXIT, _LOAD_MAP = 0x15, 0x55, 0x05, 0x85, 0x95, 0x18
_STACK = 10
_TCP, _UDP, _SYN, _RST = 6, 17, 0x02, 0x04


@dataclass(frozen=True, slots=True, kw_only=True)
class DroppedPacket:
    """One packet that the kernel threw away.

    ``time_ns`` since 1970; ``octets``: its IP and transport headers; ``reason`` is "" where the kernel is too old to
    have any (before 5.17), ``function`` where it hides its symbols. ``namespace``: the inode of the network namespace,
    0 where the packet did not tell.
    """

    time_ns: int
    octets: bytes
    reason: str
    function: str
    namespace: int


class DropsUnreadable(Exception):
    """The kernel does not let us see what it drops; the text says why, in a few words."""


class DropReader:
    """The drops of one port from now on. Raises DropsUnreadable."""

    def __init__(self, port: int) -> None:
        try:
            fields, self._names = _known(_TYPES)
        except (OSError, NotInBtf) as error:
            raise DropsUnreadable(_why(error)) from None
        self._descriptors: list[int] = []
        try:
            self._ring = SharedRing(_RING)
        except OSError as error:
            raise DropsUnreadable(_why(error)) from None
        try:
            self._descriptors.append(ebpf.load(ebpf.assemble(_steps(port, fields, self._ring.descriptor))))
            self._descriptors.append(ebpf.attach(self._descriptors[0], _TRACEPOINT))
        except OSError as error:
            self.close()
            raise DropsUnreadable(_why(error)) from None

    def fileno(self) -> int:
        """Readable when drops are there."""
        return self._ring.descriptor

    @property
    def lost(self) -> bool:
        """Some drops found no room: what is not told here may have been dropped all the same."""
        return self._ring.lost

    def receive(self) -> list[DroppedPacket]:
        shift = time.time_ns() - time.monotonic_ns()
        return [self._dropped(record, shift) for record in self._ring.receive()]

    def _dropped(self, record: bytes, shift: int) -> DroppedPacket:
        time_ns, location, reason, namespace, header, transport = _RECORD.unpack_from(record)
        return DroppedPacket(
            time_ns=time_ns + shift,
            octets=joined(header, transport),
            reason=self._names.get(reason, f"reason {reason}") if reason else "",
            function=_symbols(_SYMBOLS).name(location),
            namespace=namespace,
        )

    def close(self) -> None:
        for descriptor in reversed(self._descriptors):
            os.close(descriptor)
        self._descriptors.clear()
        self._ring.close()


def joined(header: bytes, transport: bytes) -> bytes:
    """A datagram's head from its 40 octets of IP and its transport header; IPv4 options are left away."""
    if header[0] >> 4 == 6:
        return header + transport
    return bytes([0x45]) + header[1:20] + transport


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fields:
    """Where this kernel keeps what the program reads, in octets; None: it has no such thing."""

    head: int
    network_header: int
    device: int
    network: int
    namespace: int | None
    has_reason: bool

    @staticmethod
    def of(types: Btf) -> _Fields:
        try:
            namespace = types.field("net", "ns", "inum")
        except NotInBtf:
            namespace = None
        return _Fields(
            head=types.field("sk_buff", "head"),
            network_header=types.field("sk_buff", "network_header"),
            device=types.field("sk_buff", "dev"),
            network=types.field("net_device", "nd_net", "net"),
            namespace=namespace,
            has_reason=types.arguments(_TRACEPOINT) > 2,
        )


@functools.cache
def _known(path: Path) -> tuple[_Fields, dict[int, str]]:
    """What this kernel's types say: where things are, and the names of its reasons. Raises OSError, NotInBtf."""
    types = Btf(path.read_bytes())
    names = types.names("skb_drop_reason")
    return _Fields.of(types), {number: name.removeprefix(_REASON_PREFIX) for number, name in names.items()}


def _steps(port: int, fields: _Fields, ring: int) -> list[Step]:
    """r6: the packet's sk_buff; r7: what the tracepoint hands over; r8: where its next header is; r9: the protocol."""
    wire_port = int.from_bytes(port.to_bytes(2, "big"), "little" if _IS_LITTLE else "big")
    return [
        Step(_MOVE, 7, 1),
        Step(_LOAD_LONG, 6, 7, 0),
        *(Step(_STORE_ZERO, _STACK, 0, at) for at in range(_AT, 0, 8)),
        Step(_CALL, value=_KTIME),
        Step(_STORE_LONG, _STACK, 0, _AT),
        Step(_LOAD_LONG, 1, 7, 8),
        Step(_STORE_LONG, _STACK, 1, _LOCATION),
        *([Step(_LOAD_LONG, 1, 7, 16), Step(_STORE_WORD, _STACK, 1, _REASON)] if fields.has_reason else []),
        *_read(_SCRATCH, 8, 6, fields.head),
        Step(_IF_NOT, 0, to="end"),
        Step(_LOAD_LONG, 8, _STACK, _SCRATCH),
        *_read(_SCRATCH, 2, 6, fields.network_header),
        Step(_IF_NOT, 0, to="end"),
        Step(_LOAD_HALF, 1, _STACK, _SCRATCH),
        Step(_ADD, 8, 1),
        *_read(_IP, 40, 8, 0),
        Step(_IF_NOT, 0, to="end"),
        Step(_LOAD_BYTE, 1, _STACK, _IP),
        Step(_MOVE, 2, 1),
        Step(_SHIFT_RIGHT, 2, value=4),
        Step(_IF_EQUAL, 2, value=6, to="version 6"),
        Step(_IF_NOT, 2, value=4, to="end"),
        Step(_AND_VALUE, 1, value=0x0F),
        Step(_SHIFT_LEFT, 1, value=2),
        Step(_ADD, 8, 1),
        Step(_LOAD_BYTE, 9, _STACK, _IP + 9),
        Step(_JUMP, to="transport"),
        Step(_ADD_VALUE, 8, value=40, label="version 6"),
        Step(_LOAD_BYTE, 9, _STACK, _IP + 6),
        Step(_MOVE, 0, 0, label="transport"),
        *_read(_TRANSPORT, 20, 8, 0),
        Step(_IF_NOT, 0, to="end"),
        Step(_IF_EQUAL, 9, value=_UDP, to="ports"),
        Step(_IF_NOT, 9, value=_TCP, to="end"),
        Step(_LOAD_BYTE, 1, _STACK, _TRANSPORT + 13),
        Step(_MOVE, 2, 1),
        Step(_AND_VALUE, 1, value=_SYN),
        Step(_IF_NOT, 1, to="take"),
        Step(_AND_VALUE, 2, value=_RST),
        Step(_IF_EQUAL, 2, to="end"),
        Step(_LOAD_HALF, 1, _STACK, _TRANSPORT, label="ports"),
        Step(_IF_EQUAL, 1, value=wire_port, to="take"),
        Step(_LOAD_HALF, 1, _STACK, _TRANSPORT + 2),
        Step(_IF_NOT, 1, value=wire_port, to="end"),
        Step(_MOVE_VALUE, 0, label="take"),
        *(_namespace_steps(fields, fields.namespace) if fields.namespace is not None else []),
        Step(_LOAD_MAP, 1, 1, value=ring, label="hand out"),
        Step(0),
        Step(_MOVE, 2, _STACK),
        Step(_ADD_VALUE, 2, value=_AT),
        Step(_MOVE_VALUE, 3, value=_RECORD.size),
        Step(_MOVE_VALUE, 4),
        Step(_CALL, value=_RINGBUF_OUTPUT),
        Step(_MOVE_VALUE, 0, label="end"),
        Step(_EXIT),
    ]


def _namespace_steps(fields: _Fields, number: int) -> list[Step]:
    """From the device to its network namespace; a packet that has no device by now tells none."""
    return [
        *_read(_SCRATCH, 8, 6, fields.device),
        Step(_IF_NOT, 0, to="hand out"),
        Step(_LOAD_LONG, 8, _STACK, _SCRATCH),
        *_read(_SCRATCH, 8, 8, fields.network),
        Step(_IF_NOT, 0, to="hand out"),
        Step(_LOAD_LONG, 8, _STACK, _SCRATCH),
        *_read(_NAMESPACE, 4, 8, number),
    ]


def _read(at: int, octets: int, register: int, offset: int) -> list[Step]:
    """bpf_probe_read_kernel(stack + at, octets, register + offset); r0 is 0 when it could be read."""
    return [
        Step(_MOVE, 1, _STACK),
        Step(_ADD_VALUE, 1, value=at),
        Step(_MOVE_VALUE, 2, value=octets),
        Step(_MOVE, 3, register),
        Step(_ADD_VALUE, 3, value=offset),
        Step(_CALL, value=_PROBE_READ_KERNEL),
    ]


_IS_LITTLE = struct.pack("=H", 1) == struct.pack("<H", 1)


class _Symbols:
    """The kernel's functions by address; empty where it hides them (kptr_restrict)."""

    def __init__(self, path: Path) -> None:
        found = []
        try:
            for line in path.read_text().splitlines():
                address, kind, name, *_ = line.split()
                if kind in "tTwW":
                    found.append((int(address, 16), name))
        except (OSError, ValueError):
            found = []
        found.sort()
        self._addresses = [address for address, _ in found]
        self._names = [name for _, name in found]

    def name(self, address: int) -> str:
        place = bisect.bisect_right(self._addresses, address) - 1
        if place < 0 or not self._addresses[place]:
            return ""
        # What the compiler split off or moved keeps its function's name: nf_hook_slow.cold, ip_rcv.isra.0
        return self._names[place].partition(".")[0]


@functools.cache
def _symbols(path: Path) -> _Symbols:
    """Read when the first drop comes, for it takes a while; a module that is loaded later has no names."""
    return _Symbols(path)


_FORBIDDEN = (
    "seeing what the kernel drops needs CAP_BPF and CAP_PERFMON (sudo), outside of containers and of kernel lockdown"
)


def _why(error: Exception) -> str:
    if isinstance(error, PermissionError):
        return _FORBIDDEN
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror}"
    return str(error)
