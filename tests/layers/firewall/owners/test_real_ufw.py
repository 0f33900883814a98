"""A real ufw that has a /etc of its own: what is proposed opens the port."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pathprobe.layers.firewall.owners import Kind, Owners, Question, Remark, read, remarks
from pathprobe.layers.system import Recorded
from tests.layers.two_hosts import SERVER, is_reached, listening, run_on_server, two_hosts

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("lab_host")]

PORT = 8080
QUESTION = Question(port=PORT, version=4, interface="eth0")


@pytest.fixture
def etc(tmp_path: Path) -> Iterator[Path]:
    """In the place of /etc/ufw and /etc/default/ufw, for the commands that are given to ``run``."""
    shutil.copytree("/etc/ufw", tmp_path / "ufw")
    shutil.copy("/etc/default/ufw", tmp_path / "default")
    with two_hosts(), listening(SERVER, PORT):
        yield tmp_path


def run(etc: Path, line: str) -> str:
    mounts = (
        f"mount --bind {etc}/ufw /etc/ufw && mount --bind {etc}/default /etc/default/ufw && mount -t tmpfs tmpfs /run"
    )
    return run_on_server(f"unshare --mount sh -c {shlex.quote(f'{mounts} && {line}')}")


def remark(etc: Path) -> Remark:
    files = {f"/etc/ufw/{path.name}": path.read_text() for path in (etc / "ufw").glob("*.*") if path.is_file()}
    found: Owners = read(Recorded(files={**files, "/etc/default/ufw": (etc / "default").read_text()}))
    (told,) = remarks(found, QUESTION)
    return told


@pytest.mark.parametrize("deny", ["", "ufw deny 8080/tcp", "ufw deny 8080", "ufw deny 8000:8100/tcp"])
def test_each_fix_opens_a_port_that_no_rule_lets_in_or_that_one_denies(etc: Path, deny: str) -> None:
    run(etc, f"ufw --force enable; {deny}")
    before = {path: path.read_text() for path in (etc / "ufw").glob("user*.rules")}
    told = remark(etc)
    assert told.kind is Kind.NOT_LET_IN
    for line in told.fix:
        for path, text in before.items():
            path.write_text(text)
        run(etc, "ufw reload")
        assert not is_reached(PORT)
        run(etc, line)
        assert is_reached(PORT), line
        assert remark(etc).kind is Kind.LETS_IN
