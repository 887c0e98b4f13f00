"""待办, notices and saved searches through every door, and the scope of 待办 for every role."""

import json

import pytest
from typer.testing import CliRunner

from api.cli.main import app as cli_app
from archive.administration.notices import NoticeKind, NoticeTopic, notify
from archive.administration.policy import Act, Reader, Role, acts_of, org_kinds_of
from archive.database.engine import database_now, reading, writing
from archive.database.tables_paper import PaperTask
from archive.database.tables_volumes import Volume
from archive.finding_aids.todo import count_todo, todo
from archive.finding_aids.todo_terms import ACT_OF, TodoKind, Whose
from archive.reference.paper_terms import PaperKind, PaperTaskState
from archive.usage.saved_searches import saved_searches
from tests.contracts.test_doors import granted
from tests.support.doors import API, CLI, DESK, MOVE_CODE, Archive, archive, visit
from tests.support.station import CITY, DISTRICT, HOME, NEIGHBOUR, ORGANISATIONS, OTHER

__all__ = ["archive"]
PEOPLE = [API, DESK]
PLACES = (HOME, NEIGHBOUR, OTHER, DISTRICT, CITY)
PAIRS = [
    (role, org)
    for role in Role
    for org in PLACES
    if ORGANISATIONS.get(org).kind in org_kinds_of(role)
]


@pytest.mark.parametrize("door", PEOPLE)
def test_what_is_asked_waits_for_who_decides_and_is_told_to_who_asked(
    archive: Archive, door: str
) -> None:
    asking = visit(archive, door, Role.OFFICER, OTHER)
    deciding = visit(archive, DESK, Role.CHIEF)
    number = asking.request_use(MOVE_CODE).value
    assert ("USE", number) in deciding.todo().value
    assert ("USE", number) in visit(archive, CLI, Role.CHIEF).todo().value
    assert ("USE", number) not in visit(archive, DESK, Role.CHIEF, OTHER).todo().value
    assert deciding.notices().value[0] == (f"利用申请 {number} 待审批", True)
    with archive.noted():
        assert deciding.decide_use(number).allowed
    assert ("USE", number) not in deciding.todo().value
    assert asking.notices().value[0] == (f"利用申请 {number} 已批准", True)
    with archive.noted():
        stranger = visit(archive, door, Role.OFFICER).notices()
    assert not any(number in label for label, _ in stranger.value)


def test_clients_and_persons_are_shown_the_same_of_what_waits(archive: Archive) -> None:
    at_api, at_desk = (visit(archive, door, Role.OFFICER).todo() for door in PEOPLE)
    assert at_api.value == at_desk.value


@pytest.mark.parametrize("door", PEOPLE)
def test_what_was_read_can_be_read_again(archive: Archive, door: str) -> None:
    reader = visit(archive, door, Role.OFFICER, OTHER)
    with writing(archive.runtime.engine) as session:
        notice = notify(
            session, NoticeKind.RETURNED, NoticeTopic.CASE, "CASE-1", account=reader.account
        )
        upto = notice.id
    assert ("办件 CASE-1 已退回", True) in reader.notices().value
    if door == API:
        assert reader._ask("/notices/read", json={"upto": upto}).status_code == 204
    else:
        assert reader._ask("/notices/read", upto=str(upto)).status_code == 303
    assert ("办件 CASE-1 已退回", False) in reader.notices().value


def test_a_refused_act_tells_nobody(archive: Archive) -> None:
    asking = visit(archive, DESK, Role.OFFICER, OTHER)
    number = granted(archive, DESK, Role.OFFICER)
    before = asking.notices().value
    assert not visit(archive, DESK, Role.CHIEF).decide_use(number).allowed  # decided already
    assert asking.notices().value == before


@pytest.fixture(scope="module")
def number(archive: Archive) -> str:
    """A request for use that waits, beside paper of the home station that waits."""
    with writing(archive.runtime.engine) as session:
        volume = session.query(Volume).filter_by(code=MOVE_CODE).one()
        materials = [{"no": 4, "kind": PaperKind.COPY, "pages": 1}]
        session.add(
            PaperTask(
                volume_id=volume.id,
                revision=9,
                station=HOME,
                materials=materials,
                state=PaperTaskState.PENDING,
                created_at=database_now(session),
            )
        )
    return str(visit(archive, API, Role.OFFICER, OTHER).request_use(MOVE_CODE).value)


@pytest.mark.parametrize(("role", "org"), PAIRS)
def test_each_role_is_shown_the_work_of_its_own_acts_and_reach(
    archive: Archive, number: str, role: Role, org: str
) -> None:
    reader = Reader(f"matrix-{role}-{org}", role, org)
    with reading(archive.runtime.engine) as session:
        mine = todo(session, reader, archive.runtime.reference, Whose.MINE, limit=100)
        unit = todo(session, reader, archive.runtime.reference, Whose.UNIT, limit=100)
        counts = count_todo(session, reader, archive.runtime.reference, Whose.MINE)
    assert {ACT_OF[kind] for kind in counts} <= acts_of(role)
    assert {row.kind for row in mine} <= set(counts)
    in_reach = org in {HOME, DISTRICT, CITY}
    decides = Act.DECIDE_USE in acts_of(role)
    shown = {row.subject for row in mine if row.kind is TodoKind.USE}
    assert (number in shown) == (decides and in_reach)
    shown = {row.subject for row in unit if row.kind is TodoKind.USE}
    assert (number in shown) == (in_reach and Act.VIEW in acts_of(role))
    papers = {row.subject for row in unit if row.kind is TodoKind.REGISTER}
    assert papers == ({MOVE_CODE} if in_reach and Act.VIEW_PAPER in acts_of(role) else set())


@pytest.mark.parametrize("door", PEOPLE)
def test_a_search_is_saved_by_the_same_act_and_the_journal_says_no_word_of_it(
    archive: Archive, door: str
) -> None:
    reader = visit(archive, door, Role.OFFICER)
    with archive.noted() as noted:
        assert reader.save_search("张三的件", "姓名:张三").allowed
    (entry,) = noted
    assert entry.act == "SAVE_SEARCH"
    assert "张三" not in f"{entry.subject}{dict(entry.detail)}"
    with reading(archive.runtime.engine) as session:
        rows = saved_searches(session, Reader(reader.account, Role.OFFICER, HOME))
    assert [(row.name, row.query) for row in rows] == [("张三的件", "姓名:张三")]
    auxiliary = visit(archive, door, Role.SYSTEM_ADMIN, CITY) if door == DESK else None
    if auxiliary is not None:
        assert auxiliary._ask("/search", q="姓名:张三").status_code == 403


def test_the_operator_saves_lists_and_drops_at_the_command_line(archive: Archive) -> None:
    env = {"YICE_DATA": str(archive.runtime.settings.data), "USER": "tester"}

    def run(*command: str) -> str:
        done = CliRunner().invoke(cli_app, ["saved", *command], env=env)
        assert done.exit_code == 0, done.output
        return done.stdout

    number = json.loads(run("add", "迁入", "卷目:迁入", "--json"))["id"]
    assert [row["name"] for row in json.loads(run("list", "--json"))] == ["迁入"]
    run("drop", str(number))
    assert json.loads(run("list", "--json")) == []
