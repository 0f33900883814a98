"""What did the kernel really do with a packet?

Three namespaces, ``asker`` -- ``server`` -- ``inner``, and one packet at a time. Nothing waits for a clock: behind the
packet goes a frame of a type that nobody filters, the same way round and on one processor, and when that has arrived
everything before it has been dealt with. What happened is told by counters: of a table whose chains are the last on
their hooks, and of the rules themselves.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether

from pathprobe.lab import netns

NODES = ("asker", "server", "inner")
ASKER, SERVER, OUTSIDE, INSIDE, INNER = (f"02:00:00:00:00:{number:02x}" for number in (1, 2, 2, 3, 4))
PORTS = (22, 80, 443, 8080)

#: Of the machine whose rules are looked at, by its interfaces.
ADDRESSES = {4: "10.99.0.2", 6: "fd99::2"}
INNER_ADDRESSES = {4: "172.30.0.2", 6: "fd30::2"}
INTERFACE = "outside"

#: For local experiments (IEEE 802).
_MARKER_TYPE = 0x88B5
_ALL, _OUTGOING = 0x0003, 4
_PATIENCE = 10.0

OBSERVER = "observer"
_OBSERVER = """
table inet observer {
  chain arrived {
    type filter hook input priority 10000
    meta l4proto { tcp, udp } counter
  }
  chain onwards {
    type filter hook postrouting priority 10000
    oifname "inside" meta l4proto { tcp, udp } counter
  }
  chain left {
    type filter hook postrouting priority 10000
    oifname "outside" tcp flags & (syn | ack | rst) == syn | ack counter
    oifname "outside" meta l4proto udp counter
  }
}
"""

_SETTINGS = {
    "net/ipv4/ip_forward": "1",
    "net/ipv4/icmp_ratelimit": "0",
    "net/ipv4/tcp_synack_retries": "0",
    "net/ipv4/conf/all/rp_filter": "0",
    "net/ipv4/conf/default/rp_filter": "0",
    "net/ipv6/conf/all/forwarding": "1",
    "net/ipv6/icmp/ratelimit": "0",
    "net/ipv6/conf/default/accept_dad": "0",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A packet to the server: a SYN, or a datagram."""

    protocol: str = "tcp"
    source: str = "10.99.0.1"
    port: int = 80

    @property
    def version(self) -> int:
        return 6 if ":" in self.source else 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """``arrived``: at a socket, or ``onwards`` to the inner machine. ``refused``: a reset or an ICMP error came back.

    ``answered``: the answer came back to the asker. ``hits``: (family, table, chain, handle) of the rules that met
    packets, with how many.
    """

    arrived: bool
    onwards: bool
    refused: bool
    answered: bool
    hits: dict[tuple[str, str, str, int], int] = field(default_factory=dict)


class Kernel:
    """The three machines, for as long as the context of ``built`` lasts. ``source_port``: of the last packet."""

    def __init__(self, opened: ExitStack) -> None:
        for node in NODES:
            netns.add(node)
            opened.callback(netns.delete, node)
            opened.callback(netns.end_processes, node)
            with netns.inside(node):
                for name, value in _SETTINGS.items():
                    with suppress(FileNotFoundError):
                        Path("/proc/sys", name).write_text(value)
        netns.run_ip("asker", 4, _links())
        for node, families in _ADDRESSES.items():
            for family, lines in families.items():
                netns.run_ip(node, family, lines)
        self._receivers = []
        for node in ("server", "inner"):
            with netns.inside(node):
                for port in PORTS:
                    opened.enter_context(_listener(port))
                    self._receivers.append(opened.enter_context(_receiver(port)))
        self._asker = opened.enter_context(_tap("asker", "out", _ALL))
        self._outside = opened.enter_context(_tap("server", "outside", _MARKER_TYPE))
        self._inside = opened.enter_context(_tap("server", "inside", _MARKER_TYPE))
        self._inner = opened.enter_context(_tap("inner", "in", _MARKER_TYPE))
        self.source_port = 40000

    def load(self, ruleset: str) -> None:
        """A ruleset in nft's own language in the place of all that was there."""
        netns.run_nft("server", f"flush ruleset\n{ruleset}\n{_OBSERVER}")

    def run(self, *command: str, text: str | None = None) -> str:
        """What a command prints on the server."""
        with netns.inside("server"):
            done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
        return done.stdout

    def listing(self) -> str:
        """``nft -j list ruleset`` without the observer's table."""
        document = json.loads(self.run("nft", "-j", "list", "ruleset"))
        document["nftables"] = [one for one in document["nftables"] if not _is_observers(one)]
        return json.dumps(document)

    def send(self, sent: Sent) -> Seen:
        """What becomes of the packet; its source port is one that no packet had before."""
        before = self._counters()
        self.source_port += 1
        for receiver in self._receivers:
            _emptied(receiver)
        self._asker.send(_frame(sent, self.source_port))
        back = self._go_round()
        for receiver in self._receivers:
            for octets, peer in _emptied(receiver):
                with suppress(PermissionError):  # a rule on the way out
                    receiver.sendto(octets, peer)
        back += self._go_round()
        after = self._counters()
        told = {key: count - before.get(key, 0) for key, count in after.items() if count != before.get(key, 0)}
        observed = {chain for (_, table, chain, _) in told if table == OBSERVER}
        return Seen(
            arrived="arrived" in observed,
            onwards="onwards" in observed,
            refused=any(_is_refusal(frame) for frame in back),
            answered="left" in observed,
            hits={key: count for key, count in told.items() if key[1] != OBSERVER},
        )

    def _go_round(self) -> list[bytes]:
        """What reached the asker until everything that was under way has been dealt with."""
        for sender, receiver, to in (
            (self._asker, self._outside, SERVER),
            (self._inside, self._inner, INNER),
            (self._inner, self._inside, INSIDE),
        ):
            sender.send(_marker(to))
            receiver.recv(2048)
        self._outside.send(_marker(ASKER))
        frames = []
        while True:
            frame, (_, kind, direction, *_) = self._asker.recvfrom(65535)
            if direction == _OUTGOING:
                continue
            if kind == _MARKER_TYPE:
                return frames
            frames.append(frame)

    def _counters(self) -> dict[tuple[str, str, str, int], int]:
        document = json.loads(self.run("nft", "-j", "list", "ruleset"))["nftables"]
        rules = [one["rule"] for one in document if "rule" in one]
        return {
            (rule["family"], rule["table"], rule["chain"], rule["handle"]): expression["counter"]["packets"]
            for rule in rules
            for expression in rule["expr"]
            if isinstance(expression, dict) and isinstance(expression.get("counter"), dict)
        }


