"""A purpose for pages of one's own volumes: asked once per volume and day, and journalled."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from archive.administration.policy import Role
from archive.database.engine import reading
from archive.database.tables_audit import JournalEntry
from archive.usage import looks
from tests.support.station import (
    BIRTH,
    DISTRICT,
    HOME,
    MOVE,
    OTHER,
    Person,
    StationClient,
)

CODE = "J602-ZY·HJ·QR·2026·Y-000001"
ASKED = "为什么查阅本册的页面"
IMAGE = re.compile(r"/volumes/[^\"]+/pages/1\.jpg\?look=\d+")


def entries(engine: Engine, act: str) -> list[JournalEntry]:
    with reading(engine) as session:
        rows = session.query(JournalEntry).filter_by(act=act, subject=CODE).all()
        session.expunge_all()
        return rows


def say(person: Person, purpose: str = "HANDLE", code: str = CODE) -> int:
    return person.ask(f"/volumes/{code}/purpose", purpose=purpose).status_code


def test_it_is_asked_once_and_then_no_more_for_this_volume(desk: StationClient) -> None:
    officer = desk.person(Role.OFFICER)
    first = officer.ask(f"/volumes/{CODE}").text
    assert ASKED in first
    assert not IMAGE.search(first)
    assert "/file" not in first
    before = len(entries(desk.runtime.engine, "STATE_PURPOSE"))
    sent = officer.ask(f"/volumes/{CODE}/purpose", purpose="CHECK", hits="abc")
    assert (sent.status_code, sent.headers["location"].partition("?")[2]) == (303, "hits=abc")
    for _ in range(2):
        shown = officer.ask(f"/volumes/{CODE}").text
        assert ASKED not in shown
        assert IMAGE.search(shown)
    stated = entries(desk.runtime.engine, "STATE_PURPOSE")
    assert len(stated) == before + 1
    looked = entries(desk.runtime.engine, "VIEW_PAGES")[-1]
    assert json.loads(looked.detail)["purpose"] == "CHECK"
    assert ASKED in officer.ask(f"/volumes/{MOVE}").text or IMAGE.search(
        officer.ask(f"/volumes/{MOVE}").text
    )


def test_a_look_without_a_purpose_opens_no_page_and_no_original(desk: StationClient) -> None:
    """The look at what a volume is had opened its images to who typed their address."""
    auxiliary = desk.person(Role.AUXILIARY)
    assert ASKED in auxiliary.ask(f"/volumes/{CODE}").text
    look = entries(desk.runtime.engine, "VIEW")[-1]
    assert look.actor == f"person-auxiliary-{HOME}"
    image = f"/volumes/{CODE}/v1/pages/1.jpg?look={look.seq}"
    assert auxiliary.ask(image).status_code == 404
    originals = f"/volumes/{CODE}/v1/items/4/originals"
    assert auxiliary.ask(originals).status_code == 409
    assert "说明查阅本册页面的目的" in auxiliary.ask(originals).text
    chief = desk.person(Role.CHIEF)
    assert chief.ask(f"/volumes/{CODE}/file").status_code == 409
    assert say(chief, "SUPERVISE") == 303
    assert chief.ask(f"/volumes/{CODE}/file").content.startswith(b"%PDF")


def test_one_person_s_purpose_serves_nobody_else_and_no_other_day(
    desk: StationClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    archivist = desk.person(Role.ARCHIVIST)
    assert say(archivist, "ARCHIVE") == 303
    assert ASKED not in archivist.ask(f"/volumes/{CODE}").text
    assert ASKED in desk.person(Role.ARCHIVIST, DISTRICT).ask(f"/volumes/{CODE}").text
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    monkeypatch.setattr(looks, "database_now", lambda _session: tomorrow)
    assert ASKED in archivist.ask(f"/volumes/{CODE}").text


@pytest.mark.parametrize("purpose", ["USE", "", "NOTHING"])
def test_use_for_others_needs_a_grant_and_no_other_word_is_taken(
    desk: StationClient, purpose: str
) -> None:
    before = len(entries(desk.runtime.engine, "STATE_PURPOSE"))
    assert say(desk.person(Role.OFFICER), purpose) in {403, 409, 422}
    assert len(entries(desk.runtime.engine, "STATE_PURPOSE")) == before


def test_nobody_states_a_purpose_for_what_is_not_open_to_them(desk: StationClient) -> None:
    stranger = desk.person(Role.OFFICER, OTHER)
    there, missing = (
        stranger.ask(f"/volumes/{code}/purpose", purpose="HANDLE")
        for code in (CODE, "J602-ZY·HJ·QR·2026·Y-000901")
    )
    assert (there.status_code, missing.status_code) == (404, 404)
    assert say(desk.person(Role.OFFICER), "HANDLE", BIRTH) == 403  # of the highest class
