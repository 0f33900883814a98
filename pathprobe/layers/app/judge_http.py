"""Is the web server's answer one of a service that is well?

By the status (RFC 9110 section 15), unless the user says which ones he expects: below 500 it speaks; what it says may
still be that this is not the way to speak to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import SplitResult, urljoin, urlsplit

from pathprobe.core.layers import Evidence, Status
from pathprobe.layers.app.facts import Conversation, HttpAnswer, Step
from pathprobe.layers.app.recognise import wants_certificate, wants_tls
from pathprobe.layers.app.target import Question, Scheme
from pathprobe.layers.app.wording import app, duration, instead
from pathprobe.layers.findings import Finding

_SERVER_MATTERS = {
    500: "The program behind the web server ends in an error of its own; its log says which.",
    502: "The web server is there; the program behind it is not, or answers what is no HTTP.",
    503: "The web server is there; the program behind it is overloaded, down for maintenance or not ready.",
    504: "The web server is there; the program behind it does not answer in time.",
}
_SERVER_FIX = {
    502: "# on the server: is the program behind it up? pathprobe host PORT with the port that it is handed on to",
    503: "# on the server: the log of the web server and of the program behind it",
    504: "# on the server: pathprobe app http://127.0.0.1:PORT with the port that it is handed on to",
}
_OWN_LOG = "# on the server: the log of the program"
_PLAIN_MATTERS = "This port awaits TLS; a client that speaks plain HTTP to it gets no further."
_CERTIFICATE_MATTERS = "Who shows no certificate of those that this server takes gets no further."
_LOOP_MATTERS = "A client that follows comes back to where it was, until it gives up."
_DOWNGRADE_MATTERS = "A client that follows speaks in clear from there on."


def find(told: Conversation, answer: HttpAnswer) -> Iterator[Finding]:
    question = told.question
    yield _verdict(answer, question, _in_time(told))
    yield from _redirected(answer, question)
    yield Finding(status=Status.PASS, evidence=tuple(_seen(answer, question)))


def _in_time(told: Conversation) -> str:
    first = next((one.seconds for one in told.times if one.step is Step.FIRST_BYTE), None)
    return f" in {duration(told.total)}" if first is not None else ""


def _verdict(answer: HttpAnswer, question: Question, in_time: str) -> Finding:
    said = f"HTTP {answer.status}{f' {answer.reason}' if answer.reason else ''}"
    if question.scheme is Scheme.HTTP and answer.status == 400 and wants_tls(answer.body):
        sentence = "plain HTTP was sent to a port that speaks TLS"
        fix: tuple[str, ...] = (instead(question, Scheme.HTTPS), "# clients: https:// in the place of http://")
        return Finding(status=Status.FAIL, sentence=sentence, why=_PLAIN_MATTERS, fix=fix)
    if wants_certificate(answer.body) and answer.status == 400:
        sentence = "the server demands a client certificate"
        fix = ("# clients: a certificate of an authority that this server takes (curl --cert FILE --key FILE)",)
        return Finding(status=Status.FAIL, sentence=sentence, why=_CERTIFICATE_MATTERS, fix=fix)
    if question.expected:
        return _expected(answer, question, said + in_time)
    return _by_status(answer, said, in_time)


def _expected(answer: HttpAnswer, question: Question, said: str) -> Finding:
    if any(_is_like(answer.status, one) for one in question.expected):
        return Finding(status=Status.PASS, sentence=f"{said}, as expected")
    sentence = f"{said}, and {' or '.join(question.expected)} was expected"
    return Finding(status=Status.FAIL, sentence=sentence, fix=(_OWN_LOG,))


def _is_like(status: int, pattern: str) -> bool:
    """``3xx`` stands for all of them."""
    return all(one in ("x", digit) for one, digit in zip(pattern, str(status), strict=True))


def _by_status(answer: HttpAnswer, said: str, in_time: str) -> Finding:
    status = answer.status
    if status == 511:
        sentence = f"{said}: the network between wants a login first (captive portal)"
        return Finding(status=Status.FAIL, sentence=sentence)
    if status >= 500:
        why = _SERVER_MATTERS.get(status, _SERVER_MATTERS[500])
        return Finding(status=Status.FAIL, sentence=said + in_time, why=why, fix=(_SERVER_FIX.get(status, _OWN_LOG),))
    if status == 407:
        sentence = f"{said}: a proxy stands here and wants its own credentials"
        return Finding(status=Status.FAIL, sentence=sentence)
    if status in (401, 403):
        sentence = f"{said}{in_time}: it speaks, and {'wants credentials' if status == 401 else 'does not allow this'}"
        return Finding(status=Status.PASS, sentence=sentence)
    if status >= 400:
        sentence = f"{said}{in_time}: it speaks, and has something against this request"
        return Finding(status=Status.WARN, sentence=sentence, why=_OF_CLIENT.get(status, ""))
    if status == 101:
        return Finding(status=Status.WARN, sentence=f"{said}: it changes to another protocol unasked")
    return Finding(status=Status.PASS, sentence=said + in_time)


_OF_CLIENT = {
    400: "The server does not take the request as it is; a name of the Host header that it does not know is a reason.",
    404: "The web server is well; there is nothing at this path, or for this name in the Host header.",
    405: "The web server is well; this path is not to be asked by this method.",
    421: "The server has no answer for this name on this connection (--sni and Host differ, or it is another's).",
    429: "The server limits how often this client may ask.",
}


def _redirected(answer: HttpAnswer, question: Question) -> Iterator[Finding]:
    if not answer.location or not 300 <= answer.status < 400:
        return
    here = question.url(question.scheme)
    try:
        to = urljoin(here, answer.location)
        before, after = urlsplit(here), urlsplit(to)
        told = f"it leads to {to}" + _difference(before, after)
    except ValueError:
        yield Finding(status=Status.WARN, sentence=f"it leads to {answer.location}, which is no URL")
        return
    if to == here:
        yield Finding(status=Status.WARN, sentence="it leads to itself", why=_LOOP_MATTERS)
    elif (before.scheme, after.scheme) == ("https", "http"):
        yield Finding(status=Status.WARN, sentence=told, why=_DOWNGRADE_MATTERS, fix=(app(to),))
    else:
        fix = (app(to),) if after.scheme in (Scheme.HTTP, Scheme.HTTPS) else ()
        yield Finding(status=Status.PASS, sentence=told, fix=fix)


def _difference(before: SplitResult, after: SplitResult) -> str:
    changes = []
    if before.hostname != after.hostname:
        changes.append("another host")
    if (before.scheme, after.scheme) == ("http", "https"):
        changes.append("by https")
    if (before.scheme, after.scheme) == ("https", "http"):
        changes.append("without TLS")
    return f" ({', '.join(changes)})" if changes else ""


def _seen(answer: HttpAnswer, question: Question) -> Iterator[Evidence]:
    line = f"HTTP/{answer.version} {answer.status} {answer.reason}".rstrip()
    yield Evidence(source=f"{question.method} {question.path}", text=line)
    for name, value in (
        ("Server", answer.server),
        ("Location", answer.location),
        ("Strict-Transport-Security", answer.strict_transport),
        ("WWW-Authenticate", answer.authenticate),
    ):
        if value:
            yield Evidence(source="header", ref=name, text=value)
    if question.scheme is Scheme.HTTPS and not answer.strict_transport:
        yield Evidence(source="header", text="no Strict-Transport-Security (HSTS)")
    if answer.status >= 400 and answer.body:
        yield Evidence(source="body", text=" ".join(answer.body.split())[:160])
