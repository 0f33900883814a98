"""Real packets to a real port of a machine: does the watcher say what its kernel did to each?

client (10.7.0.9) -- server (10.7.0.1, 10.7.1.1) -- inner (10.7.1.9), each a namespace.
"""

from __future__ import annotations

import errno
import functools
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pathprobe.core.arrivals.facts import Attempt, Fate, Watched
from pathprobe.core.arrivals.fate import nothing_listens
from pathprobe.engine.arrivals import Watching, watch
from pathprobe.engine.sightings import open_sightings
from pathprobe.lab import netns
from pathprobe.net import trace_table
from pathprobe.net.drops import DropReader, DropsUnreadable
from pathprobe.output.arrivals import render

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("lab_host", "network")]

CLIENT = {4: "10.7.0.9", 6: "fd07::9"}
SERVER = {4: "10.7.0.1", 6: "fd07::1"}
INNER = "10.7.1.9"
#: An address of the client to which the server has no way back.
STRANGER = "10.99.0.9"
PORT = 8080
NAMES = ("client", "server", "inner")

#: Seconds after which what was to come did not: a fault, not a pace.
LONGEST = 20.0


@pytest.fixture
def network() -> Iterator[None]:
    """Three namespaces in a row, and every packet of the client's to them."""
    for name in NAMES:
        netns.add(name)
    try:
        netns.run_ip("server", 4, ["link add eth0 type veth peer name eth0 netns client"])
        netns.run_ip("server", 4, ["link add eth1 type veth peer name eth0 netns inner"])
        _number("server", eth0=(f"{SERVER[4]}/24", f"{SERVER[6]}/64"), eth1=("10.7.1.1/24",))
        _number("client", eth0=(f"{CLIENT[4]}/24", f"{CLIENT[6]}/64", f"{STRANGER}/32"))
        _number("inner", eth0=(f"{INNER}/24",))
        netns.run_ip("inner", 4, ["route add default via 10.7.1.1"])
        with netns.inside("server"):
            Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
        yield
    finally:
        for name in NAMES:
            netns.end_processes(name)
            netns.delete(name)


def _number(name: str, **links: tuple[str, ...]) -> None:
    """Up with the links, and their addresses on them."""
    adding = [f"address add {one} dev {device}" for device, addresses in links.items() for one in addresses]
    ups = [f"link set {device} up" for device in ("lo", *links)]
    netns.run_ip(name, 4, [*ups, *(line for line in adding if ":" not in line)])
    if of_v6 := [f"{line} nodad" for line in adding if ":" in line]:
        netns.run_ip(name, 6, of_v6)


@functools.cache
def drops_unread() -> str:
    """Why this kernel does not let us see its drops; "" where it does."""
    try:
        DropReader(PORT).close()
    except DropsUnreadable as error:
        return str(error)
    return ""


def assert_dropped(found: Watched, *reasons: str, elsewhere: bool = False, otherwise: Fate = Fate.UNANSWERED) -> None:
    """The one attempt was thrown away for these reasons; where that is not seen, it is said why it is not."""
    (one,) = found.attempts
    if drops_unread():
        assert one.fate is otherwise
        assert found.drops_unread == drops_unread()
        assert f"whether the kernel dropped it is not readable: {drops_unread()}" in render(found)
    else:
        assert one.fate is Fate.DROPPED
        assert {(drop.reason, drop.elsewhere) for drop in one.drops} == {(reason, elsewhere) for reason in reasons}


def test_where_the_kernel_can_tell_what_it_drops_these_tests_see_it() -> None:
    """A laptop may forbid it, and then each test here holds us to say so; in CI that would be a hole in the tests."""
    if os.environ.get("CI") and os.geteuid() == 0 and Path("/sys/kernel/btf/vmlinux").exists():
        assert drops_unread() == ""


def listen(port: int = PORT, *, family: int = 4, backlog: int = 8, kind: int = socket.SOCK_STREAM) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if family == 6 else socket.AF_INET, kind)
    sock.bind(("::" if family == 6 else "0.0.0.0", port))
    if kind == socket.SOCK_STREAM:
        sock.listen(backlog)
    return sock


