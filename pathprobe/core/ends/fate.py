"""What can become of one try of the client? What each means is in fates.

Apart from it, for who only puts a verdict into words needs nothing of what finds it.
"""

from __future__ import annotations

from enum import StrEnum


class Fate(StrEnum):
    ANSWERED = "answered"
    UNHEARD = "unheard"
    REFUSED = "refused"
    FORGED = "forged"
    REFUSED_ON_THE_WAY = "refused-on-the-way"
    ANSWER_LOST = "answer-lost"
    SERVER_SILENT = "server-silent"
    NEVER_ARRIVED = "never-arrived"
