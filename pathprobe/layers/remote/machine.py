"""What does the machine at the other end of one ssh connection say when it is asked?

The system's own ssh(1) makes the connection, with the configuration, keys and proxies of whoever runs this. It starts
the python3 of the other machine, which reads ``agent.py`` from its input: nothing is written there, nothing stays.
"""

from __future__ import annotations

import base64
import json
import os
import struct
import time
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any, Self

from pathprobe.layers.remote.agent import FLAGS, LIMIT, MARK, PATIENCE
from pathprobe.layers.remote.destination import Destination
from pathprobe.layers.remote.failures import Ending, NotReached, not_reached
from pathprobe.layers.remote.line import Ended, Line, Silent
from pathprobe.layers.system import Said, Unread

#: What starts the agent there: it is the next line of the input, packed. No sign of it means anything in single quotes,
#: whichever shell the account has. Octet by octet, for what comes after the line is not its own.
BOOT = 'import base64,os,zlib;exec(zlib.decompress(base64.b64decode(b"".join(iter(lambda:os.read(0,1).strip(),b"")))))'

#: Asks for what would be in the way: a terminal, forwarded ports, another command, a process that stays behind.
_PLAIN = (
    "RemoteCommand=none",
    "ClearAllForwardings=yes",
    "ForwardX11=no",
    "ForwardAgent=no",
    "PermitLocalCommand=no",
    "ControlMaster=no",
    "ServerAliveInterval=5",
    "ServerAliveCountMax=3",
    "Compression=yes",
    "LogLevel=ERROR",
)

#: Seconds beyond those of the TCP connection until a login is given up; where a person is asked, as much as that takes.
_LOGIN, _ASKED = 30.0, 300.0

#: Seconds of silence after which an answer is given up: a command there may take so long, and the way some.
_ANSWER = PATIENCE + 15.0

#: An octet takes up to six of JSON (``\\u00ff``).
_LONGEST = 8 * LIMIT


@dataclass(frozen=True, slots=True, kw_only=True)
class SshOptions:
    """How ssh is started. ``options``: as after ``-o``; ``config``: a file in the place of ~/.ssh/config.

    ``may_ask``: ssh may ask for a password or a host key on the terminal. ``may_sudo``: look as root there, where sudo
    allows that without a password. ``connect_timeout`` in seconds.
    """

    options: tuple[str, ...] = ()
    config: str | None = None
    may_ask: bool = False
    may_sudo: bool = True
    connect_timeout: int = 10

    def command(self, destination: Destination) -> list[str]:
        """ssh takes the first value that it meets: those that were given come before ours."""
        asking = () if self.may_ask else ("BatchMode=yes",)
        wanted = (*self.options, *asking, f"ConnectTimeout={self.connect_timeout}", *_PLAIN)
        config = ("-F", self.config) if self.config else ()
        options = [word for option in wanted for word in ("-o", option)]
        return ["ssh", "-T", *config, *options, *destination.words, _remote_command()]


def _remote_command() -> str:
    return f"python3 {' '.join(FLAGS)} '{BOOT}'"


def orders(*, may_sudo: bool) -> bytes:
    """What the agent is sent first. Where sudo may be tried all of it comes twice: once for root's own python3."""
    source = resources.files("pathprobe.layers.remote").joinpath("agent.py").read_bytes()
    program = base64.b64encode(zlib.compress(source, 9)) + b"\n"
    once = program + _packed({"boot": None})
    return program + _packed({"boot": BOOT}) + once if may_sudo else once


