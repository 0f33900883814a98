"""What does the machine say that this very process runs on? The questions come in by stdin, the answers go to stdout.

This file is sent to the other machine as text, and run there by its python3 without being written down. It only looks:
it runs the commands that it is told to, reads files and links and lists folders. For every python3 since 3.4: nothing
but the standard library, no f-strings, no annotations of names. It imports nothing of pathprobe.

A message is its length, four octets, and so many octets of JSON. Octets of the machine's stand in it one character each
(Latin-1), so that what is no text comes through too. Questions come as a list, [[verb, word, ...], ...]; each has one
message for its answer: ["said", status, out, error], ["text", octets], ["names", [octets, ...]], or
["unread", reason, is_missing].
"""
# ruff: noqa: UP032, RUF005

import errno
import json
import os
import selectors
import shutil
import signal
import struct
import subprocess
import sys
import time

#: Before the first message: what a shell or its profile prints comes before it, and is nobody's answer. In two parts,
#: for this text itself shall not have it.
MARK = b"\0pathprobe" + b"-agent-1\0\n"

#: Seconds after which a command that only lists things is given up, and that sudo has to say whether it may.
PATIENCE = 30.0
SUDO_PATIENCE = 10.0

#: Octets of a file or of what a command prints, beyond which it is given up.
LIMIT = 32 << 20

#: Debian keeps nft and its kind in sbin, which is not on an ordinary user's PATH.
SBIN = ":/usr/local/sbin:/usr/sbin:/sbin"

#: Isolated, without site-packages, leaving no compiled files behind.
FLAGS = ["-I", "-S", "-B", "-c"]

_PIECE = 1 << 16


def run(*words: bytes, patience: float = PATIENCE, limit: int = LIMIT) -> "list[object]":
    """The command to its end, in the C locale and without input."""
    name = os.fsdecode(words[0])
    path = os.environ.get("PATH", os.defpath) + SBIN
    program = shutil.which(name, path=path)
    if program is None:
        return unread(name + " is not installed", is_missing=True)
    try:
        process = subprocess.Popen(
            (os.fsencode(program),) + words[1:],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(os.environ, PATH=path, LC_ALL="C"),
            start_new_session=True,
        )
    except OSError as error:
        return unread(name + ": " + os.strerror(error.errno or 0))
    try:
        out, told, trouble = collect(process, patience, limit)
    finally:
        end(process)
    if trouble:
        return unread(name + " " + trouble)
    return ["said", process.returncode, characters(out), characters(told)]


def collect(process: "subprocess.Popen[bytes]", patience: float, limit: int) -> "tuple[bytes, bytes, str]":
    """What it printed on stdout and stderr, and what is wrong with it: empty, or in words."""
    deadline = time.monotonic() + patience
    late = "said nothing for {:.0f} s".format(patience)
    pieces = {process.stdout: [], process.stderr: []}  # type: dict[object, list[bytes]]
    room = limit
    with selectors.DefaultSelector() as waiting:
        for stream in (process.stdout, process.stderr):
            waiting.register(stream, selectors.EVENT_READ)  # type: ignore[arg-type]
        while waiting.get_map():
            ready = waiting.select(max(0.0, deadline - time.monotonic()))
            if not ready:
                return b"", b"", late
            for key, _ in ready:
                piece = os.read(key.fd, _PIECE)
                if piece:
                    pieces[key.fileobj].append(piece)
                else:
                    waiting.unregister(key.fileobj)
                room -= len(piece)
            if room < 0:
                return b"", b"", "printed more than {} MiB".format(limit >> 20)
    try:
        process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        return b"", b"", late
    return b"".join(pieces[process.stdout]), b"".join(pieces[process.stderr]), ""


def end(process: "subprocess.Popen[bytes]") -> None:
    """With all that it started, where that has not ended by itself; its number is its own until it is waited for."""
    if process.returncode is None:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except OSError:
            process.kill()
        process.wait()
    for stream in (process.stdout, process.stderr):
        stream.close()  # type: ignore[union-attr]


def read(path: bytes, *, limit: int = LIMIT) -> "list[object]":
    """A file as a whole; those of /proc have no size before they are read."""
    pieces = []  # type: list[bytes]
    room = limit
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a pipe without a writer is empty
    try:
        while room >= 0:
            piece = os.read(descriptor, _PIECE)
            if not piece:
                return ["text", characters(b"".join(pieces))]
            pieces.append(piece)
            room -= len(piece)
    finally:
        os.close(descriptor)
    return unread("{}: longer than {} MiB".format(os.fsdecode(path), limit >> 20))


def names(path: bytes) -> "list[object]":
    return ["names", [characters(name) for name in os.listdir(path)]]


def link(path: bytes) -> "list[object]":
    return ["text", characters(os.readlink(path))]


def answer(question: "list[str]") -> "list[object]":
    """Never raises."""
    words = [word.encode("latin-1", "replace") for word in question[1:]]
    verb = {"run": run, "read": read, "names": names, "link": link}.get(question[0])
    if verb is None:
        return unread("{}: not understood".format(question[0]))
    try:
        return verb(*words)  # type: ignore[operator, no-any-return]
    except OSError as error:
        is_missing = error.errno == errno.ENOENT
        return unread("{}: {}".format(os.fsdecode(words[0]), os.strerror(error.errno or 0)), is_missing=is_missing)
    except Exception as error:
        return unread("{}: {}".format(" ".join(map(os.fsdecode, words)), error))


def unread(reason: str, *, is_missing: bool = False) -> "list[object]":
    return ["unread", characters(os.fsencode(reason)), is_missing]


def characters(octets: bytes) -> str:
    return octets.decode("latin-1")


def take(size: int) -> bytes:
    """So many octets of stdin and none after them, for who comes next (sudo) reads on; none at its end."""
    taken = b""
    while len(taken) < size:
        piece = os.read(0, size - len(taken))
        if not piece:
            return b""
        taken += piece
    return taken


def receive() -> "object":
    """The next message, None at the end."""
    head = take(4)
    return json.loads(take(struct.unpack(">I", head)[0]).decode("ascii")) if head else None


def packed(message: object) -> bytes:
    text = json.dumps(message).encode("ascii")
    return struct.pack(">I", len(text)) + text


def give(octets: bytes) -> None:
    while octets:
        octets = octets[os.write(1, octets) :]


def raise_rights(boot: str) -> None:
    """Go on as root where sudo lets this very program without a password; it is read again from stdin."""
    command = ["sudo", "-n", "--", sys.executable] + FLAGS
    trial = map(os.fsencode, command + ["pass"])
    if os.geteuid() == 0 or run(*trial, patience=SUDO_PATIENCE)[:2] != ["said", 0]:
        while take(1) not in (b"\n", b""):  # the copy that is not needed, and what to do with it
            pass
        receive()
    else:
        os.execvp("sudo", command + [boot])


def main() -> None:
    """First comes what to do: ``boot``, where more rights may be asked for, starts this program once more."""
    wanted = receive()
    boot = wanted.get("boot") if isinstance(wanted, dict) else None
    if boot:
        raise_rights(boot)
    hello = {"uid": os.geteuid(), "time": time.time(), "python": list(sys.version_info[:3])}
    give(MARK + packed(hello))
    while True:
        questions = receive()
        if questions is None:
            return
        for question in questions:  # type: ignore[attr-defined]
            give(packed(answer(question)))


if __name__ == "__main__":
    try:
        main()
    except (BrokenPipeError, KeyboardInterrupt):
        os._exit(1)  # who asked has gone
