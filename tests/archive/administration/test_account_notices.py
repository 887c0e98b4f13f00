"""Who submitted an account is told what became of it; a failed volume is told to its unit once."""

from sqlalchemy import Engine

from archive.administration.accounts import (
    AccountKind,
    NewAccount,
    approve_account,
    propose_account,
    refuse_account,
)
from archive.administration.notices import notices_of
from archive.administration.policy import Reader, Role
from archive.database.engine import reading, writing
from archive.database.tables_desk import Notice
from archive.database.tables_volumes import Volume, VolumeVersion
from archive.jobs.version_steps import fail_job
from archive.reference.errors import ArchiveError
from archive.reference.organisations import load_organisations
from tests.archive.arrangement.test_numbering import START, accept, number_all

CITY, HOME = "150600000000", "150602010000"
ORGANISATIONS = load_organisations()
SYSTEM, SECURITY = (
    Reader("sysadmin", Role.SYSTEM_ADMIN, CITY),
    Reader("secadmin", Role.SECURITY_ADMIN, CITY),
)


def test_the_submitter_is_told_of_each_decision(engine: Engine) -> None:
    with writing(engine) as session:
        for login in ("good", "bad"):
            new = NewAccount(login, AccountKind.PERSON, "某人", HOME, Role.OFFICER, "060101")
            propose_account(session, SYSTEM, new, ORGANISATIONS)
            if login == "good":
                approve_account(session, SECURITY, login)
            else:
                refuse_account(session, SECURITY, login, "重复")
    with reading(engine) as session:
        shown = [(row.kind, row.subject) for row in notices_of(session, SYSTEM, limit=9)]
        others = notices_of(session, Reader("x", Role.SYSTEM_ADMIN, CITY), limit=9)
    assert shown == [("REFUSED", "bad"), ("GRANTED", "good")]
    assert list(others) == []


def test_a_volume_that_can_not_be_made_is_told_to_its_unit_once(engine: Engine) -> None:
    accept(engine, 1, START)
    number_all(engine)
    for _ in range(2):
        with writing(engine) as session:
            version = session.query(VolumeVersion).one()
            fail_job(session, version.id, ArchiveError("某页不能转换。", "请重新扫描。"))
    with reading(engine) as session:
        volume = session.query(Volume).one()
        rows = [
            (row.kind, row.topic, row.subject, row.org, row.act) for row in session.query(Notice)
        ]
    assert rows == [("FAILED", "VOLUME", volume.code, volume.filing_org, "COMPILE")]
