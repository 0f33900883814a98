"""Certificates as servers show them, good ones and others, made on the spot."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NOW = datetime.now(UTC).replace(microsecond=0)
NAME = "web1.example"


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A certificate with its key and those who vouch for it, nearest first."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    above: tuple[x509.Certificate, ...] = ()

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def chain(self) -> bytes:
        """As a server sends it."""
        return b"".join(pem(one) for one in (self.certificate, *self.above))

    @property
    def secret(self) -> bytes:
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def issue(
    common_name: str,
    by: Issued | None = None,
    *,
    names: Sequence[str] = (),
    days: tuple[float, float] = (-10, 90),
    authority: bool = False,
) -> Issued:
    """``by``: None for one that vouches for itself; ``names``: host names and addresses; ``days``: from and until."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.certificate.subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + timedelta(days=days[0]))
        .not_valid_after(NOW + timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([_general(one) for one in names]), critical=False)
    certificate = builder.sign(by.key if by else key, hashes.SHA256())
    is_root_above = by is not None and by.certificate.subject == by.certificate.issuer
    above = () if by is None or is_root_above else (by.certificate, *by.above)
    return Issued(certificate=certificate, key=key, above=above)


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """A root, an intermediate below it, and where the root's certificate is."""

    root: Issued
    intermediate: Issued
    path: Path


def authority(folder: Path) -> Authority:
    root = issue("Root of the tests", authority=True, days=(-100, 1000))
    intermediate = issue("Issuer of the tests", root, authority=True, days=(-100, 500))
    path = folder / "root.pem"
    path.write_bytes(pem(root.certificate))
    return Authority(root=root, intermediate=intermediate, path=path)


def keep(folder: Path, label: str, issued: Issued, *, whole: bool = True) -> tuple[Path, Path]:
    """The files of the chain and of the key, as servers are given them."""
    chain, key = folder / f"{label}.pem", folder / f"{label}.key"
    chain.write_bytes(issued.chain if whole else pem(issued.certificate))
    key.write_bytes(issued.secret)
    return chain, key
