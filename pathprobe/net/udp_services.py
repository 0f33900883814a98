"""What does a UDP service say to a datagram?

The kinds of a scenario's services, as pure functions, so that the simulated and the real ones say the same.
"""

from __future__ import annotations

import struct

from pathprobe.net.scenario import ServiceKind

_ANSWER = b"here"

#: RFC 1035 section 4.1.1: identification, flags, and the numbers of questions and of the three kinds of record.
_DNS_HEADER = struct.Struct("!6H")
_QUESTION_END = struct.Struct("!HH")
_RESPONSE, _OPERATION, _RECURSION_DESIRED = 0x8000, 0x7800, 0x0100
_NOT_IMPLEMENTED, _NAME_ERROR = 4, 3
_LONGEST_LABEL = 63


def answer(kind: ServiceKind, request: bytes) -> bytes | None:
    """The payload that comes back for a payload; None when the service keeps silent."""
    match kind:
        case ServiceKind.SILENT:
            return None
        case ServiceKind.DNS:
            return _dns_answer(request)
        case ServiceKind.ANSWERS | ServiceKind.OTHER_PORT:
            return _ANSWER


def answering_port(kind: ServiceKind, port: int) -> int:
    """The source port of a service's answers."""
    return port + 1 if kind is ServiceKind.OTHER_PORT else port


def _dns_answer(request: bytes) -> bytes | None:
    """A server without a single name: a whole query, and nothing else, draws "no such name" (RFC 1035)."""
    if len(request) < _DNS_HEADER.size:
        return None
    identification, flags, questions, *_ = _DNS_HEADER.unpack_from(request)
    end = _question_end(request)
    if flags & _RESPONSE or questions != 1 or end is None:
        return None
    code = _NOT_IMPLEMENTED if flags & _OPERATION else _NAME_ERROR
    kept = flags & (_OPERATION | _RECURSION_DESIRED)
    return _DNS_HEADER.pack(identification, _RESPONSE | kept | code, 1, 0, 0, 0) + request[_DNS_HEADER.size : end]


def _question_end(request: bytes) -> int | None:
    """Where the first question ends; None when it is not whole."""
    position = _DNS_HEADER.size
    while position < len(request) and (length := request[position]):
        if length > _LONGEST_LABEL:
            return None
        position += 1 + length
    end = position + 1 + _QUESTION_END.size
    return end if end <= len(request) else None
