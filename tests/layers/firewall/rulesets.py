"""Rulesets that nobody designed, in the language of nft and of iptables-save, and packets to try on them.

Every rule counts, so that the kernel tells which one decided. Nothing in them depends on what a packet does not show.
"""

from __future__ import annotations

from hypothesis import strategies as st

from tests.layers.firewall.kernel import PORTS, Sent

V4, V6 = ("10.99.0.1", "10.77.3.4", "192.0.2.7", "198.51.100.5"), ("fd99::1", "2001:db8::5", "2001:db8:9::1")
_NETWORKS4 = ("10.99.0.1", "10.0.0.0/8", "192.0.2.0/24", "192.0.2.0/29", "10.77.3.0-10.77.4.255", "198.51.100.5")
_NETWORKS6 = ("fd99::1", "2001:db8::/32", "2001:db8::/64", "fd00::/8")

packets = st.builds(
    Sent, protocol=st.sampled_from(("tcp", "udp")), source=st.sampled_from(V4 + V6), port=st.sampled_from(PORTS)
)

_port = st.sampled_from(("22", "80", "443", "8080", "1-100", "400-9000"))
_ports = st.one_of(_port, st.builds("!= {}".format, _port), st.just("{{ 80, 443-8080 }}"), st.just("!= {{ 22, 80 }}"))


def _word(*texts: str) -> st.SearchStrategy[str]:
    return st.sampled_from(texts)


_nft_match = st.one_of(
    st.builds("{} dport {}".format, _word("tcp", "udp", "th"), _ports).map(
        lambda text: text.replace("{{", "{").replace("}}", "}")
    ),
    st.builds("ip saddr {}{}".format, _word("", "", "!= "), _word(*_NETWORKS4)),
    st.builds("ip6 saddr {}{}".format, _word("", "", "!= "), _word(*_NETWORKS6)),
    _word(
        "tcp dport < 443",
        "tcp dport >= 443",
        "tcp sport 1024-65535",
        "ip saddr { 10.0.0.0/8, 192.0.2.7 }",
        "ip saddr != { 10.77.0.0/16, 198.51.100.0/24 }",
        "ip saddr & 255.0.0.0 == 10.0.0.0",
        "ip daddr 10.99.0.2",
        "ip daddr != 10.99.0.2",
        "ip daddr 172.30.0.0/16",
        "ip6 daddr fd99::2",
        "ip saddr @friends",
        "ip saddr != @friends",
        "tcp dport @opened",
        "ip saddr . tcp dport { 10.0.0.0/8 . 80, 198.51.100.5 . 80, 192.0.2.7 . 400-9000, 10.77.0.0/16 . 443 }",
        "ip saddr . tcp dport != { 10.0.0.0/8 . 80, 192.0.2.7 . 443 }",
        "meta l4proto . th dport { tcp . 80, udp . 443 }",
        "iifname . tcp dport { outside . 80, inside . 443 }",
        "meta l4proto tcp",
        "meta l4proto != tcp",
        "meta l4proto { tcp, udp }",
        "ip protocol udp",
        "ip6 nexthdr tcp",
        "meta nfproto ipv4",
        "meta nfproto ipv6",
        "ct state new",
        "ct state != new",
        "ct state established,related",
        "ct state { new, established }",
        "ct state invalid",
        "ct state untracked",
        "ct status dnat",
        "ct direction original",
        "ct direction reply",
        "meta l4proto tcp ct original proto-dst 8080",
        "ct mark 2",
        "iifname outside",
        'iifname "out*"',
        "iifname != outside",
        "iifname { lo, inside }",
        "iif outside",
        "oifname outside",
        'oifname != "inside"',
        "meta mark 1",
        "meta mark != 0",
        "meta mark & 0x3 == 0x1",
        "tcp flags syn",
        "tcp flags & (fin | syn | rst | ack) == syn",
        "tcp flags & (syn | ack) != syn",
        "tcp flags & (fin | psh) == 0x0",
        "fib daddr type local",
        "fib daddr type { local, unicast }",
        "fib saddr type unicast",
        "fib saddr . iif oif missing",
        "fib saddr oif exists",
        "meta pkttype host",
        "meta pkttype != host",
        "meta length > 2000",
    ),
)
_nft_effect = _word("meta mark set 0x1", "meta mark set meta mark or 0x2", "ct mark set 0x2", "meta mark set ct mark")
_ends = ("accept", "accept", "drop", "drop", "return", "continue")
_reject = ("reject", "reject with icmpx admin-prohibited", "meta l4proto tcp reject with tcp reset")
_nft_map = _word(
    "tcp dport vmap { 80 : accept, 443 : drop }",
    "ip saddr vmap { 10.0.0.0/8 : accept, 192.0.2.0/24 : drop }",
    "meta l4proto vmap { tcp : continue, udp : drop }",
    "iifname . meta l4proto vmap { outside . udp : accept, inside . tcp : drop }",
    "ct state vmap { established : accept, invalid : drop, new : continue }",
)


