"""打印中心 through every door: the same rows, the same entries, the same refusals."""

import json
from pathlib import Path
from typing import Any

import pypdfium2
import pytest

from api.jobs import printing
from api.runtime.workshop import open_compile_context
from archive.administration.policy import Role
from archive.database.engine import reading
from archive.printing.orders import orders_waiting
from tests.support.doors import API, BIRTH_CODE, CLI, DESK, MOVE_CODE, Archive, archive, visit
from tests.support.station import CITY, DISTRICT

__all__ = ["archive"]
DOORS = (CLI, API, DESK)


@pytest.fixture(autouse=True)
def nobody_makes_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(printing, "start_module", lambda *_, **__: None)


def pages(office: Archive, door: str, folder: Path, kind: str, year: int) -> tuple[str, str]:
    """The code of the answer and the text of the pages, as the city supervisor prints them."""
    who: Any = visit(office, door, Role.CITY_SUPERVISOR, CITY)
    out = folder / "pages.pdf"
    if door == CLI:
        words = ("print", "pages", kind, "--year", str(year), "--out", str(out))
        answer = who._run(*words)
        return answer.code, text_of(out.read_bytes()) if answer.allowed else ""
    if door == API:
        sent = who._ask("/registers/pages", json={"kinds": [kind], "year": year})
    else:
        sent = who._ask("/print", **{f"kind:{kind}": "1", "year": str(year), "way": "pages"})
    if sent.status_code != 200:
        return who._answer(sent).code, ""
    return "OK", text_of(sent.content)


def text_of(pdf: bytes) -> str:
    document = pypdfium2.PdfDocument(pdf)
    return "".join(page.get_textpage().get_text_range() for page in document)


@pytest.mark.parametrize("door", DOORS)
def test_every_door_prints_the_same_register_masked_and_journals_it(
    archive: Archive, tmp_path: Path, door: str
) -> None:
    with archive.noted() as noted:
        code, text = pages(archive, door, tmp_path, "register", 2026)
    assert code == "OK"
    assert MOVE_CODE in text
    assert BIRTH_CODE in text
    assert "测某" not in text
    (entry,) = noted
    detail = {key: entry.detail[key] for key in ("kinds", "year", "volumes", "sealed", "named")}
    assert (entry.act, entry.subject) == ("PRINT", "pages")
    assert (detail["kinds"], detail["year"], detail["sealed"], detail["named"]) == (
        ["register"],
        2026,
        False,
        0,
    )
    assert detail["volumes"] >= 2


@pytest.mark.parametrize("door", DOORS)
def test_every_door_refuses_what_lists_nothing(archive: Archive, tmp_path: Path, door: str) -> None:
    with archive.noted() as noted:
        assert pages(archive, door, tmp_path, "register", 1950)[0] == "BAD_PRINT"
        assert pages(archive, door, tmp_path, "register", 1900)[0] == "BAD_PRINT"
    assert noted == []


@pytest.mark.parametrize("door", [API, DESK])
def test_a_door_gives_the_sealed_files_of_its_own_order(archive: Archive, door: str) -> None:
    who: Any = visit(archive, door, Role.DISTRICT_SUPERVISOR, DISTRICT)
    if door == API:
        sent = who._ask("/registers", json={"kinds": ["register"], "year": 2026})
        number = sent.json()["number"]
        address = f"/registers/{number}/files/register"
    else:
        sent = who._ask("/print", **{"kind:register": "1", "year": "2026", "way": "sealed"})
        address = f"{sent.headers['location']}/register.pdf"
    with reading(archive.runtime.engine) as session:
        (order,) = orders_waiting(session)
    printing.make_order(archive.runtime, open_compile_context(archive.runtime), order)
    pdf = who._ask(address).content
    assert MOVE_CODE in text_of(pdf)
    assert b"/ByteRange" in pdf


def test_the_terminal_tells_in_words_why_nothing_was_sealed(
    archive: Archive, tmp_path: Path
) -> None:
    """The small archive has no seal of the city, which prints at the terminal."""
    who: Any = visit(archive, CLI, Role.CITY_SUPERVISOR, CITY)
    who._run("print", "sealed", "register", "--year", "2026", "--to", str(tmp_path))
    assert list(tmp_path.glob("*.pdf")) == []
    (newest, *_) = json.loads(who._run("print", "list", "--json").text)
    assert newest["step"] == "FAILED"
    assert "没有找到该全宗的印章密钥" in newest["error"]
