"""What of a command line must not be shown to others?

A row is read out, sent and kept; what a program was told as a password, a token or a key stays here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

MASK = "***"

#: In the name of an option, a setting or a variable; --password, MYSQL_ROOT_PASSWORD, apiKey, -Dauth.token.
_SECRET = ("pass", "pwd", "secret", "token", "key", "credential", "authorization")

#: At the end of a name: where the secret is kept, which is none.
_WHERE = ("file", "path", "dir", "store")

_ASSIGNING = "=:"


def masked(words: Iterable[str]) -> list[str]:
    """The same words, each secret value as ``***``."""
    return list(_masked(words))


def _masked(words: Iterable[str]) -> Iterator[str]:
    is_value = False
    for word in words:
        if is_value and not word.startswith("-"):
            yield MASK
            is_value = False
            continue
        is_value = _awaits_secret(word)
        yield _without_login(_without_value(word))


def _is_secret(name: str) -> bool:
    plain = name.lower().rstrip("\"' ")
    return any(part in plain for part in _SECRET) and not plain.endswith(_WHERE)


def _awaits_secret(word: str) -> bool:
    """``--password``, whose value is the next word."""
    return word.startswith("-") and not any(sign in word for sign in _ASSIGNING) and _is_secret(word)


def _without_value(word: str) -> str:
    """``NAME=VALUE``, in a URL too (``?token=VALUE``); ``NAME:VALUE``, unless the name is a path."""
    for place, sign in enumerate(word):
        name = word[:place]
        if sign in _ASSIGNING and place + 1 < len(word) and _is_secret(name) and not (sign == ":" and "/" in name):
            return word[: place + 1] + MASK
    return word


def _without_login(word: str) -> str:
    """``scheme://user:password@host``."""
    scheme, slashes, rest = word.partition("://")
    authority, slash, path = rest.partition("/")
    login, at, host = authority.rpartition("@")
    user, colon, password = login.partition(":")
    return f"{scheme}://{user}:{MASK}@{host}{slash}{path}" if slashes and at and colon and password else word
