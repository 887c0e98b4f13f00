"""A reader at each door, with the same methods; see `tests.support.doors`."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
from lxml import html
from typer.testing import CliRunner

from api.cli.main import app as cli_app
from api.runtime import failures
from api.web.shell.page import COOKIE
from archive.administration.accounts import (
    AccountKind,
)
from archive.administration.logins import csrf_token, open_login
from archive.administration.policy import SCOPE_OF, Role, acts_of
from archive.database.engine import writing
from tests.support.door_acts import API, CLI, DESK, Answer, Visit

if TYPE_CHECKING:
    from tests.support.doors import Archive

_PAPERS = ("办理业务的依据",)
_USE = {
    "capacity": "POLICE",
    "scope": "CASE",
    "purpose": "核对材料",
    "basis": "东公户核〔2026〕12号",
    "days": 2,
}


Numbers = Sequence[tuple[str, str]]
"""Case numbers and the 档号 that a preview gave them."""


Pages = Sequence[tuple[str, int]]
"""Captured files and pages of them."""


def _named(numbers: Numbers) -> list[dict[str, str]]:
    return [{"case_no": case_no, "code": code} for case_no, code in numbers]


def _refused(rows: Sequence[Mapping[str, Any]]) -> Answer:
    """The refused packages of a list: number by name; of the returned ones the reason."""
    return Answer("OK", {row["case_no"] or row["bag"]: row["reason"] or row["id"] for row in rows})


def _hits(result: Mapping[str, Any]) -> list[str]:
    return sorted({hit["code"] for hit in result["hits"]})


class TerminalVisit(Visit):
    """The operator at the command line, who may see the whole city."""

    door = CLI

    def __init__(self, archive: "Archive") -> None:
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

    def preview_numbers(self, *case_nos: str) -> Answer:
        named = [word for case_no in case_nos for word in ("--case", case_no)] or ["--all"]
        answer = self._run("compile", *named, "--preview", "--json")
        if not answer.allowed:
            return answer
        rows = json.loads(answer.text)
        return Answer("OK", [(row["case_no"], row["code"]) for row in rows], answer.text)

    def give_numbers(self, folder: Path, numbers: Numbers) -> Answer:
        kept = folder / "preview.json"
        kept.write_text(json.dumps([dict(row) for row in _named(numbers)]), "utf-8")
        return self._run("compile", "--as", str(kept), "--json")

    def refused(self, *, returned: bool = False) -> Answer:
        answer = self._run("refused", "list", *(["--returned"] if returned else []), "--json")
        return _refused(json.loads(answer.text)) if answer.allowed else answer

    def send_back(self, number: int, reason: str) -> Answer:
        return self._run("refused", "return", str(number), "--reason", reason)

    def place_pages(
        self, pages: Pages, case_no: str, no: int, kind: str, *, wait: bool = False
    ) -> Answer:
        names = [f"{file}:{page}" for file, page in pages]
        place = ("--case", case_no, "--no", str(no), "--type", kind)
        return self._run("capture", "place", *names, *place, *(["--wait"] if wait else []))

    def set_aside(self, pages: Pages) -> Answer:
        return self._run("capture", "cover", *(f"{file}:{page}" for file, page in pages))

    def take_back(self, file: str) -> Answer:
        return self._run("capture", "take-back", file)


class StationVisit(Visit):
    """A client of the station API with a token."""

    door = API

    def __init__(self, archive: "Archive", role: Role, org: str, purpose: str) -> None:
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

    def preview_numbers(self, *case_nos: str) -> Answer:
        answer = self._ask("/compilations/preview", json={"case_nos": list(case_nos)})
        if answer.status_code >= 400:
            return self._answer(answer)
        pairs = [(row["case_no"], row["code"]) for row in answer.json()]
        return self._answer(answer, pairs)

    def give_numbers(self, folder: Path, numbers: Numbers) -> Answer:
        del folder
        choice = {"case_nos": [case_no for case_no, _ in numbers]}
        wanted = {"choice": choice, "numbers": _named(numbers)}
        return self._answer(self._ask("/compilations", json=wanted))

    def refused(self, *, returned: bool = False) -> Answer:
        answer = self._ask(f"/refused?returned={str(returned).lower()}")
        return self._answer(answer) if answer.status_code >= 400 else _refused(answer.json())

    def send_back(self, number: int, reason: str) -> Answer:
        return self._answer(self._ask(f"/refused/{number}/return", json={"reason": reason}))

    def place_pages(
        self, pages: Pages, case_no: str, no: int, kind: str, *, wait: bool = False
    ) -> Answer:
        wanted = {"case_no": case_no, "no": no, "type": kind, "wait": wait}
        sent = [{"id": file, "page": page} for file, page in pages]
        return self._answer(self._ask("/uploads/place", json={"pages": sent, **wanted}))

    def set_aside(self, pages: Pages) -> Answer:
        sent = [{"id": file, "page": page} for file, page in pages]
        return self._answer(self._ask("/uploads/covers", json={"pages": sent}))

    def take_back(self, file: str) -> Answer:
        return self._answer(self._ask(f"/uploads/{file}/take-back", json={}))


class DeskVisit(Visit):
    """A person who is logged in at the desk, with the cookie and the token of its forms."""

    door = DESK

    def __init__(self, archive: "Archive", role: Role, org: str) -> None:
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

    def preview_numbers(self, *case_nos: str) -> Answer:
        ticks = {f"pick-{case_no}": "1" for case_no in case_nos} or {"all": "1"}
        answer = self._ask("/compile/preview", **ticks)
        if answer.status_code >= 400:
            return self._answer(answer)
        plan = html.fromstring(answer.text).get_element_by_id("plan")
        if plan.xpath(".//*[@role='alert']"):
            return Answer("NOT_READY", text=answer.text)
        rows = plan.xpath(".//li[@data-case]")
        return Answer("OK", [(row.get("data-case"), row.get("data-code")) for row in rows])

    def give_numbers(self, folder: Path, numbers: Numbers) -> Answer:
        del folder
        named = " ".join(case_no for case_no, _ in numbers)
        lines = "\n".join(" ".join(pair) for pair in numbers)
        answer = self._ask("/compile", named=named, shown=lines, count=str(len(numbers)))
        if answer.status_code == 409:  # the page again, with what changed
            return Answer("PREVIEW_STALE", text=answer.text, status=409)
        return self._answer(answer)

    def refused(self, *, returned: bool = False) -> Answer:
        answer = self._ask("/collecting")
        if answer.status_code >= 400:
            return self._answer(answer)
        page = html.fromstring(answer.text)
        if returned:
            rows = page.xpath("//details[@class='returned']/p")
            reasons = {
                row.xpath("span/text()")[0]: row.xpath("string(small)").split("退回：")[1].strip()
                for row in rows
            }
            return Answer("OK", reasons)
        return Answer(
            "OK",
            {
                row.xpath(".//h3/span/text()")[0]: int(
                    row.xpath(".//form/@action")[0].split("/")[3]
                )
                for row in page.xpath("//article[@class='refused']")
            },
        )

    def send_back(self, number: int, reason: str) -> Answer:
        answer = self._ask(f"/collecting/quarantine/{number}/return", reason=reason)
        return self._answer(answer)

    def place_pages(
        self, pages: Pages, case_no: str, no: int, kind: str, *, wait: bool = False
    ) -> Answer:
        ticks = {f"leaf-{file}-{page}": "1" for file, page in pages}
        place = {"case_no": case_no, "no": str(no), "type": kind, **({"wait": "1"} if wait else {})}
        return self._told(self._ask("/collecting/pool/place", **ticks, **place))

    def set_aside(self, pages: Pages) -> Answer:
        ticks = {f"leaf-{file}-{page}": "1" for file, page in pages}
        return self._answer(self._ask("/collecting/pool/covers", **ticks))

    def take_back(self, file: str) -> Answer:
        return self._told(self._ask(f"/collecting/pool/{file}/take-back", case_no=""))

    def _told(self, answer: httpx.Response) -> Answer:
        """The pool drawn again with what was refused, or any other answer."""
        alert = html.fromstring(answer.text or "<p/>").xpath("//div[@role='alert']")
        if answer.status_code < 400 or not alert:
            return self._answer(answer)
        words = (("编号可能写错", "CASE_UNKNOWN"), ("没有这个文件", "NOT_FOUND"))
        code = next((code for said, code in words if said in alert[0].text_content()), "CONFLICT")
        return Answer(code, text=answer.text, status=answer.status_code)
