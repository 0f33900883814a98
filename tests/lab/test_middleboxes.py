"""Real kernels rewrite, translate and stand in; the report names what and where, live, simulated and from the file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from pathprobe.commands.live import WORDS
from pathprobe.core.quotes import Change
from pathprobe.core.report import Result
from pathprobe.engine.offline import analyze
from pathprobe.engine.recorder import Recorder
from pathprobe.lab import netns
from pathprobe.lab.ask import ask_live, ask_simulated
from pathprobe.lab.network import Lab
from pathprobe.net.scenario import Expectation, Hook, Match, Rule, Scenario

TCP = Match(protocol="tcp")
PORT = Match(protocol="tcp", destination_port=8080)

Box = tuple[int, int, Change]


@dataclass(frozen=True)
class Case:
    """Rules and the boxes that they make."""

    rules: tuple[Rule, ...]
    boxes: tuple[Box, ...]
    families: tuple[int, ...] = (4, 6)
    #: Routers whose hops no TTL step sees, since the TTL is set anew before them.
    unseen: tuple[int, ...] = ()
    protocol: str = "tcp"


def rule(at: str, hook: Hook, action: str, match: Match = Match()) -> Rule:  # noqa: B008 - frozen
    return Rule(at=at, hook=hook, match=match, action=action)


PREROUTING, FORWARD, POSTROUTING = Hook.PREROUTING, Hook.FORWARD, Hook.POSTROUTING

CASES = {
    # The TTL is checked between prerouting and forward: only a rule before that shows in the box's own quote.
    "dscp-forward": Case((rule("r2", FORWARD, "set dscp 18"),), ((2, 3, Change.DSCP),)),
    "dscp-postrouting": Case((rule("r2", POSTROUTING, "set dscp 18"),), ((2, 3, Change.DSCP),)),
    "dscp-prerouting": Case((rule("r2", PREROUTING, "set dscp 18"),), ((1, 2, Change.DSCP),)),
    "dscp-first-hop": Case((rule("r1", PREROUTING, "set dscp 18"),), ((0, 1, Change.DSCP),)),
    "dscp-twice": Case(
        (rule("r1", FORWARD, "set dscp 18"), rule("r2", FORWARD, "set dscp 10")),
        ((1, 2, Change.DSCP), (2, 3, Change.DSCP)),
    ),
    "ecn": Case((rule("r1", FORWARD, "set ecn 2"),), ((1, 2, Change.ECN),)),
    "mss": Case((rule("r2", FORWARD, "set mss 1200", TCP),), ((2, 3, Change.MSS),)),
    "strip": Case((rule("r1", FORWARD, "strip sack-perm", TCP),), ((1, 2, Change.OPTION_REMOVED),)),
    "ttl": Case(
        (rule("r2", FORWARD, "set ttl 64"), rule("r3", FORWARD, "reject admin-prohibited", PORT)),
        ((2, 3, Change.TTL),),
        unseen=(3,),
    ),
    # Connection tracking turns the quotes back, checksums and all: a source NAT of Linux shows in none.
    "snat": Case((rule("r1", POSTROUTING, "snat 10.9.2.1"),), (), families=(4,)),
    "masquerade": Case((rule("r2", POSTROUTING, "masquerade"),), ()),
    # A destination NAT shows by whose name is on the errors behind it.
    "dnat-last-hop": Case(
        (rule("r3", PREROUTING, "dnat 10.0.0.5:9090", PORT),), ((2, 3, Change.DESTINATION),), families=(4,)
    ),
    "dnat-first-hop": Case(
        (rule("r1", PREROUTING, "dnat 10.0.0.5:9090", PORT),), ((0, 1, Change.DESTINATION),), families=(4,)
    ),
    "dnat-v6": Case(
        (rule("r2", PREROUTING, "dnat [fd00::5]:9090", PORT),), ((1, 2, Change.DESTINATION),), families=(6,)
    ),
    "synproxy": Case((rule("r2", FORWARD, "synproxy", PORT),), ((2, 2, Change.IN_PLACE),), families=(4,)),
    "reset": Case((rule("r2", FORWARD, "reset", PORT),), ((2, 2, Change.IN_PLACE),)),
    "udp-dscp": Case((rule("r1", FORWARD, "set dscp 18"),), ((1, 2, Change.DSCP),), protocol="udp"),
    "udp-masquerade": Case((rule("r2", POSTROUTING, "masquerade"),), (), protocol="udp"),
    "udp-dnat": Case(
        (rule("r2", PREROUTING, "dnat 10.0.0.5:9090", replace(PORT, protocol="udp")),),
        ((1, 2, Change.DESTINATION),),
        families=(4,),
        protocol="udp",
    ),
    "echo-dscp": Case((rule("r1", FORWARD, "set dscp 18"),), ((1, 2, Change.DSCP),), protocol="icmp"),
}

EVERY = pytest.mark.parametrize(
    ("name", "family"), [(name, family) for name, case in CASES.items() for family in case.families]
)


def scenario(rules: tuple[Rule, ...] = (), family: int = 4, protocol: str = "tcp") -> Scenario:
    return Scenario(
        name="x",
        summary="",
        family=family,
        expect=Expectation(state="open"),
        rules=rules,
        protocol=protocol,
        port=None if protocol == "icmp" else 8080,
        listen=(8080, 9090),
    )


def boxes(result: Result) -> tuple[Box, ...]:
    return tuple((box.between[0].ttl, box.between[1].ttl, box.what) for box in result.middleboxes)


def ask_recorded(lab: Lab, path: Path) -> Result:
    recorder = Recorder(path, WORDS, application="pathprobe", command="pathprobe")
    result = ask_live(lab, recorder=recorder)
    recorder.finish((result,))
    return result


@pytest.mark.lab
@pytest.mark.usefixtures("lab_host")
@EVERY
def test_a_box_of_a_real_kernel_is_placed_live_and_from_the_file(name: str, family: int, tmp_path: Path) -> None:
    case, capture = CASES[name], tmp_path / "run.pcapng"
    with Lab(scenario(case.rules, family, case.protocol)) as lab:
        live = ask_recorded(lab, capture)
    assert boxes(live) == case.boxes
    for hop in (hop for box in live.middleboxes for hop in box.between):
        if hop.ttl not in (0, *case.unseen):
            assert hop.address == lab.scenario.hop_address(hop.ttl)
    (offline,) = analyze(capture)
    assert offline.middleboxes == live.middleboxes


@EVERY
def test_a_simulated_box_is_placed_where_the_real_one_is(name: str, family: int) -> None:
    case = CASES[name]
    assert boxes(ask_simulated(scenario(case.rules, family, case.protocol))) == case.boxes


#: A NAT without a memory: r1 puts its own address in the packets, and the client's in what comes back for it.
_STATELESS = """
table ip nat_without_memory {
    chain out {
        type filter hook postrouting priority mangle
        ip saddr 10.9.1.9 ip saddr set 192.0.2.1
    }
    chain home {
        type filter hook prerouting priority mangle
        ip daddr 192.0.2.1 ip daddr set 10.9.1.9
        %s
    }
}
"""

#: It may turn the address in a quote back, 8 + 12 octets into the ICMP message; the quoted checksum it leaves.
_TURNED_BACK = "icmp type time-exceeded @th,160,32 set 0x0a090109"


@pytest.mark.lab
@pytest.mark.usefixtures("lab_host")
@pytest.mark.parametrize(
    ("more", "what", "values"),
    [("", Change.SOURCE_ADDRESS, ("10.9.1.9", "192.0.2.1")), (_TURNED_BACK, Change.HIDDEN, (None, None))],
)
def test_a_source_nat_shows_in_quotes_that_nobody_turns_back_or_not_quite(
    more: str, what: Change, values: tuple[str | None, str | None], tmp_path: Path
) -> None:
    capture = tmp_path / "run.pcapng"
    with Lab(scenario()) as lab:
        for router in ("r2", "r3", "target"):
            back = lab.scenario.link_address(lab.scenario.nodes.index(router) - 1, "left")
            netns.run_ip(router, 4, [f"route add 192.0.2.1/32 via {back}"])
        netns.run_nft("r1", _STATELESS % more)
        live = ask_recorded(lab, capture)
    assert boxes(live) == ((1, 2, what),)
    (box,) = live.middleboxes
    assert (box.before, box.after) == values
    (offline,) = analyze(capture)
    assert offline.middleboxes == live.middleboxes
