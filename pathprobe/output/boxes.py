"""How is a box on the way put into words, in the text and in the document?"""

from __future__ import annotations

from typing import Any

from pathprobe.core.outcomes import Refusal
from pathprobe.core.packets import InterfaceInfo, InterfaceRole, MplsLabel
from pathprobe.core.quotes import Change
from pathprobe.core.report import HopRow, Middlebox, Result, Where
from pathprobe.output.wording import place

#: More than this of a label stack is for the document.
_LABELS_TOLD = 3


def box_lines(result: Result) -> list[str]:
    """One sentence for each box, but for the one that the verdict itself is about."""
    told = result.verdict.location.where is Where.PATH
    return [_sentence(box, result) for box in result.middleboxes if not (told and box.what is Change.IN_PLACE)]


def _sentence(box: Middlebox, result: Result) -> str:
    first, second = box.between
    what = f"{box.what}{_values(box)}{_of_whom(box, result)}"
    if not box.carried:
        return f"{place(first)} alone quotes it so: {what}; hops behind it quote it as it left"
    if box.what is Change.DESTINATION:
        what += f": the errors from there come in the name of {result.target.address}"
    where = place(first) if first == second else f"between {place(first)} and {place(second)}"
    return f"{where}: {what}"


def _values(box: Middlebox) -> str:
    if box.before is not None and box.after is not None:
        return f", {box.before or 'nothing'} -> {box.after or 'nothing'}"
    one = box.after or box.before
    return f", {one}" if one else ""


def _of_whom(box: Middlebox, result: Result) -> str:
    """Whose packets, where routers quoted others too."""
    quoted = {seen.probe.flow.label for seen in result.observations if isinstance(seen.outcome, Refusal)}
    return "" if quoted <= set(box.services) else f" (seen on {', '.join(box.services)})"


def box_entry(box: Middlebox) -> dict[str, Any]:
    """The same for a program; ``from`` and ``to`` are null where they differ from probe to probe or are not known."""
    return {
        "between": [hop.ttl for hop in box.between],
        "addresses": [hop.address for hop in box.between],
        "what": box.what,
        "from": box.before,
        "to": box.after,
        "services": list(box.services),
        "carried": box.carried,
        "probes": list(box.probes),
    }


def row_note(row: HopRow) -> str:
    """What the router said about itself: ``MPLS 16001``, ``in eth1``."""
    told = [_labels_note(row.labels)] if row.labels else []
    if row.interface and (name := _interface_name(row.interface)):
        told.append(name)
    return ", ".join(told)


def _labels_note(labels: tuple[MplsLabel, ...]) -> str:
    more = f"/+{len(labels) - _LABELS_TOLD}" if len(labels) > _LABELS_TOLD else ""
    return "MPLS " + "/".join(str(one.label) for one in labels[:_LABELS_TOLD]) + more


_ROLE_WORDS = {
    InterfaceRole.INCOMING: "in",
    InterfaceRole.SUB_IP: "in",
    InterfaceRole.OUTGOING: "out",
    InterfaceRole.NEXT_HOP: "to",
}


def _interface_name(interface: InterfaceInfo) -> str:
    """Its name, else its address, else its number."""
    index = None if interface.index is None else f"interface {interface.index}"
    name = interface.name or interface.address or index
    return f"{_ROLE_WORDS[interface.role]} {name}" if name else ""


def row_facts(row: HopRow) -> dict[str, Any]:
    """The keys that a hop has in the document only if its router said so."""
    facts: dict[str, Any] = {}
    if row.labels:
        facts["mpls"] = [
            {"label": one.label, "tc": one.traffic_class, "bottom": one.bottom, "ttl": one.ttl} for one in row.labels
        ]
    if row.interface:
        interface = row.interface
        facts["interface"] = {
            "role": interface.role,
            "index": interface.index,
            "address": interface.address,
            "name": interface.name,
            "mtu": interface.mtu,
        }
    return facts
