"""A paper room of real rows: cases of the transition, their volumes, boxes on shelves."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from archive.accession.accession import take_over
from archive.administration.filing_units import FilingRule, FilingUnits
from archive.administration.policy import Reader, Role
from archive.arrangement.numbering import freeze, unnumbered
from archive.database.engine import writing
from archive.database.tables_paper import PaperBox, PaperItem, PaperPlace, PaperTask
from archive.database.tables_volumes import Volume
from archive.paper.access import Keeper
from archive.paper.boxes import begin_box, shelve_box
from archive.paper.moves import Cause
from archive.paper.places import make_place
from archive.paper.registration import CountedPaper, register_paper
from archive.reference.case_facts import CaseFacts
from archive.reference.organisations import Organisations, load_organisations
from archive.reference.service_items import load_catalogue, snapshot
from archive.reference.vocabulary import Series
from tests.support.filing import FILER

HOME, NEIGHBOUR, OTHER = "150602010000", "150602020000", "150622020000"
DISTRICT, OTHER_DISTRICT, CITY = "150602000000", "150622000000", "150600000000"
CATALOGUE = load_catalogue()
PEOPLE = {"name": "测某", "id_number": "150602199001010016"}
TEST = Cause("测试")


def transition(*districts: str) -> Organisations:
    """The organisations, with these districts in 过渡期."""
    organisations = load_organisations()
    for code in districts or (DISTRICT, OTHER_DISTRICT):
        organisations.set_digitised(code, digitised=False)
    return organisations


def keeper(
    role: Role = Role.ARCHIVIST,
    org: str = HOME,
    *,
    account: str = "keeper",
    organisations: Organisations | None = None,
) -> Keeper:
    return Keeper(Reader(account, role, org), organisations or transition())


def kept_case(
    number: int, *, receive: str = HOME, pages: int = 3, original: bool = False
) -> CaseFacts:
    """An invented closed case whose paper is kept at the window that received it."""
    event: dict[str, Any] = {
        "actor_no": "1",
        "actor": "警",
        "at": f"2026-09-01T09:{number // 60 % 60:02d}:{number % 60:02d}+08:00",
        "result": "AGREE",
    }
    scanned = {
        "no": 2,
        "type": "非婚生育说明",
        "source": "SCANNED_PROOF",
        "files": ["materials/002.jpg"],
        "pages": pages,
        "paper": {"original": original, "pages": pages, "kept": True},
    }
    form = {"no": 1, "type": "收件单", "source": "SYSTEM_FORM", "form": "RECEIPT", "data": {}}
    return CaseFacts.model_validate(
        {
            "spec": "case-submission/1",
            "case_no": f"{receive}-20260901-{number:06d}",
            "item": {"code": "CS01", "version": "2026-1"},
            "channel": "WINDOW",
            "applicant": PEOPLE,
            "subjects": [PEOPLE],
            "orgs": {"receive": receive, "accept": receive, "domicile": receive},
            "process": [{"node": "ISSUE", "org": receive, **event}],
            "materials": [{**form, "pages": 1}, scanned],
        }
    )


def number_cases(engine: Engine, organisations: Organisations, *cases: CaseFacts) -> None:
    """Take the cases over and give them their numbers, and with them the tasks."""
    with writing(engine) as session:
        for facts in cases:
            take_over(
                session,
                "test",
                facts=facts,
                snapshot=snapshot(CATALOGUE.get("CS01", "2026-1")),
                content_digest=f"{abs(hash(facts.case_no)):064d}",
                originals=(),
                findings=(),
                at=datetime.now(UTC),
            )
        freeze(
            session,
            FILER,
            unnumbered(session),
            catalogue=CATALOGUE,
            units=FilingUnits(organisations, FilingRule.RECEIVING_PLACE),
            at=datetime.now(UTC),
        )


@dataclass
class PaperRoom:
    """Ids of what `furnish` made: shelves in order, boxes in order, items in order of 档号."""

    room: int
    shelves: list[int]
    boxes: list[int]
    items: list[int]
    tasks: list[int]


def furnish(
    engine: Engine,
    owner: Keeper,
    *,
    items: int = 6,
    boxes: int = 2,
    shelves: int = 2,
    waiting: int = 0,
    first: int = 1,
    original: bool = False,
) -> PaperRoom:
    """A room with shelves, boxes on them in turn, and items in the boxes in turn."""
    org = owner.reader.org
    numbers = range(first, first + items + waiting)
    number_cases(
        engine,
        owner.organisations,
        *(kept_case(number, receive=org, original=original) for number in numbers),
    )
    with writing(engine) as session:
        room = make_place(session, owner, parent_id=None, name=f"库{first}", org=org)
        rack = make_place(session, owner, parent_id=room.id, name="第1列", org=None)
        bay = make_place(session, owner, parent_id=rack.id, name="第1节", org=None)
        racked = [
            make_place(
                session, owner, parent_id=bay.id, name=f"第{number}层", org=None, width_mm=900
            )
            for number in range(1, shelves + 1)
        ]
        boxed = [
            begin_box(session, owner, org=org, series=Series.CS, year=2026, spine_mm=30)
            for _ in range(boxes)
        ]
        for index, box in enumerate(boxed):
            shelve_box(session, owner, box, racked[index % shelves], TEST)
        tasks = waiting_tasks(session, org)
        registered = [
            register_paper(session, owner, task, boxed[index % boxes], CountedPaper(), TEST)
            for index, task in enumerate(tasks[:items])
        ]
        return PaperRoom(
            room.id,
            [place.id for place in racked],
            [box.id for box in boxed],
            [item.id for item in registered],
            [task.id for task in tasks[items:]],
        )


def waiting_tasks(session: Session, org: str) -> list[PaperTask]:
    query = (
        select(PaperTask)
        .join(Volume, Volume.id == PaperTask.volume_id)
        .where(PaperTask.state == "PENDING", PaperTask.station == org)
        .order_by(Volume.code)
    )
    return list(session.scalars(query))


def get(session: Session, kind: type[PaperItem | PaperBox | PaperPlace], number: int) -> Any:
    return session.get_one(kind, number)
