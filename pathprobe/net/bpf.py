"""Which packets may the kernel hand to us at all?

A classic BPF program (linux/filter.h) for a packet socket of type SOCK_DGRAM, where offset 0 is the IP
header: ICMP of any kind a probe can meet, and TCP and UDP to or from the target. Everything else costs us nothing.
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
from dataclasses import dataclass

_LOAD_BYTE, _LOAD_WORD, _LOAD_HALF = 0x30, 0x20, 0x28
_LOAD_BYTE_INDEXED, _LOAD_HALF_INDEXED = 0x50, 0x48
#: The index register takes a constant, or the size of an IPv4 header: BPF_LDX with BPF_IMM, BPF_MSH.
_LOAD_INDEX, _LOAD_HEADER_SIZE = 0x01, 0xB1
_JUMP_EQUAL, _JUMP_AT_LEAST, _JUMP_SET, _RETURN = 0x15, 0x35, 0x45, 0x06
#: Where the kernel keeps the frame's EtherType for a filter: SKF_AD_OFF + SKF_AD_PROTOCOL.
_ETHERTYPE = 0xFFFFF000
_WHOLE_PACKET = 0x40000

_TCP, _UDP, _ICMP, _ICMPV6 = 6, 17, 1, 58
#: ICMPv6 that concerns a probe; neighbour discovery and multicast listeners do not.
_ICMPV6_TYPES = (1, 2, 3, 4, 128, 129)
_ICMPV6_TYPE_OFFSET = 40
_IPV6_HEADER = 40
_FRAGMENT_OFFSET, _TCP_FLAGS_OFFSET = 6, 13
_SYN, _RST = 0x02, 0x04
#: Echo replies and the errors that end a question.
_ICMP_ANSWERS, _ICMPV6_ANSWERS = (0, 3, 11), (129, 1, 3)

_SO_ATTACH_FILTER = 26
_ETH_P_ALL = 0x0003


@dataclass(frozen=True, slots=True)
class _Step:
    """One instruction; jumps name a label ('' = the next instruction)."""

    code: int
    value: int
    if_true: str = ""
    if_false: str = ""
    label: str = ""


def program(target: str) -> bytes:
    """The filter for one target address, as an array of struct sock_filter."""
    return _assemble(_steps_v6(target) if ":" in target else _steps_v4(target))


def answers_program(ports: range, snap: int) -> bytes:
    """The filter for whatever answers probes from these source ports, and the first ``snap`` octets of it.

    Echo replies and ICMP errors of any kind are let through. What has IPv6 extension headers is not.
    """
    return _assemble(_steps_for_answers(ports, snap))


def port_program(version: int, port: int) -> bytes:
    """The filter for many targets: ICMP of any kind a probe can meet, and TCP and UDP from or to a port of ours."""
    return _assemble(_port_steps_v6(port) if version == 6 else _port_steps_v4(port))


def arrivals_program(port: int) -> bytes:
    """The filter for who knocks at a port and what is said to it: TCP's SYNs (of any port, for a published port is
    another one inside) and its RSTs, UDP from or to the port, and ICMP of any kind a probe can meet."""
    return _assemble(_steps_for_arrivals(port))


def attach(sock: socket.socket, filter_program: bytes) -> None:
    """Attach a program to a socket (SO_ATTACH_FILTER)."""
    buffer = ctypes.create_string_buffer(filter_program, len(filter_program))
    fprog = struct.pack("HL", len(filter_program) // 8, ctypes.addressof(buffer))
    sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, fprog)


def bind_to_all_interfaces(sock: socket.socket) -> None:
    """bind(2) with a struct sockaddr_ll of interface 0; Python's own bind insists on a name."""
    address = struct.pack("=HHiHBB8x", socket.AF_PACKET, socket.htons(_ETH_P_ALL), 0, 0, 0, 0)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.bind(sock.fileno(), address, len(address)) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _steps_v4(target: str) -> list[_Step]:
    (address,) = struct.unpack("!I", socket.inet_aton(target))
    return [
        _Step(_LOAD_HALF, _ETHERTYPE),
        _Step(_JUMP_EQUAL, 0x0800, if_false="drop"),
        _Step(_LOAD_BYTE, 9),
        _Step(_JUMP_EQUAL, _ICMP, if_true="take"),
        _Step(_JUMP_EQUAL, _TCP, if_true="addresses"),
        _Step(_JUMP_EQUAL, _UDP, if_false="drop"),
        _Step(_LOAD_WORD, 12, label="addresses"),
        _Step(_JUMP_EQUAL, address, if_true="take"),
        _Step(_LOAD_WORD, 16),
        _Step(_JUMP_EQUAL, address, if_true="take"),
        *_ENDS,
    ]


