"""What the 系统管理员 changes of the shipped tables: further versions of items, and which organisations have done with paper (R3, R10, R16).

Rows are only added. A version of an item, once there, never changes, because cases name it; what changed is a further version. Every
process reads the rows that came since it last looked (`read_on`), so that a change is in effect everywhere without a restart.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archive.administration.accounts import require_act
from archive.administration.policy import Act, Reader
from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.database.engine import database_now
from archive.database.tables_administration import Configured
from archive.reference.errors import ConflictError
from archive.reference.organisations import Organisations
from archive.reference.service_items import Catalogue, CatalogueError, ServiceItem, missing_groups
from archive.reference.vocabulary import OrgKind

ITEM, ORGANISATION = "ITEM", "ORGANISATION"
_FIELDS = {
    "name": "事项名称",
    "category": "类别",
    "legal_basis": "法规依据",
    "mode": "办理方式",
    "approval_levels": "审批层级",
    "limit_workdays": "时限",
    "series": "卷目",
    "see_also": "互见卷目",
    "retention": "保管期限",
    "online": "网上申报",
    "materials": "申报材料",
}


@dataclass(frozen=True, slots=True)
class Change:
    """A field of an item that a further version says otherwise; of materials each one that came, went or changed."""

    label: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Incoming:
    """An item that is to be imported, the newest version there is, and what differs. `known`: this very version is there already."""

    item: ServiceItem
    before: ServiceItem | None
    changes: tuple[Change, ...]
    known: bool
    missing: tuple[str, ...]


def versions_of(catalogue: Catalogue, code: str) -> list[ServiceItem]:
    """All versions of an item, oldest first: in the order in which they came."""
    return [one for one in catalogue if one.code == code]


def differences(before: ServiceItem, after: ServiceItem) -> tuple[Change, ...]:
    """What a version says otherwise than the one before it."""
    found = []
    for name, label in _FIELDS.items():
        if name == "materials":
            found += _materials(before, after)
        elif getattr(before, name) != getattr(after, name):
            found.append(Change(label, _said(getattr(before, name)), _said(getattr(after, name))))
    return tuple(found)


def _materials(before: ServiceItem, after: ServiceItem) -> list[Change]:
    was, now = ({one.name: one for one in item.materials} for item in (before, after))
    return [
        Change(f"材料 {name}", _material(was.get(name)), _material(now.get(name)))
        for name in dict.fromkeys([*was, *now])
        if was.get(name) != now.get(name)
    ]


def _material(one: Any) -> str:  # noqa: ANN401 - a material or None
    return (
        ""
        if one is None
        else f"{'、'.join(source.label for source in one.sources)}（{one.condition or '必交'}）"
    )


def _said(value: Any) -> str:  # noqa: ANN401 - any field
    if isinstance(value, tuple):
        return "、".join(_said(one) for one in value)
    if isinstance(value, bool):
        return "是" if value else "否"
    return "" if value is None else str(getattr(value, "label", value))


def read_items(text: str, catalogue: Catalogue) -> list[Incoming]:
    """What a list of items (JSON, as service-items.json) would bring. Raises CatalogueError, ConflictError for a version that says otherwise."""
    try:
        items = TypeAdapter(list[ServiceItem]).validate_python(json.loads(text))
        Catalogue(items)  # names no item twice
    except ValidationError as fault:
        places = "；".join(".".join(str(part) for part in one["loc"]) for one in fault.errors()[:5])
        raise CatalogueError(
            f"事项清单不符合格式：{places}。", "请对照 service-items.json 的字段更正。"
        ) from None
    except ValueError:
        raise CatalogueError("所给内容不是 JSON。", "请选择或粘贴 JSON 格式的事项清单。") from None
    found = []
    for item in items:
        held = versions_of(catalogue, item.code)
        same = next((one for one in held if one.version == item.version), None)
        if same is not None and differences(same, item):
            raise ConflictError(
                f"事项 {item.code} 的版本 {item.version} 已存在且内容不同。",
                "已有版本不得改动，请另编版本号。",
            )
        before = held[-1] if held and same is None else None
        found.append(
            Incoming(
                item,
                before,
                differences(before, item) if before else (),
                same is not None,
                missing_groups(item),
            )
        )
    return found


def import_items(
    session: Session, actor: Reader, text: str, approval: str, catalogue: Catalogue
) -> int:
    """Enter the versions that are not there yet, upon the approval of the archives authority (实施条例 §19); returns how many."""
    require_act(actor, Act.OPERATE)
    fresh = [one.item for one in read_items(text, catalogue) if not one.known]
    if not fresh:
        raise ConflictError("所给版本均已存在，没有可导入的。", "请核对版本号。")
    now = database_now(session)
    session.add_all(
        Configured(
            kind=ITEM,
            key=f"{one.code}@{one.version}"[:64],
            body=one.model_dump(mode="json"),
            note=approval,
            by=actor.account,
            at=now,
        )
        for one in fresh
    )
    session.flush()
    journal.record(
        session,
        actor.account,
        JournalAct.IMPORT_ITEM,
        "catalogue",
        approval=approval,
        items=[f"{one.code}@{one.version}" for one in fresh],
    )
    return len(fresh)


def switch_digitised(
    session: Session,
    actor: Reader,
    code: str,
    *,
    digitised: bool,
    reason: str,
    organisations: Organisations,
) -> None:
    """Let a district or the city be 已电子化 or 过渡期: its stations follow it (R16). Raises ForbiddenError, ConflictError."""
    require_act(actor, Act.OPERATE)
    one = organisations.get(code)
    if one.kind not in (OrgKind.DISTRICT, OrgKind.CITY):
        raise ConflictError("电子化状态按旗区局设定，所属单位随之。", "请在其旗区局一行切换。")
    if one.digitised == digitised:
        raise ConflictError("该单位已处于此状态。", "请刷新页面。")
    row = Configured(
        kind=ORGANISATION,
        key=code,
        body={"digitised": digitised},
        note=reason,
        by=actor.account,
        at=database_now(session),
    )
    session.add(row)
    session.flush()
    journal.record(
        session,
        actor.account,
        JournalAct.SWITCH_ORGANISATION,
        code,
        digitised=digitised,
        reason=reason,
    )


def read_on(
    session: Session, after: int, catalogue: Catalogue, organisations: Organisations
) -> int:
    """Take what was entered after this row into the tables of this process; gives the last row read."""
    newest = session.scalar(select(func.max(Configured.id))) or 0
    if newest <= after:
        return after
    rows = session.scalars(
        select(Configured).where(Configured.id > after).order_by(Configured.id)
    ).all()
    catalogue.add([ServiceItem.model_validate(one.body) for one in rows if one.kind == ITEM])
    for one in rows:
        if one.kind == ORGANISATION and one.key in organisations:
            organisations.set_digitised(one.key, digitised=bool(one.body["digitised"]))
    return newest


def notes_of(session: Session, kind: str) -> Sequence[Configured]:
    """What was entered of a kind, newest first."""
    return session.scalars(
        select(Configured).where(Configured.kind == kind).order_by(Configured.id.desc())
    ).all()
