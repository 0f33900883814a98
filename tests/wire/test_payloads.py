"""Is every payload the request it claims to be, whatever its nonce?"""

from __future__ import annotations

import struct
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from scapy.contrib.coap import CoAP
from scapy.contrib.enipTCP import ENIPTCP
from scapy.contrib.gtp import GTPEchoRequest, GTPHeader
from scapy.contrib.ikev2 import IKEv2, IKEv2_KE, IKEv2_Nonce, IKEv2_Transform
from scapy.contrib.oncrpc import RPC, RPC_Call
from scapy.contrib.stun import STUN
from scapy.contrib.wireguard import Wireguard, WireguardInitiation
from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.dns import DNS
from scapy.layers.kerberos import KRB_AS_REQ, Kerberos
from scapy.layers.l2tp import L2TP
from scapy.layers.ldap import CLDAP, LDAP_SearchRequest
from scapy.layers.netbios import NBNSHeader, NBNSNodeStatusRequest
from scapy.layers.netflow import NetflowHeader
from scapy.layers.ntp import NTPHeader
from scapy.layers.quic import QUIC_Initial
from scapy.layers.radius import Radius
from scapy.layers.rip import RIP, RIPEntry
from scapy.layers.tftp import TFTP, TFTP_RRQ
from scapy.packet import NoPayload

from pathprobe.wire.payloads import Payload, payload_for

#: UDP and IPv6 headers and this fit the 1280 octets that every IPv6 link carries (RFC 8200 section 5).
LARGEST = 1280 - 40 - 8

#: Values that would end a string, a line or a number, and both ends of the range.
NONCES = (b"\x00\x00", b"\xff\xff", b"\r\n", b"\x00\x80", b"\xa5\x5a")

PORTS = {
    "echo": (7,),
    "discard": (9,),
    "daytime": (13,),
    "qotd": (17,),
    "chargen": (19,),
    "time": (37,),
    "dns": (53,),
    "dhcp": (67,),
    "tftp": (69,),
    "quic": (80, 443, 853, 8443),
    "kerberos": (88,),
    "portmapper": (111,),
    "ntp": (123,),
    "netbios": (137,),
    "snmp": (161,),
    "snmptrap": (162,),
    "xdmcp": (177,),
    "ldap": (389,),
    "ike": (500, 4500),
    "syslog": (514,),
    "rip": (520,),
    "ipmi": (623,),
    "openvpn": (1194,),
    "mssql": (1434,),
    "radius": (1645, 1812),
    "radius-accounting": (1646, 1813),
    "l2tp": (1701,),
    "ssdp": (1900,),
    "nfs": (2049,),
    "netflow": (2055, 9995, 9996),
    "dtls": (2083, 2221, 3391, 4433, 4740, 5349, 5684, 6514, 10161, 10162),
    "gtp": (2123, 2152),
    "stun": (3478, 19302),
    "ipfix": (4739,),
    "sip": (5060,),
    "mdns": (5353,),
    "coap": (5683,),
    "sflow": (6343,),
    "bittorrent": (6881,),
    "memcached": (11211,),
    "minecraft": (19132,),
    "steam": (27015,),
    "enip": (44818,),
    "bacnet": (47808,),
    "wireguard": (51820,),
    "mumble": (64738,),
}
ALL_PORTS = [(port, name) for name, ports in PORTS.items() for port in ports]

every_port = pytest.mark.parametrize(("port", "name"), ALL_PORTS)
every_service = pytest.mark.parametrize("name", list(PORTS))


def with_nonce(payload: Payload, nonce: bytes) -> bytes:
    assert payload.nonce_at is not None
    return payload.octets[: payload.nonce_at] + nonce + payload.octets[payload.nonce_at + 2 :]


def variants(payload: Payload) -> list[bytes]:
    """The message as it is, and with each of the nonces if it has one."""
    if payload.nonce_at is None:
        return [payload.octets]
    return [payload.octets, *(with_nonce(payload, nonce) for nonce in NONCES)]


