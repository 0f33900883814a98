"""What ufw has written about a port, whether that is loaded, and what opens it. The files are a real ufw 0.36's."""

from __future__ import annotations

import pytest

from pathprobe.core.layers import Evidence, Status
from pathprobe.layers.findings import OR
from pathprobe.layers.firewall.model import (
    Base,
    Chain,
    Compare,
    End,
    Ending,
    Family,
    Field,
    Hook,
    Jump,
    Named,
    Opaque,
    Rule,
    Ruleset,
)
from pathprobe.layers.firewall.outcome import Fate
from pathprobe.layers.firewall.owners import Kind, Owners, Question, Remark, explain, read, remarks, unseen
from pathprobe.layers.firewall.owners.ufw import commands, rules
from pathprobe.layers.firewall.owners.ufw.rules import Ufw
from pathprobe.layers.system import Recorded, Unread
from tests.layers.firewall.owners.places import place, rule, stopped, table
from tests.layers.firewall.owners.recordings import machine

UFW = "ufw-0.36-debian-12"
USER, CONF, DEFAULTS = "/etc/ufw/user.rules", "/etc/ufw/ufw.conf", "/etc/default/ufw"

ACCEPT, DROP = End(ending=Ending.ACCEPT), End(ending=Ending.DROP)


def asked(port: int, **more: str | int | None) -> Question:
    return Question(**{"port": port, "version": 4, "interface": "eth0", **more})  # type: ignore[arg-type]


def loaded(*in_user_input: Rule, version: int = 4) -> Ruleset:
    name = "ufw-user-input" if version == 4 else "ufw6-user-input"
    family = Family.IP if version == 4 else Family.IP6
    base = Base(hook=Hook.INPUT, priority=0, policy=Ending.DROP)
    return Ruleset(
        tables=(table(Chain(name="INPUT", base=base), Chain(name=name, rules=in_user_input), family=family),)
    )


#: What the file comes to in the kernel, as far as the tests ask.
AS_WRITTEN = loaded(
    rule("-A ufw-user-input -p tcp -m tcp --dport 22 -j ACCEPT", ACCEPT, port=22),
    rule(
        "-A ufw-user-input -p tcp -m tcp --dport 2222 -m conntrack --ctstate NEW -m recent --set",
        Opaque(text="recent"),
        port=2222,
    ),
    rule(
        "-A ufw-user-input -p tcp -m tcp --dport 2222 -j ufw-user-limit-accept",
        Jump(chain="ufw-user-limit-accept"),
        port=2222,
    ),
    rule("-A ufw-user-input -p tcp -m tcp --dport 8080 -j DROP", DROP, port=8080),
    rule(
        "-A ufw-user-input -s 10.0.0.0/8 -p tcp -m tcp --dport 5432 -j ACCEPT",
        Compare(field=Field.IP_SOURCE, ranges=((10 << 24, (11 << 24) - 1),)),
        ACCEPT,
        port=5432,
    ),
    rule(
        "-A ufw-user-input -i eth0 -p udp -m udp --dport 53 -j ACCEPT",
        Named(field=Field.INPUT_INTERFACE, patterns=("eth0",)),
        ACCEPT,
        port=53,
        protocol="udp",
    ),
)


def remark_of(system: Recorded, question: Question, ruleset: Ruleset | None = None) -> Remark:
    (told,) = remarks(read(system, ruleset), question)
    return told


def test_every_line_that_ufw_wrote_is_understood() -> None:
    found = read(machine(UFW)).ufw
    assert isinstance(found, Ufw)
    assert (found.is_enabled, found.covers_ipv6, found.unclear) == (True, True, ())
    of_four = found.rules[4]
    assert not isinstance(of_four, Unread)
    assert [(one.action, one.protocol, one.ports) for one in of_four] == [
        ("allow", "tcp", ((22, 22),)),
        ("limit", "tcp", ((2222, 2222),)),
        ("deny", "tcp", ((8080, 8080),)),
        ("allow", "tcp", ((5432, 5432),)),
        ("allow", "tcp", ((80, 80), (443, 443))),
        ("deny", "tcp", ((9000, 9010),)),
        ("allow", "any", ((53, 53),)),
        ("allow", "tcp", ((80, 80), (443, 443))),
        ("allow", "tcp", ((80, 80),)),
        ("reject", "any", ((25, 25),)),
    ]
    application, routed = of_four[7], of_four[8]
    assert application.application == "WWW Full"
    assert (routed.is_routed, routed.interface_in, routed.interface_out) == (True, "eth0", "docker0")