def knock(address: str = SERVER[4], port: int = PORT, *, source: str | None = None) -> socket.socket:
    """One SYN from the client, sent when this returns."""
    with netns.inside("client"):
        sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
        if source:
            sock.bind((source, 0))
        sock.setblocking(False)
        assert sock.connect_ex((address, port)) in (0, errno.EINPROGRESS)
        return sock


def throw(address: str = SERVER[4], port: int = PORT) -> socket.socket:
    """One UDP datagram from the client."""
    with netns.inside("client"):
        sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
        sock.sendto(b"hello", (address, port))
        return sock


def fates(*wanted: Fate) -> Callable[[tuple[Attempt, ...]], bool]:
    """Until so many attempts are there and have come to an end; where drops are not seen, none is waited for.

    What the kernel answers itself it answers first, and throws the packet away then.
    """
    with_drop = (Fate.RESET, Fate.REFUSED, Fate.DROPPED)

    def is_told(found: Attempt, want: Fate) -> bool:
        if want is Fate.DROPPED and drops_unread():
            return True
        if want in with_drop and not (found.drops or drops_unread()):
            return False
        return want in _OPEN or found.fate not in _OPEN

    def enough(attempts: tuple[Attempt, ...]) -> bool:
        return len(attempts) >= len(wanted) and all(map(is_told, attempts, wanted))

    return enough


_OPEN = (Fate.UNANSWERED, Fate.HANDED_ON)


def watched(
    act: Callable[[], object],
    *wanted: Fate,
    protocol: str = "tcp",
    trace_rules: bool = False,
    enough: Callable[[tuple[Attempt, ...]], bool] | None = None,
) -> Watched:
    """What the server's watcher says of what ``act`` does, from when it is ready until the wanted fates are there."""
    kept: list[object] = []
    what = Watching(protocol=protocol, port=PORT, seconds=LONGEST, trace_rules=trace_rules)
    try:
        with netns.inside("server"):
            found = watch(what, ready=lambda: kept.append(act()), enough=enough or fates(*wanted))
    finally:
        for one in kept:
            if isinstance(one, socket.socket):
                one.close()
    assert found.seconds < LONGEST, render(found)
    return found


def tables() -> str:
    with netns.inside("server"):
        return subprocess.run(["nft", "list", "tables"], capture_output=True, text=True, check=True).stdout


# ---- what the machine itself answers


@pytest.mark.parametrize("family", [4, 6])
def test_a_listening_port_answers(family: int) -> None:
    with netns.inside("server"):
        listener = listen(family=family)
    with listener:
        (one,) = watched(lambda: knock(SERVER[family]), Fate.ANSWERED).attempts
    assert (one.fate, one.source, one.destination, one.interface) == (
        Fate.ANSWERED,
        CLIENT[family],
        SERVER[family],
        "eth0",
    )
    assert one.after_ms is not None


@pytest.mark.parametrize("family", [4, 6])
def test_a_port_on_which_nothing_listens_resets(family: int) -> None:
    (one,) = watched(lambda: knock(SERVER[family]), Fate.RESET).attempts
    assert one.fate is Fate.RESET
    assert nothing_listens(one)


def test_the_machine_itself_may_be_the_asker() -> None:
    def ask() -> socket.socket:
        sock = socket.socket()
        sock.setblocking(False)
        sock.connect_ex(("127.0.0.1", PORT))
        return sock

    (one,) = watched(ask, Fate.RESET).attempts
    assert (one.fate, one.interface) == (Fate.RESET, "lo")


def test_udp_to_a_closed_port_is_refused_because_nothing_listens() -> None:
    found = watched(throw, Fate.REFUSED, protocol="udp")
    (one,) = found.attempts
    assert one.refusal is not None
    assert (one.fate, one.refusal.name) == (Fate.REFUSED, "port unreachable")
    assert nothing_listens(one)
    assert found.drops_unread == drops_unread()
    assert {(drop.reason, drop.elsewhere) for drop in one.drops} == (
        set() if drops_unread() else {("NO_SOCKET", False)}
    )


