"""``pathprobe host backup`` and ``host restore``, on a host in a namespace of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from pathprobe.commands.host_backup import NAMES, backup, restore, undisturbed
from pathprobe.layers.backup.sources import names
from tests.commands.processes import drop_privileges, environment
from tests.layers.backup.hosts import iptables, listing, nft, run, saved, without_rules

pytestmark = pytest.mark.lab

OK, CANNOT, USAGE, DIFFERS = 0, 1, 2, 8
GROUP = click.Group("host", commands=[backup, restore])

RULES = "table inet mine { chain c { type filter hook input priority 0; tcp dport 8080 accept\n}\n}"
OTHERS = "table inet other { chain c { type filter hook input priority 0; tcp dport 8080 drop\n}\n}"


@pytest.fixture
def host(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A host with rules and a firewalld that does not run; what it gives is the folder for its backups."""
    request.getfixturevalue("lab_host")
    monkeypatch.delenv("SSH_CONNECTION", raising=False)
    zones = tmp_path / "etc/firewalld/zones"
    zones.mkdir(parents=True)
    (zones / "public.xml").write_text("<zone/>\n")
    with without_rules(tmp_path):
        nft(RULES)
        iptables("-A INPUT -p tcp --dport 22 -m comment --comment ssh -j ACCEPT")
        yield tmp_path / "backups"


def call(command: str, *arguments: str | Path) -> Result:
    folder = Path(arguments[0]).parent
    etc = next(path / "etc" for path in (folder, *folder.parents) if (path / "etc/firewalld").exists())
    return CliRunner().invoke(GROUP, [command, *map(str, arguments), "--etc", str(etc)])


def keep(folder: Path) -> Path:
    """A backup; its folder."""
    result = call("backup", folder)
    assert result.exit_code == OK, result.output
    return Path(result.stdout.partition("\n")[0].removeprefix("kept in "))


def change(folder: Path) -> None:
    nft("flush ruleset")
    nft(OTHERS)
    (folder.parent / "etc/firewalld/zones/public.xml").write_text("<zone>\n</zone>\n")


def test_a_backup_says_where_it_is_and_what_is_in_it(host: Path) -> None:
    result = call("backup", host)
    (folder,) = host.iterdir()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ", folder.name)
    first, *rows = result.stdout.splitlines()
    assert first == f"kept in {folder}"
    assert [row.split(maxsplit=1) for row in rows] == [
        ["nftables", "1 table"],
        ["iptables-nft", "1 rule"],
        ["ip6tables-nft", "no rules"],
        ["iptables-legacy", "no rules"],
        ["ip6tables-legacy", "no rules"],
        ["ipset", "no sets"],
        ["firewalld", "1 file"],
        ["ufw", f"not there: there is no {host.parent}/etc/ufw"],
    ]


def test_a_restore_shows_the_difference_and_changes_nothing_without_yes(host: Path) -> None:
    kept = keep(host)
    change(host)
    before = listing()
    result = call("restore", kept)
    assert (result.exit_code, listing()) == (DIFFERS, before)
    lines = result.stdout.splitlines()
    assert {
        "--- nftables now",
        "+++ nftables in the backup",
        "-\t\ttcp dport 8080 drop",
        "+\t\ttcp dport 8080 accept",
        "+-A INPUT -p tcp -m tcp --dport 22 -m comment --comment ssh -j ACCEPT",
        "-</zone>",
    } <= set(lines)
    assert lines[-1] == f"nothing was changed; to put it back: pathprobe host restore {kept} --yes"
    assert [path.name for path in host.iterdir()] == [kept.name]


def test_with_yes_all_is_as_it_was_and_it_can_be_undone(host: Path) -> None:
    rules, of_iptables = listing(), saved("iptables-nft")
    kept = keep(host)
    change(host)
    changed = listing()
    result = call("restore", host, "--yes")
    assert result.exit_code == OK, result.output
    assert (listing(), saved("iptables-nft")) == (rules, of_iptables)
    assert (host.parent / "etc/firewalld/zones/public.xml").read_text() == "<zone/>\n"
    undo = re.search(r"to undo: pathprobe host restore (\S+) --yes", result.stdout)
    assert undo is not None
    assert Path(undo[1]).name.startswith("before-restore-")

    again = call("restore", kept)
    assert (again.exit_code, again.stdout.splitlines()[-1][:35]) == (OK, "nothing differs from the backup of ")

    assert call("restore", undo[1], "--yes").exit_code == OK
    assert listing() == changed
    assert (host.parent / "etc/firewalld/zones/public.xml").read_text() == "<zone>\n</zone>\n"


def test_only_what_is_named_is_restored(host: Path) -> None:
    kept = keep(host)
    change(host)
    assert call("restore", kept, "--only", "iptables,ip6tables", "--yes").exit_code == OK
    assert "table inet other" in listing()
    assert len(saved("iptables-nft")) == 6


