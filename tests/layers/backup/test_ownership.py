"""Whose is a table that nft lists?"""

from __future__ import annotations

import json
from typing import Any

import pytest

from pathprobe.layers.backup.ownership import NotAListing, Owner, owners

XT = {"xt": {"type": "match", "name": "recent"}}
TARGET = {"xt": {"type": "target", "name": "DNAT"}}
COUNTER = {"counter": {"packets": 0, "bytes": 0}}
PORT = {"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": 22}}
IN_SET = {"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "saddr"}}, "right": "@s"}}
ACCEPT = {"accept": None}


def listed(*rules: list[Any], table: str = "filter", **more: Any) -> str:
    """A listing with one table, its input chain and these rules."""
    chain = {"family": "ip", "table": table, "name": "INPUT", "type": "filter", "hook": "input", "prio": 0}
    chain |= {key: value for key, value in more.items() if key in chain}
    objects: list[dict[str, Any]] = [
        {"metainfo": {"version": "1.0.6"}},
        {"table": {"family": "ip", "name": table, "handle": 1} | more.get("of_table", {})},
        *more.get("objects", []),
        {"chain": chain},
    ]
    for number, expressions in enumerate(rules):
        facts = {"family": "ip", "table": table, "chain": "INPUT", "handle": number, "expr": expressions}
        objects.append({"rule": facts | more.get("of_rule", {})})
    return json.dumps({"nftables": objects})


def owner(text: str) -> Owner:
    ((_, found),) = owners(text).items()
    return found.owner


SET = {"set": {"family": "ip", "table": "filter", "name": "s", "type": "ipv4_addr"}}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (listed(), Owner.IPTABLES),
        (listed([PORT, COUNTER, ACCEPT]), Owner.IPTABLES),
        (listed([XT, COUNTER, ACCEPT]), Owner.IPTABLES),
        (listed([PORT, COUNTER, TARGET]), Owner.IPTABLES),
        (listed([PORT, COUNTER]), Owner.IPTABLES),
        # iptables would write these otherwise
        (listed([PORT, ACCEPT]), Owner.NFT),
        (listed([COUNTER, PORT, ACCEPT]), Owner.NFT),
        (listed([PORT, COUNTER, ACCEPT], of_rule={"comment": "ssh"}), Owner.NFT),
        (listed([PORT, COUNTER, ACCEPT], of_table={"flags": "dormant"}), Owner.NFT),
        (listed([PORT, ACCEPT], [XT, COUNTER]), Owner.IPTABLES),
        # and these it cannot read
        (listed([IN_SET, COUNTER, ACCEPT]), Owner.NFT),
        (listed([PORT, COUNTER, {"log": {"group": 1}}, ACCEPT]), Owner.NFT),
        (listed([PORT, COUNTER, ACCEPT], table="mine"), Owner.NFT),
        (listed([PORT, COUNTER, ACCEPT], prio=5), Owner.NFT),
        (listed(objects=[SET]), Owner.NFT),
        (listed([IN_SET, XT, COUNTER, ACCEPT]), Owner.NEITHER),
        (listed([XT, COUNTER, ACCEPT], prio=5), Owner.NEITHER),
        (listed([XT, COUNTER, ACCEPT], objects=[SET]), Owner.NEITHER),
        (listed([XT, COUNTER, ACCEPT], table="mine"), Owner.NEITHER),
    ],
)
def test_a_table_is_iptables_only_if_iptables_could_have_made_all_of_it(text: str, expected: Owner) -> None:
    assert owner(text) is expected


def test_the_rule_that_is_in_the_way_is_named() -> None:
    (found,) = owners(listed([XT, COUNTER], [IN_SET, COUNTER])).values()
    assert found.why == "the rule with handle 1 in chain INPUT"


WITHOUT_ITS_TABLE = '{"nftables": [{"rule": {"family": "ip", "table": "filter"}}]}'


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"nftables": [{}]}', WITHOUT_ITS_TABLE, "[" * 99999])
def test_what_is_no_listing_is_told(text: str) -> None:
    with pytest.raises(NotAListing):
        owners(text)
