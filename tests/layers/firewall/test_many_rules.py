"""10,000 rules of whatever kind take less than two seconds, whoever asks: what divides senders, doubts, marks, maps."""

from __future__ import annotations

import time

import pytest

from pathprobe.layers.firewall.cases import questions
from pathprobe.layers.firewall.judge import cases, judge
from pathprobe.layers.firewall.model import (
    Assign,
    Chain,
    Combined,
    Compare,
    Ending,
    Field,
    Opaque,
    Range,
    VerdictMap,
)
from pathprobe.layers.firewall.owners import Owners
from tests.layers.firewall.factories import (
    ACCEPT,
    DROP,
    chain,
    hooked,
    jump,
    machine,
    number,
    port,
    ruleset,
)

MANY = range(10_000)

#: Processor seconds, which a busy machine changes little.
BOUND = 2.0


def sender(index: int) -> Range:
    """Every other address, so that none joins its neighbour."""
    address = number("11.0.0.0") + 2 * index
    return address, address


def by(index: int) -> Compare:
    return Compare(field=Field.IP_SOURCE, ranges=(sender(index),))


def in_chain(*rules: object, policy: Ending = Ending.ACCEPT) -> list[Chain]:
    return [chain("in", *rules, base=hooked(policy=policy))]  # type: ignore[arg-type]


SHAPES = {
    "accepts of one sender each": in_chain(*((by(one), port(80), ACCEPT) for one in MANY), policy=Ending.DROP),
    "drops of one sender each": in_chain(*((by(one), port(80), DROP) for one in MANY)),
    "marks of one sender each": in_chain(*((by(one), Assign(field=Field.MARK, flip=one)) for one in MANY)),
    "conditions that cannot be told": in_chain(*((Opaque(text=f"skuid {one}"), port(80), DROP) for one in MANY)),
    "a map of senders to chains": [
        *in_chain(
            (VerdictMap(fields=(Field.IP_SOURCE,), entries=tuple(((sender(one),), jump("sub")) for one in MANY)),)
        ),
        chain("sub", (port(443), DROP)),
    ],
    "a map of senders to verdicts": in_chain(
        (VerdictMap(fields=(Field.IP_SOURCE,), entries=tuple(((sender(one),), DROP) for one in MANY)),)
    ),
    "a set of senders": in_chain((Compare(field=Field.IP_SOURCE, ranges=tuple(map(sender, MANY))), DROP)),
    "a set of senders and ports": in_chain(
        (
            Combined(
                fields=(Field.IP_SOURCE, Field.TCP_DESTINATION_PORT),
                elements=tuple((sender(one), (80, 80)) for one in MANY),
            ),
            DROP,
        )
    ),
}


@pytest.mark.parametrize("chains", SHAPES.values(), ids=SHAPES)
def test_ten_thousand_of_a_kind_are_followed_in_two_seconds(chains: list[Chain]) -> None:
    here, rules = machine(), ruleset(*chains)
    begun = time.process_time()
    found = cases(rules, here, questions(here, protocol="tcp", port=80))
    row = judge(found, Owners(), port=80, protocol="tcp")
    assert time.process_time() - begun < BOUND
    assert row.summary
