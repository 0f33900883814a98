"""What speaks here, by the first octets that it says?

Greetings of protocols in which the server speaks first, and what servers answer to a client that speaks another
protocol. A table; what is in none of its rows is text or octets, and no more is claimed.
"""

from __future__ import annotations

from dataclasses import dataclass

from pathprobe.layers.app import records
from pathprobe.layers.app.facts import printable


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """``protocol``: its name for people, None where it was not recognised; ``text``: the octets, printable."""

    protocol: str | None
    text: str

    @property
    def told(self) -> str:
        """To stand behind "it speaks" or "it answers with"."""
        return f"{self.protocol} ({self.text})" if self.protocol and self.text else self.protocol or self.text


HTTP, HTTP2, TLS = "HTTP", "HTTP/2", "TLS"

#: How a greeting begins -> whose it is. "220" is SMTP's and FTP's: the rest of the line decides.
_BEGINNINGS = (
    (b"HTTP/1.", HTTP),
    (b"SSH-", "SSH"),
    (b"+OK", "POP3"),
    (b"* OK", "IMAP"),
    (b"* PREAUTH", "IMAP"),
    (b"-ERR", "Redis"),
    (b"-NOAUTH", "Redis"),
    (b"-DENIED", "Redis"),
    (b"RFB 00", "VNC"),
    (b"@RSYNCD:", "rsync"),
    (b"AMQP", "AMQP"),
    (b"INFO {", "NATS"),
    (b"<?xml", "XML"),
    (b"\xff\xfb", "telnet"),
    (b"\xff\xfd", "telnet"),
)

#: Words in a line that begins with 220.
_OF_220 = ((b"FTP", "FTP"), (b"SMTP", "SMTP"), (b"MAIL", "SMTP"), (b"POSTFIX", "SMTP"), (b"EXIM", "SMTP"))

#: RFC 9113 section 4.1: length 3, type 1 (4: SETTINGS, 7: GOAWAY), flags 1, stream 4.
_FRAME_HEADER = 9
_FRAMES = (4, 7)

#: What web servers that await TLS answer to plain HTTP, with the server whose words they are.
_PLAIN_TO_TLS = (
    "plain HTTP request was sent to HTTPS port",  # nginx
    "speaking plain HTTP to an SSL-enabled server port",  # Apache
    "sent an HTTP request to an HTTPS server",  # Go: Caddy, Traefik, the Kubernetes API
    "This combination of host and port requires TLS",  # Tomcat
)

#: What they answer to a client that shows no certificate (nginx).
_NO_CERTIFICATE = ("No required SSL certificate was sent", "The SSL certificate error")

_MYSQL_PROTOCOL, _MYSQL_ERROR = 0x0A, 0xFF


def spoken(octets: bytes) -> Spoken:
    """Whose the octets are. Never raises."""
    if not octets:
        return Spoken(protocol=None, text="")
    if records.glance(octets).is_tls and len(octets) >= 5:
        return Spoken(protocol=TLS, text=_record(octets))
    if is_http2(octets):
        return Spoken(protocol=HTTP2, text="")
    if version := _mysql(octets):
        return Spoken(protocol="MySQL", text=version)
    line = octets.lstrip(b"\r\n").split(b"\n", 1)[0]
    return Spoken(protocol=_of_line(octets, line), text=_text(line))


def wants_tls(body: str) -> bool:
    """Whether a web server says that it awaits TLS where it got plain HTTP."""
    return any(one.lower() in body.lower() for one in _PLAIN_TO_TLS)


def wants_certificate(body: str) -> bool:
    """Whether a web server says that a client certificate is missing, or not of those that it takes."""
    return any(one in body for one in _NO_CERTIFICATE)


def is_http2(octets: bytes) -> bool:
    """A frame of the connection itself, with which every HTTP/2 server begins."""
    if len(octets) < _FRAME_HEADER:
        return False
    length = int.from_bytes(octets[:3], "big")
    return octets[3] in _FRAMES and length <= 16384 and not any(octets[5:9])


def _of_line(octets: bytes, line: bytes) -> str | None:
    for beginning, protocol in _BEGINNINGS:
        if octets.startswith(beginning):
            return protocol
    if line[:3] == b"220":
        return next((protocol for word, protocol in _OF_220 if word in line.upper()), "SMTP or FTP")
    if line[:3] in (b"421", b"554"):
        return "SMTP or FTP"
    return HTTP if b"<html" in octets.lower() else None


def _mysql(octets: bytes) -> str | None:
    """Length 3, sequence 1; then 10 and the version as a string that ends with 0, or an error with its text."""
    if len(octets) < 7 or octets[3] != 0 or int.from_bytes(octets[:3], "little") > 1024:
        return None
    if octets[4] == _MYSQL_PROTOCOL:
        return printable(octets[5:].split(b"\0", 1)[0], 60) or None
    if octets[4] == _MYSQL_ERROR:
        return printable(octets[7:], 120) or None
    return None


def _record(octets: bytes) -> str:
    alert = records.glance(octets).alert
    return f"alert {records.ALERTS.get(alert, str(alert))}" if alert is not None else ""


def _text(line: bytes) -> str:
    shown = printable(line, 100)
    odd = sum(not 32 <= one < 127 for one in line.strip())
    if odd * 4 > len(line):
        return f"{len(line)} octets: {line[:16].hex(' ')}{' ...' if len(line) > 16 else ''}"
    return shown
