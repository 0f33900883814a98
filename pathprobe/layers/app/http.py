"""What does a web server answer to one plain request?

h11 reads and writes HTTP/1.1 (RFC 9112) without touching a socket, so that the first octets and the times stay ours.
Neither proxies of the environment nor redirections are followed: this very server is asked, once.
"""

from __future__ import annotations

import time
from typing import Protocol

import h11

from pathprobe import __version__
from pathprobe.layers.app.connect import CannotAsk, Deadline
from pathprobe.layers.app.facts import Broken, Ended, How, HttpAnswer, KernelView, Step, Took, printable
from pathprobe.layers.app.target import Question, Scheme, bracketed

#: Octets of a body that are read, and kept; of all headers together.
_MOST_READ, _MOST_KEPT, _MOST_HEADERS = 65536, 2048, 32768

_DEFAULT_PORT = {Scheme.HTTP: 80, Scheme.HTTPS: 443}

_OURS = (("User-Agent", f"pathprobe/{__version__}"), ("Accept", "*/*"), ("Connection", "close"))


class AnyStream(Protocol):
    """A connection, plain or under TLS."""

    @property
    def head(self) -> bytes: ...
    @property
    def sent(self) -> int: ...
    @property
    def received(self) -> int: ...
    def send(self, octets: bytes, deadline: Deadline) -> Ended | None: ...
    def receive(self, deadline: Deadline) -> bytes | Ended: ...
    def kernel(self) -> KernelView | None: ...
    def close(self) -> None: ...


def request(question: Question) -> h11.Request:
    """The request as it will be sent. Raises CannotAsk for a header that HTTP does not have."""
    default = _DEFAULT_PORT.get(question.scheme)
    host = bracketed(question.host.partition("%")[0])
    host = host if question.port == default else f"{host}:{question.port}"
    given = {name.lower() for name, _ in question.headers}
    headers = [one for one in (("Host", host), *_OURS) if one[0].lower() not in given]
    try:
        return h11.Request(method=question.method, target=question.path, headers=[*headers, *question.headers])
    except (h11.LocalProtocolError, UnicodeError) as error:
        raise CannotAsk(f"this is no request of HTTP: {error}") from None


class _Reading:
    """One answer while it comes in."""

    def __init__(self, stream: AnyStream, question: Question) -> None:
        self.stream, self.timeout = stream, question.timeout
        self.connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MOST_HEADERS)
        self.first: float | None = None
        self.octets = b""
        self.begun = time.monotonic()

    def send(self, wanted: h11.Request) -> Ended | None:
        octets = self.connection.send(wanted) + self.connection.send(h11.EndOfMessage())
        ended = self.stream.send(octets, Deadline.after(self.timeout))
        self.begun = time.monotonic()
        return ended

    def response(self) -> h11.Response | h11.InformationalResponse | Ended:
        """The head of the answer, past those that only say that more is to come."""
        deadline = Deadline.after(self.timeout)
        while True:
            event = self._next(deadline)
            if isinstance(event, h11.InformationalResponse) and event.status_code != 101:
                continue
            if isinstance(event, h11.Response | h11.InformationalResponse | Ended):
                return event
            return Ended(how=How.CLOSED if self.octets else How.OTHER)

    def body(self) -> tuple[bytes, int]:
        """Its beginning, and how much of it was read; a body that breaks off is only shorter."""
        deadline = Deadline.after(self.timeout)
        kept, length = b"", 0
        while length < _MOST_READ:
            event = self._next(deadline)
            if not isinstance(event, h11.Data):
                break
            length += len(event.data)
            kept += bytes(event.data)[: max(0, _MOST_KEPT - len(kept))]
        return kept, length

    def _next(self, deadline: Deadline) -> object:
        while True:
            try:
                event = self.connection.next_event()
                if event is not h11.NEED_DATA:
                    return event
                octets = self.stream.receive(deadline)
                if isinstance(octets, Ended):
                    if octets.how is not How.CLOSED:
                        return octets
                    self.connection.receive_data(b"")
                    event = self.connection.next_event()
                    return octets if event is h11.NEED_DATA or isinstance(event, h11.ConnectionClosed) else event
                if self.first is None:
                    self.first = time.monotonic() - self.begun
                self.octets += octets[: max(0, _MOST_KEPT - len(self.octets))]
                self.connection.receive_data(octets)
            except h11.RemoteProtocolError as error:
                how = How.CLOSED if not self.octets or _is_cut(self.octets) else How.OTHER_PROTOCOL
                return Ended(how=how, detail=printable(str(error), 100))


def _is_cut(octets: bytes) -> bool:
    """The beginning of an answer in HTTP, which was not ended."""
    return octets.startswith(b"HTTP/1.") and b"\r\n\r\n" not in octets and b"\n\n" not in octets


def ask(stream: AnyStream, question: Question) -> tuple[HttpAnswer | Broken, tuple[Took, ...]]:
    """Ask once. The times: until the first octet, and until the rest was read."""
    reading = _Reading(stream, question)
    ended = reading.send(request(question))
    answer = reading.response() if ended is None else ended
    times = () if reading.first is None else (Took(step=Step.FIRST_BYTE, seconds=reading.first),)
    if isinstance(answer, Ended):
        step = Step.ANSWER if reading.octets else Step.FIRST_BYTE
        broken = Broken(
            step=step,
            ended=answer,
            seconds=time.monotonic() - reading.begun,
            head=reading.octets,
            sent=stream.sent,
            received=stream.received,
            kernel=stream.kernel(),
        )
        return broken, times
    body, length = (b"", 0) if answer.status_code == 101 else reading.body()
    took = time.monotonic() - reading.begun - (reading.first or 0.0)
    return _facts(answer, body, length), (*times, Took(step=Step.ANSWER, seconds=took))


def _facts(answer: h11.Response | h11.InformationalResponse, body: bytes, length: int) -> HttpAnswer:
    headers = {bytes(name).lower(): printable(bytes(value)) for name, value in reversed(list(answer.headers))}
    return HttpAnswer(
        version=bytes(answer.http_version).decode("ascii", "replace"),
        status=answer.status_code,
        reason=printable(bytes(answer.reason), 60),
        location=headers.get(b"location"),
        server=headers.get(b"server"),
        strict_transport=headers.get(b"strict-transport-security"),
        authenticate=headers.get(b"www-authenticate") or headers.get(b"proxy-authenticate"),
        body=printable(body, 1000),
        length=length,
    )
