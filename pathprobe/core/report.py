"""What is the answer made of?

The dataclasses of a finished diagnosis: facts and closed sets, no prose. ``output`` puts them into words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from pathprobe.core.evidence import Observation
from pathprobe.core.host_facts import HostFacts
from pathprobe.core.packets import InterfaceInfo, MplsLabel
from pathprobe.core.quotes import Change
from pathprobe.core.sightings import FileSummary

if TYPE_CHECKING:
    # Twenty modules that only two captures need.
    from pathprobe.core.ends.both_ends import BothEnds


class State(StrEnum):
    """What nmap's users mean by the state of a port."""

    OPEN = "open"
    CLOSED = "closed"
    FILTERED = "filtered"
    OPEN_FILTERED = "open|filtered"
    UNREACHABLE = "unreachable"
    INTERMITTENT = "intermittent"
    UNKNOWN = "unknown"


class Mechanism(StrEnum):
    """How the packet met its end."""

    ANSWER = "answer"
    RESET = "reset"
    REJECT = "reject"
    DROP = "drop"
    NO_ROUTE = "no-route"
    LOOP = "loop"
    LOCAL_ERROR = "local-error"


class Where(StrEnum):
    LOCAL = "local"
    PATH = "path"
    TARGET_EDGE = "target-edge"
    TARGET = "target"
    UNKNOWN = "unknown"


class Direction(StrEnum):
    FORWARD = "forward"
    RETURN = "return"


