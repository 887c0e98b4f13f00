"""Pages laid by a person: data beside the originals, never over what another laid, and no more once
the volume is begun.
"""

from datetime import UTC, datetime
from io import BytesIO

import pikepdf
import pytest
from sqlalchemy import Engine, select

from archive.accession.accession import take_over
from archive.arrangement.page_order import Leaf, StaleError, lay_out, orders_of
from archive.arrangement.plan import plan_volume
from archive.compile.normalise import normalise_pdf
from archive.database.engine import reading, writing
from archive.database.tables_audit import JournalEntry
from archive.database.tables_cases import CaseRevision
from archive.gathering.presence import FRESH, mark_left, mark_present
from archive.reference.case_facts import CaseFacts
from archive.reference.codes import ArchivalCode
from archive.reference.errors import ConflictError, NotFoundError
from archive.reference.objects import OriginalObject
from archive.reference.service_items import snapshot
from tests.archive.arrangement.test_numbering import CATALOGUE, ORGANISATIONS, START, number_all
from tests.support.confined import in_process
from tests.support.factories import sound_case

NO, FILES = 6, ("materials/b.tif", "materials/a.jpg", "materials/c.ofd")
LAID = (Leaf(2, 1, 90), Leaf(1, 2), Leaf(1, 1, 180))


def facts() -> CaseFacts:
    """A case whose material 6 is a TIFF of two pages, a JPEG, and an OFD that has no page of its
    own.
    """
    case = sound_case("150602010000-20260901-000001")
    case["materials"][NO - 1].update(files=list(FILES), pages=3)
    return CaseFacts.model_validate(case)


@pytest.fixture
def database(engine: Engine) -> Engine:
    kinds = (("image/tiff", 2), ("image/jpeg", 1), ("application/ofd", 0))
    originals = [
        OriginalObject(NO, path, "0" * 64, 1, kind, pages)
        for path, (kind, pages) in zip(FILES, kinds, strict=True)
    ]
    with writing(engine) as session:
        case = facts()
        item = CATALOGUE.get(case.item.code, case.item.version)
        take_over(
            session,
            "t",
            facts=case,
            snapshot=snapshot(item),
            content_digest="1" * 64,
            originals=originals,
            findings=(),
            at=START,
        )
    return engine


def lay(engine: Engine, leaves: tuple[Leaf, ...], edition: int) -> int:
    with writing(engine) as session:
        revision = session.scalars(select(CaseRevision)).one()
        return lay_out(
            session,
            "archivist",
            revision,
            facts().materials[NO - 1],
            leaves,
            edition=edition,
            at=START,
        )


def laid(engine: Engine) -> dict[int, tuple[Leaf, ...]]:
    with reading(engine) as session:
        return orders_of(session, session.scalars(select(CaseRevision.case_id)).one(), 1)


def test_what_is_laid_is_journalled_and_the_second_of_two_is_refused(database: Engine) -> None:
    assert lay(database, LAID, 0) == 1
    with pytest.raises(StaleError):
        lay(database, (Leaf(1, 1), Leaf(1, 2), Leaf(2, 1)), 0)
    assert laid(database) == {NO: LAID}
    assert lay(database, LAID[::-1], 1) == 2
    with reading(database) as session:
        entries = session.scalars(
            select(JournalEntry).where(JournalEntry.act == "PAGE_ORDER")
        ).all()
    assert [entry.actor for entry in entries] == ["archivist"] * 2
    assert "materials" not in entries[0].detail  # a path of somebody's making may hold a name


@pytest.mark.parametrize(
    "leaves",
    [
        LAID[:2],
        (*LAID, Leaf(1, 1)),
        (Leaf(1, 1), Leaf(1, 2), Leaf(3, 1)),
        (Leaf(1, 1), Leaf(1, 2), Leaf(2, 1, 45)),
    ],
    ids=["one lost", "one twice", "one that has no page", "askew"],
)
def test_no_page_is_lost_doubled_or_invented(database: Engine, leaves: tuple[Leaf, ...]) -> None:
    with pytest.raises(NotFoundError):
        lay(database, leaves, 0)
    assert laid(database) == {}


def test_nothing_is_laid_once_the_volume_is_begun(database: Engine) -> None:
    lay(database, LAID, 0)
    number_all(database)
    with pytest.raises(ConflictError, match="已开始组卷"):
        lay(database, LAID[::-1], 1)


def test_the_plan_counts_the_files_that_have_pages() -> None:
    case = facts()
    objects = [
        OriginalObject(NO, path, "0" * 64, 1, kind, 1)
        for path, kind in zip(
            FILES[::-1], ("application/ofd", "image/jpeg", "image/tiff"), strict=True
        )
    ]
    item = CATALOGUE.get(case.item.code, case.item.version)
    plan = plan_volume(
        case,
        item,
        ArchivalCode.parse("J602-ZY·HJ·CS·2026·Y-000001"),
        objects,
        ORGANISATIONS,
        {NO: LAID},
    )
    item = next(planned for planned in plan.items if planned.material_no == NO)
    assert [object_.path for object_ in item.objects] == [FILES[0], FILES[1]]
    assert item.leaves == LAID
    assert all(other.leaves == () for other in plan.items if other.material_no != NO)


def test_a_pdf_page_is_turned_in_a_copy_and_its_footer_strip_stays_below() -> None:
    with pikepdf.new() as pdf:
        for _ in range(2):
            pdf.add_blank_page(page_size=(200, 300))
        out = BytesIO()
        pdf.save(out)
    turned = normalise_pdf(out.getvalue(), {2: 90}, in_process, lambda _: {}).pdf
    with pikepdf.open(BytesIO(turned)) as opened:
        widths = [round(float(page.mediabox[2])) for page in opened.pages]
    assert widths == [200, 300]


def test_people_at_one_case_see_each_other_until_they_leave_or_run_out(engine: Engine) -> None:
    from archive.administration.accounts import (
        AccountKind,
        NewAccount,
        first_administrators,
        propose_account,
    )
    from archive.administration.passwords import fresh_secret
    from archive.administration.policy import Reader, Role

    with writing(engine) as session:
        first_administrators(session, ORGANISATIONS, [fresh_secret() for _ in range(3)])
        proposer = Reader("sysadmin", Role.SYSTEM_ADMIN, "150600000000")
        for login in ("one", "two"):
            new = NewAccount(
                login,
                AccountKind.PERSON,
                f"人{login}",
                "150602010000",
                Role.ARCHIVIST,
                officer_no=login,
            )
            propose_account(session, proposer, new, ORGANISATIONS)
        now = datetime(2026, 9, 1, tzinfo=UTC)
        assert mark_present(session, "one", "case:1", at=now) == []
        assert mark_present(session, "two", "case:1", at=now) == ["人one"]
        assert mark_present(session, "two", "case:2", at=now) == []
        assert mark_present(session, "one", "case:1", at=now) == ["人two"]
        mark_left(session, "two", "case:1")
        assert mark_present(session, "one", "case:1", at=now) == []
        mark_present(session, "two", "case:1", at=now)
        assert mark_present(session, "one", "case:1", at=now + FRESH * 2) == []