def test_udp_that_is_answered_is_told_with_its_answer() -> None:
    with netns.inside("server"):
        service = listen(kind=socket.SOCK_DGRAM)

    def ask() -> socket.socket:
        asker = throw()
        octets, sender = service.recvfrom(100)
        service.sendto(octets, sender)
        return asker

    with service:
        (one,) = watched(ask, Fate.ANSWERED, protocol="udp").attempts
    assert (one.fate, len(one.answers)) == (Fate.ANSWERED, 1)


def test_udp_that_a_silent_program_got_is_unanswered() -> None:
    with netns.inside("server"), listen(kind=socket.SOCK_DGRAM):
        found = watched(throw, Fate.UNANSWERED, protocol="udp")
    (one,) = found.attempts
    assert (one.fate, one.drops) == (Fate.UNANSWERED, ())
    expected = drops_unread() or "the program that listens got it and is silent"
    assert expected in render(found)


def test_a_full_queue_of_the_listener_is_no_drop_and_no_answer() -> None:
    with netns.inside("server"):
        listener = listen(backlog=0)
    with listener, knock() as first:
        select.select([], [first], [], LONGEST)
        found = watched(knock, Fate.UNANSWERED)
    (one,) = found.attempts
    if one.fate is Fate.UNANSWERED:
        line = "the queue of the program that listens on 0.0.0.0:8080 is full: 1 waiting to be accepted, room for 0"
        assert line in render(found)
        assert drops_unread() in render(found)
    else:  # a kernel that tells of it
        assert_dropped(found, "TCP_LISTEN_OVERFLOW")


@pytest.mark.parametrize(
    ("route", "why"),
    [
        ("", "this host has no route to it"),
        ("blackhole", "its route is of type blackhole"),
        ("unreachable", "its route is of type unreachable"),
        ("prohibit", "its route is of type prohibit"),
    ],
)
def test_a_way_back_that_is_missing_is_named(route: str, why: str) -> None:
    """No drop tells of it: the SYN-ACK is never made."""
    for name in ("all", "eth0"):
        with netns.inside("server"):
            Path(f"/proc/sys/net/ipv4/conf/{name}/rp_filter").write_text("0")
    if route:
        netns.run_ip("server", 4, [f"route add {route} {STRANGER}"])
    with netns.inside("client"):
        Path("/proc/sys/net/ipv4/conf/eth0/arp_announce").write_text("2")
    with netns.inside("server"):
        listener = listen()
    with listener:
        found = watched(lambda: knock(source=STRANGER), Fate.UNANSWERED)
    (one,) = found.attempts
    assert (one.fate, one.source, found.ways_back) == (Fate.UNANSWERED, STRANGER, {STRANGER: why})
    assert f"no answer can leave for {STRANGER}: {why} (ip route get {STRANGER})" in render(found)
    assert drops_unread() in render(found)


# ---- what its firewall does


DROP = """
table inet filter {
    chain input { type filter hook input priority 0; policy accept; tcp dport 8080 jump knocks; udp dport 8080 drop; }
    chain knocks { ip saddr 10.7.0.0/24 counter drop comment "case 3"; ip6 saddr fd07::/64 drop; }
}
"""


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize(("protocol", "ask"), [("tcp", knock), ("udp", throw)])
def test_a_drop_in_input_is_told_with_the_kernels_reason(
    family: int, protocol: str, ask: Callable[[str], socket.socket]
) -> None:
    netns.run_nft("server", DROP)
    found = watched(lambda: ask(SERVER[family]), Fate.DROPPED, protocol=protocol)
    (one,) = found.attempts
    assert_dropped(found, "NETFILTER_DROP")
    assert {drop.function for drop in one.drops} <= {"nft_do_chain", "nf_hook_slow"}
    assert one.by_rule is not bool(drops_unread())


