"""How is a command line told to others?

Where files lie tells who works here and on what: only their names are told. Redacted, not even these, nor what a
payload was; hosts have their pseudonyms.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence

from pathprobe.core.redaction.pseudonyms import Pseudonyms

#: Options whose value is a file, is octets, is a host or target, or is neither of these; the others have none.
_FILES = ("-w", "--write", "--ticket")
_OCTETS = ("--payload",)
_HOSTS = ("-s", "--source", "--target", "--host")
_PLAIN = ("-i", "--interface", "--max-hops", "--wait", "--flows", "--rate", "--engine")

#: A command whose arguments are files.
_READER = "analyze"

_Tell = Callable[[str], str]


def told_command(arguments: Sequence[str], pseudonyms: Pseudonyms | None = None) -> str:
    """``pathprobe`` and its arguments, quoted as a shell wants it; redacted if there are pseudonyms."""
    command = arguments[0] if arguments else ""
    positional = _file(pseudonyms) if command == _READER else _host(pseudonyms)
    told, pending = [command] if arguments else [], None
    for argument in arguments[1:]:
        if pending:
            told.append(pending(argument))
            pending = None
            continue
        option, equals, value = argument.partition("=")
        if not argument.startswith("-") or argument == "-":
            told.append(positional(argument))
        elif tell := _teller(option, pseudonyms):
            pending = None if equals else tell
            told.append(f"{option}={tell(value)}" if equals else option)
        elif (short := argument[:2]) != argument and (tell := _teller(short, pseudonyms)):
            told.append(short + tell(argument[2:]))
        else:
            told.append(argument)
    return shlex.join(["pathprobe", *told])


def _teller(option: str, pseudonyms: Pseudonyms | None) -> _Tell | None:
    """How the value of an option is told; None when it has none."""
    if option in _FILES:
        return _file(pseudonyms)
    if option in _OCTETS:
        return _file(pseudonyms, "HEX")
    if option in _HOSTS:
        return _host(pseudonyms)
    return str if option in _PLAIN else None


def _file(pseudonyms: Pseudonyms | None, instead: str = "FILE") -> _Tell:
    return (lambda _: instead) if pseudonyms else _without_folders


def _without_folders(path: str) -> str:
    """The last part of a path; an ``@`` before it says that it is one."""
    at = "@" if path.startswith("@") else ""
    return at + (path.removeprefix("@").rstrip("/").rpartition("/")[2] or "/")


def _host(pseudonyms: Pseudonyms | None) -> _Tell:
    return pseudonyms.target if pseudonyms else str
