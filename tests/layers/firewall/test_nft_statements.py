"""JSON that not every kernel or nft of ours makes: other versions' shapes, missing sets, proxies, iptables-nft."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pathprobe.layers.firewall.model import (
    Assign,
    Base,
    ChainType,
    Compare,
    End,
    Ending,
    Family,
    Field,
    Hook,
    Named,
    Nat,
    Opaque,
    RouteBack,
    Rule,
    Statement,
    Translate,
    VerdictMap,
)
from pathprobe.layers.firewall.nft.nft_json import NotARuleset, parse

F = Field
ACCEPT = End(ending=Ending.ACCEPT)
V4 = Compare(field=F.VERSION, ranges=((4, 4),))
V6 = Compare(field=F.VERSION, ranges=((6, 6),))
TCP = Compare(field=F.PROTOCOL, ranges=((6, 6),))
TCP_OR_UDP = Compare(field=F.PROTOCOL, ranges=((6, 6), (17, 17)))
PORT = {"payload": {"protocol": "tcp", "field": "dport"}}
MARK = {"meta": {"key": "mark"}}


def handed(detail: str) -> End:
    return End(ending=Ending.HANDED, detail=detail)


def undecided(text: str) -> tuple[Statement, ...]:
    return Opaque(text=text), handed(text)


def document(*objects: Any, family: str = "inet") -> str:
    place = {"family": family, "table": "t"}
    listed: list[Any] = [{"metainfo": {"version": "1.0.9"}}, {"table": {"family": family, "name": "t"}}]
    for one in objects:
        ((kind, value),) = one.items()
        listed.append({kind: {**place, **value}})
    return json.dumps({"nftables": listed})


def rules(*expressions: Any, family: str = "inet", beside: tuple[Any, ...] = ()) -> tuple[Rule, ...]:
    text = document(*beside, {"rule": {"chain": "c", "handle": 7, "expr": list(expressions)}}, family=family)
    (table,) = parse(text).tables
    return table.chains["c"].rules


def match(left: Any, right: Any, op: str = "==") -> dict[str, Any]:
    return {"match": {"op": op, "left": left, "right": right}}


#: One JSON statement -> the model's.
STATEMENTS: list[tuple[Any, tuple[Statement, ...]]] = [
    # handed to somebody
    ({"queue": None}, (handed("queue"),)),
    ({"queue": {"num": {"range": [1, 3]}, "flags": "bypass"}}, (handed("queue num 1-3 flags bypass"),)),
    (
        {"tproxy": {"family": "ip", "addr": "127.0.0.1", "port": 80}},
        (V4, TCP_OR_UDP, handed("tproxy ip to 127.0.0.1:80")),
    ),
    ({"tproxy": {"port": 80}}, (TCP_OR_UDP, handed("tproxy to :80"))),
    ({"synproxy": {"mss": 1460, "wscale": 7}}, (TCP, handed("synproxy mss 1460 wscale 7"))),
    ({"fwd": {"dev": "lo"}}, (handed("fwd dev lo"),)),
    # what decides and can not be read stays in doubt
    ("jump {\n\t\t\ttcp dport 22 accept\n\t\t}", undecided("jump { tcp dport 22 accept }")),
    ({"jump": {}}, undecided('{"jump": {}}')),
    ({"vmap": {"key": PORT, "data": "@gone"}}, undecided("tcp dport vmap @gone")),
    ({"dnat": {"addr": {"map": {"key": PORT, "data": "@gone"}}}}, undecided("dnat to tcp dport map @gone")),
    ({"dnat": {"addr": "somewhere"}}, undecided("dnat to somewhere")),
    # what decides nothing
    ({"flow": {"op": "add", "flowtable": "@f"}}, ()),
    ({"dup": {"addr": "10.0.0.1"}}, ()),
    ({"ct helper": "ftp"}, ()),
    ({"last": {"used": 1}}, ()),
    ({"counter": None}, ()),
    ({"log": None}, ()),
    ({"set": {"op": "add", "elem": MARK, "set": "@s"}}, ()),
    ({"map": {"op": "add", "elem": MARK, "data": 1, "map": "@m"}}, ()),
    ({"reset": {"tcp option": {"name": "timestamp"}}}, ()),
    (
        {"mangle": {"key": {"tcp option": {"name": "maxseg", "field": "size"}}, "value": {"rt": {"key": "mtu"}}}},
        (TCP,),
    ),
    # limits
    ({"ct count": {"val": 10}}, (Opaque(text="ct count 10", at_first=True),)),
    ({"ct count": {"val": 10, "inv": True}}, (Opaque(text="ct count over 10", at_first=False),)),
    ({"limit": {"rate": 3, "per": "minute"}}, (Opaque(text="limit rate 3/minute", at_first=True),)),
    (
        {"meter": {"key": MARK, "stmt": {"limit": {"rate": 1, "per": "second"}}, "name": "m"}},
        (Opaque(text="meter m { meta mark limit rate 1/second }", at_first=True),),
    ),
    # reject as older nft prints it
    ({"reject": None}, (End(ending=Ending.REJECT, detail="icmp port-unreachable"),)),
    ({"reject": {"type": "tcp reset"}}, (End(ending=Ending.REJECT, detail="tcp reset"),)),
    (
        {"reject": {"type": "icmpv6", "expr": "admin-prohibited"}},
        (V6, End(ending=Ending.REJECT, detail="icmpv6 admin-prohibited")),
    ),
    # translations of IPv6, for which this kernel has no module
    (
        {"dnat": {"family": "ip6", "addr": "2001:db8::1", "port": 80}},
        (V6, Translate(kind=Nat.DNAT, addresses=(0x20010DB8 << 96 | 1,) * 2, ports=(80, 80))),
    ),
    # what iptables-nft keeps in its own tongue
    ({"xt": None}, (Opaque(text="xt"),)),
    ({"xt": {"type": "match", "name": "conntrack"}}, (Opaque(text='xt match "conntrack"'),)),
    ({"xt": {"type": "match", "name": "comment"}}, ()),
    ({"xt": {"type": "target", "name": "LOG"}}, ()),
    ({"xt": {"type": "target", "name": "DNAT"}}, undecided('xt target "DNAT"')),
    (
        {"xt": {"type": "target", "name": "MARK"}},
        (Assign(field=F.MARK, flip=None), Assign(field=F.CT_MARK, flip=None)),
    ),
    # other versions' ways to write a condition
    (match(PORT, "ssh", "in"), (Compare(field=F.TCP_DESTINATION_PORT, ranges=((22, 22),)),)),
    (match(PORT, "0x16"), (Compare(field=F.TCP_DESTINATION_PORT, ranges=((22, 22),)),)),
    ({"match": {"left": PORT, "right": 22}}, (Compare(field=F.TCP_DESTINATION_PORT, ranges=((22, 22),)),)),
    (match(PORT, {"set": 22}), (Compare(field=F.TCP_DESTINATION_PORT, ranges=((22, 22),)),)),
    (
        match(PORT, "@gone"),
        (Compare(field=F.TCP_DESTINATION_PORT, ranges=((0, 65535),)), Opaque(text="tcp dport @gone")),
    ),
    (
        match({"&": [{"payload": {"protocol": "tcp", "field": "flags"}}, {"|": ["fin", "syn", "rst"]}]}, "syn"),
        (Compare(field=F.TCP_FLAGS, ranges=((2, 2),), mask=7),),
    ),
    (
        match({"fib": {"result": "check", "flags": ["saddr", "iif"]}}, False),
        (RouteBack(negated=True),),
    ),
    (match({"<<": [{"ct": {"key": "mark"}}, 2]}, 4), (Opaque(text="ct mark << 2 == 4"),)),
    (match(MARK, {"ct": {"key": "mark"}}), (Opaque(text="meta mark ct mark"),)),
    (match(PORT, 70000), (Compare(field=F.TCP_DESTINATION_PORT, ranges=((0, 65535),)), Opaque(text="tcp dport 70000"))),
    # what nobody has heard of
    ({"teleport": {"to": "mars"}}, (Opaque(text='{"teleport": {"to": "mars"}}'),)),
    (match({"psychic": {"mood": "good"}}, 1), (Opaque(text='{"psychic": {"mood": "good"}} 1'),)),
    (17, (Opaque(text="17"),)),
]


@pytest.mark.parametrize(("expression", "expected"), STATEMENTS, ids=[json.dumps(one)[:70] for one, _ in STATEMENTS])
def test_a_statement_is_read_and_the_next_one_stays(expression: Any, expected: tuple[Statement, ...]) -> None:
    (rule,) = rules(expression, {"accept": None})
    assert rule.statements == (*expected, ACCEPT)


def test_raw_octets_are_a_field_where_the_rule_has_asked_for_the_version() -> None:
    raw = match({"payload": {"base": "nh", "offset": 128, "len": 32}}, 0x0A000001)
    field = Compare(field=F.IP_DESTINATION, ranges=((0x0A000001,) * 2,))
    (asked,) = rules(match({"meta": {"key": "nfproto"}}, "ipv4"), raw)
    (of_ip,) = rules(raw, family="ip")
    assert asked.statements == (V4, field)
    assert of_ip.statements == (field,)


def test_a_counter_in_a_map_has_to_be_found_there() -> None:
    counters = {"map": {"name": "m", "type": "inet_service", "map": "counter", "elem": [[80, "web"], [443, "web"]]}}
    (rule,) = rules({"counter": {"map": {"key": PORT, "data": "@m"}}}, {"accept": None}, beside=(counters,))
    assert rule.statements == (Compare(field=F.TCP_DESTINATION_PORT, ranges=((80, 80), (443, 443))), ACCEPT)


def test_two_lookups_multiply_and_very_many_are_in_doubt() -> None:
    masked = {"&": [MARK, 255]}
    few = {"vmap": {"key": masked, "data": {"set": [[1, {"continue": None}], [2, {"continue": None}]]}}}
    many = {"vmap": {"key": masked, "data": {"set": [[one, {"continue": None}] for one in range(200)]}}}
    assert len(rules(few, few)) == 4
    assert handed("meta mark & 255 vmap { 0 : continue, 1 : continue, 2 : continue, 3 : continue, 4 : continue, "
        "5 : continue, 6 : continue, 7 : continue, 8 : continue, 9 : continue, 10 : continue, 11 : continue, "
        "... 188 more }") in rules(many, many)[0].statements  # fmt: skip


def test_the_rest_of_a_map_is_what_no_other_element_has() -> None:
    key = {"&": [MARK, 255]}
    first, second = rules({"vmap": {"key": key, "data": {"set": [["*", {"drop": None}], [1, {"accept": None}]]}}})
    assert first.statements == (Compare(field=F.MARK, ranges=((1, 1),), mask=255), ACCEPT)
    assert second.statements == (
        Compare(field=F.MARK, ranges=((1, 1),), mask=255, negated=True),
        End(ending=Ending.DROP),
    )


def test_an_element_with_comment_and_timeout_is_the_element() -> None:
    element = {"elem": {"val": {"concat": ["eth0", 22]}, "comment": "x", "timeout": 5}}
    verdicts = {"map": {"name": "v", "map": "verdict", "elem": [[element, {"accept": None}]]}}
    key = {"concat": [{"meta": {"key": "iifname"}}, PORT]}
    (rule,) = rules({"vmap": {"key": key, "data": "@v"}}, beside=(verdicts,))
    assert rule.statements == (
        VerdictMap(fields=(F.INPUT_INTERFACE, F.TCP_DESTINATION_PORT), entries=((("eth0", (22, 22)), ACCEPT),)),
    )


def test_a_version_is_another_number_in_tables_of_devices() -> None:
    (rule,) = rules(match({"meta": {"key": "nfproto"}}, "ipv4"), family="netdev")
    assert rule.statements == (Opaque(text="meta nfproto ipv4"),)


# ---- chains and tables


def chain(**facts: Any) -> Base | None:
    (table,) = parse(document({"chain": {"name": "c", **facts}})).tables
    return table.chains["c"].base


def test_a_regular_chain_has_no_base() -> None:
    assert chain(handle=1) is None


def test_a_base_chain_has_hook_priority_policy_and_devices() -> None:
    assert chain(type="filter", hook="ingress", prio=-500, dev=["eth0", "eth1"], policy="drop") == Base(
        hook=Hook.INGRESS, priority=-500, policy=Ending.DROP, devices=("eth0", "eth1")
    )
    assert chain(type="nat", hook="prerouting", prio=-100) == Base(
        hook=Hook.PREROUTING, priority=-100, type=ChainType.NAT
    )


def test_one_device_may_be_a_word() -> None:
    base = chain(type="filter", hook="ingress", prio=0, dev="eth0")
    assert base is not None
    assert base.devices == ("eth0",)


@pytest.mark.parametrize(("flags", "dormant"), [("dormant", True), (["dormant", "owner"], True), ("owner", False)])
def test_a_dormant_table_is_known_by_its_flag(flags: Any, dormant: bool) -> None:
    text = json.dumps({"nftables": [{"table": {"family": "ip", "name": "t", "flags": flags}}]})
    assert parse(text).tables[0].dormant is dormant


def test_the_listing_is_believed_where_nft_prints_rubbish_for_a_tables_flags() -> None:
    text = json.dumps({"nftables": [{"table": {"family": "inet", "name": "t", "flags": "Lester Gooch #5"}}]})
    assert parse(text, "table inet t { # handle 1\n\tflags dormant\n}\n").tables[0].dormant
    assert not parse(text, "table inet t { # handle 1\n\tflags owner\n}\n").tables[0].dormant


@pytest.mark.parametrize("family", [family.value for family in Family])
def test_a_table_of_any_family_is_kept(family: str) -> None:
    assert parse(document(family=family)).tables[0].family is Family(family)


def test_a_family_that_nobody_knows_is_left_out() -> None:
    assert parse(document({"chain": {"name": "c"}}, family="carrier-pigeon")).tables == ()


def test_comment_handle_and_counter_of_a_rule_are_kept() -> None:
    value = {"chain": "c", "handle": 9, "comment": "why", "expr": [{"counter": {"packets": 3, "bytes": 4}}]}
    (rule,) = parse(document({"rule": value})).tables[0].chains["c"].rules
    assert (rule.number, rule.handle, rule.packets, rule.comment) == (1, 9, 3, "why")
    assert rule.text == 'counter packets 3 bytes 4 comment "why"'


def test_an_interface_that_is_gone_is_matched_by_its_number() -> None:
    (rule,) = rules(match({"meta": {"key": "iif"}}, "77"))
    assert rule.statements == (Named(field=F.INPUT_INTERFACE, patterns=("77",)),)


@pytest.mark.parametrize("text", ["", "nft: command not found", "{}", "[]", "17", '{"nftables": {}}', "[" * 100_000])
def test_what_is_no_ruleset_is_refused_with_one_exception(text: str) -> None:
    with pytest.raises(NotARuleset, match="nft -j list ruleset"):
        parse(text)