def test_trace_rules_names_the_rule_that_dropped_it_and_the_jump_to_it() -> None:
    netns.run_nft("server", DROP)
    found = watched(knock, trace_rules=True, enough=lambda all_: bool(all_ and all_[0].deciding))
    (one,) = found.attempts
    rule = one.deciding
    assert rule is not None
    assert (one.fate, rule.family, rule.table, rule.chain, rule.verdict) == (
        Fate.DROPPED,
        "inet",
        "filter",
        "knocks",
        "drop",
    )
    assert rule.text.startswith("ip saddr 10.7.0.0/24 counter packets ")
    assert rule.text.endswith(' drop comment "case 3"')
    with netns.inside("server"):
        listed = subprocess.run(
            ["nft", "-a", "list", "chain", "inet", "filter", "knocks"], capture_output=True, text=True, check=True
        ).stdout
    assert f'drop comment "case 3" # handle {rule.handle}\n' in listed
    assert f"inet filter knocks handle {rule.handle}: ip saddr" in render(found)
    assert "(reached from input handle " in render(found)
    assert "pathprobe_trace" not in tables()


def test_trace_rules_names_a_policy() -> None:
    netns.run_nft("server", "table ip t { chain input { type filter hook input priority 5; policy drop; }; }")
    found = watched(knock, trace_rules=True, enough=lambda all_: bool(all_ and all_[0].deciding))
    assert "by ip t input policy drop" in render(found)


def test_trace_rules_shows_the_last_rule_of_what_was_let_through() -> None:
    netns.run_nft(
        "server",
        "table ip t { chain input { type filter hook input priority 5; policy drop; tcp dport 8080 accept; }; }",
    )
    found = watched(knock, trace_rules=True, enough=lambda all_: bool(all_ and all_[0].trace and all_[0].resets))
    (one,) = found.attempts
    assert (one.fate, one.deciding) == (Fate.RESET, None)
    assert ": tcp dport 8080 accept" in render(found)


@pytest.mark.parametrize(
    ("verdict", "name"),
    [
        ("reject with icmp type admin-prohibited", "communication administratively prohibited"),
        ("reject with icmp type port-unreachable", "port unreachable"),
    ],
)
def test_a_reject_is_told_as_the_rules_and_not_as_nobody_listening(verdict: str, name: str) -> None:
    netns.run_nft(
        "server", f"table ip t {{ chain i {{ type filter hook input priority 0; tcp dport 8080 {verdict}; }}; }}"
    )
    found = watched(knock, Fate.REFUSED)
    (one,) = found.attempts
    assert one.refusal is not None
    assert (one.fate, one.refusal.name, one.refusal.by) == (Fate.REFUSED, name, SERVER[4])
    assert not nothing_listens(one)
    assert "a rule rejects it" in render(found)


def test_a_reset_by_a_rule_is_not_taken_for_a_port_without_a_listener() -> None:
    netns.run_nft(
        "server",
        "table ip t { chain i { type filter hook input priority 0; tcp dport 8080 reject with tcp reset; }; }",
    )
    found = watched(
        knock,
        trace_rules=True,
        enough=lambda all_: bool(all_ and all_[0].resets and all_[0].deciding),
    )
    (one,) = found.attempts
    assert (one.fate, one.by_rule, nothing_listens(one)) == (Fate.RESET, True, False)
    assert "a rule rejects it with a reset" in render(found)
    assert "reject with tcp reset" in render(found)


def test_an_answer_that_is_dropped_on_its_way_out_is_told_as_such() -> None:
    netns.run_nft(
        "server", "table ip t { chain out { type filter hook output priority 0; tcp sport 8080 counter drop; }; }"
    )
    with netns.inside("server"):
        listener = listen()
    with listener:
        found = watched(knock, trace_rules=True, enough=lambda all_: bool(all_ and all_[0].answer_trace))
    (one,) = found.attempts
    assert one.fate is Fate.ANSWER_DROPPED
    assert {drop.reason for drop in one.answer_drops} == (set() if drops_unread() else {"NETFILTER_DROP"})
    assert found.drops_unread == drops_unread()
    assert "by ip t out handle " in render(found)


