"""四性检测报告 from the desk: for whoever may see the volume, and journalled."""

from pathlib import Path

from sqlalchemy import select

from api.web.shell.page import COOKIE
from archive.administration.accounts import (
    AccountKind,
    NewAccount,
    approve_account,
    propose_account,
)
from archive.administration.logins import open_login
from archive.administration.policy import Role
from archive.database.engine import reading, writing
from archive.database.tables_audit import JournalEntry
from archive.database.tables_volumes import Volume
from tests.support import station


def cookie(desk: station.StationClient, login: str, org: str) -> dict[str, str]:
    """The cookie of a person who sits at the desk."""
    with writing(desk.runtime.engine) as session:
        person = NewAccount(login, AccountKind.PERSON, "档案员", org, Role.ARCHIVIST)
        propose_account(session, station.SYSTEM, person, station.ORGANISATIONS)
        account = approve_account(session, station.SECURITY, login)
        return {"Cookie": f"{COOKIE}={open_login(session, account, 'WEB', ())}"}


def test_the_report_is_a_pdf_for_who_may_see_the_volume_and_leaves_a_trace(
    built: Path, tmp_path: Path
) -> None:
    with station.desk(built, tmp_path / "data") as desk:
        with reading(desk.runtime.engine) as session:
            code = session.scalars(select(Volume.code)).first()
        address = f"/volumes/{code}/inspection.pdf"
        answer = desk.client.get(address, headers=cookie(desk, "here", station.HOME))
        assert (
            answer.status_code,
            answer.headers["content-type"],
            answer.headers["cache-control"],
        ) == (200, "application/pdf", "no-store")
        assert answer.content.startswith(b"%PDF-")
        with reading(desk.runtime.engine) as session:
            entry = session.scalars(select(JournalEntry).order_by(JournalEntry.seq.desc())).first()
        assert entry is not None
        assert (entry.act, entry.subject, entry.actor) == ("VIEW", code, "here")
        assert (
            desk.client.get(address, headers=cookie(desk, "elsewhere", station.OTHER)).status_code
            == 404
        )
        turned_away = desk.client.get(address, follow_redirects=False).headers["location"]
        assert turned_away.startswith("/login?next=%2Fvolumes%2F")
