"""How does whoever gets the evidence convince himself?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pathprobe.core.exhibits import Exhibit
from pathprobe.core.report import Result

#: What the capture is called in a ticket, and the server's where both ends were captured.
EVIDENCE = "evidence.pcapng"
SERVER_EVIDENCE = "evidence-server.pcapng"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """A capture of a ticket: ``digest`` is its SHA-256 in hexadecimal digits, ``exhibits`` its packets."""

    name: str
    digest: str
    exhibits: tuple[Exhibit, ...]


def what_is_in(proofs: Sequence[Proof]) -> str:
    """Which packets a reader finds where, for a sentence about them; names stand in backquotes."""
    if len(proofs) == 1:
        return (
            f"Every packet that asked, and every answer that counted, is in `{EVIDENCE}`, each with a comment that"
            " says what follows from it."
        )
    return (
        f"Every packet that is about these questions is in `{EVIDENCE}` as the client saw it, and in"
        f" `{SERVER_EVIDENCE}` as the server saw it, each with a comment that says which one it is at the other end or"
        " that it never came there."
    )


def analyze(proofs: Sequence[Proof]) -> str:
    """What asks the same packets again; the client's capture first."""
    return " ".join(["pathprobe analyze", *(proof.name for proof in proofs)])


#: What holds the files of a ticket against their sums.
CHECK = "sha256sum -c SHA256SUMS"


def display_filter(result: Result) -> str:
    """Wireshark's filter for the packets about a target: its fields match quotes in ICMP errors too."""
    target = result.target
    version = "ipv6" if ":" in target.address else "ip"
    address = f"{version}.addr == {target.address}"
    if target.port is None:
        return f"{address} && {'icmpv6' if version == 'ipv6' else 'icmp'}"
    return f"{address} && {target.protocol}.port == {target.port}"


def frame_filter(numbers: Iterable[int]) -> str:
    """Wireshark's filter for packets by their number, neighbours as ranges: ``frame.number in {1, 3..5}``."""
    runs: list[list[int]] = []
    for number in sorted(set(numbers)):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    parts = [str(run[0]) if len(run) == 1 else f"{run[0]}..{run[-1]}" for run in runs]
    return f"frame.number in {{{', '.join(parts)}}}"
