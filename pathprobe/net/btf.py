"""Where in this kernel's structures is a field, and what are the names of an enumeration's numbers?

The kernel describes its own types in /sys/kernel/btf/vmlinux (BTF, Documentation/bpf/btf.rst): a header, a chain of
types, each with as many entries as it says, and their names. Offsets differ from kernel to kernel; asked here, they
are this one's.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

_HEADER = struct.Struct("=HBBIIIII")
_TYPE = struct.Struct("=III")
_WORD = struct.Struct("=I")
_MAGIC = 0xEB9F

_STRUCT, _UNION, _ENUM, _TYPEDEF, _FUNC_PROTO, _POINTER = 4, 5, 6, 8, 13, 2
#: typedef, volatile, const, restrict and type tags: the same type under another name.
_SYNONYMS = frozenset({_TYPEDEF, 9, 10, 11, 18})
#: Names and qualifiers before one type; more of them are a circle.
_MOST_SYNONYMS = 32
_DAMAGED = "the kernel's description of its types (BTF) is damaged"
#: Octets that follow a type of this kind: once, and for each of its entries.
_FIXED = {1: 4, 3: 12, 14: 4, 17: 4}
_EACH = {_STRUCT: 12, _UNION: 12, _ENUM: 8, _FUNC_PROTO: 8, 15: 12, 19: 12}
_KNOWN_KINDS = range(1, 20)


class NotInBtf(LookupError):
    """The kernel does not describe what was asked for; the text says what that is."""


@contextmanager
def _undamaged() -> Iterator[None]:
    """What points nowhere, or in a circle, is said to be damaged."""
    try:
        yield
    except NotInBtf:
        raise
    except (IndexError, ValueError, struct.error, RecursionError):
        raise NotInBtf(_DAMAGED) from None


@dataclass(frozen=True, slots=True)
class _Type:
    name: int
    kind: int
    entries: int
    has_bitfields: bool
    size_or_type: int
    at: int


class Btf:
    """The types of one kernel. Raises NotInBtf where the octets are no BTF."""

    def __init__(self, octets: bytes) -> None:
        if len(octets) < _HEADER.size or _HEADER.unpack_from(octets)[0] != _MAGIC:
            raise NotInBtf("the kernel's description of its types (BTF) is not readable")
        _, _, _, length, type_at, type_length, text_at, text_length = _HEADER.unpack_from(octets)
        self._octets = octets
        self._texts = octets[length + text_at : length + text_at + text_length]
        self._begins = self._index(length + type_at, length + type_at + type_length)

    def _index(self, at: int, end: int) -> list[int]:
        """Where each type begins, by its number; number 0 is void and has no octets."""
        begins = [0]
        octets, unpack = self._octets, _TYPE.unpack_from
        while at + _TYPE.size <= end:
            begins.append(at)
            _, info, _ = unpack(octets, at)
            kind = info >> 24 & 0x1F
            if kind not in _KNOWN_KINDS:
                raise NotInBtf(f"the kernel describes a kind of type ({kind}) that is not known here")
            at += 12 + _FIXED.get(kind, 0) + _EACH.get(kind, 0) * (info & 0xFFFF)
        return begins

    def field(self, structure: str, *path: str) -> int:
        """Octets from the beginning of ``struct structure`` to a field; ``path`` goes on inside that field."""
        with _undamaged():
            type_, offset = self._named(structure, _STRUCT), 0
            for name in path:
                found = self._member(type_, name)
                if found is None:
                    raise NotInBtf(f"this kernel's struct {structure} has no {'.'.join(path)}")
                number, bits = found
                type_, offset = self._type(number), offset + bits // 8
            return offset

    def names(self, enumeration: str) -> dict[int, str]:
        """Number -> name, as the kernel's source has it; empty where there is no such enumeration."""
        try:
            found = self._named(enumeration, _ENUM)
        except NotInBtf:
            return {}
        with _undamaged():
            pairs = (struct.unpack_from("=Ii", self._octets, found.at + 8 * one) for one in range(found.entries))
            return {value: self._text(name) for name, value in pairs}

    def arguments(self, tracepoint: str) -> int:
        """How many values a tracepoint hands to a program."""
        with _undamaged():
            pointer = self._type(self._named(f"btf_trace_{tracepoint}", _TYPEDEF).size_or_type)
            prototype = self._type(pointer.size_or_type) if pointer.kind == _POINTER else pointer
        if prototype.kind != _FUNC_PROTO:
            raise NotInBtf(f"this kernel does not describe the tracepoint {tracepoint}")
        return prototype.entries - 1  # the first is the kernel's own

    def _named(self, name: str, kind: int) -> _Type:
        wanted = self._texts.find(b"\0" + name.encode() + b"\0") + 1
        octets, unpack = self._octets, _TYPE.unpack_from
        if wanted:
            for at in self._begins[1:]:
                offset, info, _ = unpack(octets, at)
                if offset == wanted and info >> 24 & 0x1F == kind:
                    return self._at(at)
        raise NotInBtf(f"this kernel does not describe {name}")

    def _type(self, number: int) -> _Type:
        """A type, whatever names and qualifiers it is behind."""
        for _ in range(_MOST_SYNONYMS):
            found = self._at(self._begins[number])
            if found.kind not in _SYNONYMS:
                return found
            number = found.size_or_type
        raise NotInBtf(_DAMAGED)

    def _at(self, at: int) -> _Type:
        name, info, size_or_type = _TYPE.unpack_from(self._octets, at)
        return _Type(name, info >> 24 & 0x1F, info & 0xFFFF, bool(info >> 31), size_or_type, at + _TYPE.size)

    def _member(self, of: _Type, wanted: str) -> tuple[int, int] | None:
        """The type and the bit offset of a member, also of one in a nameless structure inside."""
        if of.kind not in (_STRUCT, _UNION):
            return None
        for one in range(of.entries):
            name, number, offset = _TYPE.unpack_from(self._octets, of.at + 12 * one)
            offset = offset & 0xFFFFFF if of.has_bitfields else offset
            text = self._text(name)
            if text == wanted:
                return number, offset
            if not text and (inner := self._member(self._type(number), wanted)):
                return inner[0], offset + inner[1]
        return None

    def _text(self, offset: int) -> str:
        return self._texts[offset : self._texts.index(b"\0", offset)].decode(errors="replace")
