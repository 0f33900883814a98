"""Does a capture of anybody's become evidence: its packets that count, with comments, and no others?"""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.utils import PcapWriter

from pathprobe.commands.live import WORDS
from pathprobe.core.redaction.pseudonyms import KEY_SIZE, Pseudonyms
from pathprobe.core.report import Report
from pathprobe.engine.excerpt import evidence_of
from pathprobe.engine.redacted_capture import redacted_capture
from pathprobe.output.comments import section_comment
from tests.engine.runs import run
from tests.output.reports import report
from tests.wire.whole_files import read_whole

NAME = "reset-r2-forward"

#: Said here, or scapy asks the network for them (ARP) and waits.
MACS = {"src": "02:00:00:00:00:01", "dst": "02:00:00:00:00:02"}


def by_tcpdump(path: Path) -> Report:
    """The run as tcpdump would have it on Ethernet, between packets of others, and its report with those numbers."""
    numbers, result = {}, run(NAME).result
    with PcapWriter(str(path), linktype=1) as writer:
        for packet in read_whole(run(NAME).octets).packets:
            stranger = Ether(**MACS) / IP(src="192.0.2.1", dst="192.0.2.2") / UDP()
            for frame in (bytes(stranger), bytes(Ether(**MACS, type=0x0800)) + packet.octets):
                writer.write(frame)
            numbers[packet.number] = 2 * packet.number
    frames = {probe: tuple(numbers[one] for one in ours) for probe, ours in result.frames.items()}
    return report(replace(result, frames=frames), engine="capture")


def test_a_capture_of_ours_is_evidence_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "c.pcapng"
    path.write_bytes(run(NAME).octets)
    said = report(run(NAME).result)
    assert evidence_of(path, said, WORDS) == (said, run(NAME).octets)


def test_of_anybody_elses_the_packets_that_count_are_taken_and_commented(tmp_path: Path) -> None:
    said, octets = evidence_of(path := tmp_path / "c.pcap", by_tcpdump(path), WORDS)
    before, after = read_whole(run(NAME).octets), read_whole(octets)
    assert [one.octets for one in after.packets] == [one.octets for one in before.packets]
    assert [one.outgoing for one in after.packets] == [one.outgoing for one in before.packets]
    assert [one.comments for one in after.packets] == [one.comments for one in before.packets]
    assert after.comment == section_comment(run(NAME).result)
    assert said.results[0].frames == run(NAME).result.frames


def test_what_was_compressed_keeps_its_notes(tmp_path: Path) -> None:
    path = tmp_path / "c.gz"
    path.write_bytes(gzip.compress(run(NAME).octets))
    _, octets = evidence_of(path, report(run(NAME).result), WORDS)
    before, after = read_whole(run(NAME).octets), read_whole(octets)
    assert (after.comment, after.notes, after.ended_ns) == (before.comment, before.notes, before.ended_ns)
    assert [one.octets for one in after.packets] == [one.octets for one in before.packets]


def test_an_excerpt_can_be_redacted(tmp_path: Path) -> None:
    _, octets = evidence_of(path := tmp_path / "c.pcap", by_tcpdump(path), WORDS)
    after = read_whole(redacted_capture(octets, Pseudonyms(b"k" * KEY_SIZE), str))
    assert len(after.packets) == len(read_whole(octets).packets)
    assert after.ended_ns == read_whole(octets).ended_ns
    assert "10.0.0.5" not in " ".join(one.comments[0] for one in after.packets)
