"""A recorded machine, asked as a live one is."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace

import pytest

from pathprobe.core.layers import Status
from pathprobe.layers import listening
from pathprobe.layers.listening import addresses, namespaces, systemd
from pathprobe.layers.listening.cgroup import Container, Unit
from pathprobe.layers.listening.facts import HostAddress, Process, Sockets
from pathprobe.layers.listening.processes import RecordedProcesses, ThisMachinesProcesses, printable
from pathprobe.layers.listening.reader import may_trace
from pathprobe.layers.system import Recorded, Said, Unread
from tests.layers.listening.factories import recorded

ADDRESSES = """1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever preferred_lft forever
2: eth0    inet 10.0.0.5/24 brd 10.0.0.255 scope global dynamic eth0\\       valid_lft 2591sec preferred_lft 2591sec
2: eth0    inet6 2001:db8::5/64 scope global \\       valid_lft forever preferred_lft forever
3: wg0    inet 10.6.0.1 peer 10.6.0.2/32 scope global wg0\\       valid_lft forever preferred_lft forever
4: veth1@if2    inet6 fe80::1/64 scope link \\       valid_lft forever preferred_lft forever
"""
ROOT = "Name:\tpython3\nCapEff:\t000001ffffffffff\n"
ID = "3a31a360e5aea903274416e0c4cf8ca8c050fd523cc5d91a82ec5707d5ee9fa1"
PROC_NET = {f"/proc/net/{name}": recorded(f"proc-net-{name}.txt") for name in ("tcp", "tcp6", "udp", "udp6")}
PYTHON = Process(pid=26481, name="python3", command="python3 -", user="root")
HELD = {"/proc/26481/fd/0": "/dev/null", "/proc/26481/fd/3": "socket:[563402]"}
SERVING = ("ss -4 -l -t -u -n -e -m sport = :{}", "ss -6 -l -t -u -n -e -m sport = :{}")
ALL = ("ss -4 -a -t -u -n -e -m sport = :{}", "ss -6 -a -t -u -n -e -m sport = :{}")


def on_port(text: str, port: int) -> str:
    """As ss filters it: a socket's line and the one that goes on with it."""
    head, *lines = text.splitlines(keepends=True)
    pairs = zip(lines[::2], lines[1::2], strict=True)
    return head + "".join(one + more for one, more in pairs if f":{port} " in one[:60])


def ss(port: int) -> dict[str, str | Said | Unread]:
    said = {}
    for commands, kind in ((SERVING, "serving"), (ALL, "all")):
        for version, command in zip((4, 6), commands, strict=True):
            said[command.format(port)] = on_port(recorded(f"ss-6.1-{kind}-v{version}.txt"), port)
    return dict(said)


def read(port: int, protocol: str = "tcp", **facts: object) -> Sockets:
    commands: Mapping[str, str | Said | Unread] = facts.get("commands", ss(port))  # type: ignore[assignment]
    files = {"/proc/self/status": ROOT, **dict(facts.get("files", {}))}  # type: ignore[call-overload]
    links: Mapping[str, str] = facts.get("links", HELD)  # type: ignore[assignment]
    processes: RecordedProcesses = facts.get("processes", RecordedProcesses(processes={26481: PYTHON}))  # type: ignore[assignment]
    machine = Recorded(commands={"ip -o address show": ADDRESSES, **commands}, files=files, links=links)
    return listening.read(machine, port, protocol, processes=processes)


def test_a_listener_is_read_with_process_unit_and_addresses() -> None:
    facts = read(8080, files={"/proc/26481/cgroup": "0::/system.slice/shop.service\n"})
    (socket,) = facts.serving
    (process,) = socket.processes
    assert (process.name, process.home) == ("python3", Unit(name="shop.service"))
    assert HostAddress(interface="eth0", address="10.0.0.5") in facts.addresses
    assert facts.unseen == ()
    assert listening.judge(facts).status is Status.FAIL


