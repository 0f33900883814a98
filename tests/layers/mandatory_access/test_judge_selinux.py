"""What SELinux's facts mean for a port."""

from __future__ import annotations

from typing import Any

import pytest

from pathprobe.core.layers import LayerName, Status
from pathprobe.layers.mandatory_access.circumstances import Circumstances
from pathprobe.layers.system import Recorded, Said
from tests.layers.mandatory_access.machines import (
    NOW,
    STORE,
    ausearch,
    domain_of,
    judged,
    recorded,
    rhel,
    rhel_as_a_user,
)

NGINX = {"/proc/77/attr/current": domain_of("httpd_t"), "/proc/77/comm": "nginx\n"}
RELABELLED = {f"{STORE}/ports.local": recorded("selinux/ports_local.txt")}
KINDS = "selinux/audit_log_kinds.txt"
ADD = "semanage port -a -t http_port_t -p tcp"


def test_case_2_nginx_on_9090_is_denied_for_it_is_cockpits_port_in_the_policy() -> None:
    row = judged(rhel())
    assert (row.name, row.number, row.status) == (LayerName.SELINUX, 3, Status.FAIL)
    assert row.summary == (
        "SELinux (enforcing) denies nginx (httpd_t) binding tcp port 9090, which is websm_port_t: "
        "3 times, last 4 min ago"
    )
    assert row.fix == ("semanage port -m -t http_port_t -p tcp 9090",)
    assert "Permission denied" in row.why
    assert "Cockpit" in row.why
    assert any(one.text == "websm_port_t tcp 9090" for one in row.evidence)
    assert any(one.source == ausearch and "name_bind" in one.text for one in row.evidence)


def test_case_2_where_the_policy_has_no_entry_for_9090_the_port_is_added() -> None:
    listed = recorded("selinux/semanage_port.txt").replace("websm_port_t                   tcp      9090\n", "")
    row = judged(rhel(commands={"semanage port -l": listed}))
    assert row.status is Status.FAIL
    assert row.fix == ("semanage port -a -t http_port_t -p tcp 9090",)


def test_without_a_store_to_look_into_the_denial_itself_names_the_label() -> None:
    machine = rhel(commands={"semanage port -l": Said(status=1, error="ValueError: SELinux policy is not managed\n")})
    row = judged(machine)
    assert "which is websm_port_t" in row.summary
    assert row.fix == (f"{ADD} 9090 || semanage port -m -t http_port_t -p tcp 9090",)


@pytest.mark.parametrize(
    ("port", "protocol", "status", "words", "fix"),
    [
        (2222, "tcp", Status.FAIL, "sshd (sshd_t) binding", "semanage port -a -t ssh_port_t -p tcp 2222"),
        (3307, "tcp", Status.FAIL, "mysqld (mysqld_t) binding", "semanage port -a -t mysqld_port_t -p tcp 3307"),
        (5140, "udp", Status.FAIL, "binding udp port 5140", "semanage port -a -t syslogd_port_t -p udp 5140"),
        (8088, "tcp", Status.WARN, "noted while permissive", f"{ADD} 8088"),
        (8888, "tcp", Status.FAIL, "httpd (httpd_t)", f"{ADD} 8888"),
        (5555, "tcp", Status.FAIL, "haproxy (haproxy_t)", f"{ADD} 5555"),
        (10000, "tcp", Status.FAIL, "binding an address for tcp port 10000", "ausearch -m AVC -c testprog-net"),
        (8447, "tcp", Status.FAIL, "listening on tcp port 8447", "audit2why"),
        (8448, "tcp", Status.FAIL, "accepting connections on tcp port 8448", "audit2why"),
        (7777, "tcp", Status.FAIL, "my daemon (testprog_t)", "-c 'my daemon' -ts week-ago | audit2why"),
        (9191, "tcp", Status.WARN, "connecting to tcp port 9191 somewhere", "audit2why"),
        (12345, "tcp", Status.PASS, "no denial for tcp port 12345, which is unreserved_port_t", ""),
        (80, "tcp", Status.PASS, "which is http_port_t", ""),
    ],
)
def test_each_denial_has_its_status_its_words_and_its_mending(
    port: int, protocol: str, status: Status, words: str, fix: str
) -> None:
    row = judged(rhel(log=KINDS), port, protocol)
    assert row.status is status
    assert words in row.summary
    assert fix in " ".join(row.fix)


def test_a_domain_that_a_boolean_would_free_is_told_that_this_is_far_more() -> None:
    assert "haproxy_connect_any" in judged(rhel(log=KINDS), 5555).why


@pytest.mark.parametrize(
    ("options", "status", "words"),
    [
        ({}, Status.FAIL, "3 times"),
        ({"listening": True}, Status.WARN, "somebody listens, and yet"),
        ({"listening_since": NOW - 100}, Status.PASS, "3 times, last 4 min ago) is over"),
        ({"listening_since": NOW - 800}, Status.WARN, "2 times"),
    ],
)
def test_a_denial_from_before_the_service_listened_is_history(
    options: dict[str, Any], status: Status, words: str
) -> None:
    row = judged(rhel(), **options)
    assert row.status is status
    assert words in row.summary


def test_who_listens_is_named_with_its_domain() -> None:
    row = judged(rhel(files=NGINX), 80, pids=(77,), listening=True)
    assert row.status is Status.PASS
    assert row.summary == "SELinux is enforcing; tcp port 80 is http_port_t, and nginx (httpd_t) listens on it"


def test_what_may_not_accept_is_blocked_although_it_listens() -> None:
    assert judged(rhel(log=KINDS), 8448, listening_since=NOW - 9000).status is Status.FAIL
    assert judged(rhel(log=KINDS), 8448, listening_since=NOW - 10).status is Status.PASS


