"""How do very many answers come in without a system call for each?

One packet socket whose queue is memory that we share with the kernel (PACKET_RX_RING with TPACKET_V2,
Documentation/networking/packet_mmap.rst), behind a BPF filter: the kernel writes a frame and gives its slot to us, we
read it and give it back. A frame that finds no free slot is counted by the kernel, and lost.
"""

from __future__ import annotations

import mmap
import select
import socket
import struct

from pathprobe.net import bpf

_SOL_PACKET = 263
_PACKET_RX_RING, _PACKET_STATISTICS, _PACKET_VERSION, _PACKET_IGNORE_OUTGOING = 5, 6, 10, 23
_TPACKET_V2 = 1
#: Whose a slot is. The giver writes it last, so who sees it sees all of the slot.
_FREE, _OURS = 0, 1

#: tp_status, tp_len, tp_snaplen, tp_mac, tp_net, tp_sec, tp_nsec of struct tpacket2_hdr (linux/if_packet.h).
_HEADER = struct.Struct("=IIIHHII")
_STATUS = struct.Struct("=I")
_STATISTICS = struct.Struct("=II")

#: 80 octets of headers, and what glance() wants to see of a packet.
_FRAME = 256
_BLOCK = 65536

#: Room for a quarter of a second of answers at the fastest pace: for as long, this process may be kept from running.
FRAMES = 16384


class Ring:
    """Frames for one filter, from every interface. Raises PermissionError without CAP_NET_RAW."""

    def __init__(self, filter_program: bytes, frames: int = FRAMES) -> None:
        """``frames``: slots in the queue, 16 or a multiple of 256."""
        self.lost = 0
        self._frames, self._next = frames, 0
        self._sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
        try:
            bpf.attach(self._sock, filter_program)
            self._share(frames)
            bpf.bind_to_all_interfaces(self._sock)
        except OSError:
            self._sock.close()
            raise

    def _share(self, frames: int) -> None:
        block = min(_BLOCK, frames * _FRAME)
        self._sock.setsockopt(_SOL_PACKET, _PACKET_VERSION, _TPACKET_V2)
        self._sock.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
        request = struct.pack("=IIII", block, frames * _FRAME // block, _FRAME, frames)
        self._sock.setsockopt(_SOL_PACKET, _PACKET_RX_RING, request)
        self._memory = mmap.mmap(
            self._sock.fileno(), frames * _FRAME, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE
        )

    def receive(self, most: int) -> list[tuple[float, bytes]]:
        """Up to ``most`` frames that are there: when each came, by the wall clock, and its IP packet's first octets."""
        frames: list[tuple[float, bytes]] = []
        memory, at = self._memory, self._next * _FRAME
        while len(frames) < most:
            status, _, captured, _, network, seconds, nanoseconds = _HEADER.unpack_from(memory, at)
            if not status & _OURS:
                break
            frames.append((seconds + nanoseconds / 1e9, memory[at + network : at + network + captured]))
            _STATUS.pack_into(memory, at, _FREE)
            self._next = (self._next + 1) % self._frames
            at = self._next * _FRAME
        return frames

    def count_lost(self) -> int:
        """Frames that the queue had no room for since the last look (PACKET_STATISTICS); ``lost`` has them all."""
        _, dropped = _STATISTICS.unpack(self._sock.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, _STATISTICS.size))
        self.lost += dropped
        return int(dropped)

    def wait(self, seconds: float) -> None:
        """Until a frame is there, or the time is over."""
        select.select([self._sock], [], [], seconds)

    def close(self) -> None:
        self._memory.close()
        self._sock.close()
