from __future__ import annotations

import pytest

from pathprobe.layers.listening import proc_net
from pathprobe.layers.listening.facts import Socket, State
from tests.layers.listening.factories import recorded


def parsed(name: str, port: int | None = None) -> tuple[Socket, ...]:
    version = 6 if name.endswith("6") else 4
    text = recorded(f"proc-net-{name}.txt")
    return proc_net.parse(text, protocol=name[:3], version=version, port=port, source=f"/proc/net/{name}")


def test_a_listener_is_read_with_its_queue_and_inode() -> None:
    (socket,) = [one for one in parsed("tcp", 8082) if one.serves]
    assert (socket.address, socket.state, socket.queued, socket.room) == ("0.0.0.0", State.LISTENING, 2, None)
    assert (socket.inode, socket.uid, socket.is_full) == (563405, 0, False)


def test_ipv6_addresses_are_read_in_words_of_32_bits() -> None:
    places = {(one.address, one.port) for one in parsed("tcp6")}
    assert places == {("::", 8081), ("::", 8082), ("::1", 8083), ("127.0.0.1", 8084)}
    assert all(one.takes_v4 is None for one in parsed("tcp6", 8082))


def test_udp_sockets_count_what_they_dropped() -> None:
    (server,) = parsed("udp", 5300)
    assert (server.state, server.drops, server.queued) == (State.UNCONNECTED, 344, 212992)
    (client,) = [one for one in parsed("udp") if not one.serves]
    assert (client.state, client.peer) == (State.CONNECTED, "127.0.0.1:5300")


def test_only_the_port_asked_for_is_kept() -> None:
    assert {one.port for one in parsed("tcp", 8080)} == {8080}
    assert parsed("tcp", 80) == ()
    waiting = [one for one in parsed("tcp", 8086) if one.state is State.TIME_WAIT]
    assert len(waiting) == 1


@pytest.mark.parametrize(
    "line", ["", "0: x", "0: zz:1F90 0:0 0A 0:0 0:0 0 0 0 7 1", "0: 0100007F:1F90 0:0 0A q 0 0 0 0 x 1"]
)
def test_lines_that_make_no_sense_are_left_out(line: str) -> None:
    assert proc_net.parse(f"head\n{line}\n", protocol="tcp", version=4, port=8080, source="x") == ()
