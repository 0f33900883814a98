"""Each table once, and each rule from who knows it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from pathprobe.layers.firewall.iptables.doubles import without_doubles
from pathprobe.layers.firewall.iptables.iptables_save import parse
from pathprobe.layers.firewall.model import (
    Assign,
    Backend,
    Base,
    Chain,
    Family,
    Field,
    Hook,
    Opaque,
    Rule,
    Ruleset,
    Statement,
    Table,
)
from tests.layers.firewall.iptables_rules import ACCEPT, DROP, TCP, compare, opaque, some

RECORDED = Path(__file__).parent / "iptables"

XT = opaque('xt match "conntrack"')
PORT = compare(Field.TCP_DESTINATION_PORT, 80)


def rule(*statements: Statement, text: str = "", handle: int | None = None) -> Rule:
    return Rule(number=1, text=text, statements=statements, handle=handle)


def table(
    backend: Backend, *rules: Rule, name: str = "filter", family: Family = Family.IP, chain: str = "INPUT"
) -> Table:
    base = Base(hook=Hook.INPUT, priority=0)
    return Table(backend=backend, family=family, name=name, chains={chain: Chain(name=chain, rules=rules, base=base)})


def nft(*rules: Rule, **more: object) -> Ruleset:
    return Ruleset(tables=(replace(table(Backend.NFT, *rules), **more),))  # type: ignore[arg-type]


def joined(from_nft: Rule, from_iptables: Rule) -> Rule:
    (only,) = without_doubles(nft(from_nft), (table(Backend.IPTABLES_NFT, from_iptables),)).tables
    assert only.backend is Backend.IPTABLES_NFT
    return only.chains["INPUT"].rules[0]


def test_a_match_that_is_a_mere_name_to_nft_is_told_by_iptables_and_has_the_handle() -> None:
    ours = rule(some(Field.CT_STATE, 8), DROP, text="-A INPUT -m conntrack --ctstate NEW -j DROP")
    assert joined(rule(XT, DROP, handle=7), ours) == replace(ours, handle=7)


def test_a_rule_that_both_tell_alike_is_in_the_words_of_iptables() -> None:
    ours = rule(TCP, PORT, DROP, text="-A INPUT -p tcp -m tcp --dport 80 -j DROP")
    assert joined(rule(PORT, DROP, text="tcp dport 80 drop", handle=9), ours) == replace(ours, handle=9)
    limited = rule(opaque("-m limit --limit 3/min", at_first=True), ACCEPT)
    assert joined(rule(opaque("limit rate 3/minute", at_first=True), ACCEPT, handle=9), limited).handle == 9


def test_a_mark_that_nft_does_not_know_is_told_by_iptables() -> None:
    unknown = (Assign(field=Field.MARK, flip=None), Assign(field=Field.CT_MARK, flip=None))
    ours = rule(TCP, PORT, Assign(field=Field.MARK, flip=5), text="-A INPUT ... -j MARK --set-xmark 0x5/0xffffffff")
    assert joined(rule(PORT, *unknown, handle=9), ours) == replace(ours, handle=9)
    theirs = rule(compare(Field.IP_SOURCE, "192.0.2.0/24"), PORT, *unknown, handle=9)
    assert joined(theirs, ours) == theirs


def test_what_iptables_leaves_out_of_a_rule_of_nft_is_told_by_nft() -> None:
    theirs = rule(compare(Field.IP_SOURCE, "192.0.2.0/24"), DROP, text="ip saddr @friends drop", handle=3)
    assert joined(theirs, rule(DROP, text="-A INPUT -j DROP")) == theirs
    of_two = rule(compare(Field.PROTOCOL, 6, 17), DROP, handle=3)
    assert joined(of_two, rule(DROP)) == of_two
    either_port = rule(TCP, compare(Field.TCP_DESTINATION_PORT, 80, 443), DROP, handle=3)
    assert joined(either_port, rule(TCP, DROP)) == either_port
    limited = rule(
        compare(Field.IP_SOURCE, "192.0.2.0/24"), opaque("limit rate 3/minute", at_first=True), ACCEPT, handle=3
    )
    assert joined(limited, rule(opaque("-m limit --limit 3/min", at_first=True), ACCEPT)) == limited


def test_chains_that_do_not_agree_stay_as_nft_has_them() -> None:
    ruleset = nft(rule(XT, DROP, handle=2), rule(DROP, handle=3))
    (only,) = without_doubles(ruleset, (table(Backend.IPTABLES_NFT, rule(DROP)),)).tables
    assert [one.handle for one in only.chains["INPUT"].rules] == [2, 3]


def test_chains_of_nft_that_iptables_can_not_show_stay_and_those_that_are_not_there_go() -> None:
    ours = table(Backend.IPTABLES_NFT)
    ours = replace(ours, chains={**ours.chains, "FORWARD": Chain(name="FORWARD")})
    theirs = nft(chains={"INPUT": Chain(name="INPUT", handle=1), "extra": Chain(name="extra", handle=4)})
    (only,) = without_doubles(theirs, (ours,)).tables
    assert {name: chain.handle for name, chain in only.chains.items()} == {"INPUT": 1, "extra": 4}


def test_a_dormant_table_stays_dormant() -> None:
    (only,) = without_doubles(nft(rule(DROP), dormant=True), (table(Backend.IPTABLES_NFT, rule(DROP)),)).tables
    assert only.dormant


def test_tables_of_one_alone_are_all_there_in_order() -> None:
    theirs = Ruleset(
        tables=(table(Backend.NFT, family=Family.INET), table(Backend.NFT), table(Backend.NFT, name="own"))
    )
    ours = (
        table(Backend.IPTABLES_NFT),
        table(Backend.IPTABLES_NFT, family=Family.IP6),
        table(Backend.IPTABLES_LEGACY),
    )
    found = without_doubles(theirs, ours).tables
    assert [(one.backend.value, one.family.value, one.name) for one in found] == [
        ("nft", "inet", "filter"),
        ("iptables-nft", "ip", "filter"),
        ("nft", "ip", "own"),
        ("iptables-nft", "ip6", "filter"),
        ("iptables-legacy", "ip", "filter"),
    ]


def _of_nft(text: str) -> Ruleset:
    """Names, handles and extensions of a recorded ``nft -j list ruleset``: as much as the join needs."""
    tables: dict[tuple[str, str], dict[str, Chain]] = {}
    for entry in json.loads(text)["nftables"]:
        (kind, value), *_ = entry.items()
        if kind == "table":
            tables[value["family"], value["name"]] = {}
        elif kind == "chain":
            chains = tables[value["family"], value["table"]]
            chains[value["name"]] = Chain(name=value["name"], handle=value["handle"])
        elif kind == "rule":
            chains = tables[value["family"], value["table"]]
            chain = chains[value["chain"]]
            found = Rule(number=0, text="", statements=(Opaque(text="xt"),), handle=value["handle"])
            chains[value["chain"]] = replace(chain, rules=(*chain.rules, found))
    return Ruleset(
        tables=tuple(
            Table(backend=Backend.NFT, family=Family(family), name=name, chains=chains)
            for (family, name), chains in tables.items()
        )
    )


def test_the_stray_drop_of_docker_gets_the_handle_that_nft_prints() -> None:
    ours = parse((RECORDED / "docker-26-nft-v4.txt").read_text(), backend=Backend.IPTABLES_NFT, family=Family.IP)
    found = without_doubles(_of_nft((RECORDED / "docker-26-nft.json").read_text()), ours)
    listing = (RECORDED / "docker-26-nft.listing.txt").read_text()
    chains = {one.name: one for one in found.tables}["filter"].chains
    stray = chains["DOCKER-USER"].rules[0]
    assert f"dport 80 counter packets 2 bytes 104 drop # handle {stray.handle}" in listing
    handles = {one.handle for table in found.tables for chain in table.chains.values() for one in chain.rules}
    assert None not in handles
