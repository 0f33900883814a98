"""Whatever a machine says, it is read to the end and judged."""

from __future__ import annotations

import os
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pathprobe.core.layers import Layer, Status
from pathprobe.layers.mandatory_access import apparmor, avc, mode, policy, port_labels, record
from pathprobe.layers.mandatory_access.judge import judge
from pathprobe.layers.mandatory_access.read import read
from pathprobe.layers.system import Recorded, Said, ThisMachine, Unread
from tests.layers.mandatory_access.machines import NOW, RECORDED, ausearch, journal, judged, recorded, rhel, ubuntu

PARSERS = (
    mode.of_enforce_file,
    mode.of_getenforce,
    mode.of_sestatus,
    mode.of_config,
    mode.permissive_domains,
    port_labels.parse_semanage,
    port_labels.parse_portcon,
    avc.parse,
    lambda text: avc.denials_of(text, 9090, "tcp"),
    apparmor.parse,
    lambda text: apparmor.denials_of(text, 90, "udp", is_privileged=True),
    apparmor.parse_confinement,
    apparmor.parse_profiles,
    lambda text: policy.parse_rules(text, {"nis_enabled": True}),
    policy.booleans_in,
    record.stamp_of,
)
FILES = sorted(path.relative_to(RECORDED).as_posix() for path in RECORDED.rglob("*.txt"))
WORDS = st.sampled_from(
    [
        "avc:",
        "denied",
        "{",
        "}",
        "name_bind",
        "=",
        '"',
        "src=9090",
        "tclass=tcp_socket",
        "audit(",
        ":",
        "portcon",
        "apparmor=",
        "DENIED",
        "tcp",
        "-",
        ",",
        "[",
        "]",
        "allow",
        ";",
        "\n",
        "\x00",
        "\x1d",
        "lport=",
        "bind",
        " ",
    ]
)
TEXTS = st.one_of(st.text(max_size=200), st.lists(st.one_of(WORDS, st.text(max_size=4)), max_size=30).map("".join))


@settings(max_examples=150, deadline=None)
@given(TEXTS)
def test_no_text_upsets_a_parser(text: str) -> None:
    for parse in PARSERS:
        parse(text)


def mutated(text: str, rng: random.Random) -> str:
    """A few of its letters lost, doubled or exchanged, or its end cut off."""
    letters = list(text)
    for _ in range(rng.randrange(1, 12)):
        at = rng.randrange(len(letters))
        letters[at] = rng.choice(["", letters[at] * 2, chr(rng.randrange(1, 300)), '"', "=", "{", ":", "\n"])
    return "".join(letters)[: rng.choice([None, rng.randrange(len(text))])]


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_recording_is_read_to_the_end(name: str) -> None:
    rng = random.Random(name)
    for _ in range(15):
        text = mutated(recorded(name), rng)
        for parse in PARSERS:
            parse(text)


def is_printable(row: Layer) -> bool:
    told = [row.summary, row.why, *row.fix, *(one.text for one in row.evidence)]
    return all(text.isprintable() for text in told)


@pytest.mark.parametrize("seed", range(12))
def test_a_machine_that_says_damaged_things_is_judged_in_printable_words(seed: int) -> None:
    rng = random.Random(seed)
    machines = (
        rhel(log="selinux/audit_log_kinds.txt", commands={"semanage port -l": mutated(listing(), rng)}),
        Recorded(
            commands=rhel().commands | {ausearch: mutated(recorded("selinux/ausearch_raw_rhel9.txt"), rng)},
            files=rhel().files,
        ),
        Recorded(
            commands={journal: mutated(recorded("apparmor/journal_ubuntu.txt"), rng)},
            files=ubuntu().files,
        ),
    )
    for machine in machines:
        for port in (9090, 7777, 80):
            row = judged(machine, port)
            assert row.status in Status
            assert is_printable(row)


def listing() -> str:
    return recorded("selinux/semanage_port.txt")[-6000:]


@pytest.mark.parametrize(
    "said",
    [Said(status=1), Said(status=0), Said(status=127, error="\n\n"), Unread(reason="ausearch said nothing for 30 s")],
)
def test_commands_that_fail_in_any_way_are_told_and_judged(said: Said | Unread) -> None:
    commands: dict[str, Any] = dict.fromkeys(rhel().commands, said)
    row = judged(Recorded(commands=commands, files=rhel().files))
    assert row.status in (Status.UNKNOWN, Status.PASS)


def test_a_list_of_ports_that_is_empty_says_nothing_of_a_port() -> None:
    row = judged(rhel(commands={"semanage port -l": ""}), 12345)
    assert "of a type that could not be read" in row.summary


def test_this_very_machine_is_read_and_judged() -> None:
    assert judge(read(ThisMachine(), 9090, "tcp", pids=(os.getpid(), 2**22 + 1)), now=NOW).status in Status


def test_a_process_with_a_name_for_the_terminal_is_shown_without_it() -> None:
    hostile = "1B5B324A3B7265626F6F74"  # clear the screen, then a command
    log = recorded("selinux/audit_log_kinds.txt").replace("6D79206461656D6F6E", hostile)
    row = judged(rhel(commands={ausearch: log}), 7777)
    assert is_printable(row)
    assert row.fix == ("ausearch -m AVC -c '?[2J;reboot' -ts week-ago | audit2why",)
