"""What a target means: its protocol, its port, and what is none."""

from __future__ import annotations

import pytest

from pathprobe.layers.app import BadTarget, Scheme, parse


@pytest.mark.parametrize(
    ("text", "scheme", "host", "port", "path"),
    [
        ("https://web1/health?a=b#c", Scheme.HTTPS, "web1", 443, "/health?a=b"),
        ("http://web1", Scheme.HTTP, "web1", 80, "/"),
        ("HTTP://WEB1:8080/A b", Scheme.HTTP, "web1", 8080, "/A%20b"),
        ("https://bücher.example/é", Scheme.HTTPS, "xn--bcher-kva.example", 443, "/%C3%A9"),
        ("tls://10.0.0.5:993", Scheme.TLS, "10.0.0.5", 993, ""),
        ("grpc://[2001:db8::1]:50051/shop.Basket", Scheme.GRPC, "2001:db8::1", 50051, "shop.Basket"),
        ("grpcs://web1", Scheme.GRPCS, "web1", 443, ""),
        ("tcp://web1:22", Scheme.TCP, "web1", 22, ""),
        ("dns://10.0.0.53/web1.example", Scheme.DNS, "10.0.0.53", 53, "web1.example"),
        ("web1:8080", Scheme.HTTP, "web1", 8080, "/"),
        ("web1:443", Scheme.HTTPS, "web1", 443, "/"),
        ("[::1]:50051", Scheme.GRPC, "::1", 50051, ""),
        ("10.0.0.5:993", Scheme.TLS, "10.0.0.5", 993, ""),
        ("10.0.0.5:53", Scheme.DNS, "10.0.0.5", 53, ""),
        ("10.0.0.5:22", Scheme.TCP, "10.0.0.5", 22, ""),
        ("10.0.0.5:7777", Scheme.TCP, "10.0.0.5", 7777, ""),
        ("web1:443/health", Scheme.HTTPS, "web1", 443, "/health"),
        ("http://[fe80::1%25eth0]:80/", Scheme.HTTP, "fe80::1%eth0", 80, "/"),
    ],
)
def test_a_target_is_read(text: str, scheme: Scheme, host: str, port: int, path: str) -> None:
    read = parse(text)
    assert (read.scheme, read.host, read.port, read.path) == (scheme, host, port, path)
    assert read.is_guessed is ("://" not in text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("web1", "neither scheme nor port"),
        ("", "no host name or address"),
        ("http://", "no host name or address"),
        ("tcp://web1", "has no port: write tcp://HOST:PORT"),
        ("gopher://web1:70", "'gopher' is none of"),
        ("web1:99999", "Port out of range"),
        ("web1:0", "has no port"),
        ("web1:abc", "'abc'"),
        ("2001:db8::1:443", ""),
        ("http://a b/", "no host name or address"),
        ("http://[::1/", "Invalid IPv6 URL"),
        ("http://" + "x" * 70 + "/", "is no host name"),
    ],
)
def test_what_is_no_target_is_said_with_what_one_looks_like(text: str, words: str) -> None:
    with pytest.raises(BadTarget) as raised:
        parse(text)
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_password_is_not_repeated() -> None:
    with pytest.raises(BadTarget) as raised:
        parse("https://me:secret@web1/")
    assert "secret" not in str(raised.value)
