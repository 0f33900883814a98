"""Which commands make a kept state the present one, in which order."""

from __future__ import annotations

from pathprobe.layers.backup.plan import Step, steps
from pathprobe.layers.backup.sources import IPSET, IPTABLES, NFTABLES, Source
from pathprobe.layers.backup.state import State

NFT, LEGACY = IPTABLES[0], IPTABLES[2]
PROGRAMS = {"iptables-nft": "iptables-nft", "iptables-legacy": "iptables-legacy"}
FILTER = "*filter\n:INPUT DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n:mine - [0:0]\n[0:0] -A INPUT -j mine\nCOMMIT\n"
EMPTIED = "*filter\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n"
LISTED = "table ip filter {\n\tchain INPUT {\n\t}\n\n\tchain mine {\n\t}\n}\n"
MINE = "table inet mine {\n}\n"


def planned(now: State, wanted: State, *sources: Source) -> list[Step]:
    return list(steps(now, wanted, sources, PROGRAMS))


def words(found: list[Step]) -> list[str]:
    return [" ".join(step.command) for step in found]


def test_sets_come_before_the_rules_that_use_them_and_go_after_them() -> None:
    now = State(rules={"ipset": "create old hash:ip\ncreate all list:set\n", "nftables": MINE, "iptables-legacy": ""})
    wanted = State(
        rules={"ipset": "create new hash:ip\n", "nftables": "", "iptables-nft": FILTER, "iptables-legacy": FILTER}
    )
    assert words(planned(now, wanted, NFTABLES, NFT, LEGACY, IPSET)) == [
        "nft -f -",
        "ipset restore",
        "iptables-nft-restore --counters",
        "iptables-legacy-restore --counters -w 5",
        "ipset destroy all",
        "ipset destroy old",
    ]


def test_only_what_differs_is_touched() -> None:
    state = State(
        rules={"nftables": MINE, "iptables-nft": FILTER, "ipset": "create s hash:ip\n"}, listing=MINE + LISTED
    )
    assert planned(state, state) == []


def test_rules_that_use_sets_are_not_tried_before_the_sets_are_there() -> None:
    wanted = State(
        rules={"ipset": "create s hash:ip\n", "iptables-nft": FILTER.replace("-j", "-m set --match-set s src -j")}
    )
    assert [step.check for step in planned(State(), wanted, NFT, IPSET)] == [None, None]
    (alone,) = planned(State(), wanted, NFT)
    assert alone.check == ("iptables-nft-restore", "--counters", "--test")


def test_chains_that_the_kernel_did_not_have_are_not_made() -> None:
    (step,) = planned(State(), State(rules={"iptables-nft": FILTER}, listing=LISTED), NFT)
    assert step.text == FILTER.replace(":OUTPUT ACCEPT [0:0]\n", "")


def test_a_table_that_was_not_there_goes_with_nft_or_is_emptied_without_it() -> None:
    (step,) = planned(State(rules={"iptables-nft": FILTER}, listing=LISTED), State(rules={"iptables-nft": ""}), NFT)
    assert (step.command, step.text) == (("nft", "-f", "-"), "table ip filter\ndelete table ip filter\n")
    (step,) = planned(State(rules={"iptables-nft": FILTER}), State(rules={"iptables-nft": ""}), NFT)
    assert (step.command[0], step.text) == ("iptables-nft-restore", EMPTIED)


def test_a_legacy_table_that_was_not_there_is_emptied() -> None:
    (step,) = planned(State(rules={"iptables-legacy": FILTER}), State(rules={"iptables-legacy": ""}), LEGACY)
    assert step.text == EMPTIED


def test_a_table_of_nft_takes_the_place_of_one_of_iptables_and_back() -> None:
    of_iptables = State(rules={"nftables": "", "iptables-nft": FILTER}, listing=LISTED)
    of_nft = State(rules={"nftables": LISTED, "iptables-nft": ""}, listing=LISTED)
    (there,) = planned(of_iptables, of_nft, NFTABLES, NFT)
    assert there.text == "table ip filter\ndelete table ip filter\n" + LISTED
    away, back = planned(of_nft, of_iptables, NFT)
    assert away.text == "table ip filter\ndelete table ip filter\n"
    assert (back.command[0], back.check) == ("iptables-nft-restore", None)
