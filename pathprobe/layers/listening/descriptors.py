"""Which processes hold a socket?

/proc/PID/fd/N points to ``socket:[INODE]``. All of them are read once, and only when somebody asks: that is most of
what a look at a machine costs. ``ss -p`` would read the same again each time that it is run.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pathprobe.layers.system import System, Unread


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
        for entry in () if isinstance(entries, Unread) else entries:
            if entry.isdecimal():
                self._read_process(entry)

    def _read_process(self, pid: str) -> None:
        folder = f"/proc/{pid}/fd"
        files = self.system.names(folder)
        for file in () if isinstance(files, Unread) else files:
            target = self.system.link(f"{folder}/{file}")
            if isinstance(target, str) and target.startswith("socket:["):
                self._holders.setdefault(target, []).append(int(pid))
