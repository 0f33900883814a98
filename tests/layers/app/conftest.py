"""One authority and one nginx for all tests of the application layer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.layers.app.authority import Authority, authority
from tests.layers.app.web import Web, nginx


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def web(made: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    with nginx(tmp_path_factory.mktemp("nginx"), made) as running:
        yield running
