"""Which of SELinux's denials in a log are about this port?

The record is written by avc_audit_pre_callback (security/selinux/avc.c) and dump_common_audit_data
(security/lsm_audit.c): ``src`` is the port of a bind, ``dest`` of a connect, ``lport`` of a socket that is bound
already. The type in ``tcontext`` is the port's for name_bind and name_connect, an address's (node_t) for node_bind, the
socket's own for others.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from pathprobe.layers.mandatory_access.facts import AvcDenial
from pathprobe.layers.mandatory_access.mode import domain_of
from pathprobe.layers.mandatory_access.port_labels import PROTOCOLS
from pathprobe.layers.mandatory_access.record import fields_of, number, printable, record_of, stamp_of, word

#: What a server is denied -> the fields that may name the port, the best first.
_OF_SERVERS = {
    "name_bind": ("src", "lport"),
    "node_bind": ("src", "lport"),
    "listen": ("lport", "src"),
    "accept": ("lport", "src"),
}
CONNECT = "name_connect"
_PORT_FIELDS = _OF_SERVERS | {CONNECT: ("dest",)}


def is_of_server(denial: AvcDenial) -> bool:
    """It kept a service from the port; a connect to the same number did not."""
    return any(permission in _OF_SERVERS for permission in denial.permissions)


def is_after_bind(denial: AvcDenial) -> bool:
    """The port was bound by then, and the service is kept from hearing on it."""
    return bool({"listen", "accept"} & set(denial.permissions))


def parse(line: str) -> AvcDenial | None:
    """The denial in a line of any log; None where it is no denial that names a port."""
    record = record_of(line)
    _, _, said = record.partition("avc:")
    verdict, _, rest = said.strip().partition("{")
    listed, closed, about = rest.partition("}")
    if verdict.strip() != "denied" or not closed:
        return None
    permissions = tuple(printable(one) for one in listed.split())
    fields = fields_of(about)
    protocol = fields.get("tclass", "").removesuffix("_socket")
    if protocol not in PROTOCOLS or not any(one in _PORT_FIELDS for one in permissions):
        return None
    time, event = stamp_of(record)
    return AvcDenial(
        permissions=permissions,
        protocol=protocol,
        port=_port(permissions, fields),
        time=time,
        event=event,
        process=word(fields, "comm"),
        pid=number(fields, "pid"),
        domain=domain_of(fields.get("scontext", "")),
        target=domain_of(fields.get("tcontext", "")),
        permissive={"1": True, "0": False}.get(fields.get("permissive", "")),
        text=printable(record),
    )


def _port(permissions: tuple[str, ...], fields: dict[str, str]) -> int | None:
    for permission in permissions:
        for key in _PORT_FIELDS.get(permission, ()):
            port = number(fields, key)
            if port is not None:
                return port
    return None


def denials_of(text: str, port: int, protocol: str) -> tuple[AvcDenial, ...]:
    """Those of a port in a log, the latest first; those without a time come last, in the log's own order."""
    lines = text.split("\n")
    found = [denial for line in lines if "avc:" in line and (denial := parse(line)) is not None]
    ours = [denial for denial in found if (denial.port, denial.protocol) == (port, protocol)]
    programs = _programs(lines, {denial.event for denial in ours if denial.event})
    named = [replace(denial, program=programs.get(denial.event, "")) for denial in reversed(ours)]
    return tuple(sorted(named, key=lambda denial: -(denial.time or 0.0)))


def _programs(lines: Iterable[str], events: set[str]) -> dict[str, str]:
    """The program of each event, from its SYSCALL record."""
    found: dict[str, str] = {}
    for line in lines:
        if not events or "type=SYSCALL" not in line:
            continue
        _, event = stamp_of(line)
        if event in events:
            found[event] = word(fields_of(record_of(line)), "exe")
    return found
