"""The plan of a volume: pure, from the facts of the case to an ordered list of items and the text of the generated sheets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from archive.arrangement.filing import item_order, volume_title
from archive.arrangement.page_order import NOT_PAGES, Leaf, orders_record
from archive.reference.case_facts import CaseFacts, Material
from archive.reference.codes import ArchivalCode
from archive.reference.local_time import local_date, local_time
from archive.reference.objects import OriginalObject
from archive.reference.organisations import Organisations
from archive.reference.service_items import ServiceItem
from archive.reference.vocabulary import FormKind, Node, SourceKind


@dataclass(frozen=True, slots=True)
class FormSheet:
    """A form to render. Rows of `process`: node label, organisation, actor, time, result, opinion."""

    key: str
    kind: FormKind
    title: str
    fields: tuple[tuple[str, str], ...]
    process: tuple[tuple[str, str, str, str, str, str], ...]


@dataclass(frozen=True, slots=True)
class PlannedItem:
    """件: one material in its place. `form` is set for what the archive renders, `objects` for what came as files.

    `leaves` say how a person laid the pages of `objects` (files from 1 in their order); empty: as they came.
    """

    no: int
    material_no: int
    title: str
    source: SourceKind
    responsible: str
    date: str
    form: FormSheet | None
    objects: tuple[OriginalObject, ...]
    leaves: tuple[Leaf, ...] = ()


@dataclass(frozen=True, slots=True)
class VolumePlan:
    """What a volume will hold, before a byte of it is made."""

    code: ArchivalCode
    title: str
    case_no: str
    item_name: str
    completed_at: datetime
    items: tuple[PlannedItem, ...]


def plan_volume(
    facts: CaseFacts,
    item: ServiceItem,
    code: ArchivalCode,
    objects: Sequence[OriginalObject],
    organisations: Organisations,
    orders: Mapping[int, tuple[Leaf, ...]] | None = None,
) -> VolumePlan:
    """Order the materials of a case (standards.md §2.3) and lay out the forms; same facts and page orders, same plan."""
    by_material: dict[int, list[OriginalObject]] = {}
    for one in objects:
        by_material.setdefault(one.material_no, []).append(one)
    files = {
        path: index for material in facts.materials for index, path in enumerate(material.files)
    }
    planned = [
        _planned(
            no,
            material,
            sorted(by_material.get(material.no, []), key=lambda one: files.get(one.path, 0)),
            facts,
            item,
            organisations,
        )
        for no, material in enumerate(item_order(facts.materials, item), 1)
    ]
    planned = [replace(one, leaves=_leaves(one, facts, orders or {})) for one in planned]
    planned.append(_process_record(len(planned) + 1, facts, organisations))
    return VolumePlan(
        code,
        volume_title(facts, item, organisations),
        facts.case_no,
        item.name,
        facts.completed_at,
        tuple(planned),
    )


def _leaves(
    item: PlannedItem, facts: CaseFacts, orders: Mapping[int, tuple[Leaf, ...]]
) -> tuple[Leaf, ...]:
    """A page order counts files as the facts do; the plan counts those that have pages."""
    if item.material_no not in orders:
        return ()
    files = next(one.files for one in facts.materials if one.no == item.material_no)
    at = {path: number for number, path in enumerate((one.path for one in item.objects), 1)}
    return tuple(replace(one, file=at[files[one.file - 1]]) for one in orders[item.material_no])


def _planned(
    no: int,
    material: Material,
    objects: Sequence[OriginalObject],
    facts: CaseFacts,
    item: ServiceItem,
    organisations: Organisations,
) -> PlannedItem:
    at = material.captured_at or facts.completed_at
    receive = _org(organisations, facts.orgs.receive)
    form = None
    if material.form is not None:
        form = FormSheet(
            key=f"m{material.no}",
            kind=material.form,
            title=material.type,
            fields=_form_fields(material, facts, item, organisations),
            process=_process_rows(facts, organisations)
            if material.form is FormKind.APPROVAL
            else (),
        )
    embedded = tuple(one for one in objects if one.media_type not in NOT_PAGES)
    responsible = (
        _org(organisations, facts.orgs.domicile) if material.form is FormKind.APPROVAL else receive
    )
    return PlannedItem(
        no, material.no, material.type, material.source, responsible, local_date(at), form, embedded
    )


def _process_record(no: int, facts: CaseFacts, organisations: Organisations) -> PlannedItem:
    sheet = FormSheet(
        key="process",
        kind=FormKind.OTHER,
        title="办理过程信息表",
        fields=_process_fields(facts, organisations),
        process=_process_rows(facts, organisations),
    )
    return PlannedItem(
        no,
        0,
        sheet.title,
        SourceKind.SYSTEM_FORM,
        _org(organisations, facts.orgs.domicile),
        local_date(facts.completed_at),
        sheet,
        (),
    )


def _form_fields(
    material: Material, facts: CaseFacts, item: ServiceItem, organisations: Organisations
) -> tuple[tuple[str, str], ...]:
    """The fields of a form: the facts of the case, then what the package's `data` adds under its own labels."""
    fields = {
        "办件编号": facts.case_no,
        "事项名称": item.name,
        "申报人": facts.applicant.name,
        "公民身份号码": facts.applicant.id_number or "",
        "联系电话": facts.applicant.phone or "",
        "收件单位": _org(organisations, facts.orgs.receive),
        "受理单位": _org(organisations, facts.orgs.accept),
        "户籍地单位": _org(organisations, facts.orgs.domicile),
        "申报渠道": facts.channel.label,
        "收件时间": local_time(min(event.at for event in facts.process)),
    }
    if material.form is FormKind.RECEIPT:
        fields["承诺办结日期"] = facts.due_on.isoformat() if facts.due_on else "未填"
        fields["收取材料"] = (
            "、".join(one.type for one in facts.materials if one.form is None) or "无"
        )
    if material.form is FormKind.REGISTER:
        fields |= {
            f"成员{index}": f"{one.relation or '成员'}　{one.name}　{one.id_number or ''}"
            for index, one in enumerate(facts.subjects, 1)
        }
    known = {"applicant", "id_number", "item"}
    for key, value in (material.data or {}).items():
        if key not in known and value is not None:
            fields[_DATA_LABELS.get(key, key)] = str(value)
    return tuple(fields.items())


