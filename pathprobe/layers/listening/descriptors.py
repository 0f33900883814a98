"""Which processes hold a socket?

/proc/PID/fd/N points to ``socket:[INODE]``. All of them are read once, and only when somebody asks: that is most of
what a look at a machine costs. ``ss -p`` would read the same again each time that it is run.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pathprobe.layers.system import System, Unread, link_each, names_each


@dataclass(slots=True, kw_only=True)
class Descriptors:
    """The open sockets of all processes that may be looked into."""

    system: System
    _holders: dict[str, list[int]] = field(default_factory=dict)
    _is_read: bool = False

    def pids(self, inode: int) -> tuple[int, ...]:
        """In ascending order; empty where nobody holds it, or nobody whom this user may look into."""
        if inode == 0:
            return ()
        if not self._is_read:
            self._read()
        return tuple(sorted(set(self._holders.get(f"socket:[{inode}]", ()))))

    def _read(self) -> None:
        self._is_read = True
        entries = self.system.names("/proc")
        pids = [] if isinstance(entries, Unread) else [entry for entry in entries if entry.isdecimal()]
        folders = [f"/proc/{pid}/fd" for pid in pids]
        files = [
            (pid, f"{folder}/{name}")
            for pid, folder, names in zip(pids, folders, names_each(self.system, folders), strict=True)
            for name in (() if isinstance(names, Unread) else names)
        ]
        targets = link_each(self.system, [path for _, path in files])
        for (pid, _), target in zip(files, targets, strict=True):
            if isinstance(target, str) and target.startswith("socket:["):
                self._holders.setdefault(target, []).append(int(pid))
