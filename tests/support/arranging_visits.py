"""What a visit at each door does to arrange: number, place, send back; see `door_visits`."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
from lxml import html

from tests.support.door_acts import Answer

Numbers = Sequence[tuple[str, str]]
"""Case numbers and the 档号 that a preview gave them."""


Pages = Sequence[tuple[str, int]]
"""Captured files and pages of them."""


def _named(numbers: Numbers) -> list[dict[str, str]]:
    return [{"case_no": case_no, "code": code} for case_no, code in numbers]


def _refused(rows: Sequence[Mapping[str, Any]]) -> Answer:
    """The refused packages of a list: number by name; of the returned ones the reason."""
    return Answer("OK", {row["case_no"] or row["bag"]: row["reason"] or row["id"] for row in rows})


class TerminalArranging:
    """At the command line."""

    _run: Any

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
        return self._run("capture", "undo", file)


class StationArranging:
    """At the station API."""

    _ask: Any
    _answer: Any

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


class DeskArranging:
    """At the desk."""

    _ask: Any
    _answer: Any

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
            rows = page.xpath("//table[@data-named='returned']//tr[@data-row]")
            return Answer(
                "OK", {row.xpath("string(td[1])"): row.xpath("string(td[5])") for row in rows}
            )
        rows = page.xpath("//table[@data-named='refused']//tr[@data-row]")
        forms = [(row.xpath("string(td[1])"), row.xpath(".//form/@action")[0]) for row in rows]
        return Answer("OK", {name: int(address.split("/")[3]) for name, address in forms})

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
        code = next((code for word, code in words if word in alert[0].text_content()), "CONFLICT")
        return Answer(code, text=answer.text, status=answer.status_code)
