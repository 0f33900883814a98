"""A namespace for each test that changes rules."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pathprobe.lab import netns


@pytest.fixture
def host(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """This process is in a network without rules; what it gives is the host's /etc, in which nothing is."""
    request.getfixturevalue("lab_host")
    monkeypatch.setenv("XTABLES_LOCKFILE", str(tmp_path / "xtables.lock"))
    netns.add("kept")
    try:
        with netns.inside("kept"):
            etc = tmp_path / "etc"
            etc.mkdir()
            yield etc
    finally:
        netns.delete("kept")