@pytest.mark.parametrize(
    "line",
    [
        "### tuple ### allow",
        "### tuple ### forbid tcp 22 0.0.0.0/0 any 0.0.0.0/0 in",
        "### tuple ### allow tcp ssh 0.0.0.0/0 any 0.0.0.0/0 in",
        "### tuple ### allow tcp 1:x 0.0.0.0/0 any 0.0.0.0/0 in",
    ],
)
def test_a_line_that_is_not_understood_is_kept(line: str) -> None:
    assert rules.rules(line, 4) == ((), (line,))


def test_a_line_of_before_there_were_ways_is_for_packets_that_come_in() -> None:
    ((old,), _) = rules.rules("### tuple ### allow tcp 22 0.0.0.0/0 any 0.0.0.0/0", 4)
    assert old.way == "in"


@pytest.mark.parametrize(
    ("question", "kind", "fix"),
    [
        (asked(22), Kind.LETS_IN, ()),
        (asked(2222), Kind.LETS_IN, ()),
        (asked(443), Kind.LETS_IN, ()),
        (asked(53, protocol="udp"), Kind.LETS_IN, ()),
        (asked(53, interface=None), Kind.ONLY_SOME, ("ufw allow 53/tcp",)),
        (asked(53, interface="eth1"), Kind.NOT_LET_IN, ("ufw allow 53/tcp",)),
        (asked(5432), Kind.ONLY_SOME, ("ufw allow 5432/tcp",)),
        (asked(5432, source="10.9.9.9"), Kind.LETS_IN, ()),
        (
            asked(5432, source="192.0.2.7"),
            Kind.NOT_LET_IN,
            ("ufw allow 5432/tcp", OR, "ufw allow from 192.0.2.7 to any port 5432 proto tcp"),
        ),
        (asked(8080), Kind.NOT_LET_IN, ("ufw delete deny 8080/tcp && ufw allow 8080/tcp",)),
        (
            asked(9005),
            Kind.NOT_LET_IN,
            ("ufw prepend allow 9005/tcp", OR, "ufw delete deny 9000:9010/tcp && ufw allow 9005/tcp"),
        ),
        (
            asked(25),
            Kind.NOT_LET_IN,
            ("ufw delete reject 25 && ufw allow 25/tcp", OR, "ufw prepend allow 25/tcp"),
        ),
        (asked(8080, protocol="udp"), Kind.NOT_LET_IN, ("ufw allow 8080/udp",)),
        (asked(8080, version=6), Kind.NOT_LET_IN, ("ufw delete deny 8080/tcp && ufw allow 8080/tcp",)),
    ],
)
def test_what_is_written_of_a_port(question: Question, kind: Kind, fix: tuple[str, ...]) -> None:
    told = remark_of(machine(UFW), question)
    assert (told.kind, told.fix) == (kind, fix)


def test_deleting_is_enough_where_a_later_rule_lets_the_port_in() -> None:
    lines = ("deny tcp 8080 0.0.0.0/0 any 0.0.0.0/0 in", "allow tcp 8000:8100 0.0.0.0/0 any 0.0.0.0/0 in")
    system = machine(UFW, files={USER: "".join(f"### tuple ### {line}\n" for line in lines)})
    assert remark_of(system, asked(8080)).fix == ("ufw delete deny 8080/tcp",)


def test_what_is_said_names_the_line_or_the_default() -> None:
    denied, lacking = (remark_of(machine(UFW), asked(port)) for port in (8080, 8081))
    assert denied.sentence == "ufw keeps 8080/tcp out by deny tcp 8080 0.0.0.0/0 any 0.0.0.0/0 in."
    assert lacking.sentence == "No rule of ufw lets 8081/tcp in, and its default is to drop."
    assert denied.evidence[1].source == USER


