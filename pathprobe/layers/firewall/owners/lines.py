"""Which line of a configuration decides about a packet, where the first that speaks of it does?"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum, auto

from pathprobe.layers.firewall.owners.owner import Answer, Standing


class Hit(Enum):
    """Does a line speak of the packets that are asked about: of all, of some, of none?"""

    ALL = auto()
    SOME = auto()
    NONE = auto()


#: A line that may decide, whether it speaks of the packets, and how it decides.
Line = tuple[str, Hit, Answer]


def first_of(lines: Iterable[Line], otherwise: str) -> Standing:
    """The first line that speaks of all such packets decides; ``otherwise`` is what they come to where none does."""
    some: dict[Answer, list[str]] = {Answer.ALLOWS: [], Answer.DENIES: [], Answer.NOTHING: []}
    answer, by = Answer.NOTHING, otherwise
    for text, hit, said in lines:
        if hit is Hit.ALL:
            answer, by = said, text
            break
        if hit is Hit.SOME:
            some[said].append(text)
    return Standing(
        answer=answer, by=by, allows_some=tuple(some[Answer.ALLOWS]), denies_some=tuple(some[Answer.DENIES])
    )
