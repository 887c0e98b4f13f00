"""What the endpoints of the station API share: runtime, search, seals, and access headers."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from threading import Lock
from typing import Annotated

from fastapi import Depends, Header, Request
from sqlalchemy.orm import Session

from api.http.limits import Limiter, limiters
from api.http.problems import ProblemError
from api.jobs.certified_copies import open_copy_sealer
from api.runtime.bootstrap import Runtime, open_index_folder
from archive.administration.daily_use import DailyLimitError, Shown, count, refuse, seconds_left
from archive.administration.policy import Act, Reader
from archive.audit.acts import JournalAct
from archive.database.engine import writing
from archive.usage.certified_copies import CopySealer
from archive.usage.reading_room import (
    OpenedVolume,
    Purpose,
    ReferenceData,
    journal_access,
    open_volume,
)
from search.index_folder import IndexReader as SearchReader
from search.query import Words


class StationApi:
    """The state of the station API of one app.

    Seals and veraPDF are opened at first use; `sealing` lets one copy be made at a time.
    """

    def __init__(self, runtime: Runtime) -> None:
        """Open nothing yet."""
        self.runtime = runtime
        self.reference = ReferenceData(runtime.organisations, runtime.catalogue)
        self.words = Words(runtime.organisations, runtime.catalogue)
        self.search = SearchReader(open_index_folder(runtime.settings))
        self.limiter, self.anonymous = limiters(
            runtime.settings.rate_limit, runtime.settings.rate_file
        )
        self.sealing = Lock()

    limiter: Limiter
    anonymous: Limiter

    @cached_property
    def stamps(self) -> CopySealer:
        """Return the seals of this installation, opened at first use."""
        return open_copy_sealer(self.runtime)


@dataclass(frozen=True, slots=True)
class AccessContext:
    """Why a client reads: the purpose, the usage number, and the officer at the client."""

    purpose: Purpose
    usage: str | None
    operator: str | None


# Both compute nothing: as coroutines they need no thread.
async def _access(
    yice_purpose: Annotated[
        Purpose,
        Header(
            description=(
                "查阅目的：HANDLE 办理业务、CHECK 核查比对、ARCHIVE 档案管理、"
                "SUPERVISE 监督抽查、USE 查询利用"
            )
        ),
    ],
    yice_usage: Annotated[
        str | None,
        Header(
            description="利用单号", pattern=r"^LY[0-9]{4}-[0-9]{6,12}$", examples=["LY2026-000001"]
        ),
    ] = None,
    yice_operator: Annotated[
        str | None,
        Header(description="操作民警警号", pattern=r"^[A-Za-z0-9]{1,20}$", examples=["060101"]),
    ] = None,
) -> AccessContext:
    return AccessContext(yice_purpose, yice_usage, yice_operator)


async def _station(request: Request) -> StationApi:
    station: StationApi = request.app.state.station
    return station


Station = Annotated[StationApi, Depends(_station)]
Access = Annotated[AccessContext, Depends(_access)]


@contextmanager
def counted(station: StationApi, reader: Reader, kind: Shown) -> Iterator[Session]:
    """Open the transaction of an access, counted first towards the day's limit.

    Beyond the limit all records are answered alike.
    """
    settings = station.runtime.settings
    most = settings.daily_content if kind is Shown.CONTENT else settings.daily_looks
    try:
        with writing(station.runtime.engine) as session:
            count(session, reader.account, kind, most)
            yield session
    except DailyLimitError as error:
        with writing(station.runtime.engine) as session:
            refuse(session, reader.account, kind, most)
            wait = seconds_left(session)
        raise ProblemError(
            429, error.code, error.message, error.action, {"Retry-After": str(wait)}
        ) from None


def open_and_note(
    station: StationApi,
    reader: Reader,
    access: AccessContext,
    act: Act,
    name: str,
    what: JournalAct,
    **shown: object,
) -> OpenedVolume:
    """Open a volume for the reader and journal it in one transaction.

    So nothing is shown without an entry in the journal.
    """
    with counted(station, reader, Shown.LOOKS if act is Act.VIEW else Shown.CONTENT) as session:
        opened = open_volume(session, reader, act, name, station.reference, access.usage)
        note(session, reader, access, opened, what, **shown)
        return opened


def note(
    session: Session,
    reader: Reader,
    access: AccessContext,
    opened: OpenedVolume,
    what: JournalAct,
    **shown: object,
) -> None:
    """Journal an access to a volume."""
    grant = opened.decision.grant
    version = opened.version.version if opened.version else None
    journal_access(
        session,
        reader,
        what,
        opened.volume.code,
        access.purpose,
        version=version,
        usage=grant.number if grant else None,
        operator=access.operator,
        **shown,
    )
