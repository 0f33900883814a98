"""How is a service asked in its own protocol, step by step, and what came of it?

The only place that knows the order: find the addresses, connect, shake hands, ask. It stops where a step breaks.
"""

from __future__ import annotations

import time
from dataclasses import replace

from pathprobe.layers.app import banner, connect, dns, dns_message, grpc, http, records, tls
from pathprobe.layers.app.connect import CannotAsk, Deadline, Stream
from pathprobe.layers.app.facts import (
    Attempt,
    Banner,
    Broken,
    Conversation,
    Distrust,
    DnsAnswer,
    Ended,
    Handshake,
    How,
    HttpAnswer,
    Step,
    Took,
)
from pathprobe.layers.app.target import Question, Scheme, guess

#: What is offered by ALPN (RFC 7301): what is then spoken; to "tls" what clients of the web would.
_PROTOCOLS = {Scheme.HTTPS: ("http/1.1",), Scheme.GRPCS: ("h2",), Scheme.TLS: ("h2", "http/1.1")}

#: Seconds in which a server that wanted a certificate says that it cannot do without (TLS 1.3: only afterwards).
_OBJECTION = 1.0


def ask(question: Question) -> Conversation:
    """The whole conversation. Raises CannotAsk where there is nothing to ask."""
    _check(question)
    begun = time.monotonic()
    addresses = connect.resolve(question)
    told = Conversation(
        question=question,
        addresses=addresses,
        times=(Took(step=Step.RESOLVE, seconds=time.monotonic() - begun),),
    )
    if question.scheme is Scheme.DNS:
        return _dns(told)
    stream, told = _connect(told, addresses)
    return told if stream is None else _talk(told, stream)


def _check(question: Question) -> None:
    """What the caller got wrong is said before anything is sent."""
    if question.scheme in (Scheme.HTTP, Scheme.HTTPS):
        http.request(question)
    if question.scheme is Scheme.DNS:
        try:
            dns_message.query(question.path, 0)
        except dns_message.BadName as error:
            raise CannotAsk(str(error)) from None
    if question.is_over_tls:
        tls.context(protocols=(), verified=True, authorities=question.authorities)


def _connect(told: Conversation, addresses: tuple[str, ...]) -> tuple[Stream | None, Conversation]:
    stream, attempts = connect.connect(addresses, told.question.port, told.question.timeout)
    took = Took(step=Step.CONNECT, seconds=attempts[-1].seconds)
    told = replace(told, attempts=attempts, times=(*told.times, took))
    if stream is None:
        ended = _last_word(attempts)
        told = replace(told, broken=Broken(step=Step.CONNECT, ended=ended, seconds=took.seconds))
    return stream, told


def _last_word(attempts: tuple[Attempt, ...]) -> Ended:
    """A refusal is an answer, and tells more than a silence does."""
    ends = [one.ended for one in attempts if one.ended]
    return next((one for one in ends if one.how is How.REFUSED), ends[-1])


def _talk(told: Conversation, stream: Stream) -> Conversation:
    try:
        if not told.question.is_over_tls:
            return _speak(told, stream)
        secured, told = _secure(told, stream)
        if secured is None:
            return told
        try:
            return _speak(told, secured)
        finally:
            secured.close()
    finally:
        stream.close()


def _secure(told: Conversation, stream: Stream) -> tuple[tls.Secured | None, Conversation]:
    """The handshake; once more without trust, on a connection of its own, where there is none."""
    question = told.question
    found, seconds = _shake_hands(question, stream, verified=True)
    distrust: Distrust | None = None
    if isinstance(found, Distrust):
        distrust = found
        stream.close()
        again, attempts = connect.connect((told.address or "",), question.port, question.timeout)
        if again is None:
            ended = attempts[-1].ended or Ended(how=How.OTHER)
            return None, replace(told, broken=Broken(step=Step.CONNECT, ended=ended, seconds=attempts[-1].seconds))
        found, seconds = _shake_hands(question, again, verified=False)
        if not isinstance(found, tls.Secured):
            again.close()
    if isinstance(found, Broken):
        return None, replace(told, broken=found)
    if isinstance(found, Distrust):  # nothing was verified the second time
        return None, told
    shown = tls.facts(found, name=question.tls_name, distrust=distrust)
    return found, replace(told, handshake=shown, times=(*told.times, Took(step=Step.TLS, seconds=seconds)))