class Clue(StrEnum):
    """What gave a box away."""

    ICMP_SOURCE = "icmp-source"
    REPLY_TTL = "reply-ttl"
    FIRST_ANSWERING_TTL = "first-answering-ttl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """A place on the path; hop 0 without an address is this host's own interface."""

    ttl: int
    address: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A box that gave itself away."""

    ttl: int
    address: str | None
    by: tuple[Clue, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """The interval in which the packet met its end: a silent drop has no point."""

    where: Where
    direction: Direction | None = None
    last_good: Hop | None = None
    first_bad: Hop | None = None
    device: Device | None = None


class Claim(StrEnum):
    """What a reason says; ``output.wording`` has the sentence for each."""

    ANSWERED = "answered"
    RESET_BY_TARGET = "reset-by-target"
    REFUSED = "refused"
    TEST_SILENT = "test-silent"
    TEST_UNANSWERED = "test-unanswered"
    SOME_SILENT = "some-silent"
    CONTROL_PASSED = "control-passed"
    CONTROL_REFUSED = "control-refused"
    CONTROL_SILENT = "control-silent"
    INTERVAL = "interval"
    BROAD_INTERVAL = "broad-interval"
    TARGET_EDGE = "target-edge"
    MUTE_EDGE = "mute-edge"
    SILENT_HOPS = "silent-hops"
    SPARING_HOPS = "sparing-hops"
    LOSS = "loss"
    EARLY_ANSWER = "early-answer"
    NEARER_REPLY = "nearer-reply"
    TAPPED = "tapped"
    SAME_DISTANCE = "same-distance"
    SAME_BOTH_WAYS = "same-both-ways"
    NO_COMPARISON = "no-comparison"
    NOT_SENT = "not-sent"
    NOT_SEEN = "not-seen"
    NO_NEIGHBOUR = "no-neighbour"
    GAVE_UP = "gave-up"
    LOCAL_SILENCE = "local-silence"
    EXPIRED_AT_FULL_TTL = "expired-at-full-ttl"
    CLOSED_PORTS_TOLD = "closed-ports-told"
    CLOSED_PORTS_SILENT = "closed-ports-silent"
    ASKED_AS_CLIENT = "asked-as-client"
    ASKED_IN_TEXT = "asked-in-text"
    SILENT_BY_NATURE = "silent-by-nature"
    CIRCLE = "circle"
    CAME_BACK = "came-back"
    FORWARDED = "forwarded"
    BEHIND_TARGET = "behind-target"
    OTHER_INTERFACE = "other-interface"
    NO_ADDRESS = "no-address"
    TABLE_FULL = "table-full"
    LINK_OFF = "link-off"
    NO_CARRIER = "no-carrier"
    REVERSE_PATH = "reverse-path"
    DEAF = "deaf"
    UNHEARD = "unheard"
    NOT_TRACED = "not-traced"
    FLOWS_DIE = "flows-die"
    SAME_ROUTER = "same-router"
    UNSEEN_AT = "unseen-at"
    NOTHING_IN_COMMON = "nothing-in-common"
    DYING_NOT_TRACED = "dying-not-traced"
    PORTS_DIFFER = "ports-differ"
    SEVERAL_ROUTERS = "several-routers"
    ECHO_FLOWS = "echo-flows"
    UNFINISHED = "unfinished"
    # of many targets, of which not each was traced
    UNRESOLVED = "unresolved"
    AS_TRACED = "as-traced"
    STEP_SILENT = "step-silent"
    STEP_UNPROVED = "step-unproved"
    REACHED_ALIKE = "reached-alike"
    ECHO_ALIKE = "echo-alike"
    # of two captures, one from each end
    NEVER_CAME = "never-came"
    CAME = "came"
    CAME_UNANSWERED = "came-unanswered"
    ANSWERS_LOST = "answers-lost"
    ANSWER_IGNORED = "answer-ignored"
    SERVER_ANSWERED = "server-answered"
    SERVER_REFUSED = "server-refused"
    SOME_LIVE = "some-live"
    NEVER_SENT = "never-sent"
    FORGED_FROM = "forged-from"
    RAN = "ran"
    RAN_BY_CLOCK = "ran-by-clock"
    RAN_IF_CLOCKS_AGREE = "ran-if-clocks-agree"
    NOTHING_CAPTURED = "nothing-captured"
    MAY_NOT_HAVE_RUN = "may-not-have-run"
    ONE_WAY_CAPTURE = "one-way-capture"
    OR_ELSEWHERE = "or-elsewhere"
    LOST_ON_THE_WAY = "lost-on-the-way"
    DATA_LOST = "data-lost"
    BROKEN_OFF = "broken-off"
    LARGE_DATA_LOST = "large-data-lost"
    # of others' traffic
    STALLED = "stalled"
    LARGE_STALLED = "large-stalled"
    CUT = "cut"
    RESET_BY_BOX = "reset-by-box"
    RESET_MIDWAY = "reset-midway"
    REQUEST_UNANSWERED = "request-unanswered"
    ANSWER_REPEATED = "answer-repeated"
    ANSWER_UNHEARD = "answer-unheard"
    WINDOW_SHUT = "window-shut"
    DISOWNED = "disowned"
    SENT_AGAIN = "sent-again"
    NO_BEGINNING = "no-beginning"
    TRACE_PORTS = "trace-ports"
    TRACE_SHORT = "trace-short"
    TRACE_ENDS = "trace-ends"
    CAPTURED_ON_THE_WAY = "captured-on-the-way"
    CAPTURED_AT_TARGET = "captured-at-target"
    END_ASSUMED = "end-assumed"
    CAPTURED_SOMEWHERE = "captured-somewhere"


class Loss(StrEnum):
    """How packets that are too large for the path end: a router says so, or nobody does, or they do not."""

    TOLD = "told"
    SILENT = "silent"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A box said that a packet of ``size`` octets is too big. ``mtu`` None: it gave no number.

    ``ttl`` is its hop, 0 for this host, whose own kernel has no address here. ``wrong``: its number was refuted.
    """

    ttl: int
    address: str | None
    size: int
    mtu: int | None
    message: str
    wrong: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PathMtu:
    """Which sizes pass, in octets of the whole datagram, and what becomes of larger ones.

    ``mechanism`` None: loss hides it. ``carrier``: the kind of probe that was padded. ``gets_there``: the size that
    draws no echo was shown to reach the target in this kind of probe; ``told`` is all that boxes said.
    """

    interface: int
    carrier: str
    largest: int | None
    smallest_lost: int | None
    mechanism: Loss | None
    location: Location | None
    told_by: Told | None
    told: tuple[Told, ...]
    confidence: float
    gets_there: str | None = None
    probes: tuple[int, ...] = ()


