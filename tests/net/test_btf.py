"""What a kernel's description of its own types says (Documentation/bpf/btf.rst)."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pathprobe.net.btf import Btf, NotInBtf

INT, POINTER, STRUCT, UNION, ENUM, TYPEDEF, CONST, FUNC_PROTO = 1, 2, 4, 5, 6, 8, 10, 13


class Description:
    """A BTF section in the making; types are numbered from 1."""

    def __init__(self) -> None:
        self.types, self.texts = b"", b"\0"

    def text(self, name: str) -> int:
        if not name:
            return 0
        self.texts += name.encode() + b"\0"
        return len(self.texts) - len(name) - 1

    def add(self, kind: int, name: str, size_or_type: int, *more: bytes, entries: int = 0, flag: int = 0) -> None:
        info = flag << 31 | kind << 24 | entries
        self.types += struct.pack("=III", self.text(name), info, size_or_type) + b"".join(more)

    def structure(self, kind: int, name: str, *members: tuple[str, int, int], flag: int = 0) -> None:
        packed = [struct.pack("=III", self.text(member), type_, bits) for member, type_, bits in members]
        self.add(kind, name, 64, *packed, entries=len(members), flag=flag)

    def __bytes__(self) -> bytes:
        head = struct.pack("=HBBIIIII", 0xEB9F, 1, 0, 24, 0, len(self.types), len(self.types), len(self.texts))
        return head + self.types + self.texts


def kernel() -> bytes:
    made = Description()
    made.add(INT, "int", 4, struct.pack("=I", 32))  # 1
    made.structure(STRUCT, "", ("network_header", 1, 32))  # 2
    made.structure(UNION, "", ("", 2, 64), ("other", 1, 0))  # 3
    made.structure(STRUCT, "sk_buff", ("head", 1, 0), ("", 3, 128))  # 4
    made.structure(STRUCT, "ns_common", ("inum", 1, 16 << 3), flag=1)  # 5
    made.add(TYPEDEF, "ns_t", 5)  # 6
    made.add(CONST, "", 6)  # 7
    made.structure(STRUCT, "net", ("ns", 7, 8 << 3))  # 8
    names = [struct.pack("=Ii", made.text(f"SKB_DROP_REASON_{name}"), number) for name, number in (("A", 2), ("B", 12))]
    made.add(ENUM, "skb_drop_reason", 4, *names, entries=2)  # 9
    arguments = [struct.pack("=II", 0, 1)] * 4
    made.add(FUNC_PROTO, "", 0, *arguments, entries=4)  # 10
    made.add(POINTER, "", 10)  # 11
    made.add(TYPEDEF, "btf_trace_kfree_skb", 11)  # 12
    return bytes(made)


def test_a_field_is_found_where_it_is() -> None:
    assert Btf(kernel()).field("sk_buff", "head") == 0


def test_a_field_of_nameless_structures_inside_is_found() -> None:
    assert Btf(kernel()).field("sk_buff", "network_header") == 16 + 8 + 4


def test_a_path_goes_through_other_names_of_a_type() -> None:
    assert Btf(kernel()).field("net", "ns", "inum") == 8 + 16


def test_the_names_of_an_enumeration_are_read_and_one_that_is_not_there_has_none() -> None:
    types = Btf(kernel())
    assert types.names("skb_drop_reason") == {2: "SKB_DROP_REASON_A", 12: "SKB_DROP_REASON_B"}
    assert types.names("nothing") == {}


def test_a_tracepoint_says_how_much_it_hands_over() -> None:
    assert Btf(kernel()).arguments("kfree_skb") == 3


@pytest.mark.parametrize(
    ("structure", "path", "said"),
    [
        ("sk_buff", ("tail",), "this kernel's struct sk_buff has no tail"),
        ("net", ("ns", "x"), "this kernel's struct net has no ns.x"),
        ("nothing", ("x",), "this kernel does not describe nothing"),
    ],
)
def test_what_is_not_there_is_said(structure: str, path: tuple[str, ...], said: str) -> None:
    with pytest.raises(NotInBtf, match=f"^{said}$"):
        Btf(kernel()).field(structure, *path)


@given(st.binary(max_size=100))
def test_octets_that_are_no_description_are_refused(octets: bytes) -> None:
    with pytest.raises(NotInBtf):
        Btf(octets).field("sk_buff", "head")


@given(st.integers(24, 400), st.integers(0, 255))
def test_a_damaged_description_is_refused_or_read(at: int, value: int) -> None:
    octets = bytearray(kernel())
    if at < len(octets):
        octets[at] = value
    try:
        types = Btf(bytes(octets))
        types.field("sk_buff", "network_header")
        types.names("skb_drop_reason")
        types.arguments("kfree_skb")
    except NotInBtf:
        pass
