"""Tables: facts -> status, and the words that a person needs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pathprobe.core.layers import Evidence, Status
from pathprobe.layers.listening import judge
from pathprobe.layers.listening.cgroup import Container, Unit
from pathprobe.layers.listening.facts import Activation, Condition, Elsewhere, Process, Socket, Sockets, State
from tests.layers.listening.factories import (
    DOCKER0,
    ETH0,
    ETH0_V6,
    ETH1,
    LO,
    NGINX,
    PYTHON,
    SYSTEMD,
    WORKER,
    found,
    socket,
)

FAIL, WARN, PASS, UNKNOWN = Status.FAIL, Status.WARN, Status.PASS, Status.UNKNOWN
REDIS = Process(pid=12, name="redis-server", command="/usr/bin/redis-server 127.0.0.1:6379", user="redis")
UNKNOWN_V6ONLY = socket("::", NGINX, v6only=None)
DUAL = socket("::", NGINX, v6only=False)
V6ONLY = socket("::", NGINX, v6only=True)
SSH = Activation(listen="0.0.0.0:8080", socket="ssh.socket", unit="ssh.service", seen=Evidence(source="systemctl"))
PROXY = Process(
    pid=31,
    name="docker-proxy",
    command="/usr/bin/docker-proxy -proto tcp -host-port 8080 -container-ip 172.17.0.2 -container-port 80",
    user="root",
    home=Unit(name="docker.service"),
)
BOTH = (LO, ETH0, ETH1)


# ---- who and where


SHOP = Process(pid=5, name="shopd", command="")


@pytest.mark.parametrize(
    ("where", "holder", "asked", "line"),
    [
        ("127.0.0.1", PYTHON, {"address": "2001:db8::5"}, "# python3: --bind ::"),
        ("127.0.0.1", PYTHON, {"version": 6}, "# python3: --bind ::"),
        ("127.0.0.1", PYTHON, {"address": "10.0.0.5"}, "# python3: --bind 0.0.0.0"),
        ("127.0.0.1", PYTHON, {}, "# python3: --bind 0.0.0.0"),
        ("::1", PYTHON, {"address": "10.0.0.5"}, "# python3: --bind 0.0.0.0"),
        ("10.0.0.5", PYTHON, {"address": "2001:db8::5"}, "# python3: --bind ::"),
        ("0.0.0.0", PYTHON, {"address": "2001:db8::5"}, "# python3: --bind ::"),
        ("127.0.0.1", SHOP, {"address": "2001:db8::5"}, "# make shopd listen on [::]:8080 instead of 127.0.0.1:8080"),
        (
            "0.0.0.0",
            SHOP,
            {"address": "2001:db8::5"},
            "# make shopd listen on [::]:8080 as well, beside 0.0.0.0",
        ),
    ],
)
def test_the_line_to_write_serves_the_family_that_was_asked_for(
    where: str, holder: Process, asked: dict[str, Any], line: str
) -> None:
    row = judge(found(socket(where, holder), addresses=(LO, ETH0, ETH0_V6)), **asked)
    assert row.status is FAIL
    assert line in row.fix


@pytest.mark.parametrize(
    ("facts", "asked", "status", "summary"),
    [
        (
            found(socket("0.0.0.0", NGINX)),
            {},
            PASS,
            "nginx (pid 4711, user root, nginx.service) listens on 0.0.0.0:8080",
        ),
        (
            found(socket("0.0.0.0", WORKER, NGINX)),
            {},
            PASS,
            "nginx (pid 4711 and 1 more, user root, nginx.service) listens on 0.0.0.0:8080",
        ),
        (
            found(socket("127.0.0.1", REDIS)),
            {},
            FAIL,
            "redis-server (pid 12, user redis) listens on 127.0.0.1:8080 only: reachable from this machine, "
            "not from the network",
        ),
        (
            found(socket("127.0.0.1", REDIS), socket("::1", REDIS)),
            {},
            FAIL,
            "redis-server (pid 12, user redis) listens on 127.0.0.1:8080 and [::1]:8080 only: reachable from this "
            "machine, not from the network",
        ),
        (
            found(socket("0.0.0.0", PYTHON, device="lo")),
            {},
            FAIL,
            "python3 (pid 99, user ann) listens on 0.0.0.0%lo:8080 only (bound to the loopback interface): reachable "
            "from this machine, not from the network",
        ),
        (
            found(socket("127.0.0.1", REDIS)),
            {"address": "127.0.0.1"},
            PASS,
            "redis-server (pid 12, user redis) listens on",
        ),
        (
            found(socket("127.0.0.1", REDIS)),
            {"address": "10.0.0.5"},
            FAIL,
            "reachable from this machine, not from the network",
        ),
        (
            found(socket("10.0.0.5", PYTHON), addresses=BOTH),
            {},
            WARN,
            "python3 (pid 99, user ann) listens on 10.0.0.5:8080, not on 10.1.0.5",
        ),
        (found(socket("10.0.0.5", PYTHON), addresses=BOTH), {"address": "10.0.0.5"}, PASS, "listens on 10.0.0.5:8080"),
        (
            found(socket("10.0.0.5", PYTHON), addresses=BOTH),
            {"address": "10.1.0.5"},
            FAIL,
            "10.0.0.5:8080, not on 10.1.0.5",
        ),
        (found(socket("10.0.0.5", PYTHON), addresses=(LO, ETH0, DOCKER0)), {}, PASS, "listens on 10.0.0.5:8080"),
        (
            found(socket("172.17.0.1", PYTHON), addresses=(LO, ETH0, DOCKER0)),
            {},
            FAIL,
            "172.17.0.1:8080, not on 10.0.0.5",
        ),
        (
            found(socket("10.0.0.5", PYTHON), socket("10.1.0.5", PYTHON), addresses=BOTH),
            {},
            PASS,
            "listens on 10.0.0.5:8080 and 10.1.0.5:8080",
        ),
        (
            found(socket("10.0.0.9", PYTHON), foreign=frozenset({"10.0.0.9"})),
            {},
            FAIL,
            "python3 (pid 99, user ann) listens on 10.0.0.9:8080 only, an address that this machine does not have",
        ),
        (
            found(socket("0.0.0.0", PYTHON, device="eth1"), addresses=BOTH),
            {},
            WARN,
            "0.0.0.0%eth1:8080, not on 10.0.0.5",
        ),
        (found(socket("0.0.0.0", PYTHON), addresses=(LO, ETH0_V6)), {}, FAIL, "0.0.0.0:8080, not on 2001:db8::5"),
        (found(socket("10.0.0.5", PYTHON), addresses=()), {}, WARN, "listens on 10.0.0.5:8080 only"),
        (found(socket("0.0.0.0", PYTHON), addresses=()), {}, PASS, "listens on 0.0.0.0:8080"),
        (
            found(socket("0.0.0.0", PYTHON), socket("127.0.0.1", REDIS)),
            {},
            PASS,
            "python3 (pid 99, user ann) listens on",
        ),
    ],
)
def test_who_listens_where(facts: Sockets, asked: dict[str, Any], status: Status, summary: str) -> None:
    row = judge(facts, **asked)
    assert row.status is status
    assert summary in row.summary
    assert (row.why != "") is (status is not PASS)
    assert (row.fix != ()) is (status is not PASS)
    assert facts.sockets[0].seen in row.evidence


@pytest.mark.parametrize(
    ("listener", "asked", "status"),
    [
        (socket("127.0.0.1", REDIS), {}, PASS),
        (socket("::1", REDIS), {}, PASS),
        (socket("::1", REDIS), {"version": 4}, FAIL),
        (socket("127.0.0.1", REDIS), {"address": "127.0.0.1"}, PASS),
        (socket("127.0.0.1", REDIS), {"address": "10.0.0.5"}, FAIL),
        (socket("0.0.0.0", REDIS, device="lo"), {"address": "10.0.0.5"}, PASS),
        (socket("10.0.0.5", REDIS), {"address": "10.0.0.5"}, PASS),
        (socket("0.0.0.0", REDIS), {}, PASS),
    ],
)
def test_a_client_on_this_machine_reaches_what_listens_on_loopback(
    listener: Socket, asked: dict[str, Any], status: Status
) -> None:
    """A socket on 127.0.0.1 does not take what the machine sends to its other addresses."""
    assert judge(found(listener), is_local=True, **asked).status is status


# ---- families


@pytest.mark.parametrize(
    ("listener", "asked", "status", "summary"),
    [
        (DUAL, {}, PASS, "[::]:8080 (IPv6 and IPv4)"),
        (DUAL, {"version": 4}, PASS, "[::]:8080 (IPv6 and IPv4)"),
        (DUAL, {"address": "10.0.0.5"}, PASS, "[::]:8080"),
        (V6ONLY, {}, WARN, "[::]:8080 (IPv6 only), not on 10.0.0.5"),
        (V6ONLY, {"version": 4}, FAIL, "[::]:8080 (IPv6 only), not over IPv4"),
        (V6ONLY, {"version": 6}, PASS, "[::]:8080 (IPv6 only)"),
        (V6ONLY, {"address": "10.0.0.5"}, FAIL, "not on 10.0.0.5"),
        (UNKNOWN_V6ONLY, {}, PASS, "IPv4 unless it is IPv6-only"),
        (UNKNOWN_V6ONLY, {"version": 4}, UNKNOWN, "whether over IPv4 too could not be told"),
        (UNKNOWN_V6ONLY, {"version": 6}, PASS, "[::]:8080"),
        (socket("0.0.0.0", NGINX), {}, PASS, "0.0.0.0:8080, not over IPv6"),
        (socket("0.0.0.0", NGINX), {"version": 6}, FAIL, "0.0.0.0:8080, not over IPv6"),
        (socket("2001:db8::5", NGINX), {}, WARN, "[2001:db8::5]:8080, not on 10.0.0.5"),
        (socket("127.0.0.1", NGINX, version=6), {}, FAIL, "listens on 127.0.0.1:8080 only"),
    ],
)
def test_the_families_are_kept_apart(listener: Socket, asked: dict[str, Any], status: Status, summary: str) -> None:
    row = judge(found(listener, addresses=(LO, ETH0, ETH0_V6)), **asked)
    assert (row.status, summary in row.summary) == (status, True), row.summary


def test_ipv4_on_loopback_beside_an_ipv6_only_socket_is_dead_for_ipv4() -> None:
    facts = found(socket("127.0.0.1", NGINX), V6ONLY, addresses=(LO, ETH0, ETH0_V6))
    assert judge(facts, version=4).status is FAIL
    assert judge(facts, version=6).status is PASS
    doubtful = found(socket("127.0.0.1", NGINX), UNKNOWN_V6ONLY, addresses=(LO, ETH0, ETH0_V6))
    assert judge(doubtful, version=4).status is UNKNOWN


def test_a_machine_without_ipv4_misses_none() -> None:
    assert judge(found(V6ONLY, addresses=(LO, ETH0_V6))).status is PASS


# ---- who holds it


@pytest.mark.parametrize(
    ("condition", "status", "words"),
    [
        (Condition.STOPPED, FAIL, "nginx (pid 4711) is stopped"),
        (Condition.ZOMBIE, FAIL, "nginx (pid 4711) is a zombie"),
        (Condition.TRACED, WARN, "nginx (pid 4711) is halted by a debugger"),
        (Condition.STUCK, WARN, "waits for a disk"),
    ],
)
def test_a_process_that_does_not_run_is_told(condition: Condition, status: Status, words: str) -> None:
    row = judge(found(socket("0.0.0.0", replace(NGINX, condition=condition))))
    assert (row.status, words in row.summary) == (status, True)
    assert any("4711" in line for line in row.fix)


def test_a_worker_that_runs_makes_up_for_a_stopped_one() -> None:
    assert judge(found(socket("0.0.0.0", NGINX, replace(WORKER, condition=Condition.STOPPED)))).status is PASS


def test_systemd_does_not_make_up_for_a_stopped_service() -> None:
    row = judge(found(socket("0.0.0.0", SYSTEMD, replace(NGINX, condition=Condition.STOPPED))))
    assert row.status is FAIL


@pytest.mark.parametrize(
    ("expected", "holder", "status"),
    [
        ("nginx", NGINX, PASS),
        ("nginx.service", replace(NGINX, name="x", command="x"), PASS),
        ("nginx", replace(PYTHON, command="/usr/sbin/nginx -g x"), PASS),
        ("web", replace(PYTHON, home=Container(engine="docker", id="1", name="web")), PASS),
        ("nginx", PYTHON, FAIL),
        ("nginx", PROXY, WARN),
    ],
)
def test_another_process_in_the_way_is_named(expected: str, holder: Process, status: Status) -> None:
    row = judge(found(socket("0.0.0.0", holder)), expected=expected)
    assert row.status is status
    assert ("python3 (pid 99, user ann) holds the port that nginx should have" in row.summary) is (status is FAIL)


def test_an_unseen_holder_may_be_the_expected_one() -> None:
    facts = found(socket("0.0.0.0", user="www-data", uid=33), sees_all=False)
    row = judge(facts, expected="nginx")
    assert row.status is UNKNOWN
    assert "a process of user www-data (run as root to see which) listens on 0.0.0.0:8080" in row.summary
    assert (
        Evidence(source="not seen", text="the processes of other users (run as root to see whose a socket is)")
        in row.evidence
    )


def test_the_unit_of_an_unseen_process_is_known_by_the_sockets_control_group() -> None:
    facts = found(socket("0.0.0.0", user="www-data", home=Unit(name="nginx.service")), sees_all=False)
    assert "a process of user www-data, nginx.service (run as root" in judge(facts).summary


def test_root_who_sees_no_process_is_told_of_the_kernels_own() -> None:
    told = "but no visible process holds the socket (the kernel: NFS, WireGuard; or another container)"
    assert judge(found(socket("0.0.0.0"))).summary == f"something listens on 0.0.0.0:8080, {told}"
    assert judge(found(socket("127.0.0.1"))).summary == (
        f"something listens on 127.0.0.1:8080 only, {told}: reachable from this machine, not from the network"
    )


def test_two_programs_that_share_the_port_are_named() -> None:
    row = judge(found(socket("0.0.0.0", NGINX, inode=1), socket("0.0.0.0", PYTHON, inode=2)))
    assert row.status is WARN
    assert "nginx and python3 share it (SO_REUSEPORT)" in row.summary


def test_workers_that_share_the_port_are_no_news() -> None:
    assert judge(found(socket("0.0.0.0", NGINX, inode=1), socket("0.0.0.0", WORKER, inode=2))).status is PASS
    assert judge(found(socket("0.0.0.0", NGINX, PYTHON, inode=1))).status is PASS


def test_different_programs_for_each_family_are_named() -> None:
    facts = found(
        socket("0.0.0.0", NGINX, inode=1), socket("::", PYTHON, v6only=True, inode=2), addresses=(LO, ETH0, ETH0_V6)
    )
    row = judge(facts)
    assert row.status is WARN
    assert "IPv4 clients meet nginx, IPv6 clients python3" in row.summary


# ---- those who stand in


def test_a_socket_of_systemd_starts_its_service_on_demand() -> None:
    row = judge(found(socket("0.0.0.0", SYSTEMD), activations=(SSH,)), expected="ssh")
    assert row.status is PASS
    assert row.summary.startswith("systemd (pid 1, user root, init.scope) listens on 0.0.0.0:8080 for ssh.socket, ")
    assert row.summary.endswith("which starts ssh.service on demand")


def test_a_socket_that_systemd_handed_on_is_its_services() -> None:
    row = judge(found(socket("0.0.0.0", SYSTEMD, NGINX), activations=(SSH,)))
    assert row.summary == "nginx (pid 4711, user root, nginx.service) listens on 0.0.0.0:8080"


def test_without_root_the_sockets_unit_tells_that_it_is_systemds() -> None:
    facts = found(socket("0.0.0.0", home=Unit(name="ssh.socket")), activations=(SSH,), sees_all=False)
    assert judge(facts).summary == (
        "systemd listens on 0.0.0.0:8080 for ssh.socket, which starts ssh.service on demand"
    )


def test_a_socket_of_systemd_on_loopback_is_edited_in_its_unit() -> None:
    row = judge(found(socket("127.0.0.1", SYSTEMD), activations=(SSH,)))
    assert row.status is FAIL
    assert row.fix[0] == "systemctl edit ssh.socket"


def test_a_published_port_names_the_container_behind_it() -> None:
    row = judge(found(socket("0.0.0.0", PROXY)))
    assert row.status is PASS
    assert "docker-proxy (pid 31, user root, docker.service, for the container's 172.17.0.2:80)" in row.summary


def test_a_port_published_on_loopback_is_published_anew() -> None:
    row = judge(found(socket("127.0.0.1", PROXY)))
    assert row.status is FAIL
    assert "# docker-proxy: publish with -p 8080:80 instead of -p 127.0.0.1:8080:80" in row.fix


@pytest.mark.parametrize("sockets", [(), (socket("127.0.0.1", PROXY),)])
def test_a_packet_that_is_handed_on_asks_no_socket(sockets: tuple[Socket, ...]) -> None:
    row = judge(found(*sockets), forwarded_to="172.17.0.2:80", behind=(Elsewhere(socket=socket("0.0.0.0", NGINX)),))
    assert row.status is PASS
    assert row.summary.startswith("TCP port 8080 is handed on to 172.17.0.2:80 before any socket is asked")
    assert ("docker-proxy" in row.summary) is bool(sockets)
    assert "there nginx" in row.summary


def test_a_packet_that_is_handed_on_to_where_nobody_can_look_may_be_served_or_not() -> None:
    row = judge(found(), forwarded_to="192.0.2.7:80")
    assert row.status is UNKNOWN
    assert "cannot be seen from here" in row.summary
    assert row.fix == ("sudo pathprobe tcp 192.0.2.7:80",)


# ---- queues


@pytest.mark.parametrize(
    ("facts", "status", "words"),
    [
        (found(socket("0.0.0.0", NGINX, queued=129, room=128)), FAIL, "is full (129 connections wait, 128 may)"),
        (found(socket("0.0.0.0", NGINX, queued=1, room=0)), FAIL, "is full (1 connection waits, 0 may)"),
        (found(socket("0.0.0.0", NGINX, queued=128, room=128)), WARN, "is nearly full (128 of 128)"),
        (found(socket("0.0.0.0", NGINX, queued=2, room=2)), PASS, "listens on"),
        (found(socket("0.0.0.0", NGINX, queued=0, room=0)), PASS, "listens on"),
        (found(socket("0.0.0.0", NGINX, queued=3)), PASS, "listens on"),
        (
            found(socket("0.0.0.0", NGINX, drops=3), counters=(("ListenOverflows", 3), ("ListenDrops", 3))),
            WARN,
            "it dropped 3 packets since it was opened (a full accept queue at the time, or no route for the answer)",
        ),
        (
            found(socket("0.0.0.0", NGINX, drops=1, queued=129, room=128), counters=(("ListenOverflows", 3),)),
            FAIL,
            "it dropped 1 packet since it was opened (its accept queue is full)",
        ),
        (found(socket("0.0.0.0", NGINX, drops=0), counters=(("ListenOverflows", 3),)), PASS, "listens on"),
        (found(socket("0.0.0.0", NGINX, drops=9), counters=(("ListenOverflows", 0),)), PASS, "listens on"),
        (
            found(socket("0.0.0.0", NGINX), counters=(("ListenOverflows", 3),)),
            WARN,
            "listeners of this machine turned 3 connections away since it started",
        ),
        (
            found(socket("0.0.0.0", NGINX, protocol="udp", drops=4)),
            WARN,
            "4 datagrams were dropped since the socket was opened",
        ),
        (
            found(socket("0.0.0.0", NGINX, protocol="udp", queued=212992, room=212992, drops=4)),
            FAIL,
            "0.0.0.0:8080's receive queue is full (212992 octets wait)",
        ),
        (found(socket("0.0.0.0", NGINX, protocol="udp", queued=0, room=212992, drops=0)), PASS, "takes UDP on"),
    ],
)
def test_queues_that_have_no_room_are_told(facts: Sockets, status: Status, words: str) -> None:
    row = judge(facts)
    assert (row.status, words in row.summary) == (status, True), row.summary


# ---- the fix


@pytest.mark.parametrize(
    ("listener", "asked", "fix"),
    [
        (socket("0.0.0.0", PYTHON), {"version": 6}, "listen on [::]:8080 as well, beside 0.0.0.0"),
        (V6ONLY, {"version": 4}, "listen 8080;"),
        (socket("::", PYTHON, v6only=True), {"version": 4}, "listen on 0.0.0.0:8080 as well, beside [::]"),
        (socket("::", PYTHON, v6only=True), {}, "listen on 0.0.0.0:8080 as well, beside [::]"),
        (socket("::1", PYTHON), {}, "listen on [::]:8080 instead of [::1]:8080"),
        (socket("10.0.0.9", PYTHON), {"address": "10.0.0.5"}, "listen on 0.0.0.0:8080 instead of 10.0.0.9:8080"),
        (socket("0.0.0.0", PYTHON, device="lo"), {}, "listen on 0.0.0.0:8080, not bound to lo"),
        (socket("0.0.0.0", PYTHON, device="eth1"), {}, "listen on 0.0.0.0:8080, not bound to eth1"),
        (socket("0.0.0.0", NGINX), {"version": 6}, "# write, so that IPv6 is served as well: listen [::]:8080;"),
    ],
)
def test_the_fix_names_what_is_missing(listener: Socket, asked: dict[str, Any], fix: str) -> None:
    holder = listener.processes[0]
    plain = replace(listener, processes=(replace(holder, command="") if holder is PYTHON else holder,))
    row = judge(found(plain, addresses=(LO, ETH0, ETH1, ETH0_V6)), **asked)
    assert any(line.endswith(fix) for line in row.fix), row.fix


def test_both_loopback_addresses_are_edited_before_the_check_and_the_restart() -> None:
    assert judge(found(socket("127.0.0.1", NGINX), socket("::1", NGINX))).fix == (
        "grep -rnF 127.0.0.1 /etc/nginx",
        "# write instead: listen 8080;",
        "grep -rnF ::1 /etc/nginx",
        "# write instead: listen [::]:8080;",
        "nginx -t",
        "systemctl restart nginx.service",
    )


@pytest.mark.parametrize(
    ("facts", "command"),
    [
        (found(), "cat /proc/net/tcp /proc/net/tcp6"),
        (found(protocol="udp"), "cat /proc/net/udp /proc/net/udp6"),
        (found(socket("127.0.0.1")), "sudo grep -i ':1F90 ' /proc/net/tcp /proc/net/tcp6"),
        (
            found(socket("0.0.0.0", NGINX, inode=1), socket("0.0.0.0", PYTHON, inode=2)),
            "grep -i ':1F90 ' /proc/net/tcp /proc/net/tcp6",
        ),
    ],
)
def test_where_ss_is_not_installed_it_is_not_proposed(facts: Sockets, command: str) -> None:
    assert command in judge(replace(facts, has_ss=False)).fix
    assert any(line.removeprefix("sudo ").startswith("ss ") for line in judge(facts).fix)


# ---- nothing there


def connected(*processes: Process, **facts: Any) -> Socket:
    return socket("10.0.0.5", *processes, **{"state": State.CONNECTED, "peer": "10.0.0.1:443", **facts})


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (found(), "nothing listens on TCP port 8080: a client's SYN is answered with a reset (connection refused)"),
        (
            found(protocol="udp"),
            "nothing listens on UDP port 8080: a client's datagram is answered with ICMP port unreachable",
        ),
        (
            found(across=(socket("0.0.0.0", PYTHON, protocol="udp"),)),
            "python3 (pid 99, user ann) has UDP port 8080 instead",
        ),
        (
            found(elsewhere=(Elsewhere(socket=socket("0.0.0.0", replace(NGINX, home=None)), namespace="web1"),)),
            "nginx (pid 4711, user root) listens on 0.0.0.0:8080 in the network namespace web1",
        ),
        (
            found(elsewhere=(Elsewhere(socket=socket("0.0.0.0", replace(NGINX, home=None))),)),
            "in another network namespace",
        ),
        (
            found(
                elsewhere=(
                    Elsewhere(
                        socket=socket("0.0.0.0", replace(NGINX, home=Container(engine="docker", id="1", name="web")))
                    ),
                )
            ),
            "nginx (pid 4711, user root, docker container web) listens on 0.0.0.0:8080 in its own network namespace",
        ),
        (
            found(connected(PYTHON)),
            "python3 (pid 99, user ann) has 1 connection with this local port, to 10.0.0.1:443",
        ),
        (found(connected(inode=0, state=State.OTHER)), "no process any more has 1 connection with this local port"),
        (found(connected(state=State.TIME_WAIT, inode=0)), "1 ended connection on this port in TIME_WAIT"),
        (
            found(connected(PYTHON, protocol="udp")),
            "python3 (pid 99, user ann) has a socket on it that is connected to 10.0.0.1:443 and hears nobody else",
        ),
    ],
)
def test_nothing_listens_and_what_is_near_is_named(facts: Sockets, words: str) -> None:
    row = judge(facts)
    assert row.status is FAIL
    assert not facts.serving
    assert row.summary.startswith("nothing listens on")
    assert words in row.summary
    assert row.fix


def test_the_expected_program_on_another_port_is_named() -> None:
    row = judge(found(kin=(socket("0.0.0.0", NGINX, port=80),)), expected="nginx")
    assert "nginx (pid 4711, user root, nginx.service) listens on 0.0.0.0:80 instead" in row.summary


def test_the_expected_program_that_runs_nowhere_is_started() -> None:
    row = judge(found(), expected="nginx")
    assert "no nginx to be seen here listens on any TCP port" in row.summary
    assert "systemctl start nginx" in row.fix


def test_a_failed_unit_is_named_where_it_is_the_expected_one() -> None:
    failed = (Evidence(source="systemctl", ref="nginx.service", text="nginx.service loaded failed failed nginx"),)
    row = judge(found(failed=failed), expected="nginx")
    assert "nginx.service has failed" in row.summary
    assert "journalctl -u nginx.service -n 50 --no-pager" in row.fix
    other = judge(found(failed=failed))
    assert "has failed" not in other.summary
    assert failed[0] in other.evidence


def test_what_could_not_be_seen_is_evidence() -> None:
    row = judge(found(unseen=("backlogs (ss is not installed)",)))
    assert Evidence(source="not seen", text="backlogs (ss is not installed)") in row.evidence
