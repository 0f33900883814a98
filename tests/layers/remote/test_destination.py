"""Whom ``[user@]host[:port]`` means."""

from __future__ import annotations

import pytest

from pathprobe.layers.remote import Destination


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("web1", "-- web1"),
        ("carol@web1", "-l carol -- web1"),
        ("carol@web1:2222", "-p 2222 -l carol -- web1"),
        ("10.0.0.5:22", "-p 22 -- 10.0.0.5"),
        ("2001:db8::5", "-- 2001:db8::5"),
        ("[2001:db8::5]", "-- 2001:db8::5"),
        ("carol@[fe80::1%eth0]:2222", "-p 2222 -l carol -- fe80::1%eth0"),
        ("carol@example.org@web1", "-l carol@example.org -- web1"),
    ],
)
def test_user_host_and_port_are_told_apart(text: str, words: str) -> None:
    assert " ".join(Destination.parse(text).words) == words


@pytest.mark.parametrize(
    "text",
    [
        *("", "@web1", "carol@", "web 1", "web1\n", "-oProxy", "-l@web1", "carol@-web1"),
        *("web1:", "web1:0", "web1:65536", "web1:ssh", "web1:²", "[::1", "[::1]:", "[::1]22", "[]"),
    ],
)
def test_what_is_no_destination_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no (\[user@\]host\[:port\]|port)$"):
        Destination.parse(text)


def test_what_somebody_would_type_is_told() -> None:
    assert Destination.parse("carol@web1:2222").command == "ssh -p 2222 carol@web1"
