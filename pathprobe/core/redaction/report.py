"""How does a report look in which addresses and names are replaced?

Every text of its facts is gone through, so that no renderer has to know of redaction. What a name or an address
was asked for as is replaced whole; octets of packets are left out, for nothing is rendered from them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from enum import Enum
from typing import Any, TypeVar

from pathprobe.core.redaction.pseudonyms import Pseudonyms
from pathprobe.core.report import Target, Vantage

_Facts = TypeVar("_Facts")


def redacted(facts: _Facts, pseudonyms: Pseudonyms) -> _Facts:
    """The same facts (a report, a result, any part of one) with pseudonyms in them."""
    done: _Facts = _replaced(facts, pseudonyms)
    return done


def _replaced(value: Any, pseudonyms: Pseudonyms) -> Any:
    match value:
        case Enum():
            return value
        case str():
            return pseudonyms.text(value)
        case bytes():
            return b""
        case tuple():
            return tuple(_replaced(one, pseudonyms) for one in value)
        case Mapping():
            return {key: _replaced(one, pseudonyms) for key, one in value.items()}
        case Target():
            given, address = pseudonyms.target(value.given), pseudonyms.text(value.address)
            return dataclasses.replace(value, given=given, address=address)
        case Vantage(hostname=str(name)):
            source = value.source and pseudonyms.text(value.source)
            return dataclasses.replace(value, hostname=pseudonyms.name(name), source=source)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {one.name: _replaced(getattr(value, one.name), pseudonyms) for one in dataclasses.fields(value)}
        return dataclasses.replace(value, **fields)
    return value
