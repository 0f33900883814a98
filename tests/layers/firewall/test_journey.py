"""Hooks, priorities, connections, translations and routes are passed in the kernel's order."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pathprobe.layers.firewall.evaluation.journey import Journey, journey
from pathprobe.layers.firewall.model import (
    Assign,
    Backend,
    Chain,
    Compare,
    Copy,
    CtState,
    Ending,
    Family,
    Field,
    Hook,
    Named,
    Nat,
    Ruleset,
    Table,
    Translate,
    Untrack,
)
from pathprobe.layers.firewall.outcome import Fate
from pathprobe.layers.firewall.ruling import Ruling, ruled
from pathprobe.layers.network import Interface, Network
from tests.layers.firewall.factories import (
    ACCEPT,
    DROP,
    chain,
    hooked,
    machine,
    nat,
    number,
    port,
    ruleset,
    syn,
)

CONTAINER = number("172.17.0.2")
PUBLISHED = (port(8080), Translate(kind=Nat.DNAT, addresses=(CONTAINER, CONTAINER), ports=(80, 80)))


def state(*states: CtState) -> Compare:
    mask = sum(states)
    return Compare(field=Field.CT_STATE, ranges=((0, 0),), mask=mask, negated=True)


def fates(found: Journey) -> tuple[list[Fate], list[Fate]]:
    return [one.fate for one in found.way_in], [one.fate for one in found.way_out]


def led(*chains: Chain, to_port: int = 80, forwards: bool = True) -> Journey:
    return journey(ruleset(*chains), syn(to_port), machine(forwards=forwards))


def test_without_rules_all_is_let_in_and_out() -> None:
    assert fates(journey(Ruleset(), syn(), machine())) == ([Fate.ACCEPTED], [Fate.ACCEPTED])


def test_an_accept_is_the_word_of_its_own_chain_only() -> None:
    found = led(chain("a", (ACCEPT,), base=hooked(priority=0)), chain("b", (DROP,), base=hooked(priority=10)))
    assert fates(found) == ([Fate.DROPPED], [])


@pytest.mark.parametrize(("first", "expected"), [(-10, Fate.DROPPED), (10, Fate.ACCEPTED)])
def test_chains_are_asked_by_priority(first: int, expected: Fate) -> None:
    marked = chain("mark", (Assign(field=Field.MARK, flip=1),), base=hooked(priority=first))
    drops = chain("drop", (Compare(field=Field.MARK, ranges=((1, 1),)), DROP), base=hooked(priority=0))
    assert fates(led(marked, drops))[0] == [expected]


def test_the_answer_to_what_was_let_in_is_of_an_established_connection() -> None:
    found = led(
        chain("in", (state(CtState.NEW), ACCEPT), (DROP,), base=hooked()),
        chain("out", (state(CtState.ESTABLISHED), ACCEPT), (DROP,), base=hooked(Hook.OUTPUT)),
    )
    assert fates(found) == ([Fate.ACCEPTED], [Fate.ACCEPTED])


def test_an_answer_can_be_dropped_on_its_way_out() -> None:
    found = led(chain("out", (DROP,), base=hooked(Hook.OUTPUT)))
    assert fates(found) == ([Fate.ACCEPTED], [Fate.DROPPED])


@pytest.mark.parametrize(
    ("priority", "expected"),
    [(-300, [Fate.DROPPED]), (-150, [Fate.ACCEPTED])],
    ids=["before connections are looked up all look invalid", "behind that a first packet is new"],
)
def test_what_is_known_of_a_connection_depends_on_where_it_is_asked(priority: int, expected: list[Fate]) -> None:
    early = chain("early", (state(CtState.INVALID), DROP), base=hooked(Hook.PREROUTING, priority))
    assert fates(led(early))[0] == expected


def test_what_is_not_tracked_is_of_no_connection_and_its_answer_is_invalid() -> None:
    found = led(
        chain("raw", (Untrack(),), base=hooked(Hook.PREROUTING, -300)),
        chain("in", (state(CtState.UNTRACKED), ACCEPT), (DROP,), base=hooked()),
        chain("out", (state(CtState.INVALID), DROP), base=hooked(Hook.OUTPUT)),
    )
    assert fates(found) == ([Fate.ACCEPTED], [Fate.DROPPED])


def test_a_published_port_is_forwarded_with_the_containers_address_and_port() -> None:
    to_container = (Named(field=Field.OUTPUT_INTERFACE, patterns=("docker0",)), port(80), ACCEPT)
    found = led(
        chain("nat", PUBLISHED, base=nat()),
        chain("in", (DROP,), base=hooked()),
        chain(
            "forward", to_container, (state(CtState.ESTABLISHED), ACCEPT), base=hooked(Hook.FORWARD, policy=Ending.DROP)
        ),
        to_port=8080,
    )
    assert fates(found) == ([Fate.ACCEPTED], [Fate.ACCEPTED])
    (outcome,) = found.way_in
    assert [(one.address, one.port) for one in outcome.redirections] == [("172.17.0.2", 80)]


def test_the_first_translation_counts_and_no_other_chain_of_nat_is_asked() -> None:
    found = led(chain("one", PUBLISHED, base=nat()), chain("two", (DROP,), base=nat(priority=0)), to_port=8080)
    assert fates(found)[0] == [Fate.ACCEPTED]


def test_without_forwarding_a_translated_packet_is_lost() -> None:
    found = led(chain("nat", PUBLISHED, base=nat()), to_port=8080, forwards=False)
    assert [(one.fate, one.detail) for one in found.way_in] == [(Fate.LOST, "this machine does not forward packets")]


def test_a_dormant_table_and_one_of_the_other_family_are_not_asked() -> None:
    drops = {"in": chain("in", (DROP,), base=hooked())}
    tables = (
        Table(backend=Backend.NFT, family=Family.IP6, name="six", chains=drops),
        Table(backend=Backend.NFT, family=Family.INET, name="sleeps", chains=drops, dormant=True),
    )
    assert fates(journey(Ruleset(tables=tables), syn(), machine()))[0] == [Fate.ACCEPTED]


@pytest.mark.parametrize(("device", "expected"), [("eth0", Fate.DROPPED), ("eth1", Fate.ACCEPTED)])
def test_a_chain_of_one_device_is_asked_about_what_comes_in_by_that(device: str, expected: Fate) -> None:
    rules = ruleset(
        chain("guard", (DROP,), base=hooked(Hook.INGRESS, devices=(device,))), family=Family.NETDEV, name="early"
    )
    assert fates(journey(rules, syn(), machine()))[0] == [expected]


@pytest.mark.parametrize(("others", "expected"), [((), Fate.ACCEPTED), ((state(CtState.NEW),), Fate.DROPPED)])
def test_a_chain_of_nat_is_asked_only_where_connections_are_kept(others: tuple[Compare, ...], expected: Fate) -> None:
    found = led(chain("nat", (DROP,), base=nat()), chain("in", others, base=hooked()))
    assert fates(found)[0] == [expected]


def test_a_mark_of_a_connection_that_is_not_kept_cannot_be_read_and_ends_the_rule() -> None:
    found = led(
        chain("raw", (Untrack(),), base=hooked(Hook.PREROUTING, -300)),
        chain("in", (Copy(field=Field.MARK, source=Field.CT_MARK), DROP), base=hooked()),
    )
    assert fates(found)[0] == [Fate.ACCEPTED]


def test_of_chains_of_one_priority_the_youngest_is_asked_first() -> None:
    """As the kernel has it: nf_hook_entries_grow puts a new one before those that are there."""
    marks = chain("marks", (Assign(field=Field.MARK, flip=1),), base=hooked())
    drops = chain("drops", (Compare(field=Field.MARK, ranges=((1, 1),)), DROP), base=hooked())
    for first, second, expected in ((drops, marks, Fate.DROPPED), (marks, drops, Fate.ACCEPTED)):
        tables = tuple(
            Table(backend=Backend.NFT, family=Family.INET, name=one.name, chains={one.name: one})
            for one in (first, second)
        )
        assert fates(journey(Ruleset(tables=tables), syn(), machine()))[0] == [expected]


def test_senders_who_get_no_answer_are_told_apart_from_those_who_do() -> None:
    here = (number("10.0.0.0"), number("10.255.255.255"))
    to_them = Compare(field=Field.IP_DESTINATION, ranges=(here,))
    found = led(chain("out", (to_them, ACCEPT), (DROP,), base=hooked(Hook.OUTPUT)))
    told = {one.fate: one.sources for one in found.way_out}
    assert told[Fate.ACCEPTED] == (here,)
    assert told[Fate.DROPPED] == ((0, here[0] - 1), (here[1] + 1, 2**32 - 1))


LOCAL = number("10.0.0.5")


def itself(*chains: Chain, to_port: int = 80) -> Journey:
    """Asked by this machine at its own address: out and in again by loopback."""
    return journey(ruleset(*chains), syn(to_port, by="10.0.0.5", interface="lo"), machine())


def test_what_a_machine_sends_itself_goes_out_first_and_answers_over_loopback() -> None:
    by_loopback = Named(field=Field.OUTPUT_INTERFACE, patterns=("lo",))
    found = itself(chain("out", (by_loopback, ACCEPT), base=hooked(Hook.OUTPUT, policy=Ending.DROP)))
    assert fates(found) == ([Fate.ACCEPTED], [Fate.ACCEPTED])


def test_what_a_machine_sends_itself_is_not_translated_on_its_way_in() -> None:
    """On the way out it was decided that nothing is (nf_nat_alloc_null_binding)."""
    found = itself(chain("nat", PUBLISHED, base=nat()), to_port=8080)
    assert [one.redirections for one in found.way_in] == [()]


def test_a_published_port_is_reached_from_this_machine_without_forwarding() -> None:
    found = itself(
        chain("nat", PUBLISHED, base=nat(Hook.OUTPUT)),
        chain("forward", base=hooked(Hook.FORWARD, policy=Ending.DROP)),
        to_port=8080,
    )
    assert fates(found) == ([Fate.ACCEPTED], [Fate.ACCEPTED])


def test_chains_of_a_bridges_port_are_asked_too() -> None:
    here = machine()
    port_of_bridge = replace(here, interfaces=(*here.interfaces, Interface(name="p0", master="eth0")))
    rules = ruleset(
        chain("guard", (DROP,), base=hooked(Hook.INGRESS, devices=("p0",))), family=Family.NETDEV, name="early"
    )
    assert fates(journey(rules, syn(), port_of_bridge))[0] == [Fate.DROPPED]


def shut_at(*devices: str, hook: Hook = Hook.INGRESS) -> Ruleset:
    """Chains that drop all, each of one device."""
    chains = [chain(f"of {one}", (DROP,), base=hooked(hook, devices=(one,))) for one in devices]
    return ruleset(*chains, family=Family.NETDEV, name="early")


def standing_on(*interfaces: Interface) -> Network:
    here = machine()
    return replace(here, interfaces=(*here.interfaces, *interfaces))


def test_chains_of_what_is_further_below_are_asked_too() -> None:
    here = standing_on(Interface(name="br0"), Interface(name="p0", master="br0"))
    on_bridge = (replace(one, lower="br0") if one.name == "eth0" else one for one in here.interfaces)
    here = replace(here, interfaces=tuple(on_bridge))
    assert fates(journey(shut_at("p0"), syn(), here))[0] == [Fate.DROPPED]
    assert fates(journey(shut_at("p0", hook=Hook.EGRESS), syn(), here))[1] == [Fate.DROPPED]


@pytest.mark.parametrize(
    ("shut", "expected"),
    [
        ((), Ruling.OPEN),
        (("p0",), Ruling.DEPENDS),
        (("p1",), Ruling.DEPENDS),
        (("p0", "p1"), Ruling.DEPENDS),
        (("p0", "p1", "p2"), Ruling.BLOCKED),
        (("eth0",), Ruling.BLOCKED),
        (("eth0", "p1"), Ruling.BLOCKED),
    ],
)
@pytest.mark.parametrize("hook", [Hook.INGRESS, Hook.EGRESS])
def test_by_which_of_several_ports_it_goes_cannot_be_told(shut: tuple[str, ...], hook: Hook, expected: Ruling) -> None:
    here = standing_on(*(Interface(name=one, master="eth0") for one in ("p0", "p1", "p2")))
    assert ruled(journey(shut_at(*shut, hook=hook), syn(), here)).ruling is expected


def test_very_many_translations_are_not_taken_for_one_another() -> None:
    """Each for one sender, as kube-proxy and cloud agents write them: who is none of them is not translated."""
    own = [
        (Compare(field=Field.IP_SOURCE, ranges=((one, one),)), port(80), Translate(kind=Nat.DNAT, addresses=(one, one)))
        for one in range(number("203.0.113.1"), number("203.0.113.80"))
    ]
    found = led(chain("nat", *own, base=nat()))
    (mine,) = [one for one in found.way_in if not one.redirections]
    assert (mine.fate, mine.doubts) == (Fate.ACCEPTED, ())
    assert len(found.way_in) == 80
