"""The webhook's own certificates, and when a new one takes over. Time is an argument; only keys are made of chance.

Each certificate is signed by an authority of its own, whose key is thrown away at once: nothing that is kept can sign
another. A new authority is told to the API server long before what it signed is served, and an old one is told until it
expires, so that replicas may change over one after the other. All spans are shares of one life.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

BACKDATED = 1 / 20
"""Of its life a certificate has behind it when it is made, for clocks that are behind: of 90 days, 4 and a half."""
SERVED = 1 / 10
"""Of its life has passed when one that follows another is served; its authority is told for half of that before."""
RENEWED = 2 / 3
"""Of its life has passed when the next one is made."""
NAME_MOST = 64
"""Characters of a common name (X.520)."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A server's certificate and its key, in PEM."""

    certificate: bytes
    key: bytes


@dataclass(frozen=True, slots=True)
class Kept:
    """What the Secret holds; None for what is missing or cannot be used."""

    serving: Pair | None = None
    coming: Pair | None = None
    """Made, and its authority told, but not served yet."""
    authorities: tuple[bytes, ...] = ()
    """Those that the API server is told, the newest first, in PEM."""

    @property
    def bundle(self) -> bytes:
        """The authorities in one file."""
        return b"".join(self.authorities)


SERVING_CERTIFICATE, SERVING_KEY = "tls.crt", "tls.key"
COMING_CERTIFICATE, COMING_KEY = "next.crt", "next.key"
AUTHORITIES = "ca.crt"


def read(data: dict[str, bytes]) -> Kept:
    """What a Secret's data says; whatever of it cannot be used is as if it were not there."""
    authorities = tuple(_pem(each) for each in _certificates(data.get(AUTHORITIES, b"")))
    serving = _usable(data.get(SERVING_CERTIFICATE, b""), data.get(SERVING_KEY, b""), authorities)
    coming = _usable(data.get(COMING_CERTIFICATE, b""), data.get(COMING_KEY, b""), authorities)
    return Kept(serving, coming, authorities)


def written(kept: Kept) -> dict[str, bytes]:
    """The Secret's data that says it."""
    none = Pair(b"", b"")
    serving, coming = kept.serving or none, kept.coming or none
    return {
        SERVING_CERTIFICATE: serving.certificate,
        SERVING_KEY: serving.key,
        COMING_CERTIFICATE: coming.certificate,
        COMING_KEY: coming.key,
        AUTHORITIES: kept.bundle,
    }


def renewed(kept: Kept, told: Collection[bytes], names: Sequence[str], life_s: float, now_s: float) -> Kept:
    """What should be kept now; the same where nothing is due.

    Args:
        kept: what the Secret holds.
        told: the authorities that the API server trusts now, in PEM.
        names: DNS names of the server.
        life_s: of a certificate, in seconds.
        now_s: Unix seconds.
    """
    if kept.serving is None or not _fits(kept.serving, names, now_s):
        return _first(kept, names, life_s, now_s)
    if kept.coming is not None and not _fits(kept.coming, names, now_s):
        return Kept(kept.serving, None, kept.authorities)
    if kept.coming is not None:
        if _passed(kept.coming, now_s) >= SERVED and _authority(kept.coming, told):
            return Kept(kept.coming, None, unexpired(kept.authorities, now_s))
        return kept
    if _passed(kept.serving, now_s) >= RENEWED:
        coming, authority = made(names, life_s, now_s)
        return Kept(kept.serving, coming, (authority, *unexpired(kept.authorities, now_s)))
    return kept


def trusted(pair: Pair, told: Collection[bytes]) -> bool:
    """Whether the API server, which is told these authorities, will believe a certificate."""
    return _authority(pair, told) is not None


