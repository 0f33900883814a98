"""Is a ticket where it was wanted, whole, and nothing else touched?"""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from pathprobe.engine.ticket_place import CannotPlace, TicketPlace

FILES = {"report.md": b"one", "evidence.pcapng": b"two"}


def test_a_folder_is_made_with_those_above_it_and_holds_the_files(tmp_path: Path) -> None:
    place = TicketPlace(tmp_path / "a" / "b", tuple(FILES))
    place.put(FILES)
    assert {path.name: path.read_bytes() for path in (tmp_path / "a" / "b").iterdir()} == FILES
    assert place.file("report.md") == tmp_path / "a" / "b" / "report.md"


def test_a_folder_that_is_there_keeps_what_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "notes").write_bytes(b"mine")
    TicketPlace(tmp_path, tuple(FILES)).put(FILES)
    assert (tmp_path / "notes").read_bytes() == b"mine"
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize("name", ["x.zip", "x.ZIP"])
def test_a_zip_file_holds_the_files_and_nothing_is_left_beside_it(tmp_path: Path, name: str) -> None:
    place = TicketPlace(tmp_path / name, tuple(FILES))
    place.put(FILES)
    with zipfile.ZipFile(tmp_path / name) as archive:
        assert {one: archive.read(one) for one in archive.namelist()} == FILES
    assert os.listdir(tmp_path) == [name]
    assert place.file("report.md") is None


def test_what_is_there_already_is_told_before_anything_is_written(tmp_path: Path) -> None:
    (tmp_path / "evidence.pcapng").write_bytes(b"mine")
    (tmp_path / "x.zip").symlink_to("nowhere")
    for path, named in ((tmp_path, "evidence.pcapng"), (tmp_path / "x.zip", "x.zip")):
        with pytest.raises(CannotPlace, match=rf"{named} is there already: name another place"):
            TicketPlace(path, tuple(FILES))
    assert sorted(os.listdir(tmp_path)) == ["evidence.pcapng", "x.zip"]


@pytest.mark.parametrize("name", ["x.zip", "x"])
def test_what_came_there_meanwhile_is_not_overwritten(tmp_path: Path, name: str) -> None:
    place = TicketPlace(tmp_path / name, tuple(FILES))
    taken = tmp_path / name if place.is_zip else tmp_path / name / "evidence.pcapng"
    taken.write_bytes(b"mine")
    with pytest.raises(CannotPlace, match="is there already"):
        place.put(FILES)
    assert taken.read_bytes() == b"mine"
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [taken]


@pytest.mark.parametrize("name", ["x.zip", "x", "a/b/x"])
def test_a_ticket_that_is_not_written_leaves_nothing(tmp_path: Path, name: str) -> None:
    TicketPlace(tmp_path / name, tuple(FILES)).abandon()
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("path", ["file/x", "file/x.zip", "missing/x.zip"])
def test_a_place_that_cannot_be_written_is_told_with_its_reason(tmp_path: Path, path: str) -> None:
    (tmp_path / "file").write_bytes(b"mine")
    with pytest.raises(CannotPlace, match=r"cannot write the ticket .*: (Not a directory|No such file)"):
        TicketPlace(tmp_path / path, tuple(FILES))
    assert os.listdir(tmp_path) == ["file"]


def test_a_folder_without_links_gets_its_files_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    TicketPlace(tmp_path / "x", tuple(FILES)).put(FILES)
    assert sorted(os.listdir(tmp_path / "x")) == sorted(FILES)
