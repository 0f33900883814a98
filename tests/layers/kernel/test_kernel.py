"""Tables: settings and counters -> status, and the words that a person needs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pathprobe.core.layers import Evidence, LayerName, Status
from pathprobe.layers import kernel
from pathprobe.layers.counters import conntrack, tcp_extensions
from pathprobe.layers.kernel import Kernel
from pathprobe.layers.kernel.facts import name
from pathprobe.layers.kernel.ports import is_in
from pathprobe.layers.kernel.routing import strictness
from pathprobe.layers.listening.facts import Socket, Sockets, State
from pathprobe.layers.system import Recorded, Unread

FAIL, WARN, PASS, UNKNOWN = Status.FAIL, Status.WARN, Status.PASS, Status.UNKNOWN
RECORDED = Path(__file__).parent / "recorded"

USUAL = {
    "net/core/somaxconn": "4096",
    "net/ipv4/ip_forward": "0",
    "net/ipv4/ip_local_port_range": "32768\t60999",
    "net/ipv4/ip_local_reserved_ports": "",
    "net/ipv4/ip_unprivileged_port_start": "1024",
    "net/ipv4/tcp_abort_on_overflow": "0",
    "net/ipv4/tcp_syncookies": "1",
    "net/ipv6/conf/all/forwarding": "0",
    "net/ipv4/conf/all/rp_filter": "0",
    "net/ipv4/conf/all/route_localnet": "0",
}
for _interface in ("eth0", "eth1"):
    USUAL |= {
        f"net/ipv4/conf/{_interface}/rp_filter": "0",
        f"net/ipv4/conf/{_interface}/forwarding": "0",
        f"net/ipv4/conf/{_interface}/route_localnet": "0",
        f"net/ipv6/conf/{_interface}/disable_ipv6": "0",
    }


def facts(settings: Mapping[str, str] | None = None, **others: Any) -> Kernel:
    return Kernel(**{"settings": USUAL | dict(settings or {}), "interfaces": ("eth0", "eth1", "lo"), **others})


def listener(**others: Any) -> Sockets:
    usual = {"protocol": "tcp", "version": 4, "address": "0.0.0.0", "port": 8080, "state": State.LISTENING, "room": 128}
    return Sockets(port=8080, protocol="tcp", sockets=(Socket(**{**usual, **others}),))


NOBODY = Sockets(port=40000, protocol="tcp")


def rp_filter(interface: str, value: int) -> dict[str, str]:
    return {f"net/ipv4/conf/{interface}/rp_filter": str(value)}


def test_a_usual_kernel_has_nothing_against_it() -> None:
    row = kernel.judge(facts(), 8080, "tcp", sockets=listener())
    assert (row.name, row.number, row.status) == (LayerName.KERNEL, 2, PASS)
    assert row.summary == "the kernel's own filters, limits and tables have nothing against it"


# ---- reverse path


@pytest.mark.parametrize(
    ("for_all", "own", "strict"), [(0, 0, 0), (0, 1, 1), (1, 0, 1), (2, 1, 2), (1, 2, 2), (0, 2, 2)]
)
def test_the_larger_value_of_all_and_the_interface_counts(for_all: int, own: int, strict: int) -> None:
    assert strictness(facts(rp_filter("all", for_all) | rp_filter("eth1", own)), "eth1") == strict


@pytest.mark.parametrize(
    ("value", "asked", "status"),
    [
        (1, {"arrival": "eth1", "route_back": "eth0"}, FAIL),
        (1, {"arrival": "eth1", "route_back": "eth0", "version": 4}, FAIL),
        (1, {"arrival": "eth1", "route_back": "eth0", "version": 6}, PASS),
        (1, {"arrival": "eth1", "route_back": "eth1"}, PASS),
        (1, {"arrival": "eth0", "route_back": "eth1"}, PASS),
        (2, {"arrival": "eth1", "route_back": "eth0"}, PASS),
        (0, {"arrival": "eth1", "route_back": "eth0"}, PASS),
        (1, {"arrival": "eth1"}, PASS),
        (1, {}, PASS),
    ],
)
def test_a_strict_filter_drops_what_comes_by_another_way(value: int, asked: dict[str, Any], status: Status) -> None:
    row = kernel.judge(facts(rp_filter("eth1", value)), 8080, "tcp", **asked)
    assert row.status is status
    if status is FAIL:
        assert row.summary.startswith("the packet comes in by eth1 and its answer would leave by eth0")
        assert row.fix == ("sysctl -w net.ipv4.conf.eth1.rp_filter=2",)
        assert Evidence(
            source="sysctl", ref="net.ipv4.conf.eth1.rp_filter", text="net.ipv4.conf.eth1.rp_filter = 1"
        ) in (row.evidence)


@pytest.mark.parametrize(
    ("settings", "dropped", "asked", "status"),
    [
        (rp_filter("eth1", 1), 3, {}, WARN),
        (rp_filter("eth1", 1), 0, {}, PASS),
        (rp_filter("eth1", 2), 3, {}, PASS),
        (rp_filter("eth1", 1), 3, {"arrival": "eth0"}, PASS),
        (rp_filter("eth1", 1), 3, {"arrival": "eth1"}, WARN),
        (rp_filter("eth1", 1), 3, {"arrival": "eth1", "route_back": "eth1"}, PASS),
    ],
)
def test_a_strict_filter_that_dropped_packets_warns(
    settings: dict[str, str], dropped: int, asked: dict[str, Any], status: Status
) -> None:
    row = kernel.judge(facts(settings, tcp={"IPReversePathFilter": dropped}), 8080, "tcp", **asked)
    assert row.status is status
    assert ("strict on eth1 and dropped 3 packets so far" in row.summary) is (status is WARN)


@pytest.mark.parametrize("dropped", [0, 3])
def test_a_strict_filter_on_another_interface_warns_though_the_routes_say_the_packet_comes_elsewhere(
    dropped: int,
) -> None:
    by_eth0 = {"arrival": "eth0", "route_back": "eth0", "source": "8.8.8.8"}
    strict = facts(rp_filter("eth1", 1), tcp={"IPReversePathFilter": dropped})
    row = kernel.judge(strict, 8080, "tcp", **by_eth0)
    assert row.status is WARN
    assert row.summary == (
        "answers to 8.8.8.8 leave by eth0; if its packets come in by another interface (eth1), "
        "the strict reverse path filter there drops them"
    )
    assert row.fix == ("sysctl -w net.ipv4.conf.eth1.rp_filter=2",)
    assert any(one.text == f"IPReversePathFilter {dropped}" for one in row.evidence)


def test_containers_and_idle_tunnels_are_no_other_way_in() -> None:
    inner = facts(rp_filter("all", 1), interfaces=("eth0", "docker0", "br-1f2e", "gre0", "lo"))
    assert kernel.judge(inner, 8080, "tcp", arrival="eth0", route_back="eth0").status is PASS


@pytest.mark.parametrize(
    "asked", [{"route_back": "eth0"}, {}, {"lands_on": "127.0.0.1"}, {"forwarded": True, "lands_on": "172.17.0.2"}]
)
def test_the_machines_own_packets_are_neither_filtered_nor_forwarded(asked: dict[str, Any]) -> None:
    strict = facts(rp_filter("all", 1), tcp={"IPReversePathFilter": 3})
    assert kernel.judge(strict, 8080, "tcp", arrival="lo", **asked).status is PASS


@pytest.mark.parametrize("version", [4, 6])
def test_an_answer_that_has_no_way_back_cannot_leave(version: int) -> None:
    source = "8.8.8.8" if version == 4 else "2001:db8::8"
    row = kernel.judge(facts(), 8080, "tcp", version=version, arrival="eth0", source=source, no_route_back="blackhole")
    assert row.status is FAIL
    assert row.summary == f"there is no route back to {source} (blackhole): the answer cannot leave"
    assert row.evidence[0] == Evidence(source=f"ip route get {source}", text="blackhole")
    assert row.fix == (f"# ip route add {source} via GATEWAY",)


# ---- forwarding, families, loopback


@pytest.mark.parametrize(
    ("settings", "asked", "status", "words"),
    [
        ({}, {"forwarded": True}, FAIL, "does not forward IPv4"),
        ({}, {"forwarded": False}, PASS, "nothing against it"),
        ({"net/ipv4/ip_forward": "1"}, {"forwarded": True}, PASS, "nothing against it"),
        ({"net/ipv4/ip_forward": "1"}, {"forwarded": True, "arrival": "eth0"}, FAIL, "does not forward IPv4 from eth0"),
        ({"net/ipv4/conf/eth0/forwarding": "1"}, {"forwarded": True, "arrival": "eth0"}, PASS, "nothing against it"),
        (
            {"net/ipv4/conf/eth0/forwarding": "1"},
            {"forwarded": True, "arrivals": ("eth0",)},
            PASS,
            "nothing against it",
        ),
        ({"net/ipv4/ip_forward": "1"}, {"forwarded": True, "arrivals": ("eth0",)}, FAIL, "not forward IPv4 from eth0"),
        ({}, {"forwarded": True, "arrivals": ("eth0", "eth1")}, FAIL, "does not forward IPv4"),
        (
            {"net/ipv4/conf/eth0/forwarding": "1"},
            {"forwarded": True, "arrivals": ("eth0", "eth1")},
            WARN,
            "forwards IPv4 from eth0, but not from eth1",
        ),
        ({}, {"forwarded": True, "arrivals": ("lo",)}, PASS, "nothing against it"),
        ({"net/ipv4/ip_forward": "1"}, {"forwarded": True, "arrivals": ("tun0",)}, PASS, "nothing against it"),
        ({}, {"forwarded": True, "version": 6}, FAIL, "does not forward IPv6"),
        ({"net/ipv6/conf/all/forwarding": "1"}, {"forwarded": True, "version": 6}, PASS, "nothing against it"),
        ({"net/ipv4/ip_forward": "?"}, {"forwarded": True}, UNKNOWN, "could not be read"),
        ({}, {"lands_on": "127.0.0.1"}, FAIL, "does not let in from outside"),
        ({"net/ipv4/conf/all/route_localnet": "1"}, {"lands_on": "127.0.0.1"}, PASS, "nothing against it"),
        ({"net/ipv4/conf/eth0/route_localnet": "1"}, {"lands_on": "127.0.0.1"}, PASS, "nothing against it"),
        ({"net/ipv4/conf/eth0/route_localnet": "1"}, {"lands_on": "127.0.0.1", "arrival": "eth1"}, FAIL, "127.0.0.1"),
        ({}, {"lands_on": "10.0.0.5"}, PASS, "nothing against it"),
        ({"net/ipv6/conf/eth0/disable_ipv6": "1"}, {"version": 6}, PASS, "nothing against it"),
        ({"net/ipv6/conf/eth0/disable_ipv6": "1"}, {"version": 6, "arrival": "eth0"}, FAIL, "switched off on eth0"),
        (
            {"net/ipv6/conf/eth0/disable_ipv6": "1", "net/ipv6/conf/eth1/disable_ipv6": "1"},
            {"version": 6},
            FAIL,
            "IPv6 is switched off on eth0, eth1",
        ),
        ({"net/ipv6/conf/eth0/disable_ipv6": "1"}, {"version": 4, "arrival": "eth0"}, PASS, "nothing against it"),
    ],
)
def test_the_kernel_takes_in_and_routes_on(
    settings: dict[str, str], asked: dict[str, Any], status: Status, words: str
) -> None:
    row = kernel.judge(facts(settings), 8080, "tcp", **asked)
    assert (row.status, words in row.summary) == (status, True), row.summary


def test_what_all_interfaces_lack_is_switched_on_at_once() -> None:
    fix = kernel.judge(facts(), 8080, "tcp", forwarded=True, arrivals=("eth0", "eth1")).fix
    assert fix[0] == "sysctl -w net.ipv4.ip_forward=1"


def test_a_kernel_without_ipv6_is_told() -> None:
    bare = Kernel(settings={path: text for path, text in USUAL.items() if "ipv6" not in path}, interfaces=("eth0",))
    assert "this kernel has no IPv6" in kernel.judge(bare, 8080, "tcp", version=6).summary
    assert kernel.judge(bare, 8080, "tcp").status is PASS


# ---- connection tracking


def table(count: int, most: int = 1000) -> dict[str, str]:
    return {"net/netfilter/nf_conntrack_count": str(count), "net/netfilter/nf_conntrack_max": str(most)}


@pytest.mark.parametrize(
    ("settings", "counted", "status", "words"),
    [
        (table(1000), {}, FAIL, "the table of connections is full (1000 of 1000)"),
        (table(950), {}, WARN, "nearly full (950 of 1000)"),
        (table(949), {}, PASS, "nothing against it"),
        (table(10, 0), {}, PASS, "nothing against it"),
        (table(1), {"drop": 5, "early_drop": 1}, WARN, "connection tracking dropped 5 packets since the start"),
        (table(1), {"insert_failed": 9, "early_drop": 2, "drop": 0}, PASS, "nothing against it"),
        ({}, {}, PASS, "nothing against it"),
    ],
)
def test_a_table_of_connections_without_room_is_told(
    settings: dict[str, str], counted: dict[str, int], status: Status, words: str
) -> None:
    row = kernel.judge(facts(settings, conntrack=counted), 8080, "tcp")
    assert (row.status, words in row.summary) == (status, True), row.summary


# ---- ports


@pytest.mark.parametrize(
    ("port", "reserved", "sockets", "asked", "status"),
    [
        (40000, "", NOBODY, {}, WARN),
        (40000, "8080,39000-41000", NOBODY, {}, PASS),
        (40000, "8080", NOBODY, {}, WARN),
        (40000, "", listener(), {}, PASS),
        (40000, "", None, {}, PASS),
        (40000, "", NOBODY, {"forwarded": True, "version": 6}, FAIL),
        (8080, "", NOBODY, {}, PASS),
        (32768, "", NOBODY, {}, WARN),
        (60999, "", NOBODY, {}, WARN),
        (61000, "", NOBODY, {}, PASS),
    ],
)
def test_a_port_that_connections_may_take_first_warns(
    port: int, reserved: str, sockets: Sockets | None, asked: dict[str, Any], status: Status
) -> None:
    settings = {"net/ipv4/ip_local_reserved_ports": reserved}
    row = kernel.judge(facts(settings), port, "tcp", sockets=sockets, **asked)
    assert row.status is status
    if status is WARN:
        comma = "," if reserved else ""
        assert row.fix == (f"sysctl -w net.ipv4.ip_local_reserved_ports={reserved}{comma}{port}",)


@pytest.mark.parametrize(
    ("text", "inside"),
    [("8080", True), ("8000-8100", True), ("1,2-3,8080-8080", True), ("80", False), ("", False), ("x-", False)],
)
def test_reserved_ports_are_numbers_and_ranges(text: str, inside: bool) -> None:
    assert is_in(8080, text) is inside


def test_a_privileged_port_that_nobody_serves_shows_the_limit() -> None:
    row = kernel.judge(facts(), 80, "tcp", sockets=NOBODY)
    assert any(one.ref == "net.ipv4.ip_unprivileged_port_start" for one in row.evidence)


# ---- queues


@pytest.mark.parametrize(
    ("settings", "tcp", "sockets", "status", "words"),
    [
        ({"net/core/somaxconn": "128"}, {}, listener(queued=129), WARN, "as long as net.core.somaxconn allows (128)"),
        ({"net/core/somaxconn": "128"}, {"ListenOverflows": 4}, listener(drops=4), WARN, "(128)"),
        ({"net/core/somaxconn": "128"}, {"ListenOverflows": 4}, listener(drops=0), PASS, "nothing against it"),
        ({"net/core/somaxconn": "128"}, {}, listener(), PASS, "nothing against it"),
        ({}, {}, listener(queued=129), PASS, "nothing against it"),
        ({"net/ipv4/tcp_abort_on_overflow": "1"}, {}, listener(queued=129), WARN, "answers clients with a reset"),
        ({"net/ipv4/tcp_abort_on_overflow": "1"}, {}, listener(), PASS, "nothing against it"),
        ({"net/ipv4/tcp_syncookies": "0"}, {"TCPReqQFullDrop": 7}, listener(), WARN, "7 SYNs were dropped"),
        ({"net/ipv4/tcp_syncookies": "0"}, {}, listener(), PASS, "nothing against it"),
        ({}, {"TCPReqQFullDrop": 7}, listener(), PASS, "nothing against it"),
        ({"net/ipv4/tcp_tw_recycle": "1"}, {}, listener(), WARN, "tcp_tw_recycle is on"),
    ],
)
def test_limits_that_keep_connections_out_are_told(
    settings: dict[str, str], tcp: dict[str, int], sockets: Sockets, status: Status, words: str
) -> None:
    row = kernel.judge(facts(settings, tcp=tcp), 8080, "tcp", sockets=sockets)
    assert (row.status, words in row.summary) == (status, True), row.summary
    assert kernel.judge(facts(settings, tcp=tcp), 8080, "udp", sockets=sockets).status is PASS


# ---- reading


def test_settings_and_counters_are_read() -> None:
    files: dict[str, str | Unread] = {f"/proc/sys/{path}": f"{text}\n" for path, text in USUAL.items()}
    files |= {"/proc/sys/net/ipv4/conf/lo/rp_filter": "0\n", "/proc/sys/net/ipv4/conf/default/rp_filter": "1\n"}
    files["/proc/sys/net/netfilter/nf_conntrack_max"] = Unread(reason="nf_conntrack_max: Permission denied")
    files["/proc/net/netstat"] = "TcpExt: A ListenOverflows B\nTcpExt: 1 2 3\nIpExt: A\nIpExt: 9\n"
    files["/proc/net/stat/nf_conntrack"] = (RECORDED / "nf_conntrack-4.x.txt").read_text("utf-8")
    read = kernel.read(Recorded(files=files))
    assert read.interfaces == ("eth0", "eth1", "lo")
    assert read.number("net/core/somaxconn") == 4096
    assert read.numbers("net/ipv4/ip_local_port_range") == (32768, 60999)
    assert read.tcp == {"A": 1, "ListenOverflows": 2, "B": 3}
    assert (read.conntrack["drop"], read.conntrack["early_drop"]) == (0x1D8 + 0x16F, 0)
    assert read.unseen == ("nf_conntrack_max: Permission denied",)


def test_a_machine_that_shows_no_settings_is_unknown() -> None:
    assert kernel.judge(kernel.read(Recorded()), 8080, "tcp").status is UNKNOWN


def test_a_setting_is_called_as_sysctl_calls_it() -> None:
    assert name("net/ipv4/conf/eth0.7/rp_filter") == "net.ipv4.conf.eth0/7.rp_filter"


@pytest.mark.parametrize("text", ["", "TcpExt: A\n", "TcpExt: A B\nTcpExt: x\n", "nonsense"])
def test_counters_that_make_no_sense_count_nothing(text: str) -> None:
    assert tcp_extensions(text) == {}


@pytest.mark.parametrize("text", ["", "entries drop\n", "entries drop\nx y\n"])
def test_conntrack_counters_that_make_no_sense_are_nought(text: str) -> None:
    assert conntrack(text).get("drop", 0) == 0


def test_the_present_kernels_columns_are_read() -> None:
    assert conntrack((RECORDED / "nf_conntrack-6.18.txt").read_text("utf-8"))["insert_failed"] == 0
