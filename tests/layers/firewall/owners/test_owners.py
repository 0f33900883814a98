"""Whose a rule is by its names, and what opens a port where a person keeps the rules or one of the smaller owners."""

from __future__ import annotations

import pytest

from pathprobe.layers.findings import OR
from pathprobe.layers.firewall.model import Backend, Compare, Family, Field, Hook, Rule, Statement
from pathprobe.layers.firewall.outcome import Fate, Outcome, Place
from pathprobe.layers.firewall.owners import Explanation, Owners, Question, explain, fixes, owner_of, read
from pathprobe.layers.firewall.owners.matching import Ports, spoken_of
from pathprobe.layers.firewall.owners.plain import Kept
from pathprobe.layers.system import Recorded
from tests.layers.firewall.owners.places import of_port, place, rule, stopped

PORT = Question(port=8080, version=4, interface="eth0")


def nft(chain: str = "input", *, table: str = "filter", decided: Rule | None = None, **more: object) -> Place:
    return place(chain, decided, backend=Backend.NFT, family=Family.INET, table=table, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("where", "owner"),
    [
        (nft("filter_IN_public", table="firewalld"), "firewalld"),
        (nft("raw_prerouting", table="firewalld_policy_drop"), "firewalld"),
        (place("IN_public_deny"), "firewalld"),
        (place("INPUT_direct"), "firewalld"),
        (place("FWDI_trusted"), "firewalld"),
        (place("ufw-user-input"), "ufw"),
        (place("ufw6-before-input"), "ufw"),
        (place("DOCKER-USER"), "Docker"),
        (place("DOCKER"), "Docker"),
        (nft("filter-forward", table="docker-bridges"), "Docker"),
        (place("KUBE-FIREWALL"), "Kubernetes"),
        (nft("filter", table="kube-proxy"), "Kubernetes"),
        (place("LIBVIRT_FWI"), "libvirt"),
        (nft("guest_input", table="libvirt_network"), "libvirt"),
        (place("f2b-sshd"), "fail2ban"),
        (nft("f2b-chain", table="f2b-table"), "fail2ban"),
        (nft("crowdsec-chain", table="crowdsec"), "CrowdSec"),
        (place("CROWDSEC_CHAIN"), "CrowdSec"),
        (place("DENYIN"), "csf"),
        (place("net-fw"), "Shorewall"),
        (place("NETAVARK_FORWARD"), "podman"),
        (place("cali-FORWARD"), "Calico"),
        (place("INPUT"), None),
        (nft("input"), None),
        (nft("IN_office"), None),
        (nft("input", table="my_firewalld"), None),
    ],
)
def test_the_owner_is_told_by_the_chain_or_the_table(where: Place, owner: str | None) -> None:
    assert owner_of(where) == owner


def test_a_table_of_iptables_that_nft_lists_is_told_by_its_chains() -> None:
    assert owner_of(place("DOCKER-USER", backend=Backend.NFT)) == "Docker"


# nft and iptables


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (
            place("input", rule("drop", handle=9), backend=Backend.NFT, family=Family.INET),
            ("nft insert rule inet filter input position 9 tcp dport 8080 accept",),
        ),
        (
            place("input", rule("tcp dport 8080 drop", handle=9, port=8080), backend=Backend.NFT, family=Family.INET),
            (
                "nft delete rule inet filter input handle 9",
                OR,
                "nft insert rule inet filter input position 9 tcp dport 8080 accept",
            ),
        ),
        (
            place("input", rule("tcp dport @shut drop", handle=9), backend=Backend.NFT, family=Family.IP),
            (
                "nft delete element ip filter shut '{ 8080 }'",
                OR,
                "nft insert rule ip filter input position 9 tcp dport 8080 accept",
            ),
        ),
        (
            place("input", rule("drop", number=4), backend=Backend.NFT, family=Family.INET),
            ("nft insert rule inet filter input index 3 tcp dport 8080 accept",),
        ),
        (
            place("input", backend=Backend.NFT, family=Family.INET),
            ("nft add rule inet filter input tcp dport 8080 accept",),
        ),
        (
            place("output", rule("drop", handle=9), backend=Backend.NFT, family=Family.INET, hook=Hook.OUTPUT),
            ("nft insert rule inet filter output position 9 tcp sport 8080 accept",),
        ),
        (
            place("INPUT", rule("-A INPUT -j REJECT", number=5)),
            ("iptables -I INPUT 5 -p tcp --dport 8080 -j ACCEPT",),
        ),
        (
            place("INPUT", rule("-A INPUT -p tcp -m tcp --dport 8080 -j DROP", number=5, port=8080)),
            (
                "iptables -D INPUT -p tcp -m tcp --dport 8080 -j DROP",
                OR,
                "iptables -I INPUT 5 -p tcp --dport 8080 -j ACCEPT",
            ),
        ),
        (place("INPUT"), ("iptables -A INPUT -p tcp --dport 8080 -j ACCEPT",)),
        (
            place("PREROUTING", rule("-A PREROUTING -j DROP"), table="raw", family=Family.IP6, hook=Hook.PREROUTING),
            ("ip6tables -t raw -I PREROUTING 1 -p tcp --dport 8080 -j ACCEPT",),
        ),
    ],
)
def test_a_person_s_rule_is_gone_round_or_deleted(where: Place, expected: tuple[str, ...]) -> None:
    assert fixes(stopped(where), Owners(), PORT) == expected