def _port_steps_v4(port: int) -> list[_Step]:
    return [
        _Step(_LOAD_HALF, _ETHERTYPE),
        _Step(_JUMP_EQUAL, 0x0800, if_false="drop"),
        _Step(_LOAD_BYTE, 9),
        _Step(_JUMP_EQUAL, _ICMP, if_true="take"),
        _Step(_JUMP_EQUAL, _TCP, if_true="ports"),
        _Step(_JUMP_EQUAL, _UDP, if_false="drop"),
        _Step(_LOAD_HEADER_SIZE, 0, label="ports"),
        _Step(_LOAD_HALF_INDEXED, 0),
        _Step(_JUMP_EQUAL, port, if_true="take"),
        _Step(_LOAD_HALF_INDEXED, 2),
        _Step(_JUMP_EQUAL, port, if_true="take"),
        *_ENDS,
    ]


def _port_steps_v6(port: int) -> list[_Step]:
    return [
        _Step(_LOAD_HALF, _ETHERTYPE),
        _Step(_JUMP_EQUAL, 0x86DD, if_false="drop"),
        _Step(_LOAD_BYTE, 6),
        _Step(_JUMP_EQUAL, _TCP, if_true="ports"),
        _Step(_JUMP_EQUAL, _UDP, if_true="ports"),
        _Step(_JUMP_EQUAL, _ICMPV6, if_false="drop"),
        _Step(_LOAD_BYTE, _ICMPV6_TYPE_OFFSET),
        *(_Step(_JUMP_EQUAL, kind, if_true="take") for kind in _ICMPV6_TYPES),
        _Step(_RETURN, 0),
        _Step(_LOAD_HALF, 40, label="ports"),
        _Step(_JUMP_EQUAL, port, if_true="take"),
        _Step(_LOAD_HALF, 42),
        _Step(_JUMP_EQUAL, port, if_true="take"),
        *_ENDS,
    ]


def _steps_v6(target: str) -> list[_Step]:
    words = struct.unpack("!4I", socket.inet_pton(socket.AF_INET6, target))
    types = [_Step(_JUMP_EQUAL, kind, if_true="take") for kind in _ICMPV6_TYPES]
    return [
        _Step(_LOAD_HALF, _ETHERTYPE),
        _Step(_JUMP_EQUAL, 0x86DD, if_false="drop"),
        _Step(_LOAD_BYTE, 6),
        # Behind an extension header anything may follow: then the addresses decide.
        _Step(_JUMP_EQUAL, _ICMPV6, if_false="addresses"),
        _Step(_LOAD_BYTE, _ICMPV6_TYPE_OFFSET),
        *types,
        _Step(_RETURN, 0),
        *_compare_words(8, words, otherwise="destination", label="addresses"),
        *_compare_words(24, words, otherwise="drop", label="destination"),
        *_ENDS,
    ]


