"""What a reader may see, as conditions of the database; and the one question to the policy for each record. Lists show nothing that `decide` refuses."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import Response
from sqlalchemy import ColumnElement, and_, func, or_, select, true
from sqlalchemy.orm import Session, aliased

from api.web.shell.page import HEADERS, RefusedError, Seat, WebApp
from archive.administration.policy import Act, Decision, Denial, Record, decide, is_restricted
from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.database.engine import database_now
from archive.database.tables_audit import JournalEntry
from archive.database.tables_cases import Case, Component
from archive.database.tables_volumes import Volume, VolumeVersion
from archive.reference.case_facts import CaseFacts
from archive.reference.citizen_id import mask_name
from archive.reference.codes import ArchivalCode, storage_prefix
from archive.reference.masking import mask_numbers
from archive.reference.objects import blob_key
from archive.reference.vocabulary import OrgKind, VolumeState
from archive.usage.requests import grants_of

PAGE = 40


def orgs_below(desk: WebApp, seat: Seat) -> frozenset[str] | None:
    """The reader's organisation and all below it; None for the city, which sees all."""
    organisations = desk.runtime.organisations
    if organisations.get(seat.reader.org).kind is OrgKind.CITY:
        return None
    below, todo = {seat.reader.org}, [seat.reader.org]
    while todo:
        found = [one.code for one in organisations.children(todo.pop())]
        below.update(found)
        todo += found
    return frozenset(below)


def cases_of(desk: WebApp, seat: Seat, table: type[Case] = Case) -> ColumnElement[bool]:
    """Cases that his organisation, or one below it, received, accepted or is the domicile of."""
    orgs = orgs_below(desk, seat)
    return (
        true()
        if orgs is None
        else or_(
            table.receive_org.in_(orgs), table.accept_org.in_(orgs), table.domicile_org.in_(orgs)
        )
    )


def volumes_of(desk: WebApp, seat: Seat) -> ColumnElement[bool]:
    """Volumes of such cases, and those that he keeps or is referred to from."""
    orgs = orgs_below(desk, seat)
    if orgs is None:
        return true()
    # Asked of the ids alone: a row of a case is wide, for it holds the sealed facts, and must not be read for every volume of a city.
    other = aliased(Case)
    mine = select(other.id).where(cases_of(desk, seat, other))
    return or_(Volume.filing_org.in_(orgs), Volume.cross_org.in_(orgs), Volume.case_id.in_(mine))


@dataclass(frozen=True, slots=True)
class Row:
    """A volume in a list: its newest archived version, or how far the first one is."""

    volume: Volume
    case: Case
    version: VolumeVersion | None
    item: str


def rows_of(desk: WebApp, session: Session, volumes: Iterable[tuple[Volume, Case]]) -> list[Row]:
    """The volumes with the version that a reader gets."""
    found = list(volumes)
    versions: dict[int, VolumeVersion] = {}
    query = (
        select(VolumeVersion)
        .where(VolumeVersion.volume_id.in_([one.id for one, _ in found]))
        .order_by(VolumeVersion.version)
    )
    for version in session.scalars(query):
        shown = versions.get(version.volume_id)
        if (
            shown is None
            or version.state == VolumeState.COMMITTED
            or shown.state != VolumeState.COMMITTED
        ):
            versions[version.volume_id] = version
    return [
        Row(volume, case, versions.get(volume.id), item_name(desk, case)) for volume, case in found
    ]


def item_name(desk: WebApp, case: Case) -> str:
    """The name of the service item of a case, as the catalogue of its version says it."""
    return desk.runtime.catalogue.get(case.item_code, case.item_version).name


def record_of(
    desk: WebApp, case: Case, volume: Volume | None = None, *, committed: bool = False
) -> Record:
    """What the policy asks of a case or of its volume."""
    sides = [case.receive_org, case.accept_org, case.domicile_org]
    if volume is not None:
        sides = [volume.filing_org, *sides, *([volume.cross_org] if volume.cross_org else [])]
    series = desk.runtime.catalogue.get(case.item_code, case.item_version).series
    keeper = volume.filing_org if volume else case.receive_org
    return Record(
        tuple(dict.fromkeys(sides)),
        keeper,
        volume.code if volume else None,
        committed,
        is_restricted(series),
    )


def decided(
    desk: WebApp, session: Session, seat: Seat, act: Act, record: Record | None, usage: str = ""
) -> Decision:
    """The policy's answer now. A grant counts only when its number is stated (`usage`, 利用单号), as at the station API."""
    grants = (
        [one for one in grants_of(session, seat.reader.account) if one.number == usage]
        if usage
        else []
    )
    return decide(
        seat.reader, act, record, desk.runtime.organisations, grants, now=database_now(session)
    )