@pytest.mark.tools
@pytest.mark.parametrize(
    ("tool", "told"),
    [
        ("iptables-nft", "by ip filter INPUT handle "),
        ("iptables-legacy", "iptables-legacy and rules of other namespaces show no trace"),
    ],
)
def test_rules_of_iptables_are_named_where_they_are_nftables_in_truth(tool: str, told: str) -> None:
    words = [tool, "-A", "INPUT", "-p", "tcp", "--dport", "8080", "-j", "REJECT"]
    with netns.inside("server"):
        subprocess.run(words, check=True)
    found = watched(
        knock,
        trace_rules=True,
        enough=lambda all_: fates(Fate.REFUSED)(all_) and bool(all_[0].deciding or tool == "iptables-legacy"),
    )
    (one,) = found.attempts
    assert one.fate is Fate.REFUSED
    assert told in render(found) or (drops_unread() and tool == "iptables-legacy")


# ---- what routing does


def test_the_reverse_path_filter_is_named() -> None:
    with netns.inside("server"):
        for name in ("all", "eth0"):
            Path(f"/proc/sys/net/ipv4/conf/{name}/rp_filter").write_text("1")
    with netns.inside("client"):  # the filter takes no ARP request of a stranger either: ask by the address it knows
        Path("/proc/sys/net/ipv4/conf/eth0/arp_announce").write_text("2")
    found = watched(lambda: knock(source=STRANGER), Fate.DROPPED)
    (one,) = found.attempts
    assert_dropped(found, "IP_RPFILTER")
    assert (one.source, one.by_rule) == (STRANGER, False)
    assert (drops_unread() or "the reverse path filter (rp_filter)") in render(found)


PUBLISHED = """
table ip nat {
    chain prerouting { type nat hook prerouting priority -100; tcp dport 8080 dnat to 10.7.1.9:80; }
}
"""


def test_a_published_port_is_handed_on_and_its_answer_comes_back() -> None:
    netns.run_nft("server", PUBLISHED)
    with netns.inside("inner"):
        listener = listen(80)
    with listener:
        (one,) = watched(knock, Fate.ANSWERED).attempts
    assert one.handed_on is not None
    assert one.fate is Fate.ANSWERED
    assert (one.handed_on.interface, one.handed_on.destination, one.handed_on.port) == ("eth1", INNER, 80)


def test_a_published_port_behind_which_nothing_listens_resets() -> None:
    netns.run_nft("server", PUBLISHED)
    (one,) = watched(knock, Fate.RESET).attempts
    assert (one.fate, one.handed_on is not None) == (Fate.RESET, True)


def test_a_drop_in_forward_of_a_published_port_names_the_rule() -> None:
    """Case 3 of the operators: a stray drop where Docker's rules are."""
    netns.run_nft("server", PUBLISHED)
    netns.run_nft(
        "server", "table ip filter { chain DOCKER { }; chain f { type filter hook forward priority 0; jump DOCKER; }; }"
    )
    netns.run_nft("server", "add rule ip filter DOCKER tcp dport 80 drop")
    found = watched(knock, trace_rules=True, enough=lambda all_: bool(all_ and all_[0].deciding))
    (one,) = found.attempts
    assert (one.fate, one.handed_on) == (Fate.DROPPED, None)
    assert ": tcp dport 80 drop (reached from f handle " in render(found)


def test_a_drop_inside_the_container_is_told_as_one_elsewhere() -> None:
    netns.run_nft("server", PUBLISHED)
    netns.run_nft("inner", "table ip t { chain i { type filter hook input priority 0; tcp dport 80 drop; }; }")
    found = watched(knock, Fate.DROPPED)
    (one,) = found.attempts
    assert one.handed_on is not None
    assert_dropped(found, "NETFILTER_DROP", elsewhere=True, otherwise=Fate.HANDED_ON)
    assert (drops_unread() or "another network namespace") in render(found)


