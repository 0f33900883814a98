"""Whole rulesets of real systems: nothing in them is a riddle, and damaged JSON never breaks the reader.

``firewalld`` is what firewalld 1.3 loaded on Debian 12 with a few ports, a rich rule and a forward; ``docker_nft`` and
``kube_proxy`` were written after what Docker's and kube-proxy's nftables backends load, ``workstation`` after the
examples of Debian and Arch; all four were loaded and recorded with nft 1.0.6.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from pathprobe.layers.firewall.model import (
    End,
    Ending,
    Hook,
    Jump,
    Opaque,
    Rule,
    Ruleset,
    TranslateMap,
    VerdictMap,
)
from pathprobe.layers.firewall.nft.nft_json import NotARuleset, parse

FOLDER = Path(__file__).parent / "rulesets"
NAMES = ("workstation", "firewalld", "docker_nft", "kube_proxy")

#: What none but a packet's companions or chance can tell.
OPAQUE = {
    "workstation": {"limit rate 10/second burst 5 packets", "limit rate 3/minute burst 5 packets"},
    "firewalld": set[str](),
    "docker_nft": set[str](),
    "kube_proxy": {"numgen random mod 2 == 0"},
}


def texts(name: str) -> tuple[str, str]:
    return (FOLDER / f"{name}.json").read_text(), (FOLDER / f"{name}.txt").read_text()


def recorded(name: str) -> Ruleset:
    return parse(*texts(name))


def all_rules(ruleset: Ruleset) -> list[tuple[str, Rule]]:
    return [(chain.name, rule) for table in ruleset.tables for chain in table.chains.values() for rule in chain.rules]


def rule_with(ruleset: Ruleset, text: str) -> Rule:
    return next(rule for _, rule in all_rules(ruleset) if text in rule.text)


@pytest.mark.parametrize("name", NAMES)
def test_only_limits_and_chance_are_opaque(name: str) -> None:
    found = {one.text for _, rule in all_rules(recorded(name)) for one in rule.statements if isinstance(one, Opaque)}
    assert found == OPAQUE[name]


@pytest.mark.parametrize("name", NAMES)
def test_every_jump_lands_in_a_chain_of_its_table(name: str) -> None:
    for table in recorded(name).tables:
        for chain in table.chains.values():
            for rule in chain.rules:
                for one in rule.statements:
                    targets = [found for _, found in one.entries] if isinstance(one, VerdictMap) else [one]
                    assert {jump.chain for jump in targets if isinstance(jump, Jump)} <= table.chains.keys()


@pytest.mark.parametrize("name", NAMES)
def test_every_rules_text_is_a_line_of_the_listing(name: str) -> None:
    _, listing = texts(name)
    rules = all_rules(recorded(name))
    assert len({(rule.handle, rule.text) for _, rule in rules}) == json.dumps(json.loads(texts(name)[0])).count(
        '"rule"'
    )
    for _, rule in rules:
        assert f"\t\t{rule.text} # handle {rule.handle}\n" in listing


@pytest.mark.parametrize("name", NAMES)
def test_without_a_listing_the_text_is_close_to_it(name: str) -> None:
    as_json, listing = texts(name)
    alike = sum(f"\t\t{rule.text} # handle {rule.handle}\n" in listing for _, rule in all_rules(parse(as_json)))
    assert alike > 0.7 * len(all_rules(parse(as_json)))


def test_firewalld_calls_its_chains_where_the_kernel_does() -> None:
    (table,) = recorded("firewalld").tables
    bases = {name: chain.base for name, chain in table.chains.items() if chain.base is not None}
    assert {(base.hook, base.priority) for base in bases.values()} >= {
        (Hook.INPUT, 10),
        (Hook.FORWARD, 10),
        (Hook.PREROUTING, -90),
        (Hook.POSTROUTING, 110),
    }


def test_a_comment_of_docker_names_its_rule() -> None:
    rule = rule_with(recorded("docker_nft"), "UNPUBLISHED PORT DROP")
    assert rule.comment == "UNPUBLISHED PORT DROP"
    assert rule.statements == (End(ending=Ending.DROP),)
    assert rule.packets == 0


def test_kube_proxys_services_are_looked_up_by_three_fields() -> None:
    rule = rule_with(recorded("kube_proxy"), "vmap @service-ips")
    (found,) = rule.statements
    assert isinstance(found, VerdictMap)
    assert len(found.fields) == 3
    assert len(found.entries) == 2


def test_a_set_that_is_asked_for_often_is_read_once() -> None:
    as_json, _ = texts("workstation")
    document = json.loads(as_json)
    asked = next(one for one in document["nftables"] if "@blocked" in json.dumps(one))
    document["nftables"].append(asked)
    first, second = [rule for _, rule in all_rules(parse(json.dumps(document))) if "@blocked " in rule.text]
    assert first.statements[0].ranges is second.statements[0].ranges  # type: ignore[union-attr]


def test_a_port_forward_of_the_workstation_is_a_map() -> None:
    rule = rule_with(recorded("workstation"), "dnat")
    assert any(isinstance(one, TranslateMap) and len(one.entries) == 2 for one in rule.statements)


# ---- damage

JUNK: tuple[Any, ...] = (
    None, True, False, 0, -1, 2**70, 1.5, "", "*", "@gone", "::1", "eth0", [], {}, [[]], [None], {"set": None},
    {"concat": []}, {"range": [1]}, {"prefix": {}}, {"elem": {}}, {"elem": {"elem": 1}}, {"&": [1, 2]}, {"|": "x"},
    {"map": None}, {"payload": None}, {"meta": {}}, {"ct": {"key": None}}, {"a": 1, "b": 2}, [1, 2, 3], [[1, 2]],
)  # fmt: skip


def places(value: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place, *(found for key, one in inner for found in places(one, (*place, key)))]


def with_junk(document: Any, place: tuple[Any, ...], junk: Any) -> str:
    copied = json.loads(json.dumps(document))
    around = copied
    for key in place[:-1]:
        around = around[key]
    around[place[-1]] = junk
    return json.dumps(copied)


@pytest.mark.parametrize("name", NAMES)
def test_whatever_value_is_damaged_the_rest_is_read(name: str) -> None:
    document = json.loads(texts(name)[0])
    inside = [place for place in places(document) if len(place) > 2]
    chance = random.Random(name)
    for place in chance.sample(inside, min(150, len(inside))):
        found = parse(with_junk(document, place, chance.choice(JUNK)))
        assert found.tables


@pytest.mark.parametrize("name", ["workstation", "kube_proxy"])
def test_no_rule_is_lost_whatever_is_damaged_inside_of_one(name: str) -> None:
    document = json.loads(texts(name)[0])
    inside = [place for place in places(document) if "expr" in place and len(place) > place.index("expr") + 1]
    chance = random.Random(name)
    rules = {(chain, rule.number) for chain, rule in all_rules(recorded(name))}
    for place in chance.sample(inside, min(150, len(inside))):
        found = parse(with_junk(document, place, chance.choice(JUNK)))
        assert {(chain, rule.number) for chain, rule in all_rules(found)} == rules


@pytest.mark.parametrize("name", NAMES)
def test_json_that_was_cut_off_is_refused(name: str) -> None:
    as_json = texts(name)[0].rstrip()
    for length in range(0, len(as_json), max(1, len(as_json) // 50)):
        with pytest.raises(NotARuleset):
            parse(as_json[:length])
