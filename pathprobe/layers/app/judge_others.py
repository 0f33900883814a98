"""What do the answers of gRPC, of DNS and of servers that greet say of the service?"""

from __future__ import annotations

from collections.abc import Iterator

from pathprobe.core.layers import Evidence, Status
from pathprobe.layers.app.dns_message import is_name
from pathprobe.layers.app.facts import Banner, Call, Conversation, DnsAnswer, GrpcAnswer, How, printable
from pathprobe.layers.app.recognise import spoken
from pathprobe.layers.app.target import Question, Scheme
from pathprobe.layers.app.wording import duration, instead, listed, patience
from pathprobe.layers.findings import Finding

# --- gRPC

_HEALTH_MATTERS = "Load balancers and Kubernetes send no work to a server whose health service says so."
_NO_HEALTH = "Without grpc.health.v1.Health nobody can tell from outside whether it is ready."
_ALPN_MATTERS = "gRPC clients want HTTP/2 to be agreed on by ALPN; many refuse a server that does not."


def grpc(told: Conversation, answer: GrpcAnswer) -> Iterator[Finding]:
    if told.handshake and told.handshake.alpn != "h2":
        sentence = "HTTP/2 is not agreed on by ALPN"
        yield Finding(status=Status.WARN, sentence=sentence, why=_ALPN_MATTERS)
    if answer.missing:
        sentence = "it speaks HTTP/2; health and services were not asked, for grpcio is not installed"
        yield Finding(status=Status.UNKNOWN, sentence=sentence, fix=(answer.missing,))
        return
    if answer.health:
        yield _health(told, answer, answer.health)
    if answer.reflection:
        yield _reflection(answer, answer.reflection)


def _health(told: Conversation, answer: GrpcAnswer, call: Call) -> Finding:
    service = told.question.path
    of = f" of {printable(service, 60)}" if service else ""
    seen = (Evidence(source="grpc.health.v1.Health/Check", ref=service, text=f"{call.code} {call.details}".rstrip()),)
    in_time = f" in {duration(told.total)}"
    match call.code:
        case "OK" if answer.serving == "SERVING":
            return Finding(status=Status.PASS, sentence=f"gRPC, health{of} SERVING{in_time}", evidence=seen)
        case "OK":
            sentence = f"gRPC answers, and its health{of} is {answer.serving}"
            return Finding(status=Status.FAIL, sentence=sentence, evidence=seen, why=_HEALTH_MATTERS)
        case "UNIMPLEMENTED":
            sentence = f"gRPC answers{in_time}; it has no health service"
            return Finding(status=Status.PASS, sentence=sentence, evidence=seen, why=_NO_HEALTH)
        case "NOT_FOUND":
            sentence = f"gRPC answers, and its health service knows no {printable(service, 60)}"
            return Finding(status=Status.FAIL, sentence=sentence, evidence=seen)
        case "UNAUTHENTICATED" | "PERMISSION_DENIED":
            sentence = f"gRPC answers{in_time}: it wants credentials ({call.code})"
            return Finding(status=Status.PASS, sentence=sentence, evidence=seen)
        case "UNAVAILABLE":
            sentence = "HTTP/2 is spoken, and the gRPC call fails (UNAVAILABLE)"
            return Finding(status=Status.FAIL, sentence=sentence, evidence=seen)
        case "DEADLINE_EXCEEDED":
            sentence = f"gRPC does not answer within {patience(told.question)}"
            return Finding(status=Status.FAIL, sentence=sentence, evidence=seen)
        case code:
            return Finding(status=Status.WARN, sentence=f"gRPC answers {code}: {call.details}", evidence=seen)


def _reflection(answer: GrpcAnswer, call: Call) -> Finding:
    text = listed(answer.services, 20) if call.code == "OK" else f"{call.code} {call.details}".rstrip()
    seen = (Evidence(source="grpc.reflection", text=text),)
    if call.code == "OK":
        own = [one for one in answer.services if not one.startswith("grpc.reflection.")]
        return Finding(status=Status.PASS, sentence=f"it serves {listed(own, 5) or 'nothing'}", evidence=seen)
    return Finding(status=Status.PASS, evidence=seen)


# --- Servers that greet

_FIRST = "In most protocols the client speaks first, and what it would have to say is not known here."


_NO_GREETING = (
    "The kernel completes handshakes for a program that hangs; a program that looks up who calls may only be slow."
)


