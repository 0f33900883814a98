"""How would one ask with scapy alone? ``sr`` for states, ``traceroute`` for the way, in as few lines as its manual.

    python -m tests.bench.scapy_peer sr ADDRESSES PORT...
    python -m tests.bench.scapy_peer traceroute ADDRESS PORT

Seconds to wait behind the last packet, and tries: as nmap has them for silence, about. Prints a line a pair or a hop.
"""

from __future__ import annotations

import sys

from scapy.layers.inet import ICMP, IP, TCP, traceroute
from scapy.sendrecv import sr
from scapy.volatile import RandShort

_WAIT, _RETRIES, _MAX_HOPS = 1, 1, 8


def ask(addresses: str, ports: list[int]) -> None:
    packets = IP(dst=addresses) / TCP(sport=RandShort(), dport=ports, flags="S")
    answered, silent = sr(packets, timeout=_WAIT, retry=_RETRIES, verbose=0)
    for sent, answer in answered:
        is_open = TCP in answer and answer[TCP].flags == "SA"
        print(f"{sent.dst}:{sent.dport} {'open' if is_open else 'closed'}")
    for sent in silent:
        print(f"{sent.dst}:{sent.dport} silent")


def walk(address: str, port: int) -> None:
    found, _ = traceroute([address], dport=port, maxttl=_MAX_HOPS, timeout=_WAIT, verbose=0)
    hops = {sent.ttl: answer for sent, answer in found}
    for ttl in range(1, _MAX_HOPS + 1):
        print(f" {ttl}  {hops[ttl].src if ttl in hops else '*'}")
        if ttl in hops and ICMP not in hops[ttl]:
            return


if __name__ == "__main__":
    if sys.argv[1] == "sr":
        ask(sys.argv[2], [int(port) for port in sys.argv[3:]])
    else:
        walk(sys.argv[2], int(sys.argv[3]))
