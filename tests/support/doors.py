"""The doors of one archive: command line, station API and desk, with the same methods.

A story of `tests/contracts/test_doors.py` is played through each door and its answers, journal
entries and refusals are held equal. To append a story: give `ACTS` a row, which says at which
doors the act is offered and as what, and each `Visit` that offers it a method; a door that does
not offer an act raises `NotOfferedError` by itself.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pypdfium2
import pytest
from fastapi.testclient import TestClient
from lxml import html
from PIL import Image
from sqlalchemy import select
from typer.testing import CliRunner

from api.app import create_app
from api.cli.main import app as cli_app
from api.jobs.certified_copies import make_order, open_copy_sealer
from api.runtime import failures
from api.runtime.bootstrap import Runtime, open_index_folder, source_of, start
from api.runtime.settings import Settings
from api.web.mount import _PAGES
from api.web.shell.page import COOKIE
from archive.administration.accounts import (
    AccountKind,
    NewAccount,
    account_by_login,
    approve_account,
    propose_account,
)
from archive.administration.logins import csrf_token, open_login
from archive.administration.policy import SCOPE_OF, Role, acts_of
from archive.audit import journal
from archive.database.engine import reading, writing
from archive.database.tables_administration import Account
from archive.database.tables_audit import JournalEntry
from archive.database.tables_cases import Case, Component
from archive.reference.codes import ArchivalCode, storage_prefix
from archive.reference.errors import NotFoundError
from archive.reference.objects import blob_key
from archive.usage.copy_orders import orders_waiting
from search.follow import rebuild
from tests.support.holdings import holdings, sound_case
from tests.support.station import BIRTH, HOME, MOVE, ORGANISATIONS, SECURITY, SYSTEM, moved_case

CLI, API, DESK = "command line", "station API", "desk"
BIRTH_CODE, MOVE_CODE = "J602-ZY·HJ·CS·2026·Y-000001", "J602-ZY·HJ·QR·2026·Y-000001"
OFFICER_IN_TEXT, PERSON_IN_TEXT = "王警官", "测某"
OPINION = f"{OFFICER_IN_TEXT}已核，{PERSON_IN_TEXT}属实"

ACTS: Mapping[str, Mapping[str, str]] = {
    "show": {CLI: "show", API: "/api/v1/volumes/{name}", DESK: "/volumes/{code}"},
    "plain": {API: "/api/v1/volumes/{name}/facts", DESK: "/volumes/{code}/plain"},
    "page_image": {
        API: "/api/v1/volumes/{name}/pages/{page}",
        DESK: "/volumes/{code}/v{number}/pages/{page}.jpg",
    },
    "original": {DESK: "/volumes/{code}/originals/{component}/{page}.jpg"},
    "file": {API: "/api/v1/volumes/{name}/file"},
    "signature": {
        API: "/api/v1/volumes/{name}/signature",
        DESK: "/volumes/{code}/v{number}/signature",
    },
    "search": {CLI: "search", API: "/api/v1/search", DESK: "/search"},
    "request_use": {API: "/api/v1/usage-requests", DESK: "/usage"},
    "decide_use": {
        API: "/api/v1/usage-requests/{number}/decision",
        DESK: "/usage/{number}/decision",
    },
    # The desk orders a copy that a worker makes, the API makes it at once: `certify` is both.
    "certify": {API: "/api/v1/copies", DESK: "/usage/{number}/copies"},
    "fetch_copy": {API: "/api/v1/copies/{check_code}/file", DESK: "/copies/{check_code}.pdf"},
    "inspection": {CLI: "inspect", DESK: "/volumes/{code}/inspection.pdf"},
    "export": {CLI: "export"},
    # Played in `tests.support.intake_doors`, for packages also come without a reader.
    "take": {CLI: "ingest", API: "/api/v1/submissions"},
    "send_part": {
        API: "/api/v1/uploads/{id_}/parts/{part}",
        DESK: "/collecting/uploads/{id_}/parts/{part}",
    },
    "log_in": {API: "/api/v1/token", DESK: "/login"},
}
"""Every act, and as what each door offers it; a door that is not named does not offer it."""


class NotOfferedError(AssertionError):
    """A door was asked for an act that it does not offer."""


@dataclass(frozen=True)
class Answer:
    """What a door answered: "OK" or the code of the refusal, and what it gave."""

    code: str
    value: Any = None
    text: str = field(default="", repr=False)
    status: int = 200

    @property
    def allowed(self) -> bool:
        return self.code == "OK"


@dataclass(frozen=True)
class Entry:
    """A journal entry: `kind` is the kind of its actor, TERMINAL for the command line."""

    act: str
    subject: str
    kind: str
    at: datetime
    detail: Mapping[str, Any]

    @property
    def purpose(self) -> str | None:
        purpose: str | None = self.detail.get("purpose")
        return purpose


class Visit:
    """A reader at a door, as `account`; the methods of acts that a door lacks raise."""

    door: str
    account: str

    def __getattr__(self, act: str) -> Any:
        if act in ACTS:
            raise NotOfferedError(f"{self.door}: {act}")
        raise AttributeError(act)


@dataclass
class Archive:
    """A small archive that all doors open to, served in this process."""

    runtime: Runtime
    client: TestClient

    def places(self, door: str) -> set[str]:
        """Every address that the station API or the desk serves."""
        if door == API:
            return set(self.client.app.openapi()["paths"])  # type: ignore[attr-defined]
        return {route.path for pages in _PAGES for route in pages.router.routes}

    def account(self, role: Role, org: str, kind: AccountKind) -> Account:
        """An account of a role at a place; clients have every scope of their role."""
        login = f"{kind.value[:4].lower()}-{role.value.lower().replace('_', '-')}-{org}"
        scopes = tuple({SCOPE_OF[act] for act in acts_of(role) if act in SCOPE_OF})
        with writing(self.runtime.engine) as session:
            try:
                return account_by_login(session, login)
            except NotFoundError:
                pass
            new = NewAccount(
                login, kind, role.label, org, role, scopes=scopes if kind == "CLIENT" else ()
            )
            propose_account(session, SYSTEM, new, ORGANISATIONS)
            return approve_account(session, SECURITY, login)

    @contextmanager
    def noted(self) -> Iterator[list[Entry]]:
        """Collect what is journalled meanwhile, logins and accounts left out."""
        with reading(self.runtime.engine) as session:
            before = journal.length(session)
        collected: list[Entry] = []
        yield collected
        with reading(self.runtime.engine) as session:
            collected += [
                self._entry(session, entry)
                for entry in journal.entries(session, before)
                if "ACCOUNT" not in entry.act and entry.act != "LOGIN"
            ]

    def _entry(self, session: Any, entry: JournalEntry) -> Entry:
        kind = (
            "TERMINAL"
            if entry.actor.startswith("cli:")
            else account_by_login(session, entry.actor).kind
        )
        at = datetime.fromisoformat(entry.at)
        return Entry(entry.act, entry.subject, str(kind), at, json.loads(entry.detail))

    def bare_page(self, code: str, page: int) -> Image.Image:
        """Page `page` of the first version of a volume as it is without a mark."""
        key = f"{storage_prefix(ArchivalCode.parse(code), 1)}/volume.pdf"
        document = pypdfium2.PdfDocument(self.runtime.store.read(key))
        document.init_forms()
        sheet = document[page - 1]
        picture = sheet.render(scale=1240 / sheet.get_width()).to_pil().convert("RGB")
        document.close()
        return picture

    def bare_original(self, case_no: str, material: int) -> Image.Image:
        """The first page of a material of a case as it came, at the size of the desk."""
        with reading(self.runtime.engine) as session:
            query = select(Component.sha256).join(Case, Case.id == Component.case_id)
            wanted = (Case.case_no == case_no, Component.material_no == material)
            digest = session.scalars(query.where(*wanted)).one()
        picture = Image.open(BytesIO(self.runtime.store.read(blob_key(digest)))).convert("RGB")
        picture.thumbnail((1240, 2480))
        return picture

    def make_ordered_copies(self) -> None:
        """Make what is ordered, as the worker does."""
        with reading(self.runtime.engine) as session:
            waiting = orders_waiting(session)
        for order_id in waiting:
            make_order(self.runtime, open_copy_sealer(self.runtime), order_id)


class TerminalVisit(Visit):
    """The operator at the command line, who may see the whole city."""

    door = CLI

    def __init__(self, archive: Archive) -> None:
        self._archive, self.account = archive, "cli:tester"

    def _run(self, *command: str) -> Answer:
        settings = self._archive.runtime.settings
        done = CliRunner().invoke(
            cli_app,
            command,
            env={
                "YICE_DATA": str(settings.data),
                "YICE_CLAMD": settings.clamd,
                "USER": "tester",
            },
        )
        if done.exception and not isinstance(done.exception, SystemExit):
            return Answer(failures.explain(done.exception)[0])  # as `main` prints it
        return Answer("OK", done.stdout, done.stdout)

    def show(self, name: str, usage: str = "") -> Answer:
        del usage
        answer = self._run("show", name, "--json")
        if not answer.allowed:
            return answer
        shown = json.loads(answer.text)
        fields = {key: shown[key] for key in ("code", "case_no", "version", "pages")}
        titles = [item["title"] for item in shown["contents"]]
        return Answer("OK", {**fields, "titles": titles}, answer.text)

    def search(self, query: str) -> Answer:
        answer = self._run("search", query, "--json")
        return answer if not answer.allowed else Answer("OK", _hits(json.loads(answer.text)))

    def inspection(self, name: str) -> Answer:
        return self._run("inspect", name, "--json")

    def export(self, name: str, folder: Path) -> Answer:
        return self._run("export", name, "--to", str(folder), "--json")


class StationVisit(Visit):
    """A client of the station API with a token."""

    door = API

    def __init__(self, archive: Archive, role: Role, org: str, purpose: str) -> None:
        account = archive.account(role, org, AccountKind.CLIENT)
        scopes = tuple({SCOPE_OF[act] for act in acts_of(role) if act in SCOPE_OF})
        with writing(archive.runtime.engine) as session:
            carried = open_login(session, account, "TOKEN", scopes)
        self._client, self.account = archive.client, account.login
        self._headers = {"Authorization": f"Bearer {carried}", "Yice-Purpose": purpose}

    def _ask(self, path: str, usage: str = "", json: Any = None) -> httpx.Response:
        headers = self._headers | ({"Yice-Usage": usage, "Yice-Purpose": "USE"} if usage else {})
        method = "GET" if json is None else "POST"
        return self._client.request(method, f"/api/v1{path}", headers=headers, json=json)

    @staticmethod
    def _answer(answer: httpx.Response, value: Any = None) -> Answer:
        if answer.status_code >= 400:
            return Answer(answer.json()["code"], status=answer.status_code)
        return Answer("OK", value, answer.text if answer.encoding else "")

    def show(self, name: str, usage: str = "") -> Answer:
        answer = self._ask(f"/volumes/{name}", usage)
        if answer.status_code >= 400:
            return self._answer(answer)
        shown = answer.json()
        fields = {key: shown[key] for key in ("code", "case_no", "version", "pages")}
        titles = [item["title"] for item in shown["contents"]]
        opinions = [step["opinion"] for step in shown["timeline"] if step["opinion"]]
        return self._answer(answer, {**fields, "titles": titles, "opinions": opinions})

    def plain(self, name: str, usage: str = "") -> Answer:
        return self._answer(self._ask(f"/volumes/{name}/facts", usage))

    def page_image(self, name: str, page: int, usage: str = "") -> Answer:
        answer = self._ask(f"/volumes/{name}/pages/{page}?width=1240", usage)
        return self._answer(answer, answer.content)

    def file(self, name: str, usage: str = "") -> Answer:
        answer = self._ask(f"/volumes/{name}/file", usage)
        return self._answer(answer, answer.content)

    def signature(self, name: str, usage: str = "") -> Answer:
        answer = self._ask(f"/volumes/{name}/signature", usage)
        if answer.status_code >= 400:
            return self._answer(answer)
        shown = answer.json()
        return self._answer(answer, {key: shown[key] for key in ("valid", "signer")})

    def search(self, query: str) -> Answer:
        answer = self._ask("/search", json={"query": query})
        return self._answer(answer, _hits(answer.json()) if answer.status_code < 400 else None)

    def request_use(self, code: str, **other: Any) -> Answer:
        wanted = _USE | {"code": code, "papers": list(_PAPERS)} | other
        answer = self._ask("/usage-requests", json=wanted)
        return self._answer(answer, answer.json().get("number"))

    def decide_use(self, number: str, *, approve: bool = True) -> Answer:
        decision = {"approve": approve, "reason": "材料齐全"}
        return self._answer(self._ask(f"/usage-requests/{number}/decision", json=decision))

    def certify(self, name: str, items: list[int], usage: str = "") -> Answer:
        answer = self._ask("/copies", usage, json={"name": name, "items": items})
        return self._answer(answer, answer.json().get("check_code"))

    def fetch_copy(self, check_code: str) -> Answer:
        answer = self._ask(f"/copies/{check_code}/file")
        return self._answer(answer, answer.content)


class DeskVisit(Visit):
    """A person who is logged in at the desk, with the cookie and the token of its forms."""

    door = DESK

    def __init__(self, archive: Archive, role: Role, org: str) -> None:
        account = archive.account(role, org, AccountKind.PERSON)
        with writing(archive.runtime.engine) as session:
            self._carried = open_login(session, account, "WEB")
        self._archive, self.account = archive, account.login

    def _ask(self, path: str, **form: Any) -> httpx.Response:
        headers = {"Cookie": f"{COOKIE}={self._carried}"}
        client = self._archive.client
        if not form:
            return client.get(path, headers=headers, follow_redirects=False)
        data = {"csrf": csrf_token(self._carried), **form}
        return client.post(path, headers=headers, data=data, follow_redirects=False)

    @staticmethod
    def _answer(answer: httpx.Response, value: Any = None) -> Answer:
        if answer.status_code >= 400:
            code = html.fromstring(answer.text).xpath("//p[contains(@class,'code')]/text()")
            return Answer(code[-1].strip(), status=answer.status_code)
        return Answer("OK", value, answer.text if answer.encoding else "")

    @staticmethod
    def _under(usage: str) -> str:
        return f"?usage={usage}" if usage else ""

    def show(self, name: str, usage: str = "") -> Answer:
        answer = self._ask(f"/volumes/{name}{self._under(usage)}")
        if answer.status_code >= 400:
            return self._answer(answer)
        page = html.fromstring(answer.text)
        rows = page.xpath("//ol[@class='toc']/li/a[i[1][. != '·']]/span")
        case_no = page.xpath("//dt[.='办件编号']/following-sibling::dd[1]/text()")
        version = re.search(r"已归档 · 第 (\d+) 版", answer.text)
        pages = page.xpath("//aside[@aria-label='卷内目录']//small[contains(.,'页')][1]/text()")
        shown = {
            "code": page.xpath("//p[@class='code']/text()")[0].strip(),
            "case_no": case_no[0].strip(),
            "version": int(version[1]) if version else None,
            "pages": int(pages[0].split()[0]) if pages else None,
            "titles": [row.text.strip() for row in rows],
            "opinions": [span.text.strip() for span in page.xpath("//span[@class='long']")],
        }
        return Answer("OK", shown, answer.text)

    def _look(self, name: str, usage: str, pattern: str) -> re.Match[str]:
        path = f"/volumes/{name}{self._under(usage)}"
        match = re.search(pattern, self._ask(path).text.replace("&amp;", "&"))
        assert match, f"{path} shows nothing like {pattern}"
        return match

    def page_image(self, name: str, page: int, usage: str = "") -> Answer:
        shown = self._ask(f"/volumes/{name}{self._under(usage)}")
        match = re.search(r"/pages/1\.jpg\?look=(\d+)", shown.text)
        if not match:
            denied = shown.status_code < 400 and "此操作须有批准的利用单" in shown.text
            return Answer("NEEDS_GRANT") if denied else self._answer(shown)
        answer = self._ask(f"/volumes/{name}/v1/pages/{page}.jpg?look={match[1]}")
        return self._answer(answer, answer.content)

    def original(self, name: str, item: int, usage: str = "") -> Answer:
        shown = self._ask(f"/volumes/{name}/v1/items/{item}/originals{self._under(usage)}")
        match = re.search(r'src="([^"]+\.jpg\?look=\d+)"', shown.text)
        if not match:
            return self._answer(shown)
        answer = self._ask(match[1])
        return self._answer(answer, answer.content)

    def plain(self, name: str, usage: str = "") -> Answer:
        return self._answer(self._ask(f"/volumes/{name}/plain?usage={usage}"))

    def signature(self, name: str, usage: str = "") -> Answer:
        answer = self._ask(f"/volumes/{name}/v1/signature{self._under(usage)}")
        if answer.status_code >= 400:
            return self._answer(answer)
        page = html.fromstring(answer.text)
        (signer,) = page.xpath("//dt[.='印章']/following-sibling::dd[1]/text()")
        return Answer("OK", {"valid": "有效</span>" in answer.text, "signer": signer.strip()})

    def search(self, query: str) -> Answer:
        answer = self._ask("/search", q=query)
        if answer.status_code >= 400:
            return self._answer(answer)
        hits = html.fromstring(answer.text).xpath("//*[@class='hit']//a/@href")
        return Answer("OK", sorted({re.split(r"[/?#]", hit)[2] for hit in hits}))

    def request_use(self, code: str, **other: Any) -> Answer:
        papers = {f"paper:{paper}": "1" for paper in other.pop("papers", _PAPERS)}
        answer = self._ask("/usage", **(_USE | {"code": code} | papers | other))
        return self._answer(answer, answer.headers.get("location", "").rpartition("/")[2])

    def decide_use(self, number: str, *, approve: bool = True) -> Answer:
        decision = "approve" if approve else "refuse"
        return self._answer(
            self._ask(f"/usage/{number}/decision", decision=decision, reason="材料齐全")
        )

    def certify(self, name: str, items: list[int], usage: str = "") -> Answer:
        """Order a copy under the grant, and let the worker make it."""
        del name  # the grant names the volume
        ticked = {f"item:{no}": "1" for no in items}
        answer = self._ask(f"/usage/{usage}/copies", **(ticked or {"all": "1"}))
        if answer.status_code >= 400:
            return self._answer(answer)
        self._archive.make_ordered_copies()
        live = self._ask(f"/usage/{usage}/copies").text
        match = re.search(r"/copies/([0-9A-Z-]{24})\.pdf", live)
        return Answer("OK", match[1] if match else None, live)

    def fetch_copy(self, check_code: str) -> Answer:
        answer = self._ask(f"/copies/{check_code}.pdf")
        return self._answer(answer, answer.content)

    def inspection(self, name: str) -> Answer:
        answer = self._ask(f"/volumes/{name}/inspection.pdf")
        return self._answer(answer, answer.content)


_PAPERS = ("办理业务的依据",)
_USE = {
    "capacity": "POLICE",
    "scope": "CASE",
    "purpose": "核对材料",
    "basis": "东公户核〔2026〕12号",
    "days": 2,
}


def _hits(result: Mapping[str, Any]) -> list[str]:
    return sorted({hit["code"] for hit in result["hits"]})


def visit(
    archive: Archive, door: str, role: Role, org: str = HOME, purpose: str = "HANDLE"
) -> Visit:
    """A reader of a role at a place, come in by a door; `purpose` is what a client states."""
    if door == CLI:
        return TerminalVisit(archive)
    if door == DESK:
        return DeskVisit(archive, role, org)
    return StationVisit(archive, role, org, purpose)


def told_case(case_no: str) -> dict[str, Any]:
    """A move whose reviewer wrote an opinion that names an officer and a person."""
    case = moved_case(case_no)
    for event in case["process"]:
        if event["actor_no"] == "2":
            event["actor"] = OFFICER_IN_TEXT
    case["process"][2]["opinion"] = OPINION
    return case


def build(folder: Path) -> Path:
    """An archive with two indexed volumes of the home station: a birth file and a move."""
    runtime = start(Settings(data=folder))
    archive = holdings(folder, runtime.engine, folder / "pki")
    for name, case in (("one", sound_case(BIRTH)), ("two", told_case(MOVE))):
        taken = archive.deliver(name, case)
        assert str(taken.outcome) in {"ACCEPTED", "CONFIRM"}, taken
    archive.freeze()
    archive.make()
    rebuild(source_of(runtime), open_index_folder(runtime.settings))
    runtime.engine.dispose()
    return folder


@contextmanager
def opened(folder: Path, **settings: Any) -> Iterator[Archive]:
    """The archive of a folder with all its doors open."""
    runtime = start(Settings(data=folder, **{"rate_limit": 100_000, **settings}))
    with TestClient(create_app(runtime), raise_server_exceptions=False) as client:
        yield Archive(runtime, client)
    runtime.engine.dispose()


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    """One archive for all stories of a module; stories leave its volumes as they were."""
    with opened(build(tmp_path_factory.mktemp("doors"))) as served:
        yield served
