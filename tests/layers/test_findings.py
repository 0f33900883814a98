from __future__ import annotations

import pytest

from pathprobe.core.layers import LayerName, Status
from pathprobe.layers.findings import OR, Finding, either, layer


@pytest.mark.parametrize(
    ("fixes", "expected"),
    [
        ([("a", "b")], ("a", "b")),
        ([either("abc")], ("a", OR, "b", OR, "c")),
        ([either("ab"), either("cd")], ("a", OR, "b", "c", OR, "d")),
        ([either("ab"), either("ab")], ("a", OR, "b")),
        ([either("ab"), either("ac")], ("a", OR, "b", OR, "c")),
        ([("a",), ("a", "b")], ("a", "b")),
        ([either("a"), either("")], ("a",)),
    ],
)
def test_each_command_is_proposed_once_and_alternatives_stay_so(
    fixes: list[tuple[str, ...]], expected: tuple[str, ...]
) -> None:
    found = [Finding(status=Status.FAIL, sentence=str(number), fix=fix) for number, fix in enumerate(fixes)]
    assert layer(LayerName.FIREWALL, found).fix == expected
