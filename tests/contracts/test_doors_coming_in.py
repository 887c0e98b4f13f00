"""One act, one function: what comes in, who logs in, and how much is shown in a day."""

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from api.jobs import requested
from archive.administration.accounts import AccountKind, disable_account, renew_secret
from archive.administration.passwords import fresh_secret
from archive.administration.policy import Role
from archive.database.engine import database_now, reading, writing
from archive.database.tables_administration import Account, LoginAttempt
from archive.database.tables_audit import JournalEntry
from tests.support.clamd import EICAR, clamd_server
from tests.support.doors import API, CLI, DESK, MOVE_CODE, Archive, archive, opened, visit
from tests.support.factories import make_bag, page
from tests.support.intake_doors import PULLED, Sender, empty, log_in, take
from tests.support.station import HOME, OTHER, SECURITY, moved_case

__all__ = ["archive"]
WAYS_IN = (CLI, API, PULLED)
CASE = "150602010000-20260901-0009"
PART = 4 * 1024 * 1024
INTAKE = ("ACCESSION", "QUARANTINE", "DUPLICATE")


@pytest.fixture(autouse=True)
def nobody_starts_a_puller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requested, "start_module", lambda *_, **__: None)


@pytest.fixture
def scanned(tmp_path: Path) -> Iterator[Archive]:
    """An archive that holds nothing yet, with a virus scanner."""
    with clamd_server() as address, empty(tmp_path / "scanned", clamd=address) as served:
        yield served


def entries(archive: Archive, subject: str) -> list[str]:
    """The acts of intake that the journal has on a case, in order."""
    with reading(archive.runtime.engine) as session:
        rows = session.scalars(
            select(JournalEntry).filter_by(subject=subject).order_by(JournalEntry.seq)
        )
        return [row.act for row in rows if row.act in INTAKE]


@pytest.mark.parametrize("door", WAYS_IN)
def test_a_sound_package_is_taken_over_once_by_every_door(
    scanned: Archive, tmp_path: Path, door: str
) -> None:
    case_no = f"{CASE}1{WAYS_IN.index(door)}"
    bag = make_bag(tmp_path / f"sound-{door[:3]}", case=moved_case(case_no))
    taken = take(scanned, door, bag)
    assert (taken.code, taken.value) == ("OK", ("ACCEPTED", case_no, []))
    assert entries(scanned, case_no) == ["ACCESSION"]


@pytest.mark.parametrize("door", [CLI, API])
def test_the_same_package_again_is_a_duplicate_at_every_door(
    scanned: Archive, tmp_path: Path, door: str
) -> None:
    case_no = f"{CASE}2{WAYS_IN.index(door)}"
    bag = make_bag(tmp_path / f"twice-{door[:3]}", case=moved_case(case_no))
    assert take(scanned, door, bag).value[0] == "ACCEPTED"
    assert take(scanned, door, bag).value[0] == "DUPLICATE"
    assert entries(scanned, case_no) == ["ACCESSION"]


@pytest.mark.parametrize("door", WAYS_IN)
def test_an_infected_package_is_refused_by_every_door(
    scanned: Archive, tmp_path: Path, door: str
) -> None:
    """The station API took it over: it left the scanner out."""
    case_no = f"{CASE}3{WAYS_IN.index(door)}"
    files = {"materials/006.jpg": page(6) + EICAR}
    bag = make_bag(tmp_path / f"eicar-{door[:3]}", case=moved_case(case_no), files=files)
    refused = take(scanned, door, bag)
    assert refused.value[0] == "REFUSED"
    if door != PULLED:  # a round of pulling counts outcomes, and says no codes
        assert "VIRUS" in refused.value[2]
    assert entries(scanned, case_no) == []


def test_a_package_of_another_organisation_is_taken_from_none_but_the_archive_itself(
    scanned: Archive, tmp_path: Path
) -> None:
    bag = make_bag(tmp_path / "foreign", case=moved_case(f"{CASE}40"))
    assert take(scanned, API, bag, OTHER).value == ("REFUSED", None, ["NOT_YOUR_CASE"])
    assert entries(scanned, f"{CASE}40") == []
    assert take(scanned, API, bag, HOME).value[0] == "ACCEPTED"
    other = make_bag(tmp_path / "own", case=moved_case(f"{CASE}41"))
    # The same person moves twice, which a person has to look at.
    assert take(scanned, CLI, other).value[0] in {"ACCEPTED", "CONFIRM"}


