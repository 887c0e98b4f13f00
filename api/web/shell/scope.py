"""What pages share about records: what a user may see, and the answer of the policy.

Lists are conditions of the database; they show nothing that `decide` refuses.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fastapi import Response
from sqlalchemy.orm import Session

from api.web.shell.page import HEADERS, RefusedError, User, WebApp
from archive.administration.policy import Act, Decision, Denial, Record, decide, is_restricted
from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.database.engine import database_now
from archive.database.tables_audit import JournalEntry
from archive.database.tables_cases import Case, Component
from archive.database.tables_volumes import Volume, VolumeVersion
from archive.finding_aids import reach as reaches
from archive.finding_aids.cases import find_case
from archive.finding_aids.reach import Reach
from archive.finding_aids.volume_lists import archived_version, find_volume, listed_versions
from archive.reference.case_facts import CaseFacts
from archive.reference.citizen_id import mask_name
from archive.reference.codes import ArchivalCode, storage_prefix
from archive.reference.masking import mask_numbers
from archive.reference.objects import blob_key
from archive.usage.requests import grants_of

PAGE = 40


def reach_of(web: WebApp, user: User) -> Reach:
    """Return the user's organisation and all below it; None for the city, which sees all."""
    return reaches.reach_of(user.reader.org, web.runtime.organisations)


@dataclass(frozen=True, slots=True)
class Row:
    """A volume in a list: its newest archived version, or how far the first one is."""

    volume: Volume
    case: Case
    version: VolumeVersion | None
    item: str


def rows_of(web: WebApp, session: Session, volumes: Iterable[tuple[Volume, Case]]) -> list[Row]:
    """Return the volumes with the version that a reader gets."""
    pairs = list(volumes)
    versions = listed_versions(session, [volume for volume, _ in pairs])
    return [
        Row(volume, case, versions.get(volume.id), item_name(web, case)) for volume, case in pairs
    ]


def item_name(web: WebApp, case: Case) -> str:
    """Return the name of the service item of a case, in the version of its catalogue."""
    return web.runtime.catalogue.get(case.item_code, case.item_version).name


def record_of(
    web: WebApp, case: Case, volume: Volume | None = None, *, committed: bool = False
) -> Record:
    """Return what the policy asks of a case or of its volume."""
    sides = [case.receive_org, case.accept_org, case.domicile_org]
    if volume is not None:
        sides = [volume.filing_org, *sides, *([volume.cross_org] if volume.cross_org else [])]
    series = web.runtime.catalogue.get(case.item_code, case.item_version).series
    keeper = volume.filing_org if volume else case.receive_org
    return Record(
        tuple(dict.fromkeys(sides)),
        keeper,
        volume.code if volume else None,
        committed,
        is_restricted(series),
    )


def decided(
    web: WebApp, session: Session, user: User, act: Act, record: Record | None, usage: str = ""
) -> Decision:
    """Return the policy's answer now.

    A grant counts only when its number is stated (`usage`, 利用单号), as at the station API.
    """
    grants = (
        [grant for grant in grants_of(session, user.reader.account) if grant.number == usage]
        if usage
        else []
    )
    return decide(
        user.reader, act, record, web.runtime.organisations, grants, now=database_now(session)
    )


def require(
    web: WebApp, session: Session, user: User, act: Act, record: Record | None, usage: str = ""
) -> Decision:
    """Raise RefusedError unless the policy allows the act."""
    decision = decided(web, session, user, act, record, usage)
    if decision.denial is not None:
        raise RefusedError(decision.denial)
    return decision


def case_for(web: WebApp, session: Session, user: User, act: Act, case_no: str) -> Case:
    """Return a case if the user may do the act on it.

    Raises RefusedError, the same for a foreign case and for one that is not there.
    """
    user.require(act)
    case = find_case(session, case_no)
    require(web, session, user, act, record_of(web, case) if case else None)
    if case is None:
        raise RefusedError(Denial.NOT_HERE)
    return case


@dataclass(frozen=True, slots=True)
class OpenedPage:
    """A volume opened for a reader in one archived version, None while none is archived."""

    volume: Volume
    case: Case
    version: VolumeVersion | None
    record: Record
    decision: Decision

    @property
    def usage(self) -> str | None:
        """Return the number of the grant that this access relies on."""
        return self.decision.grant.number if self.decision.grant else None

    @property
    def prefix(self) -> str:
        """Return where this version lies in the store."""
        if self.version is None:
            raise RefusedError(Denial.STATE)
        return storage_prefix(ArchivalCode.parse(self.volume.code), self.version.version)


def open_volume(
    web: WebApp,
    session: Session,
    user: User,
    act: Act,
    code: str,
    number: int | None = None,
    usage: str = "",
) -> OpenedPage:
    """Return a volume if the user may do the act on it. Raises RefusedError.

    In the newest archived version, or in the version `number`.
    """
    user.require(act)
    pair = find_volume(session, code)
    if pair is None:
        require(web, session, user, act, None)
        raise RefusedError(Denial.NOT_HERE)
    volume, case = pair
    version = archived_version(session, volume, number)
    record = record_of(web, case, volume, committed=version is not None)
    decision = require(web, session, user, act, record, usage)
    if number is not None and version is None:
        raise RefusedError(Denial.NOT_HERE)
    return OpenedPage(volume, case, version, record, decision)


def note_look(session: Session, user: User, act: JournalAct, subject: str, **shown: object) -> int:
    """Journal a look and return its number, with which the user may fetch images."""
    return journal.record(
        session, user.reader.account, act, subject, org=user.reader.org, **shown
    ).seq


def require_look(
    session: Session, user: User, look: int, subject: str, acts: Sequence[JournalAct]
) -> str:
    """Raise RefusedError unless a look is the user's own, of this record and of these acts.

    So no image is sent without an entry in the journal. Returns the number of the grant that the
    look was made under, "" for none: what follows from a look relies on the same grant.
    """
    entry = session.get(JournalEntry, look)
    if (
        entry is None
        or entry.actor != user.reader.account
        or entry.subject != subject
        or entry.act not in acts
    ):
        raise RefusedError(Denial.NOT_HERE)
    return str(json.loads(entry.detail).get("usage") or "")


def hidden(text: str, facts: CaseFacts) -> str:
    """Return a text of the case with the names and numbers of its people masked."""
    names = {person.name for person in (facts.applicant, *facts.subjects)}
    for name in sorted(names, key=len, reverse=True):
        if len(name) > 1:
            text = text.replace(name, mask_name(name))
    return mask_numbers(text)


def original_response(web: WebApp, row: Component, page: int, *, small: bool = False) -> Response:
    """Return the image of one page of an original, read against its digest."""
    store = web.runtime.store
    image = web.images.original_page(
        row.sha256, page, lambda: store.read(blob_key(row.sha256), sha256=row.sha256), small=small
    )
    return Response(image, media_type="image/webp", headers=HEADERS)


def access_mark(user: User, at: str) -> str:
    """Return the watermark of a page: who looked, and when."""
    return f"{user.name} {at} 仅供查阅"
