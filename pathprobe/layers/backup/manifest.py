"""What does a backup's MANIFEST.json say, and is it one of ours?

``pathprobe-backup/1``: time (UTC), hostname, kernel, tools; ``sources``: name -> the file of its rules or the entries
of its tree; ``absent``: name -> why it is not in here; ``files``: path, size in octets and SHA-256 of all that is kept.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from pathprobe.layers.backup.sources import BY_NAME, LISTING_FILE, Kind
from pathprobe.layers.backup.state import Entry, EntryKind, Origin, State, Tree

SCHEMA = "pathprobe-backup/1"
NAME = "MANIFEST.json"
SUMS = "SHA256SUMS"


#: Of users and groups; the one above it means "leave it" (chown(2)).
_LARGEST_ID = 2**32 - 2


class Damaged(ValueError):
    """It is not the backup that was made; the text names the file and what is wrong with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """``rules``: source -> file; ``trees``: source -> entries without content; ``files``: path -> size and SHA-256."""

    origin: Origin
    rules: Mapping[str, str]
    trees: Mapping[str, Tree]
    absent: Mapping[str, str]
    files: Mapping[str, tuple[int, str]]


def contents(state: State) -> dict[str, bytes]:
    """The files of a backup of this state, but for those that tell of the others."""
    files = {BY_NAME[name].file: text.encode() for name, text in state.rules.items()}
    if state.listing:
        files[LISTING_FILE] = state.listing.encode()
    for tree in state.trees.values():
        files |= {path: entry.content for path, entry in tree.items() if entry.kind is EntryKind.FILE}
    return files


def written(state: State, origin: Origin) -> bytes:
    document = {
        "schema": SCHEMA,
        "time": origin.time,
        "hostname": origin.hostname,
        "kernel": origin.kernel,
        "tools": dict(origin.tools),
        "sources": {name: {"file": BY_NAME[name].file} for name in state.rules}
        | {
            name: {"tree": [_entry_as_json(path, entry) for path, entry in tree.items()]}
            for name, tree in _trees(state)
        },
        "absent": dict(state.absent),
        "files": [
            {"path": path, "size": len(content), "sha256": sha256(content)}
            for path, content in sorted(contents(state).items())
        ],
    }
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()


def _trees(state: State) -> list[tuple[str, Tree]]:
    return list(state.trees.items())


def _entry_as_json(path: str, entry: Entry) -> dict[str, Any]:
    facts = {
        "path": path,
        "kind": entry.kind.value,
        "mode": f"{entry.mode:04o}",
        "owner": entry.owner,
        "group": entry.group,
    }
    return facts | ({"target": entry.target} if entry.kind is EntryKind.LINK else {})


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def sums(files: Mapping[str, bytes]) -> bytes:
    """As ``sha256sum -c`` reads it."""
    return "".join(f"{sha256(content)}  {path}\n" for path, content in sorted(files.items())).encode()


def read(content: bytes) -> Manifest:
    """Raises Damaged."""
    try:
        document = json.loads(content)
        if document["schema"] != SCHEMA:
            raise Damaged(f"{NAME}: its schema is {document['schema']!r}, and this pathprobe reads {SCHEMA!r}")
        found = _read(document)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        if isinstance(error, Damaged):
            raise
        raise Damaged(f"{NAME}: it does not say what a manifest says ({type(error).__name__}: {error})") from None
    _check(found)
    return found


def _read(document: dict[str, Any]) -> Manifest:
    sources = document["sources"]
    return Manifest(
        origin=Origin(
            time=_text(document["time"]),
            hostname=_text(document["hostname"]),
            kernel=_text(document["kernel"]),
            tools={name: _text(version) for name, version in document["tools"].items()},
        ),
        rules={name: _path(facts["file"]) for name, facts in sources.items() if "file" in facts},
        trees={name: dict(map(_entry, facts["tree"])) for name, facts in sources.items() if "tree" in facts},
        absent={name: _text(why) for name, why in document["absent"].items()},
        files={
            _path(one["path"]): (_number(one["size"], sys.maxsize), _text(one["sha256"])) for one in document["files"]
        },
    )


def _entry(facts: dict[str, Any]) -> tuple[str, Entry]:
    kind = EntryKind(facts["kind"])
    entry = Entry(
        kind=kind,
        mode=_number(int(facts["mode"], 8), 0o7777),
        owner=_number(facts["owner"], _LARGEST_ID),
        group=_number(facts["group"], _LARGEST_ID),
        target=_text(facts["target"]) if kind is EntryKind.LINK else "",
    )
    return _path(facts["path"]), entry


def _number(value: object, most: int) -> int:
    if not isinstance(value, int) or not 0 <= value <= most:
        raise ValueError(f"{value!r} is no number from 0 to {most}")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _path(value: object) -> str:
    """Below the folder, and written in one way only."""
    path = PurePosixPath(_text(value))
    if path.is_absolute() or ".." in path.parts or not path.parts or str(path) != value:
        raise ValueError(f"{value!r} is no path inside of a backup")
    return str(path)


def _check(found: Manifest) -> None:
    """Every source is known, stands where it belongs and has its files."""
    for name, file in found.rules.items():
        source = BY_NAME.get(name)
        if source is None or source.kind is Kind.FILES or file != source.file:
            raise Damaged(f"{NAME}: it has a source {name!r} that this pathprobe does not know")
    for name, tree in found.trees.items():
        source = BY_NAME.get(name)
        if source is None or not all(_is_below(path, source.paths) for path in tree):
            raise Damaged(f"{NAME}: the tree {name!r} has paths that are not its own")
    listed = {path for tree in found.trees.values() for path, entry in tree.items() if entry.kind is EntryKind.FILE}
    listed |= set(found.rules.values())
    if listed != set(found.files) - {LISTING_FILE}:
        odd = sorted(listed ^ (set(found.files) - {LISTING_FILE}))[0]
        raise Damaged(f"{NAME}: it does not say the same of {odd} in all its parts")


def _is_below(path: str, tops: tuple[str, ...]) -> bool:
    return any(path == top or path.startswith(f"{top}/") for top in tops)
