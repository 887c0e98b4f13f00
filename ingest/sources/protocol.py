"""The protocol of a source: three methods, and the plain data that they exchange."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol

from archive.gathering.cases import MissingCertificate
from archive.reference.findings import Finding
from archive.reference.vocabulary import ArrivalOutcome
from ingest.errors import IngestError

MAX_BODY = 256 << 20
"""The most that one fetch may bring, in bytes."""


@dataclass(frozen=True, slots=True)
class Notice:
    """An announcement that a source has something for us.

    `id` names it for good and holds nothing personal. `sha256` is set where the source announces
    it.
    """

    id: str
    sha256: str | None = None
    detail: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Page:
    """A page of notices.

    `cursor` is where to continue once all of them are stored; None keeps the old one.
    """

    notices: tuple[Notice, ...]
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class RawPiece:
    """One material as it was fetched.

    `files` holds bytes and extension of each file; `stated` is what the source states of the
    material, in the words of `case.json`.
    """

    case_no: str
    no: int
    files: tuple[tuple[bytes, str], ...] = field(repr=False)
    stated: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Parcel:
    """The result of one fetch: the untouched bytes, and what they mean.

    With a `fault` they mean nothing and go to quarantine.
    """

    data: bytes = field(repr=False)
    closed: Mapping[str, Any] | None = field(default=None, repr=False)
    pieces: tuple[RawPiece, ...] = ()
    fault: Finding | None = None
    system_id: str = ""
    signature: str | None = None


class Source(Protocol):
    """One outside system.

    Every call may raise SourceError; none touches our database or store.
    """

    @property
    def name(self) -> str:
        """Return the name that `yice pull` takes."""
        ...

    @property
    def system(self) -> str:
        """Return the name that evidence gives."""
        ...

    def discover(self, cursor: str, wants: Sequence[MissingCertificate]) -> Iterator[Page]:
        """Yield what there is since the cursor, page by page.

        `wants` are the certificates that cases wait for.
        """
        ...

    def fetch(self, notice: Notice) -> Parcel | None:
        """Return what a notice announces; None when the source does not have it (yet)."""
        ...

    def acknowledge(self, notice: Notice, outcome: ArrivalOutcome) -> None:
        """Tell the source that we hold it.

        Happens once or more often: a kill may come between our commit and this call.
        """
        ...


class SourceError(IngestError):
    """A source does not answer, or not as its protocol says.

    The message names no person and no address.
    """

    code = "SOURCE_UNAVAILABLE"

    def __init__(
        self,
        code: str,
        message: str,
        action: str = "请检查该系统和网络；会自动重试，已取得的不会重取。",
        *,
        retry_after: timedelta = timedelta(0),
    ) -> None:
        """Set the code, which differs for each kind of trouble, and the pause asked for."""
        super().__init__(message, action)
        self.code, self.retry_after = code, retry_after