def test_what_was_handed_on_and_is_never_answered_says_where_to_look() -> None:
    netns.run_nft("server", PUBLISHED)
    netns.run_ip("inner", 4, ["route del default", "route add blackhole default"])
    with netns.inside("inner"):
        listener = listen(80)
    with listener:
        found = watched(knock, enough=lambda all_: bool(all_ and all_[0].handed_on))
    (one,) = found.attempts
    assert one.handed_on is not None
    assert f"handed on to {INNER}:80 by eth1" in render(found)


def test_a_syn_that_is_sent_again_is_one_attempt() -> None:
    netns.run_nft("server", DROP)
    found = watched(knock, enough=lambda all_: bool(all_ and len(all_[0].tries) > 1))
    (one,) = found.attempts
    assert len(one.tries) >= 2
    assert one.tries[1] - one.tries[0] > 500_000_000


# ---- the command, and what is left of it


COMMAND = "from pathprobe.commands.host_arrivals import run; run(8080, 'tcp', 600, trace_rules=True)"


def start(home: Path | None = None) -> subprocess.Popen[str]:
    """The command in the server, when it is ready."""
    environment = os.environ | ({"HOME": str(home)} if home else {})
    with netns.inside("server"):
        process = subprocess.Popen(
            [sys.executable, "-c", COMMAND],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert process.stderr is not None
    assert "watching tcp/8080" in process.stderr.readline()
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_watcher_that_is_told_to_end_says_what_it_knows_and_leaves_nothing(
    number: signal.Signals, tmp_path: Path
) -> None:
    process = start(home=tmp_path)
    assert f"pathprobe_trace_{process.pid}" in tables()
    process.send_signal(number)
    out, _ = process.communicate(timeout=LONGEST)
    assert process.returncode == 130
    assert "no packet to tcp/8080 arrived in" in out
    assert tables() == ""
    assert list(tmp_path.iterdir()) == []


def test_of_a_watcher_that_is_killed_no_table_stays() -> None:
    process = start()
    assert f"pathprobe_trace_{process.pid}" in tables()
    holders = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    descriptors = [os.pidfd_open(int(one)) for one in holders]
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    for one in descriptors:
        assert select.select([one], [], [], LONGEST)[0]
        os.close(one)
    assert tables() == ""


def test_a_table_that_a_dead_watcher_left_is_removed_by_the_next() -> None:
    process = start()
    process.kill()
    process.communicate()
    netns.run_nft("server", f"table inet pathprobe_trace_{process.pid} {{ }}; table inet pathprobe_trace_1 {{ }}")
    watched(knock, Fate.RESET, trace_rules=True)
    assert tables() == "table inet pathprobe_trace_1\n"


def test_a_table_without_an_owner_is_removed_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Linux before 5.12, or an nft that knows no owners."""
    monkeypatch.setattr(trace_table, "_hold", lambda *_: None)
    netns.run_nft("server", DROP)
    loaded = []

    def ask() -> socket.socket:
        loaded.append(tables())
        return knock()

    found = watched(ask, trace_rules=True, enough=lambda all_: bool(all_ and all_[0].deciding))
    assert f"pathprobe_trace_{os.getpid()}" in loaded[0]
    assert found.rules_unread == ""
    assert "pathprobe_trace" not in tables()


def test_rules_that_cannot_be_traced_are_told_and_the_rest_is_still_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace_table, "_program", missing_nft)
    found = watched(knock, Fate.RESET, trace_rules=True)
    assert found.attempts[0].fate is Fate.RESET
    assert "the rules were not traced: nft is not installed" in render(found)


def missing_nft() -> str:
    raise trace_table.NoTrace("nft is not installed")


@pytest.mark.parametrize(("word", "patience"), [("list", 0.05), ("-i", 5.0)])
def test_an_nft_that_hangs_keeps_nobody_from_watching(
    word: str, patience: float, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Where only nft -i hangs, the table has no owner, and is removed by hand."""
    hanging_nft(tmp_path, word)
    with monkeypatch.context() as patch:
        patch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
        patch.setattr(trace_table, "_PATIENCE", patience)
        patch.setattr(trace_table, "_TO_HOLD", 0.05)
        found = watched(knock, Fate.RESET, trace_rules=True)
    assert found.attempts[0].fate is Fate.RESET
    if word == "list":
        assert "the rules were not traced: nft does not answer" in render(found)
    else:
        assert found.rules_unread == ""
    assert (found.table_left, tables()) == ("", "")


def hanging_nft(folder: Path, word: str) -> None:
    """An nft that never ends where it is asked this, and says in a pipe that it was."""
    os.mkfifo(folder / "asked")
    real = shutil.which("nft", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    hangs = f'case " $* " in *" {word} "*) echo > {folder}/asked & exec sleep 1000;; esac'
    (folder / "nft").write_text(f'#!/bin/sh\n{hangs}\nexec {real} "$@"\n')
    (folder / "nft").chmod(0o755)


@pytest.mark.parametrize("word", ["list", "-i"])
def test_an_nft_that_hangs_keeps_nobody_from_ending(word: str, tmp_path: Path) -> None:
    hanging_nft(tmp_path, word)
    with netns.inside("server"):
        process = subprocess.Popen(
            [sys.executable, "-c", COMMAND],
            env=os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    (tmp_path / "asked").read_text()
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=LONGEST)
    assert process.returncode == 130
    assert "the rules were not traced: interrupted before nft" in out
    assert tables() == ""


def test_a_disk_that_becomes_full_loses_the_file_and_not_the_answer(tmp_path: Path) -> None:
    path = tmp_path / "server.pcapng"
    limit = "import resource, signal; resource.setrlimit(resource.RLIMIT_FSIZE, (400, 400));"
    command = f"from pathlib import Path; from pathprobe.commands.host_arrivals import run; {limit}"
    with netns.inside("server"):
        process = subprocess.Popen(
            [sys.executable, "-c", f"{command} run(8080, 'tcp', 600, write=Path({str(path)!r}))"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert process.stderr is not None
    assert "watching" in process.stderr.readline()
    with knock() as first, knock() as second:  # refused: the watcher's socket has the SYN and the RST by now
        for one in (first, second):
            select.select([], [one], [], LONGEST)
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=LONGEST)
    assert (process.returncode, error) == (1, f"pathprobe: cannot write {path}: File too large\n")
    assert "2 attempts to tcp/8080" in out
    with open_sightings(path) as sightings:
        assert list(sightings) != []


def test_two_watchers_leave_each_other_out() -> None:
    netns.run_nft(
        "server", "table ip t { chain i { type filter hook input priority 0; tcp dport 8080 counter accept; }; }"
    )
    other = start()
    try:
        found = watched(knock, trace_rules=True, enough=lambda all_: bool(all_ and all_[0].trace and all_[0].resets))
    finally:
        other.terminate()
        out, _ = other.communicate(timeout=LONGEST)
    for text in (render(found), out):
        assert "last rule on its way: ip t i handle " in text
        assert "pathprobe_trace" not in text


def test_the_command_ends_with_its_seconds_and_writes_document_and_capture(tmp_path: Path) -> None:
    path = tmp_path / "server.pcapng"
    command = (
        "from pathlib import Path; from pathprobe.commands.host_arrivals import run;"
        f"run(8080, 'udp', 0.01, write=Path({str(path)!r}), as_json=True)"
    )
    with netns.inside("server"):
        done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 6
    assert done.stderr == "pathprobe: watching udp/8080 for 0.01 s, Ctrl-C ends it\n"
    found = json.loads(done.stdout)
    assert found["capture"] == {"path": str(path), "packets": 0, "error": None}
    assert (found["arrivals"]["complete"], found["arrivals"]["drops_unread"]) == (True, drops_unread() or None)
    with open_sightings(path) as sightings:
        assert list(sightings) == []


def test_one_who_may_not_gets_one_line() -> None:
    done = subprocess.run(
        ["setpriv", "--bounding-set=-all", "--inh-caps=-all", sys.executable, "-c", COMMAND],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "pathprobe: watching what arrives needs CAP_NET_RAW: run it with sudo\n"