def _shake_hands(
    question: Question, stream: Stream, *, verified: bool
) -> tuple[tls.Secured | Distrust | Broken, float]:
    # To load what this machine trusts takes longer than most handshakes, and is none of their time.
    made = tls.context(protocols=_protocols(question), verified=verified, authorities=question.authorities)
    begun = time.monotonic()
    found = tls.shake_hands(stream, made, name=question.tls_name, timeout=question.timeout)
    return found, time.monotonic() - begun


def _protocols(question: Question) -> tuple[str, ...]:
    """None to a port of another protocol under TLS: who speaks that may refuse those of the web (RFC 7301)."""
    is_of_another = question.scheme is Scheme.TLS and guess(question.port) is Scheme.TLS
    return () if is_of_another else _PROTOCOLS[question.scheme]


def holds(handshake: Handshake) -> bool:
    """Whether who answers has proved to be the one that was asked for."""
    return handshake.distrust is None and bool(handshake.chain) and handshake.chain[0].is_for(handshake.name)


def _speak(told: Conversation, stream: http.AnyStream) -> Conversation:
    question, handshake = told.question, told.handshake
    if handshake and question.scheme is not Scheme.TLS and not (question.is_insecure or holds(handshake)):
        # Headers may hold what is not for strangers.
        return replace(told, withheld=True)
    match question.scheme:
        case Scheme.HTTP | Scheme.HTTPS:
            answer, times = http.ask(stream, question)
            told = replace(told, times=(*told.times, *times))
            if isinstance(answer, HttpAnswer):
                return replace(told, http=answer)
            return replace(told, broken=_in_the_light_of_tls(told, answer, stream))
        case Scheme.GRPC | Scheme.GRPCS:
            return _grpc(told, stream)
        case Scheme.TLS:
            return _objected(told, stream)
        case _:
            assert isinstance(stream, Stream)
            greeting, times = banner.listen(stream, question.timeout, awaited=question.greeting is not None)
            told = replace(told, times=(*told.times, *times))
            return replace(told, banner=greeting) if isinstance(greeting, Banner) else replace(told, broken=greeting)


def _in_the_light_of_tls(told: Conversation, broken: Broken, ended: http.AnyStream) -> Broken:
    """Many servers that await TLS hang up on everything else without a word; a greeting of TLS tells."""
    question = told.question
    silent = not broken.head and broken.ended.how in (How.CLOSED, How.RESET)
    if question.is_over_tls or not silent:
        return broken
    # A server that serves one after the other gets to the next only now.
    ended.close()
    stream, _ = connect.connect((told.address or "",), question.port, question.timeout)
    if stream is None:
        return broken
    try:
        made = tls.context(protocols=(), verified=False, authorities=None)
        tls.shake_hands(stream, made, name=question.tls_name, timeout=question.timeout)
        return replace(broken, speaks_tls=bool(records.glance(stream.head).is_tls))
    finally:
        stream.close()


def _objected(told: Conversation, stream: http.AnyStream) -> Conversation:
    """Without the certificate that it wanted, a server of TLS 1.3 hangs up only after the handshake."""
    if told.handshake is None or not told.handshake.wants_certificate:
        return told
    said = stream.receive(Deadline.after(min(_OBJECTION, told.question.timeout)))
    if isinstance(said, Ended) and said.how is not How.TIMEOUT:
        return replace(told, broken=Broken(step=Step.FIRST_BYTE, ended=said, seconds=0.0))
    return told


def _grpc(told: Conversation, stream: http.AnyStream) -> Conversation:
    broken, times = grpc.greet(stream, told.question.timeout)
    told = replace(told, times=(*told.times, *times))
    if broken:
        return replace(told, broken=_in_the_light_of_tls(told, broken, stream))
    if told.handshake and not holds(told.handshake):
        return replace(told, withheld=True)
    stream.close()
    answer, times = grpc.ask(told.question, told.address or "", told.handshake)
    return replace(told, grpc=answer, times=(*told.times, *times))


def _dns(told: Conversation) -> Conversation:
    """Both ways, of the first address that answers by either."""
    question = told.question
    for address in told.addresses:
        by_udp = dns.ask_by_udp(question, address)
        stream, attempts = connect.connect((address,), question.port, question.timeout)
        tried = attempts[-1]
        if stream is None:
            by_tcp = DnsAnswer(transport="TCP", seconds=tried.seconds, ended=tried.ended)
        else:
            by_tcp = dns.ask_by_tcp(question, stream, connecting=tried.seconds)
            stream.close()
        told = replace(told, dns=(by_udp, by_tcp), attempts=(*told.attempts, replace(tried, ended=None)))
        if by_udp.ended is None or by_tcp.ended is None:
            break
        told = replace(told, attempts=(*told.attempts[:-1], tried))
    return told
