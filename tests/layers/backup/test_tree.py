"""Files are kept with modes and links, and become what they were with as little touched as that needs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pathprobe.layers.backup.tree import Unusual, comparable, put, read

PATHS = ("firewalld",)


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    top = tmp_path / "etc"
    (top / "firewalld/zones").mkdir(parents=True)
    (top / "firewalld/empty").mkdir(mode=0o750)
    (top / "firewalld/firewalld.conf").write_bytes(b"DefaultZone=public\n")
    (top / "firewalld/zones/public.xml").write_bytes(b"<zone/>\xff")
    (top / "firewalld/zones/link.xml").symlink_to("public.xml")
    (top / "hosts").write_text("not ours")
    return top


def spoil(top: Path) -> None:
    (top / "firewalld/firewalld.conf").chmod(0o600)
    (top / "firewalld/zones/public.xml").write_bytes(b"<zone>")
    (top / "firewalld/zones/link.xml").unlink()
    (top / "firewalld/zones/new").mkdir()
    (top / "firewalld/zones/new/one.xml").write_bytes(b"")
    (top / "firewalld/empty").rmdir()
    (top / "firewalld/empty").write_bytes(b"a file now")


def test_files_folders_links_and_modes_come_back(etc: Path) -> None:
    before = read(etc, PATHS)
    spoil(etc)
    assert read(etc, PATHS) != before
    put(etc, before, PATHS)
    assert read(etc, PATHS) == before
    assert (etc / "hosts").read_text() == "not ours"


def test_a_file_that_does_not_differ_is_not_touched(etc: Path) -> None:
    before, inode = read(etc, PATHS), (etc / "firewalld/firewalld.conf").stat().st_ino
    (etc / "firewalld/zones/public.xml").unlink()
    put(etc, before, PATHS)
    assert (etc / "firewalld/firewalld.conf").stat().st_ino == inode


def test_nothing_wanted_removes_all_of_it(etc: Path) -> None:
    put(etc, {}, PATHS)
    assert os.listdir(etc) == ["hosts"]


def test_a_path_that_is_not_there_is_left_out(etc: Path) -> None:
    assert read(etc, ("ufw", "default/ufw")) == {}


def test_something_that_is_no_file_is_not_kept(etc: Path) -> None:
    os.mkfifo(etc / "firewalld/pipe")
    with pytest.raises(Unusual, match=r"firewalld/pipe is no file, no folder and no link"):
        read(etc, PATHS)


@pytest.mark.parametrize("name", [b"a\nb", b"\xff", b"a\\b"])
def test_a_name_that_a_list_of_checksums_cannot_hold_is_told(etc: Path, name: bytes) -> None:
    Path(os.fsdecode(os.fsencode(etc) + b"/firewalld/" + name)).write_text("")
    with pytest.raises(Unusual, match="has a name in it that a list of checksums cannot hold"):
        read(etc, PATHS)


def test_a_folder_that_lies_elsewhere_is_not_kept_as_a_link(etc: Path) -> None:
    (etc / "firewalld").rename(etc / "elsewhere")
    (etc / "firewalld").symlink_to("elsewhere")
    with pytest.raises(Unusual, match="firewalld is a link to elsewhere, where its files would not be kept"):
        read(etc, PATHS)


def test_each_entry_is_compared_with_its_mode_and_lines(etc: Path) -> None:
    lines = comparable(read(etc, PATHS))
    assert [line for line in lines if "zones/" in line and "mode" in line] == [
        f"== firewalld/zones/link.xml (link, mode 0777, owner {os.getuid()}:{os.getgid()})",
        f"== firewalld/zones/public.xml (file of 8 octets, mode 0644, owner {os.getuid()}:{os.getgid()})",
    ]
    assert {"-> public.xml", "DefaultZone=public", "<zone/>\\xff"} <= set(lines)
