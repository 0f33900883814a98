"""What AppArmor's facts mean for a port, and the rest of layer 3 beside it."""

from __future__ import annotations

from typing import Any

import pytest

from pathprobe.core.layers import Status
from pathprobe.layers.mandatory_access import apparmor
from pathprobe.layers.system import Recorded
from tests.layers.mandatory_access.machines import (
    DEBIAN_WITHOUT_EITHER,
    NOW,
    dmesg,
    facts_of,
    judged,
    recorded,
    rhel,
    ubuntu,
)

NGINX = {"/proc/77/attr/apparmor/current": "/usr/sbin/nginx (enforce)\n", "/proc/77/comm": "nginx\n"}
BIONIC = Recorded(commands={dmesg: recorded("apparmor/kern_log_ubuntu_1804.txt")}, files=ubuntu().files)
LOAD = "apparmor_parser -r /etc/apparmor.d/usr.sbin.nginx"


@pytest.mark.parametrize(
    ("port", "protocol", "status", "words"),
    [
        (
            9090,
            "tcp",
            Status.FAIL,
            "AppArmor denies nginx (profile /usr/sbin/nginx) binding tcp port 9090: 29 min ago",
        ),
        (8443, "tcp", Status.FAIL, "listening on tcp port 8443"),
        (7070, "udp", Status.WARN, "were it not for complain mode"),
        (5000, "tcp", Status.WARN, "making a socket that may be that of tcp port 5000 (the record does not say)"),
        (80, "tcp", Status.WARN, "the right to bind ports below 1024, of which 80 is one"),
        (5000, "udp", Status.PASS, "journalctl has no denial for udp port 5000"),
    ],
)
def test_a_denial_that_names_the_port_fails_and_one_that_does_not_warns(
    port: int, protocol: str, status: Status, words: str
) -> None:
    row = judged(ubuntu(), port, protocol)
    assert row.status is status
    assert words in row.summary


def test_the_fix_names_rule_file_and_reload() -> None:
    row = judged(ubuntu())
    assert row.fix == (
        f"${{EDITOR:-vi}} /etc/apparmor.d/usr.sbin.nginx && {LOAD}  # add: network inet stream,",
        "aa-complain /etc/apparmor.d/usr.sbin.nginx  # to test without it",
    )
    assert "capability net_bind_service," in judged(ubuntu(), 80).fix[0]


def test_a_profile_with_a_local_part_gets_the_rule_there() -> None:
    row = judged(BIONIC, 3306)
    assert row.status is Status.WARN
    assert row.fix[0] == (
        "echo 'network inet stream,' >> /etc/apparmor.d/local/usr.sbin.mysqld && "
        "apparmor_parser -r /etc/apparmor.d/usr.sbin.mysqld"
    )


def test_a_profile_whose_file_is_not_known_is_searched_for() -> None:
    row = judged(BIONIC, 123, "udp")
    assert row.fix == ("grep -rl /usr/sbin/ntpd /etc/apparmor.d",)


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"listening_since": NOW - 100}, Status.PASS),
        ({"listening_since": NOW - 90000}, Status.WARN),
        ({"listening": True}, Status.WARN),
    ],
)
def test_a_denied_bind_is_history_or_somebody_elses_where_somebody_listens(
    options: dict[str, Any], status: Status
) -> None:
    assert judged(ubuntu(), **options).status is status


def test_a_denied_listen_of_a_bound_port_blocks_it() -> None:
    assert judged(ubuntu(), 8443, listening_since=NOW - 90000).status is Status.FAIL


def test_a_record_without_a_port_matters_to_a_listener_only_if_it_is_of_its_profile() -> None:
    machine = ubuntu(files=NGINX)
    assert judged(machine, 5000, listening=True).status is Status.PASS
    assert judged(machine, 5000, pids=(77,), listening=True).status is Status.WARN
    row = judged(machine, 5000, pids=(77,), listening_since=NOW - 5)
    assert row.status is Status.PASS
    assert "nginx runs under /usr/sbin/nginx in enforce mode" in row.summary


