"""What every folder of tests shares."""

from __future__ import annotations

import os

import pytest

from pathprobe.lab import netns


@pytest.fixture(scope="session")
def lab_host() -> None:
    """This process may build labs. A host that forbids it is no news on a laptop, and a hole in the tests in CI."""
    try:
        netns.privatise()
    except netns.LabUnavailable as reason:
        if os.environ.get("CI"):
            pytest.fail(str(reason))
        pytest.skip(str(reason))
