"""A client, and behind one link a host that answers for whole networks by a local route."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pathprobe.lab import netns
from pathprobe.lab.links import wait_until_running

CLIENT, FAR = "client", "far"

#: TCP listens on the first, nothing on the second; UDP answers on neither.
OPEN, CLOSED = 80, 81

_ADDRESSES = {
    CLIENT: {4: ("10.9.9.1/24", "10.200.0.0/16 via 10.9.9.2"), 6: ("fd09::1/64", "fd77::/32 via fd09::2")},
    FAR: {4: ("10.9.9.2/24", "local 10.200.0.0/16 dev lo"), 6: ("fd09::2/64", "local fd77::/32 dev lo")},
}

#: Linux answers a flood of closed UDP ports with few errors; here the sweep is what is tested.
_UNLIMITED = {
    "net/ipv4/icmp_ratelimit": "0",
    "net/ipv4/icmp_msgs_per_sec": "1000000",
    "net/ipv6/icmp/ratelimit": "0",
    "net/ipv4/tcp_syncookies": "2",
}


@contextmanager
def wide_network() -> Iterator[None]:
    """Built as long as the context lasts; 10.200.0.0/16 and fd77::/32 answer."""
    with ExitStack() as opened:
        for name in (CLIENT, FAR):
            netns.add(name)
            opened.callback(netns.delete, name)
        netns.run_ip(CLIENT, 4, ["link add eth0 type veth peer name eth0 netns far"])
        for name in (CLIENT, FAR):
            _configure(name)
        with netns.inside(FAR):
            for setting, value in _UNLIMITED.items():
                Path("/proc/sys", setting).write_text(value)
            listener = opened.enter_context(
                socket.create_server(("::", OPEN), family=socket.AF_INET6, dualstack_ipv6=True)
            )
            listener.listen(1024)
        for name in (CLIENT, FAR):
            with netns.inside(name):
                wait_until_running("eth0")
        yield


def _configure(name: str) -> None:
    for family, (address, route) in _ADDRESSES[name].items():
        nodad = " nodad" if family == 6 else ""
        up = ["link set lo up", "link set eth0 up"] if family == 4 else []
        netns.run_ip(name, family, [*up, f"address add {address} dev eth0{nodad}", f"route add {route}"])


@contextmanager
def rules(node: str, *lines: str, hook: str = "input") -> Iterator[None]:
    """nft rules in a chain of one node, beside whatever ``set`` they need."""
    body = "\n".join(lines)
    netns.run_nft(
        node,
        f"table inet fault {{\n set seen {{\n type ipv4_addr . inet_service\n flags dynamic\n size 65535\n }}\n"
        f" chain fault {{\n type filter hook {hook} priority 0\n {body}\n }}\n}}\n",
    )
    try:
        yield
    finally:
        netns.run_nft(node, "delete table inet fault\n")


@contextmanager
def shaped() -> Iterator[None]:
    """What leaves the client's device waits for its turn at 4 Mbit/s, and some dozen packets have room to wait."""
    with netns.inside(CLIENT):
        _tc("add", "tbf", "rate", "4mbit", "burst", "1600", "limit", "2000")
        try:
            yield
        finally:
            _tc("del")


def _tc(verb: str, *discipline: str) -> None:
    search = os.environ["PATH"] + ":/usr/sbin:/sbin"
    subprocess.run(["tc", "qdisc", verb, "dev", "eth0", "root", *discipline], check=True, env={"PATH": search})
