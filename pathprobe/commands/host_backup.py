"""``pathprobe host backup`` and ``host restore``: the rules of this machine kept, compared and put back."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from pathprobe.commands import status
from pathprobe.commands.ending import fail

if TYPE_CHECKING:
    from pathprobe.layers.backup.compare import Difference
    from pathprobe.layers.backup.folder import Backup
    from pathprobe.layers.backup.restore import Failed, Machine
    from pathprobe.layers.backup.sources import Source
    from pathprobe.layers.backup.state import State

#: layers.backup.sources.names(), which --help does without.
NAMES = (
    "nftables, iptables, iptables-nft, ip6tables, ip6tables-nft, iptables-legacy, ip6tables-legacy, ipset, firewalld, "
    "ufw"
)
_only = click.option("--only", metavar="NAME,...", help=f"Only these: {NAMES}.")
#: Whether it can be read is found out by reading it: that it cannot be is no fault of the command line.
_FOLDER = click.Path(path_type=Path, readable=False)
#: Of a chroot, and of the tests.
_etc = click.option("--etc", type=click.Path(path_type=Path), default=Path("/etc"), hidden=True)


@click.command()
@click.argument("directory", type=_FOLDER, metavar="DIR")
@_only
@_etc
def backup(directory: Path, only: str | None, etc: Path) -> None:
    """Keep this machine's firewall rules in a new folder in DIR, named for the time (UTC).

    nftables, iptables and ip6tables (of both flavours), ipset, and the files of firewalld and ufw, with a manifest
    and checksums (sha256sum -c SHA256SUMS). It is there whole or not at all, and only its owner can read it.

    \b
    Exit status: 0 kept, 1 something could not be read (nothing is kept then), 2 wrong command line.
    """
    from tabulate import tabulate

    from pathprobe.layers.backup import folder, notes, take
    from pathprobe.layers.backup import restore as restoring
    from pathprobe.layers.backup.applier import ThisMachine as Changeable
    from pathprobe.layers.backup.restore import Machine
    from pathprobe.layers.system import ThisMachine

    sources = _chosen(only)
    system = ThisMachine()
    state = _present(etc, sources)
    try:
        restoring.rehearse(Machine(system=system, applier=Changeable(), etc=etc), state, sources)
        path = folder.write(state, take.origin(system, _now()), directory)
    except restoring.Refused as error:
        fail(f"cannot keep what could not be put back: {error}", status.CANNOT)
    except OSError as error:
        fail(f"cannot write to {error.filename or directory}: {error.strerror}", status.CANNOT)
    click.echo(f"kept in {path}")
    rows = [(source.name, notes.amount(state, source)) for source in sources if source.name not in state.absent]
    rows += [(name, f"not there: {why}") for name, why in state.absent.items()]
    click.echo(tabulate([("", *row) for row in rows], tablefmt="plain"))
    warning = notes.runtime_only(system) if "firewalld" in state.trees else None
    if warning:
        click.echo(f"note: {warning}", err=True)


@click.command()
@click.argument("directory", type=_FOLDER, metavar="DIR")
@click.option("--yes", is_flag=True, help="Put it back; without this only the difference is shown.")
@_only
@click.option(
    "--aside",
    type=_FOLDER,
    metavar="DIR2",
    help="Where the present state is kept first; beside the backup by default.",
)
@_etc
def restore(directory: Path, yes: bool, only: str | None, aside: Path | None, etc: Path) -> None:
    """Make the rules in a backup the present ones; first show what that would change.

    DIR is a backup, or a folder with one backup in it.

    With --yes the present state is first kept beside the backup, so that it can be undone; if a tool refuses a part,
    all is put back as it was. Rules that are not in the backup go: it is the whole state. Counters make no difference.
    What is loaded at boot is not changed, but for the files of firewalld and ufw.

    \b
    Exit status: 0 nothing differs or it is restored; 8 something differs and --yes was not given;
    1 it could not be done: a damaged backup, no permission, a tool that refuses; 2 wrong command line.
    """
    from pathprobe.layers.backup import notes, take
    from pathprobe.layers.backup.applier import ThisMachine as Changeable
    from pathprobe.layers.backup.compare import differences, is_kept
    from pathprobe.layers.backup.restore import Machine
    from pathprobe.layers.system import ThisMachine

    chosen = _chosen(only)
    kept = _read(directory)
    machine = Machine(system=ThisMachine(), applier=Changeable(), etc=etc)
    sources = tuple(source for source in chosen if is_kept(kept.state, source))
    if not sources:
        fail("nothing of what was asked for is in this backup", status.CANNOT)
    now = _present(etc, sources)
    new = [one for one in chosen if one not in sources and take.is_there(machine.system, one, etc)]
    for sentence in notes.before_restoring(kept, sources, new, os.uname().nodename, os.environ):
        click.echo(f"note: {sentence}", err=True)
    found = differences(now, kept.state, sources)
    _show(found, kept.path, etc)
    if not found:
        click.echo(f"nothing differs from the backup of {kept.origin.time}")
        return
    command = shlex.join(["pathprobe", "host", "restore", str(directory)] + (["--only", only] if only else []))
    if not yes:
        click.echo(f"nothing was changed; to put it back: {command} --yes")
        sys.exit(status.MIXED)
    _put_back(machine, now, kept, sources, aside)


def _put_back(machine: Machine, now: State, kept: Backup, sources: Sequence[Source], aside: Path | None) -> None:
    from pathprobe.layers.backup import folder, take
    from pathprobe.layers.backup import restore as restoring

    before = restoring.undo_of(now, kept.state)
    try:
        restoring.check(machine, now, kept.state, sources)
        place = aside or kept.path.resolve().parent
        path = folder.write(before, take.origin(machine.system, _now()), place, prefix=folder.ASIDE)
    except restoring.Refused as error:
        fail(f"nothing was changed: {error}", status.CANNOT)
    except OSError as error:
        what = f"the present state cannot be kept in {error.filename or place}: {error.strerror}"
        fail(f"nothing was changed: {what} (--aside DIR2 names another place)", status.CANNOT)
    undo = shlex.join(["pathprobe", "host", "restore", str(path), "--yes"])
    click.echo(f"what was there is kept in {path}; to undo: {undo}")
    try:
        with undisturbed():
            left = restoring.apply(machine, before, kept.state, sources)
    except restoring.Failed as error:
        _tell_failure(error, undo)
    if left:
        _show(left, kept.path, machine.etc)
        names = ", ".join(difference.source.name for difference in left)
        fail(f"restored, but it is not as it was in {names}; to undo: {undo}", status.CANNOT)
    click.echo(f"restored as it was at {kept.origin.time}: {', '.join(source.name for source in sources)}")


def _tell_failure(error: Failed, undo: str) -> NoReturn:
    if error.put_back:
        fail(f"not restored, all is as it was before: {error}", status.CANNOT)
    fail(f"not restored: {error}; to put it back: {undo}", status.CANNOT)


def _chosen(only: str | None) -> tuple[Source, ...]:
    from pathprobe.layers.backup.sources import UnknownSource, chosen

    try:
        return chosen(word.strip() for word in (only or "").split(",") if word.strip())
    except UnknownSource as error:
        raise click.BadParameter(str(error), param_hint="--only") from None


def _present(etc: Path, sources: Sequence[Source]) -> State:
    from pathprobe.layers.backup import take
    from pathprobe.layers.system import ThisMachine

    try:
        return take.state(ThisMachine(), etc, sources)
    except take.CannotKeep as error:
        fail(str(error), status.CANNOT)


def _read(directory: Path) -> Backup:
    """The one that DIR is, or the only one in it. Which of several is meant, is not guessed."""
    from pathprobe.layers.backup import folder
    from pathprobe.layers.backup.manifest import Damaged

    try:
        several = folder.found_in(directory)
        if len(several) < 2:
            return folder.read(several[0] if several else directory)
        names = "\n".join(f"  {path}" for path in several)
    except Damaged as error:
        fail(f"not a backup that can be trusted: {error}", status.CANNOT)
    except OSError as error:
        fail(f"cannot read {error.filename or directory}: {error.strerror}", status.CANNOT)
    click.echo(f"pathprobe: {directory} holds backups; name the one that is meant:\n{names}", err=True)
    sys.exit(status.USAGE)


def _show(found: Sequence[Difference], folder: Path, etc: Path) -> None:
    from pathprobe.layers.backup.compare import shown

    for difference in found:
        click.echo("\n".join(shown(difference, folder, etc)))


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@contextmanager
def undisturbed() -> Iterator[None]:
    """Half a restore is none: the SSH session that its own rules end, or a Ctrl-C, does not stop it midway.

    The commands that it starts inherit that.
    """
    numbers = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, signal.SIG_IGN) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
