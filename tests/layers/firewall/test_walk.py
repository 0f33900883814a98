"""A packet is led through chains as the kernel leads it, and what cannot be told is said to be so."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from pathprobe.layers.firewall.evaluation.journey import journey
from pathprobe.layers.firewall.model import (
    AnyOf,
    Assign,
    Chain,
    Combined,
    Compare,
    Ending,
    Field,
    Jump,
    Statement,
    VerdictMap,
)
from pathprobe.layers.firewall.outcome import Fate, Outcome
from tests.layers.firewall.factories import (
    ACCEPT,
    CONTINUE,
    DROP,
    GUESS,
    REJECT,
    RETURN,
    chain,
    hooked,
    jump,
    machine,
    network_of,
    port,
    ruleset,
    source,
    syn,
)

Row = tuple[Statement, ...]


def way_in(*chains: Chain, by: str | None = None) -> tuple[Outcome, ...]:
    return journey(ruleset(*chains), syn(by=by), machine()).way_in


def decided(outcome: Outcome) -> str:
    place = outcome.decided
    assert place is not None
    return place.rule.text if place.rule else f"policy of {place.chain}"


@dataclass(frozen=True, kw_only=True)
class Case:
    rules: tuple[Row, ...]
    fate: Fate
    by: str
    others: tuple[Chain, ...] = ()
    policy: Ending = Ending.ACCEPT


MARKED = Compare(field=Field.MARK, ranges=((3, 3),))

CASES = {
    "an empty chain's policy": Case(rules=(), fate=Fate.ACCEPTED, by="policy of in"),
    "a policy of drop": Case(rules=(), policy=Ending.DROP, fate=Fate.DROPPED, by="policy of in"),
    "the first rule that fits": Case(
        rules=((port(443), DROP), (port(80), ACCEPT), (DROP,)), fate=Fate.ACCEPTED, by="in 2"
    ),
    "a return in a base chain": Case(
        rules=((RETURN,), (ACCEPT,)), policy=Ending.DROP, fate=Fate.DROPPED, by="policy of in"
    ),
    "a rule without a verdict": Case(rules=((port(80),), (REJECT,)), fate=Fate.REJECTED, by="in 2"),
    "a jump that comes back": Case(
        rules=((jump("sub"),), (DROP,)), others=(chain("sub", (port(443), ACCEPT)),), fate=Fate.DROPPED, by="in 2"
    ),
    "a jump that decides": Case(
        rules=((jump("sub"),), (DROP,)), others=(chain("sub", (port(80), ACCEPT)),), fate=Fate.ACCEPTED, by="sub 1"
    ),
    "a return from a jump": Case(
        rules=((jump("sub"),), (DROP,)), others=(chain("sub", (RETURN,), (ACCEPT,)),), fate=Fate.DROPPED, by="in 2"
    ),
    "a goto that does not come back": Case(
        rules=((Jump(chain="sub", goto=True),), (DROP,)), others=(chain("sub"),), fate=Fate.ACCEPTED, by="policy of in"
    ),
    "a goto in a jump": Case(
        rules=((jump("a"),), (DROP,)),
        others=(chain("a", (Jump(chain="b", goto=True),), (ACCEPT,)), chain("b")),
        fate=Fate.DROPPED,
        by="in 2",
    ),
    "a mark that a rule set": Case(
        rules=((Assign(field=Field.MARK, flip=3),), (MARKED, DROP)), fate=Fate.DROPPED, by="in 2"
    ),
    "a bit of a mark": Case(
        rules=(
            (Assign(field=Field.MARK, flip=1),),
            (Assign(field=Field.MARK, keep=0xFFFFFFFD, flip=2),),
            (MARKED, DROP),
        ),
        fate=Fate.DROPPED,
        by="in 3",
    ),
    "a verdict map": Case(
        rules=(
            (VerdictMap(fields=(Field.TCP_DESTINATION_PORT,), entries=((((443, 443),), ACCEPT), (((80, 90),), DROP))),),
        ),
        fate=Fate.DROPPED,
        by="in 1",
    ),
    "a verdict map without it": Case(
        rules=((VerdictMap(fields=(Field.TCP_DESTINATION_PORT,), entries=((((443, 443),), DROP),)), ACCEPT), (REJECT,)),
        fate=Fate.REJECTED,
        by="in 2",
    ),
    "a verdict map that lets the rule go on": Case(
        rules=((VerdictMap(fields=(Field.PROTOCOL,), entries=((((6, 6),), CONTINUE),)), REJECT),),
        fate=Fate.REJECTED,
        by="in 1",
    ),
    "a field of the other protocol, negated": Case(
        rules=((Compare(field=Field.UDP_DESTINATION_PORT, ranges=((1, 1),), negated=True), DROP),),
        fate=Fate.ACCEPTED,
        by="policy of in",
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_chains_decide_as_in_the_kernel(case: Case) -> None:
    (outcome,) = way_in(chain("in", *case.rules, base=hooked(policy=case.policy)), *case.others)
    assert (outcome.fate, decided(outcome), outcome.doubts) == (case.fate, case.by, ())


def test_senders_that_fare_differently_are_told_apart_with_the_rule_that_does_it() -> None:
    outcomes = way_in(chain("in", (source("10.0.0.0/8"), ACCEPT), (DROP,), base=hooked()))
    told = {(one.fate, decided(one)): one.sources for one in outcomes}
    everybody_else = ((0, network_of("10.0.0.0/8")[0] - 1), (network_of("10.0.0.0/8")[1] + 1, 2**32 - 1))
    assert told == {
        (Fate.ACCEPTED, "in 1"): (network_of("10.0.0.0/8"),),
        (Fate.DROPPED, "in 2"): everybody_else,
    }


def test_a_sender_who_is_named_has_one_outcome() -> None:
    rules = chain("in", (source("10.0.0.0/8"), ACCEPT), (DROP,), base=hooked())
    assert [one.fate for one in way_in(rules, by="10.1.2.3")] == [Fate.ACCEPTED]
    assert [one.fate for one in way_in(rules, by="192.0.2.1")] == [Fate.DROPPED]


def test_what_cannot_be_told_has_both_outcomes_each_with_the_doubt() -> None:
    outcomes = way_in(chain("in", (GUESS, DROP), base=hooked()))
    told = {one.fate: [(doubt.text, doubt.held) for doubt in one.doubts] for one in outcomes}
    assert told == {Fate.DROPPED: [("bpf sixteen", True)], Fate.ACCEPTED: [("bpf sixteen", False)]}


@pytest.mark.parametrize(
    "undecided",
    [(GUESS,), (GUESS, Assign(field=Field.MARK, flip=0)), (GUESS, jump("sub"))],
    ids=["a rule without verdict", "a mark that is there already", "a jump that comes back"],
)
def test_a_doubt_that_makes_no_difference_is_none(undecided: Row) -> None:
    outcomes = way_in(chain("in", undecided, (DROP,), base=hooked()), chain("sub", (port(443), ACCEPT)))
    assert [(one.fate, one.doubts) for one in outcomes] == [(Fate.DROPPED, ())]


def test_a_chain_that_is_not_there_is_a_doubt_and_no_accident() -> None:
    outcomes = way_in(chain("in", (jump("gone"),), (DROP,), base=hooked()))
    assert {one.fate: [doubt.text for doubt in one.doubts] for one in outcomes} == {
        Fate.HANDED: ["jump gone"],
        Fate.DROPPED: ["jump gone"],
    }


def test_a_chain_that_calls_itself_comes_to_an_end() -> None:
    outcomes = way_in(chain("in", (jump("in"),), (DROP,), base=hooked()))
    assert {one.fate for one in outcomes} == {Fate.HANDED, Fate.DROPPED}


def test_chains_of_iptables_legacy_may_be_as_deep_as_they_like() -> None:
    deep = [chain(f"c{number}", (jump(f"c{number + 1}"),)) for number in range(40)]
    (outcome,) = way_in(chain("in", (jump("c0"),), base=hooked()), *deep, chain("c40", (DROP,)))
    assert (outcome.fate, outcome.doubts) == (Fate.DROPPED, ())


def test_very_many_ways_are_followed_to_an_end() -> None:
    """Each rule doubles the ways: what they differ in is not known any more, which is said as a doubt."""
    rules = [(GUESS, Assign(field=Field.MARK, keep=0xFFFFFFFF, flip=1 << bit)) for bit in range(12)]
    outcomes = way_in(chain("in", *rules, (MARKED, DROP), base=hooked()))
    assert {one.fate for one in outcomes} == {Fate.ACCEPTED, Fate.DROPPED}
    assert all(one.doubts for one in outcomes)


def test_who_jumped_to_the_deciding_rule_is_told() -> None:
    chains = (chain("in", (jump("a"),), base=hooked()), chain("a", (port(443),), (jump("b"),)), chain("b", (DROP,)))
    (outcome,) = way_in(*chains)
    assert [place.rule.text for place in outcome.came_by if place.rule] == ["in 1", "a 2"]


def test_of_several_conditions_one_that_cannot_be_told_makes_it_a_doubt() -> None:
    outcomes = way_in(chain("in", (AnyOf(conditions=(port(443), GUESS)), DROP), base=hooked()))
    assert {one.fate: [doubt.held for doubt in one.doubts] for one in outcomes} == {
        Fate.DROPPED: [True],
        Fate.ACCEPTED: [False],
    }


def test_of_several_conditions_one_tells_senders_apart() -> None:
    either = AnyOf(conditions=(port(443), source("10.0.0.0/8"), source("192.0.2.0/24")))
    outcomes = way_in(chain("in", (either, DROP), base=hooked()))
    dropped = [one.sources for one in outcomes if one.fate is Fate.DROPPED]
    assert dropped == [(network_of("10.0.0.0/8"), network_of("192.0.2.0/24"))]


def test_all_senders_that_a_set_of_combinations_has_are_told_apart() -> None:
    networks = [network_of(one) for one in ("10.0.0.0/8", "172.16.0.0/12", "192.0.2.0/24")]
    wanted = Combined(
        fields=(Field.IP_SOURCE, Field.TCP_DESTINATION_PORT),
        elements=(*((one, (80, 80)) for one in networks), (network_of("198.51.100.0/24"), (443, 443))),
    )
    outcomes = way_in(chain("in", (wanted, ACCEPT), base=hooked(policy=Ending.DROP)))
    assert [one.sources for one in outcomes if one.fate is Fate.ACCEPTED] == [tuple(networks)]
