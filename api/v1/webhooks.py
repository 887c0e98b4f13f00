"""Webhooks: clients are notified when a volume that they may see is committed."""

from typing import Annotated

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from api.http.problems import ProblemError
from api.http.tokens import Caller
from api.jobs.webhooks import allowed
from api.v1.station import Station
from archive.administration.policy import Act
from archive.database.engine import reading, writing
from archive.jobs import subscriptions as webhooks
from archive.usage.reading_room import require

router = APIRouter(tags=["通知"], prefix="/webhooks")
_EXAMPLE: JsonDict = {"url": "https://station.example/yice"}


class HookWanted(BaseModel):
    """Where to send; only hosts that the operator allowed (YICE_WEBHOOK_HOSTS)."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "description": "通知发往的地址；其主机须列入 YICE_WEBHOOK_HOSTS。",
            "examples": [_EXAMPLE],
        },
    )
    url: str = Field(
        min_length=8, max_length=500, pattern=r"^https?://[!-~]+$", description="http 或 https 地址"
    )


class HookView(BaseModel):
    """A webhook: its failures in a row, and when it is tried next."""

    model_config = ConfigDict(json_schema_extra={"description": "一项订阅。"})

    id: int = Field(description="订阅编号")
    url: str = Field(description="通知发往的地址")
    failures: int = Field(description="连续失败的次数")
    next_at: str = Field(description="下次尝试的时间")


class HookMade(HookView):
    """A new webhook with the secret of its signatures, which is shown this once."""

    model_config = ConfigDict(json_schema_extra={"description": "新的订阅及其密钥。"})

    secret: str = Field(description="签名密钥，只显示这一次")


@router.post(
    "",
    summary="订阅“册已归档”",
    description=(
        "订阅“册已归档”（volume.committed）：自订阅起，可见的册归档时向该地址"
        "发送通知，此前归档的不再通知。答复中的 secret 只给出这一次，用于核对"
        " Yice-Signature（对“秒.正文”的 HMAC-SHA256）。通知按序发送，答复"
        " 2xx 之前会重发，间隔至多一小时；同一 id 可能收到两次。被拒时："
        "422 HOST_NOT_ALLOWED 请由系统管理员将该主机加入 YICE_WEBHOOK_HOSTS；"
        "409 ALREADY_SUBSCRIBED 为该地址已订阅，需要新密钥时请先退订。"
    ),
    response_description="订阅和签名密钥",
    status_code=201,
)
def subscribe(wanted: HookWanted, reader: Caller, station: Station) -> HookMade:
    """Subscribe from now on; what was committed before is not sent."""
    require(reader, Act.WATCH)
    if not allowed(wanted.url, station.runtime.settings.webhook_hosts):
        raise ProblemError(
            422,
            "HOST_NOT_ALLOWED",
            "该地址的主机未获准。",
            "请由系统管理员将其加入 YICE_WEBHOOK_HOSTS。",
        )
    with writing(station.runtime.engine) as session:
        if webhooks.is_subscribed(session, reader, wanted.url):
            raise ProblemError(
                409, "ALREADY_SUBSCRIBED", "该地址已订阅。", "需要新的密钥时，请先退订再订阅。"
            )
        row = webhooks.subscribe(session, reader, wanted.url)
        return HookMade(
            id=row.id,
            url=row.url,
            failures=row.failures,
            next_at=row.next_at.isoformat(),
            secret=row.secret,
        )


@router.get(
    "",
    summary="本系统的订阅",
    description=(
        "列出本账号的订阅，不含密钥；failures 为连续失败的次数，next_at 为下次尝试的时间。"
    ),
    response_description="订阅列表",
)
def subscriptions(reader: Caller, station: Station) -> list[HookView]:
    """List the webhooks of the caller, without secrets."""
    require(reader, Act.WATCH)
    with reading(station.runtime.engine) as session:
        rows = webhooks.subscriptions_of(session, reader)
    return [
        HookView(id=row.id, url=row.url, failures=row.failures, next_at=row.next_at.isoformat())
        for row in rows
    ]


@router.delete(
    "/{id_}",
    summary="退订",
    description=(
        "退订，此后不再发送通知；密钥随之作废。被拒时：404 NOT_FOUND 为没有这项"
        "订阅，请核对订阅编号。"
    ),
    response_description="已退订",
    status_code=204,
    response_class=Response,
)
def unsubscribe(
    id_: Annotated[int, Path(ge=1, le=2**53)], reader: Caller, station: Station
) -> Response:
    """Delete a webhook; nothing more is sent."""
    require(reader, Act.WATCH)
    with writing(station.runtime.engine) as session:
        webhooks.unsubscribe(session, reader, id_)
    return Response(status_code=204)
