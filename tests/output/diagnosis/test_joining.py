"""What the rows of all layers say together: the culprit first, what will stop it next, what cannot be true at once."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import pytest

from pathprobe.core.layers import Conclusion, Layer, LayerName, Status
from pathprobe.core.report import Result
from pathprobe.lab import catalogue
from pathprobe.lab.ask import ask_simulated
from pathprobe.output.diagnosis.joining import Vantage, conclude
from pathprobe.output.diagnosis.probed import connectivity, path

PASS, FAIL, WARN, UNKNOWN, SKIP = Status.PASS, Status.FAIL, Status.WARN, Status.UNKNOWN, Status.SKIP
L = LayerName

#: What each row would say, by its status.
WORDS = {
    L.LISTENING: {PASS: "nginx listens on 0.0.0.0:8080", FAIL: "nginx listens on 127.0.0.1:8080 only"},
    L.FIREWALL: {PASS: "let in by a rule", FAIL: "dropped by a rule"},
    L.KERNEL: {PASS: "nothing", FAIL: "its reverse path filter drops it"},
    L.SELINUX: {PASS: "not enabled", FAIL: "SELinux denies nginx binding the port"},
    L.CLOUD: {PASS: "let in by sg-1", FAIL: "no rule of sg-1 lets it in"},
    L.APPLICATION: {PASS: "it speaks HTTP", FAIL: "TLS spoken to a plain port"},
}
WELL = {L.LISTENING: PASS, L.FIREWALL: PASS, L.KERNEL: PASS, L.SELINUX: PASS}


@cache
def asked(scenario: str) -> Result:
    return ask_simulated(catalogue.load(scenario))


def joined(
    scenario: str,
    statuses: Mapping[LayerName, Status],
    *,
    absent: bool = False,
    silent: bool = False,
    mistaken: bool = False,
    vantage: Vantage | None = None,
) -> Conclusion:
    result = asked(scenario)
    rows = [
        Layer(
            name=name,
            status=status,
            summary=WORDS[name].get(status, "could not be told"),
            fix=(f"mend {name}",) if status is FAIL else (),
            is_absent=absent and name is L.LISTENING,
            is_silent=silent and name is L.FIREWALL,
            is_mistaken=mistaken and name is L.LISTENING,
        )
        for name, status in statuses.items()
    ]
    return conclude([*rows, connectivity(result), path(result)], result, vantage or Vantage())


@pytest.mark.parametrize(
    ("scenario", "statuses", "layer", "word", "said"),
    [
        ("open", WELL | {L.APPLICATION: PASS}, None, "HEALTHY", "every layer that was looked at is well"),
        ("open", {L.APPLICATION: FAIL}, 7, "BROKEN", "TLS spoken to a plain port"),
        ("open", {L.APPLICATION: UNKNOWN}, None, "OPEN", "layer 7 (application) could not be told"),
        ("open", WELL | {L.LISTENING: FAIL}, 1, "CONTRADICTION", "something else answers for 10.0.0.5: a proxy"),
        ("open", WELL | {L.FIREWALL: FAIL}, 2, "CONTRADICTION", "another machine answers for 10.0.0.5"),
        ("open", {L.CLOUD: FAIL}, 6, "CONTRADICTION", "other groups or rules apply"),
        ("closed", {}, 4, "CLOSED", "the target itself refuses"),
        ("closed", WELL | {L.LISTENING: FAIL}, 1, "CLOSED", "nginx listens on 127.0.0.1:8080 only"),
        ("closed", WELL | {L.FIREWALL: UNKNOWN}, 4, "CLOSED", "; layer 2 (firewall) could not be told: could not"),
        ("closed", WELL, None, "CONTRADICTION", "is 10.0.0.5 this server's address?"),
        (
            "closed",
            WELL | {L.LISTENING: FAIL, L.CLOUD: FAIL},
            1,
            "CLOSED",
            "layer 6 (cloud) should have stopped it by its rules, but did not",
        ),
        ("drop-r2-forward", {}, 5, "FILTERED", "dropped silently between hop 2"),
        ("drop-r2-forward", WELL | {L.CLOUD: PASS}, 5, "FILTERED", "the cloud's rules let it in; the server serves it"),
        ("drop-r2-forward", WELL | {L.FIREWALL: FAIL}, 5, "FILTERED", "layer 2 (firewall) would stop it next"),
        ("drop-target", {}, 4, "FILTERED", "behind hop 3"),
        ("drop-target", WELL | {L.FIREWALL: FAIL}, 2, "FILTERED", "layer 2 (firewall) is why: dropped by a rule"),
        ("drop-target", WELL | {L.CLOUD: FAIL}, 6, "FILTERED", "layer 6 (cloud) is why"),
        (
            "drop-target",
            WELL | {L.CLOUD: FAIL, L.FIREWALL: FAIL},
            6,
            "FILTERED",
            "layer 2 (firewall) would stop it next",
        ),
        (
            "drop-target",
            WELL | {L.CLOUD: PASS},
            5,
            "FILTERED",
            "the server serves it and lets it in: what is left is the way out of hop 3 (10.9.3.2), and the way back",
        ),
        ("drop-target", WELL | {L.FIREWALL: UNKNOWN}, 4, "FILTERED", "layer 2 (firewall) could not be told: could not"),
        (
            "drop-r2-forward",
            {L.CLOUD: WARN},
            5,
            "FILTERED",
            "layer 6 (cloud) has nothing against it as far as was seen",
        ),
        ("open", {L.CLOUD: WARN, L.APPLICATION: PASS}, None, "HEALTHY", "every layer that was looked at is well"),
        ("open", {L.CLOUD: PASS, L.FIREWALL: WARN}, None, "OPEN", "layer 2 (firewall) deserves a look"),
        (
            "loss-r2-30-open",
            WELL,
            None,
            "OPEN",
            "layer 5 (path) deserves a look: whole: 4 hops to the target; packets",
        ),
        ("flows-r2-drop-r2b", WELL, 5, "INTERMITTENT", "flows die"),
        (
            "flows-r2-drop-r2b",
            {L.LISTENING: FAIL, L.APPLICATION: FAIL},
            5,
            "INTERMITTENT",
            "layer 1 (listening) is broken",
        ),
        ("flows-r2-drop-r2b", {L.CLOUD: FAIL}, 5, "INTERMITTENT", "layer 6 (cloud) should have stopped it"),
        ("closed", WELL | {L.KERNEL: FAIL}, 2, "CLOSED", "layer 2 (kernel) is why"),
        ("drop-target", WELL | {L.KERNEL: FAIL}, 2, "FILTERED", "layer 2 (kernel) is why"),
    ],
)
def test_the_culprit_is_named_and_what_cannot_be_true_at_once_is_said(
    scenario: str, statuses: Mapping[LayerName, Status], layer: int | None, word: str, said: str
) -> None:
    conclusion = joined(scenario, statuses)
    assert (conclusion.layer, conclusion.word) == (layer, word)
    assert said in conclusion.summary
    assert conclusion.next_steps or word == "HEALTHY"


def test_who_may_not_bind_the_port_is_why_nothing_listens() -> None:
    conclusion = joined("closed", WELL | {L.LISTENING: FAIL, L.SELINUX: FAIL}, absent=True)
    assert conclusion.layer == 3
    assert "layer 3 (selinux) is why: SELinux denies nginx binding the port" in conclusion.summary
    assert "listening" not in conclusion.summary


def test_each_broken_layer_has_its_remedy_in_the_order_in_which_they_stop_it() -> None:
    steps = joined("drop-target", WELL | {L.CLOUD: FAIL, L.FIREWALL: FAIL}).next_steps
    assert steps == ("mend cloud", "mend firewall", "Then diagnose again.")


def test_where_the_server_was_looked_at_nobody_is_sent_there_again() -> None:
    assert any("all of that in one: sudo pathprobe host" in step for step in joined("drop-target", {}).next_steps)
    watch, ask = joined("drop-target", WELL).next_steps
    assert watch.endswith("sudo pathprobe host 8080/tcp --watch-arrivals 30 - do packets arrive?")
    assert ask.startswith("Ask who runs hop 3 (10.9.3.2) for a rule on tcp/8080")


@pytest.mark.parametrize("broken", [L.LISTENING, L.FIREWALL, L.KERNEL, L.CLOUD])
def test_what_the_wire_contradicts_is_not_mended_but_looked_at_again(broken: LayerName) -> None:
    conclusion = joined("open", WELL | {broken: FAIL})
    assert conclusion.word == "CONTRADICTION"
    (step,) = conclusion.next_steps
    assert "mend" not in step


def test_another_than_was_expected_serves_it_which_contradicts_nothing() -> None:
    conclusion = joined("open", WELL | {L.LISTENING: FAIL}, mistaken=True)
    assert (conclusion.layer, conclusion.word) == (1, "BROKEN")
    assert "something else answers" not in conclusion.summary


@pytest.mark.parametrize("row", [L.FIREWALL, L.CLOUD])
def test_what_stops_another_client_does_not_contradict_that_it_is_open_from_here(row: LayerName) -> None:
    conclusion = joined("open", WELL | {row: FAIL}, vantage=Vantage(client="203.0.113.7"))
    assert conclusion.word == "BLOCKED"
    assert conclusion.summary.startswith("open from here (10.9.1.9); for 203.0.113.7 layer")


def test_a_rule_that_drops_does_not_explain_a_refusal() -> None:
    conclusion = joined("closed", WELL | {L.FIREWALL: FAIL}, silent=True)
    assert conclusion.word == "CONTRADICTION"
    assert "layer 2 (firewall) should have stopped it by its rules, but did not" in conclusion.summary
    assert not any(step.startswith("mend") for step in conclusion.next_steps)


def test_who_looked_at_a_machine_without_that_address_is_told() -> None:
    conclusion = joined("closed", WELL | {L.LISTENING: FAIL}, vantage=Vantage(stranger="10.0.0.9", notes=("old",)))
    assert "10.0.0.9 does not have the address 10.0.0.5: another machine, unless it is translated; old" in (
        conclusion.summary
    )
    assert conclusion.next_steps[0] == "Make sure first that 10.0.0.5 leads to 10.0.0.9."


def test_a_layer_that_could_not_be_asked_says_why_once() -> None:
    hidden = {L.LISTENING: UNKNOWN, L.FIREWALL: UNKNOWN, L.SELINUX: UNKNOWN}
    assert joined("drop-r2-forward", hidden).summary.endswith(
        "; layer 1 (listening) and layer 2 (firewall) and layer 3 (selinux) could not be told: could not be told"
    )
