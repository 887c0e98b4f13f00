"""An archive at which people work: accounts, a grant, a login, settings, an address to notify."""

from sqlalchemy import select

from archive.administration.account_changes import ChangeKind, Wanted, decide_change, propose_change
from archive.administration.accounts import (
    AccountKind,
    NewAccount,
    approve_account,
    first_administrators,
    propose_account,
)
from archive.administration.configuration import switch_digitised
from archive.administration.logins import open_login
from archive.administration.passwords import fresh_secret
from archive.administration.policy import Reader, Role
from archive.database.engine import writing
from archive.database.tables_volumes import Volume
from archive.jobs.subscriptions import subscribe
from archive.reference.organisations import load_organisations
from archive.reference.vocabulary import LoginKind
from archive.usage.requests import UseApplication, decide_request, number_of, request_use
from tests.support.holdings import ORGANISATIONS, Holdings, sound_case

CITY, DISTRICT, STATION = "150600000000", "150602000000", "150602010000"
SYSTEM, SECURITY = (
    Reader("sysadmin", Role.SYSTEM_ADMIN, CITY),
    Reader("secadmin", Role.SECURITY_ADMIN, CITY),
)


def staff(archive: Holdings) -> None:
    """Let the acts happen that set who may do what."""
    fresh = [fresh_secret() for _ in range(4)]
    with writing(archive.engine) as session:
        first_administrators(session, ORGANISATIONS, fresh[:3])
        officer = NewAccount("officer", AccountKind.PERSON, "警某", STATION, Role.OFFICER, "060101")
        propose_account(session, SYSTEM, officer, ORGANISATIONS)
        account = approve_account(session, SECURITY, "officer")
        for kind, wanted in ((ChangeKind.EDIT, Wanted("警某", STATION, Role.CHIEF)), (None, None)):
            change = propose_change(
                session,
                SYSTEM,
                "officer",
                kind or ChangeKind.DISABLE,
                "调令",
                ORGANISATIONS,
                wanted,
            )
            decide_change(
                session,
                SECURITY,
                change.id,
                approve=kind is not None,
                reason="已核",
                organisations=ORGANISATIONS,
                fresh=fresh[3],
            )
        asking = Reader("officer", Role.CHIEF, STATION)
        for code, approve in zip(
            session.scalars(select(Volume.code).order_by(Volume.code).limit(2)).all(),
            (True, False),
            strict=False,
        ):
            wanted_use = UseApplication(
                code, "POLICE", "CASE", "办案", "12号", ("办理业务的依据",), 3, None
            )
            request = request_use(session, asking, wanted_use, ORGANISATIONS)
            decide_request(
                session,
                Reader("city", Role.CITY_SUPERVISOR, CITY),
                number_of(request),
                approve=approve,
                reason="准予" if approve else "依据不足",
                organisations=ORGANISATIONS,
            )
        open_login(session, account, LoginKind.WEB)
        subscribe(session, asking, "https://station.example/volumes")
        organisations = load_organisations()
        switch_digitised(
            session,
            SYSTEM,
            DISTRICT,
            digitised=not organisations.is_digitised(STATION),
            reason="5号",
            organisations=organisations,
        )
    archive.deliver("refused", {**sound_case("150602010000-20260901-000008"), "channel": "NONE"})