@pytest.mark.parametrize("door", [API, DESK])
def test_a_part_is_received_alike_at_both_doors(scanned: Archive, door: str) -> None:
    sender, data = Sender(scanned, door), page(70 + (door == DESK))
    address = sender.announce(data)
    assert sender.complete(address) == (409, "PARTS_MISSING")
    assert sender.send(address, 0, data + b"x") == (413, "BAD_PART_SIZE")
    assert sender.send(address, 0, data[:-1]) == (422, "BAD_PART_SIZE")
    assert sender.send(address, 1, b"") == (422, "BAD_PART_SIZE")
    assert sender.send(address, 0, data) == (204, "OK")
    assert sender.send(address, 0, data) == (204, "OK")
    assert sender.send(address, 0, bytes(len(data))) == (409, "KEY_TAKEN")
    assert sender.complete(address) == (200, ("UNPLACED", ["CAPTURE_UNPLACED"]))
    assert sender.send(address, 0, data) == (409, "UPLOAD_ENDED")


@pytest.mark.parametrize("door", [API, DESK])
def test_an_infected_file_is_gathered_by_neither_door(scanned: Archive, door: str) -> None:
    sender, data = Sender(scanned, door), page(80 + (door == DESK)) + EICAR
    address = sender.announce(data)
    sender.send(address, 0, data)
    assert sender.complete(address) == (200, ("UNPLACED", ["VIRUS"]))


def entrant(archive: Archive, door: str, role: Role, org: str = HOME) -> tuple[str, str]:
    """Login and secret of an account that may enter by a door."""
    kind = AccountKind.PERSON if door == DESK else AccountKind.CLIENT
    account = archive.account(role, org, kind)
    with writing(archive.runtime.engine) as session:
        return account.login, renew_secret(session, "setup", account.login, fresh_secret())


@pytest.mark.parametrize("door", [API, DESK])
def test_a_login_opens_with_the_right_secret_only(scanned: Archive, door: str) -> None:
    login, secret = entrant(scanned, door, Role.OFFICER, OTHER)
    right = log_in(scanned, door, login, secret)
    assert right.status_code == (303 if door == DESK else 200)
    other = DESK if door == API else API  # a client has no desk, a person no token
    refused = [
        log_in(scanned, door, login, "wrong"),
        log_in(scanned, door, "nobody-at-all", "wrong"),
        log_in(scanned, door, *entrant(scanned, other, Role.OFFICER, OTHER)),
    ]
    with writing(scanned.runtime.engine) as session:
        disable_account(session, SECURITY, login, "停用")
    refused.append(log_in(scanned, door, login, secret))
    assert {(answer.status_code, answer.text) for answer in refused} == {(401, refused[0].text)}
    assert not any("set-cookie" in answer.headers for answer in refused)


@pytest.mark.parametrize("door", [API, DESK])
def test_a_locked_account_is_answered_like_a_wrong_secret_until_its_time(
    scanned: Archive, door: str
) -> None:
    login, secret = entrant(scanned, door, Role.AUXILIARY)
    wrong = [log_in(scanned, door, login, "wrong") for _ in range(5)]
    locked = log_in(scanned, door, login, secret)
    assert (locked.status_code, locked.text) == (401, wrong[0].text)
    with writing(scanned.runtime.engine) as session:
        locks = session.scalars(select(JournalEntry).filter_by(act="LOGIN_LOCKED", subject=login))
        assert len(locks.all()) == 1
        attempt = session.scalars(
            select(LoginAttempt).join(Account).where(Account.login == login)
        ).one()
        attempt.locked_until = database_now(session) - timedelta(seconds=1)
    assert log_in(scanned, door, login, secret).status_code < 400


@pytest.mark.parametrize("door", [API, DESK])
def test_who_tries_too_often_is_told_to_wait_by_both_doors(tmp_path: Path, door: str) -> None:
    with opened(tmp_path / "limited", rate_limit=10) as limited:
        answers = [log_in(limited, door, "nobody", "wrong") for _ in range(2)]
        assert [answer.status_code for answer in answers] == [401, 429]
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 61
        assert "请求过于频繁。" in answers[-1].text


@pytest.mark.parametrize("door", [API, DESK])
def test_beyond_the_days_limit_both_doors_show_nothing_and_say_so_once_in_the_journal(
    archive: Archive, tmp_path: Path, door: str
) -> None:
    shutil.copytree(archive.runtime.settings.data, tmp_path / "tight")
    limits = {"daily_looks": 2, "daily_person_looks": 2}
    with opened(tmp_path / "tight", **limits) as tight:
        reader = visit(tight, door, Role.OFFICER)
        shown = [reader.show(name).code for name in (MOVE_CODE, MOVE_CODE, MOVE_CODE)]
        assert shown == ["OK", "OK", "DAILY_LIMIT"]
        assert reader.show(MOVE_CODE[:-1] + "9").code == "DAILY_LIMIT"
        with reading(tight.runtime.engine) as session:
            alarms = session.scalars(
                select(JournalEntry).filter_by(act="ALARM", subject=f"account:{reader.account}")
            )
            assert len(alarms.all()) == 1
