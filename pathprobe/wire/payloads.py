"""What does one say to a UDP port so that a working service answers?

UDP itself never says "open": the kernel hands a datagram to the service and is silent. So the probe
speaks the protocol that the port is known for, in the plainest message to which a server has to answer.

- The request is an ordinary one. A box that inspects the protocol drops odd messages, and then the
  verdict would be about the probe and not about the port.
- Where a service must not answer strangers, the request is one that it refuses aloud (SNMPv3 without
  an engine, Kerberos for nobody). Nothing is changed there, at most a line is logged; where a session
  begins with the first message, the server keeps half of one for some seconds (IKE, OpenVPN, L2TP).
- Nearly each message has two octets whose value means nothing to the service: an identifier which it gives
  back, a time, a random number. They differ from probe to probe, and all else is the same in every run.
- An unknown port gets text that says who asks, as an echo does. Not nothing: an empty datagram looks like an
  end of file to careless programs and like a scan to filters, and its quote could not be told from another's.

scapy builds what it has a layer for. Importing one takes a tenth of a second, so each is imported when its
message is first wanted; ask for the payload before the first probe is sent.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

#: Stands where the two free octets are; no message has it anywhere else.
_NONCE = b"\xa5\x5a"
_NONCE_NUMBER = int.from_bytes(_NONCE, "big")

#: A number of four octets that ends in the nonce. Its first octet keeps it positive and of that length in BER.
_NONCE_IN_FOUR = 0x4A69 << 16 | _NONCE_NUMBER

#: The name of whatever listens on a port that is not in the table.
UNKNOWN = "unknown"

#: Says who asks, for the operator who finds it in a capture or a log.
_TEXT = b"pathprobe reachability check "


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """What follows the UDP header of a probe.

    ``nonce_at`` is the offset in octets, even or odd, of two octets that may take any value; None when the
    message has none. ``silent_by_nature``: a working service does not answer a stranger's message, so that
    silence says nothing. ``expects`` is what an answer would be, to be read after "waiting for".
    """

    service: str
    octets: bytes
    nonce_at: int | None
    silent_by_nature: bool = False
    expects: str = "any answer"

    @classmethod
    def given(cls, octets: bytes) -> Payload:
        """What the user wants to be sent, exactly."""
        return cls(service="given", octets=octets, nonce_at=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Service:
    ports: tuple[int, ...]
    name: str
    message: Callable[[], bytes]
    expects: str
    silent_by_nature: bool = False


@cache
def payload_for(port: int) -> Payload:
    """The request for the service that a destination port is known for, below 1232 octets.

    The same octets in every run. A port that is not in the table is a service called "unknown". Ports are those of
    the IANA registry, or the defaults of the software where it registered none.
    """
    service = _SERVICE_BY_PORT.get(port, _UNKNOWN)
    octets = service.message()
    nonce_at = octets.find(_NONCE)
    return Payload(
        service=service.name,
        octets=octets,
        nonce_at=None if nonce_at < 0 else nonce_at,
        silent_by_nature=service.silent_by_nature,
        expects=service.expects,
    )


def recognise(port: int, octets: bytes) -> Payload | None:
    """The request that these octets to a port are, whatever their nonce; None when they are none of ours."""
    payload = payload_for(port)
    start = payload.nonce_at if payload.nonce_at is not None else len(octets)
    alike = len(octets) == len(payload.octets) and octets[:start] == payload.octets[:start]
    return payload if alike and octets[start + 2 :] == payload.octets[start + 2 :] else None


def _text() -> bytes:
    return _TEXT + _NONCE


def _dns() -> bytes:
    """Who serves the root? Any server knows or refuses (RFC 9609 section 3).

    Recursion is not desired, so a resolver answers at once from what it has; only a mere forwarder asks another.
    """
    from scapy.layers.dns import DNS, DNSQR

    return bytes(DNS(id=_NONCE_NUMBER, rd=0, qd=[DNSQR(qname=".", qtype="NS")]))


def _mdns() -> bytes:
    """Which kinds of service are there (RFC 6763 section 9)? To be answered to us alone (RFC 6762 section 5.4)."""
    from scapy.layers.dns import DNS, DNSQR

    question = DNSQR(qname="_services._dns-sd._udp.local.", qtype="PTR", unicastresponse=1)
    return bytes(DNS(id=_NONCE_NUMBER, rd=0, qd=[question]))


def _ntp() -> bytes:
    """A client's request, RFC 5905 section 7.3. Its transmit time may be random: the server only gives it back."""
    from scapy.layers.ntp import NTPHeader

    # The fraction of a second, of 32 bits, starts with the nonce.
    transmitted = 0x4A69 + _NONCE_NUMBER / 0x10000
    return bytes(
        NTPHeader(version=4, mode="client", stratum=0, poll=0, precision=0, ref=0, orig=0, recv=0, sent=transmitted)
    )


