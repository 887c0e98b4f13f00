"""Webhooks: be told when a volume that one may see is committed."""

import secrets
from typing import Annotated

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict
from sqlalchemy import select

from api.http.problems import ProblemError
from api.http.tokens import Caller
from api.jobs.webhooks import allowed
from api.v1.station import Station
from archive.administration.policy import Act
from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.database.engine import database_now, reading, writing
from archive.database.tables_exchange import Webhook
from archive.jobs import feed
from archive.reference.errors import NotFoundError
from archive.usage.reading_room import require

router = APIRouter(tags=["通知"], prefix="/webhooks")
_EXAMPLE: JsonDict = {"url": "https://station.example/yice"}


class HookWanted(BaseModel):
    """Where to send. Only hosts that the operator allowed (YICE_WEBHOOK_HOSTS) are called."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})
    url: str = Field(min_length=8, max_length=500, pattern=r"^https?://[!-~]+$")


class HookView(BaseModel):
    """A webhook; `failures` in a row, and when it is tried next."""

    id: int
    url: str
    failures: int
    next_at: str


class HookMade(HookView):
    """With the secret of its signatures, shown this once."""

    secret: str


@router.post("", summary="订阅“册已归档”", status_code=201)
def subscribe(wanted: HookWanted, reader: Caller, station: Station) -> HookMade:
    """From now on; what was committed before is not told."""
    require(reader, Act.WATCH)
    if not allowed(wanted.url, station.runtime.settings.webhook_hosts):
        raise ProblemError(
            422,
            "HOST_NOT_ALLOWED",
            "该地址的主机未获准。",
            "请由系统管理员将其加入 YICE_WEBHOOK_HOSTS。",
        )
    with writing(station.runtime.engine) as session:
        if session.scalars(
            select(Webhook).filter_by(account=reader.account, url=wanted.url)
        ).first():
            raise ProblemError(
                409, "ALREADY_SUBSCRIBED", "该地址已订阅。", "需要新的密钥时，请先退订再订阅。"
            )
        now = database_now(session)
        row = Webhook(
            account=reader.account,
            org=reader.org,
            url=wanted.url,
            secret=secrets.token_urlsafe(32),
            cursor=feed.head(session),
            failures=0,
            next_at=now,
            created_at=now,
        )
        session.add(row)
        session.flush()
        journal.record(
            session, reader.account, JournalAct.SUBSCRIBE, f"webhook:{row.id}", org=reader.org
        )
        return HookMade(
            id=row.id, url=row.url, failures=0, next_at=now.isoformat(), secret=row.secret
        )


@router.get("", summary="本系统的订阅")
def subscriptions(reader: Caller, station: Station) -> list[HookView]:
    """Without secrets."""
    require(reader, Act.WATCH)
    with reading(station.runtime.engine) as session:
        rows = session.scalars(
            select(Webhook).filter_by(account=reader.account).order_by(Webhook.id)
        ).all()
    return [
        HookView(id=row.id, url=row.url, failures=row.failures, next_at=row.next_at.isoformat())
        for row in rows
    ]


@router.delete("/{id_}", summary="退订", status_code=204, response_class=Response)
def unsubscribe(
    id_: Annotated[int, Path(ge=1, le=2**53)], reader: Caller, station: Station
) -> Response:
    """Nothing more is sent."""
    require(reader, Act.WATCH)
    with writing(station.runtime.engine) as session:
        row = session.get(Webhook, id_)
        if row is None or row.account != reader.account:
            raise NotFoundError("没有这项订阅。", "请核对订阅编号。")
        session.delete(row)
        journal.record(
            session, reader.account, JournalAct.UNSUBSCRIBE, f"webhook:{id_}", org=reader.org
        )
    return Response(status_code=204)
