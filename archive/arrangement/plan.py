"""The plan of a volume, made from the facts of its case: items and texts of sheets. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from archive.arrangement.course import (
    CourseTable,
    ProcessRow,
    SignedMark,
    course_fields,
    course_record,
    course_rows,
    course_tables,
    org_name,
    seal_words,
    signed_marks,
)
from archive.arrangement.filing import item_order, volume_title
from archive.arrangement.page_order import NOT_PAGES, Leaf, orders_record
from archive.reference.case_facts import CaseFacts, Material
from archive.reference.codes import ArchivalCode
from archive.reference.form_fields import added_fields, fact_fields
from archive.reference.local_time import local_date, local_time
from archive.reference.objects import OriginalObject
from archive.reference.organisations import Organisations
from archive.reference.service_items import ServiceItem
from archive.reference.vocabulary import FormKind, Node, SourceKind

_NUMBERS = ("文号", "文书编号", "编号")


@dataclass(frozen=True, slots=True)
class FormSheet:
    """A form to render.

    Rows of `process`: node label, organisation, actor, time, result, opinion, seal. `signed` says
    who answers for the form, as label and value: the record of the system stands for a signature.
    `tables` are what the process sheet of a version 2 shows beside its steps,
    `marks` what was signed on the screen.
    """

    key: str
    kind: FormKind
    title: str
    fields: tuple[tuple[str, str], ...]
    process: tuple[ProcessRow, ...]
    signed: tuple[tuple[str, str], ...] = ()
    tables: tuple[CourseTable, ...] = ()
    marks: tuple[SignedMark, ...] = ()


@dataclass(frozen=True, slots=True)
class PlannedItem:
    """An item (件): one material in its place.

    `number` is its 文号, where it has one. `form` is set for what the archive renders, `objects`
    for what came as files. `leaves` are the page order of `objects` (files from 1 in their order);
    empty: as they came.
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
    number: str = ""


@dataclass(frozen=True, slots=True)
class VolumePlan:
    """The contents of a volume before any file of it is made."""

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
    """Return the plan of a case: its materials in order, and its forms (standards.md §2.3).

    The same facts and page orders give the same plan.
    """
    by_material: dict[int, list[OriginalObject]] = {}
    for original in objects:
        by_material.setdefault(original.material_no, []).append(original)
    files = {
        path: index for material in facts.materials for index, path in enumerate(material.files)
    }
    planned = [
        _planned(
            no,
            material,
            sorted(
                by_material.get(material.no, []), key=lambda original: files.get(original.path, 0)
            ),
            facts,
            item,
            organisations,
        )
        for no, material in enumerate(item_order(facts.materials, item), 1)
    ]
    planned = [
        replace(planned_item, leaves=_leaves(planned_item, facts, orders or {}))
        for planned_item in planned
    ]
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
    """Return the page order of an item.

    A page order counts files as the facts do; the plan counts those that have pages.
    """
    if item.material_no not in orders:
        return ()
    files = next(material.files for material in facts.materials if material.no == item.material_no)
    at = {
        path: number for number, path in enumerate((original.path for original in item.objects), 1)
    }
    return tuple(replace(leaf, file=at[files[leaf.file - 1]]) for leaf in orders[item.material_no])


def _planned(
    no: int,
    material: Material,
    objects: Sequence[OriginalObject],
    facts: CaseFacts,
    item: ServiceItem,
    organisations: Organisations,
) -> PlannedItem:
    """Return a material as an item of the plan."""
    at = material.captured_at or facts.completed_at
    receive = org_name(organisations, facts.orgs.receive)
    form = form_sheet(material, facts, item, organisations) if material.form is not None else None
    embedded = tuple(original for original in objects if original.media_type not in NOT_PAGES)
    responsible = (
        org_name(organisations, facts.orgs.domicile)
        if material.form is FormKind.APPROVAL
        else receive
    )
    return PlannedItem(
        no,
        material.no,
        material.type,
        material.source,
        responsible,
        local_date(at),
        form,
        embedded,
        number=_number(material),
    )


def form_sheet(
    material: Material, facts: CaseFacts, item: ServiceItem, organisations: Organisations
) -> FormSheet:
    """Return the sheet of a form that the archive draws from the data of a material."""
    kind = material.form or FormKind.OTHER
    return FormSheet(
        key=f"m{material.no}",
        kind=kind,
        title=material.type,
        fields=_form_fields(material, facts, item, organisations),
        process=course_rows(facts, organisations) if kind is FormKind.APPROVAL else (),
        signed=_signed(kind, facts, organisations),
        marks=signed_marks(facts, material.no),
    )


