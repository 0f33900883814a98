"""What to run or whom to ask next, by what all the rows say together?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import takewhile

from pathprobe.core.layers import Layer, LayerName
from pathprobe.core.report import Claim, Result, Where
from pathprobe.layers.findings import OR
from pathprobe.output import path_mtu, wording
from pathprobe.output.advice import next_steps

#: What resolves that a port is open though a layer lets nothing in; none of them changes anything.
_RESOLVES = {
    LayerName.LISTENING: (
        "Find out which machine has {address}: ip neighbour show {address} on a host beside it; ip -br address on the"
        " server.",
    ),
    LayerName.CLOUD: (
        "Print the rules again, with those of the interface that has {address} (for AWS: aws ec2"
        " describe-network-interfaces and describe-security-groups).",
    ),
}
_COUNTERS = (
    "On the server, while this runs again: sudo pathprobe host {port} --watch-arrivals 30 --trace-rules - it shows by"
    " which rules the packets go.",
)

_WATCHES_LOSS = "See whether the loss lasts, and from which hop on all later ones have it: mtr -n {address}"

#: How to find out what could not be told, where its row does not say so.
_FINDS_OUT = {
    LayerName.APPLICATION: "Ask the service in its own protocol: pathprobe app http://{host}/ (https, grpc, dns, tcp).",
    LayerName.CLOUD: "Ask the cloud: pathprobe cloud FILE --to {host} --from {source}",
    LayerName.LISTENING: "On the server: sudo pathprobe host {port}",
    LayerName.FIREWALL: "On the server: sudo pathprobe host {port}",
    LayerName.KERNEL: "On the server: sudo pathprobe host {port}",
    LayerName.SELINUX: "On the server: sudo pathprobe host {port}",
}


def mend(*rows: Layer) -> tuple[str, ...]:
    """What mends each, in this order: of alternatives the first. Nothing where none says how."""
    found = [line for row in rows for line in takewhile(lambda line: line != OR, row.fix)]
    return (*found, "Then diagnose again.") if found else ()


def resolve(result: Result, name: LayerName) -> tuple[str, ...]:
    """Of two that cannot be true at once: how to find out which one is."""
    return _said(_RESOLVES.get(name, _COUNTERS), result)


def find_out(result: Result, rows: Sequence[Layer]) -> tuple[str, ...]:
    """How to learn what could not be told, and what helps where a look is deserved."""
    return tuple(dict.fromkeys(_finding_out(result, rows)))


def _finding_out(result: Result, rows: Sequence[Layer]) -> Iterator[str]:
    for row in rows:
        if row.fix:
            yield row.fix[0]
        elif row.name in _FINDS_OUT:
            yield from _said((_FINDS_OUT[row.name],), result)


def of_probes(result: Result, *, look_there: bool) -> tuple[str, ...]:
    """What the probes alone advise; ``look_there`` False: without the look at the server, which was had."""
    return tuple(step for step in next_steps(result) if look_there or "pathprobe host" not in step)


def of_open_path(result: Result) -> tuple[str, ...]:
    """What the probes advise on a way that lets packets through, but not well."""
    if result.verdict.location.where is Where.PATH:
        return next_steps(result)
    lossy = any(reason.claim is Claim.LOSS for reason in result.verdict.reasons)
    return path_mtu.next_steps(result) or (_said((_WATCHES_LOSS,), result) if lossy else ())


def of_what_is_left(result: Result) -> tuple[str, ...]:
    """The server serves it and lets it in: do the packets get there, and who is before it?"""
    asked: tuple[str, ...] = ()
    location = result.verdict.location
    if location.where is Where.TARGET_EDGE and location.last_good is not None and location.last_good.ttl:
        target = result.target
        rule = f"a rule on {target.service} towards {target.address}, on its way out"
        asked = (f"Ask who runs {wording.place(location.last_good)} for {rule}.",)
    elif location.where is Where.PATH:
        asked = next_steps(result)
    watch = "On the server, while this runs again: sudo pathprobe host {port} --watch-arrivals 30 - do packets arrive?"
    return (*_said((watch,), result), *asked)


def _said(texts: Sequence[str], result: Result) -> tuple[str, ...]:
    target = result.target
    address = f"[{target.address}]" if ":" in target.address else target.address
    words = {
        "address": target.address,
        "host": f"{address}:{target.port}",
        "port": f"{target.port}/{target.protocol}",
        "source": result.source,
    }
    return tuple(text.format_map(words) for text in texts)
