"""What the endpoints of the station API share: runtime, search, seals, and access headers."""

from contextlib import AbstractContextManager
from functools import cached_property
from threading import Lock
from typing import Annotated

from fastapi import Depends, Header, Request
from sqlalchemy.orm import Session

from api.http import daily
from api.http.limits import Limiter, limiters
from api.http.page_cache import PageImages
from api.jobs.certified_copies import open_copy_sealer
from api.runtime.bootstrap import Runtime, open_index_folder
from archive.administration.daily_use import Shown
from archive.administration.policy import Act, Reader
from archive.audit.acts import JournalAct
from archive.usage.certified_copies import CopySealer
from archive.usage.looks import AccessContext, Look, Purpose
from archive.usage.reading_room import OpenedVolume, consult_volume
from search.index_folder import IndexReader as SearchReader
from search.query import Words


class StationApi:
    """The state of the station API of one app.

    Seals and veraPDF are opened at first use; `sealing` lets one copy be made at a time.
    """

    def __init__(self, runtime: Runtime, images: PageImages) -> None:
        """Open nothing yet."""
        self.runtime, self.images = runtime, images
        self.reference = runtime.reference
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


def counted(station: StationApi, reader: Reader, kind: Shown) -> AbstractContextManager[Session]:
    """Open the transaction of an access, counted first towards the day's limit."""
    return daily.counted(station.runtime, reader, kind)


def consult(
    station: StationApi,
    reader: Reader,
    context: AccessContext,
    act: Act,
    name: str,
    what: JournalAct,
    **shown: object,
) -> tuple[OpenedVolume, Look]:
    """Open a volume for the reader, counted and journalled, in one transaction."""
    with counted(station, reader, Shown.LOOKS if act is Act.VIEW else Shown.CONTENT) as session:
        return consult_volume(
            session,
            reader,
            act,
            name,
            station.reference,
            context,
            what=what,
            version=None,
            **shown,
        )
