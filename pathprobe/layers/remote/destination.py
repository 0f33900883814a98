"""Whom does ``[user@]host[:port]`` mean?"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """``host`` as ssh(1) takes it: a name, an alias of ssh_config(5), an address without brackets."""

    host: str
    user: str | None = None
    port: int | None = None

    @classmethod
    def parse(cls, text: str) -> Destination:
        """An IPv6 address with a port is in brackets. Raises ValueError, which says what is wrong."""
        user, at, rest = text.rpartition("@")
        host, port = _split(rest)
        if not host or host.startswith("-") or user.startswith("-") or (at and not user) or text.split() != [text]:
            raise ValueError(f"{text!r} is no [user@]host[:port]")
        if port and not (port.isascii() and port.isdecimal() and 1 <= int(port) <= 65535):
            raise ValueError(f"{text!r}: {port!r} is no port")
        return cls(host=host, user=user or None, port=int(port) if port else None)

    @property
    def words(self) -> tuple[str, ...]:
        """As ssh's arguments, the host last."""
        port = ("-p", str(self.port)) if self.port else ()
        user = ("-l", self.user) if self.user else ()
        return (*port, *user, "--", self.host)

    @property
    def command(self) -> str:
        """What somebody would type to get there."""
        port = f"-p {self.port} " if self.port else ""
        user = f"{self.user}@" if self.user else ""
        return f"ssh {port}{user}{self.host}"


def _split(text: str) -> tuple[str, str]:
    """Host and port; the latter is empty where there is none."""
    if text.startswith("["):
        host, closed, rest = text[1:].partition("]")
        colon, port = rest[:1], rest[1:]
        return (host, port) if closed and (not rest or (colon == ":" and port)) else ("", "")
    if text.count(":") == 1:
        host, _, port = text.partition(":")
        return (host, port) if port else ("", "")
    return text, ""