def test_a_port_that_was_relabelled_since_needs_a_start_and_no_command() -> None:
    row = judged(rhel(files=RELABELLED))
    assert row.status is Status.WARN
    assert "it is http_port_t now, which httpd_t may bind: start the service again" in row.summary
    assert row.fix == ()
    assert judged(rhel(files=RELABELLED), listening=True).status is Status.PASS


def test_a_permissive_machine_warns_of_what_it_will_deny() -> None:
    row = judged(rhel(enforce="0"))
    assert row.status is Status.WARN
    assert row.summary.startswith(
        "SELinux is permissive now, and enforcing after the next boot; when enforcing, it denies"
    )
    assert row.fix == ("semanage port -m -t http_port_t -p tcp 9090",)


def test_a_permissive_denial_precedes_the_listening_that_it_let_happen() -> None:
    row = judged(rhel(log=KINDS, enforce="0"), 8088, listening_since=NOW - 100)
    assert row.status is Status.WARN


def test_a_permissive_domain_is_let_for_that_alone() -> None:
    machine = rhel(commands={"semanage permissive -l": recorded("selinux/semanage_permissive.txt")})
    row = judged(machine)
    assert row.status is Status.WARN
    assert "only because httpd_t is permissive" in row.summary


@pytest.mark.parametrize(
    ("enforce", "configured", "words"),
    [
        ("1", "enforcing", "SELinux is enforcing, and"),
        ("1", "disabled", "SELinux is enforcing now, and disabled after the next boot"),
        ("0", "enforcing", "SELinux is permissive now, and enforcing after the next boot"),
        ("0", "permissive", "SELinux is permissive, and"),
    ],
)
def test_another_mode_after_the_next_boot_is_told(enforce: str, configured: str, words: str) -> None:
    machine = rhel(enforce=enforce, files={"/etc/selinux/config": f"SELINUX={configured}\n"})
    row = judged(machine, 12345)
    assert row.status is Status.PASS
    assert row.summary.startswith(words)


def test_selinux_that_is_off_now_and_on_after_the_next_boot_is_told() -> None:
    row = judged(Recorded(files={"/etc/selinux/config": recorded("selinux/config.txt")}))
    assert row.status is Status.PASS
    assert row.summary == "SELinux is not enabled now, and enforcing after the next boot"


def test_without_root_and_without_a_listener_it_can_not_be_told() -> None:
    row = judged(rhel_as_a_user())
    assert row.status is Status.UNKNOWN
    assert "/var/log/audit/audit.log" in row.summary
    assert row.fix == ("sudo pathprobe host 9090/tcp",)


def test_without_root_a_listener_shows_that_it_was_let() -> None:
    row = judged(rhel_as_a_user(setools=True), listening=True)
    assert row.status is Status.PASS
    assert "websm_port_t" in row.summary
    assert "of a type that could not be read" in judged(rhel_as_a_user(), listening=True).summary


def test_a_mode_that_can_not_be_read_is_unknown() -> None:
    row = judged(Recorded(files={"/sys/fs/selinux/enforce": "?"}))
    assert row.status is Status.UNKNOWN
    assert "'?'" in row.summary


def test_the_label_of_a_port_that_the_kernel_hands_out_itself_does_not_matter() -> None:
    assert "the label does not matter" in judged(rhel(), 40000).summary


@pytest.mark.parametrize(
    ("granted", "status"),
    [("allow httpd_t websm_port_t:tcp_socket name_bind;\n", Status.FAIL), ("", Status.FAIL)],
)
def test_a_denial_of_the_present_label_stands_whatever_the_policy_says_now(granted: str, status: Status) -> None:
    of_httpd, binds = "sesearch -A -s httpd_t", "-c tcp_socket -p name_bind"
    commands = {
        f"{of_httpd} {binds}": recorded("selinux/sesearch_httpd.txt"),
        f"{of_httpd} -t websm_port_t {binds}": granted,
    }
    row = judged(rhel(commands=commands, files={"/sys/fs/selinux/booleans/nis_enabled": "0 0"}))
    assert row.status is status
    assert row.fix == ("semanage port -m -t http_port_t -p tcp 9090",)


def test_a_line_of_the_list_that_was_not_understood_is_shown() -> None:
    row = judged(rhel(commands={"semanage port -l": "websm_port_t tcp 9090, strange\n"}))
    assert any(one.ref == "not understood" and "strange" in one.text for one in row.evidence)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s ago"), (119, "119 s ago"), (120, "2 min ago"), (7200, "2 h ago"), (200000, "2 d ago"), (-5, "0 s ago")],
)
def test_how_long_ago_is_told_in_the_largest_unit_of_which_there_are_two(seconds: float, words: str) -> None:
    assert Circumstances(now=NOW).ago(NOW - seconds) == words


def test_a_denial_without_a_time_is_no_history() -> None:
    known = Circumstances(now=NOW, listening=True, listening_since=NOW)
    assert known.is_history(None) is False
    assert known.ago(None) == "at a time not recorded"


def test_two_labels_that_can_not_be_told_apart_are_both_named() -> None:
    printed = recorded("selinux/seinfo_portcon_9090.txt") + "   portcon tcp 9090 system_u:object_r:http_port_t:s0\n"
    machine = rhel_as_a_user(setools=True)
    row = judged(
        Recorded(commands=machine.commands | {"seinfo --portcon=9090": printed}, files=machine.files), listening=True
    )
    assert "tcp port 9090 is websm_port_t or http_port_t" in row.summary
