"""What is said of a ruleset is what the kernel does: rulesets by the hundred, a real packet each."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, assume, given, note, settings

from pathprobe.lab import netns
from pathprobe.layers import network, network_reading
from pathprobe.layers.firewall.cases import PROTOCOLS
from pathprobe.layers.firewall.evaluation.journey import EVERYBODY, Question, journey
from pathprobe.layers.firewall.evaluation.packet import exactly
from pathprobe.layers.firewall.iptables import iptables_save
from pathprobe.layers.firewall.model import Backend, Family, Ruleset
from pathprobe.layers.firewall.nft import nft_json
from pathprobe.layers.firewall.outcome import Fate, Outcome, Place
from pathprobe.layers.system import ThisMachine
from tests.layers.firewall.kernel import ADDRESSES, INTERFACE, Kernel, Seen, Sent, built
from tests.layers.firewall.rulesets import V4, V6, iptables_rulesets, nft_rulesets, packets

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def kernel(lab_host: None) -> Iterator[Kernel]:  # noqa: ARG001
    with built() as kernel:
        yield kernel


@pytest.fixture(scope="module")
def machine(kernel: Kernel) -> network.Network:  # noqa: ARG001
    with netns.inside("server"):
        return network_reading.read(ThisMachine())


def told(ruleset: Ruleset, sent: Sent, port: int, machine: network.Network) -> tuple[Outcome, Outcome | None]:
    """The one outcome on the way in of a packet from ``port``, and the one of the answer where there is one."""
    found = journey(ruleset, question_of(sent, port), machine)
    (inwards,) = found.way_in
    assert inwards.doubts == ()
    if not found.way_out:
        return inwards, None
    (outwards,) = found.way_out
    assert outwards.doubts == ()
    return inwards, outwards


def question_of(sent: Sent, port: int) -> Question:
    return Question(
        version=sent.version,
        protocol=PROTOCOLS[sent.protocol],
        destination=int(ipaddress.ip_address(ADDRESSES[sent.version])),
        port=sent.port,
        interface=INTERFACE,
        sources=exactly(int(ipaddress.ip_address(sent.source))),
        source_ports=exactly(port),
    )


def asked_of_everybody(ruleset: Ruleset, sent: Sent, port: int, machine: network.Network) -> None:
    """What is said of everybody at once holds for each of them: the same fate, by the same rule."""
    question = question_of(sent, port)
    together = journey(ruleset, replace(question, sources=EVERYBODY[sent.version]), machine)
    for source in V4 if sent.version == 4 else V6:
        number = int(ipaddress.ip_address(source))
        alone = journey(ruleset, replace(question, sources=exactly(number)), machine)
        for ways, of_one in ((together.way_in, alone.way_in), (together.way_out, alone.way_out)):
            concerned = [one for one in ways if any(low <= number <= high for low, high in one.sources or ())]
            assert [(one.fate, one.decided) for one in concerned] == [(one.fate, one.decided) for one in of_one]


def agrees(outcome: Outcome, answer: Outcome | None, seen: Seen) -> None:
    """What was refused may look dropped: the refusal has to leave by the same rules as everything else."""
    passed = seen.arrived or seen.onwards
    assert (outcome.fate is Fate.ACCEPTED) == passed
    assert passed or outcome.fate is Fate.REJECTED or not seen.refused
    assert (answer is not None and answer.fate is Fate.ACCEPTED) == seen.answered


def met(place: Place | None) -> tuple[str, str, str, int] | None:
    """The rule that decided, as the kernel's counters name it."""
    if place is None or place.rule is None or place.rule.handle is None:
        return None
    return (str(place.family), place.table, place.chain, place.rule.handle)


WITHOUT_HASTE = settings(
    deadline=None, max_examples=150, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)


def test_nft_rulesets_do_what_is_said_of_them(kernel: Kernel, machine: network.Network) -> None:
    @WITHOUT_HASTE
    @given(ruleset=nft_rulesets(), sent=packets)
    def compare(ruleset: str, sent: Sent) -> None:
        try:
            kernel.load(ruleset)
        except netns.LabUnavailable:
            assume(False)
        listing = kernel.listing()
        seen = kernel.send(sent)
        note(f"{ruleset}\n{seen}")
        parsed = nft_json.parse(listing)
        asked_of_everybody(parsed, sent, kernel.source_port, machine)
        outcome, answer = told(parsed, sent, kernel.source_port, machine)
        note(f"{outcome}\n{answer}")
        agrees(outcome, answer, seen)
        for place in (outcome.decided, answer.decided if answer else None):
            handle = met(place)
            assert handle is None or handle in seen.hits

    compare()


@pytest.mark.parametrize("flavour", [Backend.IPTABLES_NFT, Backend.IPTABLES_LEGACY])
def test_iptables_rulesets_do_what_is_said_of_them(kernel: Kernel, machine: network.Network, flavour: Backend) -> None:
    @WITHOUT_HASTE
    @given(ruleset=iptables_rulesets(), sent=packets.filter(lambda sent: sent.version == 4))
    def compare(ruleset: str, sent: Sent) -> None:
        kernel.load("")
        kernel.run(f"{flavour}-restore", text=ruleset)
        try:
            seen = kernel.send(sent)
            saved = kernel.run(f"{flavour}-save", "-c")
        finally:
            if flavour is Backend.IPTABLES_LEGACY:
                kernel.run("iptables-legacy-restore", text=EMPTY)
        note(f"{ruleset}\n{seen}")
        tables = iptables_save.parse(saved, backend=flavour, family=Family.IP)
        asked_of_everybody(Ruleset(tables=tables), sent, kernel.source_port, machine)
        outcome, answer = told(Ruleset(tables=tables), sent, kernel.source_port, machine)
        note(f"{outcome}\n{answer}")
        agrees(outcome, answer, seen)
        for place in (outcome.decided, answer.decided if answer else None):
            assert place is None or place.rule is None or place.rule.packets

    compare()


EMPTY = "".join(
    f"*{table}\n{''.join(f':{chain} ACCEPT [0:0]{chr(10)}' for chain in chains)}COMMIT\n"
    for table, chains in {
        "raw": ("PREROUTING", "OUTPUT"),
        "mangle": ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"),
        "nat": ("PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"),
        "filter": ("INPUT", "FORWARD", "OUTPUT"),
    }.items()
)
