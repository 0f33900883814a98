"""How does a machine come to have no ICMP to spare?

Its kernel allows one error a second to one address (in IPv6 ten), after a burst of six: net/ipv4/icmp.c, inetpeer.c.
Somebody at the same address asked a moment ago, say with traceroute; here that is the client itself.
"""

from __future__ import annotations

import socket

from pathprobe.net.scenario import Scenario

#: Datagrams to each machine: its burst, and a few more for the time that this takes.
_DATAGRAMS = 10

#: Where traceroute(8) begins, and nobody listens.
_PORT = 33434

_FULL_TTL = 64


def use_up(scenario: Scenario) -> None:
    """Draw from each machine in ``scenario.used_up`` all errors that it has to spare.

    Call it in the client's namespace. Routers tell of expired TTLs, the destination of its closed port: both take
    from one bucket.
    """
    family = socket.AF_INET if scenario.family == 4 else socket.AF_INET6
    level, option = (
        (socket.IPPROTO_IP, socket.IP_TTL) if scenario.family == 4 else (socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS)
    )
    with socket.socket(family, socket.SOCK_DGRAM) as sender:
        for node in scenario.used_up:
            last = node == scenario.chain[-1]
            sender.setsockopt(level, option, _FULL_TTL if last else scenario.chain.index(node))
            for _ in range(_DATAGRAMS):
                sender.sendto(b"", (scenario.destination_address, _PORT))
