"""扫描录入: a watched folder (docs/sources/scanning.md).

A record `<name>.json`, written last, says what was scanned, where, by whom and at which
resolution.
"""

import hashlib
import json
import os
import re
import stat
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from archive.gathering.captures import SOURCE, SYSTEM, captured_by
from archive.gathering.cases import MissingCertificate
from archive.reference.findings import Finding, finding
from archive.reference.machine_faults import is_of_machine
from archive.reference.moments import Moment
from archive.reference.vocabulary import ArrivalOutcome, SourceKind
from ingest.reading.sandbox import run_task
from ingest.sources.protocol import MAX_BODY, Notice, Page, Parcel, RawPiece, SourceError

TAKEN_FOLDER, REFUSED_FOLDER = "taken", "refused"
_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,120}$"
_PAGE = 20
_LENGTH = struct.Struct("<I")
_Name = Annotated[str, StringConstraints(pattern=_NAME)]
_Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ScannedFile(_Part):
    """A file next to the record, and its digest.

    While the file is still being written the two do not agree.
    """

    name: _Name
    sha256: _Digest


class ScannedMaterial(_Part):
    """The material that files without sheets belong to: one material of one case."""

    case_no: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
    no: Annotated[int, Field(ge=1, le=999)]
    type: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    pages: Annotated[int, Field(ge=1, le=5000)]


class CaptureRecord(_Part):
    """The record of one capture.

    Without `material` the one file is a stack with cover and separator sheets.
    """

    station: Annotated[str, StringConstraints(min_length=1, max_length=60)]
    operator: Annotated[str, StringConstraints(min_length=1, max_length=60)]
    dpi: Annotated[int, Field(ge=50, le=2400)]
    captured_at: Moment
    files: Annotated[tuple[ScannedFile, ...], Field(min_length=1, max_length=500)]
    material: ScannedMaterial | None = None


class ScanFolder:
    """The folder into which the scanning stations write.

    Files that were taken move to `taken`, files that cannot be used to `refused`.
    """

    name, system = SOURCE, SYSTEM

    def __init__(self, folder: Path) -> None:
        """Set the folder, which must exist.

        It belongs to the stations, and nothing else is written to it.
        """
        self._folder = folder

    def discover(self, cursor: str, wants: Sequence[MissingCertificate]) -> Iterator[Page]:
        """Yield the records in order of name, in pages.

        There is no cursor: what is taken leaves the folder.
        """
        del cursor, wants
        if not self._folder.is_dir():
            raise SourceError(
                "SOURCE_FOLDER", "扫描文件夹不存在或无法读取。", "请检查 YICE_SCAN_FOLDER。"
            )
        names = sorted(
            entry.name
            for entry in os.scandir(self._folder)
            if entry.is_file(follow_symlinks=False) and entry.name.endswith(".json")
        )
        for at in range(0, len(names), _PAGE):
            yield Page(
                tuple(notice for name in names[at : at + _PAGE] if (notice := self._notice(name)))
            )

    def _notice(self, name: str) -> Notice | None:
        try:
            data = self._read(name)
        except OSError as error:
            if is_of_machine(error):
                raise
            return None  # another process has taken it since
        # The same name may come again with other content; that is another capture.
        stem = name.removesuffix(".json") if re.fullmatch(_NAME, name) else "unnamed"
        return Notice(
            f"{stem}#{hashlib.sha256(data).hexdigest()[:16]}", detail={"name": name, "record": data}
        )

    def _read(self, name: str) -> bytes:
        handle = os.open(
            self._folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        )
        with os.fdopen(handle, "rb") as source:
            data = source.read(MAX_BODY + 1)
        if len(data) > MAX_BODY:
            raise SourceError("SOURCE_TOO_LARGE", "扫描文件过大。", "请分批扫描。")
        return data

    def _whole(self, file: ScannedFile) -> bytes | None:
        """Return the file as the record names it, None when it is missing or differs.

        A record that comes twice finds its file among those that were taken.
        """
        for name in (file.name, f"{TAKEN_FOLDER}/{file.name}"):
            try:
                data = self._read(name)
            except OSError as error:
                if is_of_machine(error):
                    raise
                continue
            if hashlib.sha256(data).hexdigest() == file.sha256:
                return data
        return None

    def fetch(self, notice: Notice) -> Parcel | None:
        """Return the files that the record names.

        Returns None while a file is missing or not as the record says, since it is still being
        written.
        """
        try:
            record = CaptureRecord.model_validate_json(notice.detail["record"])
        except ValidationError:
            return Parcel(notice.detail["record"], fault=_fault("采集记录不完整或格式有误"))
        files = []
        for file in record.files:
            data = self._whole(file)
            if data is None:
                return None
            files.append((data, file.name.rpartition(".")[2].lower()[:4] or "bin"))
        if record.material is not None:
            stated = _stated(record, record.material.type, record.material.pages)
            piece = RawPiece(record.material.case_no, record.material.no, tuple(files), stated)
            return Parcel(
                files[0][0] if len(files) == 1 else notice.detail["record"], pieces=(piece,)
            )
        if len(files) > 1:
            return Parcel(notice.detail["record"], fault=_fault("没有材料说明的批次只能有一个文件"))
        return _split(files[0][0], record)

    def acknowledge(self, notice: Notice, outcome: ArrivalOutcome) -> None:
        """Move the files and the record out of the folder, the record last.

        A kill in between leaves a record whose files are gone already, which is then moved alone.
        """
        to = self._folder / (REFUSED_FOLDER if outcome is ArrivalOutcome.REFUSED else TAKEN_FOLDER)
        to.mkdir(exist_ok=True)
        # Who scans looks into it, so it is as open as the folder that the archive was given.
        to.chmod(stat.S_IMODE(self._folder.stat().st_mode))
        try:
            names = [
                file.name
                for file in CaptureRecord.model_validate_json(notice.detail["record"]).files
            ]
        except ValidationError:
            names = []
        for name in [*names, notice.detail["name"]]:
            if (self._folder / name).exists():
                (self._folder / name).replace(to / name)


