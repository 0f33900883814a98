"""A real ufw that has a /etc of its own: what is proposed opens the port."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pathprobe.layers.firewall.owners import Kind, Owners, Question, Remark, read, remarks
from pathprobe.layers.system import Recorded
from tests.layers.two_hosts import SERVER, is_reached, is_shut, listening, run_on_server, two_hosts

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("lab_host")]


@pytest.fixture
def etc(tmp_path: Path) -> Iterator[Path]:
    """In the place of /etc/ufw and /etc/default/ufw, for the commands that are given to ``run``."""
    shutil.copytree("/etc/ufw", tmp_path / "ufw")
    shutil.copy("/etc/default/ufw", tmp_path / "default")
    with two_hosts(), listening(SERVER, 8080), listening(SERVER, 9005):
        yield tmp_path


def run(etc: Path, line: str) -> str:
    mounts = (
        f"mount --bind {etc}/ufw /etc/ufw && mount --bind {etc}/default /etc/default/ufw && mount -t tmpfs tmpfs /run"
    )
    return run_on_server(f"unshare --mount sh -c {shlex.quote(f'{mounts} && {line}')}")


def remark(etc: Path, port: int) -> Remark:
    files = {f"/etc/ufw/{path.name}": path.read_text() for path in (etc / "ufw").glob("*.*") if path.is_file()}
    found: Owners = read(Recorded(files={**files, "/etc/default/ufw": (etc / "default").read_text()}))
    (told,) = remarks(found, Question(port=port, version=4, interface="eth0"))
    return told


def test_the_fixes_open_a_port_that_is_denied_by_itself_and_one_that_is_among_others(etc: Path) -> None:
    run(etc, "ufw deny 8080/tcp && ufw deny 9000:9010/tcp && ufw --force enable")
    for port in (8080, 9005):
        assert is_shut(port)
        told = remark(etc, port)
        assert told.kind is Kind.NOT_LET_IN
        run(etc, told.fix[0])
        assert is_reached(port), told.fix[0]
        assert remark(etc, port).kind is Kind.LETS_IN
