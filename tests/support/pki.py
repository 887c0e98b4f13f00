"""A small certification authority for tests: it issues, revokes, publishes a CRL and answers OCSP,
over HTTP on loopback.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from asn1crypto import crl as asn1_crl
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, pkcs12
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID
from pyhanko.sign import SimpleSigner
from pyhanko.sign.timestamps import DummyTimeStamper, TimeStamper

from archive.signing.validation import TrustAnchors

PASSPHRASE = b"test"
DAY = timedelta(days=1)


@dataclass
class Issued:
    """A key with its certificate."""

    key: rsa.RSAPrivateKey
    certificate: x509.Certificate

    @property
    def asn1(self) -> asn1_x509.Certificate:
        return asn1_x509.Certificate.load(self.certificate.public_bytes(Encoding.DER))


def name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


@dataclass
class Authority:
    """`address`, when set, goes into the certificates as `aia` (OCSP) or `cdp` (CRL)."""

    common: str = "Test root"
    address: str = ""
    points: str = ""
    began: timedelta = -400 * DAY
    lasts: timedelta = 3650 * DAY
    revoked: dict[int, datetime] = field(default_factory=dict)

    def __post_init__(self) -> None:
        key = rsa.generate_private_key(65537, 2048)
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder(
                name(self.common), name(self.common), key.public_key(), x509.random_serial_number()
            )
            .not_valid_before(now + self.began)
            .not_valid_after(now + self.lasts)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
        )
        self.root = Issued(key, builder.sign(key, SHA256()))

    def issue(
        self,
        common: str,
        *,
        begins: timedelta = -DAY,
        ends: timedelta = 365 * DAY,
        tsa: bool = False,
        points: str = "",
    ) -> Issued:
        key, now = rsa.generate_private_key(65537, 2048), datetime.now(UTC)
        usage = x509.KeyUsage(True, not tsa, False, False, False, False, False, False, False)
        root_key = self.root.key.public_key()
        builder = (
            x509.CertificateBuilder(
                self.root.certificate.subject,
                name(common),
                key.public_key(),
                x509.random_serial_number(),
            )
            .not_valid_before(now + begins)
            .not_valid_after(now + ends)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key), critical=False
            )
        )
        if tsa:
            builder = builder.add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True
            )
        wanted = points or self.points
        if wanted == "ocsp":
            access = x509.AccessDescription(
                AuthorityInformationAccessOID.OCSP,
                x509.UniformResourceIdentifier(f"{self.address}/ocsp"),
            )
            builder = builder.add_extension(
                x509.AuthorityInformationAccess([access]), critical=False
            )
        if wanted == "crl":
            uri = x509.UniformResourceIdentifier(f"{self.address}/root.crl")
            builder = builder.add_extension(
                x509.CRLDistributionPoints([x509.DistributionPoint([uri], None, None, None)]),
                critical=False,
            )
        return Issued(key, builder.sign(self.root.key, SHA256()))

    def crl(self, *, ends: timedelta = 30 * DAY, at: datetime | None = None) -> bytes:
        now = at or datetime.now(UTC)
        builder = x509.CertificateRevocationListBuilder(
            self.root.certificate.subject, now - 2 * DAY, now + ends
        )
        for serial, gone in self.revoked.items():
            entry = x509.RevokedCertificateBuilder(serial, gone).add_extension(
                x509.CRLReason(x509.ReasonFlags.key_compromise), critical=False
            )
            builder = builder.add_revoked_certificate(entry.build())
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(self.root.key.public_key()),
            critical=False,
        )
        return (
            builder.add_extension(x509.CRLNumber(1), critical=False)
            .sign(self.root.key, SHA256())
            .public_bytes(Encoding.DER)
        )

    def revoke(self, issued: Issued, at: datetime | None = None) -> None:
        self.revoked[issued.certificate.serial_number] = at or datetime.now(UTC) - timedelta(
            hours=1
        )

    def ocsp(self, request: bytes, known: dict[int, Issued]) -> bytes:
        asked = known[ocsp.load_der_ocsp_request(request).serial_number]
        now, gone = datetime.now(UTC), self.revoked.get(asked.certificate.serial_number)
        status = ocsp.OCSPCertStatus.REVOKED if gone else ocsp.OCSPCertStatus.GOOD
        reason = x509.ReasonFlags.key_compromise if gone else None
        builder = ocsp.OCSPResponseBuilder().add_response(
            asked.certificate,
            self.root.certificate,
            SHA256(),
            status,
            now - timedelta(minutes=1),
            now + DAY,
            gone,
            reason,
        )
        builder = builder.responder_id(
            ocsp.OCSPResponderEncoding.HASH, self.root.certificate
        ).certificates([self.root.certificate])
        return builder.sign(self.root.key, SHA256()).public_bytes(Encoding.DER)

    def trust(self, *, with_crl: bool = True) -> TrustAnchors:
        lists = (asn1_crl.CertificateList.load(self.crl()),) if with_crl else ()
        return TrustAnchors((self.root.asn1,), (), lists)

    def pem(self, folder: Path) -> Path:
        folder.mkdir(exist_ok=True)
        path = folder / "root.pem"
        path.write_bytes(self.root.certificate.public_bytes(Encoding.PEM))
        return path


def write_pkcs12(path: Path, issued: Issued, root: Issued) -> Path:
    bundle = pkcs12.serialize_key_and_certificates(
        b"seal",
        issued.key,
        issued.certificate,
        [root.certificate],
        BestAvailableEncryption(PASSPHRASE),
    )
    path.write_bytes(bundle)
    return path


def stamper(
    authority: Authority, folder: Path, issued: Issued | None = None, at: datetime | None = None
) -> TimeStamper:
    """A time-stamping authority under `authority`, whose clock stands `at` a time."""
    path = write_pkcs12(
        folder / "tsa.p12", issued or authority.issue("Test TSA", tsa=True), authority.root
    )
    signer = SimpleSigner.load_pkcs12(str(path), passphrase=PASSPHRASE)
    assert signer is not None
    return DummyTimeStamper(
        signer.signing_cert, signer.signing_key, certs_to_embed=signer.cert_registry, fixed_dt=at
    )


@dataclass
class SealDesk:
    """Publishes an authority's CRL and OCSP; `asked` counts the requests by path."""

    authority: Authority
    known: dict[int, Issued] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def issue(self, common: str, **options: object) -> Issued:
        certificate = self.authority.issue(common, **options)  # type: ignore[arg-type]
        self.known[certificate.certificate.serial_number] = certificate
        return certificate


@contextmanager
def open_desk(points: str) -> Iterator[SealDesk]:
    """An authority whose certificates name this server, for `crl` or `ocsp`."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self, body: bytes, kind: str) -> None:
            desk.asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            self.answer(desk.authority.crl(), "application/pkix-crl")

        def do_POST(self) -> None:
            request = self.rfile.read(int(self.headers["Content-Length"]))
            self.answer(desk.authority.ocsp(request, desk.known), "application/ocsp-response")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    desk = SealDesk(Authority(address=f"http://127.0.0.1:{server.server_port}", points=points))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield desk
    finally:
        server.shutdown()
        server.server_close()
