"""The plan of a volume, made from the facts of its case: items and texts of sheets. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

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


@dataclass(frozen=True, slots=True)
class FormSheet:
    """A form to render.

    Rows of `process`: node label, organisation, actor, time, result, opinion.
    """

    key: str
    kind: FormKind
    title: str
    fields: tuple[tuple[str, str], ...]
    process: tuple[tuple[str, str, str, str, str, str], ...]


@dataclass(frozen=True, slots=True)
class PlannedItem:
    """An item (件): one material in its place.

    `form` is set for what the archive renders, `objects` for what came as files. `leaves` are the
    page order of `objects` (files from 1 in their order); empty: as they came.
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
    embedded = tuple(original for original in objects if original.media_type not in NOT_PAGES)
    responsible = (
        _org(organisations, facts.orgs.domicile) if material.form is FormKind.APPROVAL else receive
    )
    return PlannedItem(
        no, material.no, material.type, material.source, responsible, local_date(at), form, embedded
    )


def _process_record(no: int, facts: CaseFacts, organisations: Organisations) -> PlannedItem:
    """Return the sheet 办理过程信息表 as the last item."""
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
    """Return the fields of a form: the facts of the case, then what its data adds."""
    fields = fact_fields(material.form, facts, item.name, organisations)
    return tuple((fields | added_fields(material, fields)).items())


def _process_fields(facts: CaseFacts, organisations: Organisations) -> tuple[tuple[str, str], ...]:
    """Return grant, seal uses and evidence of fetches as fields."""
    fields = [("办件编号", facts.case_no), ("办结时间", local_time(facts.completed_at))]
    if facts.grant:
        fields.append(
            (
                "授权",
                (
                    f"{_org(organisations, facts.grant.grantor)}授权"
                    f"{_org(organisations, facts.grant.grantee)}，"
                    f"有效期至{facts.grant.valid_until}"
                ),
            )
        )
    fields += [
        (
            "用章记录",
            (
                f"{_org(organisations, use.caller)}调用"
                f"{_org(organisations, use.seal_owner)}电子印章，{local_time(use.at)}"
            ),
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
    """Return the steps of the case as rows of a form."""
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
    """Return the name of an organisation."""
    return organisations.get(code).name


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
) -> dict[str, Any]:
    """Return `process.json` of the package, as stated by the submission.

    It holds every step of the case, every fetch, the pages that a person arranged, and what was
    noted when foreign files became pages (`Conversion.record`).
    """
    page_orders = {"page_orders": orders_record(orders)} if orders else {}
    return {
        **page_orders,
        "conversions": [dict(conversion) for conversion in conversions],
        "spec": "volume-process/1",
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
