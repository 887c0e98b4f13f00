"""Changes of the shipped tables by the 系统管理员: item versions, 电子化 (R3, R10, R16).

Rows are only added. A version of an item, once entered, never changes, because cases name it; a
change is a further version. Every process reads the rows that came since it last looked
(`apply_changes`), so that a change is in effect everywhere without a restart.
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
from archive.reference.service_items import (
    Catalogue,
    CatalogueError,
    ItemMaterial,
    ServiceItem,
    missing_groups,
)
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
    """A field of an item that differs in a further version.

    Of materials, each one that was added, removed or changed.
    """

    label: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Incoming:
    """An item to be imported, the newest version in the catalogue, and the differences.

    `known`: this very version is in the catalogue already. `missing`: the mandatory groups that are
    empty.
    """

    item: ServiceItem
    before: ServiceItem | None
    changes: tuple[Change, ...]
    known: bool
    missing: tuple[str, ...]


def versions_of(catalogue: Catalogue, code: str) -> list[ServiceItem]:
    """Return all versions of an item, oldest first: in the order in which they came."""
    return [item for item in catalogue if item.code == code]


def differences(before: ServiceItem, after: ServiceItem) -> tuple[Change, ...]:
    """Return in what a version differs from the one before it."""
    changes = []
    for name, label in _FIELDS.items():
        if name == "materials":
            changes += _materials(before, after)
        elif getattr(before, name) != getattr(after, name):
            changes.append(Change(label, _text(getattr(before, name)), _text(getattr(after, name))))
    return tuple(changes)


def _materials(before: ServiceItem, after: ServiceItem) -> list[Change]:
    was, now = (
        {material.name: material for material in item.materials} for item in (before, after)
    )
    return [
        Change(f"材料 {name}", _material_text(was.get(name)), _material_text(now.get(name)))
        for name in dict.fromkeys([*was, *now])
        if was.get(name) != now.get(name)
    ]


def _material_text(material: ItemMaterial | None) -> str:
    if material is None:
        return ""
    sources = "、".join(source.label for source in material.sources)
    return f"{sources}（{material.condition or '必交'}）"


def _text(value: Any) -> str:  # noqa: ANN401 - any field
    if isinstance(value, tuple):
        return "、".join(_text(part) for part in value)
    if isinstance(value, bool):
        return "是" if value else "否"
    return "" if value is None else str(getattr(value, "label", value))


def read_items(text: str, catalogue: Catalogue) -> list[Incoming]:
    """Return what a list of items (JSON, as service-items.json) would bring.

    Raises CatalogueError, and ConflictError for a known version with other content.
    """
    try:
        items = TypeAdapter(list[ServiceItem]).validate_python(json.loads(text))
        Catalogue(items)  # names no item twice
    except ValidationError as fault:
        places = "；".join(
            ".".join(str(part) for part in error["loc"]) for error in fault.errors()[:5]
        )
        raise CatalogueError(
            f"事项清单不符合格式：{places}。", "请对照 service-items.json 的字段更正。"
        ) from None
    except ValueError:
        raise CatalogueError("所给内容不是 JSON。", "请选择或粘贴 JSON 格式的事项清单。") from None
    incoming = []
    for item in items:
        known = versions_of(catalogue, item.code)
        same = next((version for version in known if version.version == item.version), None)
        if same is not None and differences(same, item):
            raise ConflictError(
                f"事项 {item.code} 的版本 {item.version} 已存在且内容不同。",
                "已有版本不得改动，请另编版本号。",
            )
        before = known[-1] if known and same is None else None
        incoming.append(
            Incoming(
                item,
                before,
                differences(before, item) if before else (),
                same is not None,
                missing_groups(item),
            )
        )
    return incoming


def import_items(
    session: Session, actor: Reader, text: str, approval: str, catalogue: Catalogue
) -> int:
    """Enter the item versions that are not there yet; return how many.

    `approval` is the approval of the archives authority (实施条例 §19). Raises ForbiddenError,
    CatalogueError, ConflictError.
    """
    require_act(actor, Act.OPERATE)
    fresh = [incoming.item for incoming in read_items(text, catalogue) if not incoming.known]
    if not fresh:
        raise ConflictError("所给版本均已存在，没有可导入的。", "请核对版本号。")
    now = database_now(session)
    session.add_all(
        Configured(
            kind=ITEM,
            key=f"{item.code}@{item.version}"[:64],
            body=item.model_dump(mode="json"),
            note=approval,
            by=actor.account,
            at=now,
        )
        for item in fresh
    )
    session.flush()
    journal.record(
        session,
        actor.account,
        JournalAct.IMPORT_ITEM,
        "catalogue",
        approval=approval,
        items=[f"{item.code}@{item.version}" for item in fresh],
        # By this the row is held to what was entered: the body says what a case must have.
        bodies={
            f"{item.code}@{item.version}": journal.digest_of(item.model_dump(mode="json"))
            for item in fresh
        },
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
    """Set a district or the city to 已电子化 or 过渡期; its stations follow it (R16).

    Raises ForbiddenError, ConflictError.
    """
    require_act(actor, Act.OPERATE)
    organisation = organisations.get(code)
    if organisation.kind not in (OrgKind.DISTRICT, OrgKind.CITY):
        raise ConflictError("电子化状态按旗区局设定，所属单位随之。", "请在其旗区局一行切换。")
    if organisation.digitised == digitised:
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


def apply_changes(
    session: Session, after: int, catalogue: Catalogue, organisations: Organisations
) -> int:
    """Apply the rows entered after `after` to this process's tables; return the last row."""
    newest = session.scalar(select(func.max(Configured.id))) or 0
    if newest <= after:
        return after
    rows = session.scalars(
        select(Configured).where(Configured.id > after).order_by(Configured.id)
    ).all()
    catalogue.add([ServiceItem.model_validate(row.body) for row in rows if row.kind == ITEM])
    for row in rows:
        if row.kind == ORGANISATION and row.key in organisations:
            organisations.set_digitised(row.key, digitised=bool(row.body["digitised"]))
    return newest


class AppliedChanges:
    """How far a process has applied what was entered to its catalogue and organisations."""

    def __init__(self) -> None:
        """Begin before the first row."""
        self._last = 0

    def catch_up(
        self, session: Session, catalogue: Catalogue, organisations: Organisations
    ) -> None:
        """Apply the rows that were entered since the last call."""
        self._last = apply_changes(session, self._last, catalogue, organisations)


def configured_rows(session: Session, kind: str) -> Sequence[Configured]:
    """Return what was entered of a kind, newest first."""
    return session.scalars(
        select(Configured).where(Configured.kind == kind).order_by(Configured.id.desc())
    ).all()
