"""Very many ports of a real network, asked at once."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from pathprobe.core.pacing import UNLIMITED, Pace
from pathprobe.core.pairs import Finding, Pair, PairState
from pathprobe.core.probes import Kind
from pathprobe.engine.sweep import SweepSummary, sweep
from pathprobe.lab import netns
from pathprobe.net.ring import Ring
from tests.engine.wide_network import CLIENT, CLOSED, FAR, OPEN, rules, shaped, wide_network

pytestmark = pytest.mark.lab

FIRST = {4: "10.200.3.0", 6: "fd77::"}


@pytest.fixture(scope="module", autouse=True)
def network() -> Iterator[None]:
    with wide_network():
        yield


def pairs(hosts: int, *ports: int, kind: Kind = Kind.TCP, version: int = 4) -> list[Pair]:
    first = ip_address(FIRST[version])
    return [Pair(kind=kind, address=str(first + host), port=port) for host in range(hosts) for port in ports]


def ask(
    asked: list[Pair], pace: Pace | None = None, queue: int = 4096, wait: float | None = None
) -> tuple[list[Finding], SweepSummary]:
    """Every finding and the summary; as many findings as pairs, each once."""
    findings: list[Finding] = []
    with netns.inside(CLIENT):
        summary = sweep(
            asked, pace or Pace(), on_finding=findings.append, interrupted=threading.Event(), queue=queue, wait=wait
        )
    assert Counter(finding.pair for finding in findings) == Counter(dict.fromkeys(asked, 1))
    return findings, summary


def states(findings: list[Finding]) -> dict[tuple[int, PairState], int]:
    return dict(Counter((finding.pair.port, finding.state) for finding in findings))


@pytest.mark.parametrize("version", [4, 6])
def test_what_listens_is_open_and_what_does_not_is_closed(version: int) -> None:
    findings, summary = ask(pairs(256, OPEN, CLOSED, version=version))
    assert states(findings) == {(OPEN, PairState.OPEN): 256, (CLOSED, PairState.CLOSED): 256}
    assert all(finding.source == finding.pair.address and finding.ttl == 64 for finding in findings)
    assert all(finding.rtt is not None and 0 <= finding.rtt < 1 for finding in findings)
    assert (summary.answered, summary.lost_frames, summary.complete) == (512, 0, True)


def test_udp_ports_are_closed_by_the_target_alone() -> None:
    """In IPv6 Linux says "port unreachable" from an address of its own, which a local route gives it none of."""
    asked = [
        *pairs(64, 53, CLOSED, kind=Kind.UDP),
        *(Pair(kind=Kind.UDP, address=address, port=CLOSED) for address in ("fd09::2", "fd77::1")),
    ]
    findings, _ = ask(asked)
    told = {finding.pair.address: (finding.state, finding.source, finding.message) for finding in findings}
    assert told.pop("fd77::1") == (PairState.REFUSED, "fd09::2", "port unreachable")
    assert told == {address: (PairState.CLOSED, address, None) for address in told}


@pytest.mark.parametrize("version", [4, 6])
def test_echo_is_answered(version: int) -> None:
    findings, _ = ask(pairs(64, 0, kind=Kind.ECHO, version=version))
    assert states(findings) == {(0, PairState.OPEN): 64}


def test_this_host_itself_may_be_asked() -> None:
    findings, _ = ask(
        [Pair(kind=Kind.TCP, address=address, port=CLOSED) for address in ("127.0.0.1", "10.9.9.1", "::1")]
    )
    assert states(findings) == {(CLOSED, PairState.CLOSED): 3}


def test_silence_and_refusal_are_told_apart() -> None:
    with rules(FAR, "tcp dport 81 drop", "tcp dport 82 reject with icmpx type admin-prohibited"):
        findings, summary = ask(pairs(16, OPEN, 81, 82))
    assert states(findings) == {(OPEN, PairState.OPEN): 16, (81, PairState.SILENT): 16, (82, PairState.REFUSED): 16}
    refused = next(finding for finding in findings if finding.state is PairState.REFUSED)
    assert (refused.source, refused.message) == (refused.pair.address, "communication administratively prohibited")
    assert summary.retried >= 32, "silence was asked twice more"


def test_loss_makes_nobody_silent() -> None:
    with rules(FAR, "tcp flags syn ip daddr . tcp dport != @seen add @seen { ip daddr . tcp dport } drop"):
        findings, summary = ask(pairs(256, OPEN, CLOSED))
    assert states(findings) == {(OPEN, PairState.OPEN): 256, (CLOSED, PairState.CLOSED): 256}
    assert summary.retried >= 512, "the first SYN to each was lost"


def test_what_our_own_queue_loses_is_counted_and_asked_again() -> None:
    asked = pairs(256, OPEN, CLOSED)
    findings, summary = ask(asked, Pace(rate=UNLIMITED), queue=16)
    paced, _ = ask(asked)
    assert summary.lost_frames > 0
    assert summary.retried > 0
    assert {finding.pair: finding.state for finding in findings} == {finding.pair: finding.state for finding in paced}


def test_what_the_devices_own_queue_refuses_is_not_lost() -> None:
    """A shaper drops what it has no room for; the kernel says so when it is asked to."""
    with shaped():
        findings, summary = ask(pairs(64, OPEN, CLOSED), Pace(rate=UNLIMITED), wait=1.0)
    assert states(findings) == {(OPEN, PairState.OPEN): 64, (CLOSED, PairState.CLOSED): 64}
    assert summary.retried == 0


def test_who_has_no_route_is_not_sent_and_the_rest_goes_on() -> None:
    findings, summary = ask([Pair(kind=Kind.TCP, address="99.1.1.1", port=1), *pairs(1, OPEN)])
    assert {(finding.state, finding.message) for finding in findings} == {
        (PairState.NOT_SENT, "ENETUNREACH"),
        (PairState.OPEN, None),
    }
    assert (summary.sent, summary.not_sent) == (1, 1)


def test_what_this_hosts_own_rule_stops_is_not_sent() -> None:
    with rules(CLIENT, "tcp dport 81 drop", hook="output"):
        findings, _ = ask(pairs(2, OPEN, 81))
    assert states(findings) == {(OPEN, PairState.OPEN): 2, (81, PairState.NOT_SENT): 2}
    assert {finding.message for finding in findings} == {None, "EPERM"}


def test_targets_that_answer_over_and_over_change_nothing() -> None:
    """Without this host's resets they send each SYN-ACK again, here while the closed ports are waited for."""
    with rules(CLIENT, "tcp flags rst drop", hook="output"), rules(FAR, "tcp dport 81 drop"):
        findings, _ = ask(pairs(64, OPEN, 81), wait=0.5)
    assert states(findings) == {(OPEN, PairState.OPEN): 64, (81, PairState.SILENT): 64}