def test_a_containers_name_is_asked_of_its_engine() -> None:
    files = {"/proc/26481/cgroup": f"0::/system.slice/docker-{ID}.scope\n"}
    names = {"docker ps --no-trunc --format {{.ID}} {{.Names}}": f"{ID} web\n"}
    facts = read(8080, files=files, commands={**ss(8080), **names})
    assert facts.serving[0].processes[0].home == Container(engine="docker", id=ID, name="web")
    without = read(8080, files=files)
    assert without.serving[0].processes[0].home == Container(engine="docker", id=ID)


def test_without_ss_the_kernels_files_tell_it() -> None:
    facts = read(8080, commands={}, files=PROC_NET)
    (socket,) = facts.serving
    assert (socket.address, socket.pids, socket.room) == ("127.0.0.1", (26481,), None)
    assert facts.unseen == ("backlogs and IPv6-only sockets (ss is not installed)",)
    assert "python3 (pid 26481" in listening.judge(facts).summary


def test_without_ss_it_is_unknown_whether_an_ipv6_socket_takes_ipv4() -> None:
    facts = read(8081, commands={}, files=PROC_NET)
    assert listening.judge(facts, version=4).status is Status.UNKNOWN


def test_ss_that_fails_is_no_machine_without_sockets() -> None:
    failing = {SERVING[0].format(8080): Said(status=1, error="Cannot open netlink socket")}
    facts = read(8080, commands=failing, files=PROC_NET)
    assert len(facts.serving) == 1
    assert facts.unseen == ("backlogs and IPv6-only sockets (ss: Cannot open netlink socket)",)


def test_where_nothing_serves_the_other_states_are_read() -> None:
    facts = read(8086)
    assert facts.serving == ()
    assert "1 ended connection on this port in TIME_WAIT" in listening.judge(facts).summary


def test_the_other_protocol_is_read_beside_it() -> None:
    facts = read(8080, "udp")
    assert [one.protocol for one in facts.across] == ["tcp"]


def test_a_machine_of_which_nothing_was_recorded_is_read_too() -> None:
    facts = listening.read(Recorded(), 8080, "tcp", expected="nginx", processes=RecordedProcesses())
    assert facts.serving == ()
    assert not facts.sees_all
    assert listening.judge(facts, expected="nginx").status is Status.FAIL


def test_a_bound_address_that_went_away_is_told_from_a_routed_one() -> None:
    known = addresses.parse(ADDRESSES)
    said = {
        "ip -o route get 10.0.0.9": "10.0.0.9 dev eth0 src 10.0.0.5 uid 0 \\    cache \n",
        "ip -o route get 10.7.0.1": "local 10.7.0.1 dev lo src 10.7.0.1 uid 0 \\    cache <local> \n",
        "ip -o route get 10.0.0.255": "broadcast 10.0.0.255 dev eth0 src 10.0.0.5 uid 0 \\    cache <local,brd> \n",
        "ip -o route get 192.0.2.1": Said(status=2, error="RTNETLINK answers: Network is unreachable"),
    }
    bound = ["0.0.0.0", "::", "127.0.0.1", "224.0.0.251", "10.0.0.5", "10.0.0.9", "10.7.0.1", "10.0.0.255", "192.0.2.1"]
    assert addresses.foreign(Recorded(commands=said), bound, known) == {"10.0.0.9", "192.0.2.1"}


def test_addresses_are_read_with_their_interfaces() -> None:
    found = [(one.interface, one.address, one.is_outside) for one in addresses.parse(ADDRESSES)]
    assert found == [
        ("lo", "127.0.0.1", False),
        ("eth0", "10.0.0.5", True),
        ("eth0", "2001:db8::5", True),
        ("wg0", "10.6.0.1", True),
        ("veth1", "fe80::1", False),
    ]
    assert addresses.parse("nonsense\n\n1: lo\n") == ()


# ---- other network namespaces