def test_a_default_of_accepting_lets_in_what_no_rule_speaks_of() -> None:
    system = machine(UFW, files={DEFAULTS: 'IPV6=yes\nDEFAULT_INPUT_POLICY="ACCEPT"\n'})
    assert remark_of(system, asked(8081)).kind is Kind.LETS_IN
    assert remark_of(system, asked(8080)).kind is Kind.NOT_LET_IN


@pytest.mark.parametrize(
    ("port", "kind"),
    [(22, Kind.LETS_IN), (2222, Kind.LETS_IN), (8080, Kind.NOT_LET_IN), (5432, Kind.ONLY_SOME), (443, Kind.NOT_LOADED)],
)
def test_written_and_loaded_are_held_against_each_other(port: int, kind: Kind) -> None:
    assert remark_of(machine(UFW), asked(port), AS_WRITTEN).kind is kind


def test_written_but_not_loaded_wants_a_reload() -> None:
    told = remark_of(machine(UFW), asked(443), AS_WRITTEN)
    assert told.fix == ("ufw reload",)
    assert told.sentence == "/etc/ufw/user.rules lets 443/tcp in, but the loaded rules do not: ufw was not reloaded."


def test_loaded_but_not_written_is_gone_after_a_reload() -> None:
    by_hand = loaded(rule("-A ufw-user-input -p tcp -m tcp --dport 9099 -j ACCEPT", ACCEPT, port=9099))
    told = remark_of(machine(UFW), asked(9099), by_hand)
    assert (told.kind, told.status, told.fix) == (Kind.NOT_KEPT, Status.WARN, ("ufw allow 9099/tcp",))


@pytest.mark.parametrize(
    ("port", "kind", "fix"),
    [(22, Kind.NOT_IN_FORCE, ("ufw reload",)), (9099, Kind.NOT_KEPT, ("ufw allow 9099/tcp",))],
)
def test_an_enabled_ufw_without_its_chains_will_act_once_it_is_loaded(
    port: int, kind: Kind, fix: tuple[str, ...]
) -> None:
    told = remark_of(machine(UFW), asked(port), Ruleset())
    assert (told.kind, told.fix) == (kind, fix)


def test_a_ufw_that_is_not_enabled_has_nothing_in_force_unless_it_is_loaded() -> None:
    system = machine(UFW, files={CONF: "ENABLED=no\n"})
    assert remark_of(system, asked(8080), Ruleset()).kind is Kind.NOT_IN_FORCE
    told = remark_of(system, asked(8080), AS_WRITTEN)
    assert (told.kind, told.fix) == (Kind.NOT_KEPT, ("ufw enable",))


def test_without_ipv6_everything_of_it_is_kept_out() -> None:
    told = remark_of(machine(UFW, files={DEFAULTS: "IPV6=no\n"}), asked(22, version=6))
    assert told.kind is Kind.NOT_LET_IN
    assert told.sentence == "ufw lets no IPv6 in: IPV6=no in /etc/default/ufw."


def test_ipv6_is_told_beside_ipv4_only_where_it_stands_otherwise() -> None:
    alike = remarks(read(machine(UFW)), asked(22, version=None))
    apart = remarks(read(machine(UFW)), asked(5432, version=None))
    assert [one.kind for one in alike] == [Kind.LETS_IN]
    assert [one.kind for one in apart] == [Kind.ONLY_SOME, Kind.NOT_LET_IN]


