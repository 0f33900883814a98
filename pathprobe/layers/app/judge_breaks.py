"""At which step did the conversation break, what does that mean, and what is to be asked next?

A step that breaks is told with what came before it: a refusal is an answer, an alert names its reason, octets of
another protocol name that, and a silence is measured by what the kernel knows of the connection.
"""

from __future__ import annotations

from collections.abc import Iterator

from pathprobe.core.layers import Evidence, Status
from pathprobe.layers.app import records
from pathprobe.layers.app.facts import Broken, Conversation, How, Step, printable
from pathprobe.layers.app.recognise import HTTP, HTTP2, TLS, spoken
from pathprobe.layers.app.stalled import stalled
from pathprobe.layers.app.target import Question, Scheme, is_address
from pathprobe.layers.app.wording import again, instead, on_the_path, patience, whom
from pathprobe.layers.findings import Finding

_MISMATCH = (
    "Both ends have to speak the same protocol; a client of another one gets no further, however open the port is."
)
_ALERTED = "The server itself ended the handshake, and says why."
_OLD = "TLS 1.0 and 1.1 are withdrawn (RFC 8996); clients of today refuse them."
_STRICT = "Who shows no certificate of those that this server takes gets no further."
_SHOW = ("# clients: a certificate of an authority that this server takes (curl --cert FILE --key FILE)",)
_HUNG_UP = (
    "The handshake of TCP succeeds; what ends the connection afterwards is the program itself or a box on the way."
)


def find(told: Conversation, broken: Broken) -> Iterator[Finding]:
    question = told.question
    if broken.step is Step.CONNECT:
        yield _unconnected(told, broken)
    elif _lacks_certificate(told, broken):
        yield Finding(status=Status.FAIL, sentence="the server demands a client certificate", why=_STRICT, fix=_SHOW)
    elif broken.speaks_tls:
        yield _awaits_tls(question)
    elif broken.ended.how is How.OTHER_PROTOCOL:
        yield _other_protocol(broken, question)
    elif broken.ended.how is How.ALERT:
        yield _alerted(broken, question)
    elif broken.ended.how is How.UNACCEPTED:
        yield _unaccepted(broken, question)
    elif broken.ended.how is How.TIMEOUT:
        yield stalled(broken, question)
    else:
        yield _hung_up(broken, question)
    yield Finding(status=Status.PASS, evidence=tuple(_seen(broken)))


def _lacks_certificate(told: Conversation, broken: Broken) -> bool:
    """It asked for one and hung up without: in the handshake of TLS 1.2, behind that of 1.3."""
    if broken.ended.alert == records.CERTIFICATE_REQUIRED:
        return True
    asked = broken.wants_certificate or (told.handshake is not None and told.handshake.wants_certificate)
    alerted = broken.ended.alert in (records.HANDSHAKE_FAILURE, records.BAD_CERTIFICATE)
    return asked and (alerted or (not broken.head and broken.ended.how in (How.RESET, How.CLOSED)))


def _unconnected(told: Conversation, broken: Broken) -> Finding:
    question, who = told.question, whom(told)
    port, how = question.port, broken.ended.how
    path = on_the_path(question)
    tried = len(told.attempts)
    many = f" (none of {tried} addresses answers)" if tried > 1 else ""
    if how is How.REFUSED:
        refusing = next(one.address for one in told.attempts if one.ended and one.ended.how is How.REFUSED)
        sentence = (
            f"{refusing} refuses the connection to port {port}{many}: nothing listens there, or a firewall rejects it"
        )
        fix = (f"{path}  # says whether the host itself refuses", f"# on the server: sudo pathprobe host {port}")
        return Finding(status=Status.FAIL, sentence=sentence, fix=fix)
    if how is How.TIMEOUT:
        sentence = f"no connection to {who} port {port} within {patience(question)}{many}"
        sentence += ": something drops it, or the host is down"
        return Finding(status=Status.FAIL, sentence=sentence, fix=(f"{path}  # says where it dies",))
    if how is How.DENIED:
        sentence = f"this machine itself does not let the connection to {who} port {port} out ({broken.ended.detail})"
        return Finding(status=Status.FAIL, sentence=sentence, fix=(path, "nft list ruleset"))
    sentence = f"no connection to {who} port {port}{many}: {broken.ended.detail or how}"
    return Finding(status=Status.FAIL, sentence=sentence, fix=(path,))


def _other_protocol(broken: Broken, question: Question) -> Finding:
    said = spoken(broken.head)
    asked = "the TLS greeting" if broken.step is Step.TLS else f"{_asked_in(question)}"
    sentence = f"{asked} is answered with {said.told}" if said.text or said.protocol else f"{asked} is not understood"
    fix: tuple[str, ...]
    if said.protocol == TLS:
        sentence = f"{asked} was sent to a port that speaks TLS: it is answered with {said.told}"
        fix = _by_tls(question)
    elif broken.step is Step.TLS and said.protocol == HTTP:
        sentence = f"TLS was spoken to a port that speaks plain HTTP: {sentence}"
        fix = (instead(question, Scheme.HTTP), "# clients: http:// in the place of https://, or TLS on the server")
    elif said.protocol == HTTP2:
        sentence = f"{asked} was sent to a port that speaks HTTP/2 alone, as gRPC does"
        sentence += " without TLS" if broken.step is Step.TLS else ""
        fix = (instead(question, Scheme.GRPC),)
    elif said.protocol == HTTP:
        sentence = f"the port speaks HTTP/1, and no {_asked_in(question)}: {said.text}"
        plain = Scheme.HTTPS if question.is_over_tls else Scheme.HTTP
        fix = (instead(question, plain),)
    else:
        sentence += "" if said.protocol else ", which is not recognised"
        fix = (instead(question, Scheme.TCP),)
        if broken.step is Step.TLS and said.protocol in ("SMTP", "FTP", "IMAP", "POP3", "MySQL", "SMTP or FTP"):
            fix = (*fix, "# that protocol begins in clear; TLS comes by STARTTLS or its like, or has a port of its own")
    return Finding(status=Status.FAIL, sentence=sentence, why=_MISMATCH, fix=fix)


