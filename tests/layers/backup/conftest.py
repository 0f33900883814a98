"""A namespace for each test that changes rules."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.layers.backup.hosts import without_rules


@pytest.fixture
def host(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """This process is in a network without rules; what it gives is the host's /etc, in which nothing is."""
    request.getfixturevalue("lab_host")
    with without_rules(tmp_path):
        etc = tmp_path / "etc"
        etc.mkdir()
        yield etc
