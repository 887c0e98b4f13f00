"""The doors of one archive: command line, station API and desk, with the same methods.

A story of `tests/contracts/test_doors.py` is played through each door and its answers, journal
entries and refusals are held equal. To append a story: give `ACTS` (`door_acts`) a row, which
says at which doors the act is offered and as what, and each `Visit` that offers it a method
(`door_visits`); a door that does not offer an act raises `NotOfferedError` by itself.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from fastapi.testclient import TestClient
from PIL import Image
from sqlalchemy import select

from api.app import create_app
from api.jobs.certified_copies import make_order, open_copy_sealer
from api.runtime.bootstrap import Runtime, open_index_folder, source_of, start
from api.runtime.settings import Settings
from api.web.mount import _PAGES
from archive.administration.accounts import (
    AccountKind,
    NewAccount,
    account_by_login,
    approve_account,
    propose_account,
)
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
from tests.support.door_acts import (
    ACTS,
    API,
    BIRTH_CODE,
    CLI,
    DESK,
    MOVE_CODE,
    OFFICER_IN_TEXT,
    OPINION,
    PERSON_IN_TEXT,
    Answer,
    Entry,
    NotOfferedError,
    Visit,
)
from tests.support.door_visits import DeskVisit, StationVisit, TerminalVisit
from tests.support.holdings import holdings, sound_case
from tests.support.station import BIRTH, HOME, MOVE, ORGANISATIONS, SECURITY, SYSTEM, moved_case

__all__ = [
    "ACTS",
    "API",
    "BIRTH_CODE",
    "CLI",
    "DESK",
    "MOVE_CODE",
    "OFFICER_IN_TEXT",
    "PERSON_IN_TEXT",
    "Answer",
    "Archive",
    "DeskVisit",
    "Entry",
    "NotOfferedError",
    "StationVisit",
    "TerminalVisit",
    "Visit",
    "archive",
    "build",
    "opened",
    "visit",
]


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
        """Collect what is journalled meanwhile.

        Logins, accounts and what the desk asks for once a day are left out.
        """
        with reading(self.runtime.engine) as session:
            before = journal.length(session)
        collected: list[Entry] = []
        yield collected
        with reading(self.runtime.engine) as session:
            collected += [
                self._entry(session, entry)
                for entry in journal.entries(session, before)
                if "ACCOUNT" not in entry.act and entry.act not in {"LOGIN", "STATE_PURPOSE"}
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
