"""Do iptables and the kernel print and do what the parser takes them for? Real tools in a namespace say so."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pathprobe.lab import netns
from pathprobe.layers.firewall.iptables.iptables_save import parse
from pathprobe.layers.firewall.iptables.read import read
from pathprobe.layers.firewall.model import Backend, Family
from pathprobe.layers.system import ThisMachine
from tests.layers.firewall.iptables_rules import ROWS
from tests.layers.firewall.test_iptables_save import save

pytestmark = pytest.mark.lab

NAMESPACE = "iptables-parser"
FLAVOURS = {"nft": Backend.IPTABLES_NFT, "legacy": Backend.IPTABLES_LEGACY}
NAMES = {Family.IP: "iptables", Family.IP6: "ip6tables"}


@pytest.fixture
def namespace(lab_host: None) -> Iterator[None]:  # noqa: ARG001
    """In an empty namespace with nothing but lo."""
    netns.add(NAMESPACE)
    try:
        netns.run_ip(NAMESPACE, 4, ["link set lo up"])
        with netns.inside(NAMESPACE):
            yield
    finally:
        netns.delete(NAMESPACE)


def run(*command: str, text: str = "") -> str:
    path = os.environ.get("PATH", os.defpath) + ":/usr/local/sbin:/usr/sbin:/sbin"
    environment = os.environ | {"PATH": path, "LC_ALL": "C"}
    done = subprocess.run(command, input=text, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.usefixtures("namespace")
@pytest.mark.parametrize("family", [Family.IP, Family.IP6])
@pytest.mark.parametrize("flavour", FLAVOURS)
def test_every_rule_comes_back_from_the_kernel_as_it_was_read(flavour: str, family: Family) -> None:
    rows = [row for row in ROWS if row.family is family]
    given = save(*rows)
    run(f"{NAMES[family]}-{flavour}-restore", "-c", text=given)
    printed = run(f"{NAMES[family]}-{flavour}-save", "-c")
    tables = {table.name: table for table in parse(printed, backend=FLAVOURS[flavour], family=family)}
    for ours in parse(given, backend=FLAVOURS[flavour], family=family):
        for name, chain in ours.chains.items():
            assert tables[ours.name].chains[name].rules == chain.rules
    assert sum(len(chain.rules) for table in tables.values() for chain in table.chains.values()) == len(rows)


SETS = """\
create here hash:ip
add here 127.0.0.1
create of_six hash:ip family inet6
create nets hash:net
add nets 127.0.0.0/8
add nets 127.0.0.0/24 nomatch
create service hash:ip,port
add service 127.0.0.1,udp:53
create pings hash:ip,port
add pings 127.0.0.1,icmp:8/0
create ports bitmap:port range 1-1024
add ports 53
create by_16 hash:ip netmask 16
add by_16 127.0.0.0
create loopback hash:net,iface
add loopback 127.0.0.0/8,lo
create list list:set
add list of_six
add list here
create port_list list:set
add port_list service
"""

#: Conditions, and whether a datagram from 127.0.0.1 to 127.0.0.1:53 meets them; one to 127.0.0.2 is not tracked.
MET = {
    "-m set --match-set here src": True,
    "-m set --match-set here src,dst": True,
    "-m set --match-set nets src": False,
    "-m set ! --match-set nets src": True,
    "-m set --match-set service dst,dst": True,
    "-m set --match-set service dst,src": False,
    "-m set --match-set service dst": False,
    "-m set ! --match-set service dst": True,
    "-m set --match-set pings dst,dst": False,
    "-m set ! --match-set pings dst,dst": True,
    "-m set --match-set ports dst": True,
    "-m set --match-set by_16 dst": True,
    "-m set --match-set loopback dst,dst": True,
    "-m set --match-set loopback dst,src": False,
    "-m set ! --match-set loopback dst,src": True,
    "-m set --match-set list src": True,
    "-m set ! --match-set list src": False,
    "-m set --match-set port_list dst,dst": True,
    "-m set --match-set port_list dst": False,
    "-m conntrack --ctstate NEW,DNAT": True,
    "-m conntrack ! --ctstate DNAT": True,
    "-m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT": True,
    "-m conntrack --ctdir ORIGINAL": True,
    "-m conntrack --ctstatus NONE": False,
    "-m conntrack ! --ctstatus ASSURED": True,
    "-m conntrack --ctproto 17": True,
    "-m recent --set --name x --rsource": True,
    "-m recent --update --name nobody --rsource": False,
    "-m addrtype --dst-type LOCAL": True,
    "-m addrtype --dst-type UNICAST": False,
    "-p udp -m multiport --ports 53,99": True,
    "-p udp -m multiport ! --ports 53,99": False,
    "-s 127.0.0.1/255.0.0.255": True,
    "-f": False,
    "! -f": True,
    "! -i eth0": True,
    "-i lo": False,
    "-o l+": True,
    "-m mark ! --mark 0x1/0x1": True,
    "-m pkttype --pkt-type unicast": True,
    "-d 127.0.0.2 -m conntrack --ctstate UNTRACKED": True,
    "-d 127.0.0.2 -m conntrack --ctstate UNTRACKED --ctdir REPLY": True,
    "-d 127.0.0.2 -m conntrack ! --ctstate NEW --ctdir REPLY": True,
    "-d 127.0.0.2 -m conntrack --ctdir ORIGINAL": False,
    "-d 127.0.0.2 -m conntrack ! --ctstatus ASSURED": False,
    "-d 127.0.0.2 -m conntrack ! --ctstate DNAT": True,
    "-d 127.0.0.2 -m conntrack --ctstate NEW,DNAT": False,
    "-d 127.0.0.2 -m state --state INVALID": False,
    "-d 127.0.0.2 -m connmark ! --mark 0x5": False,
}


@pytest.mark.usefixtures("namespace")
@pytest.mark.parametrize("flavour", FLAVOURS)
def test_the_kernel_takes_matches_as_they_are_read(flavour: str) -> None:
    run("ipset", "restore", text=SETS)
    conditions = [f"{'' if '-d 127.0.0.2' in match else '-d 127.0.0.1 '}{match}" for match in MET]
    rules = ["-A OUTPUT -p udp -j asked", *(f"-A asked {condition}" for condition in conditions)]
    table = ["*filter", ":OUTPUT ACCEPT [0:0]", ":asked - [0:0]", *rules, "COMMIT"]
    raw = ["*raw", ":OUTPUT ACCEPT [0:0]", "-A OUTPUT -d 127.0.0.2 -j NOTRACK", "COMMIT"]
    run(f"iptables-{flavour}-restore", text="\n".join([*raw, *table, ""]))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.bind(("127.0.0.1", 5353))
        for address in ("127.0.0.1", "127.0.0.2"):
            sender.sendto(b"x", (address, 53))
    printed = run(f"iptables-{flavour}-save", "-c", "-t", "filter")
    (filter_table,) = parse(printed, backend=FLAVOURS[flavour], family=Family.IP)
    met = {match: bool(rule.packets) for match, rule in zip(MET, filter_table.chains["asked"].rules, strict=True)}
    assert met == MET


@pytest.mark.usefixtures("namespace")
def test_both_flavours_of_both_families_are_read_and_legacy_only_where_it_is() -> None:
    assert read(ThisMachine()).tables == ()
    for name in ("iptables-nft", "ip6tables-nft", "ip6tables-legacy"):
        run(name, "-A", "INPUT", "-p", "tcp", "--dport", "25", "-j", "DROP")
    seen = read(ThisMachine())
    assert seen.notes == ()
    assert [(table.backend, table.family) for table in seen.tables] == [
        (Backend.IPTABLES_NFT, Family.IP),
        (Backend.IPTABLES_NFT, Family.IP6),
        (Backend.IPTABLES_LEGACY, Family.IP6),
    ]
    # Being asked makes no legacy table.
    assert Path("/proc/net/ip_tables_names").read_text() == ""
