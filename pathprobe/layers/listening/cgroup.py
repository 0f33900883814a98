"""To which unit or container does a process belong, by its control group?

/proc/PID/cgroup has a line ``hierarchy:controllers:path`` for each hierarchy (cgroups(7)); version 2 has ``0::path``.
systemd names the groups after its units (systemd.unit(5)), container engines after the container's id: as a scope of
systemd (``docker-ID.scope``) or as folders of their own (``/docker/ID``, ``/kubepods/burstable/podUID/ID``).
"""

from __future__ import annotations

import string
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A unit of systemd; ``user``: the uid whose own manager runs it, None for the system's."""

    name: str
    user: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """``name`` is what its engine calls it, None where that was not asked; ``pod`` the uid of a Kubernetes pod."""

    engine: str
    id: str
    name: str | None = None
    pod: str | None = None

    @property
    def short(self) -> str:
        """What people know it by: its name, or the id as ``docker ps`` prints it."""
        return self.name or (self.id[:12] if _is_id(self.id) else self.id)


Home = Unit | Container

#: Hexadecimal digits of a container's id.
_ID_LENGTH = 64

#: ``PREFIX-ID.scope``, as the engines name their scopes under systemd.
_SCOPES = {
    "docker": "docker",
    "libpod": "podman",
    "cri-containerd": "containerd",
    "nerdctl": "containerd",
    "crio": "cri-o",
}

#: A folder above the id -> the engine, where systemd does not keep the groups.
_FOLDERS = {
    "docker": "docker",
    "ecs": "docker",
    "actions_job": "docker",
    "libpod_parent": "podman",
    "garden": "garden",
    "kubepods": "kubernetes",
}

#: What stands before the name of a container that has a name and no id.
_NAMED = {"lxc.payload.": "lxc", "systemd-nspawn@": "systemd-nspawn", "machine-": "machine"}

#: Slices only hold units: who is in one directly belongs to none.
_UNITS = (".service", ".scope", ".socket", ".mount", ".swap")

_POD = "pod"


def belongs(text: str) -> Home | None:
    """The container, else the unit; None where the lines name neither (or the process is in the root group)."""
    paths = [parts[2] for line in text.splitlines() if len(parts := line.split(":", 2)) == 3]
    containers = (container_of(path) for path in paths)
    found: Home | None = next((one for one in containers if one), None)
    return found or next((one for one in map(unit_of, paths) if one), None)


def home_of(path: str) -> Home | None:
    """The same of one group's path, such as ss prints with ``-e``."""
    return container_of(path) or unit_of(path)


def container_of(path: str) -> Container | None:
    parts = _parts(path)
    pod = next((uid for part in parts if (uid := _pod(part))), None)
    for number, part in enumerate(parts):
        engine, identity = _identified(part, parts[:number])
        if identity:
            return Container(engine=engine, id=identity, pod=pod)
    return None


def _parts(path: str) -> list[str]:
    # containerd's older way to write a scope: kubepods-besteffort-podUID.slice:cri-containerd:ID
    parts: list[str] = []
    for part in path.split("/"):
        slice_, prefix, identity = part.split(":") if part.count(":") == 2 else (part, "", "")
        parts += [slice_, f"{prefix}-{identity}.scope"] if identity else [slice_]
    return [part for part in parts if part not in ("", ".", "..")]


def _identified(part: str, above: list[str]) -> tuple[str, str]:
    """Engine and id (or name), both empty where this part of a path is no container's."""
    if _is_id(part):
        return next((_FOLDERS[one] for one in above if one in _FOLDERS), "container"), part
    prefix, _, rest = part.removesuffix(".scope").rpartition("-")
    if _is_id(rest):
        return (_SCOPES.get(prefix, prefix), rest) if not prefix.endswith("conmon") else ("", "")
    if above[-1:] in (["lxc"], ["lxc.payload"]):
        return "lxc", part
    for start, engine in _NAMED.items():
        if part.startswith(start):
            return engine, _unescaped(_without_suffix(part.removeprefix(start)))
    return "", ""


def _pod(part: str) -> str | None:
    """``podUID``, or ``kubepods-burstable-podUID.slice`` where systemd allows no dashes in it."""
    stem = part.removesuffix(".slice")
    if stem.startswith(_POD):
        return stem.removeprefix(_POD)
    return stem.rpartition("-pod")[2].replace("_", "-") if stem.startswith("kube") and "-pod" in stem else None


def unit_of(path: str) -> Unit | None:
    """The innermost unit; those below ``user@UID.service`` belong to that user's manager."""
    parts = path.split("/")
    found = [part for part in parts if part.endswith(_UNITS)]
    if not found:
        return None
    manager = next((part for part in found if part.startswith("user@")), None)
    user = manager.removeprefix("user@").removesuffix(".service") if manager and found[-1] != manager else ""
    return Unit(name=_unescaped(found[-1]), user=int(user) if user.isdecimal() else None)


def _is_id(text: str) -> bool:
    return len(text) == _ID_LENGTH and all(digit in string.hexdigits for digit in text)


def _without_suffix(name: str) -> str:
    return name.removesuffix(".service").removesuffix(".scope")


def _unescaped(name: str) -> str:
    r"""systemd writes a dash that is no separator as ``\x2d`` (systemd-escape(1))."""
    first, *rest = name.split("\\x")
    return first + "".join(_octet(part) for part in rest)


def _octet(part: str) -> str:
    digits = part[:2]
    is_hex = len(digits) == 2 and all(digit in string.hexdigits for digit in digits)
    return chr(int(digits, 16)) + part[2:] if is_hex else f"\\x{part}"
