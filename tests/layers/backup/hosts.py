"""A host in a namespace of its own whose rules are kept and changed, and one that is only recorded."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pathprobe.lab import netns
from pathprobe.layers.backup.applier import Applier, ThisMachine
from pathprobe.layers.backup.restore import Machine
from pathprobe.layers.system import Recorded, Said, Unread
from pathprobe.layers.system import ThisMachine as Asked


@contextmanager
def without_rules(folder: Path) -> Iterator[None]:
    """This process is in a network of its own, in which there is nothing yet, and this machine's firewalld is far away.

    In the folder is the lock of iptables-legacy.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XTABLES_LOCKFILE", str(folder / "xtables.lock"))
        patch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={folder}/no-bus")
        with _in_a_network():
            yield


@contextmanager
def _in_a_network() -> Iterator[None]:
    netns.add("kept")
    try:
        with netns.inside("kept"):
            yield
    finally:
        netns.delete("kept")


def run(*command: str, text: str = "") -> str:
    """What it prints; it must work."""
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (command, done.stderr)
    return done.stdout


def nft(text: str) -> None:
    run("nft", "-f", "-", text=text)


def iptables(rule: str, program: str = "iptables-nft") -> None:
    run(program, *rule.split())


def listing() -> str:
    """All that nft lists, without counters."""
    return run("nft", "-s", "list", "ruleset")


def saved(program: str) -> list[str]:
    """The lines of rules, without dates."""
    return [line for line in run(f"{program}-save").splitlines() if not line.startswith("#")]


@dataclass(frozen=True, kw_only=True)
class Scripted:
    """An applier of a machine that is not there: what a command says, by its words; all else works."""

    says: Mapping[str, Said | Unread] = field(default_factory=dict)
    ran: list[tuple[str, str]] = field(default_factory=list)

    def run(self, command: tuple[str, ...], text: str = "") -> Said | Unread:
        words = " ".join(command)
        self.ran.append((words, text))
        return self.says.get(words, Said(status=0))


def this_machine(etc: Path, applier: Applier | None = None) -> Machine:
    return Machine(system=Asked(), applier=applier or ThisMachine(), etc=etc)


NO_RULES: Mapping[str, str] = {"nft list ruleset": "", "nft -j list ruleset": '{"nftables": []}'}


def recorded(commands: Mapping[str, str | Said | Unread], files: Mapping[str, str | Unread] | None = None) -> Recorded:
    return Recorded(commands=commands, files=files or {})
