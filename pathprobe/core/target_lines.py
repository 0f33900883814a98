"""What does one line of a list of targets ask for?

``10.0.0.5:8080``, ``10.0.0.5:8080:web``, ``web1:443``, ``[fd00::5]:22:ssh``; ``10.0.0.5:53/udp:dns`` and
``10.0.0.5:53:dns/udp``; ``10.0.0.0/24:22,80,8000-8010`` and ``[fd00::]/120:22``. ``#`` begins a comment at the start of
a line and behind a blank. A network means its hosts: not its own address, nor its broadcast address.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pathprobe.core.asked import Asked
from pathprobe.core.probes import Kind

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_V4 = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}")

#: The line that most lists consist of: an address, a port, and perhaps one plain word for the service.
_PLAIN = re.compile(rf"(({_V4.pattern}):([1-9][0-9]{{0,4}})(?::([A-Za-z0-9_.-]+))?)\s*", re.ASCII)

_COMMENT = re.compile(r"(^|\s)#.*$", re.DOTALL)
_HOST_AND_REST = re.compile(r"(?P<host>\[[^\]]*\](?:/[0-9]+)?|[^:\[\]]*)(?P<rest>:.*)?", re.DOTALL)
_LENGTH_INSIDE = re.compile(r"\[([^\]/]*)/([0-9]+)\]")
_PORTS = re.compile(r"(?P<ports>[^:/]*)(?:/(?P<early>[^:]*))?(?::(?P<service>.*))?", re.DOTALL)
_RANGE = re.compile(r"\s*([0-9]{1,9})\s*(?:-\s*([0-9]{1,9})\s*)?")

#: Neither blanks nor what belongs into a URL; the resolver judges the rest.
_NAME = re.compile(r"[^\s/@\[\]:%\x00-\x1f]+")
_LIKE_AN_ADDRESS = re.compile(r"[0-9.]+")

_PROTOCOLS = {"tcp": Kind.TCP, "udp": Kind.UDP}


_LAST_PORT = 65535


class BadLine(ValueError):
    """The text asks for nothing that can be asked; the message says what is wrong with it, and what to write."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What one line asks for. ``host`` is a name or an address, None where it is a ``network``.

    ``ports``: ranges that do not overlap, in rising order.
    """

    text: str
    host: str | None
    network: _Network | None
    ports: tuple[range, ...]
    kind: Kind
    service: str | None

    @property
    def size(self) -> int:
        """How many pairs of address and port these are."""
        return sum(map(len, self.ports)) * (1 if self.network is None else _hosts(self.network))

    @property
    def is_one(self) -> bool:
        """It names a single target, so that its own text may stand for it."""
        return self.network is None and self.size == 1

    def addresses(self) -> Iterator[str]:
        """The hosts of the network, lowest first; nothing where there is a ``host``."""
        return iter(()) if self.network is None else map(str, self.network.hosts())

    def numbers(self) -> Iterator[int]:
        """The ports, lowest first."""
        return (port for ports in self.ports for port in ports)


def _hosts(network: _Network) -> int:
    """As many as ``hosts()`` gives: all where there is no room for the others (RFC 3021, RFC 6164)."""
    if network.max_prefixlen - network.prefixlen <= 1:
        return network.num_addresses
    return network.num_addresses - (2 if network.version == 4 else 1)


def plain_target(text: str, kind: Kind = Kind.TCP) -> Asked | None:
    """The one target of a plain line; None for all others, which read_line() reads, and in five times the time."""
    plain = _PLAIN.fullmatch(text)
    if plain is None:
        return None
    given, host, digits, service = plain.groups()
    port = int(digits)
    if port > _LAST_PORT:
        return None
    return Asked(given=given, host=host, address=host, port=port, kind=kind, service=service)


def read_line(text: str, kind: Kind = Kind.TCP) -> Line | None:
    """One line; None where it is blank or a comment. ``kind``: where the line does not say. Raises BadLine."""
    bare = _COMMENT.sub("", text.strip("\ufeff \t\r\n")).strip()
    if not bare:
        return None
    found = _HOST_AND_REST.fullmatch(bare)
    if found is None or _is_bare_v6(bare):
        raise BadLine(f"write an IPv6 address in brackets: {_bracketed_example(bare)}")
    host, rest = found["host"].strip(), found["rest"]
    if rest is None or not rest[1:].strip():
        raise BadLine(f"{shown(host)} has no port: write ADDRESS:PORT")
    told = _PORTS.fullmatch(rest[1:])
    if told is None:
        raise BadLine(f"{shown(rest[1:])} is no port: write ADDRESS:PORT")
    service, late = _split_service(told["service"])
    return line_of(host, told["ports"], told["early"] or late, service, text=bare, kind=kind)


def line_of(
    host: str, ports: str, protocol: str | None, service: str | None, *, text: str, kind: Kind = Kind.TCP
) -> Line:
    """The same from its parts, as a table's columns have them. Raises BadLine."""
    address, network = _host(host.strip())
    return Line(
        text=text,
        host=address,
        network=network,
        ports=_ranges(ports),
        kind=_kind(protocol, kind),
        service=(service or "").strip() or None,
    )


def _is_bare_v6(text: str) -> bool:
    """Two colons before the first blank, and nothing but what an IPv6 address is made of between them."""
    head = text.split("/", 1)[0]
    return text.count(":") > 1 and not text.startswith("[") and (is_v6(head) or is_v6(head.rpartition(":")[0]))


def is_v4(text: str) -> bool:
    """An IPv4 address in its only canonical form: four decimal numbers without leading zeros."""
    return _V4.fullmatch(text) is not None


def is_v6(text: str) -> bool:
    """An IPv6 address, without brackets."""
    try:
        return ipaddress.ip_address(text).version == 6
    except ValueError:
        return False


