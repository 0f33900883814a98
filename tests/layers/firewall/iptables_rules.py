"""Rules as iptables-save prints them, and what they say: read by the parser's tests and loaded into real kernels."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from pathprobe.layers.firewall.model import (
    AnyOf,
    Assign,
    Combined,
    Compare,
    Copy,
    CtState,
    End,
    Ending,
    Family,
    Field,
    Jump,
    Named,
    Nat,
    Opaque,
    Range,
    RouteBack,
    Statement,
    Translate,
    TranslateMap,
    Untrack,
)

ALL = 0xFFFFFFFF
ACCEPT, DROP = End(ending=Ending.ACCEPT), End(ending=Ending.DROP)
NEVER = Compare(field=Field.VERSION, ranges=())


@dataclass(frozen=True, slots=True)
class Row:
    """``line``: what stands behind ``-A CHAIN``."""

    line: str
    statements: tuple[Statement, ...]
    table: str = "filter"
    chain: str = "INPUT"
    family: Family = Family.IP


def net(text: str) -> Range:
    if "-" in text:
        low, high = text.split("-")
        return int(ip_address(low)), int(ip_address(high))
    network = ip_network(text)
    return int(network[0]), int(network[-1])


def compare(field: Field, *ranges: int | Range | str, mask: int | None = None, negated: bool = False) -> Compare:
    wanted = tuple(net(one) if isinstance(one, str) else (one, one) if isinstance(one, int) else one for one in ranges)
    return Compare(field=field, ranges=wanted, mask=mask, negated=negated)


def some(field: Field, bits: int) -> Compare:
    return Compare(field=field, ranges=((0, 0),), mask=bits, negated=True)


def none(field: Field, bits: int) -> Compare:
    return Compare(field=field, ranges=((0, 0),), mask=bits)


def either(*conditions: Compare | RouteBack | Opaque | Combined) -> AnyOf:
    return AnyOf(conditions=conditions)


def named(field: Field, pattern: str, *, negated: bool = False) -> Named:
    return Named(field=field, patterns=(pattern,), negated=negated)


def reject(detail: str) -> End:
    return End(ending=Ending.REJECT, detail=detail)


def handed(detail: str) -> End:
    return End(ending=Ending.HANDED, detail=detail)


def opaque(text: str, *, at_first: bool | None = None) -> Opaque:
    return Opaque(text=text, at_first=at_first)


def _protocol(number: int, *, negated: bool = False) -> Compare:
    return compare(Field.PROTOCOL, number, negated=negated)


TCP, UDP, ICMP, ICMP6 = (_protocol(number) for number in (6, 17, 1, 58))
STATE, STATUS = Field.CT_STATE, Field.CT_STATUS
NEW, ESTABLISHED, RELATED = CtState.NEW, CtState.ESTABLISHED, CtState.RELATED
INVALID, UNTRACKED = CtState.INVALID, CtState.UNTRACKED
TRACKED, UNKNOWN = none(STATE, INVALID | UNTRACKED), some(STATE, INVALID | UNTRACKED)
_ANY_PORT = (0, 65535)


def _accepted(line: str, *conditions: Statement, family: Family = Family.IP, chain: str = "INPUT") -> Row:
    return Row(f"{line} -j ACCEPT", (*conditions, ACCEPT), family=family, chain=chain)


GENERAL = (
    _accepted("-s 10.0.0.0/8", compare(Field.IP_SOURCE, "10.0.0.0/8")),
    _accepted("! -s 192.0.2.1/32", compare(Field.IP_SOURCE, "192.0.2.1", negated=True)),
    _accepted("-d 198.51.100.0/24", compare(Field.IP_DESTINATION, "198.51.100.0/24")),
    _accepted(
        "-d 10.0.0.5/255.0.255.255",
        compare(Field.IP_DESTINATION, "10.0.0.5", mask=0xFF00FFFF),
    ),
    _accepted("-i eth0", named(Field.INPUT_INTERFACE, "eth0")),
    _accepted("! -i eth+", named(Field.INPUT_INTERFACE, "eth*", negated=True)),
    _accepted("! -o docker0", named(Field.OUTPUT_INTERFACE, "docker0", negated=True), chain="OUTPUT"),
    _accepted("-p tcp", TCP),
    _accepted("! -p tcp", _protocol(6, negated=True)),
    _accepted("-p gre", _protocol(47)),
    _accepted("-p 253", _protocol(253)),
    _accepted("-f", NEVER),
    _accepted("! -f"),
    Row("", ()),
    Row("-m comment --comment seen", ()),
)

PORTS = (
    _accepted("-p tcp -m tcp --dport 8080", TCP, compare(Field.TCP_DESTINATION_PORT, 8080)),
    _accepted(
        "-p tcp -m tcp --sport 1024:65535 ! --dport 80:90",
        TCP,
        compare(Field.TCP_SOURCE_PORT, (1024, 65535)),
        compare(Field.TCP_DESTINATION_PORT, (80, 90), negated=True),
    ),
    _accepted("-p udp -m udp --dport 53", UDP, compare(Field.UDP_DESTINATION_PORT, 53)),
    _accepted("-p sctp -m sctp --dport 5", _protocol(132), compare(Field.DESTINATION_PORT, 5)),
    _accepted("-p dccp -m dccp --sport 5", _protocol(33), compare(Field.SOURCE_PORT, 5)),
    _accepted(
        "-p tcp -m multiport --dports 22,80,8000:8100",
        TCP,
        compare(Field.TCP_DESTINATION_PORT, 22, 80, (8000, 8100)),
    ),
    _accepted("-p udp -m multiport ! --sports 53", UDP, compare(Field.UDP_SOURCE_PORT, 53, negated=True)),
    _accepted(
        "-p udp -m multiport ! --ports 1,3:9",
        UDP,
        Combined(
            fields=(Field.UDP_SOURCE_PORT, Field.UDP_DESTINATION_PORT),
            elements=((_ANY_PORT, (1, 1)), (_ANY_PORT, (3, 9)), ((1, 1), _ANY_PORT), ((3, 9), _ANY_PORT)),
            negated=True,
        ),
    ),
    _accepted("-p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN", TCP, compare(Field.TCP_FLAGS, 2, mask=0x17)),
    _accepted(
        "-p tcp -m tcp ! --tcp-flags FIN,SYN,RST,ACK SYN",
        TCP,
        compare(Field.TCP_FLAGS, 2, mask=0x17, negated=True),
    ),
    _accepted("-p tcp -m tcp --tcp-flags FIN,SYN,RST,PSH,ACK,URG NONE", TCP, compare(Field.TCP_FLAGS, 0, mask=0x3F)),
    _accepted("-p tcp -m tcp --tcp-option 7", TCP, opaque("-m tcp --tcp-option 7")),
    _accepted("-p icmp -m icmp --icmp-type 8", ICMP, compare(Field.ICMP_TYPE, 8)),
    _accepted("-p icmp -m icmp --icmp-type any", ICMP),
    _accepted(
        "-p icmp -m icmp ! --icmp-type 3/10",
        ICMP,
        Combined(fields=(Field.ICMP_TYPE, Field.ICMP_CODE), elements=(((3, 3), (10, 10)),), negated=True),
    ),
)

CONNECTIONS = (
    _accepted("-m state --state NEW,ESTABLISHED", some(STATE, NEW | ESTABLISHED)),
    _accepted("-m state ! --state INVALID,UNTRACKED", none(STATE, INVALID | UNTRACKED)),
    _accepted("-m conntrack --ctstate RELATED,ESTABLISHED", some(STATE, RELATED | ESTABLISHED)),
    _accepted("-m conntrack ! --ctstate NEW", none(STATE, NEW)),
    _accepted("-m conntrack --ctstate INVALID", some(STATE, INVALID)),
    _accepted("-m conntrack --ctstate UNTRACKED", some(STATE, UNTRACKED)),
    _accepted("-m conntrack --ctstate DNAT", some(STATUS, 32)),
    _accepted(
        "-m conntrack --ctstate RELATED,ESTABLISHED,DNAT",
        either(some(STATE, RELATED | ESTABLISHED), some(STATUS, 32)),
    ),
    _accepted("-m conntrack ! --ctstate DNAT", either(UNKNOWN, none(STATUS, 32))),
    _accepted(
        "-m conntrack ! --ctstate RELATED,SNAT,DNAT",
        none(STATE, RELATED),
        either(UNKNOWN, none(STATUS, 48)),
    ),
    _accepted("-m conntrack --ctstatus EXPECTED,ASSURED", TRACKED, some(STATUS, 5)),
    _accepted("-m conntrack ! --ctstatus CONFIRMED", TRACKED, none(STATUS, 8)),
    _accepted("-m conntrack --ctdir REPLY", TRACKED, compare(Field.CT_DIRECTION, 1)),
    _accepted(
        "-m conntrack --ctorigsrc 10.0.0.0/8 ! --ctorigdst 192.0.2.1 --ctorigsrcport 1:5 --ctorigdstport 80",
        TRACKED,
        compare(Field.CT_ORIGINAL_SOURCE, "10.0.0.0/8"),
        compare(Field.CT_ORIGINAL_DESTINATION, "192.0.2.1", negated=True),
        compare(Field.CT_ORIGINAL_SOURCE_PORT, (1, 5)),
        compare(Field.CT_ORIGINAL_DESTINATION_PORT, 80),
    ),
    _accepted(
        "-m conntrack --ctproto 6",
        TRACKED,
        either(some(STATE, RELATED), TCP),
        either(none(STATE, RELATED), opaque("-m conntrack --ctproto 6")),
    ),
    # Of a packet without a connection conntrack_mt asks no more than its state.
    _accepted(
        "-m conntrack --ctstate INVALID,NEW --ctdir ORIGINAL",
        some(STATE, INVALID | NEW),
        either(UNKNOWN, compare(Field.CT_DIRECTION, 0)),
    ),
    _accepted(
        "-m conntrack --ctstate NEW --ctorigdstport 8080",
        some(STATE, NEW),
        compare(Field.CT_ORIGINAL_DESTINATION_PORT, 8080),
    ),
    _accepted("-m conntrack --ctexpire 10:20", TRACKED, opaque("-m conntrack --ctexpire 10:20")),
    _accepted("-m conntrack ! --ctreplsrc 192.0.2.1", TRACKED, opaque("-m conntrack ! --ctreplsrc 192.0.2.1")),
)

OTHER_MATCHES = (
    _accepted("-m mark --mark 0x4000/0x4000", compare(Field.MARK, 0x4000, mask=0x4000)),
    _accepted("-m mark ! --mark 0x5", compare(Field.MARK, 5, negated=True)),
    _accepted("-m connmark --mark 0x1/0xff", compare(Field.CT_MARK, 1, mask=0xFF)),
    _accepted("-m addrtype --dst-type LOCAL", compare(Field.DESTINATION_TYPE, 2)),
    _accepted(
        "-m addrtype --src-type UNICAST,LOCAL ! --dst-type BROADCAST",
        compare(Field.SOURCE_TYPE, 1, 2),
        compare(Field.DESTINATION_TYPE, 3, negated=True),
    ),
    _accepted(
        "-m addrtype --dst-type LOCAL --limit-iface-in", opaque("-m addrtype --dst-type LOCAL --limit-iface-in")
    ),
    _accepted(
        "-m iprange --src-range 192.0.2.5-192.0.2.9 ! --dst-range 198.51.100.1-198.51.100.2",
        compare(Field.IP_SOURCE, "192.0.2.5-192.0.2.9"),
        compare(Field.IP_DESTINATION, "198.51.100.1-198.51.100.2", negated=True),
    ),
    _accepted("-m pkttype ! --pkt-type broadcast", compare(Field.PACKET_TYPE, 1, negated=True)),
    _accepted("-m ttl --ttl-gt 3", compare(Field.TTL, (4, 255))),
    _accepted("-m ttl --ttl-lt 3", compare(Field.TTL, (0, 2))),
    _accepted("-m ttl ! --ttl-eq 3", compare(Field.TTL, 3, negated=True)),
    _accepted("-m length ! --length 40:90", compare(Field.LENGTH, (40, 90), negated=True)),
    _accepted("-m recent --set --name DEFAULT --mask 255.255.255.255 --rsource"),
    _accepted(
        "-m recent --update --seconds 30 --hitcount 6 --name DEFAULT --mask 255.255.255.255 --rsource",
        opaque(
            "-m recent --update --seconds 30 --hitcount 6 --name DEFAULT --mask 255.255.255.255 --rsource",
            at_first=False,
        ),
    ),
    _accepted("-m limit --limit 3/min", opaque("-m limit --limit 3/min", at_first=True)),
    _accepted(
        "-m limit --limit 3/min --limit-burst 9",
        opaque("-m limit --limit 3/min --limit-burst 9", at_first=True),
    ),
    _accepted(
        "-m hashlimit --hashlimit-upto 3/min --hashlimit-burst 5 --hashlimit-mode srcip --hashlimit-name x",
        opaque(
            "-m hashlimit --hashlimit-upto 3/min --hashlimit-burst 5 --hashlimit-mode srcip --hashlimit-name x",
            at_first=True,
        ),
    ),
    _accepted(
        "-p tcp -m connlimit --connlimit-above 3 --connlimit-mask 32 --connlimit-saddr",
        TCP,
        opaque("-m connlimit --connlimit-above 3 --connlimit-mask 32 --connlimit-saddr", at_first=False),
    ),
    _accepted(
        "-p tcp -m connlimit --connlimit-upto 3 --connlimit-mask 32 --connlimit-saddr",
        TCP,
        opaque("-m connlimit --connlimit-upto 3 --connlimit-mask 32 --connlimit-saddr", at_first=True),
    ),
    _accepted("-m quota --quota 5000", opaque("-m quota --quota 5000", at_first=True)),
    _accepted(
        "-m statistic --mode random ! --probability 0.50000000000",
        opaque("-m statistic --mode random ! --probability 0.50000000000"),
    ),
    _accepted(
        '-m string --string "he\\"l lo" --algo bm -m comment --comment "it\\\'s \\"a\\" \\\\ test"',
        opaque('-m string --string "he\\"l lo" --algo bm'),
    ),
    _accepted('-m u32 --u32 "0x0=0x1"', opaque('-m u32 --u32 "0x0=0x1"')),
    _accepted("-m mac --mac-source 00:11:22:33:44:55", opaque("-m mac --mac-source 00:11:22:33:44:55")),
    _accepted("-m physdev --physdev-in eth0", opaque("-m physdev --physdev-in eth0")),
    _accepted("-m owner --uid-owner 0", opaque("-m owner --uid-owner 0"), chain="OUTPUT"),
    _accepted("-m socket --transparent", opaque("-m socket --transparent")),
    _accepted("-m dscp --dscp 0x0a", opaque("-m dscp --dscp 0x0a")),
    _accepted("-m helper --helper ftp", opaque("-m helper --helper ftp")),
    _accepted("-m policy --dir in --pol ipsec", opaque("-m policy --dir in --pol ipsec")),
    _accepted("-p tcp -m tcpmss --mss 5", TCP, opaque("-m tcpmss --mss 5")),
    Row("-m rpfilter --loose --invert -j DROP", (RouteBack(loose=True, negated=True), DROP), "raw", "PREROUTING"),
    Row(
        "-m rpfilter --validmark --invert -j DROP",
        (
            either(compare(Field.MARK, 0, negated=True), RouteBack(negated=True)),
            either(compare(Field.MARK, 0), opaque("-m rpfilter --validmark --invert")),
            DROP,
        ),
        table="raw",
        chain="PREROUTING",
    ),
    Row("-m rpfilter --accept-local -j DROP", (opaque("-m rpfilter --accept-local"), DROP), "raw", "PREROUTING"),
)  # fmt: skip


def _mangled(line: str, *statements: Statement) -> Row:
    return Row(line, statements, "mangle", "PREROUTING")


def _translated(line: str, *statements: Statement, chain: str = "PREROUTING") -> Row:
    return Row(line, statements, "nat", chain)


TARGETS = (
    Row("-j DROP", (DROP,)),
    Row("-j RETURN", (End(ending=Ending.RETURN),)),
    Row("-j elsewhere", (Jump(chain="elsewhere"),)),
    Row("-g elsewhere", (Jump(chain="elsewhere", goto=True),)),
    *(
        Row(f"-j REJECT --reject-with icmp-{name}", (reject(f"icmp {told}"),))
        for name, told in {
            "net-unreachable": "net-unreachable",
            "host-unreachable": "host-unreachable",
            "proto-unreachable": "prot-unreachable",
            "port-unreachable": "port-unreachable",
            "net-prohibited": "net-prohibited",
            "host-prohibited": "host-prohibited",
            "admin-prohibited": "admin-prohibited",
        }.items()
    ),
    Row("-p tcp -j REJECT --reject-with tcp-reset", (TCP, reject("tcp reset"))),
    Row("-j NFQUEUE --queue-num 3 --queue-bypass", (handed("NFQUEUE --queue-num 3 --queue-bypass"),)),
    Row('-j LOG --log-prefix "x: "', ()),
    Row('-j NFLOG --nflog-prefix "a b"', ()),
    Row("-j AUDIT --type accept", ()),
    Row("-p tcp -j SYNPROXY --mss 1400", (TCP, handed("SYNPROXY --mss 1400"))),
    _mangled(
        "-p tcp -j TPROXY --on-port 80 --on-ip 127.0.0.1 --tproxy-mark 0x1/0x1",
        TCP,
        handed("TPROXY --on-port 80 --on-ip 127.0.0.1 --tproxy-mark 0x1/0x1"),
    ),
    _mangled("-j MARK --set-xmark 0x5/0xffffffff", Assign(field=Field.MARK, keep=0, flip=5)),
    _mangled("-j MARK --set-xmark 0x5/0x7", Assign(field=Field.MARK, keep=ALL & ~7, flip=5)),
    _mangled("-j MARK --set-xmark 0x5/0x0", Assign(field=Field.MARK, keep=ALL, flip=5)),
    _mangled(
        "-j CONNMARK --save-mark --nfmask 0xffffffff --ctmask 0xffffffff", Copy(field=Field.CT_MARK, source=Field.MARK)
    ),
    _mangled(
        "-j CONNMARK --restore-mark --nfmask 0xffffffff --ctmask 0xffffffff",
        Copy(field=Field.MARK, source=Field.CT_MARK),
    ),
    _mangled("-j CONNMARK --restore-mark --nfmask 0xff --ctmask 0xff", Assign(field=Field.MARK, flip=None)),
    _mangled("-j CONNMARK --set-xmark 0x5/0xf", Assign(field=Field.CT_MARK, keep=ALL & ~15, flip=5)),
    _mangled("-j TTL --ttl-set 5"),
    _mangled("-j DSCP --set-dscp 0x05"),
    _mangled("-j TEE --gateway 192.0.2.1"),
    Row("-j CHECKSUM --checksum-fill", (), "mangle", "POSTROUTING"),
    Row("-j CLASSIFY --set-class 0001:0001", (), "mangle", "POSTROUTING"),
    Row(
        "-p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j TCPMSS --clamp-mss-to-pmtu",
        (TCP, compare(Field.TCP_FLAGS, 2, mask=0x17)),
        "mangle",
        "FORWARD",
    ),
    Row("-j CT --notrack", (Untrack(),), "raw", "PREROUTING"),
    Row("-j NOTRACK", (Untrack(),), "raw", "PREROUTING"),
    Row("-p tcp -j CT --helper ftp", (TCP,), "raw", "PREROUTING"),
    Row("-j TRACE", (), "raw", "PREROUTING"),
    _translated(
        "-p tcp -j DNAT --to-destination 192.0.2.1-192.0.2.5:80-90",
        TCP,
        Translate(kind=Nat.DNAT, addresses=net("192.0.2.1-192.0.2.5"), ports=(80, 90)),
    ),
    _translated("-j DNAT --to-destination 192.0.2.1", Translate(kind=Nat.DNAT, addresses=net("192.0.2.1"))),
    _translated("-p tcp -j DNAT --to-destination :80", TCP, Translate(kind=Nat.DNAT, ports=(80, 80))),
    _translated(
        "-p tcp -j DNAT --to-destination 192.0.2.1:80 --random --persistent",
        TCP,
        Translate(kind=Nat.DNAT, addresses=net("192.0.2.1"), ports=(80, 80)),
    ),
    # Which port of these depends on the one that was asked for.
    _translated(
        "-p tcp -j DNAT --to-destination 192.0.2.1:80-90/8080",
        TCP,
        opaque("-j DNAT --to-destination 192.0.2.1:80-90/8080"),
        handed("-j DNAT --to-destination 192.0.2.1:80-90/8080"),
    ),
    _translated("-p tcp -j REDIRECT --to-ports 80-90", TCP, Translate(kind=Nat.REDIRECT, ports=(80, 90))),
    _translated("-j REDIRECT", Translate(kind=Nat.REDIRECT)),
    _translated(
        "-d 192.0.2.0/31 -j NETMAP --to 198.51.100.0/31",
        compare(Field.IP_DESTINATION, "192.0.2.0/31"),
        TranslateMap(
            fields=(Field.IP_DESTINATION,),
            entries=tuple(
                ((net(old),), Translate(kind=Nat.DNAT, addresses=net(new)))
                for old, new in (("192.0.2.0", "198.51.100.0"), ("192.0.2.1", "198.51.100.1"))
            ),
        ),
    ),
    _translated(
        "-j NETMAP --to 198.51.100.0/24",
        opaque("-j NETMAP --to 198.51.100.0/24"),
        handed("-j NETMAP --to 198.51.100.0/24"),
    ),
    _translated(
        "-j NETMAP --to 198.51.100.0/24",
        Translate(kind=Nat.SNAT, addresses=net("198.51.100.0/24")),
        chain="POSTROUTING",
    ),
    _translated("-j MASQUERADE", Translate(kind=Nat.MASQUERADE), chain="POSTROUTING"),
    _translated(
        "-p tcp -j MASQUERADE --to-ports 80-90 --random-fully",
        TCP,
        Translate(kind=Nat.MASQUERADE, ports=(80, 90)),
        chain="POSTROUTING",
    ),
    _translated(
        "-p tcp -j SNAT --to-source 192.0.2.1:80",
        TCP,
        Translate(kind=Nat.SNAT, addresses=net("192.0.2.1"), ports=(80, 80)),
        chain="POSTROUTING",
    ),
)


def _six(line: str, *statements: Statement, table: str = "filter", chain: str = "INPUT") -> Row:
    return Row(line, statements, table, chain, Family.IP6)


OF_IPV6 = (
    _six(
        "-s fe80::/10 -d ff02::1/128 -p udp -m udp --dport 546 -j ACCEPT",
        compare(Field.IP6_SOURCE, "fe80::/10"),
        compare(Field.IP6_DESTINATION, "ff02::1"),
        UDP,
        compare(Field.UDP_DESTINATION_PORT, 546),
        ACCEPT,
    ),
    _six(
        "-s fe80::1/ffff::ffff -j ACCEPT",
        compare(Field.IP6_SOURCE, "fe80::1", mask=int(ip_address("ffff::ffff"))),
        ACCEPT,
    ),
    _six(
        "-m iprange --src-range 2001:db8::1-2001:db8::5 -j ACCEPT",
        compare(Field.IP6_SOURCE, "2001:db8::1-2001:db8::5"),
        ACCEPT,
    ),
    _six(
        "-p ipv6-icmp -m icmp6 --icmpv6-type 1/4 -j ACCEPT",
        ICMP6,
        Combined(fields=(Field.ICMP6_TYPE, Field.ICMP6_CODE), elements=(((1, 1), (4, 4)),)),
        ACCEPT,
    ),
    _six(
        "-p ipv6-icmp -m icmp6 --icmpv6-type 135 -m hl --hl-eq 255 -j ACCEPT",
        ICMP6,
        compare(Field.ICMP6_TYPE, 135),
        compare(Field.HOP_LIMIT, 255),
        ACCEPT,
    ),
    _six("-m rt --rt-type 0 -j DROP", NEVER, DROP),
    _six("-m rt ! --rt-type 0 -j DROP", NEVER, DROP),
    _six("-m hbh --hbh-len 5 -j DROP", NEVER, DROP),
    _six("-m ipv6header --header ipv6-frag --soft -j DROP", opaque("-m ipv6header --header ipv6-frag --soft"), DROP),
    _six("-m addrtype --dst-type LOCAL -j DROP", compare(Field.DESTINATION_TYPE, 2), DROP),
    _six("-m addrtype --dst-type UNICAST,LOCAL -j DROP", compare(Field.DESTINATION_TYPE, 2), DROP),
    _six(
        "-m addrtype ! --dst-type UNICAST -j DROP",
        compare(Field.DESTINATION_TYPE, 1, 2, 3, 4, 6, 7, 8, negated=True),
        DROP,
    ),
    _six("-m addrtype --dst-type ANYCAST,MULTICAST -j DROP", opaque("-m addrtype --dst-type ANYCAST,MULTICAST"), DROP),
    *(
        _six(f"-j REJECT --reject-with icmp6-{name}", reject(f"icmpv6 {told}"))
        for name, told in {
            "no-route": "no-route",
            "adm-prohibited": "admin-prohibited",
            "addr-unreachable": "addr-unreachable",
            "port-unreachable": "port-unreachable",
            "policy-fail": "policy-fail",
            "reject-route": "reject-route",
        }.items()
    ),
    _six("-j HL --hl-set 5", table="mangle", chain="PREROUTING"),
    *(
        _six(
            f"-p tcp -j DNAT --to-destination {text}",
            TCP,
            Translate(kind=Nat.DNAT, addresses=net(addresses), ports=ports),
            table="nat",
            chain="PREROUTING",
        )
        for text, addresses, ports in (
            ("[2001:db8::1]:80", "2001:db8::1", (80, 80)),
            ("2001:db8::1", "2001:db8::1", None),
            ("[2001:db8::1-2001:db8::5]:80-90", "2001:db8::1-2001:db8::5", (80, 90)),
            ("2001:db8::1-2001:db8::5", "2001:db8::1-2001:db8::5", None),
        )
    ),
)

ROWS = (*GENERAL, *PORTS, *CONNECTIONS, *OTHER_MATCHES, *TARGETS, *OF_IPV6)


def _unclear(line: str, table: str = "filter", chain: str = "INPUT") -> Row:
    return Row(line, (opaque(line), handed(line)), table, chain)


#: What no iptables of today prints: older ones did, or nobody does.
WRITTEN_OTHERWISE = (
    _accepted("-p ! tcp", _protocol(6, negated=True)),
    _accepted("-s ! 10.0.0.0/255.0.0.0", compare(Field.IP_SOURCE, "10.0.0.0/8", negated=True)),
    _accepted("-p tcp -m tcp --dport ! 80", TCP, compare(Field.TCP_DESTINATION_PORT, 80, negated=True)),
    _accepted("-p tcp -m tcp ! --syn", TCP, compare(Field.TCP_FLAGS, 2, mask=0x17, negated=True)),
    _accepted("-p icmp -m icmp --icmp-type echo-request", ICMP, compare(Field.ICMP_TYPE, 8)),
    _accepted("-p all"),
    _accepted("-p 0"),
    Row("-j REJECT", (reject("icmp port-unreachable"),)),
    _six("-j REJECT", reject("icmpv6 port-unreachable")),
    _mangled("-j MARK --set-mark 0x5/0x3", Assign(field=Field.MARK, keep=ALL & ~7, flip=5)),
    _mangled("-j MARK --or-mark 0x5", Assign(field=Field.MARK, keep=ALL & ~5, flip=5)),
    _mangled("-j MARK --and-mark 0x5", Assign(field=Field.MARK, keep=5, flip=0)),
    _mangled("-j MARK --xor-mark 0x5", Assign(field=Field.MARK, keep=ALL, flip=5)),
    _mangled("-j MARK --dance", Assign(field=Field.MARK, flip=None)),
    _mangled("-j HMARK --hmark-tuple src --hmark-mod 5", Assign(field=Field.MARK, flip=None)),
    _mangled("-j SET --map-set marks src --map-mark", Assign(field=Field.MARK, flip=None)),
    Row("-j SET --add-set seen src", ()),
    # Neither match nor target may be dropped, known or not.
    Row("-m geoip ! --source-country CN,RU -j DROP", (opaque("-m geoip ! --source-country CN,RU"), DROP)),
    Row("-j TARPIT --honeypot", (opaque("-j TARPIT --honeypot"), handed("-j TARPIT --honeypot"))),
    Row("-j DROP --softly", (opaque("-j DROP --softly"), handed("-j DROP --softly"))),
    Row("-p tcp -m tcp --dport http -j DROP", (TCP, opaque("-m tcp --dport http"), DROP)),
    Row("-p tcp -m tcp --dport 80:70000 -j DROP", (TCP, opaque("-m tcp --dport 80:70000"), DROP)),
    Row("-p bogus -j DROP", (opaque("-p bogus"), DROP)),
    Row("-s 10.0.0.300 -j DROP", (opaque("-s 10.0.0.300"), DROP)),
    Row("--zeal 5 -j DROP", (opaque("--zeal 5"), DROP)),
    Row("-m set --match-set gone src -j DROP", (opaque("-m set --match-set gone src"), DROP)),
    Row("-m addrtype --dst-type ODD -j DROP", (opaque("-m addrtype --dst-type ODD"), DROP)),
    Row("-m conntrack --ctstate ODD -j DROP", (opaque("-m conntrack --ctstate ODD"), DROP)),
    _unclear('-m comment --comment "never closed'),
    _unclear("-m"),
    Row("-m comment --comment -j -j DROP", (DROP,)),
    Row("-m recent --set --name a b --mask 255.255.255.255 --rsource -j DROP", (DROP,)),
    _unclear("-j DNAT --to-destination 192.0.2.1 --to-destination 192.0.2.9", "nat", "PREROUTING"),
    _unclear("-j NETMAP --to 198.51.100.0/24", "nat", "elsewhere"),
)