def made(names: Sequence[str], life_s: float, now_s: float) -> tuple[Pair, bytes]:
    """A new certificate for a server of these names, and the authority that signed it."""
    start = datetime.fromtimestamp(now_s - life_s * BACKDATED, UTC)
    end = datetime.fromtimestamp(now_s + life_s * (1 - BACKDATED), UTC)
    serial = x509.random_serial_number()
    # Its own name, so that of several authorities the right one is tried.
    issuer = _name(f"foresize webhook authority {serial:x}")
    signer, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    blank = x509.CertificateBuilder().issuer_name(issuer).not_valid_before(start).not_valid_after(end)
    of_signer = x509.SubjectKeyIdentifier.from_public_key(signer.public_key())
    authority = (
        blank.subject_name(issuer)
        .serial_number(serial)
        .public_key(signer.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(of_signer, critical=False)
        .sign(signer, hashes.SHA256())
    )
    leaf = (
        blank.subject_name(_name(names[0]))
        .serial_number(x509.random_serial_number())
        .public_key(key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(each) for each in names]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(of_signer), critical=False)
        .sign(signer, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Pair(_pem(leaf), secret), _pem(authority)


def authorities_of(bundle: bytes) -> tuple[bytes, ...]:
    """Each certificate of a file of them, in PEM; none where it cannot be read."""
    return tuple(_pem(each) for each in _certificates(bundle))


def unexpired(authorities: Iterable[bytes], now_s: float) -> tuple[bytes, ...]:
    """Those of some authorities that are still good, in PEM."""
    ends = ((each, x509.load_pem_x509_certificate(each).not_valid_after_utc.timestamp()) for each in authorities)
    return tuple(each for each, end_s in ends if end_s > now_s)


def expires_s(pair: Pair) -> float:
    """When a certificate ends, in Unix seconds."""
    return x509.load_pem_x509_certificate(pair.certificate).not_valid_after_utc.timestamp()


def starts_s(pair: Pair) -> float:
    """From when on a certificate is good, in Unix seconds."""
    return x509.load_pem_x509_certificate(pair.certificate).not_valid_before_utc.timestamp()


def _first(kept: Kept, names: Sequence[str], life_s: float, now_s: float) -> Kept:
    """One to be served at once: there is no other."""
    pair, authority = made(names, life_s, now_s)
    return Kept(pair, None, (authority, *unexpired(kept.authorities, now_s)))


def _usable(certificate: bytes, key: bytes, authorities: Iterable[bytes]) -> Pair | None:
    """A pair that belongs together, and is signed by one of the authorities."""
    try:
        leaf = x509.load_pem_x509_certificate(certificate)
        private = serialization.load_pem_private_key(key, None)
    except (ValueError, TypeError):
        return None
    pair = Pair(_pem(leaf), key)
    return pair if private.public_key() == leaf.public_key() and _authority(pair, authorities) else None


def _authority(pair: Pair, among: Iterable[bytes]) -> bytes | None:
    """Which of them signed a certificate."""
    leaf = x509.load_pem_x509_certificate(pair.certificate)
    for each in among:
        try:
            leaf.verify_directly_issued_by(x509.load_pem_x509_certificate(each))
        except (ValueError, TypeError, InvalidSignature):
            continue
        return each
    return None


def _fits(pair: Pair, names: Sequence[str], now_s: float) -> bool:
    """Whether it has not expired and is for a server of these names."""
    leaf = x509.load_pem_x509_certificate(pair.certificate)
    try:
        of = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return False
    return set(names) <= set(of.get_values_for_type(x509.DNSName)) and _passed(pair, now_s) < 1


def _passed(pair: Pair, now_s: float) -> float:
    """Which share of its life has passed."""
    leaf = x509.load_pem_x509_certificate(pair.certificate)
    start_s, end_s = leaf.not_valid_before_utc.timestamp(), leaf.not_valid_after_utc.timestamp()
    return (now_s - start_s) / (end_s - start_s)


def _certificates(bundle: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(bundle)
    except ValueError:
        return []


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:NAME_MOST])])


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        key_cert_sign=signs,
        crl_sign=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
