"""With which semanage commands does this port get another type?

``-a`` is for ports that no entry has exactly, ``-m`` for those that one has: semanage before 3.4 refuses ``-a`` for the
latter ("Port tcp/9090 already defined"), all refuse ``-m`` for the former ("is not defined"). A wider entry does not
count: 10005 in 10001-10010 is added. Entries of the operator's may not overlap (semanage_port_validate_local): a range
of his around the port is taken apart first.
"""

from __future__ import annotations

from pathprobe.layers.mandatory_access.facts import Labels
from pathprobe.layers.mandatory_access.port_labels import GENERIC


def commands(port: int, protocol: str, type_: str, labels: Labels, seen: str = "") -> tuple[str, ...]:
    """To run in this order. ``seen``: the type in the denial, which counts where the entries could not be read."""
    add, modify = _command("-a", type_, protocol, port), _command("-m", type_, protocol, port)
    is_exact = any((one.low, one.high) == (port, port) for one in labels.entries)
    if is_exact:
        return (*_taken_apart(port, protocol, labels), modify)
    if labels.knows_policy or seen in GENERIC:
        return (*_taken_apart(port, protocol, labels), add)
    return (f"{add} || {modify}",)


def _taken_apart(port: int, protocol: str, labels: Labels) -> tuple[str, ...]:
    around = next((one for one in labels.entries if one.is_local and one.low < one.high), None)
    if around is None:
        return ()
    rest = (_ports(around.low, port - 1), _ports(port + 1, around.high))
    again = [_command("-a", around.type, protocol, ports) for ports in rest if ports]
    return (f"semanage port -d -p {protocol} {around.ports}", *again)


def _ports(low: int, high: int) -> str:
    return "" if low > high else str(low) if low == high else f"{low}-{high}"


def _command(option: str, type_: str, protocol: str, ports: int | str) -> str:
    return f"semanage port {option} -t {type_} -p {protocol} {ports}"