def _steps_for_answers(ports: range, snap: int) -> list[_Step]:
    return [
        _Step(_LOAD_HALF, _ETHERTYPE),
        _Step(_JUMP_EQUAL, 0x86DD, if_true="v6"),
        _Step(_JUMP_EQUAL, 0x0800, if_false="drop"),
        _Step(_LOAD_BYTE, 9),
        _Step(_LOAD_HEADER_SIZE, 0),
        _Step(_JUMP_EQUAL, _ICMP, if_true="icmp"),
        _Step(_JUMP_EQUAL, _TCP, if_true="port"),
        _Step(_JUMP_EQUAL, _UDP, if_true="port", if_false="drop"),
        _Step(_LOAD_BYTE, 6, label="v6"),
        _Step(_LOAD_INDEX, _IPV6_HEADER),
        _Step(_JUMP_EQUAL, _ICMPV6, if_true="icmpv6"),
        _Step(_JUMP_EQUAL, _TCP, if_true="port"),
        _Step(_JUMP_EQUAL, _UDP, if_true="port", if_false="drop"),
        _Step(_LOAD_BYTE_INDEXED, 0, label="icmp"),
        *[_Step(_JUMP_EQUAL, kind, if_true="take") for kind in _ICMP_ANSWERS],
        _Step(_RETURN, 0),
        _Step(_LOAD_BYTE_INDEXED, 0, label="icmpv6"),
        *[_Step(_JUMP_EQUAL, kind, if_true="take") for kind in _ICMPV6_ANSWERS],
        _Step(_RETURN, 0),
        _Step(_LOAD_HALF_INDEXED, 2, label="port"),
        _Step(_JUMP_AT_LEAST, ports.start, if_false="drop"),
        _Step(_JUMP_AT_LEAST, ports.stop, if_true="drop"),
        _Step(_RETURN, snap, label="take"),
        _Step(_RETURN, 0, label="drop"),
    ]


def _steps_for_arrivals(port: int) -> list[_Step]:
    return [
        _Step(_LOAD_HALF, _ETHERTYPE),
        _Step(_JUMP_EQUAL, 0x86DD, if_true="v6"),
        _Step(_JUMP_EQUAL, 0x0800, if_false="drop"),
        _Step(_LOAD_HALF, _FRAGMENT_OFFSET),
        _Step(_JUMP_SET, 0x1FFF, if_true="drop"),
        _Step(_LOAD_BYTE, 9),
        _Step(_LOAD_HEADER_SIZE, 0),
        _Step(_JUMP_EQUAL, _ICMP, if_true="take"),
        _Step(_JUMP_EQUAL, _TCP, if_true="tcp"),
        _Step(_JUMP_EQUAL, _UDP, if_true="ports", if_false="drop"),
        _Step(_LOAD_BYTE, 6, label="v6"),
        _Step(_LOAD_INDEX, _IPV6_HEADER),
        _Step(_JUMP_EQUAL, _TCP, if_true="tcp"),
        _Step(_JUMP_EQUAL, _UDP, if_true="ports"),
        _Step(_JUMP_EQUAL, _ICMPV6, if_false="drop"),
        _Step(_LOAD_BYTE, _ICMPV6_TYPE_OFFSET),
        *[_Step(_JUMP_EQUAL, kind, if_true="take") for kind in _ICMPV6_TYPES],
        _Step(_RETURN, 0),
        _Step(_LOAD_BYTE_INDEXED, _TCP_FLAGS_OFFSET, label="tcp"),
        _Step(_JUMP_SET, _SYN, if_true="take"),
        _Step(_JUMP_SET, _RST, if_false="drop"),
        _Step(_LOAD_HALF_INDEXED, 0, label="ports"),
        _Step(_JUMP_EQUAL, port, if_true="take"),
        _Step(_LOAD_HALF_INDEXED, 2),
        _Step(_JUMP_EQUAL, port, if_true="take"),
        *_ENDS,
    ]


def _compare_words(offset: int, words: tuple[int, ...], *, otherwise: str, label: str) -> list[_Step]:
    steps = []
    for index, word in enumerate(words):
        steps.append(_Step(_LOAD_WORD, offset + 4 * index, label=label if index == 0 else ""))
        last = index == len(words) - 1
        steps.append(_Step(_JUMP_EQUAL, word, if_true="take" if last else "", if_false=otherwise))
    return steps


_ENDS = [_Step(_RETURN, 0, label="drop"), _Step(_RETURN, _WHOLE_PACKET, label="take")]


def _assemble(steps: list[_Step]) -> bytes:
    places = {step.label: index for index, step in enumerate(steps) if step.label}

    def distance(label: str, index: int) -> int:
        return places[label] - index - 1 if label else 0

    return b"".join(
        struct.pack("HBBI", step.code, distance(step.if_true, i), distance(step.if_false, i), step.value)
        for i, step in enumerate(steps)
    )
