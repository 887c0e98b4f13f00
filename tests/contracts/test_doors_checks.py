"""核对 through every door: returned, passed on, remarked and replaced alike.

Each door gives the same row, the same journal entry but for its actor, and the same refusal.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from api.cli.checks import check_app
from api.cli.main import app as cli_app
from api.runtime import failures
from api.runtime.bootstrap import start
from api.runtime.settings import Settings
from api.web.shell.page import COOKIE
from archive.administration.accounts import AccountKind
from archive.administration.logins import csrf_token, open_login
from archive.administration.policy import SCOPE_OF, Role, Scope, acts_of
from archive.database.engine import reading, writing
from archive.database.tables_cases import Case, CaseRevision, Component
from archive.database.tables_checks import CheckAct
from archive.database.tables_gathering import GatheredCase
from archive.database.tables_jobs import IndexFeed
from archive.reference.vocabulary import CaseState, IntakeOutcome
from ingest.intake.intake import take_package
from tests.resources import images
from tests.support.door_acts import API, CLI, DESK, Answer
from tests.support.doors import Archive, opened
from tests.support.factories import make_bag, page, sound_case
from tests.support.station import DISTRICT, HOME, NEIGHBOUR, OTHER

DOORS = (CLI, API, DESK)
BLANK = "materials/006.jpg"
WORDS = "第 2 页下半看不清，请问张测"
NUMBERS = {door: 930 + 10 * at for at, door in enumerate(DOORS)}


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    """Waiting cases of the home station, five for each door."""
    folder = tmp_path_factory.mktemp("checks")
    start(Settings(data=folder)).engine.dispose()
    with opened(folder) as served:
        for first in NUMBERS.values():
            for number in range(first, first + 5):
                deliver(served, folder, case_of(number), images.blank_jpeg())
        yield served


def case_of(number: int) -> str:
    return f"150602010000-20260901-000{number}"


def deliver(archive: Archive, folder: Path, case_no: str, last: bytes, **facts: Any) -> Any:
    case = sound_case(case_no) | facts
    bag = make_bag(folder / "bags" / f"{case_no}-{len(last)}", case=case, files={BLANK: last})
    runtime = archive.runtime
    return take_package(
        runtime.engine,
        runtime.store,
        "test",
        bag,
        sender=None,
        rules=runtime.intake_rules,
        now=datetime.now(UTC),
    )


@dataclass
class Checker:
    """Somebody who checks, at a door: the command line is the operator's, of the whole city."""

    archive: Archive
    door: str
    role: Role
    org: str

    def __post_init__(self) -> None:
        if self.door == CLI:
            self.account = "cli:tester"
            return
        kind = AccountKind.CLIENT if self.door == API else AccountKind.PERSON
        account = self.archive.account(self.role, self.org, kind)
        scopes = tuple({SCOPE_OF[act] for act in acts_of(self.role) if act in SCOPE_OF})
        with writing(self.archive.runtime.engine) as session:
            self.carried = open_login(
                session, account, *(("TOKEN", scopes) if self.door == API else ("WEB",))
            )
        self.account = account.login

    def ask(self, method: str, path: str, **body: Any) -> Answer:
        """A request of the station API or of the desk."""
        if self.door == API:
            headers = {"Authorization": f"Bearer {self.carried}", "Yice-Purpose": "CHECK"}
            answer = self.archive.client.request(
                method, f"/api/v1/checking{path}", headers=headers, **body
            )
            return self.answer(answer)
        headers = {"Cookie": f"{COOKIE}={self.carried}", "X-CSRF": csrf_token(self.carried)}
        if "json" in body:
            body = {"data": form_of(path, body["json"]) | {"csrf": csrf_token(self.carried)}}
        answer = self.archive.client.request(
            method, f"/checks{path}", headers=headers, follow_redirects=False, **body
        )
        return self.answer(answer)

    @staticmethod
    def answer(answer: httpx.Response) -> Answer:
        if answer.status_code < 400:
            return Answer("OK", None, answer.text, answer.status_code)
        if answer.headers["content-type"].startswith("text/html"):
            code = re.search(r'data-code="(\w+)"', answer.text)
            named = code[1] if code else ""
            return Answer(named, None, answer.text, answer.status_code)
        return Answer(answer.json()["code"], None, answer.text, answer.status_code)

    def run(self, *command: str) -> Answer:
        settings = self.archive.runtime.settings
        env = {"YICE_DATA": str(settings.data), "YICE_CLAMD": settings.clamd, "USER": "tester"}
        done = CliRunner().invoke(cli_app, ("check", *command), env=env)
        if done.exception and not isinstance(done.exception, SystemExit):
            return Answer(failures.explain(done.exception)[0])
        assert done.exit_code == 0, done.output
        return Answer("OK", None, done.stdout)

    def give_back(self, case_no: str, text: str = WORDS) -> Answer:
        if self.door == CLI:
            return self.run("return", case_no, "--reason", "ILLEGIBLE", "--text", text)
        body = {"reasons": ["ILLEGIBLE"], "text": text}
        return self.ask("POST", f"/{case_no}/return", json=body)

    def pass_on(self, case_no: str, org: str, text: str = "请看原件") -> Answer:
        if self.door == CLI:
            return self.run("ask", case_no, "--unit", org, "--text", text)
        return self.ask("POST", f"/{case_no}/assignment", json={"org": org, "text": text})

    def remark(self, case_no: str, text: str = WORDS) -> Answer:
        if self.door == CLI:
            return self.run("remark", case_no, "--text", text)
        return self.ask("POST", f"/{case_no}/remarks", json={"text": text})

    def replace(self, case_no: str, scan: Path, material: int = 6) -> Answer:
        if self.door == CLI:
            return self.run("replace", case_no, str(scan), "--material", str(material))
        path = f"/{case_no}/materials/{material}/files/1?revision=1"
        return self.ask("PUT", path, content=scan.read_bytes())


