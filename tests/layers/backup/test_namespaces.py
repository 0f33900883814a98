"""With the real tools in a namespace: what was kept is what is there again, and a failure changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from pathprobe.layers.backup import iptables_save, nft_listing, take
from pathprobe.layers.backup.applier import ThisMachine
from pathprobe.layers.backup.compare import differences
from pathprobe.layers.backup.ownership import Owner, owners
from pathprobe.layers.backup.restore import Failed, Refused, apply, check, rehearse, undo_of
from pathprobe.layers.backup.sources import ALL, IPTABLES, NFTABLES, Source
from pathprobe.layers.backup.state import State
from pathprobe.layers.system import Said, Unread
from pathprobe.layers.system import ThisMachine as Asked
from tests.layers.backup.hosts import Scripted, iptables, listing, nft, run, saved, this_machine

pytestmark = pytest.mark.lab

MINE = """
table inet mine {
	comment "hello } {"
	counter hits {
	}
	set seen { type ipv4_addr; flags dynamic,timeout; timeout 1m; size 100; }
	set hosts { type ipv4_addr; flags timeout; elements = { 10.0.0.1 timeout 1h, 10.0.0.2, 10.0.0.7 comment "x ,} y" } }
	set withcount { type inet_service; counter; elements = { 80, 443 } }
	set many { type ipv4_addr; flags interval; elements = { 10.0.0.0/8, 11.0.0.1-11.0.0.9, 12.0.0.1 } }
	set pairs { type ipv4_addr . inet_service; flags interval; elements = { 10.0.0.0/8 . 80-90 } }
	map verdicts { type inet_service : verdict; elements = { 22 : jump ssh, 80 : goto web } }
	ct helper ftp { type "ftp" protocol tcp; }
	limit slow { rate 5/second
	}
	chain in {
		type filter hook input priority filter; policy drop;
		tcp dport vmap @verdicts
		counter tcp dport 99 drop comment "packets 3 bytes 4"
		update @seen { ip saddr limit rate 3/second burst 5 packets }
		ip saddr @hosts counter name hits accept
		tcp dport 1234 quota 10 mbytes drop
		meter m { ip saddr limit rate 4/second } accept
		limit name slow log prefix "a } q" group 3
		ip protocol vmap { tcp : accept, udp : drop }
		tcp flags & (syn|rst) == syn accept
		fib daddr type local accept
	}
	chain ssh { accept
	}
	chain web { ct state new counter packets 7 bytes 9
	}
}
table ip nat { chain PREROUTING { type nat hook prerouting priority dstnat; dnat to tcp dport map { 1 : 10.0.0.1 }
	}
}
table ip6 off { flags dormant; chain x {
	}
}
table netdev lower { chain in { type filter hook ingress device "lo" priority 0;
	}
}
"""

#: What iptables itself makes in nf_tables, with and without its extensions.
RULES = (
    "-A INPUT -p tcp --dport 22 -j ACCEPT",
    "-A INPUT -p tcp --dport 22 -m comment --comment hi -j ACCEPT",
    "-A INPUT -p tcp -m multiport --dports 1,2:9 -j DROP",
    "-A INPUT -i eth+ ! -p tcp -j ACCEPT",
    "-A INPUT -m mark --mark 3/7 -j ACCEPT",
    "-A INPUT -m conntrack --ctstate NEW,RELATED -j ACCEPT",
    "-A INPUT -m limit --limit 3/min --limit-burst 9 -j ACCEPT",
    "-A INPUT -p icmp --icmp-type 8 -j ACCEPT",
    "-A INPUT -f -j ACCEPT",
    "-A INPUT -m addrtype --dst-type LOCAL -j ACCEPT",
    "-A INPUT -p tcp --syn -j ACCEPT",
    "-A INPUT -p tcp --tcp-flags SYN,ACK SYN -j ACCEPT",
    "-A INPUT -p udp ! --sport 1:5 -j ACCEPT",
    "-A INPUT -s 10.0.0.0/8 ! -d 10.1.1.1 -j DROP",
    "-A INPUT -s 10.0.0.0/255.0.255.0 -j DROP",
    "-A INPUT -m recent --name seen --set",
    "-A INPUT -p tcp -j REJECT --reject-with tcp-reset",
    "-A INPUT -j LOG --log-prefix hi",
    "-A INPUT -j NFLOG --nflog-group 3",
    "-A INPUT -j RETURN",
    "-N mine",
    "-A FORWARD -g mine",
    "-A mine -j MARK --set-mark 3",
    "-P FORWARD DROP",
    "-t nat -A POSTROUTING -o eth0 -j MASQUERADE",
    "-t nat -A PREROUTING -p tcp --dport 8080 -j DNAT --to-destination 10.0.0.1:80",
    "-t raw -A PREROUTING -j CT --notrack",
    "-t raw -A PREROUTING -p icmp -j TRACE",
    "-t mangle -A OUTPUT -j CONNMARK --save-mark",
    "-t security -A INPUT -p tcp -j ACCEPT",
)
#: Of these iptables-nft-save prints a part, or nothing, or something else: nft has to put them back.
LOOKALIKES = (
    "tcp dport { 1, 2 } counter drop",
    "ip saddr @s counter drop",
    "ip ttl 5 counter drop",
    "ct state new counter accept",
    "iifname { lo, eth0 } counter accept",
    "log group 3 counter drop",
    "counter log group 3 drop",
    "ip saddr 10.0.0.1-10.0.0.9 counter accept",
    "tcp dport 22 accept",
    'tcp dport 22 counter accept comment "ssh"',
    "counter tcp dport 22 accept",
    "limit rate over 3/second counter drop",
    "limit rate 3 kbytes/second counter drop",
    "meta mark > 3 counter drop",
    "iif lo counter accept",
    "ip protocol tcp counter accept",
    "jhash ip saddr mod 2 == 1 counter accept",
    "tcp dport vmap { 1 : accept }",
    "counter reject",
    "meta mark set 3",
    "counter name c",
    "quota 3 mbytes drop",
)


def kept(etc: Path, sources: Sequence[Source] = ALL) -> State:
    return take.state(Asked(), etc, sources)


def owner_of(family: str, table: str) -> Owner:
    return owners(run("nft", "-j", "list", "ruleset"))[family, table].owner


def restored(etc: Path, wanted: State, sources: Sequence[Source] = ALL) -> None:
    """Check and apply, and all is as it was."""
    machine, now = this_machine(etc), kept(etc, sources)
    check(machine, now, wanted, sources)
    assert apply(machine, undo_of(now, wanted), wanted, sources) == ()


def no_rules() -> None:
    nft("flush ruleset")
    for program in ("iptables-legacy", "ip6tables-legacy"):
        for table in ("filter", "nat"):
            iptables(f"-t {table} -F", program)
        iptables("-P FORWARD ACCEPT", program)
    run("ipset", "flush")


def test_everything_comes_back_after_a_flush(host: Path) -> None:
    nft(MINE)
    for rule in RULES:
        if "-t nat" not in rule:  # that table is nft's own
            iptables(rule)
    iptables("-A INPUT -p ipv6-icmp -s fe80::/64 -j ACCEPT", "ip6tables-nft")
    iptables("-A INPUT -p tcp --dport 23 -j DROP", "iptables-legacy")
    iptables("-P FORWARD DROP", "ip6tables-legacy")
    run(
        "ipset",
        "restore",
        text='create s hash:net comment\nadd s 10.0.0.0/8 comment "a b"\ncreate l list:set\nadd l s\n',
    )
    iptables("-A INPUT -m set --match-set l src -j DROP")
    wanted = kept(host)
    before = listing(), with_effect("iptables-legacy"), with_effect("ip6tables-legacy"), run("ipset", "save")
    no_rules()
    nft("table inet new { chain x { }; }")
    iptables("-t nat -A PREROUTING -p tcp -j REDIRECT", "iptables-nft")
    assert {found.source.name for found in differences(kept(host), wanted)} == {
        "nftables",
        "iptables-nft",
        "ip6tables-nft",
        "iptables-legacy",
        "ip6tables-legacy",
        "ipset",
    }
    restored(host, wanted)
    assert in_order(before[0]) == in_order(listing())
    assert before[1:3] == (with_effect("iptables-legacy"), with_effect("ip6tables-legacy"))
    assert before[3] == run("ipset", "save")


def in_order(text: str) -> list[str]:
    """iptables-restore makes chains in an order of its own."""
    tables = nft_listing.tables(text)
    bodies = [(table.key, table.text.partition("\n")[2].removesuffix("}\n").rstrip()) for table in tables]
    return sorted(f"{key} {block}" for key, body in bodies for block in body.split("\n\n"))


def with_effect(program: str) -> list[str]:
    """A legacy table that was once asked for stays, without effect."""
    return iptables_save.comparable(run(f"{program}-save"))


def test_whatever_iptables_makes_comes_back_through_iptables(host: Path) -> None:
    for rule in RULES:
        iptables(rule)
    found = owners(run("nft", "-j", "list", "ruleset"))
    assert {key: one.owner for key, one in found.items()} == {
        ("ip", table): Owner.IPTABLES for table in ("filter", "nat", "raw", "mangle", "security")
    }
    wanted, before = kept(host), (listing(), saved("iptables-nft"))
    assert wanted.rules["nftables"] == ""
    nft("flush ruleset")
    restored(host, wanted)
    assert sorted(saved("iptables-nft")) == sorted(before[1])
    assert in_order(listing()) == in_order(before[0])


@pytest.mark.usefixtures("host")
@pytest.mark.parametrize("rule", [one for one in RULES if one.startswith("-A INPUT")])
def test_each_rule_of_iptables_is_known_as_its_own(rule: str) -> None:
    iptables(rule)
    assert owner_of("ip", "filter") is Owner.IPTABLES


@pytest.mark.parametrize("rule", LOOKALIKES)
def test_a_rule_of_nft_in_a_table_named_as_iptables_names_it_comes_back_as_it_was(rule: str, host: Path) -> None:
    objects = ("set s { type ipv4_addr; }\n" if "@s" in rule else "") + ("counter c {\n}\n" if "name c" in rule else "")
    chain = f"chain INPUT {{ type filter hook input priority 0; {rule}\n}}\n"
    nft(f"table ip filter {{\n{objects}{chain}}}\n")
    assert owner_of("ip", "filter") is Owner.NFT
    sources = (NFTABLES, IPTABLES[0])
    wanted, before = kept(host, sources), listing()
    nft("flush ruleset")
    restored(host, wanted, sources)
    assert listing() == before


def test_a_table_that_neither_tool_can_put_back_is_an_error(host: Path) -> None:
    iptables("-A INPUT -m recent --name seen --set -j ACCEPT")
    nft("add rule ip filter INPUT tcp dport { 7, 9 } accept")
    with pytest.raises(take.CannotKeep, match=r"cannot keep table ip filter: .*handle 4 in chain INPUT.*--only"):
        kept(host)


def test_the_same_name_may_have_changed_its_owner(host: Path) -> None:
    iptables("-A INPUT -m recent --name seen --set -j ACCEPT")
    of_iptables = kept(host)
    nft("flush ruleset")
    nft("table ip filter { chain INPUT { type filter hook input priority 0; tcp dport { 1, 2 } drop\n}\n}")
    of_nft, as_nft_listed = kept(host), listing()
    restored(host, of_iptables)
    assert owner_of("ip", "filter") is Owner.IPTABLES
    restored(host, of_nft)
    assert listing() == as_nft_listed


def test_counters_are_put_back_and_make_no_difference(host: Path) -> None:
    nft("table ip t { chain c { type filter hook output priority 0; counter packets 5 bytes 6 accept\n}\n}")
    text = "*filter\n:INPUT ACCEPT [7:8]\n[3:4] -A INPUT -p tcp -j DROP\nCOMMIT\n"
    for program in ("iptables-nft", "iptables-legacy"):
        run(f"{program}-restore", "-c", text=text)
    wanted = kept(host)
    nft("flush table ip t\nadd rule ip t c counter accept")
    for program in ("iptables-nft", "iptables-legacy"):
        iptables("-Z", program)
    assert differences(kept(host), wanted) == ()
    no_rules()
    restored(host, wanted)
    assert "counter packets 5 bytes 6" in run("nft", "list", "table", "ip", "t")
    for program in ("iptables-nft", "iptables-legacy"):
        assert "[3:4] -A INPUT -p tcp -j DROP" in run(f"{program}-save", "-c")


def test_what_comes_and_goes_with_packets_makes_no_difference(host: Path) -> None:
    nft("table ip t { set d { type ipv4_addr; size 9; flags dynamic; }\nset e { type ipv4_addr; flags timeout; }\n}")
    run("ipset", "create", "s", "hash:ip", "timeout", "60")
    wanted = kept(host)
    nft("add element ip t d { 10.0.0.1 }\nadd element ip t e { 10.0.0.2 timeout 1h }")
    run("ipset", "add", "s", "10.0.0.3")
    assert differences(kept(host), wanted) == ()


def test_firewalld_makes_its_own_table(host: Path) -> None:
    nft("table inet firewalld { chain x { }; }\ntable inet mine { }")
    wanted = kept(host)
    nft("flush ruleset\ntable inet firewalld { chain y { }; }")
    restored(host, wanted)
    tables = run("nft", "list", "tables").splitlines()
    assert (tables, "chain y" in listing()) == (["table inet firewalld", "table inet mine"], True)


def test_a_set_that_rules_use_gets_other_entries(host: Path) -> None:
    run("ipset", "restore", text="create s hash:ip\nadd s 10.0.0.1\n")
    iptables("-A INPUT -m set --match-set s src -j DROP", "iptables-legacy")
    wanted = kept(host)
    run("ipset", "restore", text="flush s\nadd s 10.0.0.2\ncreate more hash:net\n")
    iptables("-A INPUT -m set --match-set more src -j DROP", "iptables-legacy")
    restored(host, wanted)
    assert [line for line in run("ipset", "save").splitlines() if line.startswith("add")] == ["add s 10.0.0.1"]
    assert run("ipset", "list", "-n").split() == ["s"]


def test_a_set_goes_after_the_rules_that_used_it(host: Path) -> None:
    wanted = kept(host)
    run("ipset", "create", "s", "hash:ip")
    iptables("-A INPUT -m set --match-set s src -j DROP", "iptables-nft")
    restored(host, wanted)
    assert run("ipset", "list", "-n") == ""


def test_what_is_not_chosen_stays(host: Path) -> None:
    nft("table inet mine { }")
    wanted = kept(host)
    nft("flush ruleset\ntable inet other { }")
    iptables("-A INPUT -j ACCEPT")
    machine, only = this_machine(host), [source for source in ALL if source.name == "iptables-nft"]
    now = take.state(machine.system, host, only)
    assert apply(machine, undo_of(now, wanted), wanted, only) == ()
    assert run("nft", "list", "tables").splitlines() == ["table inet other"]


# ---- failures


def spoiled(state: State, name: str, old: str, new: str) -> State:
    assert old in state.rules[name]
    return replace(state, rules={**state.rules, name: state.rules[name].replace(old, new)})


def some_rules() -> None:
    nft("table inet mine { chain c { type filter hook input priority 0; tcp dport 22 accept\n}\n}")
    iptables("-t nat -A PREROUTING -p tcp -j DNAT --to-destination 10.0.0.1")
    iptables("-A INPUT -p tcp -j DROP", "iptables-legacy")
    run("ipset", "restore", text="create s hash:ip\nadd s 10.0.0.1\n")


def other_rules() -> None:
    no_rules()
    nft("table inet other { chain c { type filter hook input priority 0; tcp dport 22 drop\n}\n}")
    iptables("-A INPUT -p tcp -j ACCEPT")
    iptables("-A INPUT -p udp -j DROP", "iptables-legacy")
    run("ipset", "restore", text="create t hash:ip\n")


def everything() -> tuple[object, ...]:
    programs = ("iptables-nft", "ip6tables-nft", "iptables-legacy")
    return (in_order(listing()), *(saved(one) for one in programs), run("ipset", "save"))


@pytest.mark.parametrize(
    ("name", "old", "new", "told"),
    [
        ("nftables", "tcp dport 22", "tcp dport nonsense", "nftables: nft -c -f - said: "),
        ("nftables", "priority filter", "priority nonsense", "nftables: nft -c -f - said: "),
        ("iptables-nft", "-j DNAT", "-j NONSENSE", "iptables-nft: iptables-nft-restore --counters --test said: "),
        ("iptables-legacy", "-p tcp", "-p nonsense", "iptables-legacy: iptables-legacy-restore --counters -w 5 --test"),
    ],
)
def test_what_a_tool_would_not_take_is_refused_before_anything_changes(
    name: str, old: str, new: str, told: str, host: Path
) -> None:
    some_rules()
    wanted = spoiled(kept(host), name, old, new)
    other_rules()
    before = everything()
    with pytest.raises(Refused) as refused:
        check(this_machine(host), kept(host), wanted, ALL)
    assert told in str(refused.value)
    assert everything() == before


#: These only the kernel refuses, when others are changed already.
@pytest.mark.parametrize(
    ("name", "old", "new", "told"),
    [
        ("iptables-nft", "-p tcp -j DNAT --to-destination 10.0.0.1", "-m rpfilter -j ACCEPT", "iptables-nft: "),
        ("iptables-legacy", "-p tcp -j DROP", "-j TCPMSS --set-mss 9", "iptables-legacy: iptables-legacy-restore"),
        ("ipset", "add s 10.0.0.1", "add s 10.0.0.0/99", "ipset: ipset restore said: "),
    ],
)  # fmt: skip
def test_a_restore_that_fails_midway_puts_back_what_was_there(
    name: str, old: str, new: str, told: str, host: Path
) -> None:
    some_rules()
    wanted = spoiled(kept(host), name, f"{old}\n", f"{new}\n")
    other_rules()
    (host / "firewalld").mkdir()
    (host / "firewalld/firewalld.conf").write_text("now")
    now, before = kept(host), everything()
    wanted = replace(wanted, trees={"firewalld": {}})
    with pytest.raises(Failed) as failed:
        apply(this_machine(host), undo_of(now, wanted), wanted, ALL)
    assert failed.value.put_back
    assert told in str(failed.value)
    assert everything() == before
    assert (host / "firewalld/firewalld.conf").read_text() == "now"


class Breaking:
    """The real machine, on which a command fails from its so-many-th time on."""

    def __init__(self, command: str, after: int) -> None:
        self._command, self._left = command, after

    def run(self, command: tuple[str, ...], text: str = "") -> Said | Unread:
        if " ".join(command) == self._command:
            self._left -= 1
            if self._left < 0:
                return Said(status=1, error="it broke")
        return ThisMachine().run(command, text)


def test_what_could_not_be_put_back_is_told(host: Path) -> None:
    iptables("-A INPUT -p tcp -j DROP", "iptables-legacy")
    nft("table inet mine { }")
    wanted = spoiled(kept(host), "iptables-legacy", "-p tcp -j DROP", "-j TCPMSS --set-mss 9")
    nft("delete table inet mine")
    now = kept(host)
    with pytest.raises(
        Failed, match="and not all could be put back as it was: nftables: nft -f - said: it broke"
    ) as failed:
        apply(this_machine(host, Breaking("nft -f -", 1)), undo_of(now, wanted), wanted, ALL)
    assert not failed.value.put_back


def test_a_tool_that_is_gone_is_told_before_anything_changes(host: Path) -> None:
    nft("table inet mine { }")
    wanted, missing = kept(host), Unread(reason="nft is not installed", is_missing=True)
    nft("flush ruleset")
    machine = this_machine(host, Scripted(says={"nft -c -f -": missing}))
    with pytest.raises(Refused, match="nftables: nft is not installed"):
        check(machine, kept(host), wanted, ALL)


def test_a_present_state_that_could_not_come_back_is_told_before_anything_changes(host: Path) -> None:
    some_rules()
    state = kept(host)
    with pytest.raises(Refused, match="nftables: nft -c -f - said: broken"):
        rehearse(this_machine(host, Scripted(says={"nft -c -f -": Said(status=1, error="broken\n")})), state, ALL)


# ---- firewalld's files


def zone(etc: Path, text: str) -> None:
    (etc / "firewalld/zones").mkdir(parents=True, exist_ok=True)
    (etc / "firewalld/zones/public.xml").write_text(text)


RUNNING = {"firewall-cmd --state": Said(status=0, out="running\n")}
STOPPED = {"firewall-cmd --state": Said(status=252, error="not running\n")}


@pytest.mark.parametrize(
    ("says", "commands"),
    [(RUNNING, ["firewall-cmd --state", "firewall-cmd --reload"]), (STOPPED, ["firewall-cmd --state"])],
)
def test_firewalld_reloads_its_files_where_it_runs(says: dict[str, Said], commands: list[str], host: Path) -> None:
    zone(host, "then")
    wanted = kept(host)
    zone(host, "now")
    applier = Scripted(says=says)
    machine = this_machine(host, applier)
    assert apply(machine, undo_of(kept(host), wanted), wanted, ALL) == ()
    assert [command for command, _ in applier.ran] == commands
    assert (host / "firewalld/zones/public.xml").read_text() == "then"


def test_a_firewalld_that_refuses_gets_its_files_back(host: Path) -> None:
    zone(host, "then")
    wanted = kept(host)
    zone(host, "now")
    (host / "firewalld/new.conf").write_text("new")
    applier = Scripted(says=RUNNING | {"firewall-cmd --reload": Said(status=1, error="Error: INVALID_ZONE")})
    with pytest.raises(Failed, match="firewalld: firewall-cmd --reload said: Error: INVALID_ZONE"):
        apply(this_machine(host, applier), undo_of(kept(host), wanted), wanted, ALL)
    assert (host / "firewalld/zones/public.xml").read_text() == "now"
    assert (host / "firewalld/new.conf").read_text() == "new"


def test_files_that_were_not_there_go_again_with_the_undo(host: Path) -> None:
    zone(host, "then")
    wanted = kept(host)
    for path in sorted(host.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    now = undo_of(kept(host), wanted)
    machine = this_machine(host)
    assert apply(machine, now, wanted, ALL) == ()
    assert (host / "firewalld/zones/public.xml").read_text() == "then"
    assert apply(machine, kept(host), now, ALL) == ()
    assert list(host.iterdir()) == []
