"""What the reader says where nft says something, nothing, or rubbish."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from pathprobe.lab import netns
from pathprobe.layers.firewall.model import Hook, Ruleset
from pathprobe.layers.firewall.nft.listing import read_listing
from pathprobe.layers.firewall.nft.read import NftReading, read
from pathprobe.layers.system import Recorded, Said, ThisMachine, Unread

FOLDER = Path(__file__).parent / "rulesets"
AS_JSON, AS_TEXT = "nft -j list ruleset", "nft -a list ruleset"
EMPTY = '{"nftables": [{"metainfo": {"version": "1.0.6"}}]}\n'
NO_CALLBACK = "warning: stmt ops chain have no json callback\n"


def workstation(kind: str) -> str:
    return (FOLDER / f"workstation.{kind}").read_text()


def test_json_and_text_make_one_ruleset() -> None:
    found = read(Recorded(commands={AS_JSON: workstation("json"), AS_TEXT: workstation("txt")}))
    assert isinstance(found, NftReading)
    assert [table.name for table in found.ruleset.tables] == ["filter", "nat"]
    assert found.ruleset.tables[0].chains["input"].rules[1].text == 'iif "lo" accept'
    assert found.unseen == ()


def test_without_the_text_that_is_said() -> None:
    found = read(Recorded(commands={AS_JSON: workstation("json")}))
    assert isinstance(found, NftReading)
    assert found.ruleset.tables[0].chains["input"].rules[1].text == 'iif "lo" accept'
    assert found.unseen == ("nft -a list ruleset said nothing: rules are shown as their JSON reads.",)


def test_an_empty_ruleset_misses_nothing() -> None:
    assert read(Recorded(commands={AS_JSON: EMPTY})) == NftReading(ruleset=Ruleset())


def test_a_machine_without_nft_has_nothing_to_miss() -> None:
    assert read(Recorded()) == Unread(reason="nft is not installed", is_missing=True)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ("Operation not permitted (you must be root)\n", "nft list ruleset: permission denied"),
        (
            "netlink: Error: cache initialization failed: Operation not permitted\n",
            "nft list ruleset: permission denied",
        ),
        ("Error: JSON support not compiled-in\n", "nft -j list ruleset: Error: JSON support not compiled-in"),
        ("", "nft -j list ruleset failed"),
    ],
)
def test_a_refusal_is_told_in_nfts_words(error: str, reason: str) -> None:
    assert read(Recorded(commands={AS_JSON: Said(status=1, error=error)})) == Unread(reason=reason)


def test_statements_that_json_can_not_show_are_told() -> None:
    said = Said(status=0, out=workstation("json"), error=NO_CALLBACK)
    found = read(Recorded(commands={AS_JSON: said, AS_TEXT: workstation("txt")}))
    assert isinstance(found, NftReading)
    assert found.unseen == ("nft has statements that its JSON can not show; they may decide or not.",)


# ---- broken JSON: what nft 1.0.6 prints where a table has flags

BROKEN = '{"nftables": [{"metainfo": {"version": "1.0.6"}}, {"table": {"family": "inet", "name": "off", "flags": \n'
LISTED = "table inet off { # handle 1\n\tflags dormant\n\n\tchain c { # handle 1\n\t\tdrop # handle 2\n\t}\n}\n"


def piece(*objects: object) -> str:
    return json.dumps({"nftables": [{"metainfo": {}}, *objects]})


CHAIN = {"chain": {"family": "inet", "table": "off", "name": "c", "hook": "input", "type": "filter", "prio": 0}}
RULE = {"rule": {"family": "inet", "table": "off", "chain": "c", "handle": 2, "expr": [{"drop": None}]}}
PIECES: dict[str, str | Said | Unread] = {
    AS_JSON: BROKEN,
    AS_TEXT: LISTED,
    **{f"nft -j list {kind}": piece() for kind in ("sets", "maps", "limits", "quotas")},
    "nft -j list chains": piece(CHAIN),
    "nft -j list chain inet off c": piece(CHAIN, RULE),
}


def test_broken_json_is_read_piece_by_piece() -> None:
    found = read(Recorded(commands=PIECES))
    assert isinstance(found, NftReading)
    (table,) = found.ruleset.tables
    assert table.dormant
    assert [rule.text for rule in table.chains["c"].rules] == ["drop"]
    assert found.unseen == ()


def test_a_chain_that_can_not_be_read_is_named() -> None:
    found = read(Recorded(commands=PIECES | {"nft -j list chain inet off c": Said(status=1)}))
    assert isinstance(found, NftReading)
    assert found.unseen == ("The rules of chain inet off c could not be read.",)


@pytest.mark.parametrize("said", [Said(status=1), "rubbish", "{}", '{"nftables": 1}'])
def test_where_the_pieces_are_broken_too_it_is_unread(said: str | Said) -> None:
    found = read(Recorded(commands=PIECES | {"nft -j list sets": said}))
    assert isinstance(found, Unread)
    assert "nft -j list ruleset" in found.reason


@pytest.fixture
def host() -> Iterator[str]:
    netns.add("nftread")
    yield "nftread"
    netns.delete("nftread")


@pytest.mark.lab
@pytest.mark.usefixtures("lab_host")
def test_a_real_dormant_table_is_read_and_known_as_such(host: str) -> None:
    with_set = " set s { type mark; elements = { 1 }; }\n chain c {\n meta mark @s drop\n }\n"
    off = f"table inet off {{\n flags dormant\n{with_set}}}\n"
    on = 'table netdev on {\n chain i {\n type filter hook ingress device "lo" priority 5; policy drop\n }\n}\n'
    netns.run_nft(host, off + on)
    with netns.inside(host):
        found = read(ThisMachine())
    assert isinstance(found, NftReading)
    dormant, awake = found.ruleset.tables
    assert (dormant.dormant, awake.dormant) == (True, False)
    assert [rule.text for rule in dormant.chains["c"].rules] == ["meta mark @s drop"]
    base = awake.chains["i"].base
    assert base is not None
    assert (base.hook, base.priority, base.devices) == (Hook.INGRESS, 5, ("lo",))


# ---- the listing alone

LISTING = (FOLDER / "long_lines.txt").read_text()


def test_a_rule_over_several_lines_is_one_text() -> None:
    listing = read_listing(LISTING)
    assert listing.rules == {
        ("inet", "t", "c", 5): "ip saddr { 10.0.0.1, 10.0.0.2, 10.0.0.3 } drop",
        ("inet", "t", "c", 6): 'accept comment "see # handle 4"',
        ("inet", "t", "d", 7): "drop",
    }


def test_devices_and_dormant_tables_are_found() -> None:
    listing = read_listing(LISTING)
    assert listing.devices == {("inet", "t", "c"): ("eth0", "eth1"), ("ip", "n", "c"): ("lo",)}
    assert listing.dormant == {("inet", "t")}
    assert listing.tables == {("inet", "t"), ("ip", "n")}


STRANGE = ("", "table", "table inet {", "\tchain", "table a b {\n\tchain \n\t\tx # handle y\n\t}", "}")


@pytest.mark.parametrize("text", STRANGE)
def test_a_listing_of_another_shape_says_nothing(text: str) -> None:
    assert read_listing(text).rules == {}


def test_a_listing_that_was_cut_off_never_raises() -> None:
    for length in range(len(LISTING)):
        read_listing(LISTING[:length])
