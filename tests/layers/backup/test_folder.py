"""A backup is there whole or not at all, and one that was changed is refused with the name of the file."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pathprobe.layers.backup import folder, manifest, tree
from pathprobe.layers.backup.folder import Backup, read, write
from pathprobe.layers.backup.manifest import Damaged
from pathprobe.layers.backup.state import Entry, EntryKind, Origin, State

ORIGIN = Origin(time="2026-11-20T12:00:00Z", hostname="web1", kernel="6.1.0", tools={"nft": "nftables v1.0.6"})
NFT = 'table inet mine {\n\tcomment "gr\u00fc\u00df"\n}\n'
SAVED = "*filter\n:INPUT DROP [0:0]\n[0:0] -A INPUT -j ACCEPT\nCOMMIT\n"


def entry(kind: EntryKind, mode: int, **more: Any) -> Entry:
    return Entry(kind=kind, mode=mode, owner=0, group=7, **more)


TREE = {
    "firewalld": entry(EntryKind.FOLDER, 0o750),
    "firewalld/empty": entry(EntryKind.FOLDER, 0o755),
    "firewalld/firewalld.conf": entry(EntryKind.FILE, 0o644, content=b"DefaultZone=public\n"),
    "firewalld/zones": entry(EntryKind.FOLDER, 0o750),
    "firewalld/zones/a.xml": entry(EntryKind.FILE, 0o600, content=b"\xff\x00"),
    "firewalld/zones/b.xml": entry(EntryKind.LINK, 0o777, target="../else where"),
}
STATE = State(
    rules={"nftables": NFT, "iptables-nft": SAVED, "ipset": ""},
    trees={"firewalld": TREE},
    absent={"ufw": "there is no /etc/ufw"},
    listing=NFT + "table ip filter {\n}\n",
)


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return write(STATE, ORIGIN, tmp_path / "backups")


def test_what_is_read_is_what_was_written(kept: Path) -> None:
    assert read(kept) == Backup(path=kept, origin=ORIGIN, state=STATE)


def test_it_is_named_for_its_time_and_only_its_owner_reads_it(kept: Path) -> None:
    assert kept.name == "2026-11-20T12-00-00Z"
    modes = {(path.is_dir(), stat.S_IMODE(path.stat().st_mode)) for path in (kept.parent, kept, *kept.rglob("*"))}
    assert modes == {(True, 0o700), (False, 0o600)}


def test_sha256sum_checks_it(kept: Path) -> None:
    done = subprocess.run(["sha256sum", "--strict", "-c", "SHA256SUMS"], cwd=kept, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == len(FILES) - 1


def test_two_of_the_same_second_lie_beside_each_other(kept: Path) -> None:
    assert write(STATE, ORIGIN, kept.parent).name == "2026-11-20T12-00-00Z-2"
    assert write(STATE, ORIGIN, kept.parent, prefix=folder.ASIDE).name == "before-restore-2026-11-20T12-00-00Z"
    assert [path.name for path in folder.found_in(kept.parent)] == ["2026-11-20T12-00-00Z", "2026-11-20T12-00-00Z-2"]


def test_one_that_cannot_be_finished_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(place: Path, content: bytes) -> None:
        if place.name == manifest.NAME:
            raise OSError(28, "No space left on device", str(place))
        place.write_bytes(content)

    monkeypatch.setattr(tree, "write", full)
    with pytest.raises(OSError, match="No space left"):
        write(STATE, ORIGIN, tmp_path)
    assert os.listdir(tmp_path) == []


# ---- damage

FILES = (
    "MANIFEST.json",
    "SHA256SUMS",
    "firewalld/firewalld.conf",
    "firewalld/zones/a.xml",
    "ipset.save",
    "iptables-nft.rules",
    "nftables.nft",
    "reference/ruleset.nft",
)


def test_these_are_all_the_files(kept: Path) -> None:
    assert sorted(str(path.relative_to(kept)) for path in kept.rglob("*") if path.is_file()) == sorted(FILES)


def flip(path: Path) -> None:
    """One bit in its middle."""
    octets = bytearray(path.read_bytes())
    octets[len(octets) // 2] ^= 1
    path.write_bytes(octets)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def lengthen(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\n")


def link(path: Path) -> None:
    target = path.with_name("elsewhere")
    path.rename(target.parent.parent / "elsewhere")
    path.symlink_to(target.parent.parent / "elsewhere")


@pytest.mark.parametrize("name", [name for name in FILES if name != "ipset.save"])
@pytest.mark.parametrize("damage", [flip, cut, lengthen, Path.unlink, link])
def test_a_damaged_file_is_named(kept: Path, name: str, damage: Callable[[Path], None]) -> None:
    damage(kept / name)
    with pytest.raises(Damaged) as refused:
        read(kept)
    assert name in str(refused.value)


@pytest.mark.parametrize("damage", [lengthen, Path.unlink, link])
def test_a_damaged_file_that_says_that_there_is_nothing_is_named(kept: Path, damage: Callable[[Path], None]) -> None:
    damage(kept / "ipset.save")
    with pytest.raises(Damaged, match=r"ipset\.save: "):
        read(kept)


@pytest.mark.parametrize("name", ["extra", "firewalld/zones/more.xml", "MANIFEST.json~", "new/folder/file"])
def test_a_file_too_many_is_named(kept: Path, name: str) -> None:
    (kept / name).parent.mkdir(parents=True, exist_ok=True)
    (kept / name).write_text("")
    with pytest.raises(Damaged, match=name):
        read(kept)


def test_a_link_to_a_folder_is_named(kept: Path, tmp_path: Path) -> None:
    shutil.move(kept / "firewalld", tmp_path / "moved")
    (kept / "firewalld").symlink_to(tmp_path / "moved")
    with pytest.raises(Damaged, match="firewalld: it is not a plain file"):
        read(kept)


def rewritten(kept: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """The manifest changed by somebody who mends the checksums after it."""
    document = json.loads((kept / manifest.NAME).read_bytes())
    change(document)
    (kept / manifest.NAME).write_text(json.dumps(document))
    names = [name for name in FILES if name != manifest.SUMS]
    (kept / manifest.SUMS).write_bytes(manifest.sums({name: (kept / name).read_bytes() for name in names}))


@pytest.mark.parametrize(
    "change",
    [
        lambda it: it.update(schema="pathprobe-backup/2"),
        lambda it: it.pop("schema"),
        lambda it: it.pop("files"),
        lambda it: it.update(time=5),
        lambda it: it.update(files=None),
        lambda it: it.update(sources=[]),
        lambda it: it["sources"].update(unheard={"file": "ipset.save"}),
        lambda it: it["sources"].update(ipset={"file": "nftables.nft"}),
        lambda it: it["sources"].pop("ipset"),
        lambda it: it["files"].append({"path": "../../etc/passwd", "size": 0, "sha256": ""}),
        lambda it: it["files"].append({"path": "/etc/passwd", "size": 0, "sha256": ""}),
        lambda it: it["sources"]["firewalld"]["tree"][0].update(path="passwd"),
        lambda it: it["sources"]["firewalld"]["tree"][0].update(kind="socket"),
        lambda it: it["sources"]["firewalld"]["tree"][0].update(path="firewalld/../../x"),
        lambda it: it["sources"]["firewalld"]["tree"][2].update(mode="rw"),
        lambda it: it["sources"]["firewalld"]["tree"][2].update(mode="17777"),
        lambda it: it["sources"]["firewalld"]["tree"][2].update(owner=-1),
        lambda it: it["sources"]["firewalld"]["tree"][2].update(group=2**32 - 1),
        lambda it: it["files"][0].update(size=float("inf")),
        lambda it: it["sources"]["firewalld"].update(tree=7),
        lambda it: it["sources"]["firewalld"]["tree"].pop(2),
    ],
)
def test_a_manifest_that_says_something_else_is_refused(kept: Path, change: Callable[[dict[str, Any]], None]) -> None:
    rewritten(kept, change)
    with pytest.raises(Damaged, match=r"MANIFEST\.json"):
        read(kept)


@pytest.mark.parametrize("content", [b"", b"null", b"[]", b"\xff", b"[" * 99999, b"{", b'"text"', b"0"])
def test_a_manifest_that_is_none_is_refused(kept: Path, content: bytes) -> None:
    (kept / manifest.NAME).write_bytes(content)
    with pytest.raises(Damaged, match=r"MANIFEST\.json"):
        read(kept)


def test_a_folder_without_a_manifest_is_no_backup(tmp_path: Path) -> None:
    with pytest.raises(Damaged, match=r"no MANIFEST\.json in it"):
        read(tmp_path)