def require(
    desk: WebApp, session: Session, seat: Seat, act: Act, record: Record | None, usage: str = ""
) -> Decision:
    """Raise RefusedError unless the policy allows the act."""
    found = decided(desk, session, seat, act, record, usage)
    if found.denial is not None:
        raise RefusedError(found.denial)
    return found


def case_for(desk: WebApp, session: Session, seat: Seat, act: Act, case_no: str) -> Case:
    """A case, if he may do the act on it. Raises RefusedError: foreign and missing read alike."""
    seat.require(act)
    case = session.scalars(select(Case).where(Case.case_no == case_no)).first()
    require(desk, session, seat, act, record_of(desk, case) if case else None)
    if case is None:
        raise RefusedError(Denial.NOT_HERE)
    return case


@dataclass(frozen=True, slots=True)
class OpenedPage:
    """A volume laid before a reader, in one archived version; `version` None while none is archived."""

    volume: Volume
    case: Case
    version: VolumeVersion | None
    record: Record
    decision: Decision

    @property
    def usage(self) -> str | None:
        """The number of the grant that this look stands on."""
        return self.decision.grant.number if self.decision.grant else None

    @property
    def prefix(self) -> str:
        """Where this version lies in the store."""
        if self.version is None:
            raise RefusedError(Denial.STATE)
        return storage_prefix(ArchivalCode.parse(self.volume.code), self.version.version)


def open_volume(
    desk: WebApp,
    session: Session,
    seat: Seat,
    act: Act,
    code: str,
    number: int | None = None,
    usage: str = "",
) -> OpenedPage:
    """A volume, newest archived version or the one asked for, if he may do the act on it. Raises RefusedError."""
    seat.require(act)
    found = session.execute(
        select(Volume, Case).join(Case, Case.id == Volume.case_id).where(Volume.code == code)
    ).first()
    if found is None:
        require(desk, session, seat, act, None)
        raise RefusedError(Denial.NOT_HERE)
    volume, case = found
    query = select(VolumeVersion).where(
        VolumeVersion.volume_id == volume.id, VolumeVersion.state == VolumeState.COMMITTED
    )
    if number is not None:
        query = query.where(VolumeVersion.version == number)
    version = session.scalars(query.order_by(VolumeVersion.version.desc()).limit(1)).first()
    record = record_of(desk, case, volume, committed=version is not None)
    decision = require(desk, session, seat, act, record, usage)
    if number is not None and version is None:
        raise RefusedError(Denial.NOT_HERE)
    return OpenedPage(volume, case, version, record, decision)


def note_look(session: Session, seat: Seat, act: JournalAct, subject: str, **shown: object) -> int:
    """Journal a look, and give its number: images are shown to whoever bears the number of his own look."""
    return journal.record(
        session, seat.reader.account, act, subject, org=seat.reader.org, **shown
    ).seq


def require_look(
    session: Session, seat: Seat, look: int, subject: str, acts: Sequence[JournalAct]
) -> str:
    """Raise RefusedError unless this look stands in the journal, is his and is of this record: no image leaves without a trace.

    Gives the number of the grant that the look was made under, "" for none: what follows from a look stands on the same grant.
    """
    entry = session.get(JournalEntry, look)
    if (
        entry is None
        or entry.actor != seat.reader.account
        or entry.subject != subject
        or entry.act not in acts
    ):
        raise RefusedError(Denial.NOT_HERE)
    return str(json.loads(entry.detail).get("usage") or "")


def counted(session: Session, *where: Any) -> int:  # noqa: ANN401 - conditions on cases
    """How many cases fulfil these conditions."""
    return session.scalar(select(func.count()).select_from(Case).where(and_(*where))) or 0


def hidden(text: str, facts: CaseFacts) -> str:
    """A text of the case with the names and numbers of its people masked."""
    names = {one.name for one in (facts.applicant, *facts.subjects)}
    for name in sorted(names, key=len, reverse=True):
        if len(name) > 1:
            text = text.replace(name, mask_name(name))
    return mask_numbers(text)


def original_response(desk: WebApp, row: Component, page: int, *, small: bool = False) -> Response:
    """The image of one page of an original, read against its digest."""
    store = desk.runtime.store
    image = desk.images.original_page(
        row.sha256, page, lambda: store.read(blob_key(row.sha256), sha256=row.sha256), small=small
    )
    return Response(image, media_type="image/webp", headers=HEADERS)


def seat_mark(seat: Seat, at: str) -> str:
    """What stands across a page: who looked, and when."""
    return f"{seat.name} {at} 仅供查阅"
