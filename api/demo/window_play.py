"""One simulated case at the window, played act by act through the same door as any other.

No act is skipped and no row is written past the rules. Some go the other ways: a correction, a
step back, a refusal, a withdrawal, a special procedure, a term that runs out; and people try what
they may not, which is counted.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from itertools import count
from random import Random
from typing import TYPE_CHECKING, Any

from api.demo.cases import add_material, add_materials, make_case
from api.demo.window_people import People
from api.http.window import tables_of
from api.runtime.bootstrap import Runtime
from archive.administration.policy import Reader, Role
from archive.database.engine import reading, writing
from archive.reference.form_digest import form_digest
from archive.reference.local_time import LOCAL_TIME
from archive.reference.service_items import (
    ItemMaterial,
    investigation_names,
    missing_investigation,
)
from archive.reference.submission_terms import ClockKind
from archive.reference.vocabulary import ApprovalLevel, FormKind, OrgKind, SourceKind
from archive.reference.window_steps import Step
from archive.reference.worktime import is_workday
from archive.usage.looks import DeniedError
from ingest.window.alerts import ring
from ingest.window.cases import Done, do_act, open_case
from ingest.window.closing import close_window_case
from ingest.window.decide import Asked
from ingest.window.files import keep_file
from ingest.window.forms import form_facts
from ingest.window.grants import GrantWanted, give_grant
from ingest.window.known import NOBODY_ASKED
from ingest.window.refusals import RefusedActError
from ingest.window.rows import cases_numbered, state_of
from ingest.window.terms import WindowAct

if TYPE_CHECKING:
    from ingest.window.state import CaseState

_FIRST_DAY = datetime(2026, 1, 5, 9, 0, tzinfo=LOCAL_TIME)
_DAYS = 200
WHY = {"reason": "按规定办理", "basis": "《户口登记条例》", "remedy": "可在60日内申请行政复议"}
"""What a refusal says: reason, basis and remedy."""
_NOT_TAKEN = ("files", "form", "data", "captured_by", "no")


class Play:
    """A case from its opening to its close, on a clock of its own."""

    def __init__(self, runtime: Runtime, people: People, seed: int, index: int) -> None:
        """Invent the case: people, item and stations; nothing is opened yet."""
        self.runtime, self.people, self.seed, self.index = runtime, people, seed, index
        self.random = Random(f"{seed}:{index}:window")
        self.case = make_case(seed, index, runtime.catalogue, runtime.organisations)
        orgs = self.case.facts["orgs"]
        self.receive, self.home = orgs["receive"], orgs["domicile"]
        self.now = _FIRST_DAY + timedelta(
            days=self.random.randrange(_DAYS), minutes=self.random.randrange(300)
        )
        self.to_office_hours()
        self.tables = tables_of(runtime)
        self.refused = self.alerts = 0
        self.case_no = ""
        self._keys = count(1)
        self.state: CaseState

    # people

    @property
    def clerk(self) -> Reader:
        """Return who receives: an officer of the window."""
        return self.people.of(Role.OFFICER, self.receive)

    @property
    def accepter(self) -> Reader:
        """Return who accepts at home: another than the clerk."""
        return self.people.of(Role.OFFICER, self.home, 1)

    @property
    def reviewer(self) -> Reader:
        """Return who reviews at home."""
        return self.people.of(Role.OFFICER, self.home, 2)

    @property
    def chief(self) -> Reader:
        """Return the chief of the home station."""
        return self.people.of(Role.CHIEF, self.home)

    def approver(self) -> Reader:
        """Return who approves at the level at which the case stands."""
        organisations = self.runtime.organisations
        match self.state.current_level:
            case ApprovalLevel.STATION:
                return self.chief
            case ApprovalLevel.DISTRICT:
                district = organisations.district_of(self.home).code
                return self.people.of(Role.DISTRICT_SUPERVISOR, district)
            case ApprovalLevel.CITY:
                (city,) = organisations.of_kind(OrgKind.CITY)
                return self.people.of(Role.CITY_SUPERVISOR, city.code)

    # acts

    def to_office_hours(self) -> None:
        """Move the clock to the next hour at which the window is open."""
        local = self.now.astimezone(LOCAL_TIME)
        if local.hour >= 17:
            local = (local + timedelta(days=1)).replace(hour=9, minute=self.random.randrange(60))
        while not is_workday(local.date()):
            local = (local + timedelta(days=1)).replace(hour=9)
        self.now = local

    def later(self, minutes: int = 0, days: int = 0) -> None:
        """Let time pass, and the sweep of deadlines look each day."""
        for _ in range(days):
            self.now += timedelta(days=1)
            with writing(self.runtime.engine) as session:
                self.alerts += ring(session, "beat", now=self.now)
        self.now += timedelta(minutes=minutes or self.random.randint(3, 25))
        self.to_office_hours()

    def do(self, act: WindowAct, who: Reader, data: Mapping[str, Any] | None = None) -> Done:
        """Do an act in a transaction of its own."""
        self.later()
        asked = Asked(act, f"sim-{next(self._keys):06d}", self._seen(), data or {})
        by = close_window_case if act is WindowAct.CLOSE else do_act
        with writing(self.runtime.engine) as session:
            done = by(
                session,
                who,
                case_no=self.case_no,
                asked=asked,
                tables=self.tables,
                now=self.now,
            )
        self.state = done.state
        return done

    def _seen(self) -> int:
        return self.state.seq

    def tries(self, act: WindowAct, who: Reader, data: Mapping[str, Any] | None = None) -> None:
        """Try what must be refused, and count it. Raises AssertionError where it is not."""
        try:
            self.do(act, who, data)
        except (RefusedActError, DeniedError):
            self.refused += 1
        else:
            raise AssertionError(f"{act} was not refused")

    def open(self) -> None:
        """Open the case, and draw its materials, which name it."""
        facts = self.case.facts
        wanted = {
            "item": self.case.item.code,
            "home": self.home,
            "channel": facts["channel"],
            "applicant": facts["applicant"],
            "subjects": facts["subjects"],
        }
        clerk = self.clerk  # who is new is entered in a transaction of its own
        with writing(self.runtime.engine) as session:
            done = open_case(
                session,
                clerk,
                asked=Asked(WindowAct.OPEN, f"open-{self.seed}-{self.index:06d}", data=wanted),
                tables=self.tables,
                now=self.now,
                answers=NOBODY_ASKED,
            )
        self.case_no, self.state = done.case_no, done.state
        facts.update(case_no=self.case_no, materials=[])
        facts["process"][0].update(at=self.now.isoformat())
        self.case.files.clear()
        self._draw()

    def _draw(self) -> None:
        """Draw the materials of the case; what may be a form or a scan is scanned here."""
        case, facts = self.case, self.case.facts
        materials = [
            row.model_copy(update={"sources": _brought(row.sources)}) for row in case.item.materials
        ]
        case.item = case.item.model_copy(update={"materials": tuple(materials)})
        window = self.runtime.organisations.get(self.receive).name
        online = facts["channel"] == "ONLINE"
        add_materials(self.random, case, self.now, window, online=online)
        drawn = [row for row in facts["materials"] if row.get("files")]
        titles = [row["type"] for row in drawn]
        titles += [paper.title for paper in self.state.papers.values()]
        for kind in missing_investigation(case.item, titles):
            source = SourceKind.SCANNED_PROOF
            listed = ItemMaterial(name=kind.label, sources=(source,))
            add_material(self.random, case, listed, source, self.now, window)

    def take_in(self, who: Reader, chosen: Callable[[str], bool], *, pages: int = 0) -> None:
        """Take in the materials whose names are chosen; `pages` more are declared than are."""
        for material in self.case.facts["materials"]:
            if not material.get("files") or not chosen(material["type"]):
                continue
            files = [
                keep_file(self.runtime.store, who, self.case.files[path])
                for path in material["files"]
            ]
            stated = {key: value for key, value in material.items() if key not in _NOT_TAKEN}
            stated |= {"files": files, "pages": material["pages"] + pages}
            self.do(WindowAct.ADD_MATERIAL, who, stated | {"captured_at": self.now.isoformat()})

    def identify(self) -> None:
        """Compare the applicant with the certificate; now and then the device is broken."""
        check: dict[str, Any] = {"result": "MATCH", "device": "核验仪-01"}
        check["score"] = round(self.random.uniform(0.82, 0.99), 2)
        if self.random.random() < 0.1:
            check = {"result": "NO_DEVICE", "reason": "核验仪报修，民警人工比对证件与本人"}
        self.do(WindowAct.IDENTIFY, self.clerk, check)

    def sign(self) -> None:
        """Let the applicant sign the receipt as it is shown now."""
        self.later()
        paper = next(
            row for row in self.state.papers.values() if row.stated.get("form") == "RECEIPT"
        )
        digest = form_digest(FormKind.RECEIPT, form_facts(self.state), paper.stated.get("data"))
        signature = {
            "form": "RECEIPT",
            "form_sha256": digest,
            "device": "签名屏-01",
            "strokes": self._strokes(),
        }
        self.do(WindowAct.SIGN, self.clerk, signature)

    def _strokes(self) -> list[list[list[float]]]:
        """Return a scrawl of three strokes, another for each case."""
        strokes, at = [], 0
        for number in range(3):
            x, y = 0.08 + 0.3 * number, self.random.uniform(0.25, 0.6)
            stroke = []
            for _ in range(14):
                x = min(0.98, x + self.random.uniform(0.005, 0.02))
                y = min(0.95, max(0.05, y + self.random.uniform(-0.12, 0.12)))
                at += self.random.randint(12, 30)
                pressure = round(self.random.uniform(0.3, 0.9), 2)
                stroke.append([round(x, 4), round(y, 4), at, pressure])
            strokes.append(stroke)
            at += 120
        return strokes

    def of_investigation(self, name: str) -> bool:
        """Return whether a material is what the investigation brings."""
        return self.state.opening.investigates and any(
            row.covers(name) for row in investigation_names()
        )

    def grant(self) -> None:
        """Let the home station's chief give the window what it lacks."""
        wanted = GrantWanted(
            self.receive, self.now - timedelta(hours=1), self.now + timedelta(days=366)
        )
        chief = self.chief
        with writing(self.runtime.engine) as session:
            give_grant(
                session,
                chief,
                wanted=wanted,
                organisations=self.runtime.organisations,
                now=self.now,
            )

    def reread(self) -> None:
        """Read the state anew: somebody else acted on the case."""
        with reading(self.runtime.engine) as session:
            case = cases_numbered(session, [self.case_no])[self.case_no]
            self.state = state_of(session, case.id)

    @property
    def has_term(self) -> bool:
        """Return whether a promised term runs."""
        clock = self.state.clocks.get(ClockKind.PROMISE)
        return clock is not None and clock.budget > 0 and clock.ended is None

    def stands(self, step: Step) -> bool:
        """Return whether the case stands at a step."""
        return self.state.step is step


def _brought(sources: tuple[SourceKind, ...]) -> tuple[SourceKind, ...]:
    """Return the sources from which an applicant or officer brings a material."""
    brought = tuple(source for source in sources if source is not SourceKind.SYSTEM_FORM)
    return brought or sources