# What a message says, apart from its nonce. scapy reads what it has a layer for.


def text(octets: bytes) -> object:
    return octets[:-2]


def dns(octets: bytes) -> object:
    message = DNS(octets)
    question = message.qd[0]
    assert isinstance(question.payload, NoPayload)
    counts = (message.qr, message.opcode, message.rd, message.qdcount, message.ancount, message.arcount)
    return (*counts, question.qname, question.qtype, question.unicastresponse, question.qclass)


def dhcp(octets: bytes) -> object:
    message = BOOTP(octets)
    return message.op, message.ciaddr, message[DHCP].options[0], octets[236:240]


def tftp(octets: bytes) -> object:
    message = TFTP(octets)
    return message.op, message[TFTP_RRQ].filename, message[TFTP_RRQ].mode, octets[-4:-3], octets[-1:]


def quic(octets: bytes) -> object:
    packet = QUIC_Initial(octets)
    rest_at = len(octets) - packet.Length
    assert rest_at == 1 + 4 + 1 + 8 + 1 + 8 + 1 + 2
    reserved_to_force_negotiation = packet.Version & 0x0F0F0F0F == 0x0A0A0A0A
    return packet.FixedBit, reserved_to_force_negotiation, len(packet.DstConnID), len(packet.SrcConnID), len(octets)


def kerberos(octets: bytes) -> object:
    message = Kerberos(octets)
    assert isinstance(message.root, KRB_AS_REQ)
    body = message.root.reqBody
    kinds = [number.val for number in body.etype]
    positive = body.nonce.val > 0
    assert body.kdcOptions.val == "0" * 32
    assert message.root.padata is body.rtime is body.addresses is body.additionalTickets is None
    return message.root.pvno.val, body.cname.toString(), body.realm.val, body.sname.toString(), kinds, positive


def rpc(octets: bytes) -> object:
    message = RPC(octets)
    call = message[RPC_Call]
    assert len(octets) == 40
    return message.mtype, call.version, call.program, call.pversion, call.procedure, call.alength, call.vlength


def ntp(octets: bytes) -> object:
    message = NTPHeader(octets)
    return message.version, message.mode, octets[:40].strip(b"\x00"), octets[40:44] != bytes(4), len(octets)


def netbios(octets: bytes) -> object:
    message = NBNSHeader(octets)
    question = message[NBNSNodeStatusRequest]
    return message.RESPONSE, message.NM_FLAGS.value, message.QDCOUNT, octets[12:46], question.QUESTION_TYPE


def ber(octets: bytes) -> list[tuple[int, bytes]]:
    """The elements of a sequence, which they fill to the last octet (X.690 section 8.1, short form)."""
    elements, at = [], 0
    while at < len(octets):
        tag, length = octets[at], octets[at + 1]
        assert length < 0x80
        assert at + 2 + length <= len(octets)
        elements.append((tag, octets[at + 2 : at + 2 + length]))
        at += 2 + length
    return elements


def snmp(octets: bytes) -> object:
    ((tag, message),) = ber(octets)
    version, header, security, scoped = ber(message)
    identifier, size, flags, model = ber(header[1])
    assert len(identifier[1]) == 4
    assert 0 < identifier[1][0] < 0x80
    ((_, usm),) = ber(security[1])
    context_engine, context, request = ber(scoped[1])
    number, status, index, bindings = ber(request[1])
    sizes = [len(value) for _, value in ber(usm)]
    empty = context_engine[1] + context[1] + bindings[1]
    numbers = [int.from_bytes(value, "big") for _, value in (version, size, model, number, status, index)]
    return tag, numbers, flags[1], sizes, empty, request[0]


def xdmcp(octets: bytes) -> object:
    version, opcode, length, names, size = struct.unpack_from("!HHHBH", octets)
    return version, opcode, length == len(octets) - 6, names, 9 + size == len(octets)


