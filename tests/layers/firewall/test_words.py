"""A rule is named so that whoever reads it finds it."""

from __future__ import annotations

import pytest

from pathprobe.layers.firewall import words
from pathprobe.layers.firewall.model import Backend, Family, Hook, Rule
from pathprobe.layers.firewall.outcome import Fate, Outcome, Place
from tests.layers.firewall.factories import network_of

NFT = Rule(number=3, handle=7, text="tcp dport 80 reject", statements=(), packets=12)
SAVED = Rule(number=2, handle=9, text="-A INPUT -j REJECT --reject-with tcp-reset", statements=())


def place(backend: Backend, rule: Rule | None, *, family: Family = Family.INET) -> Place:
    table, chain = ("filter", "input" if backend is Backend.NFT else "INPUT")
    return Place(backend=backend, family=family, table=table, chain=chain, hook=Hook.INPUT, rule=rule)


@pytest.mark.parametrize(
    ("where", "name", "command"),
    [
        (place(Backend.NFT, NFT), "inet filter input handle 7", "nft -a list ruleset"),
        (place(Backend.NFT, None), "the policy of inet filter input", "nft -a list ruleset"),
        (place(Backend.IPTABLES_NFT, SAVED, family=Family.IP), "filter INPUT rule 2, nft handle 9", "iptables-save -c"),
        (place(Backend.IPTABLES_NFT, None, family=Family.IP6), "the policy of filter INPUT", "ip6tables-save -c"),
        (
            place(Backend.IPTABLES_LEGACY, None, family=Family.IP),
            "the policy of filter INPUT",
            "iptables-legacy-save -c",
        ),
    ],
)
def test_a_place_is_where_its_own_tool_shows_it(where: Place, name: str, command: str) -> None:
    assert (words.where(where), words.listed_by(where)) == (name, command)


@pytest.mark.parametrize(
    ("fate", "by", "detail", "text"),
    [
        (Fate.DROPPED, None, "", "dropped: no rule is against it"),
        (
            Fate.REJECTED,
            place(Backend.NFT, NFT),
            "icmp port-unreachable",
            "(inet filter input handle 7), with icmp port-unreachable",
        ),
        (Fate.REJECTED, place(Backend.NFT, NFT), "reject", "(inet filter input handle 7)"),
        (Fate.REJECTED, place(Backend.IPTABLES_NFT, SAVED), "tcp reset", "rule 2, nft handle 9)"),
        (Fate.LOST, None, "no route leads there", "sent where nobody takes it: no route leads there"),
    ],
)
def test_a_fate_says_with_what_a_packet_is_rejected_where_the_rule_does_not(
    fate: Fate, by: Place | None, detail: str, text: str
) -> None:
    assert words.fate(Outcome(fate=fate, decided=by, detail=detail)).endswith(text)


@pytest.mark.parametrize(
    ("networks", "text"),
    [
        (("0.0.0.0/0",), "everybody"),
        (("10.0.0.0/8",), "10.0.0.0/8"),
        (("10.0.0.0/8", "192.0.2.7/32"), "10.0.0.0/8 and 192.0.2.7"),
        (tuple(f"10.{one}.0.0/16" for one in range(0, 20, 2)), "10 ranges of addresses"),
        (("0.0.0.0/1", "128.0.0.0/2", "192.0.0.0/3", "224.0.0.0/4"), "everybody else"),
    ],
)
def test_senders_are_named_while_they_are_few(networks: tuple[str, ...], text: str) -> None:
    assert words.senders(tuple(network_of(one) for one in networks), 4) == text


def test_the_evidence_has_the_rule_with_its_counter() -> None:
    seen = words.evidence(place(Backend.NFT, NFT), "leads there")
    assert seen.text == "tcp dport 80 reject   [12 packets so far; leads there]"
