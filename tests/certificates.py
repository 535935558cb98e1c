"""Certificates for tests: a maker of one's own, valid for a day around now."""

import ssl
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Authority:
    """A maker of certificates."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def text(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()


def authority() -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    rule = x509.BasicConstraints(ca=True, path_length=0)
    certificate = _unsigned("test authority", "test authority", key).add_extension(rule, True)
    use = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return Authority(key, certificate.add_extension(use, False).sign(key, hashes.SHA256()))


def server_context(maker: Authority, host: str) -> ssl.SSLContext:
    """Return what a server needs to speak TLS as `host`."""
    key = ec.generate_private_key(ec.SECP256R1())
    names = x509.SubjectAlternativeName([x509.DNSName(host)])
    by = x509.AuthorityKeyIdentifier.from_issuer_public_key(maker.key.public_key())
    unsigned = _unsigned(host, "test authority", key).add_extension(names, False)
    certificate = unsigned.add_extension(by, False).sign(maker.key, hashes.SHA256())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile() as file:
        file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        file.write(certificate.public_bytes(Encoding.PEM))
        file.flush()
        context.load_cert_chain(file.name)
    return context


def _unsigned(
    subject: str, issuer: str, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=12))
        .not_valid_after(now + timedelta(hours=12))
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