def ldap(octets: bytes) -> object:
    message = CLDAP(octets)
    search = message.protocolOp
    assert isinstance(search, LDAP_SearchRequest)
    attributes = [attribute.type.val for attribute in search.attributes]
    assert len(octets) == octets[1] + 2
    return (
        message.messageID.val > 0,
        search.baseObject.val,
        search.scope.val,
        search.filter.filter.present.val,
        attributes,
    )


def ike(octets: bytes) -> object:
    message = IKEv2(octets[4:] if octets[:4] == bytes(4) else octets)
    transforms: list[tuple[int, int]] = []
    transform = message.prop.trans
    while isinstance(transform, IKEv2_Transform):
        transforms.append((transform.transform_type, transform.transform_id))
        transform = transform.payload
    key_exchange = int.from_bytes(message[IKEv2_KE].ke, "big")
    assert message.prop.trans_nb == len(transforms)
    assert 1 < key_exchange < (1 << 2048) - (1 << 1984)
    assert 16 <= len(message[IKEv2_Nonce].nonce) <= 256
    return message.version, message.exch_type, message.length == len(message), message[IKEv2_KE].group, transforms


def syslog(octets: bytes) -> object:
    *header, data, message = octets.split(b" ", 7)
    return header, data, message[:-2]


def rip(octets: bytes) -> object:
    message = RIP(octets)
    entry = message[RIPEntry]
    return message.cmd, message.version, entry.AF, entry.addr, entry.metric, len(octets)


def ipmi(octets: bytes) -> object:
    return struct.unpack("!BxBBIBBxB", octets)


def openvpn(octets: bytes) -> object:
    first, session, acknowledgements, packet = struct.unpack("!B8sBI", octets)
    return first >> 3, first & 7, any(session), acknowledgements, packet


def radius(octets: bytes) -> object:
    message = Radius(octets)
    kinds = [(attribute.type, attribute.len) for attribute in message.attributes]
    return message.code, message.len == len(octets), kinds


def l2tp(octets: bytes) -> object:
    message = L2TP(octets)
    assert message.len == len(octets)
    attributes, at = [], 12
    while at < len(octets):
        first, vendor, kind = struct.unpack_from("!HHH", octets, at)
        length = first & 0x3FF
        value = octets[at + 6 : at + length]
        assert len(value) == length - 6
        attributes.append((bool(first & 0x8000), vendor, kind, b"" if kind == 6 else value))
        at += length
    return message.version, message.tunnel_id, message.session_id, message.ns, message.nr, attributes


def http_like(octets: bytes) -> tuple[str, dict[str, str], bytes]:
    head, _, body = octets.partition(b"\r\n\r\n")
    first, *lines = head.decode("ascii").split("\r\n")
    return first, dict(line.split(": ", 1) for line in lines), body


def ssdp(octets: bytes) -> object:
    first, headers, body = http_like(octets)
    return first, headers["MAN"], headers["MX"], headers["ST"], len(body)


def sip(octets: bytes) -> object:
    first, headers, body = http_like(octets)
    assert {"Via", "From", "To", "Call-ID", "Contact"} <= headers.keys()
    assert headers["Via"].split(";")[1].startswith("branch=z9hG4bK")
    assert "rport" in headers["Via"].split(";")
    assert "tag=" in headers["From"]
    assert int(headers["Content-Length"]) == len(body)
    return first, headers["CSeq"], headers["Max-Forwards"], headers["Content-Disposition"]


def netflow(octets: bytes) -> object:
    header = NetflowHeader(octets)
    return header.version, header.payload.count, len(octets)


def ipfix(octets: bytes) -> object:
    version, length = struct.unpack_from("!HH", octets)
    return version, length == len(octets)


def sflow(octets: bytes) -> object:
    version, address_type, _, _, _, _, samples = struct.unpack("!7I", octets)
    return version, address_type, samples


