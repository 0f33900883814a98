"""Packets against documents: how the tests of all vendors ask."""

from __future__ import annotations

import ipaddress
from typing import Any

from pathprobe.core.layers import Layer
from pathprobe.layers.cloud import recognise
from pathprobe.layers.cloud.documents import Node
from pathprobe.layers.cloud.judge import CloudQuestion, judge
from pathprobe.layers.cloud.model import Account, Vendor

CLIENT = "203.0.113.7"
TARGET = "10.0.0.5"

_NUMBERS = {"tcp": 6, "udp": 17, "icmp": 1}


def account(*documents: Any, vendor: Vendor | None = None, unnamed: str = "") -> Account:
    return recognise.read(
        [Node(document, f"{number}.json") for number, document in enumerate(documents)], vendor=vendor, unnamed=unnamed
    )


def question(packet: str, *, to: str | None = TARGET, **more: Any) -> CloudQuestion:
    """``tcp 8080 from 203.0.113.7``, ``icmp from 10.0.0.9``, ``udp 53`` (from anybody)."""
    what, _, source = packet.partition(" from ")
    protocol, _, port = what.partition(" ")
    target = None if to is None else ipaddress.ip_address(to)
    version = (target or ipaddress.ip_network(source or "0.0.0.0/0")).version
    anybody = "0.0.0.0/0" if version == 4 else "::/0"
    return CloudQuestion(
        protocol=58 if protocol == "icmp" and version == 6 else _NUMBERS[protocol],
        port=int(port) if port else None,
        target=target,
        source=ipaddress.ip_network(source or anybody),
        **more,
    )


def row(documents: Any, packet: str, *, unnamed: str = "", **more: Any) -> Layer:
    return judge(account(*documents, unnamed=unnamed), question(packet, **more))
