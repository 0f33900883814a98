"""Who is the process with this number on a machine that psutil does not run on?

What psutil would say (and says of this machine), from the files of /proc that it reads (proc(5)), by way of ``System``.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pathprobe.layers.listening.facts import Condition, Process
from pathprobe.layers.listening.processes import printable
from pathprobe.layers.listening.secrets import masked
from pathprobe.layers.system import Said, System, Unread, read_each

PASSWD = "/etc/passwd"

#: The letter of a process's state in /proc/PID/stat; the others sleep or run.
_CONDITIONS = {
    "T": Condition.STOPPED,
    "t": Condition.TRACED,
    "D": Condition.STUCK,
    "Z": Condition.ZOMBIE,
    "X": Condition.ZOMBIE,
    "x": Condition.ZOMBIE,
}

#: Signs of a program's name that the kernel keeps (TASK_COMM_LEN less its end).
_KEPT = 15

#: Stands for octets that are no text, which psutil's names have no printable sign for either.
_UNDECODABLE = "\ufffd"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldProcesses:
    """Processes as the machine's own /proc tells of them; users as its name service does."""

    system: System
    _users: dict[int, str] = field(default_factory=dict)

    def process(self, pid: int) -> Process | None:
        """None where it ended, or may not be looked at."""
        folder = f"/proc/{pid}"
        stat, status, line = read_each(self.system, [f"{folder}/stat", f"{folder}/status", f"{folder}/cmdline"])
        if isinstance(stat, Unread) or isinstance(status, Unread):
            return None
        # The name stands in parentheses and may have such itself; what follows is state and parent.
        name = stat[stat.find("(") + 1 : stat.rfind(")")]
        fields = stat[stat.rfind(")") + 1 :].split()
        uid = _uid(status)
        if len(fields) < 2 or not fields[1].isdecimal() or uid is None:
            return None
        words = _words("" if isinstance(line, Unread) else line)
        return Process(
            pid=pid,
            name=_readable(_whole(name, words)),
            command=_readable(" ".join(masked(words))),
            user=self.user(uid),
            condition=_CONDITIONS.get(fields[0], Condition.RUNS),
            parent=int(fields[1]),
        )

    def user(self, uid: int) -> str:
        if uid not in self._users:
            self._users[uid] = self._named(uid) or str(uid)
        return self._users[uid]

    def _named(self, uid: int) -> str | None:
        """getent(1) also asks what is not in the file, such as a directory."""
        said = self.system.run("getent", "passwd", str(uid))
        if isinstance(said, Said):
            return _name_of(uid, said.out)
        text = self.system.read(PASSWD)
        return None if isinstance(text, Unread) else _name_of(uid, text)


def _name_of(uid: int, passwd: str) -> str | None:
    """passwd(5): ``name:password:uid:...``."""
    lines = (line.split(":") for line in passwd.splitlines())
    return next((one[0] for one in lines if len(one) > 2 and one[0] and one[2] == str(uid)), None)


def _uid(status: str) -> int | None:
    """The real one, first of the four of ``Uid:``."""
    words = next((line.split() for line in status.splitlines() if line.startswith("Uid:")), [])
    return int(words[1]) if len(words) > 1 and words[1].isdecimal() else None


def _words(line: str) -> list[str]:
    """A process that writes its own title has it in one piece, with spaces (setproctitle)."""
    if not line:
        return []
    words = line.removesuffix("\0").split("\0") if line.endswith("\0") else line.removesuffix(" ").split(" ")
    return words[0].split(" ") if len(words) == 1 and line.endswith("\0") else words


def _whole(name: str, words: list[str]) -> str:
    """The kernel cuts names; the first word of the command line may have all of it."""
    called = words[0].rpartition("/")[2] if words else ""
    return called if len(name) >= _KEPT and called.startswith(name) else name


def _readable(text: str) -> str:
    return printable(text.replace(_UNDECODABLE, " "))
