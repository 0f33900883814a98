"""What does the user mean by a URL or HOST:PORT, and which protocol is to be spoken there?

By the scheme, and where there is none by what the port is known for. A port that is known for nothing is only
connected to and listened at, for no octet is harmless to everything that might stand behind it.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import SplitResult, quote, unquote, urlsplit


class Scheme(StrEnum):
    HTTP = "http"
    HTTPS = "https"
    TLS = "tls"
    GRPC = "grpc"
    GRPCS = "grpcs"
    TCP = "tcp"
    DNS = "dns"


#: The ports of the schemes that have one (RFC 9110 section 4.2, RFC 1035 section 4.2).
_OWN_PORTS = {Scheme.HTTP: 80, Scheme.HTTPS: 443, Scheme.TLS: 443, Scheme.GRPCS: 443, Scheme.DNS: 53}

#: What stands behind a port, by the IANA registry and by the defaults of much used software.
_BY_PORT = {
    Scheme.HTTP: (80, 3000, 5000, 5601, 8000, 8008, 8080, 8081, 8088, 8888, 9000, 9090, 9100, 9200, 15672),
    Scheme.HTTPS: (443, 2376, 6443, 8443, 9443, 10250),
    Scheme.TLS: (465, 636, 853, 989, 990, 992, 993, 995, 5061, 5671, 6380, 6697, 8883),
    Scheme.GRPC: (50051,),
    Scheme.DNS: (53,),
}
#: Behind these ports the server speaks first.
_GREETS = {
    21: "FTP",
    22: "SSH",
    25: "SMTP",
    110: "POP3",
    143: "IMAP",
    587: "SMTP",
    3306: "MySQL",
    5900: "VNC",
}
_SCHEME_OF = {port: scheme for scheme, ports in _BY_PORT.items() for port in ports}

_OVER_TLS = frozenset({Scheme.HTTPS, Scheme.TLS, Scheme.GRPCS})
_WRITE = (
    "write a URL (https://HOST/PATH, tls://HOST:PORT, grpc://HOST:PORT, tcp://HOST:PORT, dns://HOST/NAME) or HOST:PORT"
)


#: Seconds of each step, where nobody says.
USUAL_TIMEOUT = 5.0


class BadTarget(ValueError):
    """The text is no target; the message says what one looks like. The caller's exit status is 2."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked of whom.

    ``path``: with the query for HTTP, the service's name for gRPC's health, the name to look up for DNS.
    ``is_guessed``: the protocol follows from the port. ``connect_to``: this address and not those of the name.
    ``name``: the one that TLS asks for (SNI) and that the certificate should have, None for the host.
    ``expected``: statuses such as "200" and "3xx". ``timeout``: seconds of each step. ``authorities``: a file of
    certificates to trust beside this machine's.
    """

    given: str
    scheme: Scheme
    host: str
    port: int
    path: str = ""
    is_guessed: bool = False
    name: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    method: str = "GET"
    expected: tuple[str, ...] = ()
    is_insecure: bool = False
    connect_to: str | None = None
    family: int | None = None
    timeout: float = USUAL_TIMEOUT
    authorities: str | None = None

    @property
    def is_over_tls(self) -> bool:
        return self.scheme in _OVER_TLS

    @property
    def tls_name(self) -> str:
        return self.name or self.host.partition("%")[0]

    @property
    def host_and_port(self) -> str:
        """``web1:8080``, ``[2001:db8::1]:443``."""
        return f"{bracketed(self.host)}:{self.port}"

    @property
    def probed(self) -> str:
        """HOST:PORT for ``pathprobe tcp``: the address where one was given to connect to."""
        return f"{bracketed(self.connect_to or self.host)}:{self.port}"

    @property
    def greeting(self) -> str | None:
        """The protocol of the port, where the server speaks first in that."""
        return _GREETS.get(self.port)

    def url(self, scheme: Scheme) -> str:
        """The same place asked by another protocol; the path is kept where both are of the web."""
        of_the_web = {scheme, self.scheme} <= {Scheme.HTTP, Scheme.HTTPS}
        path = self.path if of_the_web and self.path != "/" else ""
        return f"{scheme}://{self.host_and_port}{path}"


def parse(text: str) -> Question:
    """Read one target, the rest by default; ``dataclasses.replace`` adds the options. Raises BadTarget."""
    scheme, separator, _ = text.partition("://")
    try:
        parts = urlsplit(text if separator else f"//{text}")
        port = parts.port
    except ValueError as error:
        raise BadTarget(f"{shown(text)}: {error}; {_WRITE}") from None
    if "@" in parts.netloc:
        # Not shown: what stands before it may be a password.
        raise BadTarget("do not put a user name and password in the URL: give --header 'Authorization: ...'")
    host = _host(text, parts)
    if separator:
        if scheme.lower() not in list(Scheme):
            raise BadTarget(f"{shown(text)}: {scheme!r} is none of {', '.join(Scheme)}")
        kind, guessed = Scheme(scheme.lower()), False
    else:
        if port is None:
            raise BadTarget(f"{shown(text)} has neither scheme nor port: {_WRITE}")
        kind, guessed = guess(port), True
    number = port if port is not None else _OWN_PORTS.get(kind)
    if not number:
        raise BadTarget(f"{shown(text)} has no port: write {kind}://HOST:PORT")
    path = _path(parts, kind)
    return Question(given=text, scheme=kind, host=host, port=number, path=path, is_guessed=guessed)


def guess(port: int) -> Scheme:
    """The protocol that a TCP port is known for; ``Scheme.TCP``, a mere connection, where it is for none."""
    return _SCHEME_OF.get(port, Scheme.TCP)


def bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def shown(text: str) -> str:
    return repr(text if len(text) < 100 else text[:100] + "...")


def _host(text: str, parts: SplitResult) -> str:
    host = unquote(parts.hostname or "")
    if not host or any(one.isspace() or not one.isprintable() for one in host):
        raise BadTarget(f"{shown(text)}: no host name or address; {_WRITE}")
    if is_address(host):
        return host
    if ":" in host or host.isdigit():
        raise BadTarget(f"{shown(text)}: {host!r} is no host name or address; {_WRITE}")
    return encoded(host, text)


def encoded(name: str, text: str) -> str:
    """A host name as it is asked for: letters beyond ASCII by IDNA. Raises BadTarget."""
    try:
        return name.encode("idna").decode("ascii").lower().rstrip(".")
    except UnicodeError:
        raise BadTarget(f"{shown(text)}: {name!r} is no host name") from None


def _path(parts: SplitResult, scheme: Scheme) -> str:
    if scheme in (Scheme.HTTP, Scheme.HTTPS):
        whole = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return quote(whole, safe="/?&=%:@!$'()*+,;~#[]")
    return unquote(parts.path.strip("/"))
