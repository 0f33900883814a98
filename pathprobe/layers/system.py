"""What does this machine say when it is asked: which command prints what, which file holds what?

The only door through which readers look at the machine, so that what a real system said can be recorded and read again.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from pathprobe.layers import running

#: Seconds after which a command that only lists things is given up; 10,000 rules take nft a few.
_PATIENCE = 30.0

#: The same of programs that ask a daemon, which may hang, and of those that are slow to start.
PATIENCE = {
    **dict.fromkeys(("docker", "podman", "firewall-cmd", "systemctl"), 5.0),
    "semanage": 20.0,
}

#: A program is waited for as long in all as for so many calls of it; one that never answered is not asked again.
_CALLS = 2

#: Debian keeps nft and its kind in sbin, which is not on an ordinary user's PATH.
SBIN = ":/usr/local/sbin:/usr/sbin:/sbin"


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

    ``is_missing``: there is no such program or file, so that there is nothing to miss in it. ``is_silent``: a program
    that did not answer in time.
    """

    reason: str
    is_missing: bool = False
    is_silent: bool = False


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

    def __init__(self) -> None:
        self._waited: dict[str, float] = {}

    def run(self, *command: str) -> Said | Unread:
        environment = os.environ | {"PATH": os.environ.get("PATH", os.defpath) + SBIN, "LC_ALL": "C"}
        name = command[0]
        program = shutil.which(name, path=environment["PATH"])
        if program is None:
            return Unread(reason=f"{name} is not installed", is_missing=True)
        patience = PATIENCE.get(name, _PATIENCE)
        waited = self._waited.get(name, 0.0)
        left = min(patience, _CALLS * patience - waited)
        if left <= 0:
            return Unread(reason=f"{name} takes too long to answer", is_silent=True)
        begun = time.monotonic()
        try:
            status, out, error = running.run([program, *command[1:]], environment, left)
        except subprocess.TimeoutExpired:
            self._waited[name] = _CALLS * patience
            return Unread(reason=f"{name} said nothing for {left:.0f} s", is_silent=True)
        except OSError as failure:
            return Unread(reason=f"{name}: {failure.strerror}")
        self._waited[name] = waited + time.monotonic() - begun
        return Said(status=status, out=out, error=error)

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


class Remembering:
    """A machine that is asked everything once: a command or file that is asked for again says the same."""

    def __init__(self, system: System) -> None:
        self.system = system
        self._said: dict[tuple[str, ...], Said | Unread] = {}
        self._texts: dict[str, str | Unread] = {}

    def run(self, *command: str) -> Said | Unread:
        if command not in self._said:
            self._said[command] = self.system.run(*command)
        return self._said[command]

    def read(self, path: str) -> str | Unread:
        if path not in self._texts:
            self._texts[path] = self.system.read(path)
        return self._texts[path]

    def names(self, path: str) -> Sequence[str] | Unread:
        return self.system.names(path)

    def link(self, path: str) -> str | Unread:
        return self.system.link(path)

    def read_each(self, paths: Iterable[str]) -> Sequence[str | Unread]:
        wanted = list(paths)
        new = [path for path in dict.fromkeys(wanted) if path not in self._texts]
        self._texts.update(zip(new, read_each(self.system, new), strict=True))
        return [self._texts[path] for path in wanted]

    def names_each(self, paths: Iterable[str]) -> Sequence[Sequence[str] | Unread]:
        return names_each(self.system, paths)

    def link_each(self, paths: Iterable[str]) -> Sequence[str | Unread]:
        return link_each(self.system, paths)


def is_live(system: System) -> bool:
    """Is it the machine that this process runs on?"""
    return isinstance(system.system if isinstance(system, Remembering) else system, ThisMachine)


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
