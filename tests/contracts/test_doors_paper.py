"""Paper through every door: the same scans, the same verdicts, journal entries and refusals."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from api.cli.main import app as cli_app
from api.web.shell.page import COOKIE
from archive.administration.accounts import AccountKind
from archive.administration.logins import csrf_token, open_login
from archive.administration.policy import Role, Scope
from archive.database.engine import reading, writing
from archive.database.tables_paper import PaperItem
from archive.paper.codes import PaperCodeKind, paper_code
from archive.paper.moves import last_move
from tests.support.doors import API, CLI, DESK, Archive, archive
from tests.support.paper import PaperRoom, furnish, keeper

__all__ = ["archive"]
STATION, STRANGER = "150623010000", "150623020000"
Scans = Callable[[str, list[str]], list[tuple[str, str | None, str]]]


@pytest.fixture
def room(archive: Archive) -> PaperRoom:
    owner = keeper(org=STATION, organisations=archive.runtime.organisations)
    first = 100 + len(_items(archive))
    return furnish(archive.runtime.engine, owner, items=2, first=first)


def _items(archive: Archive) -> list[int]:
    with reading(archive.runtime.engine) as session:
        return [item.id for item in session.query(PaperItem)]


def headers_of(archive: Archive, door: str, role: Role, org: str) -> tuple[str, dict[str, str]]:
    kind = AccountKind.CLIENT if door == API else AccountKind.PERSON
    account = archive.account(role, org, kind)
    with writing(archive.runtime.engine) as session:
        if door == API:
            carried = open_login(session, account, "TOKEN", (Scope.PAPER,))
            return "/api/v1/paper", {"Authorization": f"Bearer {carried}"}
        carried = open_login(session, account, "WEB")
    return "/paper", {"Cookie": f"{COOKIE}={carried}", "x-csrf": csrf_token(carried)}


def scanned(
    archive: Archive, door: str, codes: list[str], folder: Path, org: str = STATION
) -> list[Any]:
    """The verdicts of a door on these scans, in one session."""
    if door == CLI:
        file = folder / "scans.txt"
        file.write_text("\n".join(codes), "utf-8")
        done = CliRunner().invoke(
            cli_app,
            ["paper", "scan", "FILE", "--scans", str(file), "--json"],
            env={"YICE_DATA": str(archive.runtime.settings.data), "USER": "tester"},
        )
        return list(json.loads(done.stdout))
    base, headers = headers_of(archive, door, Role.ARCHIVIST, org)
    begun = archive.client.post(f"{base}/sessions", json={"flow": "FILE"}, headers=headers)
    assert begun.status_code == 201, begun.text
    answers = []
    for seq, code in enumerate(codes, 1):
        body = {
            "session": begun.json()["session"],
            "seq": seq,
            "code": code,
            "at": "2026-11-27T10:58:41+08:00",
        }
        first, again = (
            archive.client.post(f"{base}/scans", json=body, headers=headers) for _ in range(2)
        )
        assert first.json() == again.json()
        answers.append(first.json())
    return answers


def test_every_door_gives_the_same_verdicts_and_entries(
    archive: Archive, room: PaperRoom, tmp_path: Path
) -> None:
    item, there, back = (
        paper_code(PaperCodeKind.ITEM, room.items[0]),
        paper_code(PaperCodeKind.BOX, room.boxes[1]),
        paper_code(PaperCodeKind.BOX, room.boxes[0]),
    )
    codes = [item, there, item, item, "23000000000000", back, item]
    verdicts, entries = {}, {}
    for door in (CLI, API, DESK):
        with archive.noted() as noted:
            verdicts[door] = scanned(archive, door, codes, tmp_path)
        entries[door] = [
            (entry.act, entry.subject, entry.detail["state"], entry.detail["box_id"])
            for entry in noted
        ]
    assert [row["verdict"] for row in verdicts[CLI]] == [
        "REFUSED",
        "CHOSEN",
        "MOVED",
        "PRESENT",
        "REFUSED",
        "CHOSEN",
        "MOVED",
    ]
    assert verdicts[CLI] == verdicts[API] == verdicts[DESK]
    assert entries[CLI] == entries[API] == entries[DESK]
    assert [entry[0] for entry in entries[CLI]] == ["PAPER_MOVE", "PAPER_MOVE"]


@pytest.mark.parametrize("door", [API, DESK])
def test_foreign_paper_is_refused_like_missing_paper(
    archive: Archive, room: PaperRoom, door: str, tmp_path: Path
) -> None:
    foreign = [
        paper_code(PaperCodeKind.BOX, room.boxes[0]),
        paper_code(PaperCodeKind.ITEM, room.items[0]),
    ]
    missing = [paper_code(PaperCodeKind.BOX, 99_999), paper_code(PaperCodeKind.ITEM, 99_999)]
    answers = scanned(archive, door, foreign + missing, tmp_path, org=STRANGER)
    assert {row["verdict"] for row in answers} == {"REFUSED"}
    with reading(archive.runtime.engine) as session:
        move = last_move(session, session.get_one(PaperItem, room.items[0]))
        assert move is not None
        assert (move.seq, move.box_id) == (1, room.boxes[0])


@pytest.mark.parametrize("door", [API, DESK])
def test_who_may_not_keep_paper_is_refused_at_each_door(archive: Archive, door: str) -> None:
    base, headers = headers_of(archive, door, Role.CHIEF, STATION)
    answer = archive.client.post(
        f"{base}/sessions", json={"flow": "FILE"}, headers={**headers, "accept": "application/json"}
    )
    assert (answer.status_code, answer.json()["code"]) == (403, "ROLE")
