"""Whatever a peer sends, in whatever pieces, there is a row, and it is harmless to print."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import example, given
from hypothesis import strategies as st

from pathprobe.layers.app import grpc, http, judge, parse, tls
from pathprobe.layers.app.connect import Deadline
from pathprobe.layers.app.facts import Broken, Conversation, Ended, Handshake, How, HttpAnswer, KernelView
from tests.layers.app.test_judge import GOOD, NOW, OWN


class Peer:
    """A stream that says these pieces and then ends in this way."""

    def __init__(self, pieces: list[bytes], how: How) -> None:
        self._pieces, self._how = [one for one in pieces if one], how
        self.head = b""
        self.sent = self.received = 0

    def send(self, octets: bytes, deadline: Deadline) -> Ended | None:  # noqa: ARG002
        self.sent += len(octets)
        return None

    def receive(self, deadline: Deadline) -> bytes | Ended:  # noqa: ARG002
        if not self._pieces:
            return Ended(how=self._how)
        octets = self._pieces.pop(0)
        self.received += len(octets)
        self.head += octets
        return octets

    def kernel(self) -> KernelView | None:
        return None

    def close(self) -> None:
        pass


TRUSTING = tls.context(protocols=("http/1.1",), verified=True, authorities=None)
ENDS = st.sampled_from([How.CLOSED, How.RESET, How.TIMEOUT])
LINES = st.sampled_from(
    [
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 301 \r\n",
        b"HTTP/1.0 999 \xff\x1b[31m\r\n",
        b"HTTP/1.1 101 Switching\r\n",
        b"HTTP/1.1 103 Early\r\n",
        b"HTTP/2 200\r\n",
        b"Location: https://[x\r\n",
        b"Location: //\xe2\x80\xae:99999/\x00\r\n",
        b"Location: http://a:b:c/\r\n",
        b"Content-Length: 5\r\n",
        b"Content-Length: -1\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Connection: upgrade\r\nUpgrade: x\r\n",
        b" folded\r\n",
        b"\r\n",
        b"\n\n",
        b"5\r\nhello\r\n",
        b"zz\r\n",
        b"0\r\n\r\n",
    ]
)
PIECES = st.lists(st.one_of(LINES, st.binary(max_size=40)), max_size=10)


def assert_harmless(told: Conversation) -> None:
    layer = judge(told, now=NOW)
    texts = (layer.summary, layer.why, *layer.fix, *(one.text + one.ref + one.source for one in layer.evidence))
    assert all(text.isprintable() for text in texts), texts


@given(PIECES, ENDS)
@example([b"HTTP/1.1 302 \r\n", b"Location: https://[x\r\n", b"\r\n"], How.CLOSED)
def test_to_http(pieces: list[bytes], how: How) -> None:
    question = parse("http://web1/")
    answer, times = http.ask(Peer(pieces, how), question)
    told = Conversation(question=question, times=times)
    assert_harmless(replace(told, http=answer) if isinstance(answer, HttpAnswer) else replace(told, broken=answer))


@given(PIECES, ENDS)
def test_to_grpc(pieces: list[bytes], how: How) -> None:
    broken, _ = grpc.greet(Peer(pieces, how), 1.0)
    assert_harmless(Conversation(question=parse("grpc://web1:1"), broken=broken))


RECORDS = st.lists(
    st.one_of(
        st.builds(
            lambda kind, content: bytes((kind, 3, 3)) + len(content).to_bytes(2, "big") + content,
            st.integers(19, 25),
            st.binary(max_size=90),
        ),
        st.binary(max_size=40),
        st.just(b"\x16\x03\x03\x00\x2c\x02\x00\x00\x28\x03\x03" + bytes(33) + b"\xc0\x2f\x00\x00\x00"),
    ),
    max_size=5,
)


@given(RECORDS, ENDS)
def test_to_tls(pieces: list[bytes], how: How) -> None:
    found = tls.shake_hands(Peer(pieces, how), TRUSTING, name="web1", timeout=1.0)  # type: ignore[arg-type]
    assert isinstance(found, Broken)
    assert_harmless(Conversation(question=parse("https://web1/"), broken=found))


TEXTS = st.text(max_size=20)


@given(st.lists(TEXTS, max_size=3), TEXTS, st.floats(-1e12, 1e12), st.floats(-1e12, 1e12))
def test_certificates_of_any_content(names: list[str], subject: str, begin: float, end: float) -> None:
    shown = tuple("".join(one for one in name if one.isprintable()) for name in names)
    own = replace(OWN, names=shown, common_name=shown[0] if shown else None, not_before=begin, not_after=end)
    handshake: Handshake = replace(GOOD, chain=(own,), name="".join(one for one in subject if one.isprintable()))
    assert_harmless(Conversation(question=parse("https://web1/"), handshake=handshake))