def banner(question: Question, greeting: Banner) -> Iterator[Finding]:
    if not greeting.octets:
        if question.greeting:
            sentence = (
                f"it accepts the connection and does not greet within {patience(question)}, as {question.greeting} does"
            )
            on_the_server = f"# on the server: sudo pathprobe host {question.port}, and the log of the program"
            yield Finding(status=Status.WARN, sentence=sentence, why=_NO_GREETING, fix=(on_the_server,))
            return
        sentence = "it accepts the connection and waits for its client to speak first"
        others = (Scheme.HTTP, Scheme.TLS) if question.is_guessed else ()
        fix = tuple(instead(question, one) for one in others)
        yield Finding(status=Status.PASS, sentence=sentence, why=_FIRST, fix=fix)
        return
    said = spoken(greeting.octets)
    refused = said.protocol in ("SMTP or FTP", "Redis") and greeting.octets[:1] in b"-45"
    sentence = f"it speaks {said.told}" if said.protocol else f"it greets with: {said.text}"
    if refused:
        sentence = f"it greets with a refusal: {said.text}"
    status = Status.WARN if refused else Status.PASS
    seen = (Evidence(source="greeting", text=printable(said.text)),)
    yield Finding(status=status, sentence=sentence, evidence=seen)


# --- DNS

_CODES = {0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED", 9: "NOTAUTH"}
_NO_TCP = "An answer that does not fit a datagram is asked for again over TCP (RFC 7766); without it, large ones fail."
_NO_UDP = "Resolvers ask by UDP first."
_REFUSES = (
    "It answers, but does not resolve for this client: an access list (allow-query, allow-recursion) says who may."
)
_FAILS = "The server could not get the answer itself: what it asks does not answer, or DNSSEC does not verify."


def dns(question: Question, answers: tuple[DnsAnswer, ...]) -> Iterator[Finding]:
    for one in answers:
        yield Finding(
            status=Status.PASS, evidence=(Evidence(source=f"DNS over {one.transport}", text=_line(one, question)),)
        )
    answered = [one for one in answers if one.ended is None]
    if not answered:
        yield _unanswered(question, answers)
        return
    yield _code(question, answered[0])
    for one in answers:
        if one.ended is not None:
            yield _one_way(question, one)


def _unanswered(question: Question, answers: tuple[DnsAnswer, ...]) -> Finding:
    told = " and ".join(f"over {one.transport} {_end(one, question)}" for one in answers)
    by_udp = f"sudo pathprobe udp {question.probed}"
    fix = (by_udp, f"sudo pathprobe tcp {question.probed}", f"# on the server: sudo pathprobe host {question.port}/udp")
    return Finding(status=Status.FAIL, sentence=f"no answer of a DNS server: {told}", fix=fix)


def _one_way(question: Question, one: DnsAnswer) -> Finding:
    sentence = f"over {one.transport} {_end(one, question)}"
    why = _NO_TCP if one.transport == "TCP" else _NO_UDP
    status = Status.WARN if one.transport == "TCP" else Status.FAIL
    fix = (f"sudo pathprobe {one.transport.lower()} {question.probed}",)
    return Finding(status=status, sentence=sentence, why=why, fix=fix)


def _end(one: DnsAnswer, question: Question) -> str:
    assert one.ended
    return {
        How.REFUSED: "the port is closed",
        How.TIMEOUT: f"nothing came within {patience(question)}",
        How.OTHER_PROTOCOL: "what came is no DNS",
        How.CLOSED: "the connection is closed unanswered",
        How.RESET: "the connection is reset",
    }.get(one.ended.how, one.ended.detail or str(one.ended.how))


def _code(question: Question, one: DnsAnswer) -> Finding:
    code = _CODES.get(one.code, f"code {one.code}")
    asked = question.path if is_name(question.path) else ""
    in_time = duration(one.seconds)
    if not asked:
        # Whoever serves a zone of his own may refuse the root; that he answers is what was asked.
        bad = one.code in (1, 2)
        sentence = f"DNS answers in {in_time} ({code} to the root's NS)"
        return Finding(status=Status.WARN if bad else Status.PASS, sentence=sentence, why=_FAILS if bad else "")
    match one.code:
        case 0 if one.answers:
            found = f": {listed(one.addresses)}" if one.addresses else ""
            return Finding(status=Status.PASS, sentence=f"DNS answers in {in_time}, {asked} is known{found}")
        case 0:
            sentence = f"DNS answers in {in_time}, {asked} exists and has no A record"
            return Finding(status=Status.WARN, sentence=sentence)
        case 3:
            sentence = f"DNS answers in {in_time}: there is no {asked} (NXDOMAIN)"
            return Finding(status=Status.WARN, sentence=sentence)
        case 5:
            return Finding(status=Status.FAIL, sentence=f"DNS refuses to look up {asked} (REFUSED)", why=_REFUSES)
        case _:
            return Finding(status=Status.FAIL, sentence=f"DNS fails to look up {asked} ({code})", why=_FAILS)


def _line(one: DnsAnswer, question: Question) -> str:
    if one.ended:
        return _end(one, question)
    flags = [
        word
        for is_set, word in ((one.is_authoritative, "aa"), (one.is_truncated, "tc"), (one.recursion, "ra"))
        if is_set
    ]
    code = _CODES.get(one.code, f"code {one.code}")
    told = f"{code}, {one.answers} answers, flags {' '.join(flags) or 'none'}"
    return f"{told}, {one.length} octets in {duration(one.seconds)}"