def _bracketed_example(text: str) -> str:
    return f"[{text}]:PORT" if is_v6(text) else "[ADDRESS]:PORT"


def _split_service(text: str | None) -> tuple[str | None, str | None]:
    """``dns/udp`` is a service and a protocol; a slash before anything else belongs to the service."""
    name, _, last = (text or "").rpartition("/")
    if last.strip().lower() in _PROTOCOLS:
        return name, last
    return text, None


def _kind(text: str | None, otherwise: Kind) -> Kind:
    if text is None or not text.strip():
        return otherwise
    if (kind := _PROTOCOLS.get(text.strip().lower())) is None:
        raise BadLine(f"{shown(text.strip())} is no protocol: write tcp or udp")
    return kind


def _host(text: str) -> tuple[str | None, _Network | None]:
    text = _LENGTH_INSIDE.sub(r"[\1]/\2", text)
    bare, slash, length = text.rpartition("/")
    address = _unbracketed(bare if slash else text)
    if slash and (length.isdigit() and length.isascii()):
        return None, _network(text, address, length)
    if "%" in address:
        raise BadLine(f"{shown(text)}: a link-local address with its interface is for pathprobe tcp or udp")
    if text.startswith("[") and not is_v6(address):
        raise BadLine(f"{shown(text)} is no IPv6 address")
    if is_v6(address):
        return str(ipaddress.ip_address(address)), None
    return _name_or_v4(text), None


def _unbracketed(text: str) -> str:
    return text[1:-1] if text.startswith("[") and text.endswith("]") else text


def _network(text: str, address: str, length: str) -> _Network:
    address, slash, _ = address.partition("/")
    if slash:
        raise BadLine(f"{shown(text)} is no network")
    try:
        return ipaddress.ip_network(f"{address}/{length}", strict=False)
    except ValueError:
        raise BadLine(f"{shown(text)} is no network: write ADDRESS/LENGTH:PORT") from None


def _name_or_v4(text: str) -> str:
    if not text or not _NAME.fullmatch(text):
        raise BadLine(f"{shown(text)} is no host name or address: write ADDRESS:PORT")
    if not _LIKE_AN_ADDRESS.fullmatch(text):
        return text
    try:
        return str(ipaddress.IPv4Address(text))
    except ValueError:
        raise BadLine(f"{shown(text)} is no IPv4 address") from None


def _ranges(text: str) -> tuple[range, ...]:
    """Ports and ranges with commas between them, put in order, each port once."""
    bounds = sorted(_bounds(text, part) for part in text.split(","))
    merged: list[range] = []
    for first, last in bounds:
        if merged and first <= merged[-1].stop:
            merged[-1] = range(merged[-1].start, max(merged[-1].stop, last + 1))
        else:
            merged.append(range(first, last + 1))
    return tuple(merged)


def _bounds(text: str, part: str) -> tuple[int, int]:
    found = _RANGE.fullmatch(part)
    if found is None:
        raise BadLine(f"{shown(text)} is no port: write PORT, PORT,PORT or LOW-HIGH")
    low, high = int(found[1]), int(found[2] or found[1])
    if not 1 <= low <= high <= _LAST_PORT:
        raise BadLine(f"ports go from 1 to 65535, low before high, not {part.strip()}")
    return low, high


def shown(text: str, longest: int = 60) -> str:
    """What was written, fit for one line of a message."""
    return repr(text if len(text) <= longest else f"{text[:longest]}...")


def columns_of(header: Sequence[str]) -> dict[str, int] | None:
    """Which column of a table means what, by its first row; None where that row has no names but values."""
    named = {_MEANINGS[name]: at for at, cell in enumerate(header) if (name := cell.strip().lower()) in _MEANINGS}
    return named if "host" in named and "port" in named else None


#: What columns and keys are called.
_MEANINGS = {
    **dict.fromkeys(("ip", "host", "address", "hostname", "target"), "host"),
    **dict.fromkeys(("port", "ports"), "port"),
    **dict.fromkeys(("protocol", "proto"), "protocol"),
    **dict.fromkeys(("service", "name"), "service"),
}

#: The order of columns where the first row does not name them.
USUAL_COLUMNS = {"host": 0, "port": 1, "protocol": 2, "service": 3}


def row_line(cells: Sequence[str], columns: dict[str, int], kind: Kind = Kind.TCP) -> Line | None:
    """One row of a table; None where it is blank or a comment. Raises BadLine."""
    if not any(cell.strip() for cell in cells) or cells[0].lstrip("\ufeff \t").startswith("#"):
        return None
    told = {name: cells[at] for name, at in columns.items() if at < len(cells)}
    return _from_parts(told, ",".join(cells), kind)


def object_line(fields: object, text: str, kind: Kind = Kind.TCP) -> Line:
    """One JSON object with the keys that columns have, in any case. Raises BadLine."""
    if not isinstance(fields, dict):
        raise BadLine("this is no JSON object")
    told: dict[str, str] = {}
    for key, value in fields.items():
        if (meaning := _MEANINGS.get(str(key).strip().lower())) and value is not None:
            told.setdefault(meaning, _as_text(value))
    return _from_parts(told, text, kind)


def _as_text(value: object) -> str:
    if isinstance(value, dict):
        raise BadLine("there is an object in it where a word or a number belongs")
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _from_parts(told: dict[str, str], text: str, kind: Kind) -> Line:
    for wanted in ("host", "port"):
        if not told.get(wanted, "").strip():
            raise BadLine(f"there is no {wanted} in it")
    host = told["host"].strip("\ufeff \t")
    if is_v6(host.partition("/")[0]):
        host = f"[{host}]"
    return line_of(host, told["port"], told.get("protocol"), told.get("service"), text=text, kind=kind)