def dtls(octets: bytes) -> object:
    kind, version, epoch, length = struct.unpack_from("!BHH6xH", octets)
    assert length == len(octets) - 13
    handshake, fragments = octets[13], octets[14:25]
    body = octets[25:]
    assert fragments == len(body).to_bytes(3, "big") + bytes(5) + len(body).to_bytes(3, "big")
    hello_version, session, cookie = struct.unpack_from("!H32xBB", body)
    suites, at = counted(body, 36)
    compression = body[at : at + 2]
    extensions, end = counted(body, at + 2)
    assert end == len(body)
    kinds = [extension for extension, _ in extensions_of(extensions)]
    return kind, version, epoch, handshake, hello_version, session, cookie, len(suites) // 2, compression, kinds


def counted(octets: bytes, at: int) -> tuple[bytes, int]:
    end = at + 2 + int.from_bytes(octets[at : at + 2], "big")
    assert end <= len(octets)
    return octets[at + 2 : end], end


def extensions_of(octets: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(octets):
        kind = int.from_bytes(octets[at : at + 2], "big")
        value, at = counted(octets, at + 2)
        yield kind, value


def gtp(octets: bytes) -> object:
    message = GTPHeader(octets)
    assert isinstance(message.payload, GTPEchoRequest | NoPayload)
    return message.version, message.PT, message.S, message.gtp_type, message.teid, message.length == len(octets) - 8


def stun(octets: bytes) -> object:
    message = STUN(octets)
    return message.stun_message_type, message.length, message.magic_cookie, len(octets)


def coap(octets: bytes) -> object:
    message = CoAP(octets)
    return message.ver, message.type, message.tkl, message.code, len(octets)


def bencoded(octets: bytes, at: int = 0) -> tuple[object, int]:
    """One value of BEP 3 and where it ends; numbers do not occur."""
    if octets[at : at + 1] == b"d":
        found, at = {}, at + 1
        while octets[at : at + 1] != b"e":
            key, at = bencoded(octets, at)
            found[key], at = bencoded(octets, at)
        return found, at + 1
    colon = octets.index(b":", at)
    end = colon + 1 + int(octets[at:colon])
    assert end <= len(octets)
    return octets[colon + 1 : end], end


def bittorrent(octets: bytes) -> object:
    message, end = bencoded(octets)
    assert end == len(octets)
    assert isinstance(message, dict)
    return message[b"y"], message[b"q"], len(message[b"a"][b"id"]), len(message[b"t"]), list(message)


def memcached(octets: bytes) -> object:
    return struct.unpack_from("!HHH", octets, 2), octets[8:]


def minecraft(octets: bytes) -> object:
    return octets[0], octets[9:25].hex(), len(octets)


def steam(octets: bytes) -> object:
    return octets[:25], len(octets)


def enip(octets: bytes) -> object:
    message = ENIPTCP(octets)
    return message.commandId, message.length, message.session, message.status, octets[12:14], len(octets)


def bacnet(octets: bytes) -> object:
    kind, function, length = struct.unpack_from("!BBH", octets)
    (device,) = struct.unpack_from("!I", octets, 11)
    index = octets[17] >> 4, octets[17] & 7 == len(octets) - 18
    return kind, function, length == len(octets), octets[4:10], octets[10], device >> 22, device & 0x3FFFFF, index


def wireguard(octets: bytes) -> object:
    message = Wireguard(octets)
    initiation = message[WireguardInitiation]
    assert isinstance(initiation.payload, NoPayload)
    return message.message_type, message.reserved_zero, len(initiation.unencrypted_ephemeral), len(octets)


def mumble(octets: bytes) -> object:
    return octets[:4], len(octets)


ASKED = b"pathprobe reachability check "

SAYS: dict[str, tuple[Callable[[bytes], object], object]] = {
    **dict.fromkeys(("echo", "discard", "daytime", "qotd", "chargen", "time"), (text, ASKED)),
    "dns": (dns, (0, 0, 0, 1, 0, 0, b".", 2, 0, 1)),
    "mdns": (dns, (0, 0, 0, 1, 0, 0, b"_services._dns-sd._udp.local.", 12, 1, 1)),
    "dhcp": (dhcp, (1, "0.0.0.0", ("message-type", 8), b"\x63\x82\x53\x63")),
    "tftp": (tftp, (1, b"pathprobe-reachability-check", b"octet", b"\x00", b"\x00")),
    "quic": (quic, (1, True, 8, 8, 1200)),
    "kerberos": (
        kerberos,
        (5, "pathprobe", b"PATHPROBE.INVALID", "krbtgt/PATHPROBE.INVALID", [18, 17], True),
    ),
    "portmapper": (rpc, (0, 2, 100000, 2, 0, 0, 0)),
    "nfs": (rpc, (0, 2, 100003, 3, 0, 0, 0)),
    "ntp": (ntp, (4, 3, b"\x23", True, 48)),
    "netbios": (netbios, (0, 0, 1, b"\x20CK" + b"A" * 30 + b"\x00", 0x21)),
    **{
        name: (
            snmp,
            (0x30, [3, 65507, 3, 1, 0, 0], b"\x04", [0, 1, 1, 0, 0, 0], b"", 0xA0),
        )
        for name in ("snmp", "snmptrap")
    },
    "xdmcp": (xdmcp, (1, 2, True, 1, True)),
    "ldap": (ldap, (True, b"", 0, b"objectClass", [b"supportedLDAPVersion"])),
    "ike": (ike, (0x20, 34, True, 14, [(1, 12), (1, 12), (2, 5), (2, 2), (3, 12), (3, 2), (4, 14)])),
    "syslog": (syslog, ([b"<191>1", b"-", b"-", b"pathprobe", b"-", b"-"], b"-", ASKED)),
    "rip": (rip, (1, 2, 0, "0.0.0.0", 16, 24)),
    "ipmi": (ipmi, (6, 0xFF, 6, 4542, 0x80, 0, 0)),
    "openvpn": (openvpn, (7, 0, True, 0, 0)),
    "mssql": (bytes.hex, "03"),
    "radius": (radius, (1, True, [(1, 11), (2, 18), (32, 11)])),
    "radius-accounting": (radius, (12, True, [(80, 18)])),
    "l2tp": (
        l2tp,
        (
            *(2, 0, 0, 0, 0),
            [
                (True, 0, 0, b"\x00\x01"),
                (True, 0, 2, b"\x01\x00"),
                (True, 0, 3, b"\x00\x00\x00\x03"),
                (False, 0, 6, b""),
                (True, 0, 7, b"pathprobe"),
                (True, 0, 9, b"\x00\x01"),
            ],
        ),
    ),
    "ssdp": (ssdp, ("M-SEARCH * HTTP/1.1", '"ssdp:discover"', "1", "upnp:rootdevice", 2)),
    "sip": (sip, ("OPTIONS sip:pathprobe.invalid SIP/2.0", "1 OPTIONS", "0", "render;handling=optional")),
    "netflow": (netflow, (9, 0, 20)),
    "ipfix": (ipfix, (10, True)),
    "sflow": (sflow, (5, 1, 0)),
    "dtls": (dtls, (22, 0xFEFF, 0, 1, 0xFEFD, 0, 0, 8, b"\x01\x00", [10, 13, 11])),
    "gtp": (gtp, (1, 1, 1, 1, 0, True)),
    "stun": (stun, (1, 0, 0x2112A442, 20)),
    "coap": (coap, (1, 0, 0, 0, 4)),
    "bittorrent": (bittorrent, (b"q", b"ping", 20, 2, [b"a", b"q", b"t", b"y"])),
    "memcached": (memcached, ((0, 1, 0), b"version\r\n")),
    "minecraft": (minecraft, (1, "00ffff00fefefefefdfdfdfd12345678", 33)),
    "steam": (steam, (b"\xff\xff\xff\xffTSource Engine Query\x00", 29)),
    "enip": (enip, (0x63, 0, 0, 0, b"\x01\x00", 24)),
    "bacnet": (bacnet, (0x81, 0x0A, True, bytes.fromhex("010400050" + "10c"), 0x0C, 8, 0x3FFFFF, (2, True))),
    "wireguard": (wireguard, (1, 0, 32, 148)),
    "mumble": (mumble, (bytes(4), 12)),
}

#: What a working service leaves unanswered when a stranger says it.
SILENT = {
    *("discard", "dhcp", "snmptrap", "syslog", "radius", "radius-accounting", "netflow", "ipfix", "sflow"),
    "wireguard",
}

#: Messages too short, or of too fixed a form, to have two free octets.
WITHOUT_NONCE = {"mssql", "ipmi"}


@every_port
def test_a_port_is_asked_for_the_service_it_is_known_for(port: int, name: str) -> None:
    assert payload_for(port).service == name


@every_port
def test_a_payload_reads_as_the_request_it_claims_to_be_whatever_its_nonce(port: int, name: str) -> None:
    read, expected = SAYS[name]
    for octets in variants(payload_for(port)):
        assert read(octets) == expected


@every_port
def test_only_the_nonce_tells_two_probes_of_a_port_apart(port: int, name: str) -> None:
    payload = payload_for(port)
    assert (payload.nonce_at is None) == (name in WITHOUT_NONCE)
    if payload.nonce_at is not None:
        assert 0 <= payload.nonce_at <= len(payload.octets) - 2
        assert len({with_nonce(payload, nonce) for nonce in NONCES}) == len(NONCES)


@every_port
def test_a_payload_fits_one_datagram_on_any_ipv6_link(port: int, name: str) -> None:
    assert 0 < len(payload_for(port).octets) < LARGEST, name


@every_service
def test_a_service_says_what_it_would_answer_and_whether_it_would(name: str) -> None:
    payload = payload_for(PORTS[name][0])
    assert payload.silent_by_nature == (name in SILENT)
    assert payload.expects


@every_port
def test_a_payload_built_anew_is_the_same(port: int, name: str) -> None:
    assert payload_for.__wrapped__(port) == payload_for(port), name
    assert payload_for(port) is payload_for(port)


def test_ike_on_the_port_it_shares_with_esp_follows_four_octets_of_zero() -> None:
    assert payload_for(4500).octets == bytes(4) + payload_for(500).octets


@pytest.mark.parametrize("port", [0, 1, 9999, 33434, 65535])
def test_an_unknown_port_is_told_who_asks(port: int) -> None:
    payload = payload_for(port)
    assert payload.service == "unknown"
    assert not payload.silent_by_nature
    for octets in variants(payload):
        assert octets[:-2] == ASKED
    assert payload.nonce_at == len(ASKED)


def fresh(code: str) -> str:
    """What a new interpreter prints, with a hash seed of its own."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_another_run_sends_the_same_octets() -> None:
    ports = [port for port, _ in ALL_PORTS]
    code = (
        f"from pathprobe.wire.payloads import payload_for\nfor port in {ports}: print(payload_for(port).octets.hex())"
    )
    assert fresh(code).split() == [payload_for(port).octets.hex() for port in ports]


LOADED = """
import sys
from pathprobe.wire.payloads import payload_for
payload_for({port})
print(*sorted(name for name in sys.modules if name.startswith(("scapy.layers.", "scapy.contrib."))))
"""

#: What scapy loads for anything above IP.
INET = {"scapy.layers.inet", "scapy.layers.inet6", "scapy.layers.l2"}


@pytest.mark.parametrize(
    ("port", "layers"),
    [
        (9999, set()),
        (161, set()),
        (4433, set()),
        (111, {"scapy.contrib.oncrpc"}),
        (443, {"scapy.layers.quic"}),
        (53, INET | {"scapy.layers.dns"}),
        (123, INET | {"scapy.layers.ntp"}),
        (3478, INET | {"scapy.contrib.stun"}),
        (51820, INET | {"scapy.contrib.wireguard"}),
    ],
)
def test_a_payload_loads_no_layer_but_its_own(port: int, layers: set[str]) -> None:
    assert set(fresh(LOADED.format(port=port)).split()) == layers
