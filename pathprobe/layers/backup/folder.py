"""Where does a backup lie, is it whole, and is it still what was written?

A backup is a folder named for its time (UTC). It is written under another name and renamed when all of it is on the
disk, so that a folder with that name is a whole backup. Only its owner can read it.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

from pathprobe.layers.backup import manifest, tree
from pathprobe.layers.backup.manifest import Damaged, Manifest
from pathprobe.layers.backup.sources import LISTING_FILE
from pathprobe.layers.backup.state import EntryKind, Origin, State, Tree

#: How a folder begins that keeps what was there before a restore.
ASIDE = "before-restore-"
#: How often a name is tried before something else must be wrong.
_TRIES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """A whole and undamaged one. ``path``: its folder."""

    path: Path
    origin: Origin
    state: State


def write(state: State, origin: Origin, parent: Path, *, prefix: str = "") -> Path:
    """Keep the state in a new folder in ``parent``, which is made if it is not there. Raises OSError."""
    parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    unfinished = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=parent))
    try:
        files = manifest.contents(state)
        files[manifest.NAME] = manifest.written(state, origin)
        files[manifest.SUMS] = manifest.sums(files)
        for path, content in files.items():
            _make_folders(unfinished, path)
            tree.write(unfinished / path, content)
        _to_disk(unfinished)
        finished = _rename(unfinished, parent / f"{prefix}{origin.time.replace(':', '-')}")
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    _sync(parent)
    return finished


def _make_folders(top: Path, path: str) -> None:
    for folder in reversed(Path(path).parents):
        (top / folder).mkdir(mode=0o700, exist_ok=True)


def _to_disk(folder: Path) -> None:
    for place, _, _ in os.walk(folder):
        _sync(Path(place))


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _rename(unfinished: Path, wanted: Path) -> Path:
    """To the wanted name, or one beside it: a folder that is not empty is never replaced (rename(2))."""
    for number in range(1, _TRIES):
        finished = wanted if number == 1 else wanted.with_name(f"{wanted.name}-{number}")
        if os.path.lexists(finished):
            continue
        unfinished.rename(finished)
        return finished
    raise FileExistsError(17, "too many backups of one second", str(wanted))


def found_in(folder: Path) -> tuple[Path, ...]:
    """The backups that lie in a folder, the oldest first; none if it is one itself. Raises OSError.

    Those that a restore made are not among them: their names are told when they are made.
    """
    if (folder / manifest.NAME).exists():
        return ()
    names = [path for path in sorted(folder.iterdir()) if not path.name.startswith((ASIDE, "."))]
    return tuple(path for path in names if (path / manifest.NAME).is_file())


def read(folder: Path) -> Backup:
    """The backup in this folder. Raises Damaged if it is not all as it was written, and OSError."""
    if not (folder / manifest.NAME).is_file():
        raise Damaged(f"{folder}: no {manifest.NAME} in it, so it is no backup of pathprobe")
    files = dict(_files(folder))
    content = files[manifest.NAME]
    told = manifest.read(content)
    _compare(folder, told, files)
    expected = manifest.sums({path: one for path, one in files.items() if path != manifest.SUMS})
    if files[manifest.SUMS] != expected:
        raise Damaged(_which_sum(files[manifest.SUMS], expected))
    return Backup(path=folder, origin=told.origin, state=_state(told, files))


def _files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """What lies in it, read once: what was checked is what is used. Folders that keep nothing are passed over."""
    for place, folders, names in os.walk(folder, onerror=_raise):
        for name in sorted(names + [one for one in folders if Path(place, one).is_symlink()]):
            path = Path(place, name)
            if not stat.S_ISREG(path.lstat().st_mode):
                raise Damaged(f"{path.relative_to(folder)}: it is not a plain file")
            yield str(path.relative_to(folder)), path.read_bytes()


def _raise(error: OSError) -> NoReturn:
    """What cannot be looked into is not the same as what is empty."""
    raise error


def _compare(folder: Path, told: Manifest, files: dict[str, bytes]) -> None:
    expected = {*told.files, manifest.NAME, manifest.SUMS}
    for path in sorted(expected - files.keys()):
        raise Damaged(f"{path}: it is missing from {folder}")
    for path in sorted(files.keys() - expected):
        raise Damaged(f"{path}: it is in {folder} and the manifest does not know it")
    for path, (size, checksum) in told.files.items():
        if len(files[path]) != size:
            raise Damaged(f"{path}: it has {len(files[path])} octets, and had {size} when it was kept")
        if manifest.sha256(files[path]) != checksum:
            raise Damaged(f"{path}: its checksum is not the one that the manifest has")


def _which_sum(found: bytes, expected: bytes) -> str:
    """The manifest itself, unless the list of checksums is what was changed."""
    wrong = set(expected.splitlines()) - set(found.splitlines())
    is_the_manifest = [line.endswith(f"  {manifest.NAME}".encode()) for line in wrong] == [True]
    return (
        f"{manifest.NAME}: its checksum is not the one in {manifest.SUMS}"
        if is_the_manifest
        else f"{manifest.SUMS}: it does not fit the files beside it"
    )


def _state(told: Manifest, files: dict[str, bytes]) -> State:
    try:
        rules = {name: files[path].decode() for name, path in told.rules.items()}
        listing = files.get(LISTING_FILE, b"").decode()
    except UnicodeDecodeError as error:
        raise Damaged(f"its rules are not UTF-8: {error}") from None
    trees = {name: _filled(entries, files) for name, entries in told.trees.items()}
    return State(rules=rules, trees=trees, absent=told.absent, listing=listing)


def _filled(entries: Tree, files: dict[str, bytes]) -> Tree:
    return {
        path: replace(entry, content=files[path]) if entry.kind is EntryKind.FILE else entry
        for path, entry in entries.items()
    }
