"""From where was it watched? The TTLs of a host's own packets tell how far away it is."""

from __future__ import annotations

import pytest

from pathprobe.core.probes import Kind
from pathprobe.core.witness.questions import Key
from pathprobe.core.witness.vantage import Host, Standing, standing

KEY = Key(Kind.TCP, "asker", "target", 80)


@pytest.mark.parametrize(
    ("asker", "target", "expected"),
    [
        (Host(ttls={64}), Host(ttls={61}), Standing(hops=0, at_target=False)),
        (Host(ttls={128}), Host(ttls={64}), Standing(hops=0, at_target=False)),
        (Host(ttls={255}), None, Standing(hops=0, at_target=False)),
        (Host(ttls={61}), Host(ttls={62}), Standing(hops=3, at_target=False)),
        (Host(ttls={61}), Host(ttls={64}), Standing(hops=3, at_target=True)),
        (Host(ttls={125, 61}), Host(), Standing(hops=3, at_target=False)),
        (Host(), Host(ttls={61}), Standing(hops=0, at_target=False)),
        (Host(ttls={38, 41, 59}), Host(ttls={61}), Standing(hops=None, at_target=False)),
        (Host(ttls={41, 59}, crafts=True), Host(ttls={61}), Standing(hops=0, at_target=False)),
    ],
)
def test_the_place_of_the_capture(asker: Host, target: Host | None, expected: Standing) -> None:
    hosts = {"asker": asker} | ({"target": target} if target else {})
    assert standing(hosts, KEY) == expected
