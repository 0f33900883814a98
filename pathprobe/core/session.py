"""What is to be sent now, and when is it all over?

The sans-IO side of one diagnosis: ``step(now)`` gives the probes to send, ``wake_at`` when to call
again if no packet comes, ``done`` when the verdict can no longer change. It turns the strategy's
wants into probes: source ports, tokens, identifiers.

Sequence numbers grow in the order of sending. To a stateful box the steps of one flow then look like
a client that gave up and began anew, which conntrack accepts (net/netfilter/nf_conntrack_proto_tcp.c,
tcp_in_window: a SYN in SYN_SENT whose end is after the last one re-initialises the state).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pathprobe.core.branches import most_flows
from pathprobe.core.evidence import Evidence
from pathprobe.core.ledger import Ledger
from pathprobe.core.probes import Flow, Kind, Probe, Role
from pathprobe.core.situation import Question, Situation, Want
from pathprobe.core.strategy import is_over, next_look, wanted
from pathprobe.core.timing import KERNEL_REACTION

if TYPE_CHECKING:
    from random import Random

#: Two probes' sequence numbers are this far apart at least, and at most twice as far.
_SEQUENCE_STEP = 1 << 16

#: UDP checksums that mean nothing else: 0 is "none" and 0xFFFF a computed 0 (RFC 768).
_CHECKSUMS = 0xFFFE

#: Ports that constant flows leave to probes on flows of their own, or half of what there is: a usual diagnosis' need.
_KEPT_PORTS = 16

#: A timer may fire this many seconds early.
_TICK = 1e-6

#: No diagnosis of one flow sends more: a strategy gone wrong must not become a flood.
MOST_PROBES = 120

#: The same for each further flow: three tries at the target, and a step to each hop of a usual path.
MOST_PER_FLOW = 10


class Session:
    """One question, from the first probe to the last.

    ``ports``: source ports reserved for it. The last ones are for the constant flows, the others for probes on flows
    of their own. ``constant``: the source ports or identifiers of the constant flows.
    """

    def __init__(self, question: Question, ledger: Ledger, ports: Sequence[int], rng: Random) -> None:
        self.question = question
        self.ledger = ledger
        self._rng = rng
        self._sequence = rng.getrandbits(32)
        self._identification = rng.getrandbits(16)
        self._identifier = rng.getrandbits(16)
        self._echo_sequence = rng.getrandbits(16)
        self._checksum = rng.getrandbits(16) % _CHECKSUMS
        self.constant = self._constant_ports(ports)
        own = len(ports) if question.kind is Kind.ECHO else len(ports) - len(self.constant)
        self._ports = list(reversed(ports[:own]))
        self._flows: dict[tuple[Role, Kind, int | None, bool], Flow] = {}
        self._numbers: dict[Flow, int] = {}
        self._attempts: Counter[tuple[Role, Kind, int | None, int, int | None]] = Counter()
        self._ids = 0

    def evidence(self, now: float) -> Evidence:
        return Evidence(
            target=self.question.target,
            source=self.question.source,
            observations=self.ledger.observations(now),
            longest_wait=self.question.longest_wait,
            ports=self.constant,
        )

    def step(self, now: float) -> list[Probe]:
        """The probes to send at ``now``; the caller tells the ledger what became of the sending."""
        room = MOST_PROBES - self._ids
        if self.question.flows != 1:
            room += MOST_PER_FLOW * len(self.constant)
        return [self._probe(want) for want in wanted(self._situation(now))[: max(0, room)] if self._has_port(want)]

    def farewells(self, now: float) -> list[Probe]:
        """The probes whose half-open connection we must end with a reset, for this host's kernel did not.

        That is kind to the target, and it shows that a reset could leave: so the SYN-ACK never got through here.
        """
        return [probe for probe, received in self.ledger.unheard() if now - received >= KERNEL_REACTION - _TICK]

    def wake_at(self, now: float) -> float | None:
        """When to call step() again if nothing arrives."""
        return next_look(self._situation(now))

    def done(self, now: float) -> bool:
        """Nothing is worth asking and nothing worth waiting for. Call it after step() gave nothing."""
        return is_over(self._situation(now))

    def _situation(self, now: float) -> Situation:
        return Situation(self.question, self.evidence(now), now)

    def _has_port(self, want: Want) -> bool:
        if want.flow or self._is_constant(want):
            return want.flow < len(self.constant)
        return want.kind is Kind.ECHO or bool(self._ports) or (not want.fresh and self._key(want) in self._flows)

    def _is_constant(self, want: Want) -> bool:
        """The tested port's own; echo's one flow is constant in any case."""
        constant = not want.fresh or want.kind is Kind.ECHO
        return bool(self.constant) and want.role is Role.TEST and want.kind is self.question.kind and constant

    def _constant_ports(self, ports: Sequence[int]) -> tuple[int, ...]:
        flows = most_flows(self.question)
        if self.question.kind is Kind.ECHO:
            return tuple((self._identifier + number) % (1 << 16) for number in range(flows))
        if not self.question.shares_ports:
            return ()
        room = max(len(ports) // 2, len(ports) - _KEPT_PORTS)
        return tuple(reversed(ports))[: min(flows, room)]

    def _key(self, want: Want) -> tuple[Role, Kind, int | None, bool]:
        return want.role, want.kind, want.port, want.fresh

    def _probe(self, want: Want) -> Probe:
        flow = self._flow(want)
        self._ids += 1
        return Probe(
            id=self._ids,
            role=want.role,
            flow=flow,
            flow_number=self._numbers.setdefault(flow, len(self._numbers)),
            ttl=want.ttl,
            attempt=self._attempt(want),
            token=self._token(want.kind, flow),
            identification=(self._identification + self._ids) % 0xFFFF + 1,
            size=want.size,
        )

    def _flow(self, want: Want) -> Flow:
        if self._is_constant(want):
            return self._make_flow(want, self.constant[want.flow])
        if want.kind is Kind.ECHO:
            return self._make_flow(want, self._identifier)
        if want.fresh or not self._can_share(want):
            return self._make_flow(want, self._ports.pop())
        key = self._key(want)
        if key not in self._flows:
            self._flows[key] = self._make_flow(want, self._ports.pop())
        return self._flows[key]

    def _can_share(self, want: Want) -> bool:
        """What the user wants to be sent goes to the tested port alone."""
        return want.role is not Role.TEST or want.kind is not self.question.kind or self.question.shares_ports

    def _make_flow(self, want: Want, source_port: int) -> Flow:
        return Flow(
            kind=want.kind,
            source=self.question.source,
            destination=self.question.target,
            source_port=source_port,
            destination_port=want.port or 0,
        )

    def _attempt(self, want: Want) -> int:
        key = (want.role, want.kind, want.port, want.ttl, want.size)
        self._attempts[key] += 1
        return self._attempts[key]

    def _token(self, kind: Kind, flow: Flow) -> int:
        if kind is Kind.ECHO:
            self._echo_sequence = (self._echo_sequence + 1) % (1 << 16)
            return flow.source_port << 16 | self._echo_sequence
        if kind is Kind.UDP:
            self._checksum = (self._checksum + 1) % _CHECKSUMS
            return self._checksum + 1
        self._sequence = (self._sequence + _SEQUENCE_STEP + self._rng.randrange(_SEQUENCE_STEP)) % (1 << 32)
        return self._sequence