def _awaits_tls(question: Question) -> Finding:
    sentence = f"{_asked_in(question)} was sent to a port that speaks TLS: it hangs up, and answers a greeting of TLS"
    return Finding(status=Status.FAIL, sentence=sentence, why=_MISMATCH, fix=_by_tls(question))


def _by_tls(question: Question) -> tuple[str, ...]:
    secure = Scheme.GRPCS if question.scheme is Scheme.GRPC else Scheme.HTTPS
    return instead(question, secure), f"# clients: {secure}:// in the place of {question.scheme}://"


def _asked_in(question: Question) -> str:
    return {Scheme.HTTP: "plain HTTP", Scheme.HTTPS: "HTTP/1.1", Scheme.GRPC: "HTTP/2", Scheme.GRPCS: "HTTP/2"}.get(
        question.scheme, str(question.scheme)
    )


def _alerted(broken: Broken, question: Question) -> Finding:
    alert = broken.ended.alert
    name = records.ALERTS.get(alert, f"number {alert}") if alert is not None else "unknown"
    asked = question.tls_name
    is_nameless = is_address(asked)
    naming = (again(question, "--sni NAME") + "  # with a name that this server has a certificate for",)
    why = _ALERTED
    match alert:
        case records.UNRECOGNIZED_NAME:
            told = "the server wants to be asked by a name" if is_nameless else f"the server knows no name {asked}"
            fix = naming
        case records.PROTOCOL_VERSION:
            told, why = "the server refuses TLS 1.2 and 1.3: it speaks older versions only", _OLD
            fix = ("# on the server: allow TLS 1.2 and 1.3 (nginx: ssl_protocols TLSv1.2 TLSv1.3)",)
        case records.NO_APPLICATION_PROTOCOL:
            told = "the server speaks none of the protocols offered by ALPN"
            told += ": no HTTP/2, and so no gRPC" if question.scheme is Scheme.GRPCS else ""
            fix = (instead(question, Scheme.TLS),)
        case records.INTERNAL_ERROR if is_nameless:
            told = "the server fails in the handshake; without a name it may have no certificate to show"
            fix = naming
        case records.HANDSHAKE_FAILURE:
            told = "the server finds nothing in common: no cipher, or no certificate for this name"
            fix = naming if is_nameless else ("# on the server: its log says which of them",)
        case _:
            told = "the server ends the handshake"
            fix = ("# on the server: its log says more",)
    return Finding(status=Status.FAIL, sentence=f"{told} (TLS alert {name})", why=why, fix=fix)


def _unaccepted(broken: Broken, question: Question) -> Finding:
    if broken.offered and broken.offered not in ("TLS 1.2", "TLS 1.3"):
        sentence = f"the server chooses {broken.offered}, which clients of today refuse, this one among them"
        fix = ("# on the server: allow TLS 1.2 and 1.3 (nginx: ssl_protocols TLSv1.2 TLSv1.3)",)
        return Finding(status=Status.FAIL, sentence=sentence, why=_OLD, fix=fix)
    reason = printable(broken.ended.detail, 100)
    sentence = f"this machine's TLS library does not go on with what the server sent: {reason}"
    return Finding(status=Status.FAIL, sentence=sentence, fix=(on_the_path(question),))


def _hung_up(broken: Broken, question: Question) -> Finding:
    how, step = broken.ended.how, broken.step
    verb = {How.RESET: "is reset", How.CLOSED: "is closed"}.get(how, "breaks")
    when = (
        "in the TLS handshake" if step is Step.TLS else "in the middle of the answer" if broken.head else "unanswered"
    )
    sentence = f"the connection {verb} {when}"
    if step is Step.TLS:
        sentence += f", after {broken.received} octets" if broken.received else " before the server said anything"
    if how is How.OTHER and broken.ended.detail:
        sentence += f" ({printable(broken.ended.detail, 100)})"
    fixes = []
    if step is Step.TLS and not broken.received and question.scheme is Scheme.HTTPS:
        fixes.append(instead(question, Scheme.HTTP) + "  # does it speak without TLS?")
    if step is Step.TLS and is_address(question.tls_name):
        fixes.append(again(question, "--sni NAME") + "  # does it want to be asked by a name?")
    fixes.append(on_the_path(question) + "  # is it the host itself that hangs up?")
    return Finding(status=Status.FAIL, sentence=sentence, why=_HUNG_UP, fix=tuple(fixes))


def _seen(broken: Broken) -> Iterator[Evidence]:
    if broken.step is Step.CONNECT:
        return
    yield Evidence(
        source="connection", ref=str(broken.step), text=f"{broken.sent} octets sent, {broken.received} received"
    )
    if broken.head:
        said = spoken(broken.head)
        yield Evidence(source="received", text=printable(said.text or broken.head[:16].hex(" "), 120))
    if broken.ended.detail:
        yield Evidence(source="ended", text=printable(f"{broken.ended.how}: {broken.ended.detail}", 120))
