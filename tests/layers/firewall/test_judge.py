"""What the outcomes of a port's packets say together, in words, with a status."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pathprobe.core.layers import Layer, Status
from pathprobe.layers.firewall.cases import questions
from pathprobe.layers.firewall.judge import Landing, cases, judge, landing
from pathprobe.layers.firewall.model import (
    Chain,
    Compare,
    End,
    Ending,
    Family,
    Field,
    Hook,
    Named,
    Nat,
    Opaque,
    Ruleset,
    Translate,
)
from pathprobe.layers.firewall.owners import Owners
from pathprobe.layers.network import Address, Interface, Network
from tests.layers.firewall.factories import (
    ACCEPT,
    DROP,
    GUESS,
    chain,
    hooked,
    machine,
    nat,
    number,
    port,
    routes,
    ruleset,
    source,
)

OFTEN = Opaque(text="limit rate over 3/second", at_first=False)
SELDOM = Opaque(text="limit rate 3/second", at_first=True)
IPV6 = Compare(field=Field.VERSION, ranges=((6, 6),))
HANDED = End(ending=Ending.HANDED, detail="queue to 1")


def judged(rules: Ruleset, here: Network | None = None, *, unseen: tuple[str, ...] = ()) -> Layer:
    here = here or machine()
    found = cases(rules, here, questions(here, protocol="tcp", port=80))
    return judge(found, Owners(), port=80, protocol="tcp", unseen=unseen)


def over_ipv4(*chains: Chain) -> Layer:
    """Of a machine that has no IPv6."""
    here = machine()
    bare = tuple(
        replace(one, addresses=tuple(address for address in one.addresses if address.version == 4))
        for one in here.interfaces
    )
    return judged(ruleset(*chains), replace(here, interfaces=bare))


@pytest.mark.parametrize(
    ("rules", "status", "words"),
    [
        ((), Status.PASS, "let in by the policy of inet filter in"),
        (((port(80), ACCEPT),), Status.PASS, 'let in by "in 1" (inet filter in handle 11)'),
        (((DROP,),), Status.FAIL, 'dropped by "in 1" (inet filter in handle 11)'),
        (((source("10.0.0.0/8"), DROP),), Status.WARN, 'but 10.0.0.0/8 is dropped by "in 1"'),
        (((source("10.0.0.0/8"), ACCEPT), (DROP,)), Status.UNKNOWN, "depends on who asks: 10.0.0.0/8 is let in by"),
        (((GUESS, DROP),), Status.UNKNOWN, 'depends on "bpf sixteen" in "in 1"'),
        (((GUESS, DROP), (DROP,)), Status.FAIL, "dropped by"),
        (((SELDOM, ACCEPT), (DROP,)), Status.PASS, 'dropped by "in 2" (inet filter in handle 12) once the limit'),
        (((OFTEN, DROP),), Status.PASS, 'dropped by "in 1" (inet filter in handle 11) once the limit'),
        (((OFTEN, ACCEPT), (DROP,)), Status.FAIL, 'dropped by "in 2"'),
        (((HANDED,),), Status.UNKNOWN, "and decided elsewhere (queue to 1)"),
    ],
)
def test_the_row_says_what_becomes_of_packets_and_by_which_rule(
    rules: tuple[tuple[Compare, ...], ...], status: Status, words: str
) -> None:
    row = over_ipv4(chain("in", *rules, base=hooked()))
    assert row.status is status
    assert words in row.summary


def test_without_rules_nothing_is_against_it() -> None:
    row = judged(Ruleset())
    assert (row.status, row.summary) == (Status.PASS, "no rule is against it")
    here = machine()
    found = cases(Ruleset(), here, questions(here, protocol="tcp", port=80))
    none = judge(found, Owners(), port=80, protocol="tcp", is_empty=True)
    assert none.summary == "no packet filter rules are loaded"


def test_what_stops_one_version_alone_blocks_and_is_told_first() -> None:
    row = judged(ruleset(chain("in", (IPV6, DROP), base=hooked())))
    assert row.status is Status.FAIL
    assert row.summary.startswith("IPv6 by eth0: dropped by")
    assert "IPv4 by eth0: let in by" in row.summary


def test_a_redirected_port_lands_on_this_machine() -> None:
    here = machine()
    rules = ruleset(chain("nat", (port(80), Translate(kind=Nat.REDIRECT, ports=(8080, 8080))), base=nat()))
    found = cases(rules, here, questions(here, protocol="tcp", port=80))
    assert landing(found, here) == Landing(address="10.0.0.5", port=8080, is_here=True)


def test_where_a_packet_lands_is_known_though_its_answer_is_dropped() -> None:
    here = machine()
    redirect = chain("nat", (port(80), Translate(kind=Nat.REDIRECT, ports=(8080, 8080))), base=nat())
    rules = ruleset(redirect, chain("out", (DROP,), base=hooked(Hook.OUTPUT)))
    found = cases(rules, here, questions(here, protocol="tcp", port=80))
    assert landing(found, here) == Landing(address="10.0.0.5", port=8080, is_here=True)


def test_what_only_one_interface_meets_depends_on_where_the_packet_comes_in() -> None:
    here = machine()
    second = Interface(
        name="eth1", addresses=(Address(text="10.1.0.5", version=4, number=number("10.1.0.5"), prefix=24),)
    )
    rules = ruleset(chain("in", (Named(field=Field.INPUT_INTERFACE, patterns=("eth1",)), DROP), base=hooked()))
    local = routes([{"type": "local", "dst": "10.1.0.5", "dev": "eth1", "table": "local"}], 4)
    row = judged(rules, replace(here, interfaces=(*here.interfaces, second), routes=(*here.routes, *local)))
    assert row.status is Status.UNKNOWN


def test_what_only_one_port_of_a_bridge_meets_depends_on_by_which_it_comes() -> None:
    here = machine()
    ports = (Interface(name=one, master="eth0") for one in ("p0", "p1"))
    guard = chain("guard", (DROP,), base=hooked(Hook.INGRESS, devices=("p0",)))
    row = judged(
        ruleset(guard, family=Family.NETDEV, name="early"), replace(here, interfaces=(*here.interfaces, *ports))
    )
    assert row.status is Status.UNKNOWN
    assert "depends on coming in by p0, which cannot be told from the rules: " in row.summary
    assert 'dropped by "guard 1"' in row.summary
    assert row.why.startswith("The interface has several ports")


def test_an_answer_that_is_dropped_is_told_as_that() -> None:
    row = over_ipv4(chain("out", (DROP,), base=hooked(Hook.OUTPUT)))
    assert row.status is Status.FAIL
    assert "(the answer, on its way out)" in row.summary


def test_those_whose_answer_alone_is_dropped_are_told_of_an_open_port() -> None:
    to_them = Compare(field=Field.IP_DESTINATION, ranges=((number("10.0.0.0"), number("10.255.255.255")),))
    row = over_ipv4(chain("in", base=hooked()), chain("out", (to_them, DROP), base=hooked(Hook.OUTPUT)))
    assert row.status is Status.WARN
    assert 'but the answer to 10.0.0.0/8 is dropped by "out 1"' in row.summary


def test_who_is_on_a_list_and_gets_no_answer_is_told() -> None:
    answer_to = Compare(field=Field.IP_DESTINATION, ranges=((number("10.9.9.9"), number("10.9.9.9")),))
    row = over_ipv4(
        chain("in", (source("10.9.9.0/24"), ACCEPT), (DROP,), base=hooked()),
        chain("out", (answer_to, DROP), base=hooked(Hook.OUTPUT)),
    )
    assert row.status is Status.UNKNOWN
    assert "depends on who asks: 10.9.9.0/24 is let in by" in row.summary
    assert '; but the answer to 10.9.9.9 is dropped by "out 1" (inet filter out handle 11)' in row.summary


def test_a_published_port_is_told_with_where_it_goes() -> None:
    container = number("172.17.0.2")
    translate = Translate(kind=Nat.DNAT, addresses=(container, container), ports=(8080, 8080))
    rules = ruleset(chain("nat", (port(80), translate), base=nat()))
    here = machine()
    found = cases(rules, here, questions(here, protocol="tcp", port=80))
    assert landing(found, here) == Landing(address="172.17.0.2", port=8080, is_here=False)
    row = judge(found[:1], Owners(), port=80, protocol="tcp")
    assert 'sent on to 172.17.0.2:8080 by "nat 1"' in row.summary


def test_rules_that_could_not_be_read_are_not_judged() -> None:
    row = judged(ruleset(chain("in", base=hooked())), unseen=("nft list ruleset: permission denied",))
    assert (row.status, row.summary) == (Status.UNKNOWN, "the rules can be read by root alone")
    assert row.evidence[0].text == "nft list ruleset: permission denied"


def test_what_blocks_is_told_though_other_rules_could_not_be_read() -> None:
    assert judged(ruleset(chain("in", (DROP,), base=hooked())), unseen=("nft is not installed",)).status is Status.FAIL


def test_a_machine_without_a_way_in_is_not_called_open() -> None:
    here = replace(machine(), interfaces=())
    assert judged(Ruleset(), here).status is Status.UNKNOWN
