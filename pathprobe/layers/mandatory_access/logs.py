"""Where does this machine keep its denials, and would one be in there?

auditd's log has them all, by ausearch or as the file; without auditd they are in the kernel's own log, which the
journal keeps (and, as ``_TRANSPORT=audit``, often beside auditd too). A kernel's log without a single audit record may
be one that denials do not go to.
"""

from __future__ import annotations

from pathprobe.layers.mandatory_access.facts import Log
from pathprobe.layers.mandatory_access.record import printable
from pathprobe.layers.system import Said, System, Unread

#: AVC has AppArmor's records as well. Seven days: a service that failed then may be missed only now.
AUSEARCH = ("ausearch", "--input-logs", "-m", "AVC,USER_AVC", "-ts", "week-ago", "--raw")
AUDIT_LOG = "/var/log/audit/audit.log"
JOURNAL = (
    *("journalctl", "--no-pager", "--output=short-unix", "--since=-7d", "--lines=50000"),
    *("_TRANSPORT=audit", "_TRANSPORT=kernel"),
)
DMESG = ("dmesg",)

_NO_MATCHES = "<no matches>"
#: What journalctl says, and is content with, when it shows a user his own messages only.
_NOT_ALL = "not seeing messages from other users"


def read_log(system: System) -> tuple[str, Log]:
    """The text of the first log that can be read, and which that was."""
    unread: list[str] = []
    for source, said, is_auditd in (
        (" ".join(AUSEARCH), _ausearch(system), True),
        (AUDIT_LOG, system.read(AUDIT_LOG), True),
        (" ".join(JOURNAL), _journal(system), False),
        (" ".join(DMESG), _output(system.run(*DMESG)), False),
    ):
        if isinstance(said, str):
            return said, Log(source=source, is_whole=is_auditd or _has_audit_records(said), unread=tuple(unread))
        unread.append(said.reason)
    return "", Log(unread=tuple(unread))


def _ausearch(system: System) -> str | Unread:
    said = system.run(*AUSEARCH)
    if isinstance(said, Said) and _NO_MATCHES in said.out + said.error:
        return ""
    return _output(said)


def _journal(system: System) -> str | Unread:
    said = system.run(*JOURNAL)
    if isinstance(said, Said) and _NOT_ALL in said.error:
        return Unread(reason="journalctl shows this user's own messages only")
    return _output(said)


def _output(said: Said | Unread) -> str | Unread:
    if isinstance(said, Unread):
        return said
    return said.out if said.worked else Unread(reason=last_line(said) or f"it ended with status {said.status}")


def last_line(said: Said) -> str:
    """What a command that failed said last, which is its error where tracebacks and notes precede it."""
    lines = [line.strip() for line in (said.error or said.out).splitlines() if line.strip()]
    return printable(lines[-1]) if lines else ""


def _has_audit_records(text: str) -> bool:
    return "audit: type=" in text or " audit[" in text
