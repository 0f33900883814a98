"""What does this machine say when it is asked: which command prints what, which file holds what?

The only door through which readers look at the machine, so that what a real system said can be recorded and read again.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

#: Seconds after which a command that only lists things is given up.
_PATIENCE = 30.0

#: Debian keeps nft and its kind in sbin, which is not on an ordinary user's PATH.
_SBIN = ":/usr/local/sbin:/usr/sbin:/sbin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a command printed. ``status`` is its exit status."""

    status: int
    out: str = ""
    error: str = ""

    @property
    def worked(self) -> bool:
        return self.status == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """It could not be asked: ``reason`` in a few words, such as "nft is not installed" or "permission denied".

    ``is_missing``: there is no such program or file, so that there is nothing to miss in it.
    """

    reason: str
    is_missing: bool = False


class System(Protocol):
    """A machine that can be asked; nothing that is asked changes it."""

    def run(self, *command: str) -> Said | Unread:
        """The command to its end, in the C locale and without input; never raises."""
        ...

    def read(self, path: str) -> str | Unread:
        """A text file as a whole, undecodable octets replaced; never raises."""
        ...

    def names(self, path: str) -> Sequence[str] | Unread:
        """What is in a folder, in alphabetical order; never raises."""
        ...

    def link(self, path: str) -> str | Unread:
        """Where a symbolic link points to, as /proc has them for namespaces and open files; never raises."""
        ...


@runtime_checkable
class Distant(Protocol):
    """A System to which each question is a journey, so that many of them had better go together."""

    def read_each(self, paths: Iterable[str]) -> Sequence[str | Unread]: ...

    def names_each(self, paths: Iterable[str]) -> Sequence[Sequence[str] | Unread]: ...

    def link_each(self, paths: Iterable[str]) -> Sequence[str | Unread]: ...


def read_each(system: System, paths: Iterable[str]) -> Sequence[str | Unread]:
    """``read`` of each path, in order."""
    return system.read_each(paths) if isinstance(system, Distant) else [system.read(path) for path in paths]


def names_each(system: System, paths: Iterable[str]) -> Sequence[Sequence[str] | Unread]:
    """``names`` of each path, in order."""
    return system.names_each(paths) if isinstance(system, Distant) else [system.names(path) for path in paths]


def link_each(system: System, paths: Iterable[str]) -> Sequence[str | Unread]:
    """``link`` of each path, in order."""
    return system.link_each(paths) if isinstance(system, Distant) else [system.link(path) for path in paths]


class ThisMachine:
    """The machine that this process runs on, in the namespaces that it is in."""

    def run(self, *command: str) -> Said | Unread:
        environment = os.environ | {"PATH": os.environ.get("PATH", os.defpath) + _SBIN, "LC_ALL": "C"}
        program = shutil.which(command[0], path=environment["PATH"])
        if program is None:
            return Unread(reason=f"{command[0]} is not installed", is_missing=True)
        try:
            done = subprocess.run(
                [program, *command[1:]],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                env=environment,
                timeout=_PATIENCE,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Unread(reason=f"{command[0]} said nothing for {_PATIENCE:.0f} s")
        except OSError as error:
            return Unread(reason=f"{command[0]}: {error.strerror}")
        return Said(status=done.returncode, out=done.stdout, error=done.stderr)

    def read(self, path: str) -> str | Unread:
        try:
            with open(path, encoding="utf-8", errors="replace") as stream:
                return stream.read()
        except OSError as error:
            return _unread(path, error)

    def names(self, path: str) -> Sequence[str] | Unread:
        try:
            return sorted(os.listdir(path))
        except OSError as error:
            return _unread(path, error)

    def link(self, path: str) -> str | Unread:
        try:
            return os.readlink(path)
        except OSError as error:
            return _unread(path, error)


def _unread(path: str, error: OSError) -> Unread:
    return Unread(reason=f"{path}: {error.strerror}", is_missing=isinstance(error, FileNotFoundError))


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A machine of which only what it said is left; what was not recorded is missing.

    ``commands``: the words of a command joined by spaces -> what it said (a str stands for success).
    ``files``: path -> text. A folder is there where a file or link in it is. ``links``: path -> where it points to.
    """

    commands: Mapping[str, str | Said | Unread] = field(default_factory=dict)
    files: Mapping[str, str | Unread] = field(default_factory=dict)
    links: Mapping[str, str | Unread] = field(default_factory=dict)

    def run(self, *command: str) -> Said | Unread:
        said = self.commands.get(" ".join(command))
        if said is None:
            return Unread(reason=f"{command[0]} is not installed", is_missing=True)
        return Said(status=0, out=said) if isinstance(said, str) else said

    def read(self, path: str) -> str | Unread:
        return self.files.get(path, _missing(path))

    def names(self, path: str) -> Sequence[str] | Unread:
        folder = path.rstrip("/") + "/"
        inside = [one[len(folder) :] for one in (*self.files, *self.links) if one.startswith(folder)]
        return sorted({one.split("/")[0] for one in inside}) or _missing(path)

    def link(self, path: str) -> str | Unread:
        return self.links.get(path, _missing(path))


def _missing(path: str) -> Unread:
    return Unread(reason=f"{path}: No such file or directory", is_missing=True)
