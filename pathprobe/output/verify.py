"""How does whoever gets the evidence convince himself?"""

from __future__ import annotations

from collections.abc import Iterable

from pathprobe.core.report import Result

#: What the capture is called in a ticket.
EVIDENCE = "evidence.pcapng"

#: What asks the same packets again.
ANALYZE = f"pathprobe analyze {EVIDENCE}"

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
