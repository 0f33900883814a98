"""What stands in a vendor's JSON, and is it what it should be?

A document is what one command printed. What a key does not have is empty, what it has of a wrong kind is the reader's
caller's to hear of, with its place: ``groups.json: SecurityGroups[2].IpPermissions is not a list``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


class Unreadable(ValueError):
    """This is not what a vendor's command prints. The message is one line for a person."""


@dataclass(frozen=True, slots=True)
class Node:
    """A value in a document, and where it stands."""

    value: Any
    file: str
    place: str = ""

    def __getitem__(self, key: str) -> Node:
        """What stands below; a node of None where nothing does."""
        found = self._mapping().get(key)
        return Node(found, self.file, f"{self.place}.{key}" if self.place else key)

    def __contains__(self, key: str) -> bool:
        return isinstance(self.value, dict) and key in self.value

    def _mapping(self) -> dict[str, Any]:
        if self.value is None:
            return {}
        if not isinstance(self.value, dict):
            raise self.wrong("an object")
        return self.value

    def items(self) -> Iterator[Node]:
        """Those of a list; none of what is not there."""
        if self.value is None:
            return
        if not isinstance(self.value, list):
            raise self.wrong("a list")
        for number, value in enumerate(self.value):
            yield Node(value, self.file, f"{self.place}[{number}]")

    def objects(self) -> Iterator[Node]:
        for one in self.items():
            if not isinstance(one.value, dict):
                raise one.wrong("an object")
            yield one

    def listed(self, inner: str) -> Iterator[Node]:
        """Objects of a list that lies in an object of its own, as XML was once turned into JSON, or does not."""
        return (self if isinstance(self.value, list) else self[inner]).objects()

    def listed_texts(self, inner: str) -> tuple[str, ...]:
        return (self if isinstance(self.value, list) else self[inner]).texts()

    def texts(self) -> tuple[str, ...]:
        return tuple(one.text() for one in self.items())

    def text(self) -> str:
        if self.value is None:
            return ""
        if isinstance(self.value, bool) or not isinstance(self.value, str | int):
            raise self.wrong("a text")
        return str(self.value)

    def number(self) -> int | None:
        """Some vendors write numbers as text."""
        if self.value is None or self.value == "":
            return None
        text = str(self.value)
        if isinstance(self.value, bool | float) or not text.removeprefix("-").isdecimal():
            raise self.wrong("a number")
        return int(text)

    def flag(self) -> bool:
        if self.value is None:
            return False
        if not isinstance(self.value, bool):
            raise self.wrong("true or false")
        return self.value

    def wrong(self, wanted: str) -> Unreadable:
        return Unreadable(f"{self.file}: {self.place or 'the document'} is not {wanted}")


def parse(text: str, file: str) -> list[Node]:
    """The documents in a text: one, or several one after the other, as ``cat`` makes them. Raises Unreadable."""
    decoder = json.JSONDecoder()
    found, position, text = [], 0, text.lstrip("\ufeff")
    while (position := _next(text, position)) < len(text):
        try:
            value, position = decoder.raw_decode(text, position)
        except json.JSONDecodeError as error:
            raise Unreadable(f"{file}: no JSON (line {error.lineno}: {error.msg})") from None
        except RecursionError:
            raise Unreadable(f"{file}: JSON that is nested too deeply") from None
        found.append(Node(value, file))
    if not found:
        raise Unreadable(f"{file}: empty")
    return found


def _next(text: str, position: int) -> int:
    while position < len(text) and text[position].isspace():
        position += 1
    return position
