"""What is there to keep: the rules in the kernel and the files that rules are made from?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class EntryKind(StrEnum):
    FILE = "file"
    FOLDER = "folder"
    LINK = "link"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One file, folder or symbolic link. ``mode``: its permission bits; ``target``: of a link."""

    kind: EntryKind
    mode: int
    owner: int
    group: int
    content: bytes = b""
    target: str = ""


#: Path below /etc -> what is there; a folder stands before what is in it.
Tree = Mapping[str, Entry]


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Of a machine, at one time. A source is in ``rules`` (as its tool prints it), in ``trees`` or in ``absent``.

    ``rules`` of "" are rules too: it is known that there are none. ``absent``: why it was not looked at.
    ``listing``: what nft lists in all, to read.
    """

    rules: Mapping[str, str] = field(default_factory=dict)
    trees: Mapping[str, Tree] = field(default_factory=dict)
    absent: Mapping[str, str] = field(default_factory=dict)
    listing: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """When and where a state was seen. ``time`` as in ISO 8601, in UTC; ``tools``: program -> its version."""

    time: str
    hostname: str
    kernel: str
    tools: Mapping[str, str] = field(default_factory=dict)
