"""What of a race is kept: every run of every tool, on which versions, and when.

Nothing of the machine but its number of cores: the file is committed. A race of some works leaves the others in it as
they were.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.bench.figures import Race, Spread, bound_figure, is_missed
from tests.bench.work import Work

SCHEMA = "pathprobe-bench/1"

#: Program, the option that makes it say its version, and what the version looks like there.
_VERSIONS = {
    "nmap": ("--version", r"Nmap version (\S+)"),
    "traceroute": ("--version", r"version (\d[\d.]*\d)"),
    "tcptraceroute.mt": ("-v", r"tcptraceroute (\S+)"),
    "mtr": ("--version", r"mtr (\S+)"),
    "hping3": ("--version", r"version (\S+)"),
    "fping": ("--version", r"Version (\S+)"),
}


def write(path: Path, raced: Sequence[tuple[Work, Sequence[Race]]]) -> None:
    """Raises OSError, and ValueError where the file is something else."""
    before = json.loads(path.read_text())["works"] if path.exists() else []
    about = {"date": datetime.now(UTC).date().isoformat(), "cores": os.cpu_count(), "versions": versions()}
    document = {"schema": SCHEMA, "works": merged(before, [about | entry(work, races) for work, races in raced])}
    path.write_text(f"{json.dumps(document, indent=1, ensure_ascii=False)}\n")


def merged(before: Sequence[dict[str, Any]], now: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The works of a file, with those that were raced again in the place of their last results."""
    return list(({one["work"]: one for one in before} | {one["work"]: one for one in now}).values())


def entry(work: Work, races: Sequence[Race]) -> dict[str, Any]:
    """One work, as plain dicts and lists; costs in seconds and MiB, null for a run that does not count."""
    return {
        "work": work.name,
        "what": work.what,
        "tools": [
            {
                "tool": race.tool.name,
                "questions": list(race.tool.questions),
                "installed": race.installed,
                "runs": [
                    cost and {name: round(value, 4) for name, value in asdict(cost).items()} for cost in race.costs
                ],
                "wrong": list(race.wrong),
            }
            for race in races
        ],
        "bounds": [
            {
                "measure": bound.measure,
                "how": bound.how,
                "beside": bound.peer,
                "at_most": bound.at_most,
                "figure": _spread(bound_figure(bound, races)),
                "kept": not is_missed(bound, races),
            }
            for bound in work.bounds
        ],
    }


def _spread(figure: Spread | None) -> dict[str, float] | None:
    if figure is None:
        return None
    return {name: round(value, 4) for name, value in asdict(figure).items()}


def versions() -> dict[str, str]:
    """Of what takes part; a program that is not installed has none."""
    found = {"python": platform.python_version(), "kernel": platform.release().partition("-")[0]}
    found |= {package: version(package) for package in ("pathprobe", "scapy")}
    return found | {name: told for name in _VERSIONS if (told := _told(name))}


def _told(program: str) -> str | None:
    if shutil.which(program) is None:
        return None
    option, pattern = _VERSIONS[program]
    done = subprocess.run([program, option], capture_output=True, text=True, check=False, timeout=10)
    match = re.search(pattern, done.stdout + done.stderr)
    return match[1] if match else None
