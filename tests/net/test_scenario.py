"""A scenario file says which network, and a scenario what follows from it."""

from __future__ import annotations

from typing import Any

import pytest

from pathprobe.net.scenario import Expectation, Hook, Match, Rule, Scenario, Service, ServiceKind, read

_TEXT = """
summary = "x"
families = [4, 6]
{fields}
[expect]
state = "open"
"""


def scenarios(fields: str) -> tuple[Scenario, ...]:
    return read("x", _TEXT.format(fields=fields))


def scenario(action: str = "drop", **fields: Any) -> Scenario:
    rule = Rule(at="r2", hook=Hook.PREROUTING, match=Match(), action=action)
    fields = {"family": 4, "expect": Expectation(state="open"), "rules": (rule,), **fields}
    return Scenario(name="x", summary="", **fields)


@pytest.mark.parametrize(
    ("family", "action", "written"),
    [
        (4, "snat r1", "snat 10.9.2.1"),
        (6, "snat r1", "snat fd00:9:2::1"),
        (4, "dnat target", "dnat 10.0.0.5"),
        (4, "dnat target:81", "dnat 10.0.0.5:81"),
        (6, "dnat target:81", "dnat [fd00::5]:81"),
        (6, "dnat r3", "dnat [fd00:9:3::2]"),
        (4, "dnat 10.0.0.5:81", "dnat 10.0.0.5:81"),
    ],
)
def test_a_node_s_name_in_a_translation_becomes_its_address(family: int, action: str, written: str) -> None:
    assert scenario(action, family=family).rules[0].action == written


def test_services_ttls_and_sysctls_are_read() -> None:
    fields = 'ttl = { r2 = 255 }\nsysctl = { r1 = { "a/b" = "1" } }\n[[service]]\nport = 53\nkind = "dns"\n'
    for each in scenarios(fields):
        assert each.services == (Service(port=53, kind=ServiceKind.DNS),)
        assert each.ttl == {"r2": 255}
        assert each.sysctl == {"r1": {"a/b": "1"}}


@pytest.mark.parametrize("fields", ["ttl = { r9 = 1 }", "sysctl = { r9 = {} }", 'served_by = "r9"'])
def test_a_field_about_an_unknown_node_is_refused(fields: str) -> None:
    with pytest.raises(ValueError, match="no node 'r9'; there are client, r1"):
        scenarios(fields)


def test_an_unknown_kind_of_service_is_refused() -> None:
    with pytest.raises(ValueError, match="'echo' is not a valid ServiceKind"):
        scenarios('[[service]]\nport = 7\nkind = "echo"\n')


@pytest.mark.parametrize(
    ("fields", "serving"),
    [
        ({}, "target"),
        ({"destination": "r3"}, "r3"),
        ({"destination": "r3", "served_by": "target"}, "target"),
        ({"destination": "loopback"}, "client"),
    ],
)
def test_the_destination_serves_unless_another_node_does(fields: dict[str, str], serving: str) -> None:
    assert scenario(**fields).serving == serving


@pytest.mark.parametrize(("action", "steady"), [("drop", True), ("lose 1%", False), ("limit 1/second", False)])
def test_chance_and_limits_make_a_scenario_unsteady(action: str, steady: bool) -> None:
    assert scenario(action).is_steady is steady


def test_a_network_with_sysctls_is_a_real_one_only() -> None:
    assert scenario().is_simulable
    assert not scenario(sysctl={"r1": {"a/b": "1"}}).is_simulable


def test_at_the_expected_distance_the_destination_answers() -> None:
    hidden = scenario(expect=Expectation(state="open", distance=3))
    assert [hidden.hop_address(ttl) for ttl in (2, 3)] == ["10.9.2.2", "10.0.0.5"]