def _split(data: bytes, record: CaptureRecord) -> Parcel:
    head, blobs = split_stack(data)
    if "fault" in head:
        return Parcel(data, fault=_fault(head["fault"]))
    pieces = tuple(
        RawPiece(
            entry["case_no"],
            entry["no"],
            ((blob, head["extension"]),),
            _stated(record, entry["type"], entry["pages"]),
        )
        for entry, blob in zip(head["pieces"], blobs, strict=True)
    )
    return Parcel(data, pieces=pieces)


def split_stack(data: bytes) -> tuple[dict[str, Any], list[bytes]]:
    """Return head and blobs of a stack, split in the sandbox (`ingest.reading.stacks`).

    The head holds `fault`, and `bare` for a stack without any sheet; else `extension` and
    `pieces`, whose bytes are the blobs.
    """
    answer = run_task("split", data)
    if isinstance(answer, str):
        return {"fault": "解析超时" if answer == "slow" else "解析时进程中止"}, []
    return unpacked(answer)


def unpacked(packed: bytes) -> tuple[dict[str, Any], list[bytes]]:
    """Return head and blobs of a packed answer: a JSON head after its length, then the pieces."""
    end = _LENGTH.size + _LENGTH.unpack_from(packed)[0]
    head: dict[str, Any] = json.loads(packed[_LENGTH.size : end])
    blobs = []
    for entry in head.get("pieces", ()):
        blobs.append(packed[end : end + entry["size"]])
        end += entry["size"]
    return head, blobs


def _stated(record: CaptureRecord, kind: str, pages: int) -> dict[str, Any]:
    return {
        "type": kind,
        "source": str(SourceKind.SCANNED_PROOF),
        "pages": pages,
        "captured_by": captured_by(record.station, record.operator, record.dpi),
        "captured_at": record.captured_at.isoformat(),
    }


def _fault(why: str) -> Finding:
    return finding("STACK_INVALID", "stack", why=why)
