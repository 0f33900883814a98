"""The house keeps its rules: what stands at the top, and how a module begins."""

from __future__ import annotations

import subprocess
from pathlib import Path

TOP = Path(__file__).parent.parent

ALLOWED = {
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "Makefile",
    "README.md",
    "captures",
    "docs",
    "pathprobe",
    "pyproject.toml",
    "setup.cfg",
    "tests",
}


def test_nothing_else_stands_at_the_top() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=TOP, capture_output=True, text=True, check=True).stdout
    tops = {line.split("/")[0] for line in tracked.splitlines()}
    assert {name for name in tops if not name.startswith(".")} == ALLOWED


def test_every_module_opens_with_what_it_is_for() -> None:
    silent = [path.name for path in (TOP / "pathprobe").rglob("*.py") if not path.read_text().startswith('"""')]
    assert silent == []