def test_what_is_not_in_a_backup_cannot_be_restored(host: Path) -> None:
    assert call("backup", host, "--only", "ipset").exit_code == OK
    result = call("restore", host, "--only", "nftables")
    assert (result.exit_code, result.stderr) == (CANNOT, "pathprobe: nothing of what was asked for is in this backup\n")


@pytest.mark.parametrize(
    ("only", "holds"),
    [("nftables", "nftables"), ("iptables,ufw,ipset", "iptables-nft, iptables-legacy and ipset")],
)
def test_what_a_backup_does_not_hold_is_told_in_one_note(host: Path, only: str, holds: str) -> None:
    assert call("backup", host, "--only", only).exit_code == OK
    notes = call("restore", host).stderr.splitlines()
    assert notes == [f"note: this backup holds {holds} only; everything else stays as it is"]


def test_what_was_not_installed_then_keeps_its_own_note(host: Path) -> None:
    etc = host.parent / "etc"
    (etc / "firewalld").rename(etc / "away")
    (etc / "ufw").mkdir()
    kept = CliRunner().invoke(GROUP, ["backup", str(host), "--only", "firewalld,ufw", "--etc", str(etc)])
    assert kept.exit_code == OK
    (etc / "away").rename(etc / "firewalld")
    assert call("restore", host, "--only", "firewalld,ufw").stderr.splitlines() == [
        f"note: firewalld is not in this backup (there is no {etc}/firewalld) and stays as it is"
    ]


def test_of_a_long_difference_the_beginning_is_shown_and_how_to_see_the_rest(host: Path) -> None:
    kept = keep(host)
    rules = "".join(f"tcp dport {port} accept\n" for port in range(1, 401))
    nft(f"table inet many {{ chain c {{ {rules} }}; }}")
    result = call("restore", kept)
    lines = result.stdout.splitlines()
    assert (result.exit_code, len(lines)) == (DIFFERS, 202)
    assert lines[0] == "--- nftables now"
    last = re.fullmatch(r"\.\.\. and (\d+) more lines; nft list ruleset \| diff - (\S+) shows them", lines[200])
    assert last is not None
    assert (int(last[1]) > 200, last[2]) == (True, str(kept / "nftables.nft"))


