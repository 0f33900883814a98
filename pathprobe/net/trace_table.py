"""How is nftables made to tell of the packets of one port, so that nothing of it stays?

A table of ours with two chains, before all others: one marks what comes in for the port, one the answers that go out.
It belongs to the socket of an ``nft -i`` that waits at the other end of a pipe (``flags owner``, Linux 5.12): when this
process ends, however it ends, the pipe closes, that nft ends, and the kernel takes the table away. Where the kernel or
nft do not know owners, the table is deleted at the end, and a killed one's by the next that comes.
"""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_PREFIX = "pathprobe_trace_"
#: Before raw (-300) and conntrack's defragmentation is done with it (-400).
_PRIORITY = -350
#: Packets of one direction that are traced: a flood is no reason to write a log of it.
_RATE = "100/second burst 100 packets"
#: Where nft -i finds no place for a history of what it was told.
_NO_HOME = "/dev/null"
#: Seconds in which nft has said whether it could.
_PATIENCE = 10.0


class NoTrace(Exception):
    """nftables could not be asked to tell; the text says why."""


class TraceTable:
    """The table, from now until close(). Raises NoTrace."""

    def __init__(self, port: int, protocol: str) -> None:
        nft = _program()
        _remove_left_over(nft)
        #: What the table is called; nobody else's rules are in it.
        self.name = f"{_PREFIX}{os.getpid()}"
        self._nft = nft
        self._holder = _hold(nft, self.name, ruleset(self.name, port, protocol, owned=True))
        if self._holder is None:
            self._load(ruleset(self.name, port, protocol, owned=False))

    def _load(self, text: str) -> None:
        done = _run(self._nft, "-f", "-", text=text)
        if done.returncode != 0:
            raise NoTrace(f"nft does not take the table that traces: {_first_line(done.stderr)}")

    def close(self) -> None:
        """Take the table away; it is gone when this returns."""
        if self._holder is None:
            _run(self._nft, "delete", "table", "inet", self.name)
            return
        _end(self._holder)


def ruleset(name: str, port: int, protocol: str, *, owned: bool) -> str:
    """The table, on one line, as ``nft -i`` reads it."""
    arrives, answers = f"{protocol} dport {port}", f"{protocol} sport {port}"
    if protocol == "tcp":
        arrives += " tcp flags & (syn | ack) == syn"
        answers += " tcp flags & (syn | rst) != 0"
    mark = f"limit rate {_RATE} meta nftrace set 1"
    chains = " ".join(
        f"chain {hook} {{ type filter hook {hook} priority {_PRIORITY}; policy accept; {match} {mark}; }};"
        for hook, match in (("prerouting", arrives), ("output", answers))
    )
    return f"table inet {name} {{ {'flags owner; ' if owned else ''}{chains} }}"


def left_over(tables: str, is_alive: Callable[[int], bool]) -> list[str]:
    """The tables of ours in ``nft list tables`` whose process is gone."""
    found = []
    for line in tables.splitlines():
        words = line.split()
        if len(words) == 3 and words[:2] == ["table", "inet"] and words[2].startswith(_PREFIX):
            number = words[2].removeprefix(_PREFIX)
            if number.isdecimal() and not is_alive(int(number)):
                found.append(words[2])
    return found


def _remove_left_over(nft: str) -> None:
    for name in left_over(_run(nft, "list", "tables", "inet").stdout, lambda pid: Path(f"/proc/{pid}").exists()):
        _run(nft, "delete", "table", "inet", name)


def _hold(nft: str, name: str, text: str) -> subprocess.Popen[bytes] | None:
    """An nft that owns the table and waits; None where it, or the kernel, does not know how."""
    holder = subprocess.Popen(
        [nft, "-i"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=_environment() | {"HOME": _NO_HOME},
        start_new_session=True,  # Ctrl-C on the terminal is for us; we tell it when to end
    )
    assert holder.stdin is not None
    try:
        holder.stdin.write(f"{text}\nlist tables inet\n".encode())
        holder.stdin.flush()
        if _says(holder, f"table inet {name}"):
            return holder
    except BrokenPipeError:
        pass
    except BaseException:
        _end(holder)
        raise
    _end(holder)
    return None


def _says(holder: subprocess.Popen[bytes], line: str) -> bool:
    """Whether it prints this line, before an error, its end, or the end of our patience."""
    assert holder.stdout is not None
    said, until = b"", time.monotonic() + _PATIENCE
    while (left := until - time.monotonic()) > 0:
        if not select.select([holder.stdout], [], [], left)[0]:
            return False
        octets = os.read(holder.stdout.fileno(), 65536)
        said += octets
        lines = [one.strip() for one in said.decode(errors="replace").splitlines()]
        if line in lines:
            return True
        if not octets or any(one.startswith("Error:") for one in lines):
            return False
    return False


def _end(holder: subprocess.Popen[bytes]) -> None:
    assert holder.stdin is not None
    assert holder.stdout is not None
    with suppress(BrokenPipeError):
        holder.stdin.close()
    try:
        holder.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        holder.kill()
        holder.wait()
    holder.stdout.close()


def _program() -> str:
    program = shutil.which("nft", path=_environment()["PATH"])
    if program is None:
        raise NoTrace("nft is not installed")
    return program


def _run(nft: str, *words: str, text: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [nft, *words],
        input=text,
        capture_output=True,
        text=True,
        errors="replace",
        env=_environment(),
        check=False,
        start_new_session=True,
    )


def rules_of(family: str, table: str) -> str:
    """What ``nft -a list table`` prints: each rule's text and handle; empty where there is no such table."""
    return _run(_program(), "-a", "list", "table", family, table).stdout


def _environment() -> dict[str, str]:
    return os.environ | {"PATH": os.environ.get("PATH", os.defpath) + ":/usr/local/sbin:/usr/sbin:/sbin", "LC_ALL": "C"}


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0] or "it gave no reason"
