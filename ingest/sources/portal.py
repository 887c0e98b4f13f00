"""互联网申报: the portal lists applications page by page and gives each as one package; 一键提取 brings all of them (docs/sources/portal.yaml)."""

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
from archive.reference.vocabulary import SourceKind
from ingest.errors import PackageChangedError
from ingest.package.containers import BadBagError, zipped
from ingest.package.payload import PayloadFile
from ingest.sources.http import Caller
from ingest.sources.protocol import Notice, Page, Parcel, RawPiece, SourceError

_PAGE, _MOST_PAGES, _MAX_LIST = 100, 10_000, 1 << 20


class OnlinePortal:
    """The portal of online applications."""

    name, system = "portal", "互联网申报平台"

    def __init__(self, base: str, *, key: str, rate: float) -> None:
        """`key` is the key of access that the portal gave us."""
        self._caller = Caller(base, rate=rate, token=key)

    def discover(self, cursor: str, wants: Sequence[MissingCertificate]) -> Iterator[Page]:
        """Applications that were submitted after the cursor."""
        del wants
        for _ in range(_MOST_PAGES):
            answer = self._caller.json(
                "GET", "/applications", query={"after": cursor, "limit": _PAGE}
            )
            rows = answer.get("applications")
            if not isinstance(rows, list) or not all(
                isinstance(one, dict) and {"id", "sha256"} <= one.keys() for one in rows
            ):
                raise SourceError("SOURCE_ANSWER", "来源系统的应答不完整或格式有误。")
            after = str(answer.get("next") or cursor)
            yield Page(tuple(Notice(str(one["id"]), str(one["sha256"])) for one in rows), after)
            if not answer.get("more") or after == cursor:
                return
            cursor = after

    def fetch(self, notice: Notice) -> Parcel | None:
        """The package of one application, opened without trusting what is in it."""
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
                return Parcel(data, pieces=tuple(_pieces(zipped(path))))
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

    def acknowledge(self, notice: Notice, outcome: str) -> None:
        """The portal shows the applicant that the archive has it."""
        self._caller.json(
            "POST", f"/applications/{quote(notice.id, safe='')}/receipt", body={"outcome": outcome}
        )


def _pieces(files: Mapping[str, PayloadFile]) -> Iterator[RawPiece]:
    """The materials that application.json lists. Raises KeyError, TypeError or ValueError for what is not as the protocol says."""
    listed = files["application.json"]
    if listed.size > _MAX_LIST:
        raise ValueError("list too long")
    application: Any = json.loads(listed.read())
    for one in application["materials"]:
        held = tuple((files[str(path)].read(), _extension(str(path))) for path in one["files"])
        stated = {
            "type": str(one["type"]),
            "source": str(SourceKind.ONLINE_APPLICATION),
            "pages": int(one["pages"]),
        }
        stated |= {"captured_at": str(one["uploaded_at"])} if one.get("uploaded_at") else {}
        yield RawPiece(str(application["case_no"]), int(one["no"]), held, stated)


def _extension(path: str) -> str:
    end = path.rpartition(".")[2].lower()
    return end if end.isascii() and end.isalnum() and len(end) <= 4 and "." in path else "bin"  # noqa: PLR2004 - jpeg, tiff
