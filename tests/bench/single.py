"""How long does one diagnosis take, beside the peers, on the same network in the same run?

    python tests/bench/single.py [ROUNDS]

Runs each command in turn in the lab and prints medians and ratios. Needs root or user namespaces, nmap and
traceroute. Not collected by pytest: times on a shared machine are no test.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from statistics import median

from tabulate import tabulate

from pathprobe.lab.catalogue import load
from pathprobe.lab.network import Lab

ADDRESS, PORT = "10.0.0.5", "8080"
PATHPROBE = (sys.executable, "-m", "pathprobe")
OURS = (*PATHPROBE, "tcp", f"{ADDRESS}:{PORT}")
NMAP = ("nmap", "-n", "-Pn", "-sS", "-p", PORT, "--reason", "--traceroute", ADDRESS)
TRACEROUTE = ("traceroute", "-n", "-T", "-p", PORT, ADDRESS)
BARE_IMPORT = (sys.executable, "-c", "import scapy.layers.inet")

#: Scenario, our command, the peer, what is compared, the bound on it, and the most rounds that are worth it.
COMPARISONS = (
    ("drop-r2-forward", OURS, NMAP, "ratio", 0.6, 9),
    ("drop-target", OURS, NMAP, "ratio", 0.6, 9),
    ("drop-r2-forward", OURS, TRACEROUTE, "ratio", 1 / 20, 1),
    ("open", OURS, BARE_IMPORT, "difference", 0.45, 9),
    ("closed", OURS, BARE_IMPORT, "difference", 0.45, 9),
    ("open", (*PATHPROBE, "--help"), None, "seconds", 0.15, 9),
)


def seconds(lab: Lab, command: tuple[str, ...]) -> float:
    """Wall time of one run on the lab's client."""
    started = time.perf_counter()
    lab.run("client", command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - started


def compare(name: str, ours: tuple[str, ...], peer: tuple[str, ...] | None, how: str, rounds: int) -> list[float]:
    """One figure per round; a new network for each, so that no router's ICMP limit is used up by the run before."""
    figures = []
    for _ in range(rounds):
        with Lab(load(name)) as lab:
            mine = seconds(lab, ours)
        if peer is None:
            figures.append(mine)
            continue
        with Lab(load(name)) as lab:
            theirs = seconds(lab, peer)
        figures.append(mine / theirs if how == "ratio" else mine - theirs)
    return figures


def main() -> int:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    rows, missed = [], 0
    for name, ours, peer, how, bound, most in COMPARISONS:
        if peer and shutil.which(peer[0]) is None:
            rows.append((name, peer[0], how, "not installed", "", "", ""))
            continue
        figures = compare(name, ours, peer, how, min(rounds, most))
        missed += median(figures) > bound
        label = "import scapy.layers.inet" if peer is BARE_IMPORT else peer[0] if peer else "--help"
        rows.append(
            (name, label, how, *(f"{value:.3f}" for value in (median(figures), min(figures), max(figures), bound)))
        )
    print(tabulate(rows, ["scenario", "beside", "figure", "median", "min", "max", "at most"]))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