MOUNTS = """29 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
95 94 0:4 net:[4026532281] /run/docker/netns/default rw shared:2 - nsfs nsfs rw
96 94 0:4 net:[4026532281] /run/netns/web1 rw shared:2 - nsfs nsfs rw
97 94 0:4 net:[4026532281] /var/elsewhere rw shared:2 - nsfs nsfs rw
98 94 0:4 net:[4026532299] /run/netns/empty rw shared:3 - nsfs nsfs rw
99 94 0:4 mnt:[4026532300] /run/snapd/ns/x.mnt rw - nsfs nsfs rw
"""
INSIDE = {
    "/proc/self/ns/net": "net:[4026531840]",
    "/proc/1/ns/net": "net:[4026531840]",
    "/proc/4711/ns/net": "net:[4026532281]",
    "/proc/4712/ns/net": "net:[4026532281]",
    "/proc/4712/fd/6": "socket:[563402]",
    "/proc/4712/fd/7": "/dev/null",
}


def test_a_listener_in_a_named_namespace_is_found_with_its_process() -> None:
    files = {"/proc/self/mountinfo": MOUNTS, "/proc/4711/net/tcp": PROC_NET["/proc/net/tcp"]}
    worker = Process(pid=4712, name="nginx", user="www-data")
    facts = read(8080, commands={}, files=files, links=INSIDE, processes=RecordedProcesses(processes={4712: worker}))
    (there,) = facts.elsewhere
    assert (there.namespace, there.path, there.socket.processes) == ("web1", "/run/netns/web1", (worker,))
    told = "nginx (pid 4712, user www-data) listens on 127.0.0.1:8080 in the network namespace web1"
    assert told in listening.judge(facts).summary


def test_a_named_namespace_without_processes_is_looked_into_by_name() -> None:
    said = {f"ss -N empty -{version} -l -t -u -n -e -m sport = :8080": "" for version in (4, 6)}
    said["ss -N empty -4 -l -t -u -n -e -m sport = :8080"] = on_port(recorded("ss-6.1-serving-v4.txt"), 8080)
    found, unseen = namespaces.read(
        Recorded(commands=said, files={"/proc/self/mountinfo": MOUNTS}, links=INSIDE), 8080, "tcp"
    )
    assert [(one.namespace, one.socket.inode) for one in found] == [("empty", 563402)]
    assert unseen == ()


def test_processes_whose_namespace_is_hidden_are_counted() -> None:
    hidden = {f"/proc/{pid}/ns/net": Unread(reason="Permission denied") for pid in (7, 8)}
    found, unseen = namespaces.read(Recorded(links={**INSIDE, **hidden}), 8080, "tcp")
    assert found == ()
    assert unseen == ("the network namespaces of 2 processes could not be read (pid 7 and 8)",)


def test_the_one_process_whose_namespace_is_hidden_is_named() -> None:
    hidden: dict[str, str | Unread] = {**INSIDE, "/proc/1/ns/net": Unread(reason="Permission denied")}
    _, unseen = namespaces.read(Recorded(links=hidden), 8080, "tcp")
    assert unseen == ("the network namespace of 1 process could not be read (pid 1)",)


# ---- systemd

LISTED = """/run/dbus/system_bus_socket     dbus.socket        dbus.service
0.0.0.0:22                      ssh.socket         ssh.service
[::]:22                         ssh.socket         ssh.service
[::]:9090                       cockpit.socket     cockpit.service

"""
FAILED = """  nginx.service loaded failed failed A high performance web server
● redis.service loaded failed failed Advanced key-value store
"""


def test_the_socket_units_of_a_port_are_read() -> None:
    found = systemd.parse_activations(LISTED, 22)
    assert [(one.listen, one.socket, one.unit) for one in found] == [
        ("0.0.0.0:22", "ssh.socket", "ssh.service"),
        ("[::]:22", "ssh.socket", "ssh.service"),
    ]
    assert systemd.parse_activations(LISTED, 2) == ()


def test_sockets_that_systemd_opened_are_asked_of_it() -> None:
    commands = {
        SERVING[0].format(9090): "",
        SERVING[1].format(9090): on_port(recorded("ss-5.10-systemd-v6.txt"), 9090),
        "systemctl list-sockets --all --no-legend --no-pager": LISTED,
    }
    facts = read(9090, commands=commands, files={"/proc/self/status": "CapEff:\t0000000000000000\n"})
    assert listening.judge(facts).summary == (
        "systemd listens on [::]:9090 (IPv6 and IPv4) for cockpit.socket, which starts cockpit.service on demand"
    )


