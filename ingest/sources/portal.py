"""互联网申报: the portal of online applications (docs/sources/portal.yaml).

The portal lists applications page by page and gives each as one package; 一键提取 fetches all of
them.
"""

import hashlib
import json
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from archive.gathering.cases import MissingCertificate
from archive.reference.findings import finding
from archive.reference.vocabulary import ArrivalOutcome, SourceKind
from ingest.errors import PackageChangedError
from ingest.package.containers import BadBagError, zip_files
from ingest.package.payload import PayloadFile
from ingest.sources.http import Caller
from ingest.sources.protocol import Notice, Page, Parcel, RawPiece, SourceError

_PAGE, _MOST_PAGES, _MAX_LIST = 100, 10_000, 1 << 20


class OnlinePortal:
    """The portal of online applications."""

    name, system = "portal", "互联网申报平台"

    def __init__(self, base: str, *, key: str, rate: float) -> None:
        """Create a client; `key` is the access key that the portal issued to us."""
        self._caller = Caller(base, rate=rate, token=key)

    def discover(self, cursor: str, wants: Sequence[MissingCertificate]) -> Iterator[Page]:
        """Yield pages of the applications that were submitted after the cursor."""
        del wants
        for _ in range(_MOST_PAGES):
            answer = self._caller.json(
                "GET", "/applications", query={"after": cursor, "limit": _PAGE}
            )
            rows = answer.get("applications")
            if not isinstance(rows, list) or not all(
                isinstance(row, dict) and {"id", "sha256"} <= row.keys() for row in rows
            ):
                raise SourceError("SOURCE_ANSWER", "来源系统的应答不完整或格式有误。")
            after = str(answer.get("next") or cursor)
            yield Page(tuple(Notice(str(row["id"]), str(row["sha256"])) for row in rows), after)
            if not answer.get("more") or after == cursor:
                return
            cursor = after

    def fetch(self, notice: Notice) -> Parcel | None:
        """Return the package of one application, None when the portal has none.

        The package is opened without trusting its content.
        """
        data = self._caller.file(
            f"/applications/{quote(notice.id, safe='')}/package",
            checked=lambda body: hashlib.sha256(body).hexdigest() == notice.sha256,
        )
        if data is None:
            return None
        with tempfile.TemporaryDirectory(prefix="yice-portal-") as folder:
            path = Path(folder) / "package.zip"
            path.write_bytes(data)
            try:
                return Parcel(data, pieces=tuple(_pieces(zip_files(path))))
            except (
                BadBagError,
                zipfile.BadZipFile,
                OSError,
                ValueError,
                TypeError,
                KeyError,
                PackageChangedError,
            ):
                return Parcel(data, fault=finding("APPLICATION_INVALID", "application"))

    def acknowledge(self, notice: Notice, outcome: ArrivalOutcome) -> None:
        """Send a receipt; the portal shows the applicant that the archive has the package."""
        self._caller.json(
            "POST", f"/applications/{quote(notice.id, safe='')}/receipt", body={"outcome": outcome}
        )


def _pieces(files: Mapping[str, PayloadFile]) -> Iterator[RawPiece]:
    """Yield the materials that application.json lists.

    Raises KeyError, TypeError or ValueError for what is not as the protocol says.
    """
    listed = files["application.json"]
    if listed.size > _MAX_LIST:
        raise ValueError("list too long")
    application: Any = json.loads(listed.read())
    for material in application["materials"]:
        contents = tuple(
            (files[str(path)].read(), _extension(str(path))) for path in material["files"]
        )
        stated = {
            "type": str(material["type"]),
            "source": str(SourceKind.ONLINE_APPLICATION),
            "pages": int(material["pages"]),
        }
        stated |= (
            {"captured_at": str(material["uploaded_at"])} if material.get("uploaded_at") else {}
        )
        yield RawPiece(str(application["case_no"]), int(material["no"]), contents, stated)


def _extension(path: str) -> str:
    end = path.rpartition(".")[2].lower()
    short = "." in path and len(end) <= 4  # noqa: PLR2004 - jpeg, tiff
    return end if short and end.isascii() and end.isalnum() else "bin"