@st.composite
def _nft_rule(draw: st.DrawFn, *, calls: tuple[str, ...] = (), rejects: bool = False, raw: bool = False) -> str:
    matches = _of_one_kind(draw(st.lists(_nft_match, max_size=2)))
    if raw:
        # Of a connection nothing is known yet there.
        matches = [one for one in matches if not one.startswith(("ct original", "ct mark"))]
    effects = draw(st.lists(_nft_effect if not raw else _word("notrack", "meta mark set 0x1"), max_size=1))
    verdicts = [*_ends, *(f"{word} {chain}" for chain in calls for word in ("jump", "jump", "goto"))]
    if rejects:
        verdicts += _reject
    verdict = draw(st.one_of(st.sampled_from(verdicts), st.just(""), _nft_map))
    matches = [one for one in matches if len(_of_one_kind([verdict, one])) == 2]
    middle = verdict.removeprefix("meta l4proto tcp ")
    first = ["meta l4proto tcp"] if middle != verdict else []
    return " ".join([*first, *matches, "counter", *effects, middle])


def _of_one_kind(matches: list[str]) -> list[str]:
    """nft refuses a rule about two protocols at once."""
    for one, other in (("ip", "ip6"), ("tcp", "udp"), ("ipv4", "ipv6"), ("ip", "ipv6"), ("ip6", "ipv4")):
        kept: list[str] = []
        for match in matches:
            words = match.split()
            clash = other if one in words else one if other in words else None
            if clash is None or not any(clash in before.split() for before in kept):
                kept.append(match)
        matches = kept
    return matches


def _nft_chain(name: str, head: str, rules: list[str]) -> str:
    return "\n".join([f"chain {name} {{", *([head] if head else []), *rules, "}"])


_nat_rule = _word(
    "meta l4proto { tcp, udp } ip daddr 10.99.0.2 th dport 8080 counter dnat ip to 172.30.0.2:80",
    "tcp dport 8080 counter dnat ip to 172.30.0.2",
    "tcp dport 22 counter redirect to :443",
    "udp dport { 22, 80 } counter redirect to :8080",
    "ip saddr 10.0.0.0/8 counter accept",
    "tcp dport 443 counter return",
    "tcp dport 80 counter drop",
    "iifname outside counter dnat ip to tcp dport map { 80 : 172.30.0.2, 443 : 10.99.0.2 }",
)


@st.composite
def nft_rulesets(draw: st.DrawFn) -> str:
    """One table with chains on several hooks, sometimes a second one."""
    tables = [_nft_table("first", draw)]
    if draw(st.booleans()):
        tables.append(_nft_table("second", draw))
    return "\n".join(tables)