def form_of(path: str, body: dict[str, Any]) -> dict[str, str]:
    """The fields of the desk's form for what the API states as JSON."""
    form = {"text": str(body.get("text", "")), "revision": "1"}
    if path.endswith("/return"):
        form |= {f"reason-{reason}": "on" for reason in body["reasons"]}
    if path.endswith("/assignment"):
        form["to"] = f"org:{body['org']}"
    return form


def checker(archive: Archive, door: str, org: str = HOME) -> Checker:
    return Checker(archive, door, Role.STATION_CLIENT if door == API else Role.ARCHIVIST, org)


def newest_act(archive: Archive, case_no: str) -> CheckAct:
    with reading(archive.runtime.engine) as session:
        query = (
            select(CheckAct)
            .join(Case, Case.id == CheckAct.case_id)
            .where(Case.case_no == case_no)
            .order_by(CheckAct.id.desc())
        )
        row = session.scalars(query.limit(1)).first()
    assert row is not None
    return row


def states(archive: Archive, case_no: str) -> tuple[str, list[str]]:
    with reading(archive.runtime.engine) as session:
        case = session.scalars(select(Case).where(Case.case_no == case_no)).one()
        revisions = session.scalars(
            select(CaseRevision).filter_by(case_id=case.id).order_by(CaseRevision.revision)
        )
        return case.state, [row.state for row in revisions]


def test_every_act_of_the_desk_is_one_of_the_command_line_and_of_the_api(archive: Archive) -> None:
    commands = {command.name for command in check_app.registered_commands}
    assert commands == {"list", "show", "return", "ask", "remark", "replace"}
    for act in ("return", "assignment", "remarks", "materials/{material}/files/{file}"):
        assert f"/api/v1/checking/{{case_no}}/{act}" in archive.places(API)
        assert f"/checks/{{case_no}}/{act}" in archive.places(DESK)


@pytest.mark.parametrize("door", DOORS)
def test_a_return_leads_to_the_pool_of_the_sender_and_back_to_the_case(
    archive: Archive, door: str, tmp_path: Path
) -> None:
    case_no = case_of(NUMBERS[door])
    with archive.noted() as noted:
        assert checker(archive, door).give_back(case_no).allowed
    (entry,) = [entry for entry in noted if entry.act == "RETURN_CASE"]
    assert entry.subject == case_no
    assert entry.detail["codes"] == ["ILLEGIBLE"]
    assert WORDS not in json.dumps(dict(entry.detail), ensure_ascii=False)
    act = newest_act(archive, case_no)
    assert (act.kind, act.codes, act.text) == ("RETURN", ["ILLEGIBLE"], WORDS)
    assert states(archive, case_no) == (CaseState.RETURNED, [CaseState.RETURNED])
    with reading(archive.runtime.engine) as session:
        gathered = session.scalars(select(GatheredCase).filter_by(case_no=case_no)).one()
        feed = session.scalars(select(IndexFeed).filter_by(check_act_id=act.id)).one()
    assert (gathered.accepted, gathered.state, feed.volume_id) == (True, "SUBMITTED", None)
    sender = Checker(archive, API, Role.STATION_CLIENT, HOME)
    headers = {"Authorization": f"Bearer {sender.carried}", "Yice-Purpose": "CHECK"}
    rows = archive.client.get("/api/v1/returns", headers=headers).json()
    (row,) = [row for row in rows if row["case_no"] == case_no]
    assert row["reasons"] == [{"code": "ILLEGIBLE", "label": "看不清，请以 300 dpi 重扫"}]
    taken = deliver(archive, tmp_path, case_no, page(NUMBERS[door]), supplement=True)
    assert (taken.outcome, {finding.code for finding in taken.findings}) == (
        IntakeOutcome.CONFIRM,
        {"CORRECTED", "SUPPLEMENT"},
    )
    assert states(archive, case_no) == (CaseState.CONFIRM, ["SUPERSEDED", "CONFIRM"])


