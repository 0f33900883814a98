"""How is it said which sizes of packet pass on a path, and who must do what about the others?"""

from __future__ import annotations

from typing import Any

from pathprobe.core.report import Direction, Hop, Loss, PathMtu, Result, Told, Where
from pathprobe.output.wording import place, sureness

#: Octets of an IP header and a TCP header without options, by IP version: MTU less this is the MSS (RFC 6691).
_HEADERS = {4: 40, 6: 60}

#: Where it was asked and nothing came of it.
UNKNOWN = "not known: the target answers nothing that could be compared (or it is this host)"

#: What must be let through for path MTU discovery to work (RFC 1191, RFC 8201; RFC 4890 section 4.3.1).
_MESSAGE = {4: "ICMP type 3 code 4, fragmentation needed", 6: "ICMPv6 type 2, packet too big"}


def summary(found: PathMtu) -> str:
    """One clause for a ticket: ``large packets die after hop 3, MTU 1400, no ICMP``."""
    match found.mechanism:
        case Loss.NONE:
            return f"packets of {found.largest} octets pass"
        case Loss.TOLD:
            return f"large packets are refused by {_teller(found.told_by)}, MTU {found.largest}, and it says so"
        case Loss.SILENT if found.gets_there:
            return f"large echo replies do not come back, MTU {found.largest}, no ICMP"
        case Loss.SILENT:
            return f"large packets die{_behind(found)}, MTU {found.largest}, no ICMP"
        case None:
            return f"packets of {found.largest} octets pass; whether larger ones do is hidden by loss"


def lines(result: Result) -> list[str]:
    """All that is to be said of the path's MTU; nothing where it was not asked for."""
    if found := result.path_mtu:
        return [sentence(found), *refuted(found)]
    return [UNKNOWN] if result.mtu is not None else []


def sentence(found: PathMtu) -> str:
    """The same for a terminal, with addresses, numbers and what was asked."""
    asked = f"asked with {found.carrier}, sure: {sureness(found.confidence)}"
    match found.mechanism:
        case Loss.NONE:
            return f"packets of {found.largest} octets pass, all that this host's interface sends ({asked})"
        case Loss.TOLD:
            return f"{found.largest} octets pass, {found.smallest_lost} are refused by {_said(found.told_by)} ({asked})"
        case Loss.SILENT if found.gets_there:
            return (
                f"{found.largest} octets pass, an echo of {found.smallest_lost} draws no reply though a probe of"
                f" {found.gets_there} gets there with as many: large packets die on the way back, or a firewall"
                f" treats large echo otherwise ({asked})"
            )
        case Loss.SILENT:
            return (
                f"large packets die{_between(found)}: {found.largest} octets pass,"
                f" {found.smallest_lost} vanish and nobody says why (no ICMP){_which_way(found)} ({asked})"
            )
        case None:
            return f"{summary(found)} (asked with {found.carrier})"


def refuted(found: PathMtu) -> tuple[str, ...]:
    """What boxes said that is not so."""
    return tuple(
        f"{_teller(told)} said MTU {told.mtu} of a packet of {told.size} octets, which cannot be: {found.largest} pass"
        for told in found.told
        if told.wrong
    )


def next_steps(result: Result) -> tuple[str, ...]:
    """Who must let what through, or clamp to which segment size."""
    found = result.path_mtu
    if found is None or found.mechanism is not Loss.SILENT or found.largest is None:
        return ()
    version = 6 if ":" in result.target.address else 4
    clamp = f"clamp the MSS of TCP to {found.largest - _HEADERS[version]}"
    message = f"must be let through ({_MESSAGE[version]})"
    if found.location and found.location.where is Where.LOCAL:
        return (f"On this host: nft list ruleset; tc filter show dev DEVICE egress - something drops {_above(found)}.",)
    if found.gets_there:
        return (
            f"On {result.target.address}: tracepath -n {result.source}; if that stops short, what its routers say"
            f" {message}, or {clamp} there.",
        )
    return (f"Ask who runs {_owners(found)} why {_above(found)} die: what it says of them {message}, or {clamp}.",)


def as_json(found: PathMtu | None, location: dict[str, Any] | None) -> dict[str, Any] | None:
    """The JSON object; ``location`` as in the verdict."""
    if found is None:
        return None
    return {
        "interface": found.interface,
        "largest": found.largest,
        "smallest_lost": found.smallest_lost,
        "mechanism": found.mechanism,
        "location": location,
        "told_by": _told(found.told_by) if found.told_by else None,
        "told": [{**_told(told), "size": told.size, "wrong": told.wrong} for told in found.told],
        "confidence": round(found.confidence, 6),
        "asked_with": found.carrier,
        "gets_there": found.gets_there,
        "probes": list(found.probes),
        "summary": summary(found),
    }


def _told(told: Told) -> dict[str, Any]:
    return {"ttl": told.ttl, "address": told.address, "mtu": told.mtu}


def _teller(told: Told | None) -> str:
    return place(Hop(ttl=told.ttl, address=told.address) if told else None)


def _said(told: Told | None) -> str:
    if told is None:
        return "an unknown hop"
    number = f", MTU {told.mtu}" if told.mtu is not None else ""
    return f"{_teller(told)}, which says so ({told.message}{number})"


def _behind(found: PathMtu) -> str:
    """`` after hop 3``: the last one that they were seen to reach."""
    good = found.location.last_good if found.location else None
    if good is None:
        return " on the way"
    return " after this host" if good.ttl == 0 else f" after hop {good.ttl}"


def _between(found: PathMtu) -> str:
    location = found.location
    if location is None or location.last_good is None:
        return " on the way"
    neighbours = location.first_bad is not None and location.first_bad.ttl == location.last_good.ttl + 1
    if location.first_bad is None or neighbours:
        return f" after {place(location.last_good)}"
    return f" between {place(location.last_good)} and {place(location.first_bad)}"


def _which_way(found: PathMtu) -> str:
    location = found.location
    if location and location.direction is Direction.FORWARD:
        return ""
    return "; perhaps on the way back, for a reply is as large as its request"


def _owners(found: PathMtu) -> str:
    location = found.location
    if location is None or location.last_good is None:
        return "the routers on the way"
    hops = [hop for hop in (location.last_good, location.first_bad) if hop and hop.ttl]
    return " and ".join(place(hop) for hop in hops) or "the first router"


def _above(found: PathMtu) -> str:
    return f"packets above {found.largest} octets"
