"""A real firewalld on a bus of its own: what is said of it is so, and what is proposed opens the port."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from pathprobe.lab import netns
from pathprobe.layers.firewall.model import Backend, Family, Hook, Rule
from pathprobe.layers.firewall.outcome import Fate, Outcome, Place
from pathprobe.layers.firewall.owners import Kind, Owners, Question, Remark, explain, read, remarks
from pathprobe.layers.system import ThisMachine
from tests.layers.firewalld_daemon import Daemon, firewalld_in
from tests.layers.two_hosts import SERVER, is_reached, is_shut, listening, run_on_server, two_hosts

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("lab_host")]

PORT = 8080
QUESTION = Question(port=PORT, version=4, interface="eth0")

#: What firewalld's own last rule of a zone looks like to whoever evaluates its ruleset.
REJECTED = Outcome(
    fate=Fate.REJECTED,
    decided=Place(
        backend=Backend.NFT,
        family=Family.INET,
        table="firewalld",
        chain="filter_IN_public",
        hook=Hook.INPUT,
        rule=Rule(number=9, text="reject with icmpx admin-prohibited", statements=(), handle=200),
    ),
)


@pytest.fixture(scope="module")
def hosts(lab_host: None) -> Iterator[None]:  # noqa: ARG001
    with two_hosts(), listening(SERVER, PORT):
        yield


@pytest.fixture
def daemon(hosts: None) -> Iterator[Daemon]:  # noqa: ARG001
    run_on_server("nft flush ruleset")
    with firewalld_in(SERVER) as started:
        yield started


def owners() -> Owners:
    with netns.inside(SERVER):
        return read(ThisMachine())


def remark() -> Remark:
    (told,) = (one for one in remarks(owners(), QUESTION) if one.owner == "firewalld")
    return told


def paste(daemon: Daemon, line: str) -> None:
    with netns.inside(SERVER):
        daemon.shell(line)


def test_a_port_that_is_not_in_the_zone_is_named_and_opened_for_good_by_the_fix(daemon: Daemon) -> None:
    assert is_shut(PORT)
    told = explain(REJECTED, owners(), QUESTION)
    assert told.owner == "firewalld"
    assert told.sentence.startswith("8080/tcp is not in firewalld's zone public, which eth0 is in:")
    assert told.fixes[0] == "firewall-cmd --permanent --add-port=8080/tcp && firewall-cmd --reload"
    paste(daemon, told.fixes[0])
    assert is_reached(PORT)


def test_a_port_of_the_running_configuration_alone_is_gone_after_a_reload_unless_the_fix_is_run(daemon: Daemon) -> None:
    daemon.command(f"--add-port={PORT}/tcp")
    assert is_reached(PORT)
    told = remark()
    assert told.kind is Kind.NOT_KEPT
    assert "gone after the next reload" in told.sentence
    assert told.fix[0] == "firewall-cmd --permanent --add-port=8080/tcp"
    daemon.command("--reload")
    assert is_shut(PORT)

    paste(daemon, told.fix[0])
    assert is_shut(PORT)
    told = remark()
    assert (told.kind, told.fix) == (Kind.NOT_LOADED, ("firewall-cmd --reload",))
    paste(daemon, told.fix[0])
    assert is_reached(PORT)


def test_a_fix_by_reload_would_lose_what_only_runs_so_both_are_written(daemon: Daemon) -> None:
    daemon.command("--add-port=9999/tcp")
    fix = explain(REJECTED, owners(), QUESTION).fixes[0]
    assert fix == "firewall-cmd --add-port=8080/tcp && firewall-cmd --permanent --add-port=8080/tcp"
    paste(daemon, fix)
    assert is_reached(PORT)
    assert "9999/tcp" in daemon.command("--list-ports")


def test_a_rich_rule_that_keeps_the_port_out_is_named_and_removed_by_the_fix(daemon: Daemon) -> None:
    rule = f'rule priority="-5" port port="{PORT}" protocol="tcp" drop'
    daemon.command(f"--add-port={PORT}/tcp && firewall-cmd --add-rich-rule='{rule}'")
    assert is_shut(PORT)
    told = remark()
    assert told.kind is Kind.NOT_LET_IN
    assert rule in told.sentence
    paste(daemon, told.fix[0])
    assert is_reached(PORT)


def test_panic_is_told_before_anything_else(daemon: Daemon) -> None:
    daemon.command(f"--add-port={PORT}/tcp && firewall-cmd --panic-on")
    assert is_shut(PORT)
    told = remark()
    assert (told.kind, told.fix) == (Kind.NOT_LET_IN, ("firewall-cmd --panic-off",))
    paste(daemon, told.fix[0])
    assert is_reached(PORT)


@pytest.mark.usefixtures("hosts")
def test_the_daemon_ends_with_its_test_and_leaves_no_address_behind() -> None:
    before = os.environ.get("DBUS_SYSTEM_BUS_ADDRESS")
    with firewalld_in(SERVER) as daemon:
        assert os.path.exists(f"/proc/{daemon.process}")
    assert not os.path.exists(f"/proc/{daemon.process}")
    assert not daemon.configuration.exists()
    assert os.environ.get("DBUS_SYSTEM_BUS_ADDRESS") == before