@contextmanager
def built() -> Iterator[Kernel]:
    """The machines; this process stays on one processor meanwhile, so that packets are dealt with in their order."""
    processors = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(processors)})
    try:
        with ExitStack() as opened:
            yield Kernel(opened)
    finally:
        os.sched_setaffinity(0, processors)


def _links() -> Sequence[str]:
    return (
        f"link add out address {ASKER} type veth peer name outside address {OUTSIDE} netns server",
        "link set lo up",
        "link set out up",
    )


#: Node -> family -> lines for ip(8): every neighbour is known, so that nothing has to be asked for.
_ADDRESSES: dict[str, dict[int, Sequence[str]]] = {
    "server": {
        4: (
            f"link add inside address {INSIDE} type veth peer name in address {INNER} netns inner",
            "link set lo up",
            "link set outside up",
            "link set inside up",
            "addr add 10.99.0.2/30 dev outside",
            "addr add 172.30.0.1/24 dev inside",
            "route add default via 10.99.0.1",
            f"neigh add 10.99.0.1 lladdr {ASKER} dev outside nud permanent",
            f"neigh add 172.30.0.2 lladdr {INNER} dev inside nud permanent",
        ),
        6: (
            "addr add fd99::2/126 dev outside nodad",
            "addr add fd30::1/64 dev inside nodad",
            "route add default via fd99::1",
            f"neigh add fd99::1 lladdr {ASKER} dev outside nud permanent",
            f"neigh add fd30::2 lladdr {INNER} dev inside nud permanent",
        ),
    },
    "inner": {
        4: (
            "link set lo up",
            "link set in up",
            "addr add 172.30.0.2/24 dev in",
            "route add default via 172.30.0.1",
            f"neigh add 172.30.0.1 lladdr {INSIDE} dev in nud permanent",
        ),
        6: (
            "addr add fd30::2/64 dev in nodad",
            "route add default via fd30::1",
            f"neigh add fd30::1 lladdr {INSIDE} dev in nud permanent",
        ),
    },
}


def _listener(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
    listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    listener.bind(("::", port))
    listener.listen(4096)
    return listener


def _receiver(port: int) -> socket.socket:
    receiver = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    receiver.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    receiver.bind(("::", port))
    receiver.setblocking(False)
    return receiver


def _emptied(receiver: socket.socket) -> list[tuple[bytes, Any]]:
    """The datagrams that wait, with whom they are from."""
    waiting = []
    with suppress(BlockingIOError):
        while True:
            waiting.append(receiver.recvfrom(2048))
    return waiting


def _tap(node: str, device: str, kind: int) -> socket.socket:
    with netns.inside(node):
        tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(kind))
        tap.bind((device, kind))
    tap.settimeout(_PATIENCE)
    return tap


def _marker(to: str) -> bytes:
    return bytes(Ether(dst=to, src="02:00:00:00:00:99", type=_MARKER_TYPE)) + bytes(46)


def _frame(sent: Sent, source_port: int) -> bytes:
    destination = ADDRESSES[sent.version]
    head = IP(src=sent.source, dst=destination) if sent.version == 4 else IPv6(src=sent.source, dst=destination)
    if sent.protocol == "tcp":
        body: Any = TCP(sport=source_port, dport=sent.port, flags="S", seq=source_port)
    else:
        body = UDP(sport=source_port, dport=sent.port) / b"?"
    return bytes(Ether(dst=SERVER, src=ASKER) / head / body)


def _is_refusal(frame: bytes) -> bool:
    """A reset, or an ICMP error; router solicitations and the like are neither."""
    packet = Ether(frame)
    if packet.haslayer(TCP):
        return bool(packet[TCP].flags.R)
    kind = frame[14 + 20] if frame[12:14] == b"\x08\x00" and frame[23] == socket.IPPROTO_ICMP else None
    if frame[12:14] == b"\x86\xdd" and frame[20] == socket.IPPROTO_ICMPV6:
        return frame[14 + 40] == 1
    return kind == 3


def _is_observers(entry: dict[str, Any]) -> bool:
    return any(isinstance(one, dict) and OBSERVER in (one.get("table"), one.get("name")) for one in entry.values())
