"""What is read from a machine: all of it, or a sentence that says what is missing and why."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pathprobe.layers.backup import take
from pathprobe.layers.backup.folder import Backup
from pathprobe.layers.backup.notes import before_restoring, runtime_only
from pathprobe.layers.backup.sources import ALL, FIREWALLD, IPSET, IPTABLES, NFTABLES, UnknownSource, chosen
from pathprobe.layers.backup.state import Origin, State
from pathprobe.layers.system import Said, Unread
from tests.layers.backup.hosts import NO_RULES, recorded

NFT, IP6 = IPTABLES[0], IPTABLES[1]
LEGACY = IPTABLES[2]
NAMES = "/proc/net/ip_tables_names"
SAVED = "*filter\n:INPUT ACCEPT [0:0]\n[0:0] -A INPUT -p tcp -m state --state NEW -j DROP\nCOMMIT\n"

LISTED = """table ip filter {
	chain INPUT {
		type filter hook input priority filter; policy accept;
		meta l4proto tcp xt match "state" counter packets 0 bytes 0 drop
	}
}
"""
LISTED_AS_JSON = """{"nftables": [{"table": {"family": "ip", "name": "filter"}},
{"chain": {"family": "ip", "table": "filter", "name": "INPUT", "type": "filter", "hook": "input", "prio": 0}},
{"rule": {"family": "ip", "table": "filter", "chain": "INPUT", "handle": 4, "expr": [
{"xt": {"type": "match", "name": "state"}}, {"counter": {"packets": 0, "bytes": 0}}, {"drop": null}]}}]}"""
WITH_IPTABLES = {"nft list ruleset": LISTED, "nft -j list ruleset": LISTED_AS_JSON}
IPTABLES_NFT = {"iptables-nft --version": "iptables v1.8.9 (nf_tables)", "iptables-nft-save -c -t filter": SAVED}


def test_where_nothing_is_installed_each_source_says_so(tmp_path: Path) -> None:
    state = take.state(recorded({}), tmp_path)
    assert dict(state.absent) == {
        "nftables": "nft is not installed",
        "iptables-nft": "iptables-nft is not installed",
        "ip6tables-nft": "ip6tables-nft is not installed",
        "ipset": "ipset is not installed",
        "firewalld": f"there is no {tmp_path}/firewalld",
        "ufw": f"there is no {tmp_path}/ufw",
    }
    assert dict(state.rules) == {"iptables-legacy": "", "ip6tables-legacy": ""}


def test_what_iptables_made_is_kept_by_iptables_alone(tmp_path: Path) -> None:
    state = take.state(recorded(WITH_IPTABLES | IPTABLES_NFT), tmp_path, [NFTABLES, NFT])
    assert dict(state.rules) == {"nftables": "", "iptables-nft": SAVED}
    assert state.listing == LISTED


def test_an_iptables_without_a_suffix_is_known_by_its_version(tmp_path: Path) -> None:
    new = {"iptables --version": "iptables v1.8.4 (nf_tables)", "iptables-save -c -t filter": SAVED}
    assert take.state(recorded(WITH_IPTABLES | new), tmp_path, [NFT]).rules == {"iptables-nft": SAVED}
    old = {"iptables --version": "iptables v1.4.21", "iptables-save -c": SAVED}
    assert take.state(recorded(old, {NAMES: "filter\n"}), tmp_path, [LEGACY]).rules == {"iptables-legacy": SAVED}
    assert take.program(recorded(old), NFT, "nft") == Unread(reason="iptables-nft is not installed", is_missing=True)


def test_legacy_tables_are_not_asked_for_where_the_kernel_has_none(tmp_path: Path) -> None:
    for files in ({}, {NAMES: ""}):
        assert take.state(recorded({}, files), tmp_path, [LEGACY]).rules == {"iptables-legacy": ""}


OWN = """table inet firewalld {
	chain x {
	}
}
table ip owned { # progname d
	flags owner
}
table ip mine {
}
"""
OWN_AS_JSON = """{"nftables": [{"table": {"family": "inet", "name": "firewalld"}},
{"chain": {"family": "inet", "table": "firewalld", "name": "x"}},
{"table": {"family": "ip", "name": "owned"}}, {"table": {"family": "ip", "name": "mine"}}]}"""


def test_tables_that_a_daemon_makes_are_not_kept(tmp_path: Path) -> None:
    state = take.state(recorded({"nft list ruleset": OWN, "nft -j list ruleset": OWN_AS_JSON}), tmp_path, [NFTABLES])
    assert state.rules == {"nftables": "table ip mine {\n}\n"}


NOT_ROOT = Said(
    status=1, error="Operation not permitted (you must be root)\nnetlink: Error: cache initialization failed"
)
MIXED_AS_JSON = LISTED_AS_JSON.replace('{"counter"', '{"numgen": null}, {"counter"')


@pytest.mark.parametrize(
    ("commands", "files", "told"),
    [
        (
            {"nft list ruleset": NOT_ROOT},
            {},
            "cannot read nftables: Operation not permitted (you must be root); run it as root (sudo)",
        ),
        ({"nft list ruleset": Unread(reason="nft said nothing for 30 s")}, {}, "nftables: nft said nothing"),
        ({"nft list ruleset": "", "nft -j list ruleset": "x"}, {}, "nft -j list ruleset printed no listing"),
        ({"nft list ruleset": LISTED, "nft -j list ruleset": '{"nftables": []}'}, {}, "changed while they were read"),
        ({"nft list ruleset": "table ip \ufffd {\n}\n"}, {}, "nftables: a name or comment in it is not UTF-8"),
        (WITH_IPTABLES, {}, "iptables-nft is not installed, and there are tables that only it can print"),
        (
            WITH_IPTABLES | {"nft -j list ruleset": MIXED_AS_JSON},
            {},
            "cannot keep table ip filter: it has extensions of iptables, which nft cannot load again, and what "
            "iptables cannot print (the rule with handle 4 in chain INPUT)",
        ),
        (
            WITH_IPTABLES | IPTABLES_NFT | {"iptables-nft-save -c -t filter": ""},
            {},
            "cannot read iptables-nft: iptables-nft-save -c -t filter does not print that table",
        ),
        (
            IPTABLES_NFT | {"iptables-nft-save -c": "# Table `nat' is incompatible, use 'nft' tool.\n"},
            {},
            "there are rules of nft, and nft is not installed",
        ),
        ({}, {NAMES: Unread(reason=f"{NAMES}: Permission denied")}, "/proc/net/ip_tables_names: Permission"),
        ({}, {NAMES: "filter\nnat\n"}, "there are tables (filter nat), and iptables-legacy is not installed"),
        ({"ipset save": Said(status=1, error="Kernel error: Operation not permitted")}, {}, "cannot read ipset"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_an_error_that_says_why(
    commands: dict[str, str | Said | Unread], files: dict[str, str | Unread], told: str, tmp_path: Path
) -> None:
    with pytest.raises(take.CannotKeep) as refused:
        take.state(recorded(commands, files), tmp_path)
    assert told in str(refused.value)


def test_what_is_there_is_known_also_where_it_cannot_be_read(tmp_path: Path) -> None:
    assert not take.is_there(recorded({}), FIREWALLD, tmp_path)
    os.mkfifo(tmp_path / "firewalld")
    assert take.is_there(recorded({}), FIREWALLD, tmp_path)


def test_files_that_cannot_be_read_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "firewalld").mkdir()
    os.mkfifo(tmp_path / "firewalld/pipe")
    with pytest.raises(take.CannotKeep, match=r"cannot read firewalld: .* is no file, no folder and no link"):
        take.state(recorded(NO_RULES), tmp_path, [FIREWALLD])


def test_the_origin_names_the_versions() -> None:
    found = take.origin(recorded({"nft --version": "nftables v1.0.6 (Lester Gooch #5)\n"}), "2026-11-20T12:00:00Z")
    assert (found.time, found.tools) == ("2026-11-20T12:00:00Z", {"nft": "nftables v1.0.6 (Lester Gooch #5)"})
    assert (found.hostname, found.kernel) == (os.uname().nodename, os.uname().release)


# ---- choosing


def test_a_group_is_both_flavours() -> None:
    names = [source.name for source in chosen(["ip6tables", "nftables"])]
    assert names == ["nftables", "ip6tables-nft", "ip6tables-legacy"]
    assert chosen([]) == ALL


def test_an_unknown_name_is_told_with_those_that_there_are() -> None:
    with pytest.raises(UnknownSource, match=r"there is no 'pf': it is one of nftables, iptables, .* ufw"):
        chosen(["pf"])


# ---- what is said beside it

ZONES = "public (default, active)\n  interfaces: eth0\n  ports: 8080/tcp\n\nwork\n  ports: \n"


def firewalld(permanent: str) -> dict[str, str | Said | Unread]:
    return {"firewall-cmd --list-all-zones": ZONES, "firewall-cmd --permanent --list-all-zones": permanent}


def test_a_runtime_that_the_files_do_not_have_is_told() -> None:
    said = runtime_only(recorded(firewalld("public (default)\n  interfaces: \n  ports: \nwork\n  ports: \n")))
    assert said is not None
    assert said.startswith("firewalld does other than its files say (zone public: ports: 8080/tcp)")


@pytest.mark.parametrize("permanent", [ZONES, ZONES.replace(", active", "").replace("eth0", "")])
def test_a_runtime_that_the_files_have_needs_no_word(permanent: str) -> None:
    assert runtime_only(recorded(firewalld(permanent))) is None


def test_a_firewalld_that_does_not_run_needs_no_word() -> None:
    assert runtime_only(recorded({"firewall-cmd --list-all-zones": Said(status=252, error="not running")})) is None


def test_host_docker_ssh_and_what_is_not_kept_are_told_before_a_restore() -> None:
    state = State(rules={"iptables-nft": "*nat\n:DOCKER - [0:0]\nCOMMIT\n"}, absent={"ipset": "ipset is not installed"})
    kept = Backup(path=Path("x"), origin=Origin(time="", hostname="web1", kernel=""), state=state)
    told = list(before_restoring(kept, ALL, [IPSET], "web2", {"SSH_CONNECTION": "192.0.2.1 5 192.0.2.2 22"}))
    for sentence, part in zip(
        told,
        ("of web1, and this machine is web2", "ipset is not in", "restart docker", "SSH from 192.0.2.1"),
        strict=True,
    ):
        assert part in sentence
    assert list(before_restoring(kept, [NFTABLES], [], "web1", {})) == []
