"""Cases at the window for tests: invented officers, and an act after the other by short names."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from archive.administration.policy import Role
from archive.reference.citizen_id import check_digit
from archive.reference.organisations import load_organisations
from archive.reference.service_items import (
    ItemMaterial,
    investigation_names,
    load_catalogue,
    missing_investigation,
    required_materials,
)
from archive.reference.vocabulary import ApprovalLevel, FormKind, SourceKind
from archive.reference.window_steps import Step
from ingest.window.decide import Asked, Officer, decide
from ingest.window.flow import Flow, current_flow
from ingest.window.fold import after, opened
from ingest.window.forms import shown_digest
from ingest.window.known import NOBODY_ASKED
from ingest.window.opening import decide_opening
from ingest.window.refusals import Refusal
from ingest.window.rules import World
from ingest.window.seal_rules import SEAL, Grant
from ingest.window.state import ActRow, CaseState
from ingest.window.terms import WindowAct

ORGANISATIONS, CATALOGUE = load_organisations(), load_catalogue()
HOME, AWAY, THIRD = "150602010000", "150622020000", "150603010000"
DISTRICT, AWAY_DISTRICT, CITY = "150602000000", "150622000000", "150600000000"
BEGIN = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
APPROVER = {
    ApprovalLevel.STATION: (Role.CHIEF, HOME),
    ApprovalLevel.DISTRICT: (Role.DISTRICT_SUPERVISOR, DISTRICT),
    ApprovalLevel.CITY: (Role.CITY_SUPERVISOR, CITY),
}


def id_number(serial: int) -> str:
    """An ID number that is valid; another for each serial number."""
    first = f"150602{1950 + serial // 900 % 50}0101{serial % 900 + 10:03d}"
    return first + check_digit(first)


def officer(role: Role, org: str, name: str = "a") -> Officer:
    """An officer; another name is another person."""
    number = f"{role}-{org}-{name}"
    person = id_number(sum(ord(char) * (at + 7) for at, char in enumerate(number)) % 40000)
    return Officer(number.lower(), role, org, f"警{name}", number, person)


APPLICANT = {"name": "测某", "id_number": id_number(44990), "phone": "13800000000"}
STROKES = [[[0.1 + at / 20, 0.3 + at % 3 / 5, at * 40, 0.5] for at in range(12)]]
REFUSED = {"reason": "不符合条件", "basis": "户口登记条例", "remedy": "60日内可申请复议"}


def opening(item: str, home: str = HOME, **more: Any) -> dict[str, Any]:
    """What a case of an item is opened with."""
    person = {**APPLICANT, "relation": "本人"}
    return {"item": item, "home": home, "applicant": APPLICANT, "subjects": [person], **more}


def scanned(name: str, source: SourceKind = SourceKind.SCANNED_PROOF) -> dict[str, Any]:
    """A material as it is taken in, of one page that nobody will read."""
    stored = [{"sha256": f"{abs(hash(name)) % 16**8:064x}", "extension": "jpg"}]
    return {"type": name, "source": str(source), "files": stored, "pages": 1}


def lacking(state: CaseState) -> list[ItemMaterial]:
    """The materials that an item requires and that a case has not, forms left out."""
    present = {paper.title for paper in state.papers.values()}
    return [row for row in required_materials(state.opening.item) if row.name not in present]


def due_material(row: ItemMaterial) -> dict[str, Any]:
    """A required material, from a source that its item lists."""
    kinds = [kind for kind in row.sources if kind is not SourceKind.SYSTEM_FORM]
    return scanned(row.name, kinds[0] if kinds else SourceKind.SCANNED_PROOF)


def signing(state: CaseState) -> dict[str, Any]:
    """A signature on the receipt as it is now."""
    paper = next(row for row in state.papers.values() if row.stated.get("form") == "RECEIPT")
    return {
        "form": str(FormKind.RECEIPT),
        "form_sha256": shown_digest(state, paper),
        "device": "签名屏1",
        "strokes": STROKES,
    }


def grant(**more: Any) -> Grant:
    """A grant of the home station to the away one, for every item."""
    stated = {
        "number": "YZ2026-000001",
        "grantor": HOME,
        "grantee": AWAY,
        "items": frozenset({"*"}),
        "seal": SEAL,
        "begins": BEGIN - timedelta(days=1),
        "ends": BEGIN + timedelta(days=300),
    }
    return Grant(**{**stated, **more})


@dataclass
class Play:
    """One case that is played without a database: `decide` and `fold` alone."""

    item: str = "CS02"
    receive: str = HOME
    flow: Flow = field(default_factory=current_flow)
    grants: tuple[Grant, ...] = (grant(),)
    now: datetime = BEGIN
    state: CaseState = field(init=False)
    rows: list[ActRow] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._keys = count(1)
        self.clerk = officer(Role.OFFICER, self.receive, "clerk")
        self.accepter = officer(Role.OFFICER, HOME, "accepter")
        self.reviewer = officer(Role.OFFICER, HOME, "reviewer")
        self.chief = officer(Role.CHIEF, HOME, "chief")
        self.service_item = next(row for row in CATALOGUE if row.code == self.item)
        act = decide_opening(
            self.flow,
            Asked(WindowAct.OPEN, self.key(), data=opening(self.item)),
            self.clerk,
            f"{self.receive}-20260302-W00001",
            self.now,
            item=self.service_item,
            organisations=ORGANISATIONS,
            answers=NOBODY_ASKED,
        )
        assert isinstance(act, ActRow), act
        self.state = opened(act)
        self.rows.append(act)

    def key(self) -> str:
        """The next key of a request."""
        return f"key-{next(self._keys):05d}"

    def world(self) -> World:
        """What the rules know beside the case."""
        return World(
            ORGANISATIONS, self.service_item, self.grants, frozenset({self.flow.digest, "f" * 64})
        )

    def answer(
        self, act: WindowAct, actor: Officer, data: Mapping[str, Any] | None = None, **more: Any
    ) -> ActRow | Refusal:
        """What the rules answer; nothing is done."""
        asked = Asked(act, self.key(), data=data or {}, **more)
        return decide(self.flow, self.state, asked, actor, self.now, self.world())

    def do(
        self, act: WindowAct, actor: Officer, data: Mapping[str, Any] | None = None, **more: Any
    ) -> ActRow:
        """Do an act that must be allowed."""
        row = self.answer(act, actor, data, **more)
        assert isinstance(row, ActRow), row
        self.state = after(self.state, row)
        self.rows.append(row)
        self.now += timedelta(minutes=10)
        return row

    def gathered(self) -> "Play":
        """Take in all that the item requires, compare the person, let the applicant sign."""
        for row in lacking(self.state):
            kinds = investigation_names() if self.state.opening.investigates else ()
            if not any(kind.covers(row.name) for kind in kinds):
                self.do(WindowAct.ADD_MATERIAL, self.clerk, due_material(row))
        check = {"result": "MATCH", "device": "核验仪1", "score": 0.93}
        self.do(WindowAct.IDENTIFY, self.clerk, check)
        self.do(WindowAct.SIGN, self.clerk, signing(self.state))
        return self

    def until(self, step: Step, level: int | None = None) -> "Play":
        """Go on the straight way until the case stands at a step, and at a level of approval."""
        while self.state.step is not step or level not in {None, self.state.level}:
            self.go_on()
        return self

    def go_on(self) -> None:
        """Do the next act of the straight way."""
        straight: dict[Step, tuple[WindowAct, Officer]] = {
            Step.RECEIVE: (WindowAct.RECEIVE, self.clerk),
            Step.TRANSFER: (WindowAct.TRANSFER, self.clerk),
            Step.ACCEPT: (WindowAct.ACCEPT, self.accepter),
            Step.INVESTIGATE: (WindowAct.INVESTIGATE, self.accepter),
            Step.REVIEW: (WindowAct.REVIEW, self.reviewer),
            Step.APPROVE: (WindowAct.APPROVE, self.approver()),
            Step.FEEDBACK: (WindowAct.FEEDBACK, self.accepter),
            Step.ISSUE: (WindowAct.ISSUE, self.clerk),
            Step.CLOSING: (WindowAct.CLOSE, self.clerk),
        }
        prepared = {
            Step.RECEIVE: self.gathered,
            Step.INVESTIGATE: self.looked_into,
            Step.REVIEW: self.ticked,
        }
        if (prepare := prepared.get(self.state.step)) is not None:
            prepare()
        self.do(*straight[self.state.step])

    def approver(self) -> Officer:
        """Who approves at the level at which the case stands."""
        return officer(*APPROVER[self.state.current_level], "chief")

    def looked_into(self) -> "Play":
        """Add what an investigation must bring."""
        for row in lacking(self.state):
            self.do(WindowAct.ADD_MATERIAL, self.accepter, due_material(row))
        titles = [paper.title for paper in self.state.papers.values()]
        for kind in missing_investigation(self.service_item, titles):
            self.do(WindowAct.ADD_MATERIAL, self.accepter, scanned(kind.label))
        return self

    def ticked(self) -> "Play":
        """Show each material to the reviewer, who ticks it."""
        numbers = {"materials": sorted(self.state.papers)}
        self.do(WindowAct.SHOW, self.reviewer, numbers)
        self.do(WindowAct.TICK, self.reviewer, numbers)
        return self
