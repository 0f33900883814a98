"""The type of a port, from lists in which it may stand several times."""

from __future__ import annotations

import pytest

from pathprobe.layers.mandatory_access import port_labels
from pathprobe.layers.mandatory_access.facts import Labels, PortLabel
from pathprobe.layers.mandatory_access.read_policy import read_labels
from pathprobe.layers.system import Recorded
from tests.layers.mandatory_access.machines import STORE, recorded, rhel, rhel_as_a_user


def types(labels: Labels) -> list[str]:
    return [one.type for one in labels.entries]


def type_of(labels: Labels) -> str | None:
    label = port_labels.effective(labels)
    return label.type if label else None


def local(*lines: str) -> dict[str, str]:
    return {f"{STORE}/ports.local": "".join(f"portcon {line}\n" for line in lines)}


@pytest.mark.parametrize(
    ("port", "protocol", "type_"),
    [
        (80, "tcp", "http_port_t"),
        (9090, "tcp", "websm_port_t"),
        (9090, "sctp", "unreserved_port_t"),
        (8080, "tcp", "http_cache_port_t"),
        (8080, "udp", "unreserved_port_t"),
        (10005, "tcp", "http_cache_port_t"),
        (22, "tcp", "ssh_port_t"),
        (22, "udp", "reserved_port_t"),
        (600, "tcp", "hi_reserved_port_t"),
        (40000, "tcp", "ephemeral_port_t"),
        (65535, "udp", "unreserved_port_t"),
        (20048, "tcp", "mountd_port_t"),
        (20049, "tcp", "nfs_port_t"),
        (80, "dccp", "port_t"),
    ],
)
def test_the_narrowest_entry_of_the_policy_counts(port: int, protocol: str, type_: str) -> None:
    assert type_of(read_labels(rhel(), port, protocol, "targeted")) == type_


def test_every_line_of_the_whole_list_is_understood() -> None:
    entries, opaque = port_labels.parse_semanage(recorded("selinux/semanage_port.txt"))
    assert len(entries) > 600
    assert opaque == ()


def test_the_operators_entry_comes_before_the_policys_of_the_same_port() -> None:
    machine = rhel(files=local("tcp 9090 system_u:object_r:http_port_t:s0"))
    labels = read_labels(machine, 9090, "tcp", "targeted")
    assert types(labels) == ["http_port_t", "websm_port_t", "unreserved_port_t"]
    assert type_of(labels) == "http_port_t"


def test_the_operators_wide_entry_comes_before_the_policys_narrow_one() -> None:
    machine = rhel(files=local("tcp 9000 - 9100 system_u:object_r:squid_port_t:s0"))
    assert type_of(read_labels(machine, 9090, "tcp", "targeted")) == "squid_port_t"


def test_semanage_lists_the_operators_entries_among_all_and_they_count_once() -> None:
    listed = "http_port_t tcp 9090, 80\nwebsm_port_t tcp 9090\n"
    machine = rhel(commands={"semanage port -l": listed}, files=local("tcp 9090 system_u:object_r:http_port_t:s0"))
    labels = read_labels(machine, 9090, "tcp", "targeted")
    assert [(one.type, one.is_local) for one in labels.entries] == [("http_port_t", True), ("websm_port_t", False)]


def test_without_knowing_whose_they_are_two_services_entries_are_no_answer() -> None:
    labels = Labels(
        entries=(
            PortLabel(type="http_port_t", protocol="tcp", low=9090, high=9090),
            PortLabel(type="websm_port_t", protocol="tcp", low=9090, high=9090),
        ),
        knows_policy=True,
    )
    assert type_of(labels) is None


def test_customised_entries_come_from_semanage_where_the_store_is_elsewhere() -> None:
    listing = recorded("selinux/semanage_port.txt")
    commands = {"semanage port -l": listing, "semanage port -l -C": "http_port_t  tcp  9090\n"}
    labels = read_labels(Recorded(commands=commands), 9090, "tcp", "targeted")
    assert type_of(labels) == "http_port_t"
    assert labels.knows_local


def test_a_user_without_root_asks_the_policy_by_seinfo() -> None:
    labels = read_labels(rhel_as_a_user(setools=True), 9090, "tcp", "targeted")
    assert type_of(labels) == "websm_port_t"
    assert labels.source == "seinfo --portcon=9090"


def test_the_store_alone_knows_the_operators_ports_and_no_others() -> None:
    machine = Recorded(files={f"{STORE}/ports.local": recorded("selinux/ports_local.txt")})
    assert type_of(read_labels(machine, 3102, "tcp", "targeted")) == "http_port_t"
    assert type_of(read_labels(machine, 3105, "tcp", "targeted")) is None


def test_where_nothing_can_be_read_it_is_said_why() -> None:
    labels = read_labels(rhel_as_a_user(), 9090, "tcp", "targeted")
    assert type_of(labels) is None
    assert any("store cannot be accessed" in reason for reason in labels.unread)
    assert "seinfo is not installed" in labels.unread


@pytest.mark.parametrize("listed", ["80, x", "70000", "90-80", "80-", "80,,81", "-5"])
def test_a_list_of_ports_that_is_not_understood_is_kept(listed: str) -> None:
    _, opaque = port_labels.parse_semanage(f"http_port_t tcp {listed}\n")
    assert opaque == (f"http_port_t tcp {listed}",)


@pytest.mark.parametrize("line", ["portcon tcp x u:r:t:s0", "portcon tcp 80 nonsense", "portcon tcp", "portcon"])
def test_an_entry_that_is_not_understood_is_kept(line: str) -> None:
    assert port_labels.parse_portcon(line) == ((), (line,))
