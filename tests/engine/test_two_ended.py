"""Are two capture files read as the two ends of one conversation, or is it said why not?"""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from pathprobe.core.ends.fate import Fate
from pathprobe.core.packets import Packet
from pathprobe.core.report import Where
from pathprobe.core.sightings import Sighting
from pathprobe.engine.two_ended import NothingInCommon, analyze
from pathprobe.wire.captures import NotACapture
from pathprobe.wire.pcapng import Writer
from tests.core.ends.two_ends import CLIENT, SECOND, Network, answer_to, syn


def octets_of(packet: Packet) -> bytes:
    """The IPv4 datagram; nobody checks its checksums."""
    addresses = b"".join(bytes(map(int, address.split("."))) for address in (packet.source, packet.destination))
    head = struct.pack("!BBHHHBBH", 0x45, 0, packet.total_length, packet.identification or 0, 0, packet.ttl, 6, 0)
    return head + addresses + packet.transport


def written(path: Path, seen: list[Sighting]) -> Path:
    with path.open("wb") as stream:
        writer = Writer(stream)
        writer.interface("eth0")
        for one in seen:
            writer.packet(one.time_ns, octets_of(one.packet), interface="eth0", outgoing=bool(one.outgoing))
    return path


def files(network: Network, folder: Path) -> tuple[Path, Path]:
    return written(folder / "client.pcapng", network.client), written(folder / "server.pcapng", network.server)


def lost_answer() -> Network:
    network = Network(offset=-9000 * SECOND)
    for number in range(3):
        arrived = network.there(syn(identification=1 + number))
        network.home(answer_to(arrived), lost=True)
        network.wait(1)
    return network


def test_files_say_what_the_packets_in_them_say(tmp_path: Path) -> None:
    (result,) = analyze(*files(lost_answer(), tmp_path)).results
    assert result.both_ends is not None
    assert (result.both_ends.fate, result.both_ends.answers) == (Fate.ANSWER_LOST, 3)
    assert result.frames == {1: (1,), 2: (2,), 3: (3,)}
    assert result.both_ends.server_frames == {1: (1,), 2: (3,), 3: (5,)}


def test_the_order_of_the_files_does_not_matter_and_is_told(tmp_path: Path) -> None:
    client, server = files(lost_answer(), tmp_path)
    right, swapped = analyze(client, server), analyze(server, client)
    assert (right.swapped, swapped.swapped) == (False, True)
    assert [one.verdict for one in right.results] == [one.verdict for one in swapped.results]


def test_an_empty_first_file_is_the_servers(tmp_path: Path) -> None:
    network = Network()
    network.there(syn(), lost=True)
    client, server = files(network, tmp_path)
    found = analyze(server, client)
    assert found.swapped
    assert found.results[0].verdict.location.where is Where.UNKNOWN


def test_files_of_different_times_have_nothing_in_common(tmp_path: Path) -> None:
    network, later = Network(), Network()
    network.there(syn(), lost=True)
    later.wait(3600)
    later.there(syn(sequence=5, clock=9, identification=8, ports=(50000, 22)))
    network.server = later.server
    with pytest.raises(NothingInCommon, match="different times"):
        analyze(*files(network, tmp_path))


def test_files_of_other_hosts_have_nothing_in_common(tmp_path: Path) -> None:
    network = Network()
    network.there(syn(), lost=True)
    network.there(syn(source="198.51.100.1", destination="198.51.100.2", sequence=5, clock=9, identification=8))
    network.client = [one for one in network.client if one.packet.source == CLIENT]
    network.wait(-0.02)
    network.seen_by_server(syn(source="198.51.100.1", destination="198.51.100.2", sequence=5, clock=9))
    with pytest.raises(NothingInCommon, match="no packet and no address"):
        analyze(*files(network, tmp_path))


def test_a_client_that_asked_nothing_is_told(tmp_path: Path) -> None:
    client, server = files(Network(), tmp_path)
    with pytest.raises(NothingInCommon, match=r"client\.pcapng: it holds no TCP"):
        analyze(client, server)


def test_a_file_that_is_no_capture_is_named(tmp_path: Path) -> None:
    client, server = files(lost_answer(), tmp_path)
    server.write_bytes(b"no capture at all")
    with pytest.raises(NotACapture, match=r"server\.pcapng"):
        analyze(client, server)


def test_a_file_that_is_cut_makes_the_answer_incomplete(tmp_path: Path) -> None:
    client, server = files(lost_answer(), tmp_path)
    server.write_bytes(server.read_bytes()[:-10])
    (result,) = analyze(client, server).results
    assert not result.complete


def test_captures_of_answers_alone_hold_no_question(tmp_path: Path) -> None:
    network = Network()
    network.handshake()
    network.client = [one for one in network.client if not one.outgoing]
    network.server = [one for one in network.server if one.outgoing]
    with pytest.raises(NothingInCommon, match="asked nothing"):
        analyze(*files(network, tmp_path))
