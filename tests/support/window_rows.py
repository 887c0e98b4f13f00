"""The window on a database, for tests: staffed stations, and a case an act at a time."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from archive.administration.accounts import AccountKind, AccountState
from archive.administration.policy import Reader, Role
from archive.database.encryption import attach_keys, new_keyring
from archive.database.engine import writing
from archive.database.tables_administration import Account
from archive.database.tables_window import WindowCase, WindowOfficer
from archive.reference.service_items import missing_investigation
from archive.reference.vocabulary import ApprovalLevel
from archive.reference.window_steps import Step
from ingest.window.cases import Done, Tables, do_act, open_case
from ingest.window.closing import close_window_case
from ingest.window.decide import Asked
from ingest.window.grants import GrantWanted, give_grant
from ingest.window.known import NOBODY_ASKED, Answers
from ingest.window.rows import state_of
from ingest.window.state import CaseState
from ingest.window.terms import WindowAct
from tests.support.window import (
    AWAY,
    BEGIN,
    CATALOGUE,
    CITY,
    DISTRICT,
    HOME,
    ORGANISATIONS,
    due_material,
    id_number,
    lacking,
    opening,
    scanned,
    signing,
)

TABLES = Tables(ORGANISATIONS, CATALOGUE)
STAFF = (
    ("clerk", Role.OFFICER, HOME),
    ("accepter", Role.OFFICER, HOME),
    ("reviewer", Role.OFFICER, HOME),
    ("helper", Role.AUXILIARY, HOME),
    ("chief", Role.CHIEF, HOME),
    ("away", Role.OFFICER, AWAY),
    ("away-chief", Role.CHIEF, AWAY),
    ("district", Role.DISTRICT_SUPERVISOR, DISTRICT),
    ("city", Role.CITY_SUPERVISOR, CITY),
)
PEOPLE = {login: Reader(login, role, org) for login, role, org in STAFF}
_APPROVERS = {
    ApprovalLevel.STATION: "chief",
    ApprovalLevel.DISTRICT: "district",
    ApprovalLevel.CITY: "city",
}
_STRAIGHT = {
    Step.RECEIVE: (WindowAct.RECEIVE, ""),
    Step.TRANSFER: (WindowAct.TRANSFER, ""),
    Step.ACCEPT: (WindowAct.ACCEPT, "accepter"),
    Step.INVESTIGATE: (WindowAct.INVESTIGATE, "accepter"),
    Step.REVIEW: (WindowAct.REVIEW, "reviewer"),
    Step.FEEDBACK: (WindowAct.FEEDBACK, "accepter"),
    Step.ISSUE: (WindowAct.ISSUE, ""),
    Step.CLOSING: (WindowAct.CLOSE, ""),
}


def staff_window(engine: Engine) -> None:
    """Give the database keys, and the stations their people."""
    attach_keys(engine, new_keyring())
    enter_staff(engine)


def enter_staff(engine: Engine) -> None:
    """Give the stations their people."""
    with writing(engine) as session:
        for serial, (login, role, org) in enumerate(STAFF):
            session.add(_account(login, role, org, f"W{serial:04d}"))
            session.add(
                WindowOfficer(
                    officer_no=f"W{serial:04d}",
                    id_number=id_number(40000 + serial),
                    registered_by="test",
                    registered_at=BEGIN,
                )
            )


def _account(login: str, role: Role, org: str, number: str) -> Account:
    return Account(
        login=login,
        kind=AccountKind.PERSON,
        name=f"警{login}",
        officer_no=number,
        org=org,
        role=role,
        scopes=[],
        state=AccountState.ACTIVE,
        proposed_by="test",
        created_at=BEGIN,
    )


def give(engine: Engine, **more: Any) -> str:
    """Let the away window use the home station's seal; return the number of the grant."""
    stated = {"grantee": AWAY, "begins": BEGIN, "ends": BEGIN + timedelta(days=400), **more}
    with writing(engine) as session:
        return give_grant(
            session,
            PEOPLE["chief"],
            wanted=GrantWanted(**stated),
            organisations=ORGANISATIONS,
            now=BEGIN,
        ).number


@dataclass
class Desk:
    """One case on a database."""

    engine: Engine
    item: str = "CS02"
    window: str = "clerk"
    now: datetime = BEGIN
    answers: Answers = NOBODY_ASKED
    case_no: str = field(init=False)

    def __post_init__(self) -> None:
        self._keys = count(1)
        with writing(self.engine) as session:
            asked = Asked(WindowAct.OPEN, f"open-{id(self)}-{self.now}", data=opening(self.item))
            done = open_case(
                session,
                PEOPLE[self.window],
                asked=asked,
                tables=TABLES,
                now=self.now,
                answers=self.answers,
            )
        self.case_no = done.case_no

    @property
    def state(self) -> CaseState:
        """The state of the case now."""
        with writing(self.engine) as session:
            return state_of(session, self.row(session).id)

    def row(self, session: Session) -> WindowCase:
        """The row of the case."""
        return session.scalars(select(WindowCase).filter_by(case_no=self.case_no)).one()

    def do(
        self, act: WindowAct, login: str, data: Mapping[str, Any] | None = None, **more: Any
    ) -> Done:
        """Do an act, in a transaction of its own."""
        self.now += timedelta(minutes=7)
        key = more.pop("key", None) or f"key-{next(self._keys):05d}"
        asked = Asked(act, key, data=data or {}, **more)
        done_by = close_window_case if act is WindowAct.CLOSE else do_act
        with writing(self.engine) as session:
            return done_by(
                session,
                PEOPLE[login or self.window],
                case_no=self.case_no,
                asked=asked,
                tables=TABLES,
                now=self.now,
            )

    def gathered(self) -> None:
        """Take in what the item requires, compare the person, let the applicant sign."""
        for row in lacking(self.state):
            self.do(WindowAct.ADD_MATERIAL, "", due_material(row))
        self.do(WindowAct.IDENTIFY, "", {"result": "MATCH", "device": "仪1", "score": 0.9})
        self.do(WindowAct.SIGN, "", signing(self.state))

    def looked_into(self) -> None:
        """Add what an investigation must bring."""
        for row in lacking(self.state):
            self.do(WindowAct.ADD_MATERIAL, "accepter", due_material(row))
        item, titles = self.state.opening.item, self.state.papers.values()
        service_item = CATALOGUE.get(str(item["code"]), str(item["version"]))
        for kind in missing_investigation(service_item, [paper.title for paper in titles]):
            self.do(WindowAct.ADD_MATERIAL, "accepter", scanned(kind.label))

    def until(self, step: Step) -> "Desk":
        """Go on the straight way until the case stands at a step."""
        while (state := self.state).step is not step:
            if state.step is Step.RECEIVE:
                self.gathered()
            if state.step is Step.INVESTIGATE:
                self.looked_into()
            if state.step is Step.REVIEW:
                numbers = {"materials": sorted(state.papers)}
                self.do(WindowAct.SHOW, "reviewer", numbers)
                self.do(WindowAct.TICK, "reviewer", numbers)
            if state.step is Step.APPROVE:
                self.do(WindowAct.APPROVE, _APPROVERS[state.current_level])
            else:
                self.do(*_STRAIGHT[state.step])
        return self
