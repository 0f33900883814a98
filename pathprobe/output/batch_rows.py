"""How is one of many targets said in one line?

A row holds what is printed of a target, whether it was asked now or by an earlier run (batch_entries.py).
"""

from __future__ import annotations

from typing import NamedTuple

from pathprobe.core.asked import Answer, Asked
from pathprobe.core.report import Claim, Result, State
from pathprobe.output import wording
from pathprobe.output.claims import claim


class Row(NamedTuple):
    """``name``: the host as it was written, where that is no address; ``service``: what its owner calls it."""

    address: str
    port: int
    protocol: str
    name: str | None
    service: str | None
    state: State
    finding: str

    @property
    def label(self) -> str:
        """``10.0.0.5:8080``, ``[fd00::5]:8080``, ``10.0.0.5:53/udp``: TCP is what most lists are about."""
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{host}:{self.port}" + ("" if self.protocol == "tcp" else f"/{self.protocol}")

    @property
    def line(self) -> str:
        """``10.0.0.5:8080 (web) - reachable``: what people grep for."""
        called = ", ".join(filter(None, (self.name, self.service)))
        told = "reachable" if self.state is State.OPEN else f"NOT reachable: {self.state}, {self.finding}"
        return f"{self.label}{f' ({called})' if called else ''} - {told}"


class Rows:
    """Rows of answers. Those of a first pass differ in few words, which are worked out once."""

    def __init__(self) -> None:
        self._words: dict[object, str] = {}

    def of(self, answer: Answer) -> Row:
        asked = answer.asked
        return Row(
            address=asked.address or asked.host,
            port=asked.port,
            protocol=asked.kind,
            name=_name(asked),
            service=asked.service,
            state=answer.state,
            finding=self._finding(answer),
        )

    def _finding(self, answer: Answer) -> str:
        if answer.alike is not None:
            if answer.alike not in self._words:
                self._words[answer.alike] = finding(answer)
            return self._words[answer.alike]
        result = answer.result
        if result.observations or result.verdict.location.device or answer.like:
            return finding(answer)
        words = (result.verdict.state, result.verdict.mechanism, result.verdict.location.where, answer.asked.trouble)
        if words not in self._words:
            self._words[words] = finding(answer)
        return self._words[words]


def _name(asked: Asked) -> str | None:
    return asked.host if asked.address and asked.host != asked.address else None


def finding(answer: Answer) -> str:
    """What stops the packet and where, in one clause; of whom it was learnt, if not of the target itself."""
    told = _clause(answer.result)
    return f"{told} (as {answer.like.label}, not traced itself)" if answer.like else told


def _clause(result: Result) -> str:
    trouble = next((one for one in result.verdict.reasons if one.claim is Claim.UNRESOLVED), None)
    return claim(trouble).removesuffix(".") if trouble else wording.finding(result)