def _nft_table(name: str, draw: st.DrawFn) -> str:
    def rules(most: int, **kind: object) -> list[str]:
        return draw(st.lists(_nft_rule(**kind), max_size=most))  # type: ignore[arg-type]

    def base(hook: str, *priorities: int) -> str:
        policy = draw(_word("accept", "accept", "drop"))
        return f"type filter hook {hook} priority {draw(st.sampled_from(priorities))}; policy {policy};"

    calls = ("shared", "deeper")
    chains = [
        _nft_chain("deeper", "", rules(3)),
        _nft_chain("shared", "", rules(4, calls=("deeper",))),
        _nft_chain("in", base("input", -150, 0, 0, 10), rules(6, calls=calls, rejects=True)),
    ]
    optional = (
        lambda: _nft_chain(
            "raw", f"type filter hook prerouting priority {draw(st.sampled_from((-300, -250)))};", rules(3, raw=True)
        ),
        lambda: _nft_chain(
            "early",
            f"type filter hook prerouting priority {draw(st.sampled_from((-150, -90)))};",
            rules(3, calls=calls),
        ),
        lambda: _nft_chain(
            "nat",
            f"type nat hook prerouting priority {draw(st.sampled_from((-100, -110, 0)))};",
            draw(st.lists(_nat_rule, min_size=1, max_size=3)),
        ),
        lambda: _nft_chain("through", base("forward", -10, 0, 5), rules(4, calls=calls, rejects=True)),
        lambda: _nft_chain("out", base("output", -150, 0), rules(3, calls=calls)),
        lambda: _nft_chain("last", base("postrouting", 0, 150), rules(2)),
    )
    chains += [make() for make in optional if draw(st.booleans())]
    sets = (
        "set friends { type ipv4_addr; flags interval; elements = { 10.0.0.0/9, 192.0.2.7 }; }\n"
        "set opened { type inet_service; elements = { 80, 8080 }; }"
    )
    return "\n".join([f"table inet {name} {{", sets, *chains, "}"])


_save_match = st.one_of(
    st.builds(
        "{}-s {}".format, _word("", "", "! "), _word("10.99.0.1/32", "10.0.0.0/8", "192.0.2.0/24", "198.51.100.5/32")
    ),
    st.builds(
        "-p {0} -m {0} {1}--dport {2}".format,
        _word("tcp", "udp"),
        _word("", "", "! "),
        _word("22", "80", "443", "8080", "1:100", "400:9000"),
    ),
    _word(
        "-p tcp",
        "-p udp",
        "! -p tcp",
        "-p tcp -m tcp --sport 1024:65535",
        "-p tcp -m multiport --dports 80,443:8080",
        "-p udp -m multiport ! --dports 22,80",
        "-p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN",
        "-p tcp -m tcp ! --tcp-flags FIN,SYN,RST,ACK SYN",
        "-p tcp -m tcp --tcp-flags FIN,PSH NONE",
        "-m conntrack --ctstate NEW",
        "-m conntrack --ctstate RELATED,ESTABLISHED",
        "-m conntrack ! --ctstate RELATED,ESTABLISHED",
        "-m conntrack --ctstate INVALID",
        "-m conntrack --ctstate DNAT",
        "-m conntrack --ctstate NEW,DNAT",
        "-m conntrack --ctorigdstport 8080 --ctdir ORIGINAL",
        "-m conntrack --ctdir REPLY",
        "-m conntrack --ctorigdst 10.99.0.2",
        "-m conntrack --ctstatus SEEN_REPLY",
        "-m state --state NEW",
        "-m mark --mark 0x1",
        "-m mark ! --mark 0x0",
        "-m mark --mark 0x1/0x3",
        "-m connmark --mark 0x2",
        "-m iprange --src-range 10.77.3.0-10.77.4.255",
        "-m iprange ! --src-range 192.0.2.0-192.0.2.7",
        "-m addrtype --dst-type LOCAL",
        "-m addrtype ! --dst-type LOCAL",
        "-m addrtype --src-type UNICAST",
        "-m pkttype --pkt-type unicast",
        "-d 10.99.0.2/32",
        "! -d 10.99.0.2/32",
        "-d 172.30.0.0/16",
    ),
)
_in_match, _out_match = (
    _word("-i outside", "! -i outside", "-i out+", "-i inside"),
    _word("-o outside", "! -o inside", "-o ins+"),
)
_save_effect = (
    "-j MARK --set-xmark 0x1/0xffffffff",
    "-j MARK --set-xmark 0x2/0x2",
    "-j CONNMARK --set-xmark 0x2/0xffffffff",
)
_save_reject = ("-j REJECT --reject-with icmp-port-unreachable", "-j REJECT --reject-with icmp-admin-prohibited")


