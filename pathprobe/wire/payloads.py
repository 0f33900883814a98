"""What does a UDP datagram carry, so that an open port answers it?"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """``nonce_at``: the offset of two octets that may be anything; None when nothing may be changed."""

    service: str
    octets: bytes
    nonce_at: int | None

    @classmethod
    def given(cls, octets: bytes) -> Payload:
        """What the user wants to be sent, exactly."""
        return cls(service="given", octets=octets, nonce_at=None)


def payload_for(port: int) -> Payload:  # noqa: ARG001
    """The payload for a port."""
    return Payload(service="unknown", octets=bytes(2) + b" pathprobe reachability check ", nonce_at=0)