CLIENT = Question(port=8080, version=4, interface="eth0", source="192.0.2.7")
OVER_IPV6 = Question(port=8080, version=6, interface="eth0")


@pytest.mark.parametrize(
    ("where", "question", "fix"),
    [
        (
            nft(decided=rule("tcp dport 8080 drop", handle=9, port=8080)),
            PORT,
            "nft insert rule inet filter input position 9 ip saddr CLIENT tcp dport 8080 accept",
        ),
        (nft(), PORT, "nft add rule inet filter input ip saddr CLIENT tcp dport 8080 accept"),
        (nft(), OVER_IPV6, "nft add rule inet filter input ip6 saddr CLIENT tcp dport 8080 accept"),
        (nft(), CLIENT, "nft add rule inet filter input ip saddr 192.0.2.7 tcp dport 8080 accept"),
        (
            nft("output", hook=Hook.OUTPUT),
            PORT,
            "nft add rule inet filter output ip daddr CLIENT tcp sport 8080 accept",
        ),
        (
            nft(decided=rule("tcp dport @shut drop", handle=9)),
            PORT,
            "nft insert rule inet filter input position 9 ip saddr CLIENT tcp dport 8080 accept",
        ),
        (
            place("INPUT", rule("-A INPUT -p tcp -m tcp --dport 8080 -j DROP", number=5, port=8080)),
            PORT,
            "iptables -I INPUT 5 -s CLIENT -p tcp --dport 8080 -j ACCEPT",
        ),
        (
            place("DOCKER-USER", rule("-A DOCKER-USER -j DROP"), hook=Hook.FORWARD),
            PORT,
            "iptables -I DOCKER-USER -i eth0 -s CLIENT -p tcp -m conntrack --ctorigdstport 8080 --ctdir ORIGINAL "
            "-j ACCEPT",
        ),
        (place("ufw-user-input", rule("-j DROP")), PORT, "ufw allow from CLIENT to any port 8080 proto tcp"),
        (
            nft("filter_IN_public", table="firewalld", decided=rule("reject", handle=7)),
            OVER_IPV6,
            'firewall-cmd --permanent --zone=public --add-rich-rule=\'rule family="ipv6" source address="CLIENT" '
            'port port="8080" protocol="tcp" accept\' && firewall-cmd --reload',
        ),
    ],
)
def test_a_port_that_is_open_to_some_is_opened_to_one_more_and_not_to_everybody(
    where: Place, question: Question, fix: str
) -> None:
    assert fixes(stopped(where), Owners(), question, for_some=True) == (fix,)


def test_the_answer_is_let_out_by_its_source_port() -> None:
    where = place("FORWARD", rule("-A FORWARD -j DROP"), hook=Hook.FORWARD)
    proposed = fixes(stopped(where), Owners(), PORT, is_answer=True)
    assert proposed == ("iptables -I FORWARD 1 -p tcp --sport 8080 -j ACCEPT",)


def test_behind_a_translation_the_port_is_the_one_it_was_translated_to() -> None:
    where = place("forward", rule("drop", handle=3), backend=Backend.NFT, family=Family.INET, hook=Hook.FORWARD)
    proposed = fixes(stopped(where, inner=80), Owners(), PORT)
    assert proposed == ("nft insert rule inet filter forward position 3 tcp dport 80 accept",)


@pytest.mark.parametrize(
    ("files", "where", "fix", "note"),
    [
        (
            {"/etc/iptables/rules.v4": ""},
            place("INPUT"),
            "iptables -A INPUT -p tcp --dport 8080 -j ACCEPT && netfilter-persistent save",
            "",
        ),
        (
            {"/etc/sysconfig/iptables": ""},
            place("INPUT"),
            "iptables -A INPUT -p tcp --dport 8080 -j ACCEPT && service iptables save",
            "",
        ),
        (
            {},
            place("INPUT"),
            "iptables -A INPUT -p tcp --dport 8080 -j ACCEPT",
            "This fix lasts until the next boot, unless something saves what iptables has loaded.",
        ),
        (
            {"/etc/nftables.conf": ""},
            nft(),
            "nft add rule inet filter input tcp dport 8080 accept",
            "This fix lasts until the next boot; to keep it, edit /etc/nftables.conf.",
        ),
        (
            {"/etc/sysconfig/nftables.conf": ""},
            nft(),
            "nft add rule inet filter input tcp dport 8080 accept",
            "This fix lasts until the next boot; to keep it, edit /etc/sysconfig/nftables.conf.",
        ),
    ],
)
def test_what_lasts_is_told(files: dict[str, str], where: Place, fix: str, note: str) -> None:
    told = explain(stopped(where), read(Recorded(files=files)), PORT)
    assert (told.fixes, told.note) == ((fix,), note)


