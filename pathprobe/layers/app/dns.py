"""Does a DNS server answer, over UDP and over TCP?"""

from __future__ import annotations

import secrets
import socket
import struct
import time

from pathprobe.layers.app.connect import Deadline, Stream, end_of
from pathprobe.layers.app.dns_message import query, read
from pathprobe.layers.app.facts import DnsAnswer, Ended, How
from pathprobe.layers.app.target import Question

_LARGEST = 65535

#: UDP loses datagrams, and a resolver asks again: so often in all.
_TRIES = 2


def ask_by_udp(question: Question, address: str) -> DnsAnswer:
    begun = time.monotonic()

    def after(ended: Ended) -> DnsAnswer:
        return DnsAnswer(transport="UDP", seconds=time.monotonic() - begun, ended=ended)

    asked = query(question.path, secrets.randbits(16))
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as opened:
            # Connected, so that ICMP errors come as errors and strangers are not heard.
            opened.connect(socket.getaddrinfo(address, question.port, family, socket.SOCK_DGRAM)[0][4])
            for _ in range(_TRIES):
                opened.send(asked)
                deadline = Deadline.after(question.timeout / _TRIES)
                while not deadline.is_over:
                    opened.settimeout(deadline.left)
                    try:
                        octets = opened.recv(_LARGEST)
                    except TimeoutError:
                        break
                    if answer := read(octets, asked, transport="UDP", seconds=time.monotonic() - begun):
                        return answer
    except OSError as error:
        return after(end_of(error))
    return after(Ended(how=How.TIMEOUT))


def ask_by_tcp(question: Question, stream: Stream, *, connecting: float) -> DnsAnswer:
    """Each message behind its length (RFC 1035 section 4.2.2). ``connecting``: seconds that the connection took."""
    begun = time.monotonic()
    deadline = Deadline.after(question.timeout)
    asked = query(question.path, secrets.randbits(16))
    ended = stream.send(struct.pack("!H", len(asked)) + asked, deadline)
    octets = b""
    while ended is None and (len(octets) < 2 or len(octets) < 2 + int.from_bytes(octets[:2], "big")):
        more = stream.receive(deadline)
        if isinstance(more, Ended):
            ended = more
        else:
            octets += more
    seconds = connecting + time.monotonic() - begun
    if ended is None:
        answer = read(octets[2:], asked, transport="TCP", seconds=seconds)
        if answer:
            return answer
        ended = Ended(how=How.OTHER_PROTOCOL)
    return DnsAnswer(transport="TCP", seconds=seconds, ended=ended)
