"""How is nftables made to tell of the packets of one port, so that nothing of it stays?

A table of ours with two chains, before all others: one marks what comes in for the port, one the answers that go out.
It belongs to the socket of an ``nft -i`` that waits at the other end of a pipe (``flags owner``, Linux 5.12): when this
process ends, however it ends, the pipe closes, that nft ends, and the kernel takes the table away. Where the kernel or
nft do not know owners, the table is deleted at the end, and a killed one's by the next that comes.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from pathprobe.core.arrivals.traces import TABLE_PREFIX
from pathprobe.net import program
from pathprobe.net.program import Interrupted, NoAnswer, Said

#: Before raw (-300) and conntrack's defragmentation is done with it (-400).
_PRIORITY = -350
#: Packets of one direction that are traced: a flood is no reason to write a log of it.
_RATE = "100/second burst 100 packets"
#: Where nft -i finds no place for a history of what it was told.
_NO_HOME = "/dev/null"
#: Seconds in which nft has said whether it could, has taken a table to hold, and ends when it is told to.
_PATIENCE, _TO_HOLD, _TO_END = 5.0, 5.0, 1.0


class NoTrace(Exception):
    """nftables could not be asked to tell; the text says why."""


class TraceTable:
    """The table, from now until close(). Raises NoTrace.

    ``stop``: asking is given up when this descriptor becomes readable.
    """

    def __init__(self, port: int, protocol: str, *, stop: int | None = None) -> None:
        nft = _program()
        #: What the table is called; nobody else's rules are in it.
        self.name = f"{TABLE_PREFIX}{os.getpid()}"
        self._nft = nft
        try:
            _remove_left_over(nft, stop)
            self._holder = _hold(nft, self.name, ruleset(self.name, port, protocol, owned=True), stop)
            if self._holder is None:
                self._load(ruleset(self.name, port, protocol, owned=False), stop)
        except NoAnswer as error:
            raise NoTrace(str(error)) from None

    def _load(self, text: str, stop: int | None) -> None:
        try:
            said = _run(self._nft, "-f", "-", text=text, stop=stop)
        except NoAnswer:
            with suppress(NoTrace):  # it may have been taken before nft was given up
                self._delete(_TO_END)
            raise
        if said.status != 0:
            raise NoTrace(f"nft does not take the table that traces: {_first_line(said.error)}")

    def close(self) -> None:
        """Take the table away; it is gone when this returns. Raises NoTrace where nft does not do it."""
        if self._holder is None:
            self._delete(_PATIENCE)
        else:
            _end(self._holder)

    def _delete(self, patience: float) -> None:
        try:
            said = program.ask(self._nft, "delete", "table", "inet", self.name, patience=patience)
        except NoAnswer as error:
            raise NoTrace(_stays(self.name, str(error))) from None
        if said.status != 0 and "No such file" not in said.error:
            raise NoTrace(_stays(self.name, _first_line(said.error)))


def _stays(name: str, why: str) -> str:
    return f"the table that traces could not be removed ({why}); to remove it: nft delete table inet {name}"


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
        if len(words) == 3 and words[:2] == ["table", "inet"] and words[2].startswith(TABLE_PREFIX):
            number = words[2].removeprefix(TABLE_PREFIX)
            if number.isdecimal() and not is_alive(int(number)):
                found.append(words[2])
    return found


def _remove_left_over(nft: str, stop: int | None) -> None:
    listed = _run(nft, "list", "tables", "inet", stop=stop).out
    for name in left_over(listed, lambda pid: Path(f"/proc/{pid}").exists()):
        _run(nft, "delete", "table", "inet", name, stop=stop)


def _hold(nft: str, name: str, text: str, stop: int | None) -> subprocess.Popen[bytes] | None:
    """An nft that owns the table and waits; None where it, or the kernel, does not know how. Raises NoAnswer."""
    try:
        holder = subprocess.Popen(
            [nft, "-i"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=program.environment() | {"HOME": _NO_HOME},
            start_new_session=True,  # Ctrl-C on the terminal is for us; we tell it when to end
        )
    except OSError as error:
        raise NoAnswer(f"{nft}: {error.strerror}") from None
    assert holder.stdin is not None
    try:
        holder.stdin.write(f"{text}\nlist tables inet\n".encode())
        holder.stdin.flush()
        if _says(holder, f"table inet {name}", stop):
            return holder
    except Interrupted:
        program.end(holder)
        raise
    except (BrokenPipeError, NoAnswer):
        pass
    except BaseException:
        program.end(holder)
        raise
    program.end(holder)  # with it goes what it may own
    return None


def _says(holder: subprocess.Popen[bytes], line: str, stop: int | None) -> bool:
    """Whether it prints this line, before an error or its end. Raises NoAnswer at the end of our patience."""
    assert holder.stdout is not None
    said, until = b"", time.monotonic() + _TO_HOLD
    while True:
        program.wait({holder.stdout.fileno()}, "nft -i", until, stop)
        octets = os.read(holder.stdout.fileno(), 65536)
        said += octets
        lines = [one.strip() for one in said.decode(errors="replace").splitlines()]
        if line in lines:
            return True
        if not octets or any(one.startswith("Error:") for one in lines):
            return False


def _end(holder: subprocess.Popen[bytes]) -> None:
    """At the end of its input it ends by itself; where it does not, the kernel takes its table with its socket."""
    assert holder.stdin is not None
    with suppress(BrokenPipeError):
        holder.stdin.close()
    with suppress(subprocess.TimeoutExpired):
        holder.wait(_TO_END)
    program.end(holder)


def _program() -> str:
    place = program.place_of("nft")
    if place is None:
        raise NoTrace("nft is not installed")
    return place


def _run(nft: str, *words: str, text: str = "", stop: int | None = None) -> Said:
    return program.ask(nft, *words, text=text, patience=_PATIENCE, stop=stop)


def rules_of(family: str, table: str) -> str:
    """What ``nft -a list table`` prints: each rule's text and handle; empty where there is no such table.

    Raises NoTrace where nft does not answer.
    """
    try:
        return _run(_program(), "-a", "list", "table", family, table).out
    except NoAnswer as error:
        raise NoTrace(str(error)) from None


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0] or "it gave no reason"
