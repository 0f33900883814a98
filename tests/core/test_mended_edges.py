"""What was wrong at the edges, found in a second reading: each of these failed before it was mended."""

from __future__ import annotations

from pathprobe.core.outcomes import Outcome
from pathprobe.core.probes import FULL_TTL, Probe
from pathprobe.core.report import State
from tests.core.conversation import is_echo, road, talk
from tests.core.factories import (
    ROUTERS,
    answered,
    clear_echo,
    echo,
    expired,
    rejected,
    reset,
    silent,
    steps,
    syn,
)
from tests.core.test_session import NETWORKS, lossy, shared_ports, too_busy
from tests.core.test_verdict import verdict

R1, R2, R3 = ROUTERS[4]
FULL = FULL_TTL


def test_a_control_that_reached_the_target_by_a_step_keeps_a_drop_from_being_unreachable() -> None:
    # It was: evidence.crossing says FULL_TTL as soon as any control reached the target; where the port's own steps
    # expire at or beyond the control's distance (a longer branch) and no control with a full TTL came through,
    # _working_controls(64) is empty: "unreachable", while the control did get there.
    own = [*steps(syn, 4), *[syn(FULL, silent())] * 3]
    given = verdict(*own, *steps(echo, 3), echo(4, answered()), echo(FULL, silent()))
    assert given.state is not State.UNREACHABLE


def test_no_box_stands_at_hop_0() -> None:
    # It was: locate._hop_of_answerer: first_ttl - 1 is 0 where TTL 1 drew the refusal, r1 let a control expire under
    # another address and the way back does not break the tie: device and last_good at hop 0, with an address.
    given = verdict(
        syn(1, rejected(R2, back=3)), syn(FULL, rejected(R2, back=3)), echo(1, expired()), echo(FULL, silent())
    )
    assert given.location.device is not None
    assert given.location.device.ttl >= 1


def test_a_lost_answer_to_the_leader_does_not_send_two_steps_to_the_target_from_one_port() -> None:
    # It was (slight): echo TTL 4 is lost, 5 is answered: for a moment the distance is 5, and steps 4 and 5 both
    # arrive on the constant flow. One lost packet is enough (two with the direct echo, so that there is no guess).
    lost = {4, FULL}
    clear = road()

    def network(sent: Probe) -> Outcome | None:
        if is_echo(sent) and sent.ttl in lost:
            lost.remove(sent.ttl)
            return None
        return clear(sent)

    assert shared_ports(talk(network)) == []


def test_retries_at_a_hop_that_only_seemed_silent_stay_within_five() -> None:
    # It was (slight): one lost step at hop 2: the retries there expire there, tests and controls alike: 6 in 0.4 s.
    # MOST_IN_BURST counts the controls only.
    held = talk(lossy(NETWORKS["no echo, dropped"], 0.05, 7))
    assert too_busy(held.evidence.observations, None) == {}


def test_a_reset_from_nearer_than_the_echo_is_not_called_closed_when_an_earlier_step_was_lost() -> None:
    # It was (weak): r2 forges; the step at TTL 3 is lost and no closed port answers: RST over 2 hops, echo over 4,
    # first seen at TTL 4 = distance: "closed", 80 %. A step that is silent where a control expired is a gap: no clue.
    own = [*steps(syn, 2), syn(3, silent()), syn(4, reset(back=2)), syn(FULL, reset(back=2))]
    given = verdict(*own, *clear_echo())
    assert given.state is not State.CLOSED or given.confidence <= 0.5
