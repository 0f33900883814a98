"""How do the vendors write protocols, ports and addresses?

Protocols are IANA's numbers, by the names that the vendors give them.
"""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Callable, Iterable
from typing import TypeVar

from pathprobe.layers.cloud.model import ALL_V4, EVERY_PORT, EVERYBODY, INNER, IpAddress, IpNetwork, Peers, Span

_Read = TypeVar("_Read")

ICMP, TCP, UDP, ICMPV6 = 1, 6, 17, 58

NUMBERS = {
    "icmp": ICMP,
    "icmpv4": ICMP,
    "tcp": TCP,
    "udp": UDP,
    "gre": 47,
    "esp": 50,
    "ah": 51,
    "icmpv6": ICMPV6,
    "ipip": 94,
    "sctp": 132,
}

NAMES = {ICMP: "icmp", TCP: "tcp", UDP: "udp", ICMPV6: "icmpv6"}

#: Protocols whose rules may name ports.
WITH_PORTS = frozenset({TCP, UDP, 132})

#: Echo request and echo reply: RFC 792, RFC 4443.
ECHO = {ICMP: (8, 0), ICMPV6: (128, 129)}


class NotUnderstood(ValueError):
    """A word that is none of the vendor's, as far as known here. The rule becomes a doubt."""


class Doubts(list[str]):
    """What of one rule could not be understood, as sentences."""

    def reading(self, read: Callable[..., _Read], *arguments: str, of: str) -> _Read | None:
        """What ``read`` makes of it; None, and one doubt more, where it cannot."""
        try:
            return read(*arguments)
        except NotUnderstood as reason:
            self.append(f"{reason} of {of}, which could not be understood")
            return None


def protocol(text: str) -> frozenset[int] | None:
    """None for all: ``-1``, ``*``, ``all``, ``Any``. Raises NotUnderstood."""
    word = text.strip().lower()
    if word in ("-1", "*", "all", "any"):
        return None
    if word in NUMBERS:
        return frozenset({NUMBERS[word]})
    if word.isascii() and word.isdigit() and int(word) <= 255:
        return frozenset({int(word)})
    raise NotUnderstood(f"the protocol {text!r}")


def span(text: str, separator: str = "-") -> Span | None:
    """``80``, ``8000-9000``; None for all: ``*``, ``all``, ``-1/-1``. Raises NotUnderstood."""
    word = text.strip().lower()
    if word in ("", "*", "all", "any", "-1", "-1/-1"):
        return None
    low, found, high = word.partition(separator)
    high = high if found else low
    if not all(part.strip().isascii() and part.strip().isdigit() for part in (low, high)):
        raise NotUnderstood(f"the ports {text!r}")
    first, last = int(low), int(high)
    if not 0 <= first <= last <= EVERY_PORT[1]:
        raise NotUnderstood(f"the ports {text!r}")
    return first, last


def spans(text: str, separator: str = "-") -> tuple[Span, ...] | None:
    """``80,443,8000-9000``; None for all. Raises NotUnderstood."""
    found = [span(part, separator) for part in text.split(",")]
    return None if None in found else tuple(one for one in found if one)


def network(text: str) -> IpNetwork:
    """An address or a network; bits below the mask do not count, as with the vendors. Raises NotUnderstood."""
    try:
        return ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        raise NotUnderstood(f"the address {text!r}") from None


def address(text: str) -> IpAddress:
    """Raises NotUnderstood."""
    try:
        return ipaddress.ip_address(text.strip())
    except ValueError:
        raise NotUnderstood(f"the address {text!r}") from None


def addresses_of(text: str) -> tuple[IpNetwork, ...]:
    """A network, or ``10.0.0.1-10.0.0.9``. Raises NotUnderstood."""
    low, found, high = text.partition("-")
    if not found:
        return (network(text),)
    try:
        return tuple(ipaddress.summarize_address_range(address(low), address(high)))
    except (ValueError, TypeError):
        raise NotUnderstood(f"the addresses {text!r}") from None


def peers(text: str) -> Peers:
    """Those of a network as a rule writes it; a doubt where it cannot be understood."""
    try:
        return Peers(label=text, networks=addresses_of(text))
    except NotUnderstood as reason:
        doubt = f"{reason}, which could not be understood"
        return Peers(label=text, perhaps=EVERYBODY, doubt=doubt, is_unreadable=True)


def unknown(label: str, doubt: str) -> Peers:
    """Somebody, and nobody here knows who."""
    return Peers(label=label, perhaps=EVERYBODY, doubt=doubt)


def is_public(one: IpNetwork) -> bool:
    """Whether all of it is routed in the internet; False for everybody's."""
    return one != ALL_V4 and not any(one.version == inner.version and one.overlaps(inner) for inner in INNER)


def what(numbers: frozenset[int] | None, ports: tuple[Span, ...] | None, written: str = "") -> str:
    """``tcp 8080``, ``udp 80,8000-9000``, ``all traffic``."""
    if numbers is None:
        name = "all traffic"
    else:
        number = min(numbers)
        name = NAMES.get(number) or (written if written and not written.isdigit() else f"protocol {number}")
    return name if ports is None else f"{name} {written_spans(ports)}"


def written_spans(ports: tuple[Span, ...]) -> str:
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in ports)


def addresses(texts: Iterable[str]) -> tuple[IpAddress, ...]:
    """Those that are some, each once; a description of an interface may leave any of them empty."""
    found = []
    for text in dict.fromkeys(texts):
        with contextlib.suppress(NotUnderstood):
            found.append(address(text))
    return tuple(found)
