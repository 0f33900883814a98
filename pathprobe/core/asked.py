"""What does a list of targets ask for, each pair once, and what is answered?

Named tuples, as a pair is: they are made for every line of a long list, and again for every answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from pathprobe.core.pairs import Pair
from pathprobe.core.probes import Kind
from pathprobe.core.report import Result, State, Target


class Asked(NamedTuple):
    """One target of a list: as it was written, where it is, and what its owner calls it.

    ``address`` is None where the name has none; ``trouble`` then says why.
    """

    given: str
    host: str
    address: str | None
    port: int
    kind: Kind
    service: str | None = None
    trouble: str | None = None

    @property
    def pair(self) -> Pair:
        """What the network is asked. Raises ValueError where the name has no address."""
        if self.address is None:
            raise ValueError(f"{self.host} has no address")
        return Pair(kind=self.kind, address=self.address, port=self.port)

    @property
    def key(self) -> str:
        """By this a target is known again in another run: ``tcp 10.0.0.5 8080``."""
        return key_of(self.kind, self.address or self.host, self.port)

    @property
    def target(self) -> Target:
        return Target(given=self.given, address=self.address or self.host, port=self.port, protocol=self.kind)


class Answer(NamedTuple):
    """What is known of one target.

    ``whole`` puts its result together: of very many targets most are only counted. ``alike``: others with the same
    have the same words, None where nobody knows. ``like``: the one that was traced in its place. ``rtt`` in seconds.
    ``settled``: False for one that was to get a second look and did not, for the run was interrupted.
    """

    asked: Asked
    state: State
    whole: Callable[[], Result]
    alike: object = None
    rtt: float | None = None
    like: Target | None = None
    settled: bool = True

    @property
    def result(self) -> Result:
        """All that is known."""
        return self.whole()


def answer_of(
    asked: Asked, result: Result, *, rtt: float | None = None, like: Target | None = None, settled: bool = True
) -> Answer:
    """The answer whose result is there already."""
    return Answer(asked=asked, state=result.verdict.state, whole=lambda: result, rtt=rtt, like=like, settled=settled)


def key_of(protocol: str, address: str, port: int) -> str:
    """The name of a pair in a state file, as text that stays the same from run to run."""
    return f"{protocol} {address} {port}"