_DATA_LABELS = {"opinion": "意见"}


def _process_fields(facts: CaseFacts, organisations: Organisations) -> tuple[tuple[str, str], ...]:
    fields = [("办件编号", facts.case_no), ("办结时间", local_time(facts.completed_at))]
    if facts.grant:
        fields.append(
            (
                "授权",
                f"{_org(organisations, facts.grant.grantor)}授权{_org(organisations, facts.grant.grantee)}，有效期至{facts.grant.valid_until}",
            )
        )
    fields += [
        (
            "用章记录",
            f"{_org(organisations, use.caller)}调用{_org(organisations, use.seal_owner)}电子印章，{local_time(use.at)}",
        )
        for use in facts.seal_uses
    ]
    fields += [
        (
            f"调取凭据{material.no}",
            f"{material.type}：{ref.system} {ref.id}，{local_time(ref.fetched_at)}",
        )
        for material in facts.materials
        if (ref := material.source_ref) is not None
    ]
    return tuple(fields)


def _process_rows(
    facts: CaseFacts, organisations: Organisations
) -> tuple[tuple[str, str, str, str, str, str], ...]:
    return tuple(
        (
            event.node.label
            + (f"（{event.level.label}）" if event.node is Node.APPROVE and event.level else ""),
            _org(organisations, event.org),
            f"{event.actor}（{event.actor_no}）",
            local_time(event.at),
            event.result.label,
            event.opinion,
        )
        for event in facts.process
    )


def _org(organisations: Organisations, code: str) -> str:
    return organisations.get(code).name


def process_record(
    facts: CaseFacts, plan: VolumePlan, orders: Mapping[int, tuple[Leaf, ...]]
) -> dict[str, Any]:
    """`process.json` of the package: every step of the case and every fetch, as stated by the submission, and which pages a person laid otherwise."""
    laid = {"page_orders": orders_record(orders)} if orders else {}
    return {
        **laid,
        "spec": "volume-process/1",
        "code": str(plan.code),
        "case_no": facts.case_no,
        "process": [event.model_dump(mode="json") for event in facts.process],
        "grant": facts.grant and facts.grant.model_dump(mode="json"),
        "seal_uses": [use.model_dump(mode="json") for use in facts.seal_uses],
        "fetches": [
            {"material": one.no, **one.source_ref.model_dump(mode="json")}
            for one in facts.materials
            if one.source_ref
        ],
    }


def contents_record(
    plan: VolumePlan, starts: Mapping[int, int], counts: Mapping[int, int]
) -> list[dict[str, Any]]:
    """The contents as data: item number, title, source, first page and page count in the volume."""
    return [
        {
            "no": one.no,
            "code": str(plan.code.with_item(one.no)),
            "title": one.title,
            "source": str(one.source),
            "page": starts[one.no],
            "pages": counts[one.no],
        }
        for one in plan.items
    ]
