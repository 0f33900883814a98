"""Does a redacted capture give the verdict that the capture gave, and nothing that it shall not?"""

from __future__ import annotations

import dataclasses
import json
import re
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from pathprobe.core.packets import Packet
from pathprobe.core.redaction.pseudonyms import KEY_SIZE, Pseudonyms
from pathprobe.core.redaction.report import redacted
from pathprobe.core.report import Report, Vantage
from pathprobe.engine.diagnose import Options
from pathprobe.engine.exhibits import exhibits
from pathprobe.engine.offline import analyze
from pathprobe.engine.redacted_capture import redacted_capture
from pathprobe.output.json import document
from tests.engine.runs import ask_in_turn, recorder, run
from tests.wire.whole_files import read_whole

CAPTURES = Path(__file__).parents[2] / "captures"

#: Beside the recorded ones: UDP, NAT, boxes that rewrite, flows, sizes, probes that this host kept back.
SIMULATED = (
    "udp-closed-v6",
    "udp-drop-r2",
    "udp-dns-open",
    "udp-other-port-open",
    "udp-snat-r1-open-v6",
    "snat-r1-drop-r2",
    "dnat-closed",
    "mss-r2-drop-r3-v6",
    "flows-r2-drop-r2b",
    "ecmp-r2-drop-r3",
    "local-output-drop",
    "loop-r2",
    "loopback-open",
    "pmtu-blackhole-r2-r3",
)


def pseudonyms() -> Pseudonyms:
    return Pseudonyms(b"k" * KEY_SIZE)


def words(comment: str) -> str:
    return comment and "what was asked"


def conclusions(path: Path, ours: Pseudonyms | None = None) -> Any:
    """What follows from a file, for programs; with pseudonyms if there are any. Lists of routers are sorted as text."""
    vantage = Vantage(hostname=None, interface=None, source=None)
    report = Report(engine="capture", started=0.0, duration=0.0, vantage=vantage, results=analyze(path))
    text = json.dumps(document(redacted(report, ours) if ours else report)["results"])
    return json.loads(re.sub(r"[0-9a-f.:]+(?:, [0-9a-f.:]+)+", lambda found: sorted_list(found.group()), text))


def sorted_list(text: str) -> str:
    return ", ".join(sorted(text.split(", ")))


def assert_same_verdict(octets: bytes, tmp_path: Path) -> None:
    before, after = tmp_path / "before.pcapng", tmp_path / "after.pcapng"
    before.write_bytes(octets)
    after.write_bytes(redacted_capture(octets, pseudonyms(), words))
    assert conclusions(after) == conclusions(before, pseudonyms())


@pytest.mark.parametrize(
    "folder", sorted(path.parent for path in CAPTURES.glob("*/expected.json")), ids=lambda one: one.name
)
def test_a_recorded_capture_gives_its_verdict_when_redacted(folder: Path, tmp_path: Path) -> None:
    assert_same_verdict((folder / "capture.pcapng").read_bytes(), tmp_path)


@pytest.mark.parametrize("name", SIMULATED)
def test_a_simulated_run_gives_its_verdict_when_redacted(name: str, tmp_path: Path) -> None:
    assert_same_verdict(run(name).octets, tmp_path)


@pytest.mark.parametrize("name", ["drop-r2-forward", "udp-drop-r2"])
def test_a_run_that_was_killed_gives_its_verdict_too(name: str, tmp_path: Path) -> None:
    assert_same_verdict(run(name).killed, tmp_path)


def test_several_targets_and_a_payload_of_ones_own_give_theirs(tmp_path: Path) -> None:
    path = tmp_path / "run.pcapng"
    keeper = recorder(path)
    secret = b"the password is swordfish"
    results = ask_in_turn(
        ["udp-closed", "udp-drop-r2", "udp-snat-r1-open"], keeper, options=lambda: Options(payload=secret)
    )
    keeper.finish(tuple(results))
    octets = path.read_bytes()
    assert secret in octets
    assert secret[4:] not in redacted_capture(octets, pseudonyms(), words)
    assert_same_verdict(octets, tmp_path)


@pytest.mark.parametrize("name", ["drop-r2-forward-v6", "udp-snat-r1-open-v6", "local-output-drop"])
def test_no_address_of_the_capture_is_in_it_any_more(name: str) -> None:
    octets = run(name).octets
    after = redacted_capture(octets, pseudonyms(), words)
    addresses = {address for exhibit in exhibits(octets) for address in addresses_of(exhibit.seen.packet)}
    addresses |= set(re.findall(r"asked \w+ (\S+) (\S+)", " ".join(read_whole(octets).notes))[0])
    assert addresses
    for address in addresses:
        assert ip_address(address).packed not in after
        assert address.encode() not in after


def addresses_of(packet: Packet) -> set[str]:
    """Its own and those of what it quotes."""
    quote = getattr(packet.body, "quote", None)
    quoted = {quote.source, quote.destination} if quote else set()
    return {packet.source, packet.destination} | quoted


def test_comments_have_pseudonyms_and_the_head_the_words_that_are_given() -> None:
    octets = run("reset-r2-forward").octets
    before, after = read_whole(octets), read_whole(redacted_capture(octets, pseudonyms(), words))
    assert after.comment == "what was asked"
    assert after.facts.application == before.facts.application
    assert [one.comments for one in after.packets] == [
        tuple(map(pseudonyms().text, one.comments)) for one in before.packets
    ]
    timed = [(one.time_ns, one.interface, one.outgoing, len(one.octets)) for one in before.packets]
    assert [(one.time_ns, one.interface, one.outgoing, len(one.octets)) for one in after.packets] == timed


def test_a_reports_facts_have_pseudonyms_down_to_the_last_text() -> None:
    result = run("snat-r1-drop-r2").result
    ours = pseudonyms()
    vantage = Vantage(hostname="web7.example", interface="eth0", source="10.9.1.9")
    result = dataclasses.replace(result, target=dataclasses.replace(result.target, given="db.example:8080"))
    report = Report(engine="raw", started=0.0, duration=0.0, vantage=vantage, results=(result,))
    text = repr(redacted(report, ours))
    for address in {one.packet.source for one in (exhibit.seen for exhibit in exhibits(run("snat-r1-drop-r2").octets))}:
        assert not re.search(rf"{re.escape(address)}(?!\d)", text)
    assert "example" not in text
    assert "'eth0'" in text
