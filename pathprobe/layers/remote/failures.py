"""Why was the other machine not reached, by what ssh(1) said last, and what is to be done about it?

ssh ends with 255 for whatever is its own affair, else with the status of what it ran there (ssh(1), EXIT STATUS).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pathprobe.layers.remote.destination import Destination

#: ssh's own failures.
_OF_SSH = 255

#: What a shell ends with where there is no such program, and where it may not be run.
_NO_PROGRAM, _NO_PERMISSION = 127, 126


class NotReached(Exception):
    """The other machine could not be asked, or not any more; one line that says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How an ssh ended: ``status`` None where it was ended by us, for it said nothing for ``silence`` seconds.

    ``told``: the last lines of its stderr; ``printed``: of its stdout, before our program said anything there.
    """

    status: int | None
    told: Sequence[str] = ()
    printed: Sequence[str] = ()
    silence: float = 0.0


#: What ssh says, in the order in which it is looked for -> what it means, and what helps. {line}: the line itself.
_SAID = (
    (
        "REMOTE HOST IDENTIFICATION HAS CHANGED",
        "the host key of {host} is not the one that is known: where that is expected, forget the old one with "
        "ssh-keygen -R {known}, and else ask who runs {host}",
    ),
    (
        "has been revoked",
        "the host key of {host} is marked as revoked: ask who runs {host}",
    ),
    (
        "Host key verification failed",
        "the host key of {host} is not known here: run {command} once and compare what it shows, then run this again",
    ),
    (
        "host key is known for",
        "the host key of {host} is not known here: run {command} once and compare what it shows, then run this again",
    ),
    (
        "Permission denied",
        "{host} does not let {user} in without being asked ({line}): {command} must work without a password, by a key "
        "(ssh-copy-id, ssh-add)",
    ),
    (
        "Too many authentication failures",
        "{host} was offered too many keys: name the right one with IdentityFile and IdentitiesOnly in ~/.ssh/config",
    ),
    ("Could not resolve hostname", "{line}: check the name"),
    ("Bad configuration option", "ssh does not understand its options ({line})"),
    ("Connection refused", "{line}: no sshd listens there, or another port is meant ([user@]host:port)"),
    ("Connection timed out", "{line}: is it the right address and port, and does a filter let ssh through?"),
    ("Operation timed out", "{line}: is it the right address and port, and does a filter let ssh through?"),
    ("No route to host", "{line}: is the machine up, and does a filter let ssh through?"),
    ("Network is unreachable", "{line}: this machine has no route to it"),
)

#: What there is to say where ssh says nothing that is known, and the machine had answered already.
_BROKEN = "the connection to {host} broke before all was asked: run this again"


def not_reached(destination: Destination, ending: Ending, *, was_asked: bool = False) -> NotReached:
    """``was_asked``: the other end had answered before."""
    return NotReached(_sentence(destination, ending, was_asked=was_asked))


def _sentence(destination: Destination, ending: Ending, *, was_asked: bool) -> str:
    host, command = destination.host, destination.command
    if ending.status is None:
        doing = "answer" if was_asked else f"let {command} in"
        return f"{host} did not {doing} within {ending.silence:.0f} s: is it overloaded, or does a filter hold it up?"
    if ending.status == _OF_SSH or ending.status < 0:
        return _of_ssh(destination, ending, was_asked=was_asked)
    if was_asked:
        return _with_line(_BROKEN.format(host=host), ending.told)
    return _of_shell(destination, ending)


def _of_ssh(destination: Destination, ending: Ending, *, was_asked: bool) -> str:
    host = destination.host
    known = f"'[{host}]:{destination.port}'" if destination.port not in (None, 22) else host
    for sign, meaning in _SAID:
        line = next((line for line in reversed(ending.told) if sign in line), None)
        if line is not None:
            return meaning.format(
                host=host,
                known=known,
                user=destination.user or "you",
                command=destination.command,
                line=line.removeprefix("ssh: ").rstrip("."),
            )
    if was_asked:
        return _with_line(_BROKEN.format(host=host), ending.told)
    return _with_line(f"{destination.command} failed: try it by hand", ending.told)


def _of_shell(destination: Destination, ending: Ending) -> str:
    """The connection was made, and the shell there did not start our program."""
    host = destination.host
    said = " ".join(ending.told)
    if ending.status == _NO_PROGRAM or "python3: Command not found" in said:
        return f"python3 is not installed on {host}: install it there, or run pathprobe host --json there"
    if ending.status == _NO_PERMISSION:
        return _with_line(f"python3 may not be run on {host}", ending.told)
    told = f"{host} let {destination.command} in and did not run python3 for it"
    return _with_line(told, ending.told or ending.printed)


def _with_line(sentence: str, lines: Sequence[str]) -> str:
    return f"{sentence} ({lines[-1]})" if lines else sentence