@st.composite
def _save_rule(draw: st.DrawFn, chain: str, *targets: str, incoming: bool = False, outgoing: bool = False) -> str:
    matches = draw(st.lists(_save_match, max_size=2, unique=True))
    if sum("-p " in one for one in matches) > 1:
        matches = matches[:1]
    if incoming and draw(st.booleans()):
        matches.insert(0, draw(_in_match))
    if outgoing and draw(st.booleans()):
        matches.insert(0, draw(_out_match))
    # iptables-restore takes one source, destination and interface of a rule.
    matches = _once(matches, "-s ", "-d ", "-m conntrack", "-m mark", "-m iprange", "-m addrtype")
    return " ".join([f"[0:0] -A {chain}", *matches, draw(st.sampled_from(targets))])


def _once(matches: list[str], *kinds: str) -> list[str]:
    for kind in kinds:
        found = [one for one in matches if kind in one]
        matches = [one for one in matches if one not in found[1:]]
    return matches


@st.composite
def iptables_rulesets(draw: st.DrawFn) -> str:
    """What iptables-restore reads: filter, and sometimes raw, mangle and nat."""

    def rules(chain: str, most: int, *targets: str, **kind: bool) -> list[str]:
        return draw(st.lists(_save_rule(chain, *targets, **kind), max_size=most))

    def policy() -> str:
        return draw(_word("ACCEPT", "ACCEPT", "DROP"))

    ends = ("-j ACCEPT", "-j DROP", "-j RETURN", "")
    calls = ("-j SHARED", "-j SHARED", "-g DEEPER")
    parts = []
    if draw(st.booleans()):
        raw = rules("PREROUTING", 3, "-j CT --notrack", "-j ACCEPT", "-j DROP", incoming=True)
        parts += ["*raw", ":PREROUTING ACCEPT [0:0]", ":OUTPUT ACCEPT [0:0]", *raw, "COMMIT"]
    if draw(st.booleans()):
        mangle = rules("PREROUTING", 3, *_save_effect, "-j ACCEPT", "-j DROP", incoming=True)
        parts += ["*mangle", ":PREROUTING ACCEPT [0:0]", *mangle, "COMMIT"]
    if draw(st.booleans()):
        nat = draw(st.lists(_word(*_NAT_SAVE), min_size=1, max_size=3))
        parts += [
            "*nat",
            ":PREROUTING ACCEPT [0:0]",
            ":OUTPUT ACCEPT [0:0]",
            *(f"[0:0] -A PREROUTING {one}" for one in nat),
            "COMMIT",
        ]
    parts += [
        "*filter",
        f":INPUT {policy()} [0:0]",
        f":FORWARD {policy()} [0:0]",
        f":OUTPUT {policy()} [0:0]",
        ":SHARED - [0:0]",
        ":DEEPER - [0:0]",
        *rules("INPUT", 6, *ends, *calls, *_save_reject, incoming=True),
        *rules("FORWARD", 4, *ends, *calls, *_save_reject, incoming=True, outgoing=True),
        *rules("OUTPUT", 3, "-j ACCEPT", "-j DROP", "-j SHARED", outgoing=True),
        *rules("SHARED", 4, *ends, "-j DEEPER"),
        *rules("DEEPER", 3, *ends),
        "COMMIT",
        "",
    ]
    return "\n".join(parts)


_NAT_SAVE = (
    "-p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.30.0.2:80",
    "-i outside -p udp -m udp --dport 8080 -j DNAT --to-destination 172.30.0.2",
    "-p tcp -m tcp --dport 22 -j REDIRECT --to-ports 443",
    "-s 10.0.0.0/8 -j ACCEPT",
    "-p tcp -m addrtype --dst-type LOCAL -m tcp --dport 80 -j DNAT --to-destination 172.30.0.2:443",
    "-p tcp -m tcp --dport 443 -j RETURN",
)
