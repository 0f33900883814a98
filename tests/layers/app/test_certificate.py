"""Certificates are read as OpenSSL reads them, names are compared as it compares them, and nothing raises."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from pathprobe.layers.app import certificate
from pathprobe.layers.app.recognise import spoken
from pathprobe.layers.app.records import glance
from tests.layers.app.authority import NAME, Authority, Issued, issue, keep

SOME = issue(NAME, names=(NAME, "*.wild.example", "10.0.0.5", "2001:db8::1"), authority=True)


def test_a_certificate_is_read_as_others_read_it() -> None:
    read = certificate.read(SOME.der)
    assert read
    theirs = SOME.certificate
    assert (read.not_before, read.not_after) == (
        theirs.not_valid_before_utc.timestamp(),
        theirs.not_valid_after_utc.timestamp(),
    )
    assert (read.subject, read.issuer, read.common_name) == (f"CN={NAME}", f"CN={NAME}", NAME)
    assert (read.names, read.addresses) == ((NAME, "*.wild.example"), ("10.0.0.5", "2001:db8::1"))
    assert read.is_self_issued
    assert read.is_authority
    assert isinstance(theirs, x509.Certificate)


def test_the_certificates_of_this_machine_are_read() -> None:
    octets = ssl.create_default_context().get_ca_certs(binary_form=True)
    assert all(certificate.read(one) for one in octets)


@given(st.integers(0, len(SOME.der) - 1), st.integers(0, 255), st.integers(0, len(SOME.der)))
def test_a_damaged_certificate_is_read_or_not_and_never_raises(where: int, octet: int, end: int) -> None:
    damaged = bytearray(SOME.der)
    damaged[where] = octet
    for octets in (bytes(damaged), bytes(damaged[:end])):
        read = certificate.read(octets)
        assert read is None or read.short_subject.isprintable()


@given(st.binary(max_size=300))
def test_what_is_no_certificate_is_none(octets: bytes) -> None:
    certificate.read(octets)


@given(st.binary(max_size=100))
def test_first_octets_of_any_kind_are_looked_at_without_an_error(octets: bytes) -> None:
    glance(octets)
    glance(b"\x16\x03\x03\x00\x50\x02" + octets)
    assert spoken(octets).told.isprintable()


NAMES = (
    NAME,
    NAME.upper(),
    f"x{NAME}",
    f"a.{NAME}",
    "a.wild.example",
    "a.b.wild.example",
    "wild.example",
    "b.example",
    "10.0.0.5",
    "10.0.0.6",
    "2001:db8::1",
    "2001:db8:0::1",
)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_compared_as_openssl_compares_it(name: str, made: Authority, tmp_path: Path) -> None:
    shown = issue(NAME, made.root, names=(NAME, "*.wild.example", "10.0.0.5", "2001:db8::1"))
    read = certificate.read(shown.der)
    assert read
    assert read.is_for(name) is _openssl_takes(shown, name, made, tmp_path)


def _openssl_takes(shown: Issued, name: str, made: Authority, folder: Path) -> bool:
    """A handshake in memory."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(*keep(folder, "some", shown))
    client = ssl.create_default_context(cafile=str(made.path))
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    asking = client.wrap_bio(to_client, to_server, server_hostname=name)
    answering = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for one in (asking, answering):
            try:
                one.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLCertVerificationError as error:
                # X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH: nothing else is wrong with it.
                if error.verify_code not in (62, 64):
                    raise
                return False
            except ssl.SSLError:
                continue
    return asking.cipher() is not None
