"""What do the probes of layers 4 and 5 say, as rows beside those of the other layers?"""

from __future__ import annotations

from pathprobe.core.layers import Evidence, Layer, LayerName, Status
from pathprobe.core.report import Claim, Result, State, Where
from pathprobe.output import path_mtu, wording
from pathprobe.output.boxes import box_lines
from pathprobe.output.claims import claim
from pathprobe.output.table import path_line

_STATUS = {
    State.OPEN: Status.PASS,
    State.CLOSED: Status.FAIL,
    State.FILTERED: Status.FAIL,
    State.UNREACHABLE: Status.FAIL,
    State.INTERMITTENT: Status.WARN,
    State.OPEN_FILTERED: Status.UNKNOWN,
    State.UNKNOWN: Status.UNKNOWN,
}


def connectivity(result: Result) -> Layer:
    """Layer 4: is it open from here?"""
    verdict = result.verdict
    sure = wording.sureness(verdict.confidence)
    return Layer(
        name=LayerName.CONNECTIVITY,
        status=_STATUS[verdict.state],
        summary=f"{verdict.state}: {wording.finding(result)} (sure: {sure})",
        evidence=tuple(Evidence(source=_command(result), text=claim(reason)) for reason in verdict.reasons),
        is_absent=verdict.state is State.CLOSED,
    )


def path(result: Result) -> Layer:
    """Layer 5: how far do packets to this port get, and is something on the way in their way?"""
    status, summary = _of_path(result)
    boxes = box_lines(result) + path_mtu.lines(result)
    if status is Status.PASS and boxes:
        status, summary = Status.WARN, f"{summary}; {boxes[0].rstrip('.')}"
    if status is Status.PASS and (lost := _loss(result)):
        status, summary = Status.WARN, f"{summary}; {lost}"
    evidence = [Evidence(source=_command(result), text=path_line(result).strip())] if result.hops else []
    evidence += [Evidence(source=_command(result), text=line) for line in boxes]
    return Layer(name=LayerName.PATH, status=status, summary=summary, evidence=tuple(evidence))


def _of_path(result: Result) -> tuple[Status, str]:
    verdict, location = result.verdict, result.verdict.location
    if location.where is Where.LOCAL:
        return Status.FAIL, "the packets do not leave this host"
    if not result.hops:
        return Status.SKIP, "no path was traced"
    if verdict.state is State.INTERMITTENT:
        return Status.WARN, wording.finding(result)
    if location.where is Where.PATH and verdict.state is State.OPEN:
        return Status.WARN, wording.finding(result)
    if location.where is Where.PATH:
        return Status.FAIL, wording.finding(result)
    if location.where is Where.TARGET_EDGE and location.last_good:
        return Status.PASS, f"whole as far as {wording.place(location.last_good)}, the last before the target"
    if location.where is Where.TARGET and verdict.distance is not None:
        return Status.PASS, f"whole: {verdict.distance} {'hop' if verdict.distance == 1 else 'hops'} to the target"
    if verdict.state is State.UNREACHABLE:
        return Status.FAIL, wording.finding(result)
    return Status.UNKNOWN, "how far the packets get could not be told"


def _loss(result: Result) -> str:
    """Who waits for retransmissions calls a port slow, though it is open."""
    told = (claim(reason).rstrip(".") for reason in result.verdict.reasons if reason.claim is Claim.LOSS)
    return next((text[0].lower() + text[1:] for text in told), "")


def _command(result: Result) -> str:
    target = result.target
    host = f"[{target.address}]" if ":" in target.address else target.address
    return f"pathprobe {target.protocol} {host}:{target.port}"
