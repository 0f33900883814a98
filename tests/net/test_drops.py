"""What the kernel hands out of a packet that it drops, before it is a packet again."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from scapy.layers.inet import IP, TCP, IPOption_NOP
from scapy.layers.inet6 import IPv6
from scapy.packet import Packet as Scapy

from pathprobe.core.packets import Packet, Tcp
from pathprobe.net.drops import _Symbols, joined
from pathprobe.net.ebpf import Step, assemble
from pathprobe.wire.dissect import dissect

SYN = TCP(sport=40001, dport=8080, seq=7, flags="S", options=[("MSS", 1460)])
SYMBOLS = """\
ffffffff81000000 T _text
ffffffff81000100 t nf_hook_slow
ffffffff81000200 d some_table
ffffffff81000300 t tcp_v4_rcv.cold
ffffffffc0000000 t nft_do_chain\t[nf_tables]
"""


@pytest.mark.parametrize(
    ("sent", "size"),
    [
        (IP(src="10.0.0.1", dst="10.0.0.2") / SYN, 20),
        (IP(src="10.0.0.1", dst="10.0.0.2", options=[IPOption_NOP()] * 8) / SYN, 28),
        (IPv6(src="fd00::1", dst="fd00::2") / SYN, 40),
    ],
)
def test_headers_that_were_read_apart_are_one_packet(sent: Scapy, size: int) -> None:
    octets = bytes(sent)
    packet = dissect(joined(octets[:40], octets[size : size + 20]))
    assert isinstance(packet, Packet)
    assert isinstance(packet.body, Tcp)
    assert (packet.source, packet.destination) == (sent.src, sent.dst)
    assert (packet.body.source_port, packet.body.destination_port, packet.body.sequence) == (40001, 8080, 7)


@pytest.mark.parametrize(
    ("address", "name"),
    [
        (0xFFFFFFFF81000142, "nf_hook_slow"),
        (0xFFFFFFFF81000301, "tcp_v4_rcv"),
        (0xFFFFFFFFC0000F00, "nft_do_chain"),
        (0xFFFFFFFF00000000, ""),
    ],
)
def test_an_address_is_the_function_that_it_lies_in(address: int, name: str, tmp_path: Path) -> None:
    path = tmp_path / "kallsyms"
    path.write_text(SYMBOLS)
    assert _Symbols(path).name(address) == name


def test_a_kernel_that_hides_its_symbols_names_no_function(tmp_path: Path) -> None:
    path = tmp_path / "kallsyms"
    path.write_text("0000000000000000 T _text\n0000000000000000 t nf_hook_slow\n")
    assert _Symbols(path).name(0xFFFFFFFF81000142) == ""
    assert _Symbols(tmp_path / "missing").name(0xFFFFFFFF81000142) == ""


def test_jumps_are_counted_from_the_next_instruction() -> None:
    octets = assemble([Step(0x55, 1, to="end", value=3), Step(0xBF, 1, 2), Step(0x95, label="end")])
    assert list(struct.iter_unpack("=BBhi", octets)) == [(0x55, 0x01, 1, 3), (0xBF, 0x21, 0, 0), (0x95, 0, 0, 0)]
