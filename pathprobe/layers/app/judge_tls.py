"""Does the certificate hold, for the name that was asked for, now, and for those who trust what this machine trusts?

Each fault on its own, for a certificate may have several. Who is asked to overlook them (--insecure) is warned.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from pathprobe.core.layers import Evidence, Status
from pathprobe.layers.app.certificate import Certificate
from pathprobe.layers.app.facts import Distrust, Handshake, printable
from pathprobe.layers.app.target import Question, Scheme
from pathprobe.layers.app.wording import again, day, days, listed
from pathprobe.layers.findings import Finding

#: Days before its end from which on a certificate should have been renewed: automatic renewal is due at 30.
_SOON = 14
_DAY = 86400

#: OpenSSL's numbers (x509_vfy.h).
_SELF_SIGNED, _UNKNOWN_ROOT = 18, 19
_NO_ISSUER = (2, 20, 21)
_OF_TIME = (9, 10)

_NAME_MATTERS = "A client ends the handshake when none of the certificate's alternative names is the one it asked for."
_TIME_MATTERS = "Outside its dates a certificate counts for nothing, and clients end the handshake."
_TRUST_MATTERS = "A client trusts the certificates in its own list, and those that one of these vouches for."
_CHAIN_MATTERS = (
    "A client can only follow certificates that the server sends or that it trusts itself; browsers fetch a missing "
    "one at times, other programs do not."
)
_SOON_MATTERS = "What renews it should have done so by now."

_RENEW = "# on the server: renew the certificate (certbot renew, or ask who issued it) and reload the service"
_WHOLE_CHAIN = "# on the server: send the whole chain, own certificate first (nginx: ssl_certificate fullchain.pem)"


def find(handshake: Handshake, question: Question, *, now: float) -> Iterator[Finding]:
    """What the handshake shows; ``now`` in seconds since 1970."""
    faults = list(_faults(handshake, question, now=now))
    yield from faults
    if not faults:
        yield _good(handshake, now=now)
    yield Finding(status=Status.PASS, evidence=tuple(_seen(handshake)))


def _faults(handshake: Handshake, question: Question, *, now: float) -> Iterator[Finding]:
    broken = Status.WARN if question.is_insecure else Status.FAIL
    if not handshake.chain:
        sentence = "the server's certificate could not be read"
        yield Finding(status=broken if handshake.distrust else Status.UNKNOWN, sentence=sentence)
        if handshake.distrust:
            yield _distrusted(handshake, handshake.distrust, question, broken)
        return
    own = handshake.chain[0]
    if not own.is_for(handshake.name):
        yield _other_name(own, handshake, question, broken)
    timed = list(_out_of_time(handshake, broken, now=now))
    yield from timed
    if handshake.distrust and not (timed and handshake.distrust.code in _OF_TIME):
        yield _distrusted(handshake, handshake.distrust, question, broken)


def _other_name(own: Certificate, handshake: Handshake, question: Question, broken: Status) -> Finding:
    names = (*own.names, *own.addresses)
    if names:
        told = f"the certificate is for {listed(names)} and not for {handshake.name}"
    else:
        told = (
            f"the certificate has no alternative name at all, and its common name ({own.short_subject}) counts no more"
        )
    usable = [one for one in own.names if not one.startswith("*.")]
    fixes = [
        f"# on the server: a certificate for {handshake.name} (for nginx in the server block of that server_name)",
        *([again(question, f"--sni {shlex.quote(usable[0])}")] if usable else []),
    ]
    return Finding(status=broken, sentence=told, why=_NAME_MATTERS, fix=tuple(fixes))


def _out_of_time(handshake: Handshake, broken: Status, *, now: float) -> Iterator[Finding]:
    for number, one in enumerate(handshake.chain):
        who = "the certificate" if number == 0 else f"the certificate of the issuer {one.short_subject}"
        if now > one.not_after:
            told = f"{who} expired {days(now - one.not_after)} ago ({day(one.not_after)})"
            yield Finding(status=broken, sentence=told, why=_TIME_MATTERS, fix=(_RENEW,))
        elif now < one.not_before:
            told = f"{who} is valid only from {day(one.not_before)} on, in {days(one.not_before - now)}"
            fix = ("date -u", "# if this machine's clock is right, wait, or have the certificate issued anew")
            yield Finding(status=broken, sentence=told, why=_TIME_MATTERS, fix=fix)
        elif number == 0 and one.not_after - now < _SOON * _DAY:
            told = f"{who} expires in {days(one.not_after - now)} ({day(one.not_after)})"
            yield Finding(status=Status.WARN, sentence=told, why=_SOON_MATTERS, fix=(_RENEW,))


def _distrusted(handshake: Handshake, distrust: Distrust, question: Question, broken: Status) -> Finding:
    last = handshake.chain[-1] if handshake.chain else None
    why = _CHAIN_MATTERS if distrust.code in _NO_ISSUER else _TRUST_MATTERS
    trusting = again(question, "--ca FILE") + "  # with the certificate of the issuer, if it is to be trusted"
    if distrust.code == _SELF_SIGNED and last:
        told = "the certificate is self-signed: nobody vouches for it"
        fix: tuple[str, ...] = ("# on the server: a certificate of an authority that the clients trust", trusting)
    elif distrust.code == _UNKNOWN_ROOT and last:
        told = f"the chain ends at {last.short_subject}, which this machine does not trust"
        fix = (trusting,)
    elif distrust.code in _NO_ISSUER and last:
        issuer = last.issuer or "an issuer without a name"
        sent = "its own certificate alone" if len(handshake.chain) == 1 else f"{len(handshake.chain)} certificates"
        told = (
            f"the chain is incomplete: the server sends {sent}, and {issuer}, who issued the last, is not trusted here"
        )
        fix = (_WHOLE_CHAIN, trusting)
    else:
        told = f"this machine does not trust the certificate: {printable(distrust.words)}"
        fix = (again(question, "--insecure"),)
    return Finding(status=broken, sentence=told, why=why, fix=fix)


def _good(handshake: Handshake, *, now: float) -> Finding:
    own = handshake.chain[0]
    spoken = handshake.version + (f" ({handshake.alpn})" if handshake.alpn else "")
    told = f"{spoken}, the certificate for {handshake.name} is good for {days(own.not_after - now)}"
    return Finding(status=Status.PASS, sentence=told)


def _seen(handshake: Handshake) -> Iterator[Evidence]:
    protocol = f"ALPN {handshake.alpn}" if handshake.alpn else "no ALPN"
    name = f"for {handshake.name}" if handshake.sent_name else "without a name (an address is not sent)"
    wants = ", asks for a client certificate" if handshake.wants_certificate else ""
    yield Evidence(source="TLS", ref=name, text=f"{handshake.version}, {handshake.cipher}, {protocol}{wants}")
    for number, one in enumerate(handshake.chain, 1):
        names = listed((*one.names, *one.addresses), 8)
        parts = (
            one.subject or "no subject",
            f"for {names}" if names else "",
            f"issued by {'itself' if one.is_self_issued else one.issuer}",
            f"{day(one.not_before)} to {day(one.not_after)}",
        )
        ref = f"{number} of {len(handshake.chain)}"
        yield Evidence(source="certificate", ref=ref, text=", ".join(filter(None, parts)))
    if handshake.distrust:
        text = f"{printable(handshake.distrust.words)} ({handshake.distrust.code})"
        yield Evidence(source="openssl", ref="verification", text=text)


def proved(question: Question, handshake: Handshake) -> Finding | None:
    """That the question went no further, where it had one that needs trust."""
    if question.scheme is Scheme.TLS:
        return None
    told = "gRPC was not asked" if question.scheme is Scheme.GRPCS else "no request was sent"
    fix = () if question.scheme is Scheme.GRPCS else (again(question, "--insecure"),)
    return Finding(
        status=Status.PASS, sentence=f"{told}, because the server cannot prove that it is {handshake.name}", fix=fix
    )
