"""What the rows of all layers say together: the culprit first, what will stop it next, what cannot be true at once."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import pytest

from pathprobe.core.layers import Conclusion, Layer, LayerName, Status
from pathprobe.core.report import Result
from pathprobe.lab import catalogue
from pathprobe.lab.ask import ask_simulated
from pathprobe.output.diagnosis.joining import conclude
from pathprobe.output.diagnosis.probed import connectivity, path

PASS, FAIL, UNKNOWN, SKIP = Status.PASS, Status.FAIL, Status.UNKNOWN, Status.SKIP
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


def joined(scenario: str, statuses: Mapping[LayerName, Status], *, absent: bool = False) -> Conclusion:
    result = asked(scenario)
    rows = [
        Layer(
            name=name,
            status=status,
            summary=WORDS[name].get(status, "could not be told"),
            fix=(f"mend {name}",) if status is FAIL else (),
            is_absent=absent and name is L.LISTENING,
        )
        for name, status in statuses.items()
    ]
    return conclude([*rows, connectivity(result), path(result)], result)


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
        ("closed", WELL, None, "CONTRADICTION", "is 10.0.0.5 this server's address?"),
        (
            "closed",
            WELL | {L.LISTENING: FAIL, L.CLOUD: FAIL},
            1,
            "CLOSED",
            "layer 6 (cloud) is said to stop it, and did not",
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
        ("drop-target", WELL | {L.CLOUD: PASS}, 4, "FILTERED", "the cloud's rules let it in; the server serves it"),
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
    assert any("pathprobe host" in step for step in joined("drop-target", {}).next_steps)
    assert not any("pathprobe host" in step for step in joined("drop-target", WELL).next_steps)
