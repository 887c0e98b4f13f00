"""The plan of one version of a volume, read from its rows."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.arrangement.page_order import Leaf, orders_of
from archive.arrangement.plan import VolumePlan, plan_volume
from archive.database.tables_cases import CaseRevision, Component
from archive.database.tables_volumes import Volume, VolumeVersion
from archive.reference.case_facts import CaseFacts
from archive.reference.codes import ArchivalCode
from archive.reference.objects import OriginalObject
from archive.reference.organisations import Organisations
from archive.reference.service_items import Catalogue


@dataclass(frozen=True, slots=True)
class PlannedVersion:
    """What a version is made from, and its plan."""

    revision: CaseRevision
    facts: CaseFacts
    objects: tuple[OriginalObject, ...]
    orders: Mapping[int, tuple[Leaf, ...]]
    plan: VolumePlan


def planned_version(
    session: Session,
    volume: Volume,
    version: VolumeVersion,
    catalogue: Catalogue,
    organisations: Organisations,
) -> PlannedVersion:
    """Return the plan of a version, with its facts, originals and page orders."""
    which = {"case_id": volume.case_id, "revision": version.case_revision}
    revision = session.scalars(select(CaseRevision).filter_by(**which)).one()
    objects = tuple(
        OriginalObject(row.material_no, row.path, row.sha256, row.size, row.media_type, row.pages)
        for row in session.scalars(select(Component).filter_by(**which).order_by(Component.path))
    )
    orders = orders_of(session, volume.case_id, version.case_revision)
    facts = CaseFacts.model_validate(revision.facts)
    plan = plan_volume(
        facts,
        catalogue.get(facts.item.code, facts.item.version),
        ArchivalCode.parse(volume.code),
        objects,
        organisations,
        orders,
    )
    return PlannedVersion(revision, facts, objects, orders, plan)
