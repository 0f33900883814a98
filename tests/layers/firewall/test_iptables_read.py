"""What do iptables and ip6tables say on this machine, and what could not be seen?"""

from __future__ import annotations

from pathlib import Path

from pathprobe.layers.firewall.iptables.read import Seen, read
from pathprobe.layers.firewall.model import Backend, Family, Opaque
from pathprobe.layers.system import Recorded, Said, Unread

RECORDED = Path(__file__).parent / "iptables"

FILTER = "*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n"
NFT = "iptables v1.8.9 (nf_tables)\n"
LEGACY_NAMES = "/proc/net/ip_tables_names"


def seen(commands: dict[str, str | Said | Unread], files: dict[str, str | Unread] | None = None) -> Seen:
    return read(Recorded(commands=commands, files=files or {}))


def kinds(found: Seen) -> list[tuple[Backend, Family]]:
    return [(table.backend, table.family) for table in found.tables]


def test_both_families_are_asked_by_the_name_of_their_flavour() -> None:
    found = seen({"iptables-nft-save -c": FILTER, "ip6tables-nft-save -c": FILTER})
    assert kinds(found) == [(Backend.IPTABLES_NFT, Family.IP), (Backend.IPTABLES_NFT, Family.IP6)]
    assert (found.sources, found.notes) == (("iptables-nft-save -c", "ip6tables-nft-save -c"), ())


def test_the_plain_name_is_of_the_flavour_that_it_says() -> None:
    assert kinds(seen({"iptables --version": NFT, "iptables-save -c": FILTER})) == [(Backend.IPTABLES_NFT, Family.IP)]
    # RHEL 7: one flavour, which does not say so.
    old = seen({"iptables --version": "iptables v1.4.21\n", "iptables-save -c": FILTER}, {LEGACY_NAMES: "filter\n"})
    assert kinds(old) == [(Backend.IPTABLES_LEGACY, Family.IP)]


def test_legacy_is_asked_only_where_it_has_tables_already() -> None:
    commands: dict[str, str | Said | Unread] = {"iptables-legacy-save -c": FILTER}
    assert kinds(seen(commands)) == []
    assert kinds(seen(commands, {LEGACY_NAMES: ""})) == []
    assert kinds(seen(commands, {LEGACY_NAMES: "filter\n"})) == [(Backend.IPTABLES_LEGACY, Family.IP)]


def test_legacy_tables_that_nobody_can_print_are_noted() -> None:
    found = seen({"iptables --version": NFT, "iptables-save -c": ""}, {LEGACY_NAMES: "nat\nfilter\n"})
    assert found.unseen == (
        "The kernel has iptables-legacy tables nat, filter, and there is no iptables-legacy-save to read them with.",
    )


def test_without_root_it_is_noted_what_could_not_be_seen() -> None:
    refused = "Could not fetch rule set generation id: Permission denied (you must be root)\n"
    found = seen(
        {"iptables-nft-save -c": Said(status=4, error=refused)},
        {LEGACY_NAMES: Unread(reason=f"{LEGACY_NAMES}: Permission denied")},
    )
    assert found == Seen(
        unseen=("iptables-legacy's tables (/proc/net/ip_tables_names: Permission denied)",),
        notes=("iptables-nft-save -c is for root alone: permission denied.",),
    )


def test_a_failure_is_noted_in_the_tools_own_words() -> None:
    said = Said(
        status=1,
        out="*filter\n",
        error="# Warning: iptables-legacy tables present, use iptables-legacy-save to see them\n"
        "Error: unknown payload offset\niptables-nft-save v1.8.9 (nf_tables): Parsing nftables rule failed\n",
    )
    assert seen({"iptables-nft-save -c": said}).notes == (
        "iptables-nft-save -c failed: Error: unknown payload offset.",
    )
    assert seen({"iptables-nft-save -c": Said(status=3)}).notes == ("iptables-nft-save -c failed: exit status 3.",)
    hung = Unread(reason="iptables-nft-save said nothing for 30 s")
    assert seen({"iptables-nft-save -c": hung}).notes == (
        "iptables-nft-save -c could not be asked: iptables-nft-save said nothing for 30 s.",
    )


def test_a_text_that_can_not_be_read_is_noted_and_the_others_are_read() -> None:
    found = seen({"iptables-nft-save -c": "*filter\n", "ip6tables-nft-save -c": FILTER})
    assert kinds(found) == [(Backend.IPTABLES_NFT, Family.IP6)]
    assert found.notes == (
        "What iptables-nft-save -c printed could not be read: it ends in the middle of table filter, without COMMIT.",
    )


def test_no_iptables_at_all_is_nothing_to_note() -> None:
    assert seen({}) == Seen()


def test_tables_that_only_nft_can_show_are_named() -> None:
    text = (
        f"# Table `nat' is incompatible, use 'nft' tool.\n{FILTER}"
        "# Table `raw' contains incompatible base-chains, use 'nft' tool to list them.\n"
    )
    assert seen({"iptables-nft-save -c": text}).only_nft == ((Family.IP, "nat"), (Family.IP, "raw"))


def test_ipsets_are_read_where_rules_ask_for_them() -> None:
    text = (RECORDED / "docker-28.0.0-nft-v4.txt").read_text()
    sets = (RECORDED / "docker-28.0.0-ipset.txt").read_text()
    assert not _doubts(seen({"iptables-nft-save -c": text, "ipset save": sets}))
    unseen = seen({"iptables-nft-save -c": text})
    assert _doubts(unseen)
    assert unseen.notes == ("Rules ask for ipsets that could not be seen: ipset is not installed.",)
    refused = Said(status=1, error="ipset v7.17: Kernel error received: Operation not permitted\n")
    assert seen({"iptables-nft-save -c": text, "ipset save": refused}).notes == (
        "Rules ask for ipsets that could not be seen: ipset save is for root alone: permission denied.",
    )


def _doubts(found: Seen) -> bool:
    rules = [rule for table in found.tables for chain in table.chains.values() for rule in chain.rules]
    return any(isinstance(statement, Opaque) for rule in rules for statement in rule.statements)
