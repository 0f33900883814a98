"""Does a gRPC server answer, is what it serves healthy, and what does it serve?

First the connection's own beginning (RFC 9113 section 3.4), which tells HTTP/2 from everything else without any
library; then, with grpcio where that is installed, the health protocol and the list of server reflection. Their
messages have three fields between them and are written out here, so that no generated code is needed.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from pathprobe.layers.app.connect import Deadline
from pathprobe.layers.app.facts import Broken, Call, Ended, GrpcAnswer, Handshake, How, Step, Took, printable
from pathprobe.layers.app.http import AnyStream
from pathprobe.layers.app.recognise import is_http2
from pathprobe.layers.app.target import Question, bracketed

INSTALL = "pip install 'pathprobe[grpc]'"

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_EMPTY_SETTINGS = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
_ENOUGH = 9

_HEALTH = "/grpc.health.v1.Health/Check"
_REFLECTION = (
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
)

#: grpc.health.v1.HealthCheckResponse.ServingStatus.
_SERVING = {0: "UNKNOWN", 1: "SERVING", 2: "NOT_SERVING", 3: "SERVICE_UNKNOWN"}

#: Fields: HealthCheckRequest.service and HealthCheckResponse.status; ServerReflectionRequest.list_services and
#: ServerReflectionResponse.list_services_response, in which ListServiceResponse.service and ServiceResponse.name.
_SERVICE = _STATUS = _NAME = 1
_LIST_SERVICES, _LIST_SERVICES_RESPONSE = 7, 6
_VARINT, _COUNTED, _FIXED = 0, 2, {1: 8, 5: 4}

_MOST_SERVICES = 100
_LARGEST_MESSAGE = 1 << 20


def greet(stream: AnyStream, timeout: float) -> tuple[Broken | None, tuple[Took, ...]]:
    """Whether HTTP/2 is spoken: None if so; and the time until its first octet."""
    begun = time.monotonic()
    deadline = Deadline.after(timeout)
    ended = stream.send(_PREFACE + _EMPTY_SETTINGS, deadline)
    octets, first = b"", None
    while ended is None and len(octets) < _ENOUGH:
        more = stream.receive(deadline)
        if isinstance(more, Ended):
            ended = more
        else:
            octets += more
            first = first or time.monotonic() - begun
    took = () if first is None else (Took(step=Step.FIRST_BYTE, seconds=first),)
    if is_http2(octets):
        return None, took
    if octets:
        ended = Ended(how=How.OTHER_PROTOCOL)
    return (
        Broken(
            step=Step.FIRST_BYTE,
            ended=ended or Ended(how=How.OTHER),
            seconds=time.monotonic() - begun,
            head=octets,
            sent=stream.sent,
            received=stream.received,
            kernel=stream.kernel(),
        ),
        took,
    )


def ask(question: Question, address: str, handshake: Handshake | None) -> tuple[GrpcAnswer, tuple[Took, ...]]:
    """Health and reflection, by grpcio."""
    try:
        import grpc
    except ImportError:
        return GrpcAnswer(missing=INSTALL), ()
    begun = time.monotonic()
    with _channel(grpc, question, address, handshake) as channel:
        asking = _Asking(grpc, channel, question)
        health, serving = asking.health(question.path)
        reflection, services = (None, ()) if health.code == "UNAVAILABLE" else asking.services()
    answer = GrpcAnswer(health=health, serving=serving, reflection=reflection, services=services)
    return answer, (Took(step=Step.ANSWER, seconds=time.monotonic() - begun),)


def _channel(grpc: Any, question: Question, address: str, handshake: Handshake | None) -> Any:
    target = f"{'ipv6' if ':' in address else 'ipv4'}:{bracketed(address)}:{question.port}"
    options: list[tuple[str, Any]] = [
        ("grpc.enable_http_proxy", 0),
        ("grpc.enable_retries", 0),
        ("grpc.max_receive_message_length", _LARGEST_MESSAGE),
        ("grpc.default_authority", question.host_and_port),
        # One channel for each question: a broken connection of an earlier one is not to be remembered.
        ("grpc.use_local_subchannel_pool", 1),
    ]
    if handshake is None:
        return grpc.insecure_channel(target, options=options)
    options.append(("grpc.ssl_target_name_override", handshake.name))
    # grpcio brings authorities of its own; what counts is what this machine trusts.
    anchor = handshake.anchor.encode() if handshake.anchor else None
    return grpc.secure_channel(target, grpc.ssl_channel_credentials(anchor), options=options)


class _Asking:
    """The calls of one channel."""

    def __init__(self, grpc: Any, channel: Any, question: Question) -> None:
        self._grpc, self._channel, self._timeout = grpc, channel, question.timeout
        self._metadata = [(name.lower(), value) for name, value in question.headers]

    def health(self, service: str) -> tuple[Call, str | None]:
        call = self._channel.unary_unary(_HEALTH)
        asked = _field(_SERVICE, service.encode()) if service else b""
        try:
            octets = call(asked, timeout=self._timeout, metadata=self._metadata)
        except self._grpc.RpcError as error:
            return _failed(error), None
        except ValueError as error:  # metadata that gRPC does not take
            return Call(code="INVALID_ARGUMENT", details=printable(str(error))), None
        status = next((value for number, value in _fields(octets) if number == _STATUS), 0)
        serving = _SERVING.get(status, f"status {status}") if isinstance(status, int) else "UNKNOWN"
        return Call(code="OK", details=serving), serving

    def services(self) -> tuple[Call, tuple[str, ...]]:
        failed = Call(code="UNIMPLEMENTED")
        for method in _REFLECTION:
            call = self._channel.stream_stream(method)
            try:
                answers = call(iter([_field(_LIST_SERVICES, b"*")]), timeout=self._timeout, metadata=self._metadata)
                return Call(code="OK"), _names(next(answers, b""))
            except self._grpc.RpcError as error:
                failed = _failed(error)
                if failed.code != "UNIMPLEMENTED":
                    break
            except ValueError as error:
                return Call(code="INVALID_ARGUMENT", details=printable(str(error))), ()
        return failed, ()


def _failed(error: Any) -> Call:
    return Call(code=error.code().name, details=printable(error.details() or "", 200))


def _names(octets: bytes) -> tuple[str, ...]:
    found: list[str] = []
    for number, listed in _fields(octets):
        if number == _LIST_SERVICES_RESPONSE and isinstance(listed, bytes):
            services = [value for field, value in _fields(listed) if field == _NAME and isinstance(value, bytes)]
            for service in services[:_MOST_SERVICES]:
                found += [
                    printable(name) for field, name in _fields(service) if field == _NAME and isinstance(name, bytes)
                ]
    return tuple(found)


def _field(number: int, content: bytes) -> bytes:
    """A counted field of a protocol buffer."""
    return _varint(number << 3 | _COUNTED) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    octets = bytearray()
    while number > 0x7F:
        octets.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*octets, number))


def _fields(octets: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Number and value of each field, until the first that cannot be read."""
    position = 0
    while position < len(octets):
        key, position = _read_varint(octets, position)
        kind = key & 7
        if kind == _VARINT:
            value, position = _read_varint(octets, position)
            yield key >> 3, value
            continue
        length, position = _read_varint(octets, position) if kind == _COUNTED else (_FIXED.get(kind, -1), position)
        if length < 0 or position + length > len(octets):
            return
        yield key >> 3, octets[position : position + length]
        position += length


def _read_varint(octets: bytes, position: int) -> tuple[int, int]:
    number = shift = 0
    while position < len(octets) and shift < 64:
        octet = octets[position]
        position += 1
        number |= (octet & 0x7F) << shift
        if not octet & 0x80:
            break
        shift += 7
    return number, position