def test_rules_that_may_not_be_read_are_not_guessed() -> None:
    denied = Unread(reason="/etc/ufw/user.rules: Permission denied")
    told = remark_of(machine(UFW, files={USER: denied}), asked(22))
    assert (told.kind, told.status) == (Kind.NOT_SEEN, Status.UNKNOWN)
    assert told.sentence == ""
    seen = "ufw's rules for IPv4 (/etc/ufw/user.rules: Permission denied)"
    assert told.evidence == (Evidence(source="not seen", text=seen),)
    assert unseen(read(machine(UFW, files={USER: denied}))) == (seen,)
    assert remark_of(machine(UFW, files={USER: denied}), asked(22), AS_WRITTEN).kind is Kind.LETS_IN


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("deny tcp 8080 0.0.0.0/0 any 0.0.0.0/0 in", "ufw delete deny 8080/tcp"),
        ("deny any 8080 0.0.0.0/0 any 0.0.0.0/0 in", "ufw delete deny 8080"),
        ("deny_log tcp 80,443 0.0.0.0/0 any 0.0.0.0/0 in", "ufw delete deny 80,443/tcp"),
        ("deny tcp 80,443 0.0.0.0/0 any 0.0.0.0/0 WWW%20Full - in", "ufw delete deny 'WWW Full'"),
        ("deny tcp 80 192.0.2.1 1024:2000 10.0.0.0/8 in_eth0",
         "ufw delete deny in on eth0 proto tcp from 10.0.0.0/8 port 1024:2000 to 192.0.2.1 port 80"),
        ("reject any any 0.0.0.0/0 any 10.0.0.7 in", "ufw delete reject from 10.0.0.7 to any"),
        ("route:deny tcp 80 0.0.0.0/0 any 0.0.0.0/0 in_eth0!out_docker0",
         "ufw route delete deny in on eth0 out on docker0 proto tcp from any to any port 80"),
    ],
)  # fmt: skip
def test_a_rule_is_taken_back_in_the_words_it_was_given(line: str, command: str) -> None:
    ((one,), _) = rules.rules(f"### tuple ### {line}", 4)
    assert commands.deleting(one) == command


# A rule of ufw stopped the packet


def owners(ruleset: Ruleset | None = AS_WRITTEN) -> Owners:
    return read(machine(UFW), ruleset)


@pytest.mark.parametrize(
    ("chain", "port", "fixes"),
    [
        ("ufw-user-input", 8080, ("ufw delete deny 8080/tcp && ufw allow 8080/tcp",)),
        ("ufw-user-input", 443, ("ufw reload",)),
        ("ufw-reject-input", 8081, ("ufw allow 8081/tcp",)),
        ("ufw-skip-to-policy-input", 8081, ("ufw allow 8081/tcp",)),
        ("ufw-before-input", 8081, ("${EDITOR:-vi} /etc/ufw/before.rules && ufw reload",)),
        ("ufw-not-local", 8081, ("${EDITOR:-vi} /etc/ufw/before.rules && ufw reload",)),
        ("ufw-after-input", 8081, ("${EDITOR:-vi} /etc/ufw/after.rules && ufw reload",)),
        ("ufw6-before-input", 8081, ("${EDITOR:-vi} /etc/ufw/before6.rules && ufw reload",)),
    ],
)
def test_the_chain_tells_which_file_has_the_rule_and_what_opens_the_port(
    chain: str, port: int, fixes: tuple[str, ...]
) -> None:
    told = explain(stopped(place(chain, rule(f"-A {chain} -j DROP"))), owners(), asked(port))
    assert (told.owner, told.fixes) == ("ufw", fixes)


def test_the_policy_of_a_built_in_chain_is_ufw_s_where_it_has_chains_beside_it() -> None:
    dropped = stopped(place("INPUT"))
    assert explain(dropped, owners(), asked(8081)).fixes == ("ufw allow 8081/tcp",)
    assert explain(dropped, owners(Ruleset()), asked(8081)).owner is None


def test_the_policy_for_ipv6_is_ufw_s_where_it_keeps_all_of_that_out() -> None:
    without = read(machine(UFW, files={DEFAULTS: "IPV6=no\n"}), Ruleset())
    told = explain(stopped(place("INPUT", family=Family.IP6)), without, asked(22, version=6))
    assert told.owner == "ufw"
    assert "IPV6=yes" in told.fixes[0]


def test_what_is_passed_on_to_a_container_wants_a_route_rule_for_the_port_there() -> None:
    where = place("ufw-reject-forward", rule("-j REJECT"), hook=Hook.FORWARD)
    told = explain(stopped(where, fate=Fate.REJECTED, inner=80), owners(), asked(8080))
    assert told.fixes == ("ufw route allow in on eth0 proto tcp from any to any port 80",)
