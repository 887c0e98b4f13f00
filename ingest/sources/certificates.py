"""共享证照: certificates are requested by holder and kind (docs/sources/certificates.yaml).

A certificate is fetched as it is; its own signature is checked and the result kept.
"""

import hashlib
import struct
from collections.abc import Iterator, Sequence
from dataclasses import replace
from urllib.parse import quote

from archive.gathering.cases import MissingCertificate
from archive.reference.vocabulary import ArrivalOutcome, ForeignSignature, SourceKind
from ingest.reading.sandbox import run_task
from ingest.sources.http import Caller
from ingest.sources.protocol import Notice, Page, Parcel, RawPiece, SourceError

_EXTENSIONS = ((b"PK\x03\x04", "ofd"), (b"\xff\xd8", "jpg"), (b"\x89PNG", "png"), (b"%PDF-", "pdf"))
_PAGE = 50
_LENGTH = struct.Struct("<I")


class CertificateLibrary:
    """The certificate-sharing system.

    It announces nothing by itself: the certificates that closed cases wait for are requested.
    """

    name, system = "certificates", "电子证照库"

    def __init__(
        self, base: str, *, client: str, secret: str, rate: float, roots: bytes = b""
    ) -> None:
        """Create a client; `roots` are the trusted certificates (PEM) of issuers."""
        self._client, self._secret, self._roots = client, secret, roots
        self._caller = Caller(base, rate=rate, login=self._log_in)

    def _log_in(self, caller: Caller) -> str:
        answer = caller.json(
            "POST", "/token", body={"client_id": self._client, "client_secret": self._secret}
        )
        return str(answer.get("access_token", ""))

    def discover(self, cursor: str, wants: Sequence[MissingCertificate]) -> Iterator[Page]:
        """Yield one notice for each certificate that is wanted.

        There is no cursor: a want ends when it is met.
        """
        del cursor
        for at in range(0, len(wants), _PAGE):
            yield Page(
                tuple(
                    Notice(f"{want.case_no}:{want.no}", detail={"want": want})
                    for want in wants[at : at + _PAGE]
                )
            )

    def fetch(self, notice: Notice) -> Parcel | None:
        """Return the certificate, None while the library has none for this holder."""
        want: MissingCertificate = notice.detail["want"]
        asked = {"case_no": want.case_no, "holder_id": want.holder, "certificate_type": want.kind}
        # The holder goes in the body: addresses are written into logs on the way.
        rows = self._caller.json("POST", "/certificates/query", body=asked).get("certificates")
        if not isinstance(rows, list) or not rows:
            return None
        certificate, digest = str(rows[0]["certificate_id"]), str(rows[0]["sha256"])
        data = self._caller.file(
            f"/certificates/{quote(certificate, safe='')}/content",
            checked=lambda body: hashlib.sha256(body).hexdigest() == digest,
        )
        if data is None:
            return None
        extension = next((suffix for magic, suffix in _EXTENSIONS if data.startswith(magic)), "bin")
        piece = RawPiece(
            want.case_no,
            want.no,
            ((data, extension),),
            {
                "type": want.kind,
                "source": str(SourceKind.SHARED_CERT),
                "pages": int(rows[0].get("pages", 1)),
            },
        )
        parcel = Parcel(data, pieces=(piece,), system_id=certificate)
        return (
            replace(parcel, signature=_signature(data, self._roots))
            if extension == "pdf"
            else parcel
        )

    def acknowledge(self, notice: Notice, outcome: ArrivalOutcome) -> None:
        """Send a receipt of use, as the sharing system asks of its users."""
        want: MissingCertificate = notice.detail["want"]
        try:
            self._caller.json(
                "POST",
                "/receipts",
                body={"case_no": want.case_no, "certificate_type": want.kind, "outcome": outcome},
            )
        except SourceError as error:
            if error.code != "SOURCE_REFUSED":
                raise


def _signature(data: bytes, roots: bytes) -> ForeignSignature:
    """Return the state of the certificate's own signature.

    It is UNREADABLE when the parser dies of the file.
    """
    answer = run_task("signature", _LENGTH.pack(len(roots)) + roots + data)
    return (
        ForeignSignature.UNREADABLE
        if isinstance(answer, str)
        else ForeignSignature(answer.decode())
    )
