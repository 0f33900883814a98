"""By which interface packets left and came is a fact, and what this host says of itself adds reasons alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pathprobe.core.evidence import Observation
from pathprobe.core.host_facts import HostFacts
from pathprobe.core.ledger import Ledger
from pathprobe.core.outcomes import Ended
from pathprobe.core.probes import FULL_TTL
from pathprobe.core.report import Claim, Mechanism, State, Target, Where
from pathprobe.core.results import result_of, suspects_this_host, with_host_facts
from pathprobe.core.verdict import conclude
from tests.core.factories import (
    THERE,
    answered,
    claims,
    clear_echo,
    departure,
    echo,
    evidence,
    expired,
    not_seen,
    ping,
    probe,
    refused_by_kernel,
    silent,
    steps,
    syn,
    syn_ack,
    unreachable,
)

FULL = FULL_TTL
TARGET = Target(given=THERE, address=THERE, port=8080, protocol="tcp")


def asked(*interfaces: str, came_by: tuple[str, ...] = ()) -> Observation:
    """A SYN that left by these interfaces, one below the other, and its answer."""
    ledger = Ledger(THERE)
    one = probe()
    ledger.sent(one, 0.0)
    for name in interfaces:
        ledger.read(departure(one), 0.0, name)
    for name in came_by:
        ledger.read(syn_ack(one), 0.01, name)
    return ledger.observations(0.02)[0]


@pytest.mark.parametrize(
    ("left_by", "came_by", "strayed"),
    [
        (("eth0",), ("eth0",), False),
        (("eth0",), ("eth1",), True),
        (("vlan5", "eth0"), ("eth0", "vlan5"), False),
        (("vlan5", "eth0"), ("eth1",), True),
        ((), ("eth1",), False),
        (("eth0",), (), False),
    ],
)
def test_an_answer_strays_if_it_shares_no_interface_with_its_probe(
    left_by: tuple[str, ...], came_by: tuple[str, ...], strayed: bool
) -> None:
    seen = asked(*left_by, came_by=came_by)
    assert (seen.left_by, seen.came_by, seen.strayed) == (left_by, came_by, strayed)


def test_a_probe_that_is_seen_again_with_a_smaller_ttl_came_back() -> None:
    ledger = Ledger(THERE)
    one = probe(ttl=FULL)
    ledger.sent(one, 0.0)
    ledger.read(departure(one), 0.0, "vlan5")
    ledger.read(departure(one), 0.0, "eth0")
    assert not ledger.observations(0.1)[0].returned
    ledger.read(replace(departure(one), ttl=FULL - 1), 0.01, "eth1")
    seen = ledger.observations(0.1)[0]
    assert seen.returned
    assert seen.left_by == ("vlan5", "eth0")


def test_a_probe_whose_ttl_this_host_lowers_itself_did_not_come_back() -> None:
    ledger = Ledger(THERE)
    one = probe(ttl=FULL)
    ledger.sent(one, 0.0)
    ledger.read(replace(departure(one), ttl=FULL - 9), 0.0, "eth0")
    assert not ledger.observations(0.1)[0].returned


def strayed(seen: Observation) -> Observation:
    return replace(seen, left_by=("eth0",), came_by=("eth1",))


def test_an_answer_that_is_not_heard_and_came_in_elsewhere_is_told_so() -> None:
    seen = strayed(replace(syn(FULL, answered()), ended=Ended.BY_US))
    given = conclude(evidence(seen, *steps(syn, 3), *clear_echo()))
    assert (given.state, given.location.where) == (State.FILTERED, Where.LOCAL)
    assert claims(given)[-2:] == [Claim.DEAF, Claim.OTHER_INTERFACE]
    assert (given.reasons[-1].facts["left"], given.reasons[-1].facts["came"]) == ("eth0", "eth1")


def test_an_answer_that_this_hosts_tcp_heard_may_come_in_anywhere() -> None:
    given = conclude(evidence(strayed(syn(FULL, answered())), *steps(syn, 3), *clear_echo()))
    assert Claim.OTHER_INTERFACE not in claims(given)


def test_an_echo_reply_that_came_in_elsewhere_is_told_so_for_nobody_sees_whether_it_is_heard() -> None:
    given = conclude(evidence(strayed(ping(FULL, answered())), *steps(ping, 3), ping(4, answered())))
    assert given.state is State.OPEN
    assert Claim.OTHER_INTERFACE in claims(given)


@pytest.mark.parametrize("own", ["127.0.0.1", "10.9.1.9"])
def test_what_this_hosts_kernel_tells_itself_is_local_under_whatever_address(own: str) -> None:
    given = conclude(evidence(syn(FULL, unreachable(own)), source="0.0.0.0" if own == "127.0.0.1" else own))
    assert (given.mechanism, given.location.where) == (Mechanism.NO_ROUTE, Where.LOCAL)
    assert given.location.device is None
    assert claims(given) == [Claim.GAVE_UP, *([Claim.NO_ADDRESS] if own == "127.0.0.1" else [])]


FULL_TABLE = HostFacts(interface="eth0", up=True, running=True, conntrack_count=65536, conntrack_max=65536)


@pytest.mark.parametrize(
    ("host", "told"),
    [
        (FULL_TABLE, [Claim.TABLE_FULL]),
        (replace(FULL_TABLE, conntrack_count=65000), [Claim.TABLE_FULL]),
        (replace(FULL_TABLE, conntrack_count=400), []),
        (replace(FULL_TABLE, conntrack_max=0), []),
        (HostFacts(), []),
        (HostFacts(interface="eth0", up=False, running=False), [Claim.LINK_OFF]),
        (HostFacts(interface="eth0", up=True, running=False), [Claim.NO_CARRIER]),
        (HostFacts(arrival="eth1", rp_filter=1), [Claim.REVERSE_PATH]),
        (HostFacts(arrival="eth1", rp_filter=2), []),
    ],
)
def test_what_this_host_says_of_itself_adds_reasons_and_changes_no_verdict(host: HostFacts, told: list[Claim]) -> None:
    seen = evidence(syn(FULL, refused_by_kernel()), *clear_echo())
    before = result_of(TARGET, seen, started=0.0, duration=0.0)
    after = with_host_facts(before, host)
    assert claims(after.verdict) == [*claims(before.verdict), *told]
    assert replace(after.verdict, reasons=()) == replace(before.verdict, reasons=())
    assert (before.host, after.host) == (None, host)


@pytest.mark.parametrize(
    ("seen", "suspect"),
    [
        ([syn(FULL, refused_by_kernel())], True),
        ([syn(FULL, not_seen()), echo(FULL, not_seen())], True),
        ([strayed(ping(FULL, answered()))], True),
        ([syn(FULL, answered()), *clear_echo()], False),
        ([syn(FULL, silent()), syn(1, expired()), *clear_echo()], False),
    ],
)
def test_this_host_is_asked_only_where_it_is_suspected(seen: list[Observation], suspect: bool) -> None:
    assert suspects_this_host(result_of(TARGET, evidence(*seen), started=0.0, duration=0.0)) is suspect
