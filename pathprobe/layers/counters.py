"""What has the kernel counted, by /proc/net/netstat and /proc/net/stat/nf_conntrack?"""

from __future__ import annotations

from collections.abc import Mapping

NETSTAT = "/proc/net/netstat"
CONNTRACK = "/proc/net/stat/nf_conntrack"


def tcp_extensions(text: str) -> Mapping[str, int]:
    """The counters of the TcpExt pair of lines, names above numbers; of the network namespace since it began."""
    lines = [line.split() for line in text.splitlines() if line.startswith("TcpExt:")]
    if len(lines) < 2:
        return {}
    return {name: int(number) for name, number in zip(lines[0][1:], lines[1][1:], strict=False) if number.isdecimal()}


def conntrack(text: str) -> Mapping[str, int]:
    """Each column of nf_conntrack's statistics, summed over the processors (a line each, hexadecimal)."""
    head, *rows = [line.split() for line in text.splitlines() if line.strip()] or [[]]
    sums = dict.fromkeys(head, 0)
    for row in rows:
        for name, digits in zip(head, row, strict=False):
            sums[name] += _hexadecimal(digits)
    return sums


def _hexadecimal(digits: str) -> int:
    try:
        return int(digits, 16)
    except ValueError:
        return 0
