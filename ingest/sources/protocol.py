"""What a source is to the archive: three questions, and the plain data that go between."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from archive.gathering.cases import MissingCertificate
from archive.reference.findings import Finding
from ingest.errors import IngestError

MAX_BODY = 256 << 20
"""The most that one fetch may bring, in bytes."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that a source has for us. `id` names it for good and holds nothing personal; `sha256` where the source announces it."""

    id: str
    sha256: str | None = None
    detail: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Page:
    """Notices, and the cursor to go on from once all of them are held; None keeps the old one."""

    notices: tuple[Notice, ...]
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class RawPiece:
    """One material as it was fetched: its files with their extensions, and what the source states of it in the words of `case.json`."""

    case_no: str
    no: int
    files: tuple[tuple[bytes, str], ...] = field(repr=False)
    stated: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Parcel:
    """What one fetch brought: the bytes untouched, and what they mean. With a `fault` they mean nothing and go to quarantine."""

    data: bytes = field(repr=False)
    closed: Mapping[str, Any] | None = field(default=None, repr=False)
    pieces: tuple[RawPiece, ...] = ()
    fault: Finding | None = None
    system_id: str = ""
    signature: str | None = None


class Source(Protocol):
    """One outside system. Every call may raise SourceError; none touches our database or store."""

    @property
    def name(self) -> str:
        """As `yice pull` is told it."""
        ...

    @property
    def system(self) -> str:
        """As evidence names it."""
        ...

    def discover(self, cursor: str, wants: Sequence[MissingCertificate]) -> Iterator[Page]:
        """What there is since the cursor, page by page; `wants` are certificates that cases wait for."""
        ...

    def fetch(self, notice: Notice) -> Parcel | None:
        """Bring it; None when the source does not have it (yet)."""
        ...

    def acknowledge(self, notice: Notice, outcome: str) -> None:
        """Tell the source that we hold it. Happens once or more often: a kill may come between our commit and this."""
        ...


class SourceError(IngestError):
    """A source does not answer, or not as its protocol says; what is said names no person and no address."""

    code = "SOURCE_UNAVAILABLE"

    def __init__(
        self,
        code: str,
        message: str,
        action: str = "请检查该系统和网络；会自动重试，已取得的不会重取。",
    ) -> None:
        """Keep a code of its own for each kind of trouble."""
        super().__init__(message, action)
        self.code = code