def _snmp() -> bytes:
    """SNMPv3 engine discovery, RFC 3414 section 4, which scapy has no layer for.

    Answered with a report whatever communities and users there are, by agents that are configured for v2c too,
    where a get with a wrong community is dropped in silence (RFC 3584 section 5.2.1). nmap sends both.
    """
    empty = _ber(0x04)
    header = _ber(0x30, _integer(_NONCE_IN_FOUR), _integer(65507), _ber(0x04, b"\x04"), _integer(3))
    security = _ber(0x30, empty, _integer(0), _integer(0), empty, empty, empty)
    request = _ber(0xA0, _integer(1), _integer(0), _integer(0), _ber(0x30))
    return _ber(0x30, _integer(3), header, _ber(0x04, security), _ber(0x30, empty, empty, request))


def _ber(tag: int, *contents: bytes) -> bytes:
    """An element of the basic encoding rules in the short form, up to 127 octets of contents (X.690 section 8.1)."""
    content = b"".join(contents)
    return bytes((tag, len(content))) + content


def _integer(number: int) -> bytes:
    return _ber(0x02, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def _quic() -> bytes:
    """A first packet of a version nobody speaks, which draws version negotiation: RFC 9000 section 6.1.

    The version is of those reserved to force this (section 15), the size the least that a server considers
    (section 14.1). The destination connection ID has the 8 octets of a client's first one (section 7.2).
    """
    from scapy.layers.quic import QUIC_Initial

    packet = QUIC_Initial(
        Version=0x1A2A3A4A,
        DstConnID=b"pathpr" + _NONCE,
        SrcConnID=b"pathprob",
        Length=1200 - 26,
        PacketNumberLen=0,
        PacketNumber=0,
    )
    return bytes(packet).ljust(1200, b"\x00")


def _dtls() -> bytes:
    """A DTLS 1.2 ClientHello, RFC 6347 section 4.2, which scapy has no record layer for.

    Answered with a cookie to give back (section 4.2.1), a ServerHello, or an alert. The suites are those of
    browsers and VPNs (ECDHE, RSA) and of CoAP (RFC 7252 section 9); extensions by RFC 5246 and RFC 8422.
    """
    suites = struct.pack("!8H", 0xC02B, 0xC02F, 0xC009, 0xC013, 0x002F, 0xC0AE, 0xC0A8, 0x00FF)
    extensions = b"".join(
        struct.pack("!HHH", kind, len(body) + 2, len(body)) + body
        for kind, body in (
            (10, struct.pack("!3H", 29, 23, 24)),
            (13, struct.pack("!5H", 0x0403, 0x0804, 0x0401, 0x0503, 0x0201)),
        )
    )
    extensions += struct.pack("!HHBB", 11, 2, 1, 0)
    random = _TEXT + b"\x00" + _NONCE
    no_session, no_cookie, null_compression = b"\x00", b"\x00", b"\x01\x00"
    body = b"".join(
        (b"\xfe\xfd", random, no_session, no_cookie, _counted(suites), null_compression, _counted(extensions))
    )
    length = len(body).to_bytes(3, "big")
    handshake = b"\x01" + length + bytes(2) + bytes(3) + length + body
    return struct.pack("!BH8xH", 22, 0xFEFF, len(handshake)) + handshake


def _counted(octets: bytes) -> bytes:
    return struct.pack("!H", len(octets)) + octets


def _sip() -> bytes:
    """OPTIONS, RFC 3261 section 11, to be answered by who gets it (Max-Forwards 0, section 16.3) to the port it came
    from (rport, RFC 3581). Text has no free octets, so they are an optional body (section 20.11)."""
    lines = (
        "OPTIONS sip:pathprobe.invalid SIP/2.0",
        "Via: SIP/2.0/UDP pathprobe.invalid;branch=z9hG4bK-pathprobe;rport",
        "Max-Forwards: 0",
        "From: <sip:pathprobe@pathprobe.invalid>;tag=pathprobe",
        "To: <sip:pathprobe.invalid>",
        "Call-ID: pathprobe@pathprobe.invalid",
        "CSeq: 1 OPTIONS",
        "Contact: <sip:pathprobe@pathprobe.invalid>",
        "Accept: application/sdp",
        "Content-Type: application/octet-stream",
        "Content-Disposition: render;handling=optional",
        "Content-Length: 2",
    )
    return _lines(lines) + _NONCE


def _ssdp() -> bytes:
    """A search for root devices, UPnP Device Architecture 2.0 section 1.3.2. Who still reads by version 1.0 wants MX,
    even of a search that was sent to it alone. What follows the blank line is no part of a search."""
    lines = (
        "M-SEARCH * HTTP/1.1",
        "HOST: 239.255.255.250:1900",
        'MAN: "ssdp:discover"',
        "MX: 1",
        "ST: upnp:rootdevice",
    )
    return _lines(lines) + _NONCE


def _lines(lines: tuple[str, ...]) -> bytes:
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _stun() -> bytes:
    """A binding request without attributes, RFC 8489 sections 5 and 6.1."""
    from scapy.contrib.stun import STUN

    transaction = int.from_bytes(b"pathprobe " + _NONCE, "big")
    return bytes(STUN(stun_message_type="Binding request", transaction_id=transaction))


def _tftp() -> bytes:
    """A read of a file that is not there, RFC 1350 section 5: the error is one small datagram and no transfer starts.

    The empty option name behind it ends the options (RFC 2347), so the nonce is not read.
    """
    from scapy.layers.tftp import TFTP, TFTP_RRQ

    return (
        bytes(TFTP() / TFTP_RRQ(filename=b"pathprobe-reachability-check", mode=b"octet")) + b"\x00" + _NONCE + b"\x00"
    )


def _netbios() -> bytes:
    """What are your names (node status of "*")? RFC 1002 section 4.2.17."""
    from scapy.layers.netbios import NBNSHeader, NBNSNodeStatusRequest

    return bytes(NBNSHeader(NAME_TRN_ID=_NONCE_NUMBER, NM_FLAGS=0, QDCOUNT=1) / NBNSNodeStatusRequest())


def _radius_access() -> bytes:
    """An Access-Request, RFC 2865 section 4.1. Its authenticator is random, so it can be made without the secret;
    Status-Server would be kinder, but is dropped without one (RFC 5997 section 3)."""
    from scapy.layers.radius import RadiusAttribute

    name = RadiusAttribute(type=1, value=b"pathprobe")
    password = RadiusAttribute(type=2, value=bytes(16))
    server = RadiusAttribute(type=32, value=b"pathprobe")
    return _radius(1, _TEXT[:14] + _NONCE, bytes(name) + bytes(password) + bytes(server))


def _radius_accounting() -> bytes:
    """A Status-Server, RFC 5997 section 3: it accounts for nothing. Whoever lacks the secret gets no answer."""
    from scapy.layers.radius import RadiusAttribute

    authenticator = RadiusAttribute(type=80, value=bytes(16))
    return _radius(12, _TEXT[:14] + _NONCE, bytes(authenticator))


def _radius(code: int, authenticator: bytes, attributes: bytes) -> bytes:
    from scapy.layers.radius import Radius

    return bytes(Radius(code=code, id=1, authenticator=authenticator) / attributes)


def _ike() -> bytes:
    """IKE_SA_INIT, RFC 7296 section 1.2: answered with a chosen proposal, NO_PROPOSAL_CHOSEN or INVALID_KE_PAYLOAD.

    The key exchange value is 2 to the power of 1024, a legal one of group 14 (RFC 3526) for a private value of 1024:
    nothing is kept secret with it.
    """
    from scapy.contrib.ikev2 import IKEv2, IKEv2_KE, IKEv2_Nonce, IKEv2_Proposal, IKEv2_SA, IKEv2_Transform

    encryption, pseudorandom, integrity, group = 1, 2, 3, 4
    transforms = IKEv2_Transform(transform_type=encryption, transform_id=12, length=12, key_length=256)
    transforms /= IKEv2_Transform(transform_type=encryption, transform_id=12, length=12, key_length=128)
    for kind, identifier in (
        (pseudorandom, 5),
        (pseudorandom, 2),
        (integrity, 12),
        (integrity, 2),
        (group, 14),
    ):
        transforms /= IKEv2_Transform(transform_type=kind, transform_id=identifier)
    return bytes(
        IKEv2(init_SPI=b"pathpr" + _NONCE, exch_type="IKE_SA_INIT", flags="Initiator")
        / IKEv2_SA(prop=IKEv2_Proposal(trans_nb=7, trans=transforms))
        / IKEv2_KE(group=14, ke=(1 << 1024).to_bytes(256, "big"))
        / IKEv2_Nonce(nonce=_TEXT)
    )


def _ike_beside_esp() -> bytes:
    """Four octets of zero tell IKE from ESP on the port that both share, RFC 3948 section 2.2."""
    return bytes(4) + _ike()


def _memcached() -> bytes:
    """version, in the one datagram of one that UDP requests are framed in: memcached doc/protocol.txt."""
    return struct.pack("!2sHHH", _NONCE, 0, 1, 0) + b"version\r\n"


def _syslog() -> bytes:
    """A line of the lowest severity for local use, RFC 5424 section 6: the reader finds it when it arrived."""
    return b"<191>1 - - pathprobe - - - " + _TEXT + _NONCE


def _wireguard() -> bytes:
    """A handshake initiation, WireGuard whitepaper section 5.4.2: in shape only, for want of the server's key."""
    from scapy.contrib.wireguard import Wireguard, WireguardInitiation

    initiation = WireguardInitiation(
        sender_index=int.from_bytes(b"pp" + _NONCE, "little"),
        unencrypted_ephemeral=_TEXT.ljust(32),
        encrypted_static=bytes(48),
        encrypted_timestamp=bytes(28),
        mac1=bytes(16),
        mac2=bytes(16),
    )
    return bytes(Wireguard() / initiation)


def _openvpn() -> bytes:
    """P_CONTROL_HARD_RESET_CLIENT_V2 with nothing to acknowledge, the start of OpenVPN's control channel."""
    opcode, key, acknowledgements, packet = 7, 0, 0, 0
    return struct.pack("!B8sBI", opcode << 3 | key, b"pathpr" + _NONCE, acknowledgements, packet)


def _ldap() -> bytes:
    """Which LDAP versions does the root DSE name? [MS-ADTS] section 3.1.1.3.1 allows this search over UDP."""
    from scapy.layers.ldap import (
        CLDAP,
        LDAP_Filter,
        LDAP_FilterPresent,
        LDAP_SearchRequest,
        LDAP_SearchRequestAttribute,
    )

    return bytes(
        CLDAP(
            messageID=_NONCE_IN_FOUR,
            user=None,
            protocolOp=LDAP_SearchRequest(
                filter=LDAP_Filter(filter=LDAP_FilterPresent(present="objectClass")),
                attributes=[LDAP_SearchRequestAttribute(type="supportedLDAPVersion")],
            ),
        )
    )


def _coap() -> bytes:
    """A CoAP ping: an empty message that is to be confirmed is answered with a reset, RFC 7252 section 4.3."""
    from scapy.contrib.coap import CoAP

    return bytes(CoAP(ver=1, type="CON", code="Empty", msg_id=_NONCE_NUMBER))


def _rpc_null(program: int, version: int) -> bytes:
    """Procedure 0, which does nothing and every program has: RFC 5531 section 12, here without credentials."""
    from scapy.contrib.oncrpc import RPC, RPC_Call

    call = RPC_Call(program=program, pversion=version, procedure=0, aflavor=0, alength=0, vflavor=0, vlength=0)
    return bytes(RPC(xid=_NONCE_IN_FOUR, mtype="CALL") / call)


def _rip() -> bytes:
    """A request for the whole table, RFC 2453 section 3.9.1; a route tag says nothing in a request."""
    from scapy.layers.rip import RIP, RIPEntry

    return bytes(RIP(cmd="req", version=2) / RIPEntry(AF=0, RouteTag=_NONCE_NUMBER, metric=16))


def _l2tp() -> bytes:
    """Start-Control-Connection-Request with what section 6.1 of RFC 2661 demands, and a firmware revision as nonce.

    scapy has no layer for the attributes (section 4.1), of which 0x8000 marks those that must be understood.
    """
    from scapy.layers.l2tp import L2TP

    mandatory = 0x8000
    attributes = b"".join(
        struct.pack("!HHH", flags | 6 + len(value), 0, kind) + value
        for flags, kind, value in (
            (mandatory, 0, struct.pack("!H", 1)),
            (mandatory, 2, struct.pack("!BB", 1, 0)),
            (mandatory, 3, struct.pack("!I", 3)),
            (0, 6, _NONCE),
            (mandatory, 7, b"pathprobe"),
            (mandatory, 9, struct.pack("!H", 1)),
        )
    )
    return bytes(L2TP(hdr="control+length+sequence") / attributes)


def _kerberos() -> bytes:
    """An AS-REQ of nobody in no realm, RFC 4120 section 5.4.1, to be answered with a KRB-ERROR (section 5.9.1)."""
    from scapy.asn1.asn1 import ASN1_GENERALIZED_TIME
    from scapy.layers.kerberos import KRB_AS_REQ, KRB_KDC_REQ_BODY, Kerberos, PrincipalName

    aes256, aes128 = 18, 17
    body = KRB_KDC_REQ_BODY(
        kdcOptions="0" * 32,
        cname=PrincipalName(nameType=1, nameString=["pathprobe"]),
        realm="PATHPROBE.INVALID",
        sname=PrincipalName(nameType=2, nameString=["krbtgt", "PATHPROBE.INVALID"]),
        till=ASN1_GENERALIZED_TIME("20370913024805Z"),
        nonce=_NONCE_IN_FOUR,
        etype=[aes256, aes128],
        rtime=None,
        addresses=None,
        additionalTickets=None,
    )
    return bytes(Kerberos(root=KRB_AS_REQ(padata=None, reqBody=body)))


def _gtp() -> bytes:
    """An echo request of version 1, for control (3GPP TS 29.060 section 7.2.1) and user plane (TS 29.281 section 7.2.1)
    alike. A node that speaks version 2 only says so."""
    from scapy.contrib.gtp import GTPEchoRequest, GTPHeader

    return bytes(GTPHeader(S=1, seq=_NONCE_NUMBER, gtp_type=1) / GTPEchoRequest())


def _enip() -> bytes:
    """List identity, CIP volume 2 section 2-4.2, whose sender's context is given back.

    The context's first two octets bound the delay of the answer, in milliseconds.
    """
    from scapy.contrib.enipTCP import ENIPTCP

    context = int.from_bytes(struct.pack("<H4x2s", 1, _NONCE), "little")
    return bytes(ENIPTCP(commandId=0x63, status=0, senderContext=context))


def _bacnet() -> bytes:
    """What is your device's identifier? ReadProperty of the wildcard device, ANSI/ASHRAE 135 clause 15.5.

    Not Who-Is: its answer may be broadcast, which would stop at the device's own router. The identifier is no array,
    so asking for an element of it is answered with an error: a smaller answer, and a place for the nonce.
    """
    device, wildcard, object_identifier = 8, 0x3FFFFF, 75
    request = struct.pack("!BBBB", 0x00, 0x05, 1, 12)
    request += struct.pack("!BI", 0x0C, device << 22 | wildcard) + bytes((0x19, object_identifier))
    request += b"\x2b\x01" + _NONCE
    network = b"\x01\x04"
    return struct.pack("!BBH", 0x81, 0x0A, 4 + len(network) + len(request)) + network + request


def _steam() -> bytes:
    """A2S_INFO of Valve's server queries with a challenge that was never given: a fresh one is the answer."""
    return b"\xff\xff\xff\xffTSource Engine Query\x00" + b"pp" + _NONCE


def _minecraft() -> bytes:
    """An unconnected ping of RakNet: the client's time, the magic number by which it knows its own, the client."""
    magic = bytes.fromhex("00ffff00fefefefefdfdfdfd12345678")
    return struct.pack("!B6x2s16s8s", 0x01, _NONCE, magic, b"pathprob")


def _mumble() -> bytes:
    """A ping of Mumble's voice protocol: the identifier of 8 octets is given back."""
    return struct.pack("!I6s2s", 0, b"pathpr", _NONCE)


def _bittorrent() -> bytes:
    """ping of the distributed hash table, BEP 5: the transaction ID is given back."""
    return b"d1:ad2:id20:pathprobe-is-no-nodee1:q4:ping1:t2:" + _NONCE + b"1:y1:qe"


def _xdmcp() -> bytes:
    """Query of the X Display Manager Control Protocol 1.1, to be answered with Willing or Unwilling.

    The one authentication that it offers is the nonce, which nobody knows.
    """
    version, query, offered = 1, 2, 1
    return struct.pack("!HHHBH2s", version, query, 5, offered, 2, _NONCE)


def _mssql() -> bytes:
    """CLNT_UCAST_EX, [MC-SQLR] section 2.2.2: one octet, and a list of the instances is the answer."""
    return b"\x03"


def _ipmi() -> bytes:
    """A presence ping, IPMI 2.0 section 13.2.3: to be answered with a pong. Its tag has one octet, too few."""
    no_acknowledgement, asf_class, ping, tag = 0xFF, 6, 0x80, 0
    return struct.pack("!BxBBIBBxB", 6, no_acknowledgement, asf_class, 4542, ping, tag, 0)


def _dhcp() -> bytes:
    """DHCPINFORM, RFC 2131 section 4.4.3. A server answers to port 68 and never to where this came from (4.1)."""
    from scapy.layers.dhcp import BOOTP, DHCP

    return bytes(BOOTP(xid=_NONCE_IN_FOUR) / DHCP(options=[("message-type", "inform"), "end"]))


def _netflow() -> bytes:
    """An export packet of NetFlow version 9 with no flows in it, RFC 3954 section 5.1."""
    return struct.pack("!HH4xIII", 9, 0, 0, _NONCE_IN_FOUR, 0)


def _ipfix() -> bytes:
    """A message of IPFIX with no sets in it, RFC 7011 section 3.1."""
    return struct.pack("!HHIII", 10, 16, 0, _NONCE_IN_FOUR, 0)


def _sflow() -> bytes:
    """A datagram of sFlow version 5 with no samples in it, sflow.org version 5 section 5."""
    ipv4 = 1
    return struct.pack("!II4xIIII", 5, ipv4, 0, _NONCE_IN_FOUR, 0, 0)


_SERVICES = (
    _Service(ports=(7,), name="echo", message=_text, expects="the same octets"),
    _Service(ports=(9,), name="discard", message=_text, expects="nothing", silent_by_nature=True),
    _Service(ports=(13,), name="daytime", message=_text, expects="the time as text"),
    _Service(ports=(17,), name="qotd", message=_text, expects="a quotation"),
    _Service(ports=(19,), name="chargen", message=_text, expects="a line of characters"),
    _Service(ports=(37,), name="time", message=_text, expects="the time in four octets"),
    _Service(ports=(53,), name="dns", message=_dns, expects="a DNS answer"),
    _Service(ports=(67,), name="dhcp", message=_dhcp, expects="nothing on this port", silent_by_nature=True),
    _Service(ports=(69,), name="tftp", message=_tftp, expects="a TFTP error from another port"),
    _Service(ports=(80, 443, 853, 8443), name="quic", message=_quic, expects="a QUIC version negotiation"),
    _Service(ports=(88,), name="kerberos", message=_kerberos, expects="a Kerberos error"),
    _Service(ports=(111,), name="portmapper", message=partial(_rpc_null, 100000, 2), expects="an RPC reply"),
    _Service(ports=(123,), name="ntp", message=_ntp, expects="an NTP answer"),
    _Service(ports=(137,), name="netbios", message=_netbios, expects="a NetBIOS node status"),
    _Service(ports=(161,), name="snmp", message=_snmp, expects="an SNMPv3 report"),
    _Service(ports=(162,), name="snmptrap", message=_snmp, expects="an SNMPv3 report, seldom", silent_by_nature=True),
    _Service(ports=(177,), name="xdmcp", message=_xdmcp, expects="an XDMCP willing or unwilling"),
    _Service(ports=(389,), name="ldap", message=_ldap, expects="an LDAP search result"),
    _Service(ports=(500,), name="ike", message=_ike, expects="an IKE answer"),
    _Service(ports=(514,), name="syslog", message=_syslog, expects="nothing", silent_by_nature=True),
    _Service(ports=(520,), name="rip", message=_rip, expects="a RIP response"),
    _Service(ports=(623,), name="ipmi", message=_ipmi, expects="an RMCP presence pong"),
    _Service(ports=(1194,), name="openvpn", message=_openvpn, expects="an OpenVPN reset, unless keyed (tls-auth)"),
    _Service(ports=(1434,), name="mssql", message=_mssql, expects="a list of SQL Server instances"),
    _Service(ports=(1701,), name="l2tp", message=_l2tp, expects="an L2TP control message"),
    _Service(
        ports=(1645, 1812),
        name="radius",
        message=_radius_access,
        expects="a RADIUS reject after a second, for clients it knows",
        silent_by_nature=True,
    ),
    _Service(
        ports=(1646, 1813),
        name="radius-accounting",
        message=_radius_accounting,
        expects="nothing without the secret",
        silent_by_nature=True,
    ),
    _Service(ports=(1900,), name="ssdp", message=_ssdp, expects="an SSDP answer within a second, from any port"),
    _Service(ports=(2049,), name="nfs", message=partial(_rpc_null, 100003, 3), expects="an RPC reply"),
    _Service(ports=(2055, 9995, 9996), name="netflow", message=_netflow, expects="nothing", silent_by_nature=True),
    _Service(ports=(2123, 2152), name="gtp", message=_gtp, expects="a GTP echo response"),
    _Service(
        ports=(2083, 2221, 3391, 4433, 4740, 5349, 5684, 6514, 10161, 10162),
        name="dtls",
        message=_dtls,
        expects="a DTLS handshake or alert",
    ),
    _Service(ports=(3478, 19302), name="stun", message=_stun, expects="a STUN answer"),
    _Service(ports=(4500,), name="ike", message=_ike_beside_esp, expects="an IKE answer"),
    _Service(ports=(4739,), name="ipfix", message=_ipfix, expects="nothing", silent_by_nature=True),
    _Service(ports=(5060,), name="sip", message=_sip, expects="a SIP answer"),
    _Service(ports=(5353,), name="mdns", message=_mdns, expects="an mDNS answer, on the same link"),
    _Service(ports=(5683,), name="coap", message=_coap, expects="a CoAP reset"),
    _Service(ports=(6343,), name="sflow", message=_sflow, expects="nothing", silent_by_nature=True),
    _Service(ports=(6881,), name="bittorrent", message=_bittorrent, expects="a DHT answer"),
    _Service(ports=(11211,), name="memcached", message=_memcached, expects="memcached's version"),
    _Service(ports=(19132,), name="minecraft", message=_minecraft, expects="a RakNet pong"),
    _Service(ports=(27015,), name="steam", message=_steam, expects="a Source engine answer"),
    _Service(ports=(44818,), name="enip", message=_enip, expects="an EtherNet/IP identity"),
    _Service(ports=(47808,), name="bacnet", message=_bacnet, expects="a BACnet answer"),
    _Service(
        ports=(51820,),
        name="wireguard",
        message=_wireguard,
        expects="nothing without the peer's key",
        silent_by_nature=True,
    ),
    _Service(ports=(64738,), name="mumble", message=_mumble, expects="a Mumble pong"),
)

_UNKNOWN = _Service(ports=(), name=UNKNOWN, message=_text, expects="any answer")

_SERVICE_BY_PORT = {port: service for service in _SERVICES for port in service.ports}
