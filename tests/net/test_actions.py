"""A scenario's words for what a rule does are read strictly."""

from __future__ import annotations

import pytest

from pathprobe.net.actions import (
    Action,
    DestinationNat,
    Drop,
    Limit,
    Lose,
    Reject,
    Reset,
    SetField,
    SourceNat,
    StripOption,
    SynProxy,
    parse,
)


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ("drop", Drop()),
        ("reset", Reset()),
        ("reject admin-prohibited", Reject(name="admin-prohibited")),
        ("lose 30%", Lose(percent=30)),
        ("lose 100%", Lose(percent=100)),
        ("limit 2/second", Limit(interval=0.5, text="2/second")),
        ("limit 30/minute", Limit(interval=2.0, text="30/minute")),
        ("snat 10.9.2.1", SourceNat(address="10.9.2.1")),
        ("snat fd00::1", SourceNat(address="fd00::1")),
        ("masquerade", SourceNat(address=None)),
        ("dnat 10.0.0.5", DestinationNat(address="10.0.0.5", port=None)),
        ("dnat 10.0.0.5:81", DestinationNat(address="10.0.0.5", port=81)),
        ("dnat [fd00::5]", DestinationNat(address="fd00::5", port=None)),
        ("dnat [fd00::5]:81", DestinationNat(address="fd00::5", port=81)),
        ("set ttl 255", SetField(field="ttl", value=255)),
        ("strip sack-perm", StripOption(option="sack-perm")),
        ("synproxy", SynProxy()),
    ],
)
def test_an_action_is_read(text: str, action: Action) -> None:
    assert parse(text) == action


@pytest.mark.parametrize(
    "text",
    ["", "lose", "lose 101%", "lose 3", "limit 0/second", "limit 1/day", "snat", "dnat fd00::5", "set ttl", "set id 1"],
)
def test_what_is_no_action_is_answered_with_the_known_ones(text: str) -> None:
    with pytest.raises(ValueError, match=r"unknown action .*: drop, reset, or reject .* lose N%, limit N/second"):
        parse(text)


@pytest.mark.parametrize(("text", "largest"), [("set ttl 256", 255), ("set dscp 64", 63), ("set ecn 4", 3)])
def test_a_value_has_to_fit_its_field(text: str, largest: int) -> None:
    with pytest.raises(ValueError, match=f"is {largest}"):
        parse(text)
