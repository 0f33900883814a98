"""Does a TLS handshake come about, and what does the server show in it?

By the TLS library of this machine, as clients do it, but over memory (ssl.MemoryBIO), so that what came in clear can be
looked at when it fails. A chain that this machine does not trust is not the end: a second handshake looks at it.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Sequence
from typing import Any

from pathprobe.layers.app import certificate, records
from pathprobe.layers.app.connect import CannotAsk, Deadline, Stream
from pathprobe.layers.app.facts import Broken, Distrust, Ended, Handshake, How, KernelView, Step
from pathprobe.layers.app.target import is_address

_CHUNK = 16384

#: Of a message's kinds (RFC 8446 section 4) and the content types of a record.
_CERTIFICATE_REQUEST, _ALERT, _HANDSHAKE = 13, 21, 22

#: OpenSSL names an alert that came in its reason, such as TLSV1_ALERT_UNKNOWN_CA.
_ALERT_OF_WORDS = {name.upper(): number for number, name in records.ALERTS.items()}

#: A certificate chain is seldom longer; more is not kept.
_LONGEST_CHAIN = 10


class Listened:
    """What the library tells of its messages, also of those that are encrypted."""

    def __init__(self) -> None:
        self.wants_certificate = False
        self.alert: int | None = None

    def __call__(
        self, _conn: Any, direction: str, _version: Any, content_type: int, message_type: int, _data: bytes
    ) -> None:
        if direction != "read":
            return
        if content_type == _HANDSHAKE and message_type == _CERTIFICATE_REQUEST:
            self.wants_certificate = True
        elif content_type == _ALERT and message_type:
            self.alert = int(message_type) & 0xFF  # given as a signed char


class Secured:
    """A stream under TLS, to be used as a plain one."""

    def __init__(self, stream: Stream, name: str, context: ssl.SSLContext) -> None:
        self._stream = stream
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.listened = Listened()
        if hasattr(context, "_msg_callback"):  # not promised by the documentation; without it less is told
            context._msg_callback = self.listened
        self.tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=name)

    @property
    def head(self) -> bytes:
        return self._stream.head

    @property
    def sent(self) -> int:
        return self._stream.sent

    @property
    def received(self) -> int:
        return self._stream.received

    def kernel(self) -> KernelView | None:
        return self._stream.kernel()

    def close(self) -> None:
        self._stream.close()

    def shake_hands(self, deadline: Deadline) -> Ended | None:
        """Raises ssl.SSLCertVerificationError where verification is asked for and fails."""
        done = self._drive(self.tls.do_handshake, deadline)
        return done if isinstance(done, Ended) else None

    def send(self, octets: bytes, deadline: Deadline) -> Ended | None:
        done = self._drive(lambda: self.tls.write(octets), deadline)
        if not isinstance(done, Ended):
            return None
        # What the peer said before it hung up tells more than that it did.
        said = self.receive(deadline)
        return said if isinstance(said, Ended) and said.how is How.ALERT else done

    def receive(self, deadline: Deadline) -> bytes | Ended:
        octets = self._drive(lambda: self.tls.read(_CHUNK), deadline)
        return octets if isinstance(octets, Ended) else octets or Ended(how=How.CLOSED)

    def _drive(self, call: Any, deadline: Deadline) -> Any:
        """Let the library go on until it is done, carrying what it writes and what it wants to read."""
        while True:
            try:
                done = call()
            except ssl.SSLWantReadError:
                if ended := self._flush(deadline):
                    return self._last_words(call, deadline) or ended
                octets = self._stream.receive(deadline)
                if isinstance(octets, Ended):
                    return octets
                self._incoming.write(octets)
            except ssl.SSLCertVerificationError:
                self._flush(deadline)
                raise
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return Ended(how=How.CLOSED)
            except ssl.SSLError as error:
                self._flush(deadline)
                return self._refused(error)
            else:
                return self._flush(deadline) or done

    def _last_words(self, call: Any, deadline: Deadline) -> Ended | None:
        octets = self._stream.receive(deadline)
        if isinstance(octets, Ended):
            return None
        self._incoming.write(octets)
        try:
            call()
        except ssl.SSLWantReadError:
            return None
        except ssl.SSLError as error:
            return self._refused(error)
        return None

    def _flush(self, deadline: Deadline) -> Ended | None:
        octets = self._outgoing.read()
        return self._stream.send(octets, deadline) if octets else None

    def _refused(self, error: ssl.SSLError) -> Ended:
        """By the peer's alert, by another protocol, or by this machine's library."""
        reason = error.reason or ""
        alert = self.listened.alert or _alert_in(reason)
        if alert is None and records.glance(self.head).is_tls is False:
            return Ended(how=How.OTHER_PROTOCOL, detail=reason.lower().replace("_", " "))
        how = How.ALERT if alert is not None else How.UNACCEPTED
        return Ended(how=how, detail=reason.lower().replace("_", " "), alert=alert)


def _alert_in(reason: str) -> int | None:
    words = reason.partition("ALERT_")[2] if "ALERT_" in reason else reason.partition("TLSV1_")[2]
    return _ALERT_OF_WORDS.get(words)


def context(*, protocols: Sequence[str], verified: bool, authorities: str | None) -> ssl.SSLContext:
    """TLS 1.2 and later, as clients of today. Raises CannotAsk for a file of authorities that is none."""
    made = ssl.create_default_context()
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    # The name is compared by who judges, so that both faults of a certificate are told.
    made.check_hostname = False
    if not verified:
        made.verify_mode = ssl.CERT_NONE
    if protocols:
        made.set_alpn_protocols(list(protocols))
    if authorities:
        try:
            made.load_verify_locations(authorities)
        except (OSError, ssl.SSLError) as error:
            raise CannotAsk(f"cannot read certificates from {authorities}: {error.strerror or error}") from None
    return made


def shake_hands(stream: Stream, made: ssl.SSLContext, *, name: str, timeout: float) -> Secured | Distrust | Broken:
    """The secured stream; or why the chain is not trusted, where that was to be verified; or what broke."""
    begun, deadline = time.monotonic(), Deadline.after(timeout)
    wants_certificate = False
    try:
        secured = Secured(stream, name, made)
        ended = secured.shake_hands(deadline)
        wants_certificate = secured.listened.wants_certificate
    except ssl.SSLCertVerificationError as error:
        return Distrust(code=error.verify_code, words=error.verify_message)
    except ValueError as error:  # a name that cannot be sent
        ended = Ended(how=How.OTHER, detail=str(error))
    if ended is None:
        return secured
    seen = records.glance(stream.head)
    if ended.how in (How.CLOSED, How.RESET, How.TIMEOUT):
        if seen.is_tls is False:
            ended = Ended(how=How.OTHER_PROTOCOL, detail=str(ended.how))
        elif seen.alert is not None:
            ended = Ended(how=How.ALERT, alert=seen.alert)
    return Broken(
        step=Step.TLS,
        ended=ended,
        seconds=time.monotonic() - begun,
        head=stream.head,
        sent=stream.sent,
        received=stream.received,
        offered=seen.version,
        wants_certificate=wants_certificate,
        kernel=stream.kernel(),
    )


def facts(secured: Secured, *, name: str, distrust: Distrust | None) -> Handshake:
    """What the handshake showed."""
    tls = secured.tls
    cipher = tls.cipher()
    return Handshake(
        name=name,
        sent_name=not is_address(name),
        version=(tls.version() or "").replace("TLSv", "TLS "),
        cipher=cipher[0] if cipher else "",
        alpn=tls.selected_alpn_protocol(),
        chain=tuple(filter(None, map(certificate.read, chain(tls)))),
        distrust=distrust,
        wants_certificate=secured.listened.wants_certificate,
        octets=secured.received,
        anchor=_anchor(tls),
    )


def chain(tls: ssl.SSLObject) -> list[bytes]:
    """The certificates as the server sent them, in DER; from Python 3.13 on by a documented name."""
    inner: Any = tls if hasattr(tls, "get_unverified_chain") else getattr(tls, "_sslobj", None)
    sent = inner.get_unverified_chain() if hasattr(inner, "get_unverified_chain") else None
    if not sent:
        own = tls.getpeercert(binary_form=True)
        return [own] if own else []
    return [_in_der(one) for one in sent[:_LONGEST_CHAIN]]


def _anchor(tls: ssl.SSLObject) -> str | None:
    inner: Any = tls if hasattr(tls, "get_verified_chain") else getattr(tls, "_sslobj", None)
    verified = inner.get_verified_chain() if hasattr(inner, "get_verified_chain") else None
    return ssl.DER_cert_to_PEM_cert(_in_der(verified[-1])) if verified else None


def _in_der(one: Any) -> bytes:
    if isinstance(one, bytes):
        return one
    return ssl.PEM_cert_to_DER_cert(one.public_bytes())