def test_a_profile_put_into_complain_mode_since_asks_for_a_start() -> None:
    row = judged(ubuntu(files={"/sys/kernel/security/apparmor/profiles": "/usr/sbin/nginx (complain)\n"}))
    assert row.status is Status.WARN
    assert "in complain mode now: start the service again" in row.summary


def test_without_a_log_and_a_listener_it_can_not_be_told() -> None:
    row = judged(ubuntu(None))
    assert row.status is Status.UNKNOWN
    assert "journalctl is not installed" in row.summary
    assert judged(ubuntu(None), listening=True).status is Status.PASS


@pytest.mark.parametrize(
    ("text", "profile", "mode"),
    [
        ("/usr/sbin/nginx (enforce)\n", "/usr/sbin/nginx", "enforce"),
        ("unconfined\n", "unconfined", ""),
        ("nginx//worker (complain)", "nginx//worker", "complain"),
        ("odd (name) (enforce)", "odd (name)", "enforce"),
        ("", "", ""),
    ],
)
def test_a_confinement_is_a_profile_and_its_mode(text: str, profile: str, mode: str) -> None:
    assert apparmor.parse_confinement(text) == (profile, mode)


@pytest.mark.parametrize(
    ("profile", "name"),
    [
        ("/usr/sbin/nginx", "usr.sbin.nginx"),
        ("/usr/sbin/nginx//worker", "usr.sbin.nginx"),
        ("nginx", "nginx"),
        ("/opt/nginx", "nginx"),
        ("snap.x.y", None),
        ("", None),
    ],
)
def test_the_file_of_a_profile_is_named_after_its_program(profile: str, name: str | None) -> None:
    assert apparmor.profile_file(profile, ("usr.sbin.nginx", "nginx")) == name


def test_all_that_is_of_no_ip_socket_is_left_out() -> None:
    denials = facts_of(ubuntu(), 5000).apparmor.denials
    assert [one.operation for one in denials] == ["create"]


# ---- both, neither, and low ports


def test_a_machine_without_either_passes() -> None:
    row = judged(DEBIAN_WITHOUT_EITHER)
    assert row.status is Status.PASS
    assert row.summary == "not enabled: neither SELinux nor AppArmor"


@pytest.mark.parametrize(
    ("port", "options", "status"),
    [
        (80, {"user": "www-data"}, Status.WARN),
        (80, {"user": "root"}, Status.PASS),
        (80, {}, Status.PASS),
        (1024, {"user": "www-data"}, Status.PASS),
        (80, {"user": "www-data", "listening": True}, Status.PASS),
    ],
)
def test_a_low_port_is_not_for_everybody(port: int, options: dict[str, Any], status: Status) -> None:
    row = judged(DEBIAN_WITHOUT_EITHER, port, **options)
    assert row.status is status
    assert ("CAP_NET_BIND_SERVICE" in " ".join(row.fix)) is (status is Status.WARN)


def test_where_low_ports_begin_is_the_kernels_setting() -> None:
    machine = Recorded(files={"/proc/sys/net/ipv4/ip_unprivileged_port_start": "80\n"})
    assert judged(machine, 80, user="www-data").status is Status.PASS
    assert "is 80;" in judged(machine, 79, user="www-data").summary


def test_two_reasons_stand_in_one_row_the_worse_first() -> None:
    row = judged(rhel(), 900, user="nginx")
    assert row.status is Status.WARN
    assert row.summary.startswith("nginx may bind tcp port 900 only with")
    assert "ausearch has no denial" in row.summary


def test_what_can_not_be_told_weighs_more_than_a_warning() -> None:
    assert judged(ubuntu(None), 80, user="www-data").status is Status.UNKNOWN


def test_both_of_them_are_judged_where_both_are_on() -> None:
    machine = rhel(files={"/sys/module/apparmor/parameters/enabled": "Y\n"})
    row = judged(machine)
    assert row.status is Status.FAIL
    assert "AppArmor is enabled, and ausearch has no denial" in row.summary
