"""What is an address on the command line: one that a host may have?"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

import click


class Address(click.ParamType[Any]):
    """An address of one host, of either version."""

    name = "address"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> IPv4Address | IPv6Address:
        try:
            found = ip_address(value)
        except ValueError:
            self.fail(f"{value!r} is no IP address", param, ctx)
        if found.is_multicast or found.is_unspecified or str(found) == "255.255.255.255":
            self.fail(f"{value} is not the address of one host", param, ctx)
        return found
