"""What does AppArmor confine, and which of its denials may be about this port?

A record names operation and profile (security/apparmor/audit.c, net.c). The port (``lport``) is in it only where the
socket has one already: for listen and accept, and for bind on kernels that say more. Others name family and type of the
socket, or a capability, and no more: those may be of this port, or of another.
"""

from __future__ import annotations

from collections.abc import Iterable

from pathprobe.layers.mandatory_access.facts import AppArmorDenial
from pathprobe.layers.mandatory_access.record import fields_of, number, printable, record_of, stamp_of, word

#: apparmor="..." -> whether it was kept from happening (complain mode: ALLOWED).
_ENFORCED = {"DENIED": True, "ALLOWED": False}
_OPERATIONS = frozenset({"create", "bind", "listen", "accept"})
_CAPABLE = "capable"
BIND_CAPABILITY = "net_bind_service"
_FAMILIES = frozenset({"inet", "inet6"})
_SOCKET_TYPES = {"tcp": ("stream",), "udp": ("dgram",), "sctp": ("stream", "seqpacket")}
#: The number of the protocol in the record; 0 is the default of the socket's type.
_NUMBERS = {"tcp": 6, "udp": 17, "sctp": 132}


def parse(line: str) -> AppArmorDenial | None:
    """The denial in a line of any log; None where it is about neither an IP socket nor the right to bind."""
    record = record_of(line)
    fields = fields_of(record)
    enforced = _ENFORCED.get(word(fields, "apparmor"))
    operation = word(fields, "operation")
    capability = word(fields, "capname")
    is_of_socket = operation in _OPERATIONS and word(fields, "family") in _FAMILIES
    if enforced is None or not (is_of_socket or (operation == _CAPABLE and capability == BIND_CAPABILITY)):
        return None
    time, event = stamp_of(record)
    return AppArmorDenial(
        operation=operation,
        profile=word(fields, "profile"),
        enforced=enforced,
        time=time,
        event=event,
        process=word(fields, "comm"),
        pid=number(fields, "pid"),
        family=word(fields, "family"),
        socket_type=word(fields, "sock_type"),
        port=number(fields, "lport") or None,
        capability=capability,
        text=printable(record),
    )


def denials_of(text: str, port: int, protocol: str, *, is_privileged: bool) -> tuple[AppArmorDenial, ...]:
    """Those that are, or may be, about a port, the latest first.

    ``is_privileged``: the port is one that asks for CAP_NET_BIND_SERVICE.
    """
    found = [
        denial
        for line in text.split("\n")
        if "apparmor=" in line
        and (denial := parse(line)) is not None
        and _may_be_of(denial, line, port, protocol, is_privileged)
    ]
    found.reverse()  # of the same moment, the later line is the latest
    return tuple(sorted(found, key=lambda denial: -(denial.time or 0.0)))


def _may_be_of(denial: AppArmorDenial, line: str, port: int, protocol: str, is_privileged: bool) -> bool:
    if denial.capability:
        return is_privileged
    if denial.port is not None and denial.port != port:
        return False
    named = number(fields_of(record_of(line)), "protocol") or None
    return denial.socket_type in _SOCKET_TYPES.get(protocol, ()) and named in (None, _NUMBERS[protocol])


def parse_confinement(text: str) -> tuple[str, str]:
    """A line ``PROFILE (MODE)`` of attr/current or of the list of profiles; the mode is empty where it says none."""
    line = printable(text.strip().strip("\x00").strip())
    name, found, mode = line.rpartition(" (")
    return (name, mode.removesuffix(")")) if found and mode.endswith(")") else (line, "")


def parse_profiles(text: str) -> tuple[tuple[str, str], ...]:
    """/sys/kernel/security/apparmor/profiles: each profile and its mode."""
    return tuple(parse_confinement(line) for line in text.split("\n") if line.strip())


def profile_file(profile: str, names: Iterable[str]) -> str | None:
    """The file in /etc/apparmor.d that has the profile, by the way such files are named; None where there is none.

    A profile of a program is called like its path with dots (aa-autodep(8)); a child (``//``) is in its parent's file.
    """
    parent = profile.partition("//")[0]
    there = set(names)
    candidates = (parent.strip("/").replace("/", "."), parent.rpartition("/")[2])
    return next((one for one in candidates if one and one in there), None)
