"""Is a packet that carries another network's packets told from one that does not?"""

from __future__ import annotations

import pytest

from pathprobe.core.packets import Body, OtherPayload, Packet, Udp
from pathprobe.core.tunnels import tunnel_of


def datagram(port: int, payload: str) -> Udp:
    return Udp(source_port=50000, destination_port=port, payload=bytes.fromhex(payload))


@pytest.mark.parametrize(
    ("body", "tunnel"),
    [
        (OtherPayload(protocol=4), "IP-in-IP"),
        (OtherPayload(protocol=41), "6in4"),
        (OtherPayload(protocol=47), "GRE"),
        (OtherPayload(protocol=50), "ESP"),
        (OtherPayload(protocol=89), None),
        (datagram(4789, "0800000000002a00"), "VXLAN"),
        (datagram(4789, "0000000000002a00"), None),
        (datagram(4789, "8840002a00002a00"), "VXLAN"),
        (datagram(4789, "0c00000300002a00"), "VXLAN"),
        (datagram(4789, "0800000000002a01"), None),
        (datagram(4789, "08000000000029"), None),
        (datagram(6081, "0000655800002a00"), "Geneve"),
        (datagram(6081, "020086dd00002a0001020304"), "Geneve"),
        (datagram(6081, "4000655800002a00"), None),
        (datagram(6081, "0000123400002a00"), None),
        (datagram(53, "0800000000002a00"), None),
    ],
)
def test_a_tunnel_is_known_by_its_protocol_or_by_port_and_header(body: Body, tunnel: str | None) -> None:
    assert tunnel_of(Packet(version=4, source="10.0.0.1", destination="10.0.0.2", ttl=64, body=body)) == tunnel
