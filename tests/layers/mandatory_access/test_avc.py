"""SELinux's denials of a port, from logs of every keeper."""

from __future__ import annotations

import pytest

from pathprobe.layers.mandatory_access import avc
from tests.layers.mandatory_access.machines import recorded

KINDS = recorded("selinux/audit_log_kinds.txt")


@pytest.mark.parametrize(
    "name",
    [
        "selinux/audit_log_rhel9.txt",
        "selinux/ausearch_raw_rhel9.txt",
        "selinux/journal_fedora.txt",
        "selinux/dmesg_without_auditd.txt",
    ],
)
def test_every_log_has_the_denial_of_nginx(name: str) -> None:
    last = avc.denials_of(recorded(name), 9090, "tcp")[0]
    assert (last.process, last.domain, last.target, last.pid) == ("nginx", "httpd_t", "websm_port_t", 2531)
    assert last.permissions == ("name_bind",)
    assert last.permissive is False
    assert last.time == pytest.approx(1794999700.844, abs=0.001)


def test_denials_come_the_latest_first_with_the_program_of_their_event() -> None:
    denials = avc.denials_of(recorded("selinux/audit_log_rhel9.txt"), 9090, "tcp")
    assert [one.event.partition(":")[2] for one in denials] == ["361", "355", "341"]
    assert {one.program for one in denials} == {"/usr/sbin/nginx"}


@pytest.mark.parametrize(
    ("port", "protocol", "permission", "process", "permissive"),
    [
        (2222, "tcp", "name_bind", "sshd", False),
        (5140, "udp", "name_bind", "rsyslogd", False),
        (8088, "tcp", "name_bind", "nginx", True),
        (10000, "tcp", "node_bind", "testprog-net", False),
        (8447, "tcp", "listen", "traefik", False),
        (8448, "tcp", "accept", "traefik", False),
        (7777, "tcp", "name_bind", "my daemon", False),
        (9191, "tcp", "name_connect", "haproxy", False),
        (8888, "tcp", "name_bind", "httpd", None),
    ],
)
def test_each_kind_of_denial_is_found_by_its_port(
    port: int, protocol: str, permission: str, process: str, permissive: bool | None
) -> None:
    (denial,) = avc.denials_of(KINDS, port, protocol)
    assert (denial.permissions, denial.process, denial.permissive) == ((permission,), process, permissive)
    assert avc.is_of_server(denial) is (permission != "name_connect")


@pytest.mark.parametrize(("port", "protocol"), [(9090, "udp"), (909, "tcp"), (90, "tcp"), (2531, "tcp"), (55, "udp")])
def test_another_port_or_protocol_has_no_part_in_it(port: int, protocol: str) -> None:
    assert avc.denials_of(recorded("selinux/audit_log_rhel9.txt"), port, protocol) == ()


@pytest.mark.parametrize(
    "line",
    [
        "avc:  granted  { name_bind } for  pid=1 src=9090 tclass=tcp_socket",
        "avc:  denied  { read } for  pid=1 name=x tclass=file",
        "avc:  denied  { name_bind  for  pid=1 src=9090 tclass=tcp_socket",
        "avc:  denied  { name_bind } for  pid=1 src=9090 tclass=file",
        "avc:  denied  { name_bind } for  pid=1 src=9090",
        "avc:",
        "",
    ],
)
def test_what_is_no_denial_of_a_port_is_none(line: str) -> None:
    assert avc.parse(line) is None


def test_several_permissions_in_one_record_are_all_kept() -> None:
    denial = avc.parse('avc:  denied  { listen accept } for  pid=1 comm="x" lport=80 tclass=tcp_socket permissive=0')
    assert denial is not None
    assert (denial.permissions, denial.port) == (("listen", "accept"), 80)
    assert avc.is_after_bind(denial)


def test_a_bind_that_names_no_port_is_of_none() -> None:
    denial = avc.parse("avc:  denied  { node_bind } for  pid=1 saddr=::1 tclass=tcp_socket")
    assert denial is not None
    assert denial.port is None
