"""Is the service well, as far as one conversation shows?

Pure: facts in, one row out. What broke is told first, then what the certificate and the answer say, then how it was
reached.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pathprobe.core.layers import Evidence, Layer, LayerName, Status
from pathprobe.layers.app import judge_breaks, judge_http, judge_others, judge_tls
from pathprobe.layers.app.facts import Conversation, Ended, How, Step
from pathprobe.layers.app.target import Scheme
from pathprobe.layers.app.wording import duration, times
from pathprobe.layers.findings import Finding, layer

_FIRST_ADDRESS = "Clients that try one address after the other wait for each that does not answer."


def judge(told: Conversation, *, now: float) -> Layer:
    """The row of layer 7; ``now`` in seconds since 1970. ``is_absent`` where the connection is refused."""
    row = layer(LayerName.APPLICATION, list(_findings(told, now=now)))
    return replace(row, is_absent=_is_refused(told))


def _is_refused(told: Conversation) -> bool:
    if told.dns:
        return all(one.ended is not None and one.ended.how is How.REFUSED for one in told.dns)
    broken = told.broken
    return broken is not None and broken.step is Step.CONNECT and broken.ended.how is How.REFUSED


def _findings(told: Conversation, *, now: float) -> Iterator[Finding]:
    question = told.question
    if question.scheme is not Scheme.DNS:
        yield Finding(status=Status.PASS, evidence=(Evidence(source="times", text=times(told.times)),))
    if told.broken:
        yield from judge_breaks.find(told, told.broken)
    if told.http:
        yield from judge_http.find(told, told.http)
    if told.grpc:
        yield from judge_others.grpc(told, told.grpc)
    if told.handshake:
        yield from judge_tls.find(told.handshake, question, now=now)
        if told.withheld and (held := judge_tls.proved(question, told.handshake)):
            yield held
    if told.banner:
        yield from judge_others.banner(question, told.banner)
    if told.dns:
        yield from judge_others.dns(question, told.dns)
    yield from _reached(told)


def _reached(told: Conversation) -> Iterator[Finding]:
    seen = [Evidence(source="address", ref=one.address, text=_became(one.ended)) for one in told.attempts]
    if len(told.addresses) > 1:
        seen.append(Evidence(source="addresses", text=", ".join(told.addresses)))
    if told.question.is_guessed:
        seen.append(Evidence(source="protocol", ref="by the port", text=str(told.question.scheme)))
    failed = [one for one in told.attempts if one.ended]
    if failed and told.address:
        names = ", ".join(f"{one.address} ({_became(one.ended)})" for one in failed)
        took = duration(sum(one.seconds for one in failed))
        sentence = f"{told.address} answers only after {names}, which took {took}"
        yield Finding(status=Status.WARN, sentence=sentence, why=_FIRST_ADDRESS)
    yield Finding(status=Status.PASS, evidence=tuple(seen))


def _became(ended: Ended | None) -> str:
    return "connected" if ended is None else {How.TIMEOUT: "no answer"}.get(ended.how, str(ended.how))
