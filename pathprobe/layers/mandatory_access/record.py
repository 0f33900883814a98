"""What does a line of an audit log say, whoever keeps the log: auditd, the journal or the kernel's ring buffer?

A record is a row of ``key=value``. A value from outside the kernel is in quotes, or in hexadecimal digits where it has
blanks, quotes or control characters (audit_log_n_untrustedstring, kernel/audit.c). Everything handed out is printable.
"""

from __future__ import annotations

import math

#: Octets of the longest record (MAX_AUDIT_MESSAGE_LENGTH, libaudit.h); what is longer is no record.
_LONGEST = 8970

#: Between a record and what auditd adds to it in plain words (log_format = ENRICHED).
_ENRICHED = "\x1d"


def printable(text: str) -> str:
    """The text without anything that a terminal would act on."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def record_of(line: str) -> str:
    """The kernel's own part of a line."""
    return line[:_LONGEST].partition(_ENRICHED)[0].strip()


def fields_of(record: str) -> dict[str, str]:
    """The record's fields; the first of a name counts. Quotes stay, for they tell a word from hexadecimal digits."""
    found: dict[str, str] = {}
    rest = record
    while "=" in rest:
        before, _, rest = rest.partition("=")
        words = before.split()
        if rest.startswith('"'):
            value, _, rest = rest[1:].partition('"')
            value = f'"{value}"'
        else:
            value, _, rest = rest.partition(" ")
        if words:
            found.setdefault(words[-1], value)
    return found


def word(fields: dict[str, str], key: str) -> str:
    """A field that somebody outside the kernel named, as it was before the kernel wrote it down."""
    value = fields.get(key, "")
    if value.startswith('"'):
        return printable(value.strip('"'))
    try:
        return printable(bytes.fromhex(value).decode("utf-8", "replace"))
    except ValueError:
        return printable(value)


def number(fields: dict[str, str], key: str) -> int | None:
    """A field that is a count, a port or a process; None where it is none."""
    value = fields.get(key, "")
    return int(value) if value.isascii() and value.isdecimal() and len(value) <= 10 else None


def stamp_of(line: str) -> tuple[float | None, str]:
    """When and as which event (``TIME:SERIAL``): of ``audit(...)``, else of the journal's short-unix format."""
    _, found, rest = line.partition("audit(")
    if found:
        event, _, _ = rest.partition(")")
        return _seconds(event.partition(":")[0]), printable(event)
    return _seconds(line.partition(" ")[0]), ""


def _seconds(text: str) -> float | None:
    whole, _, part = text.partition(".")
    if not (whole.isascii() and whole.isdecimal() and (part or "0").isascii() and (part or "0").isdecimal()):
        return None
    seconds = float(f"{whole}.{part or 0}")
    return seconds if math.isfinite(seconds) else None