@pytest.mark.parametrize(
    ("version", "flavour"),
    [
        ("iptables v1.8.9 (nf_tables)\n", Backend.IPTABLES_NFT),
        ("iptables v1.8.4 (legacy)\n", Backend.IPTABLES_LEGACY),
        ("iptables v1.4.21\n", Backend.IPTABLES_LEGACY),
    ],
)
def test_the_flavour_of_iptables_is_told_by_its_version(version: str, flavour: Backend) -> None:
    assert read(Recorded(commands={"iptables --version": version})).kept == Kept(iptables=flavour)


# The smaller ones


def test_fail2ban_s_jail_is_told_by_the_chain_or_by_the_set() -> None:
    by_chain = stopped(place("f2b-nginx-http-auth", rule("-A f2b-nginx-http-auth -s 192.0.2.7/32 -j REJECT")))
    text = "tcp dport 22 ip saddr @addr-set-sshd reject"
    by_set = stopped(place("f2b-chain", rule(text), backend=Backend.NFT, family=Family.INET, table="f2b-table"))
    question = Question(port=22, source="192.0.2.7")
    assert fixes(by_chain, Owners(), question)[0] == "fail2ban-client set nginx-http-auth unbanip 192.0.2.7"
    assert fixes(by_set, Owners(), question)[0] == "fail2ban-client set sshd unbanip 192.0.2.7"
    assert fixes(by_set, Owners(), Question(port=22))[0] == "fail2ban-client set sshd unbanip ADDRESS"


@pytest.mark.parametrize(
    ("chain", "fix"),
    [
        ("CROWDSEC_CHAIN", "cscli decisions delete --ip 192.0.2.7"),
        ("DENYIN", "csf -dr 192.0.2.7"),
        ("net-fw", "echo 'ACCEPT net $FW tcp 8080' >> /etc/shorewall/rules && shorewall reload"),
        ("LIBVIRT_FWI", "virsh net-list --all"),
        ("KUBE-FIREWALL", "kubectl get services,endpointslices --all-namespaces"),
    ],
)
def test_every_owner_is_asked_in_its_own_words(chain: str, fix: str) -> None:
    told = explain(stopped(place(chain, rule("-j DROP"))), Owners(), Question(port=8080, source="192.0.2.7"))
    assert told.fixes[0] == fix
    assert "{" not in told.sentence


def test_an_owner_that_nobody_knows_more_of_is_named_all_the_same() -> None:
    told = explain(stopped(place("FLANNEL-FWD", rule("-j DROP"))), Owners(), PORT)
    assert (told.owner, told.fixes) == ("flannel", ())


# Nothing to mend


@pytest.mark.parametrize("fate", [Fate.ACCEPTED, Fate.HANDED, Fate.LOST])
def test_what_no_rule_stopped_needs_no_mending(fate: Fate) -> None:
    assert explain(stopped(place("INPUT", rule("-j NFQUEUE")), fate=fate), Owners(), PORT) == Explanation()
    assert explain(Outcome(fate=Fate.DROPPED, decided=None), Owners(), PORT) == Explanation()


# What a rule says of a port

TCP = Compare(field=Field.PROTOCOL, ranges=((6, 6),))


@pytest.mark.parametrize(
    ("statements", "ports", "besides"),
    [
        (of_port(8080), Ports.EXACTLY, False),
        (of_port(8081), Ports.OTHERS, False),
        (of_port(8080, "udp"), Ports.OTHERS, False),
        ((TCP,), Ports.ANY, False),
        ((), Ports.ANY, False),
        ((Compare(field=Field.PROTOCOL, ranges=((6, 6),), negated=True),), Ports.OTHERS, False),
        ((Compare(field=Field.DESTINATION_PORT, ranges=((8080, 8080),)),), Ports.EXACTLY, False),
        ((Compare(field=Field.TCP_DESTINATION_PORT, ranges=((8000, 8100),)),), Ports.AMONG, False),
        ((Compare(field=Field.TCP_DESTINATION_PORT, ranges=((22, 22), (8080, 8080))),), Ports.AMONG, False),
        ((Compare(field=Field.TCP_DESTINATION_PORT, ranges=((22, 22),), negated=True),), Ports.AMONG, False),
        ((Compare(field=Field.TCP_DESTINATION_PORT, ranges=((8080, 8080),), negated=True),), Ports.OTHERS, False),
        ((Compare(field=Field.UDP_DESTINATION_PORT, ranges=((8080, 8080),)),), Ports.OTHERS, False),
        ((*of_port(8080), Compare(field=Field.IP_SOURCE, ranges=((1, 2),))), Ports.EXACTLY, True),
    ],
)
def test_whether_a_rule_is_for_a_port(statements: tuple[Statement, ...], ports: Ports, besides: bool) -> None:
    said = spoken_of(rule("x", *statements), 8080, "tcp")
    assert (said.ports, said.besides) == (ports, besides)
