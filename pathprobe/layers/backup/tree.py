"""Which files are below a folder, with their modes and owners, and how do they become what they were?

Extended attributes are not kept. A file is put beside its place and renamed, so that on SELinux it gets its folder's
label and a reader sees the old or the new one.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from pathprobe.layers.backup.state import Entry, EntryKind, Tree

#: Octets. A firewall's configuration is far smaller; something else is in the way.
LARGEST_FILE = 50_000_000


class Unusual(ValueError):
    """Something that a backup cannot hold, such as a socket or a name that is not UTF-8; the text names it."""


def read(root: Path, paths: tuple[str, ...]) -> Tree:
    """What is at these paths below ``root``; one that is missing is left out. Raises OSError, Unusual."""
    tree: dict[str, Entry] = {}
    for path in paths:
        if (root / path).is_symlink():
            raise Unusual(f"{root / path} is a link to {os.readlink(root / path)}, where its files would not be kept")
        if os.path.lexists(root / path):
            tree |= _read(root, path)
    return tree


def _read(root: Path, path: str) -> Iterator[tuple[str, Entry]]:
    place = root / path
    facts = place.lstat()
    entry = _entry(place, facts)
    yield path, entry
    if entry.kind is EntryKind.FOLDER:
        for name in sorted(os.listdir(place)):
            if not _is_plain(name):
                raise Unusual(f"{place} has a name in it that a list of checksums cannot hold: {name!r}")
            yield from _read(root, f"{path}/{name}")


def _entry(place: Path, facts: os.stat_result) -> Entry:
    mode, owner, group = stat.S_IMODE(facts.st_mode), facts.st_uid, facts.st_gid
    if stat.S_ISDIR(facts.st_mode):
        return Entry(kind=EntryKind.FOLDER, mode=mode, owner=owner, group=group)
    if stat.S_ISLNK(facts.st_mode):
        target = os.readlink(place)
        if not _is_plain(target):
            raise Unusual(f"{place} is a link to {target!r}, which a manifest cannot hold")
        return Entry(kind=EntryKind.LINK, mode=0o777, owner=owner, group=group, target=target)
    if not stat.S_ISREG(facts.st_mode):
        raise Unusual(f"{place} is no file, no folder and no link")
    if facts.st_size > LARGEST_FILE:
        raise Unusual(f"{place} has {facts.st_size} octets, more than a firewall's configuration has")
    return Entry(kind=EntryKind.FILE, mode=mode, owner=owner, group=group, content=place.read_bytes())


def _is_plain(name: str) -> bool:
    """sha256sum writes lines, and marks names with backslashes."""
    return name.isprintable() and "\\" not in name


def comparable(tree: Tree) -> list[str]:
    """A heading for each entry, then its lines."""
    lines = []
    for path, entry in sorted(tree.items()):
        size = f"{entry.kind} of {len(entry.content)} octets" if entry.kind is EntryKind.FILE else entry.kind
        lines.append(f"== {path} ({size}, mode {entry.mode:04o}, owner {entry.owner}:{entry.group})")
        if entry.kind is EntryKind.LINK:
            lines.append(f"-> {entry.target}")
        lines += entry.content.decode(errors="backslashreplace").splitlines()
    return lines


def put(root: Path, wanted: Tree, paths: tuple[str, ...]) -> None:
    """Make what is at these paths equal to ``wanted``, as few files touched as that needs. Raises OSError, Unusual."""
    now = read(root, paths)
    for path in sorted(now, reverse=True):  # what is in a folder before the folder
        if path not in wanted or wanted[path].kind is not now[path].kind:
            _remove(root / path, now[path])
    for path, entry in sorted(wanted.items()):
        if now.get(path) != entry:
            _put(root / path, entry)


def _remove(place: Path, entry: Entry) -> None:
    if entry.kind is EntryKind.FOLDER:
        place.rmdir()
    else:
        place.unlink()


def _put(place: Path, entry: Entry) -> None:
    if entry.kind is EntryKind.FOLDER:
        place.mkdir(exist_ok=True)
        _own(place, entry)
        return
    beside = place.with_name(f".{place.name}.pathprobe")
    beside.unlink(missing_ok=True)
    try:
        if entry.kind is EntryKind.LINK:
            beside.symlink_to(entry.target)
        else:
            write(beside, entry.content)
        _own(beside, entry)
        beside.replace(place)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def write(place: Path, content: bytes) -> None:
    """A new file that only its owner reads, down to the disk. Raises OSError, also when it is there already."""
    descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with open(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _own(place: Path, entry: Entry) -> None:
    facts = place.lstat()
    if (facts.st_uid, facts.st_gid) != (entry.owner, entry.group):
        os.chown(place, entry.owner, entry.group, follow_symlinks=False)
    if entry.kind is not EntryKind.LINK:
        place.chmod(entry.mode)
