"""Which sockets does ss(8) print?

Read are ``ss -4 -a -t -u -n -e -m`` and ``-6`` apart, for versions differ in what ``*`` is: every IPv4 address
(until iproute2 4.14), or every address of both families (from then on). A line is
``Netid State Recv-Q Send-Q Local Peer``, then ``name:value`` words in any order; with ``-m`` a line that begins with
space goes on with the one before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import AddressValueError, IPv6Address, ip_address

from pathprobe.core.layers import Evidence
from pathprobe.layers.listening.cgroup import home_of
from pathprobe.layers.listening.facts import Socket, State

_STATES = {
    "LISTEN": State.LISTENING,
    "UNCONN": State.UNCONNECTED,
    "ESTAB": State.CONNECTED,
    "TIME-WAIT": State.TIME_WAIT,
}
_PROTOCOLS = ("tcp", "udp")
#: What -p adds; into a pipe, some versions print no space before it.
_USERS = "users:(("

#: Words of a socket's line before the ``name:value`` ones.
_COLUMNS = 6


def parse(text: str, *, version: int, source: str) -> tuple[Socket, ...]:
    """The TCP and UDP sockets of one address family; lines that make no sense are left out."""
    found = (_socket(line, version, source) for line in _joined(text))
    return tuple(one for one in found if one)


def _joined(text: str) -> Iterator[str]:
    whole = ""
    for line in text.splitlines():
        if line[:1].isspace():
            whole += " " + line.strip()
        else:
            yield from [whole] if whole else []
            whole = line
    yield from [whole] if whole else []


def _socket(line: str, version: int, source: str) -> Socket | None:
    words = line.replace(_USERS, f" {_USERS}").split()
    if len(words) < _COLUMNS or words[0] not in _PROTOCOLS or not (words[2].isdecimal() and words[3].isdecimal()):
        return None
    protocol, state, queued, sent, here, there = words[:_COLUMNS]
    local = _endpoint(here, version)
    if local is None:
        return None
    address, device, port = local
    kind = _STATES.get(state, State.OTHER)
    fields = _fields(words[_COLUMNS:])
    memory = _memory(fields.get("skmem", ""))
    return Socket(
        protocol=protocol,
        version=version,
        address=address,
        port=port,
        state=kind,
        device=device,
        peer=there if kind in (State.CONNECTED, State.TIME_WAIT, State.OTHER) else None,
        v6only={"0": False, "1": True}.get(fields.get("v6only", "")),
        queued=int(queued),
        room=int(sent) if kind is State.LISTENING else memory.get("rb"),
        drops=memory.get("d"),
        inode=_number(fields.get("ino", "")) or 0,
        # ss leaves root's out.
        uid=_number(fields["uid"]) if "uid" in fields else 0 if "ino" in fields else None,
        home=home_of(fields.get("cgroup", "")),
        seen=Evidence(source=source, ref=f"inode {fields['ino']}" if "ino" in fields else "", text=" ".join(words)),
    )


def _endpoint(text: str, version: int) -> tuple[str, str | None, int] | None:
    """Address, interface and port of ``[fe80::1]%eth0:53``, ``::1:53``, ``*:53``, ``0.0.0.0%lo:53``."""
    host, _, port = text.rpartition(":")
    address, _, device = host.replace("[", "").replace("]", "").partition("%")
    if address in ("*", "::"):
        address = "0.0.0.0" if version == 4 else "::"
    plain = _address(address)
    return (plain, device or None, int(port)) if plain and port.isdecimal() else None


def _address(text: str) -> str | None:
    """In its shortest form; an IPv4 address that stands in an IPv6 one is an IPv4 address."""
    try:
        address = ip_address(text)
    except (ValueError, AddressValueError):
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)


def _fields(words: list[str]) -> Mapping[str, str]:
    return {name: value for name, colon, value in (word.partition(":") for word in words) if colon}


def _memory(text: str) -> Mapping[str, int]:
    """``(r0,rb212992,...,d3)``: letters, then a number."""
    names = ((part, part.rstrip("0123456789")) for part in text.strip("()").split(","))
    return {name: int(part[len(name) :]) for part, name in names if part[len(name) :]}


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() else None