Fact = str | int | float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One claim, the facts that fill its sentence, and the probes that prove it."""

    claim: Claim
    probes: tuple[int, ...] = ()
    facts: Mapping[str, Fact] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Everything that follows from the packets. ``confidence`` is in 0..1, computed from the counts."""

    state: State
    mechanism: Mechanism | None
    location: Location
    confidence: float
    distance: int | None
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What was asked about; ``port`` is None for echo, and for a trace that takes a new port with every probe.

    ``zone``: the interface of a link-local address (RFC 4007).
    """

    given: str
    address: str
    port: int | None
    protocol: str
    zone: str | None = None

    @property
    def label(self) -> str:
        """``10.0.0.5:8080/tcp``, ``[fd00::5]:8080/tcp``, ``10.0.0.5/icmp``."""
        if self.port is None:
            return f"{self.address}/{self.protocol}"
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{host}:{self.port}/{self.protocol}"

    @property
    def service(self) -> str:
        """``tcp/8080``, ``icmp echo``, or ``udp`` where every probe had a port of its own."""
        if self.port is None:
            return "icmp echo" if self.protocol == "icmp" else self.protocol
        return f"{self.protocol}/{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """What one role's probes with one TTL came to; round trips in milliseconds."""

    sent: int
    answered: int
    addresses: tuple[str, ...]
    rtt_ms: tuple[float, ...]
    outcomes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HopRow:
    """One TTL; ``address`` is who is there, None when it never said.

    ``labels``: the MPLS stack with which probes arrived there; ``interface``: where, in the router's own words.
    """

    ttl: int
    address: str | None
    test: Leg | None
    control: Leg | None
    labels: tuple[MplsLabel, ...] = ()
    interface: InterfaceInfo | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Middlebox:
    """A box that changes packets behind the first hop of ``between`` and not behind the second, or at a hop if
    both are one.

    ``before`` and ``after`` are None where they differ from probe to probe or can not be known. ``services``:
    whose packets show it. ``carried``: False when later hops quote the field as it left, so that only this
    hop's quote is odd.
    """

    between: tuple[Hop, Hop]
    what: Change
    before: str | None = None
    after: str | None = None
    probes: tuple[int, ...] = ()
    services: tuple[str, ...] = ()
    carried: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """One constant flow: ``hops`` from TTL 1 on, None for one that was not asked on this flow or did not answer.

    ``source_port`` is None for echo, whose flows differ in the identifier. ``reach``: the hop up to which it is known
    to get; of the hops so far those that were not asked on this flow may be known from others.
    """

    flow: int
    source_port: int | None
    state: State
    hops: tuple[str | None, ...]
    reach: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """How often a question was put in a capture of others' traffic, and what came of it.

    ``attempts``: connections, UDP conversations or echo requests; ``packets`` that asked, those sent again too.
    ``midway``: conversations whose beginning is not in the file.
    """

    attempts: int
    packets: int
    answered: int
    reset: int
    refused: int
    silent: int
    midway: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What else a capture of others' traffic holds.

    ``packets`` in all; ``passed_over``: those that belong to no question that was asked for; ``midway``: TCP
    connections without their beginning; ``narrowed``: only some questions were wanted.
    """

    packets: int
    passed_over: int
    midway: int
    narrowed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The answer about one target.

    ``mtu`` is the interface's, in octets, where the path's own was asked for; ``path_mtu`` is None where it was
    not, or where nothing could be compared.
    ``source`` is this host's address. ``started`` is Unix time; ``duration``, what of it was ``waited`` for answers
    with nothing else to do, and the silence ``window`` are seconds; ``frames_lost`` is what the receive queue dropped.
    ``complete`` is False for a run that
    was killed. ``ports``: the source ports or identifiers kept for constant flows; ``paths``: those of them that
    were asked, if more than one. ``frames``: probe id -> frame numbers in the capture, from 1. ``host``: read live
    where this host is suspected, else None. ``both_ends``: of two captures, one from each end. ``counted``: in a
    capture of others' traffic, else None.
    """

    target: Target
    verdict: Verdict
    hops: tuple[HopRow, ...]
    control: str
    source: str
    source_port: int | None
    observations: tuple[Observation, ...]
    middleboxes: tuple[Middlebox, ...] = ()
    started: float = 0.0
    duration: float = 0.0
    waited: float = 0.0
    window: float = 0.0
    frames_lost: int = 0
    complete: bool = True
    ports: tuple[int, ...] = ()
    paths: tuple[Path, ...] = ()
    frames: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    mtu: int | None = None
    path_mtu: PathMtu | None = None
    host: HostFacts | None = None
    both_ends: BothEnds | None = None
    counted: Counted | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Vantage:
    """From where it was asked."""

    hostname: str | None
    interface: str | None
    source: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Where the time of a live run went, in seconds.

    ``start``: from the start of the process on, all that comes before the first target is asked, but for ``resolve``,
    finding the addresses. ``probe`` sends and reads, ``wait`` has nothing to do until an answer comes or a silence is
    over, ``conclude`` makes the verdict and does everything else of a report's ``duration``.
    """

    start: float
    resolve: float
    probe: float
    wait: float
    conclude: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One run: ``started`` in Unix seconds, ``duration`` in seconds, ``engine`` raw, capture or simulated.

    ``file``: what became of the frames of the capture that was analyzed; None where packets were sent.
    ``server_capture_path`` and ``server_file``: of the server's capture, where both ends were analyzed.
    ``timing``: of a live run.
    """

    engine: str
    started: float
    duration: float
    vantage: Vantage
    results: tuple[Result, ...]
    capture_path: str | None = None
    capture_packets: int = 0
    complete: bool = True
    file: FileSummary | None = None
    server_capture_path: str | None = None
    server_file: FileSummary | None = None
    watched: Watched | None = None
    timing: Timing | None = None