def test_what_one_look_brought_is_told_before_the_next() -> None:
    """Who prints findings does so in between: a rest may be long, and nothing waits for its end."""
    findings: list[Finding] = []
    told: list[int] = []
    with netns.inside(CLIENT):
        sweep(
            pairs(64, OPEN, CLOSED),
            Pace(),
            on_finding=findings.append,
            interrupted=threading.Event(),
            after_look=lambda: told.append(len(findings)),
        )
    assert told == sorted(told)
    assert told[-1] == len(findings) == 128
    assert len(set(told)) > 2


def test_nobody_waits_any_more_when_all_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    findings: list[Finding] = []
    known_at_rests: list[int] = []
    wait = Ring.wait

    def watched(self: Ring, seconds: float) -> None:
        known_at_rests.append(len(findings))
        wait(self, seconds)

    monkeypatch.setattr(Ring, "wait", watched)
    with rules(FAR, "tcp dport 81 drop"), netns.inside(CLIENT):
        sweep(pairs(4, OPEN, 81), Pace(), on_finding=findings.append, interrupted=threading.Event())
    assert len(findings) == 8
    assert known_at_rests
    assert max(known_at_rests) < 8


def test_an_interruption_ends_it_and_what_was_known_was_told() -> None:
    findings: list[Finding] = []

    class AfterTen:
        def is_set(self) -> bool:
            return len(findings) >= 10

    with netns.inside(CLIENT):
        summary = sweep(pairs(256, OPEN, CLOSED), Pace(), on_finding=findings.append, interrupted=AfterTen())
    assert 10 <= len(findings) < 512
    assert (summary.answered, summary.complete) == (len(findings), False)


def test_who_is_interrupted_while_reading_the_pairs_asks_nobody() -> None:
    findings: list[Finding] = []
    interrupted = threading.Event()

    def asked() -> Iterator[Pair]:
        yield from pairs(1, OPEN)
        interrupted.set()
        yield from pairs(1, CLOSED)

    with netns.inside(CLIENT):
        summary = sweep(asked(), Pace(), on_finding=findings.append, interrupted=interrupted)
    assert (findings, summary.sent, summary.complete) == ([], 0, False)


def test_a_pair_that_is_given_twice_is_asked_once() -> None:
    once = pairs(1, OPEN)
    findings: list[Finding] = []
    with netns.inside(CLIENT):
        summary = sweep(once * 3, Pace(), on_finding=findings.append, interrupted=threading.Event())
    assert (len(findings), summary.sent, summary.pairs) == (1, 1, 1)
