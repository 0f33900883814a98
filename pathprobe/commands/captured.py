"""What does ``pathprobe analyze`` report of one file: pathprobe's own run, or anybody's traffic?"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from ipaddress import IPv4Network, IPv6Network, ip_address
from pathlib import Path

from pathprobe.core.report import Report, Result, Vantage, Watched
from pathprobe.core.sightings import FileSummary
from pathprobe.engine.foreign import Wanted, Witnessed, network_of, witness
from pathprobe.engine.notes import read_note
from pathprobe.engine.offline import NotOurs, analysis_of
from pathprobe.engine.targets import BadTarget, parse
from pathprobe.wire.captures import NotACapture


class BadNarrowing(ValueError):
    """--target or --host make no sense; the message says what to write. The caller's exit status is 2."""


def wanted_of(targets: Sequence[str], hosts: Sequence[str]) -> Wanted:
    """What --target and --host ask for. Raises BadNarrowing."""
    pairs = [pair for text in targets for pair in _pairs(text)]
    return Wanted(targets=tuple(pairs), hosts=tuple(map(_network, hosts)))


def _pairs(text: str) -> list[tuple[str, int | None]]:
    if _is_address(text):
        return [(str(ip_address(text)), None)]
    try:
        wanted = parse(text, with_port=True)
    except BadTarget as error:
        raise BadNarrowing(f"--target {error}") from None
    if not _is_address(wanted.host):
        raise BadNarrowing(f"--target {text!r}: a capture holds addresses, no names: write ADDRESS:PORT")
    return [(str(ip_address(wanted.host)), port) for port in wanted.ports]


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        return network_of(text)
    except ValueError:
        raise BadNarrowing(f"--host {text!r}: write an address or a prefix, as 10.0.0.5 or 10.0.0.0/24") from None


def report_of(path: Path, wanted: Wanted | None = None) -> Report:
    """The report on a file, on all that is in it where nothing is said. Raises NotOurs, OSError."""
    wanted = wanted or Wanted()
    try:
        with _no_search_for_cycles():
            seen = witness(path, wanted)
    except NotACapture as error:
        raise NotOurs(f"{path}: {error}") from None
    if any(read_note(text) for text in seen.notes):
        return _of_ours(path, wanted, seen)
    if not seen.results:
        raise NotOurs(f"{path}: {_nothing(seen, wanted)}")
    return _report(path, seen.results, seen.file, seen.watched)


@contextmanager
def _no_search_for_cycles() -> Iterator[None]:
    """A hundred thousand facts that live on are searched again and again for cycles that they do not make: a third of
    all time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _of_ours(path: Path, wanted: Wanted, seen: Witnessed) -> Report:
    """Our own run; strangers' questions in it are told only when they are asked for."""
    analysis = analysis_of(path)
    if not wanted.narrows:
        return _report(path, analysis.results, analysis.file, None)
    ours = tuple(result for result in analysis.results if wanted.takes(result))
    pairs = {(result.source, result.target.address) for result in analysis.results}
    theirs = tuple(result for result in seen.results if (result.source, result.target.address) not in pairs)
    if not ours and not theirs:
        raise NotOurs(f"{path}: {_nothing(seen, wanted)}")
    return _report(path, (*ours, *theirs), analysis.file, seen.watched if theirs else None)


def _nothing(seen: Witnessed, wanted: Wanted) -> str:
    if seen.file.cut:
        return f"no question in what could be read of it: {seen.file.cut}"
    if wanted.narrows:
        return "no question that --target and --host ask for; without them all are told"
    text = "no question in it: no SYN, no UDP datagram to one host, no echo request"
    if seen.watched.midway:
        text += f" (TCP connections that began before the capture and did not fail: {seen.watched.midway})"
    return text


def _report(path: Path, results: tuple[Result, ...], file: FileSummary, watched: Watched | None) -> Report:
    sources = {result.source for result in results}
    if watched is not None and file.cut:
        results = tuple(replace(result, complete=False) for result in results)
    started = min(result.started for result in results)
    duration = sum(result.duration for result in results)
    if watched is not None:
        duration = max(result.started + result.duration for result in results) - started
    return Report(
        engine="capture",
        started=started,
        duration=duration,
        vantage=Vantage(hostname=None, interface=None, source=results[0].source if len(sources) == 1 else None),
        results=results,
        complete=all(result.complete for result in results),
        capture_path=str(path),
        capture_packets=len({number for result in results for numbers in result.frames.values() for number in numbers}),
        file=file,
        watched=watched,
    )