@pytest.mark.parametrize("owned", ["flags owner;", ""])
def test_the_table_of_a_watcher_is_in_no_backup(host: Path, owned: str) -> None:
    """Who watches arrivals takes it away again; one without an owner is listed like any other."""
    table = f"table inet pathprobe_trace_77 {{ {owned} chain prerouting {{ }}; }}"
    with subprocess.Popen(["nft", "-i"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as watcher:
        assert watcher.stdin is not None
        assert watcher.stdout is not None
        watcher.stdin.write(f"{table}\nlist tables inet\n")
        watcher.stdin.flush()
        while "table inet pathprobe_trace_77" not in (line := watcher.stdout.readline()) or "{" in line:
            assert line
        kept = keep(host)
        assert not [path for path in kept.rglob("*") if path.is_file() and b"pathprobe_trace" in path.read_bytes()]
        assert call("restore", kept, "--yes").exit_code == OK
        assert "pathprobe_trace_77" in run("nft", "list", "tables")
        watcher.stdin.close()


@pytest.mark.parametrize(("command", "mode"), [("backup", 0o000), ("restore", 0o000), ("restore", 0o111)])
def test_a_folder_that_may_not_be_read_is_told_in_a_line(host: Path, command: str, mode: int) -> None:
    kept = keep(host)
    for folder in (kept, host):
        folder.chmod(mode)
    done = as_nobody(command, str(kept), "--only", "ufw")
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (CANNOT, "", 1)
    assert done.stderr.endswith(": Permission denied\n")


def test_the_names_in_the_help_are_those_that_there_are(host: Path) -> None:
    assert ", ".join(names()) == NAMES
    assert f"there is no 'foo': it is one of {NAMES}" in call("backup", host, "--only", "foo").stderr
    assert call("backup", host, "--only", NAMES).exit_code == OK


def test_which_of_several_backups_is_meant_is_not_guessed(host: Path) -> None:
    both = sorted([keep(host), keep(host)])
    change(host)
    result = call("restore", host, "--yes")
    assert (result.exit_code, result.stdout) == (USAGE, "")
    assert result.stderr.splitlines()[1:] == [f"  {path}" for path in both]


def test_a_damaged_backup_changes_nothing(host: Path) -> None:
    kept = keep(host)
    change(host)
    before = listing()
    rules = kept / "nftables.nft"
    rules.write_text(rules.read_text().replace("8080", "8081"))
    result = call("restore", kept, "--yes")
    assert (result.exit_code, result.stdout, listing()) == (CANNOT, "", before)
    assert result.stderr == (
        "pathprobe: not a backup that can be trusted: nftables.nft: its checksum is not the one that the manifest has\n"
    )


@pytest.mark.parametrize("name", ["missing", "etc"])
def test_what_is_no_backup_is_told_in_a_line(host: Path, name: str) -> None:
    result = call("restore", host.parent / name)
    assert (result.exit_code, len(result.stderr.splitlines())) == (CANNOT, 1)


def in_the_way(folder: Path) -> Path:
    path = folder.parent / "file"
    path.write_text("")
    return path


def test_a_folder_that_cannot_be_written_is_told_in_a_line(host: Path) -> None:
    path = in_the_way(host)
    result = call("backup", path)
    assert (result.exit_code, result.stderr) == (CANNOT, f"pathprobe: cannot write to {path}: File exists\n")


def test_without_a_place_for_the_present_state_nothing_changes(host: Path) -> None:
    kept = keep(host)
    change(host)
    before = listing()
    result = call("restore", kept, "--yes", "--aside", in_the_way(host))
    assert (result.exit_code, listing()) == (CANNOT, before)
    assert result.stderr.startswith("pathprobe: nothing was changed: the present state cannot be kept in ")


def resealed(kept: Path, old: str, new: str) -> None:
    """A backup with other rules of iptables in it, and checksums that fit."""
    from pathprobe.layers.backup import folder, manifest

    found = folder.read(kept)
    rules = dict(found.state.rules)
    assert old in rules["iptables-nft"]
    rules["iptables-nft"] = rules["iptables-nft"].replace(old, new)
    state = type(found.state)(
        rules=rules, trees=found.state.trees, absent=found.state.absent, listing=found.state.listing
    )
    files = manifest.contents(state)
    files[manifest.NAME] = manifest.written(state, found.origin)
    files[manifest.SUMS] = manifest.sums(files)
    for name, content in files.items():
        (kept / name).write_bytes(content)


@pytest.mark.parametrize(
    ("new", "told"),
    [
        ("-m nonsense", r"pathprobe: nothing was changed: iptables-nft: iptables-nft-restore .* said: .*nonsense.*"),
        ("-j CT --notrack", r"pathprobe: not restored, all is as it was before: iptables-nft: .* said: .*"),
    ],
)
def test_a_tool_that_refuses_leaves_all_as_it_was(host: Path, new: str, told: str) -> None:
    kept = keep(host)
    resealed(kept, "-j ACCEPT", new)
    change(host)
    before = listing()
    result = call("restore", kept, "--yes")
    assert (result.exit_code, listing()) == (CANNOT, before)
    assert re.fullmatch(told, result.stderr.strip())
    assert (host.parent / "etc/firewalld/zones/public.xml").read_text() == "<zone>\n</zone>\n"


def test_rules_that_no_tool_could_put_back_are_not_kept(host: Path) -> None:
    nft("add rule ip filter INPUT tcp dport { 1, 2 } drop")
    result = call("backup", host)
    assert (result.exit_code, host.exists()) == (CANNOT, False)
    assert result.stderr.startswith("pathprobe: cannot keep table ip filter: ")
    assert call("backup", host, "--only", "iptables-legacy,firewalld").exit_code == OK


@pytest.mark.parametrize("command", ["backup", "restore"])
def test_an_unknown_name_is_a_wrong_command_line(host: Path, command: str) -> None:
    result = call(command, host, "--only", "nftables,pf")
    assert result.exit_code == USAGE
    assert "there is no 'pf'" in result.stderr


def test_who_comes_by_ssh_is_warned(host: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = keep(host)
    monkeypatch.setenv("SSH_CONNECTION", "192.0.2.1 50000 192.0.2.2 22")
    assert "note: you are here by SSH from 192.0.2.1" in call("restore", kept).stderr


PROGRAM = (
    "import click; from pathprobe.commands.host_backup import backup, restore;"
    "click.Group('host', commands=[backup, restore])(prog_name='pathprobe host')"
)


def as_nobody(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        preexec_fn=drop_privileges,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("command", ["backup", "restore"])
def test_without_privileges_one_line_says_so(host: Path, command: str) -> None:
    if command == "restore":
        keep(host)
    done = as_nobody(command, str(host))
    assert done.returncode == CANNOT
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        "pathprobe: cannot read nftables: Operation not permitted (you must be root); run it as root (sudo)"
    ]
    assert host.exists() is (command == "restore")


def test_half_a_restore_is_not_interrupted() -> None:
    numbers = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(number) for number in numbers]
    with undisturbed():
        for number in numbers:
            os.kill(os.getpid(), number)
        assert run("sh", "-c", "kill -HUP $$; echo alive") == "alive\n"
    assert [signal.getsignal(number) for number in numbers] == before


def test_help_is_short_and_names_every_status() -> None:
    for command in ("backup", "restore"):
        result = CliRunner().invoke(GROUP, [command, "--help"])
        assert result.exit_code == OK
        assert "Exit status: 0" in result.stdout
        assert "--etc" not in result.stdout
