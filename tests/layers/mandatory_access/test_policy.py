"""What a domain may bind, and the commands that give a port a type."""

from __future__ import annotations

import pytest

from pathprobe.layers.mandatory_access import policy, relabelling
from pathprobe.layers.mandatory_access.facts import BindRule, DomainRules, Labels, PortLabel
from tests.layers.mandatory_access.machines import recorded

OFF = {"nis_enabled": False, "httpd_enable_ftp_server": True}


def rules(text: str, for_label: str = "", domain: str = "httpd_t") -> DomainRules:
    return DomainRules(domain=domain, rules=policy.parse_rules(text, OFF), for_label=policy.parse_rules(for_label, OFF))


def test_sesearchs_rules_are_read_with_what_their_booleans_are_now() -> None:
    found = {rule.target: rule for rule in policy.parse_rules(recorded("selinux/sesearch_httpd.txt"), OFF)}
    assert found["http_port_t"] == BindRule(target="http_port_t")
    assert found["unreserved_port_t"] == BindRule(target="unreserved_port_t", condition="nis_enabled", holds=False)
    assert found["ftp_port_t"].holds is True
    assert found["preupgrade_port_t"].holds is None


def test_setools_3_writes_the_same_with_more_blanks() -> None:
    found = policy.parse_rules(recorded("selinux/sesearch_httpd_setools3.txt"), OFF)
    assert [(rule.target, rule.holds) for rule in found] == [
        ("http_cache_port_t", True),
        ("http_port_t", True),
        ("unreserved_port_t", False),
    ]


def test_a_rule_of_the_false_branch_holds_while_the_boolean_is_off() -> None:
    (rule,) = policy.parse_rules("allow a_t b_port_t:tcp_socket name_bind; [ nis_enabled ]:False", OFF)
    assert rule.holds is True


def test_a_condition_of_several_booleans_is_left_open() -> None:
    text = "allow a_t b_port_t:tcp_socket name_bind; [ nis_enabled && other ]:True"
    assert policy.booleans_in(text) == ("nis_enabled", "other")
    (rule,) = policy.parse_rules(text, OFF | {"other": True})
    assert rule.holds is None


@pytest.mark.parametrize(
    ("domain", "label", "for_label", "answer"),
    [
        ("httpd_t", "http_port_t", None, True),
        ("httpd_t", "websm_port_t", None, None),
        ("unknown_t", "http_port_t", None, None),
        ("unconfined_service_t", "websm_port_t", None, True),
        ("httpd_t", "http_port_t", "", False),
        ("httpd_t", "websm_port_t", "allow httpd_t websm_port_t:tcp_socket name_bind;", True),
        ("httpd_t", "x_port_t", "allow a_t b_port_t:tcp_socket name_bind; [ nis_enabled ]:True", False),
        ("httpd_t", "x_port_t", "allow a_t b_port_t:tcp_socket name_bind; [ unread ]:True", None),
    ],
)
def test_the_loaded_policy_counts_more_than_the_table(
    domain: str, label: str, for_label: str | None, answer: bool | None
) -> None:
    known = None if for_label is None else rules("", for_label)
    assert policy.may_bind(domain, label, "tcp", known) is answer


@pytest.mark.parametrize(
    ("domain", "protocol", "text", "type_"),
    [
        ("httpd_t", "tcp", None, "http_port_t"),
        ("httpd_t", "sctp", None, ""),
        ("syslogd_t", "udp", None, "syslogd_port_t"),
        ("own_t", "tcp", None, ""),
        ("own_t", "tcp", "allow own_t own_port_t:tcp_socket name_bind;", "own_port_t"),
        ("own_t", "tcp", "allow own_t x_port_t:tcp_socket name_bind;\nallow own_t y_port_t:tcp_socket name_bind;", ""),
        ("own_t", "tcp", "allow own_t port_type:tcp_socket name_bind;", ""),
        ("own_t", "tcp", "allow own_t unreserved_port_t:tcp_socket name_bind;", ""),
        ("own_t", "tcp", "allow own_t own_port_t:tcp_socket name_bind; [ nis_enabled ]:True", ""),
        ("httpd_t", "tcp", recorded("selinux/sesearch_httpd.txt"), "http_port_t"),
        ("httpd_t", "tcp", "allow httpd_t http_cache_port_t:tcp_socket name_bind;", "http_cache_port_t"),
    ],
)
def test_a_type_is_proposed_only_where_it_is_no_guess(domain: str, protocol: str, text: str | None, type_: str) -> None:
    known = None if text is None else rules(text, domain=domain)
    assert policy.type_for(domain, protocol, known) == type_


def test_every_type_of_the_table_is_one_that_the_policy_gives_to_ports() -> None:
    listed = {line.split()[0] for line in recorded("selinux/semanage_port.txt").splitlines() if line}
    known = {one for service in policy.SERVICES.values() for one in (*service.tcp, *service.udp)}
    assert known <= listed


# ---- semanage's options


def entry(type_: str, low: int, high: int | None = None, *, is_local: bool = False) -> PortLabel:
    return PortLabel(type=type_, protocol="tcp", low=low, high=high or low, is_local=is_local)


UNRESERVED = entry("unreserved_port_t", 1024, 32767)
ADD = "semanage port -a -t http_port_t -p tcp 9090"
MODIFY = "semanage port -m -t http_port_t -p tcp 9090"


@pytest.mark.parametrize(
    ("entries", "commands"),
    [
        ((UNRESERVED,), (ADD,)),
        ((), (ADD,)),
        ((entry("websm_port_t", 9090), UNRESERVED), (MODIFY,)),
        ((entry("soundd_port_t", 9090, is_local=True), entry("websm_port_t", 9090)), (MODIFY,)),
        ((entry("http_cache_port_t", 9085, 9095), UNRESERVED), (ADD,)),
        (
            (entry("squid_port_t", 9089, 9100, is_local=True), UNRESERVED),
            (
                "semanage port -d -p tcp 9089-9100",
                "semanage port -a -t squid_port_t -p tcp 9089",
                "semanage port -a -t squid_port_t -p tcp 9091-9100",
                ADD,
            ),
        ),
        (
            (entry("squid_port_t", 9000, 9090, is_local=True), entry("websm_port_t", 9090)),
            ("semanage port -d -p tcp 9000-9090", "semanage port -a -t squid_port_t -p tcp 9000-9089", MODIFY),
        ),
    ],
)
def test_add_is_for_ports_without_an_entry_of_their_own_and_modify_for_those_with_one(
    entries: tuple[PortLabel, ...], commands: tuple[str, ...]
) -> None:
    labels = Labels(entries=entries, knows_policy=True, knows_local=True)
    assert relabelling.commands(9090, "tcp", "http_port_t", labels) == commands


@pytest.mark.parametrize(
    ("seen", "command"),
    [("unreserved_port_t", ADD), ("websm_port_t", f"{ADD} || {MODIFY}"), ("", f"{ADD} || {MODIFY}")],
)
def test_where_the_entries_are_not_known_the_denials_type_tells_or_both_are_tried(seen: str, command: str) -> None:
    assert relabelling.commands(9090, "tcp", "http_port_t", Labels(), seen) == (command,)
