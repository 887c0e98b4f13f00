"""The demo leaves at least three things to do for each role that has things to do."""

from pathlib import Path

import pytest

from api.demo.accounts import make_demo_accounts
from api.demo.todos import make_demo_todos
from api.runtime.bootstrap import start
from api.runtime.settings import Settings
from api.web.shell.waiting import waits_of
from archive.administration.policy import Reader, Role
from archive.database.engine import reading
from tests.support import station
from tests.support.paper import kept_case, number_cases

HOME, OTHER = "150602010000", "150622010000"
# Submitting accounts and reading the journal wait for nobody: no kind of 待办 is theirs.
NOTHING_WAITS = {Role.SYSTEM_ADMIN, Role.AUDIT_ADMIN, Role.STATION_CLIENT}


@pytest.fixture(autouse=True)
def cheap() -> None:
    station.cheap_hashes()


def test_each_role_of_the_demo_has_at_least_three_things_to_do(tmp_path: Path) -> None:
    runtime = start(Settings(data=tmp_path / "var"))
    cases = [kept_case(number, receive=HOME) for number in range(1, 4)]
    cases += [kept_case(number, receive=OTHER) for number in range(4, 6)]
    number_cases(runtime.engine, runtime.organisations, *cases)
    accounts = make_demo_accounts(runtime)
    make_demo_todos(runtime, accounts)
    counts = {}
    with reading(runtime.engine) as session:
        for account in accounts:
            who = Reader(account.login, account.role, account.org)
            waits = waits_of(session, who, runtime.reference)
            counts[account.login] = sum(waiting.total for waiting in waits.mine.values())
    few = {
        account.login: counts[account.login]
        for account in accounts
        if account.role not in NOTHING_WAITS and counts[account.login] < 3
    }
    assert few == {}
    assert counts["demo-chief"] == 3
    assert make_demo_accounts(runtime) == []  # a second run adds nothing
    runtime.engine.dispose()
