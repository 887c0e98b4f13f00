"""归集池 as a table of pages, in the order of scanning, and where each of them may belong.

What the codes of pages say is a hint: the QR of a 收件单 names the case of the pages after it, a
separator sheet the material. A person sees it, and places the pages with one press, or otherwise.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.database.tables_gathering import CapturedFile, GatheredCase
from archive.finding_aids.reach import Reach, files_in
from archive.gathering.captures import Capture
from archive.gathering.cases import Gathering
from archive.gathering.corrections import lacking_materials
from archive.reference.citizen_id import mask_name
from archive.reference.errors import NotFoundError
from archive.reference.service_items import Catalogue
from archive.reference.vocabulary import SourceKind

_MOST_FILES, _MOST_CASES = 200, 12
_NUMBER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_SCANNED = re.compile(r"(?:YICE/1 CASE )?(\d{12}-\d{8}-\d{6})")


@dataclass(frozen=True, slots=True)
class PoolLeaf:
    """One page that waits for a person, with what the codes before it say."""

    file: str
    page: int
    sha256: str
    case_no: str | None = None
    no: int | None = None
    type: str | None = None
    says: bool = False
    """The page bears the code itself."""

    @property
    def name(self) -> str:
        """Return how a form names the page."""
        return f"{self.file}-{self.page}"


@dataclass(frozen=True, slots=True)
class PoolBatch:
    """Pages that were captured together: by whom, where, when; in the order of scanning."""

    station: str
    operator: str
    dpi: int
    captured_at: Any
    leaves: list[PoolLeaf] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class TargetCase:
    """A case that pages may be placed in, with what it lacks; `who` is masked."""

    case_no: str
    item: str
    who: str
    lacks: Sequence[Mapping[str, Any]]
    sent: bool


def pool_batches(session: Session, reach: Reach) -> list[PoolBatch]:
    """Return the pages that wait for a person, the earliest scanned first."""
    query = (
        select(CapturedFile)
        .where(files_in(reach), CapturedFile.state == Capture.UNPLACED)
        .where(CapturedFile.media_type.is_not(None))
        .order_by(
            CapturedFile.captured_at,
            CapturedFile.created_at,
            CapturedFile.ordinal,
            CapturedFile.first_page,
            CapturedFile.id,
        )
        .limit(_MOST_FILES)
    )
    batches: list[PoolBatch] = []
    keys: list[tuple[object, ...]] = []
    for row in session.scalars(query):
        key = (row.org, row.account, row.station, row.operator, row.captured_at)
        if not keys or keys[-1] != key:
            keys.append(key)
            batches.append(PoolBatch(row.station, row.operator, row.dpi, row.captured_at))
        _add_leaves(batches[-1].leaves, row)
    return batches


def _add_leaves(leaves: list[PoolLeaf], row: CapturedFile) -> None:
    """Add the pages of a file; each carries on what the codes of the pages before it say."""
    case_no, no, kind = (
        (leaves[-1].case_no, leaves[-1].no, leaves[-1].type) if leaves else (None, None, None)
    )
    for page in range(1, (row.pages or 1) + 1):
        hint = row.hints.get(str(page), {})
        if "case_no" in hint and hint["case_no"] != case_no:
            case_no, no, kind = hint["case_no"], None, None
        if "no" in hint:
            no, kind = hint["no"], hint["type"]
        leaves.append(PoolLeaf(row.id, page, row.sha256, case_no, no, kind, says=bool(hint)))


def target_case(
    session: Session, reach: Reach, catalogue: Catalogue, case_no: str
) -> TargetCase | None:
    """Return a closed case of the reach with what it lacks; None for one that nobody knows."""
    row = session.scalars(
        select(GatheredCase).filter_by(case_no=case_no).order_by(GatheredCase.id.desc()).limit(1)
    ).first()
    if row is None or not _within(row, reach):
        return None
    lacks = [
        {"no": material["no"], "type": material["type"], "source": material.get("source")}
        for material in lacking_materials(session, case_no)
    ]
    return TargetCase(
        case_no,
        _item(catalogue, row.facts),
        who_of(row.facts),
        lacks,
        row.state not in (Gathering.COLLECTING, Gathering.READY),
    )


def find_targets(
    session: Session, reach: Reach, catalogue: Catalogue, words: str
) -> list[TargetCase]:
    """Return the cases that still gather whose number, or whose person's name, is meant.

    What was read from a 收件单 by a scanner counts as its number.
    """
    text = words.strip()
    if scanned := _SCANNED.fullmatch(text):
        target = target_case(session, reach, catalogue, scanned[1])
        return [target] if target else []
    if not text:
        return []
    query = (
        select(GatheredCase)
        .where(GatheredCase.state.in_((Gathering.COLLECTING, Gathering.READY)))
        .order_by(GatheredCase.changed_at, GatheredCase.id)
    )
    numbers = [
        row.case_no
        for row in session.scalars(query)
        if _within(row, reach) and _is_meant(row, text)
    ]
    targets = [
        target_case(session, reach, catalogue, case_no)
        for case_no in list(dict.fromkeys(numbers))[:_MOST_CASES]
    ]
    return [target for target in targets if target]


def _is_meant(row: GatheredCase, text: str) -> bool:
    if _NUMBER.fullmatch(text):
        return text in row.case_no
    people = [row.facts.get("applicant") or {}, *(row.facts.get("subjects") or [])]
    return any(str(person.get("name", "")).startswith(text) for person in people)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Pages that codes say belong together, where to, and the pages that say so (`covers`)."""

    target: TargetCase
    no: int
    type: str
    leaves: Sequence[PoolLeaf]
    covers: Sequence[PoolLeaf]


