"""Do two captures become evidence: each packet told with its fate, and what is between others left out?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pathprobe.commands.live import WORDS
from pathprobe.core.ends.running import Running
from pathprobe.core.report import Report
from pathprobe.engine.two_ended import analyze
from pathprobe.engine.two_excerpts import evidence_of_both
from tests.core.ends.two_ends import CLIENT, RST, SECOND, SERVER, Network, answer_to, syn, tcp
from tests.engine.test_two_ended import files, lost_answer
from tests.output.reports import report
from tests.wire.whole_files import read_whole


def evidence_of(network: Network, folder: Path) -> tuple[Report, bytes, bytes]:
    client, server = files(network, folder)
    said = report(*analyze(client, server).results, capture_path=str(client), server_capture_path=str(server))
    return evidence_of_both(client, server, said, WORDS)


def comments(octets: bytes) -> list[str]:
    return [comment for packet in read_whole(octets).packets for comment in packet.comments]


def between_strangers(network: Network, count: int) -> None:
    """The server talks with somebody else, which the client's capture does not see."""
    for number in range(count):
        stranger = tcp(RST, source="192.0.2.1", destination=SERVER, ports=(5, 6), identification=500 + number)
        network.server.append(replace(network.server[0], number=len(network.server) + 1, packet=stranger))


def test_each_end_says_which_packet_it_is_at_the_other_or_that_it_never_came(tmp_path: Path) -> None:
    _, client, server = evidence_of(lost_answer(), tmp_path)
    assert [text.rpartition("; ")[2] for text in comments(client)] == [
        "arrived as frame 1 at the server",
        "arrived as frame 3 at the server",
        "arrived as frame 5 at the server",
    ]
    assert comments(server)[:2] == [
        "probe 1 of the client (SYN to tcp/8080): arrived here, frame 1 at the client",
        "answer to probe 1 of the client (SYN to tcp/8080): sent here, never came to the client",
    ]


def test_what_the_server_never_got_or_never_sent_is_told_at_the_client(tmp_path: Path) -> None:
    network = Network()
    network.handshake(ports=(40000, 22), sequence=1)
    network.seen_by_client(answer_to(network.there(syn(identification=2), lost=True), RST, ttl=63))
    network.handshake(ports=(40002, 22), sequence=2, identification=3)
    _, client, server = evidence_of(network, tmp_path)
    told = comments(client)
    assert len([one for one in told if one.endswith("; never arrived at the server")]) == 1
    assert len([one for one in told if one.endswith("; the server never sent it")]) == 1
    assert (
        comments(server)[1]
        == "answer to probe 1 of the client (SYN to tcp/22): sent here, came to the client as its frame 2"
    )


def test_frames_have_the_numbers_of_the_evidence_and_strangers_are_left_out(tmp_path: Path) -> None:
    network = lost_answer()
    between_strangers(network, 3)
    said, client, server = evidence_of(network, tmp_path)
    assert {len(read_whole(client).packets), len(read_whole(server).packets)} == {3, 6}
    ends = said.results[0].both_ends
    assert ends is not None
    assert said.results[0].frames == {1: (1,), 2: (2,), 3: (3,)}
    assert ends.server_frames == {1: (1,), 2: (3,), 3: (5,)}
    assert b"\xc0\x00\x02\x01" not in server  # 192.0.2.1


def test_that_the_servers_capture_ran_is_still_known_without_the_packets_of_strangers(tmp_path: Path) -> None:
    network = Network()
    stranger = tcp(RST, source="192.0.2.1", destination=CLIENT, ports=(5, 6), identification=1)
    network.there(syn(ports=(40000, 22)))
    first = network.server.pop()
    network.client.clear()
    for number in range(4):
        network.there(syn(identification=50 + number), lost=True)
        network.wait(1)
    for number in range(9):
        time = first.time_ns - SECOND + number * SECOND
        network.server.append(replace(first, number=number + 1, time_ns=time, packet=stranger))
    said, client, server = evidence_of(network, tmp_path)
    before = said.results[0].both_ends
    for name, octets in (("a", client), ("b", server)):
        (tmp_path / name).write_bytes(octets)
    (again,) = analyze(tmp_path / "a", tmp_path / "b").results
    assert before is not None
    assert again.both_ends is not None
    assert read_whole(server).packets == ()
    assert (before.running, again.both_ends.running) == (Running.ASSUMED, Running.ASSUMED)
    assert again.verdict == said.results[0].verdict
