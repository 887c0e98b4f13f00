"""档号: reserved once per case, from a locked counter, in order of completion; never given again, never changed (R21, I5, I6)."""

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive import journal
from archive.arrangement import LOCAL_TIME, FilingRule, Placement, is_late, place
from archive.case_facts import CaseFacts
from archive.codes import ArchivalCode
from archive.crashpoints import reach
from archive.models import Case, Component, Job, NumberCounter, Volume, VolumeVersion
from archive.organisations import Organisations
from archive.service_items import Catalogue
from archive.vocabulary import VolumeState

COMPILE = "compile"


def unnumbered(session: Session, *, case_no: str | None = None, period: str | None = None) -> list[Case]:
    """Accepted cases without a volume, in order of completion; `period` is YYYY-MM of completion in local time."""
    query = select(Case).outerjoin(Volume, Volume.case_id == Case.id).where(Case.state == "ACCEPTED", Volume.id.is_(None))
    if case_no:
        query = query.where(Case.case_no == case_no)
    cases = [case for case in session.scalars(query) if period is None or _period(case) == period]
    return sorted(cases, key=lambda case: (case.completed_at, case.case_no))


def _period(case: Case) -> str:
    return CaseFacts.model_validate(case.facts).completed_at.astimezone(LOCAL_TIME).strftime("%Y-%m")


def freeze(
    session: Session,
    actor: str,
    cases: Sequence[Case],
    *,
    catalogue: Catalogue,
    organisations: Organisations,
    rule: FilingRule,
    at: datetime,
) -> list[Volume]:
    """Give each case its number and its compile job, in one transaction, so that an interrupted batch goes on in the same order."""
    volumes = []
    for case in cases:
        facts = CaseFacts.model_validate(case.facts)
        placement = place(facts, catalogue.get(case.item_code, case.item_version), organisations, rule)
        volumes.append(_reserve(session, case, placement, at))
    reach("frozen-before-commit")
    if volumes:
        journal.record(session, actor, "FREEZE", "batch", first=volumes[0].code, last=volumes[-1].code, count=len(volumes))
    return volumes


def _reserve(session: Session, case: Case, placement: Placement, at: datetime) -> Volume:
    key = {"fonds": placement.fonds, "series": str(placement.series), "year": placement.year, "term": str(placement.term)}
    counter = session.get(NumberCounter, tuple(key.values()), with_for_update=True)
    if counter is None:
        counter = NumberCounter(**key, last=0)
        session.add(counter)
    counter.last += 1
    last = session.execute(
        select(Volume.completed_at, Case.case_no)
        .select_from(Volume)
        .filter_by(**key)
        .join(Case, Case.id == Volume.case_id)
        .order_by(Volume.completed_at.desc(), Case.case_no.desc())
        .limit(1)
    ).first()
    cross = placement.cross_reference
    volume = Volume(
        **key,
        case_id=case.id,
        number=counter.last,
        code=str(ArchivalCode(placement.fonds, placement.series, placement.year, placement.term, counter.last)),
        filing_org=placement.filing_org,
        cross_fonds=cross and cross.fonds,
        cross_series=cross and str(cross.series),
        cross_org=cross and cross.org,
        completed_at=case.completed_at,
        late=is_late((case.completed_at, case.case_no), last and (last[0], last[1])),
        reserved_at=at,
    )
    session.add(volume)
    session.flush()
    version = VolumeVersion(
        volume_id=volume.id,
        version=1,
        case_revision=case.revision,
        state=VolumeState.FROZEN,
        input_digest=_inputs(session, case, volume.code),
        frozen_at=at,
    )
    session.add(version)
    session.flush()
    session.add(Job(kind=COMPILE, subject=str(version.id), state="WAITING", created_at=at))
    return volume


def _inputs(session: Session, case: Case, code: str) -> str:
    objects = session.execute(
        select(Component.path, Component.sha256).filter_by(case_id=case.id, revision=case.revision).order_by(Component.path)
    )
    text = json.dumps([code, case.facts, case.snapshot, [tuple(row) for row in objects]], ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
