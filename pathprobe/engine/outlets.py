"""By which way, and in which form, does each of very many probes leave?

One outlet for all probes that leave from one source address with the same content: a template, and room for a batch.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

from pathprobe.core.pair_table import KINDS, UDP, PairTable
from pathprobe.core.sweep_tokens import Tokens
from pathprobe.net.bulk import Outbox, open_sender
from pathprobe.net.routes import Route
from pathprobe.net.shared_routes import Router
from pathprobe.wire.payloads import Payload, payload_for
from pathprobe.wire.templates import Template


class Outlet:
    """A batch in the making; ``indices`` are the pairs in it, in the order of its slots."""

    def __init__(self, template: Template, outbox: Outbox) -> None:
        self._template = template
        self.outbox = outbox
        self.indices: list[int] = []
        self._address_size = 4 if template.version == 4 else 16

    def put(self, index: int, destination: int, ports: tuple[int, int], token: int, checksum: int) -> None:
        """Add a probe; see Template.patch."""
        slot, outbox = len(self.indices), self.outbox
        self._template.patch(outbox.buffer, slot * outbox.stride, destination, ports, token, checksum)
        outbox.address(slot, destination.to_bytes(self._address_size, "big"))
        self.indices.append(index)


class Outlets:
    """The outlet for each pair, made when it is first wanted."""

    def __init__(self, table: PairTable, tokens: Tokens, router: Router, interface: str | None) -> None:
        self._table, self._tokens, self._router, self._interface = table, tokens, router, interface
        self._opened = ExitStack()
        self._senders: dict[int, socket.socket] = {}
        self._numbers: dict[Route | str, int] = {}
        self._ways: list[Route | str] = []
        self._way_of_network: list[int | None] = [None] * table.networks
        self._single_ways: dict[int, int] = {}
        self._outlets: dict[tuple[int, int, bytes], Outlet] = {}
        self._timestamp = time.monotonic_ns() // 1_000_000 % (1 << 32)

    def put(self, index: int, attempt: int) -> str | None:
        """Put a try into its outlet; the errno's name when the kernel has no way for it."""
        table, tokens = self._table, self._tokens
        host, port = table.host[index], table.port[index]
        way = self._way_of_network[table.network_of_host[host]]
        outlet = self._outlet(self._find_way(host) if way is None else way, table.kind[index], port)
        if isinstance(outlet, str):
            return outlet
        source_port, sequence, checksum = tokens.written(index, attempt)
        outlet.put(index, table.numbers[host], (source_port, port), sequence, checksum)
        return None

    def filled(self) -> Iterator[Outlet]:
        """Those that have something to send."""
        return (outlet for outlet in self._outlets.values() if outlet.indices)

    def _find_way(self, host: int) -> int:
        """The way of a host, and where all its network goes the same, of that."""
        way = self._single_ways.get(host)
        if way is None:
            address = self._table.hosts[host]
            way = self._number(self._router.lookup(address))
            if self._router.is_shared(address, self._table.numbers[host]):
                self._way_of_network[self._table.network_of_host[host]] = way
            else:
                self._single_ways[host] = way
        return way

    def _number(self, route: Route | str) -> int:
        if route not in self._numbers:
            self._numbers[route] = len(self._ways)
            self._ways.append(route)
        return self._numbers[route]

    def _outlet(self, way: int, kind: int, port: int) -> Outlet | str:
        payload = payload_for(port) if kind == UDP else None
        key = (way, kind, payload.octets if payload else b"")
        outlet = self._outlets.get(key)
        if outlet is None:
            route = self._ways[way]
            if isinstance(route, str):
                return route
            outlet = self._outlets[key] = self._open(route, kind, payload)
        return outlet

    def _open(self, route: Route, kind: int, payload: Payload | None) -> Outlet:
        template = Template(KINDS[kind], route.source, mtu=route.mtu, timestamp=self._timestamp, payload=payload)
        if template.version not in self._senders:
            family = socket.AF_INET6 if template.version == 6 else socket.AF_INET
            self._senders[template.version] = self._opened.enter_context(open_sender(family, self._interface))
        scope = socket.if_nametoindex(route.interface) if route.source.lower().startswith("fe80:") else 0
        return Outlet(template, Outbox(self._senders[template.version], template.octets, scope))

    def close(self) -> None:
        self._opened.close()


def is_marked(kind: int, port: int) -> bool:
    """Whether what quotes a probe must quote the checksum that its token says."""
    return kind == UDP and payload_for(port).nonce_at is not None


def prepare(table: PairTable) -> None:
    """Build every payload, and import what that takes, before the first probe: it may be a tenth of a second."""
    for port in {port for port, kind in zip(table.port, table.kind, strict=True) if kind == UDP}:
        payload_for(port)