def _number(material: Material) -> str:
    """Return the 文号 that the data of a material states."""
    data = material.data or {}
    return next((str(data[name]) for name in _NUMBERS if data.get(name)), "")


def _signed(
    kind: FormKind, facts: CaseFacts, organisations: Organisations
) -> tuple[tuple[str, str], ...]:
    """Return who answers for a receipt or a register, by the record of the process."""
    if kind is FormKind.RECEIPT:
        event = next((event for event in facts.process if event.node is Node.RECEIVE), None)
        labels = ("收件人", "申请人", "收件时间")
        second = facts.applicant.name
    elif kind is FormKind.REGISTER:
        deciding = (Node.ACCEPT, Node.REVIEW, Node.APPROVE)
        event = next((event for event in facts.process if event.node in deciding), None)
        labels = ("承办人", "登记机关", "登记时间")
        domicile = facts.orgs.domicile
        second = "\n".join(
            filter(
                None,
                (org_name(organisations, domicile), seal_words(facts, domicile, organisations)),
            )
        )
    else:
        return ()
    if event is None:
        return ((labels[1], second),)
    first = f"{event.actor}（{event.actor_no}）\n系统登录签认"
    return ((labels[0], first), (labels[1], second), (labels[2], local_time(event.at)))


def _process_record(no: int, facts: CaseFacts, organisations: Organisations) -> PlannedItem:
    """Return the sheet 办理过程信息表 as the last item."""
    sheet = FormSheet(
        key="process",
        kind=FormKind.OTHER,
        title="办理过程信息表",
        fields=course_fields(facts, organisations),
        process=course_rows(facts, organisations),
        tables=course_tables(facts, organisations),
    )
    return PlannedItem(
        no,
        0,
        sheet.title,
        SourceKind.SYSTEM_FORM,
        org_name(organisations, facts.orgs.domicile),
        local_date(facts.completed_at),
        sheet,
        (),
    )


def _form_fields(
    material: Material, facts: CaseFacts, item: ServiceItem, organisations: Organisations
) -> tuple[tuple[str, str], ...]:
    """Return the fields of a form: the facts of the case, then what its data adds."""
    fields = fact_fields(material.form, facts, item.name, organisations)
    return tuple((fields | added_fields(material, fields)).items())


@dataclass(frozen=True, slots=True)
class Conversion:
    """How one foreign file became pages of a volume.

    Item number, path in the package, the route (copied, raster, image …), and Chinese notes of
    what was changed or left out on the way.
    """

    no: int
    path: str
    route: str
    notes: tuple[str, ...]

    def record(self) -> dict[str, Any]:
        """Return the conversion as JSON."""
        return {"item": self.no, "path": self.path, "route": self.route, "notes": list(self.notes)}


def process_record(
    facts: CaseFacts,
    plan: VolumePlan,
    orders: Mapping[int, tuple[Leaf, ...]],
    conversions: Sequence[Mapping[str, Any]],
    compiled_by: str | None,
) -> dict[str, Any]:
    """Return `process.json` of the package, as stated by the submission.

    It holds every step of the case, every fetch, the pages that a person arranged, and what was
    noted when foreign files became pages (`Conversion.record`); `compiled_by` is the 立卷人.
    """
    page_orders = {"page_orders": orders_record(orders)} if orders else {}
    return {
        **page_orders,
        "conversions": [dict(conversion) for conversion in conversions],
        "spec": "volume-process/1",
        "compiled_by": compiled_by,
        "code": str(plan.code),
        "case_no": facts.case_no,
        "process": [event.model_dump(mode="json") for event in facts.process],
        "grant": facts.grant and facts.grant.model_dump(mode="json"),
        "seal_uses": [use.model_dump(mode="json") for use in facts.seal_uses],
        "fetches": [
            {"material": material.no, **material.source_ref.model_dump(mode="json")}
            for material in facts.materials
            if material.source_ref
        ],
        **course_record(facts),
    }


def contents_record(
    plan: VolumePlan, starts: Mapping[int, int], counts: Mapping[int, int]
) -> list[dict[str, Any]]:
    """Return the contents as data, for each item of the plan.

    Item number, code, title, source, first page and page count in the volume.
    """
    return [
        {
            "no": entry.no,
            "code": str(plan.code.with_item(entry.no)),
            "title": entry.title,
            "source": str(entry.source),
            "page": starts[entry.no],
            "pages": counts[entry.no],
        }
        for entry in plan.items
    ]
