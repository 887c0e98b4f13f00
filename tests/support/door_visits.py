"""A reader at each door, with the same methods; see `tests.support.doors`."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

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
from archive.finding_aids.todo_terms import TodoKind
from tests.support.arranging_visits import (
    DeskArranging,
    StationArranging,
    TerminalArranging,
)
from tests.support.door_acts import API, CLI, DESK, Answer, Visit

if TYPE_CHECKING:
    from tests.support.doors import Archive

_PAPERS = ("办理业务的依据",)
_NOTICE = ("td[1]/a", "td[2]", "td[3]/span[1]")
_USE = {
    "capacity": "POLICE",
    "scope": "CASE",
    "purpose": "核对材料",
    "basis": "东公户核〔2026〕12号",
    "days": 2,
}


def _hits(result: Mapping[str, Any]) -> list[str]:
    return sorted({hit["code"] for hit in result["hits"]})


class TerminalVisit(TerminalArranging, Visit):
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

    def todo(self) -> Answer:
        answer = self._run("todo", "--json")
        return Answer(
            "OK", sorted((row["kind"], row["subject"]) for row in json.loads(answer.text))
        )

    def notices(self) -> Answer:
        rows = json.loads(self._run("notices", "--json").text)
        return Answer("OK", [(row["label"], row["new"]) for row in rows])

    def inspection(self, name: str) -> Answer:
        return self._run("inspect", name, "--json")

    def export(self, name: str, folder: Path) -> Answer:
        return self._run("export", name, "--to", str(folder), "--json")


class StationVisit(StationArranging, Visit):
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

    def todo(self) -> Answer:
        answer = self._ask("/todo")
        if answer.status_code >= 400:
            return self._answer(answer)
        return self._answer(answer, sorted((row["kind"], row["subject"]) for row in answer.json()))

    def notices(self) -> Answer:
        rows = self._ask("/notices").json()
        return Answer("OK", [(row["label"], row["new"]) for row in rows])

    def save_search(self, name: str, query: str) -> Answer:
        answer = self._ask("/saved-searches", json={"name": name, "query": query})
        return self._answer(answer, answer.json().get("id"))

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


class DeskVisit(DeskArranging, Visit):
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
            code = html.fromstring(answer.text).xpath("//section/@data-code")
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

    def _say_what_for(self, name: str, usage: str) -> None:
        """The desk asks once a day what pages are looked at for; a client says it each time."""
        if not usage:
            self._ask(f"/volumes/{name}/purpose", purpose="HANDLE")

    def page_image(self, name: str, page: int, usage: str = "") -> Answer:
        self._say_what_for(name, usage)
        shown = self._ask(f"/volumes/{name}{self._under(usage)}")
        match = re.search(r"/pages/1\.jpg\?look=(\d+)", shown.text)
        if not match:
            denied = shown.status_code < 400 and "此操作须有批准的利用单" in shown.text
            return Answer("NEEDS_GRANT") if denied else self._answer(shown)
        answer = self._ask(f"/volumes/{name}/v1/pages/{page}.jpg?look={match[1]}")
        return self._answer(answer, answer.content)

    def original(self, name: str, item: int, usage: str = "") -> Answer:
        self._say_what_for(name, usage)
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
        opened = answer.headers.get("location", "")
        if opened.startswith("/volumes/"):  # a whole 档号, as a scanner types it
            return Answer("OK", [unquote(opened.removeprefix("/volumes/"))])
        answer = self._ask(opened) if answer.status_code == 303 else answer
        if answer.status_code >= 400:
            return self._answer(answer)
        hits = html.fromstring(answer.text).xpath("//*[@class='hit']//a/@href")
        return Answer("OK", sorted({re.split(r"[/?#]", hit)[2] for hit in hits}))

    def todo(self) -> Answer:
        page = html.fromstring(self._ask("/").text)
        labels = {kind.label: str(kind) for kind in TodoKind}
        named = [link.split()[1:] for link in page.xpath("//td[@class='go']/a/@aria-label")]
        return Answer("OK", sorted((labels[what], subject) for what, subject in named))

    def notices(self) -> Answer:
        page = html.fromstring(self._ask("/notices").text)
        rows = []
        for row in page.xpath("//table[@data-named='main']//tr[@data-row]"):
            topic, named, kind = (row.xpath(f"string({path})") for path in _NOTICE)
            rows.append((f"{topic} {named.strip()} {kind}", bool(row.xpath("td[1]/span"))))
        return Answer("OK", rows)

    def save_search(self, name: str, query: str) -> Answer:
        token = self._ask("/search", q=query).headers["location"].rpartition("/")[2]
        return self._answer(self._ask("/searches", of=token, name=name))

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