def suggestions(
    session: Session, reach: Reach, catalogue: Catalogue, batches: Sequence[PoolBatch]
) -> list[Suggestion]:
    """Return the runs of pages whose place is plain: by a sheet, or one scan is lacking."""
    rows = []
    for batch in batches:
        for case_no, group in groupby(batch.leaves, key=lambda leaf: leaf.case_no):
            leaves = list(group)
            target = target_case(session, reach, catalogue, case_no) if case_no else None
            if target is None:
                continue
            for (no, kind), run in groupby(leaves, key=lambda leaf: (leaf.no, leaf.type)):
                members = list(run)
                lack = scanned_lack(target) if no is None else {"no": no, "type": kind}
                pages = [leaf for leaf in members if not leaf.says]
                covers = [leaf for leaf in members if leaf.says]
                if lack and pages:
                    rows.append(Suggestion(target, lack["no"], lack["type"], pages, covers))
    return rows


def scanned_lack(target: TargetCase | None) -> Mapping[str, Any] | None:
    """Return the one scanned material that a case lacks; None when it lacks none or several."""
    lacks = [
        lack
        for lack in (target.lacks if target else ())
        if lack["source"] == SourceKind.SCANNED_PROOF
    ]
    return lacks[0] if len(lacks) == 1 else None


def who_of(facts: Mapping[str, Any]) -> str:
    """Return whom a case is about, masked."""
    subjects = facts.get("subjects") or [{}]
    first = mask_name(str(subjects[0].get("name", "")))
    return f"{first}等{len(subjects)}人" if len(subjects) > 1 else first


def placed_lately(session: Session, reach: Reach, limit: int) -> list[CapturedFile]:
    """Return the files that were placed or set aside last, one of each material, newest first."""
    query = (
        select(CapturedFile)
        .where(files_in(reach), CapturedFile.position == 1)
        .where(CapturedFile.state.in_((Capture.PLACED, Capture.PENDING, Capture.COVER)))
        .order_by(CapturedFile.ended_at.desc(), CapturedFile.id)
        .limit(limit)
    )
    return list(session.scalars(query))


def _within(row: GatheredCase, reach: Reach) -> bool:
    return reach is None or bool(reach & set(row.facts.get("orgs", {}).values()))


def _item(catalogue: Catalogue, facts: Mapping[str, Any]) -> str:
    item = facts.get("item", {})
    try:
        return catalogue.get(item.get("code", ""), item.get("version", "")).name
    except NotFoundError:
        return str(item.get("code", ""))