@pytest.mark.parametrize("door", DOORS)
def test_a_case_is_passed_on_to_a_unit_which_has_it_then(archive: Archive, door: str) -> None:
    case_no = case_of(NUMBERS[door] + 1)
    archive.account(Role.ARCHIVIST, DISTRICT, AccountKind.PERSON)
    with archive.noted() as noted:
        assert checker(archive, door).pass_on(case_no, DISTRICT).allowed
    (entry,) = [entry for entry in noted if entry.act == "ASK_CHECK"]
    assert (entry.subject, entry.detail["to_org"]) == (case_no, DISTRICT)
    act = newest_act(archive, case_no)
    assert (act.kind, act.to_account, act.to_org, act.text) == ("ASK", None, DISTRICT, "请看原件")
    district = Checker(archive, DESK, Role.ARCHIVIST, DISTRICT)
    assert case_no in district.ask("GET", "?desk=unit").text
    assert case_no not in checker(archive, DESK).ask("GET", "?desk=unit").text
    assert checker(archive, door).pass_on(case_no, OTHER).code == "NOBODY_TO_ASK"


@pytest.mark.parametrize("door", DOORS)
def test_a_remark_is_kept_sealed_and_the_journal_holds_that_there_is_one(
    archive: Archive, door: str
) -> None:
    case_no = case_of(NUMBERS[door] + 2)
    with archive.noted() as noted:
        assert checker(archive, door).remark(case_no).allowed
    (entry,) = [entry for entry in noted if entry.act == "CHECK_REMARK"]
    assert (entry.subject, "看不清" in json.dumps(dict(entry.detail))) == (case_no, False)
    assert (newest_act(archive, case_no).kind, newest_act(archive, case_no).text) == (
        "REMARK",
        WORDS,
    )
    shown = checker(archive, CLI).run("show", case_no, "--json")
    assert json.loads(shown.text)["acts"][0]["text"] == WORDS


@pytest.mark.parametrize("door", DOORS)
def test_a_scan_is_replaced_and_inspected_and_the_old_one_stays(
    archive: Archive, door: str, tmp_path: Path
) -> None:
    case_no, scan = case_of(NUMBERS[door] + 3), tmp_path / "new.jpg"
    scan.write_bytes(page(NUMBERS[door] + 3))
    with archive.noted() as noted:
        assert checker(archive, door).replace(case_no, scan).allowed
    (entry,) = [entry for entry in noted if entry.act == "REPLACE_PAGE"]
    assert (entry.subject, entry.detail["material"], entry.detail["revision"]) == (case_no, 6, 2)
    assert entry.detail["old"] != entry.detail["new"]
    assert states(archive, case_no) == (CaseState.CONFIRM, ["SUPERSEDED", "CONFIRM"])
    with reading(archive.runtime.engine) as session:
        case = session.scalars(select(Case).where(Case.case_no == case_no)).one()
        codes = {row["code"] for row in case.findings}
        kept = session.scalars(
            select(Component.sha256).filter_by(case_id=case.id, material_no=6)
        ).all()
    assert codes == {"CORRECTED", "SUPPLEMENT"}  # it is no blank page any more
    assert set(kept) == {entry.detail["old"], entry.detail["new"]}
    certificate = checker(archive, door).replace(case_of(NUMBERS[door] + 4), scan, material=4)
    assert certificate.code == "CONFLICT"
    scan.write_bytes(b"no picture")
    broken = checker(archive, door).replace(case_of(NUMBERS[door] + 4), scan)
    assert broken.code == "NOT_REPLACED"
    assert states(archive, case_of(NUMBERS[door] + 4)) == (CaseState.CONFIRM, ["CONFIRM"])


@pytest.mark.parametrize("door", [API, DESK])
def test_another_unit_neither_returns_nor_remarks_nor_learns_that_there_is_a_case(
    archive: Archive, door: str, tmp_path: Path
) -> None:
    there, missing = case_of(NUMBERS[door] + 4), case_of(999)
    scan = tmp_path / "new.jpg"
    scan.write_bytes(page(1))
    for org in (OTHER, NEIGHBOUR):
        stranger = checker(archive, door, org)
        for act in (
            stranger.give_back,
            stranger.remark,
            lambda case_no, reader=stranger: reader.pass_on(case_no, HOME),
            lambda case_no, reader=stranger: reader.replace(case_no, scan),
        ):
            known, unknown = act(there), act(missing)
            assert (known.code, known.status) == (unknown.code, unknown.status) == ("NOT_HERE", 404)
    assert states(archive, there) == (CaseState.CONFIRM, ["CONFIRM"])


def test_a_client_without_the_scope_checks_nothing(archive: Archive) -> None:
    client = Checker(archive, API, Role.STATION_CLIENT, HOME)
    account = archive.account(Role.STATION_CLIENT, HOME, AccountKind.CLIENT)
    with writing(archive.runtime.engine) as session:
        client.carried = open_login(session, account, "TOKEN", (Scope.SUBMIT,))
    assert client.give_back(case_of(NUMBERS[API] + 4)).code == "SCOPE"
