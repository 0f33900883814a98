from __future__ import annotations

import pytest

from pathprobe.layers.listening import ss
from pathprobe.layers.listening.cgroup import Unit
from pathprobe.layers.listening.facts import Socket, State
from tests.layers.listening.factories import recorded


def parsed(name: str, version: int) -> dict[tuple[str, int, State], Socket]:
    sockets = ss.parse(recorded(name), version=version, source="ss")
    return {(one.protocol, one.port, one.state): one for one in sockets}


def listening(name: str, version: int, port: int, protocol: str = "tcp") -> Socket:
    state = State.LISTENING if protocol == "tcp" else State.UNCONNECTED
    return parsed(name, version)[protocol, port, state]


def test_a_line_of_iproute2_6_says_all_of_a_listener() -> None:
    socket = listening("ss-6.1-serving-v4.txt", 4, 8080)
    assert (socket.address, socket.device, socket.v6only) == ("127.0.0.1", None, None)
    assert (socket.queued, socket.room, socket.drops) == (0, 5, 0)
    assert (socket.inode, socket.uid) == (563402, 0)
    assert socket.seen.text.startswith("tcp LISTEN 0 5 127.0.0.1:8080 0.0.0.0:* users:")
    assert socket.seen.ref == "inode 563402"


def test_a_full_accept_queue_and_its_drops_are_read() -> None:
    socket = listening("ss-6.1-serving-v4.txt", 4, 8082)
    assert (socket.queued, socket.room, socket.drops, socket.is_full) == (2, 1, 2, True)


def test_a_full_receive_queue_and_its_drops_are_read() -> None:
    socket = listening("ss-6.1-serving-v4.txt", 4, 5300, "udp")
    assert (socket.queued, socket.room, socket.drops, socket.is_full) == (212992, 212992, 344, True)


@pytest.mark.parametrize(
    ("port", "address", "v6only", "takes_v4"),
    [
        (8081, "::", False, True),
        (8082, "::", True, False),
        (8083, "::1", True, False),
        (8084, "127.0.0.1", False, True),
    ],
)
def test_ipv6_sockets_say_whether_they_take_ipv4(port: int, address: str, v6only: bool, takes_v4: bool) -> None:
    socket = listening("ss-6.1-serving-v6.txt", 6, port)
    assert (socket.version, socket.address, socket.v6only, socket.takes_v4) == (6, address, v6only, takes_v4)


def test_a_socket_bound_to_an_interface_names_it() -> None:
    socket = listening("ss-6.1-serving-v4.txt", 4, 8085)
    assert (socket.address, socket.device, socket.is_loopback) == ("0.0.0.0", "lo", True)


def test_other_states_are_told_apart() -> None:
    sockets = ss.parse(recorded("ss-6.1-all-v4.txt"), version=4, source="ss")
    states = [(one.state, one.port) for one in sockets if not one.serves]
    assert states.count((State.CONNECTED, 8082)) == 2
    assert (State.TIME_WAIT, 8086) in states
    assert {state for state, _ in states} == {State.CONNECTED, State.TIME_WAIT, State.OTHER}
    waiting = next(one for one in sockets if one.state is State.TIME_WAIT)
    assert (waiting.peer, waiting.inode) == ("127.0.0.1:44792", 0)


def test_rhel7_prints_a_star_for_ipv4_and_brackets_for_ipv6() -> None:
    four = listening("ss-4.11-rhel7-v4.txt", 4, 4881)
    six = listening("ss-4.11-rhel7-v6.txt", 6, 4881)
    assert (four.address, four.inode, four.drops) == ("0.0.0.0", 94802, 17)
    assert (six.address, six.v6only) == ("::", True)


def test_iproute2_3_has_no_brackets() -> None:
    four = listening("ss-3.x-v4.txt", 4, 3306)
    six = listening("ss-3.x-v6.txt", 6, 22)
    assert (four.address, four.inode, four.uid) == ("127.0.0.1", 14021, 27)
    assert (six.address, six.inode, six.v6only, six.takes_v4) == ("::", 9812, None, None)
    assert listening("ss-3.x-v6.txt", 6, 323, "udp").address == "::1"


def test_without_root_user_and_control_group_are_left() -> None:
    own = listening("ss-5.10-systemd-v6.txt", 6, 7718)
    assert (own.uid, own.home) == (1002, Unit(name="shop.service", user=1002))
    activated = listening("ss-5.10-systemd-v6.txt", 6, 9090)
    assert (activated.home, activated.is_systemds) == (Unit(name="cockpit.socket"), True)
    link = listening("ss-5.10-systemd-v6.txt", 6, 546, "udp")
    assert (link.address, link.device) == ("fe80::ea:dff:fee6:2a7c", "eth0")


GLUED = (
    'tcp LISTEN 0 128 0.0.0.0:80 0.0.0.0:*users:(("tmux: server",pid=5,fd=3),("a\\"b),(c",pid=6,fd=3)) ino:9 sk:1 <->'
)


def test_a_glued_column_and_odd_process_names_are_read() -> None:
    (socket,) = ss.parse(GLUED, version=4, source="ss")
    assert (socket.port, socket.inode) == (80, 9)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Cannot open netlink socket: Permission denied",
        "tcp LISTEN x y 0.0.0.0:80 0.0.0.0:*",
        "tcp LISTEN 0 128 0.0.0.0:http 0.0.0.0:*",
        "tcp LISTEN 0 128 nowhere:80 0.0.0.0:*",
        "tcp LISTEN 0",
        "sctp LISTEN 0 128 0.0.0.0:80 0.0.0.0:*",
        "\t skmem:(r0,rb131072)",
    ],
)
def test_lines_that_make_no_sense_are_left_out(text: str) -> None:
    assert ss.parse(text, version=4, source="ss") == ()
