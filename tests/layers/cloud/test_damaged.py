"""What the vendors print, with something in it that cannot be: it ends in an answer or in one line.

The files in ``printed`` have the shape of the API references (no account of ours printed them).
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pathprobe.core.layers import Layer
from pathprobe.layers.cloud import recognise
from pathprobe.layers.cloud.documents import Node, Unreadable
from pathprobe.layers.cloud.judge import judge
from pathprobe.layers.cloud.model import Vendor
from tests.layers.cloud.cases import question

PRINTED = {
    path.stem: json.loads(path.read_text()) for path in sorted((Path(__file__).parent / "printed").glob("*.json"))
}

PACKETS = ("tcp 443 from 203.0.113.7", "tcp 8080 from 10.0.1.9", "udp 53", "icmp from 198.51.100.7")

junk = st.sampled_from(
    [None, True, 7, -1, 1.5, "", "x", "999.1.1.1/8", "70000", [], ["x"], [None], {}, {"a": 1}, [[1]]]
)


def _of(vendor: Vendor) -> dict[str, Any]:
    return {name: value for name, value in PRINTED.items() if name.startswith(str(vendor)) and "effective" not in name}


def _read_and_judge(documents: dict[str, Any], vendor: Vendor, packet: str) -> Layer | str:
    nodes = [Node(value, f"{name}.json") for name, value in documents.items()]
    try:
        return judge(recognise.read(nodes, vendor=vendor), question(packet))
    except Unreadable as reason:
        return str(reason)


@pytest.mark.parametrize("vendor", Vendor)
def test_the_printed_documents_are_recognised_and_read(vendor: Vendor) -> None:
    documents = _of(vendor)
    assert {recognise.vendor_of(Node(value, name)) for name, value in documents.items()} == {vendor}
    rows = [_read_and_judge(documents, vendor, packet) for packet in PACKETS]
    assert all(isinstance(row, Layer) and row.evidence for row in rows)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, one in below for place in _places(one, (*path, key)))]


@pytest.mark.parametrize("vendor", Vendor)
@settings(max_examples=150, deadline=None)
@given(chance=st.data())
def test_whatever_stands_where_it_cannot_the_end_is_an_answer_or_one_line(
    vendor: Vendor, chance: st.DataObject
) -> None:
    documents = copy.deepcopy(_of(vendor))
    for _ in range(chance.draw(st.integers(1, 2))):
        name = chance.draw(st.sampled_from(sorted(documents)))
        place = chance.draw(st.sampled_from(_places(documents[name])))
        documents[name] = _with(documents[name], place, chance.draw(junk))
    found = _read_and_judge(documents, vendor, chance.draw(st.sampled_from(PACKETS)))
    assert isinstance(found, Layer) or (found and "\n" not in found)


def _with(value: Any, place: tuple[Any, ...], new: Any) -> Any:
    if not place:
        return copy.deepcopy(new)
    value[place[0]] = _with(value[place[0]], place[1:], new)
    return value