def test_failed_units_are_read_with_and_without_their_mark() -> None:
    assert [one.ref for one in systemd.parse_failed(FAILED)] == ["nginx.service", "redis.service"]
    assert systemd.parse_failed("System has not been booted with systemd\n")[0:0] == ()


def test_a_systemctl_that_hangs_is_told() -> None:
    hung = Unread(reason="systemctl said nothing for 5 s", is_silent=True)
    facts = read(8086, commands={**ss(8086), " ".join(systemd.LIST_FAILED): hung})
    assert "systemd's failed units (systemctl said nothing for 5 s)" in facts.unseen


# ---- since when, and what is not told

STAT = "26481 (py) (x) S 1 26481 26481 0 -1 4194560 9 0 0 0 1 2 0 0 20 0 1 0 4250 1 2 3\n"


def test_a_process_began_so_long_after_the_boot() -> None:
    files = {"/proc/stat": "cpu  1 2\nbtime 1700000000\n", "/proc/26481/stat": STAT}
    facts = read(8080, files=files)
    assert listening.since(facts.serving) == 1700000042.5
    assert listening.since(read(8080).serving) is None


@pytest.mark.parametrize(("stat", "of_process"), [("btime x\n", STAT), ("btime 1\n", "1 (a) S"), ("", "")])
def test_a_start_that_cannot_be_read_is_not_known(stat: str, of_process: str) -> None:
    files = {"/proc/stat": stat, "/proc/26481/stat": of_process}
    assert listening.since(read(8080, files=files).serving) is None


def test_secrets_of_a_command_line_are_shown_nowhere() -> None:
    secretive = replace(PYTHON, command="/opt/shop --password=S3cret --user ann")
    facts = read(8080, processes=RecordedProcesses(processes={26481: secretive}))
    assert "/opt/shop --password=*** --user ann" in repr(listening.judge(facts))
    assert "S3cret" not in repr(facts)


def test_the_live_processes_command_line_is_masked_word_by_word() -> None:
    command = [sys.executable, "-c", "print(); input()", "--db-password", "two words", "--port=8080"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()  # until then it may still be on its way to this command line
        found = ThisMachinesProcesses().process(process.pid)
        process.communicate(b"\n")
    assert found is not None
    assert found.command.endswith("--db-password *** --port=8080")


def test_addresses_are_taken_from_what_the_network_is_read_from() -> None:
    said = '[{"ifname": "eth0", "addr_info": [{"local": "10.0.0.5", "prefixlen": 24}, {"local": "2001:db8::5"}]}]'
    of_json = Recorded(commands={"ip -j -d addr show": said})
    assert addresses.read(of_json) == (
        HostAddress(interface="eth0", address="10.0.0.5"),
        HostAddress(interface="eth0", address="2001:db8::5"),
    )


@pytest.mark.parametrize("said", ["no json", '[{"ifname": "a", "addr_info": [{"local": "x"}]}]', "1", Said(status=255)])
def test_an_ip_that_knows_no_json_is_asked_for_its_lines(said: str | Said) -> None:
    old = Recorded(commands={"ip -j -d addr show": said, "ip -o address show": ADDRESSES})
    assert addresses.read(old) == addresses.parse(ADDRESSES)


# ---- small things


@pytest.mark.parametrize(
    ("status", "sees"),
    [
        (ROOT, True),
        ("CapEff:\t0000000000000000\n", False),
        ("CapEff:\t0000000000080000\n", True),
        ("CapEff:\tx\n", False),
        ("", False),
    ],
)
def test_only_who_may_trace_sees_whose_a_socket_is(status: str, sees: bool) -> None:
    assert may_trace(status) is sees


def test_what_a_process_writes_into_its_name_stays_on_one_line() -> None:
    assert printable("a\nreboot\x1b[31m  b") == "a reboot [31m b"
    assert len(printable("x" * 1000)) < 400


def test_a_process_that_is_gone_is_none() -> None:
    assert ThisMachinesProcesses().process(2**22 + 1) is None


def test_a_uid_without_a_name_stays_a_number() -> None:
    assert ThisMachinesProcesses().user(0) == "root"
    assert ThisMachinesProcesses().user(3_999_999_999) == "3999999999"
