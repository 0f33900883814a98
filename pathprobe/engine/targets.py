"""What does the user mean by HOST:PORT?

``HOST:PORT``, ``[v6]:PORT``, ``HOST:PORT,PORT``, ``HOST:LOW-HIGH``; for echo just ``HOST``.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass

from pathprobe.core.report import Target

_PORTS = re.compile(r"[0-9]{1,9}(-[0-9]{1,9})?(,[0-9]{1,9}(-[0-9]{1,9})?)*")

#: Neither blanks nor what belongs into a URL; the resolver judges the rest.
_HOST = re.compile(r"[^\s/@\[\]\x00-\x1f]+")

#: More ports than this in one target are a job for batch.
MOST_PORTS = 1024


_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class BadTarget(ValueError):
    """The text is no target; the message says what one looks like. The caller's exit status is 2."""


class Unresolvable(Exception):
    """The name has no usable address. The caller's exit status is 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A target before its name is resolved."""

    given: str
    host: str
    ports: tuple[int, ...]


def parse(text: str, *, with_port: bool) -> Wanted:
    """Read one target. Raises BadTarget with a line that says what to do."""
    host, ports = _split(text, with_port=with_port)
    if not _HOST.fullmatch(host):
        raise BadTarget(f"{text!r}: no host name or address; write HOST{':PORT' if with_port else ''}")
    if "%" in host and ":" not in host:
        raise BadTarget(f"{text!r}: only an IPv6 address has a zone (%)")
    return Wanted(given=text, host=host, ports=_ports(text, ports) if with_port else ())


def _split(text: str, *, with_port: bool) -> tuple[str, str]:
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise BadTarget(f"{text!r}: an IPv6 target is written [ADDRESS]:PORT")
        if rest and not with_port:
            raise BadTarget(f"{text!r}: echo has no port; write HOST")
        return host, rest[1:]
    if not with_port:
        if text.count(":") == 1:
            raise BadTarget(f"{text!r}: echo has no port; write HOST")
        return text, ""
    if text.count(":") > 1:
        raise BadTarget(f"{text!r}: write an IPv6 target as [ADDRESS]:PORT")
    host, _, ports = text.partition(":")
    return host, ports


def _ports(text: str, ports: str) -> tuple[int, ...]:
    if not ports:
        raise BadTarget(f"{text!r} has no port: write HOST:PORT")
    if not _PORTS.fullmatch(ports):
        raise BadTarget(f"{text!r}: {ports!r} is no port: write HOST:PORT, HOST:PORT,PORT or HOST:LOW-HIGH")
    numbers: dict[int, None] = {}
    for part in ports.split(","):
        low, _, high = part.partition("-")
        first, last = int(low), int(high or low)
        if not 1 <= first <= last <= 65535:
            raise BadTarget(f"{text!r}: ports go from 1 to 65535, low before high, not {part}")
        numbers.update(dict.fromkeys(range(first, last + 1)))
    if len(numbers) > MOST_PORTS:
        raise BadTarget(f"{text!r}: {len(numbers)} ports; a target has at most {MOST_PORTS}")
    return tuple(numbers)


def resolve(wanted: Wanted, *, protocol: str, family: int | None = None) -> Iterator[Target]:
    """The targets with an address; a name's first address counts, in the resolver's order (RFC 6724).

    Raises Unresolvable with a line that says why.
    """
    address, zone = _address(wanted.host, family)
    for port in wanted.ports or (None,):
        given = wanted.given if len(wanted.ports) <= 1 else f"{_bracketed(wanted.host)}:{port}"
        yield Target(given=given, address=address, port=port, protocol=protocol, zone=zone)


def _address(host: str, family: int | None) -> tuple[str, str | None]:
    """The address, and the zone of a link-local one."""
    bare, _, zone = host.partition("%")
    literal = _literal(bare)
    if literal is None:
        literal = _look_up(host, family)
    elif family not in (None, literal.version):
        raise Unresolvable(f"{host} is an IPv{literal.version} address and -{family} was asked for")
    if literal.is_multicast or literal.is_unspecified or str(literal) == "255.255.255.255":
        raise Unresolvable(f"{host} is not the address of one host: name the host that should answer")
    return str(literal), zone or None


def _look_up(host: str, family: int | None) -> _Address:
    wanted = {4: socket.AF_INET, 6: socket.AF_INET6, None: socket.AF_UNSPEC}[family]
    try:
        found = socket.getaddrinfo(host, None, wanted, socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        reason = error.strerror if isinstance(error, socket.gaierror) else "no valid name"
        raise Unresolvable(f"cannot resolve {host}: {reason}; check the name, or give the address") from None
    return ipaddress.ip_address(str(found[0][4][0]).partition("%")[0])


def _literal(text: str) -> _Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