class SshMachine:
    """A System; all that it says may raise NotReached, as soon as the connection is gone.

    ``is_root``: it is asked as root. ``destination``: where it is.
    """

    def __init__(self, line: Line, destination: Destination, *, patience: float, may_sudo: bool) -> None:
        """``line``: a started ssh, which is closed where this raises NotReached; ``patience`` of the login, seconds."""
        self.destination = destination
        self._line = line
        self._was_asked = self._is_closed = False
        try:
            hello = self._greeted(patience, may_sudo=may_sudo)
        except BaseException:
            self.close()
            raise
        self._was_asked = True
        self.is_root = hello.get("uid") == 0
        self._ahead = float(hello.get("time") or time.time()) - time.time()

    @classmethod
    def connect(cls, destination: Destination, how: SshOptions | None = None) -> Self:
        """Log in and start the agent. Raises NotReached."""
        how = how or SshOptions()
        patience = how.connect_timeout + (_ASKED if how.may_ask else _LOGIN)
        try:
            line = Line(how.command(destination), keeps_terminal=how.may_ask)
        except FileNotFoundError:
            raise NotReached("ssh is not installed here: install the OpenSSH client (openssh-client)") from None
        except OSError as error:
            raise NotReached(f"ssh could not be started: {error.strerror}") from None
        return cls(line, destination, patience=patience, may_sudo=how.may_sudo)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def close(self) -> None:
        """End the connection; it is gone when this returns."""
        if not self._is_closed:
            self._is_closed = True
            self._line.close()

    def now(self) -> float:
        """Seconds since 1970 by the clock of that machine, which its logs go by."""
        return time.time() + self._ahead

    # ---- what a System is asked

    def run(self, *command: str) -> Said | Unread:
        return _said(self._asked([("run", *command)])[0])

    def read(self, path: str) -> str | Unread:
        return _text(self._asked([("read", path)])[0])

    def names(self, path: str) -> Sequence[str] | Unread:
        return _names(self._asked([("names", path)])[0])

    def link(self, path: str) -> str | Unread:
        return _link(self._asked([("link", path)])[0])

    def read_each(self, paths: Iterable[str]) -> list[str | Unread]:
        return [_text(answer) for answer in self._asked([("read", path) for path in paths])]

    def names_each(self, paths: Iterable[str]) -> list[Sequence[str] | Unread]:
        return [_names(answer) for answer in self._asked([("names", path) for path in paths])]

    def link_each(self, paths: Iterable[str]) -> list[str | Unread]:
        return [_link(answer) for answer in self._asked([("link", path) for path in paths])]

    # ---- the line

    def _greeted(self, patience: float, *, may_sudo: bool) -> Mapping[str, Any]:
        self._line.send(orders(may_sudo=may_sudo))
        try:
            self._line.skip_past(MARK, patience=patience)
            hello = self._message()
        except (Ended, Silent) as end:
            raise self._gone(end, patience) from None
        return hello if isinstance(hello, dict) else {}

    def _asked(self, questions: Sequence[tuple[str, ...]]) -> list[list[Any]]:
        """An answer for each, all in one round trip."""
        if self._is_closed:
            raise NotReached(f"the connection to {self.destination.host} is closed")
        if questions:
            self._line.send(_packed([[_characters(word) for word in question] for question in questions]))
        try:
            return [self._answer() for _ in questions]
        except (Ended, Silent) as end:
            raise self._gone(end, _ANSWER) from None

    def _answer(self) -> list[Any]:
        answer = self._message()
        if not (isinstance(answer, list) and answer):
            raise Ended
        return answer

    def _message(self) -> Any:
        """Raises Ended where what comes is none: somebody else wrote into it."""
        (length,) = struct.unpack(">I", self._line.receive(4, patience=_ANSWER))
        if length > _LONGEST:
            raise Ended
        try:
            return json.loads(self._line.receive(length, patience=_ANSWER))
        except ValueError:
            raise Ended from None

    def _gone(self, end: Exception, patience: float) -> NotReached:
        printed = self._line.printed
        self._is_closed = True
        status = self._line.close()
        ending = Ending(
            status=None if isinstance(end, Silent) else status,
            told=self._line.told,
            printed=printed,
            silence=patience,
        )
        return not_reached(self.destination, ending, was_asked=self._was_asked)


def _packed(message: object) -> bytes:
    text = json.dumps(message).encode("ascii")
    return struct.pack(">I", len(text)) + text


def _characters(word: str) -> str:
    return os.fsencode(word).decode("latin-1")


# ---- answers, as ThisMachine gives them


def _said(answer: list[Any]) -> Said | Unread:
    match answer:
        case ["said", int(status), str(out), str(error)]:
            return Said(status=status, out=_decoded(out), error=_decoded(error))
    return _unread(answer)


def _text(answer: list[Any]) -> str | Unread:
    return _decoded(answer[1]) if _is_text(answer) else _unread(answer)


def _link(answer: list[Any]) -> str | Unread:
    return _name(answer[1]) if _is_text(answer) else _unread(answer)


def _names(answer: list[Any]) -> Sequence[str] | Unread:
    match answer:
        case ["names", [*names]]:
            return sorted(_name(str(name)) for name in names)
    return _unread(answer)


def _is_text(answer: list[Any]) -> bool:
    return answer[0] == "text" and len(answer) == 2 and isinstance(answer[1], str)


def _unread(answer: list[Any]) -> Unread:
    match answer:
        case ["unread", str(reason), bool(is_missing)]:
            return Unread(reason=_decoded(reason), is_missing=is_missing)
    return Unread(reason="the other end's answer was not understood")


def _decoded(characters: str) -> str:
    """As files opened for text are read: undecodable octets replaced, ends of lines alike."""
    text = _octets(characters).decode(errors="replace")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _name(characters: str) -> str:
    return os.fsdecode(_octets(characters))


def _octets(characters: str) -> bytes:
    return characters.encode("latin-1", "replace")
