"""Cases that the demo leaves at the window, at every step and level of approval.

They are played through the same acts as any other, by invented officers; the people of the demo
go on with them. What was taken in, others took in: who collected may not review.
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import count
from random import Random

from sqlalchemy.orm import Session

from api.demo.accounts import DemoAccount
from api.demo.people import invent
from api.demo.window_people import People
from api.demo.window_play import Play
from api.demo.window_ways import Way, play_through
from api.jobs.progress import Progress
from api.runtime.bootstrap import Runtime
from archive.administration.account_lists import accounts_by_login
from archive.administration.policy import Act, Role, acts_of
from archive.database.engine import database_now, reading, writing
from archive.reference.vocabulary import ApprovalLevel
from archive.reference.window_steps import Step
from ingest.window.officers import register_officer
from ingest.window.refusals import RefusedActError
from ingest.window.terms import WindowAct

_SEED, _FIRST = 24, 60_000
"""Indexes from here on are of no case of the demonstration city."""
_DAYS_AGO = (3, 12)
_HOME_STEPS = (Step.RECEIVE, Step.ACCEPT, Step.REVIEW, Step.APPROVE, Step.ISSUE, Step.CLOSING)
_CITYWIDE_STEPS = (
    Step.RECEIVE,
    Step.TRANSFER,
    Step.ACCEPT,
    Step.REVIEW,
    Step.APPROVE,
    Step.FEEDBACK,
    Step.ISSUE,
    Step.CLOSING,
)
_Left = tuple[str, str, Step, ApprovalLevel]


def make_demo_window(runtime: Runtime, accounts: Sequence[DemoAccount], progress: Progress) -> int:
    """Leave a case at each step for the stations of these accounts; return how many.

    Made once, with the accounts.
    """
    stations = list(dict.fromkeys(row.org for row in accounts if row.role is Role.OFFICER))
    if not stations:
        return 0
    home, *others = stations
    with writing(runtime.engine) as session:
        _register(session, runtime, accounts)
    people = People(runtime, _SEED)
    wanted = list(_wanted(home, others[0] if others else home))
    indexes = count(_FIRST)
    with progress.pieces("窗口办件", len(wanted)) as advance:
        for number, left in enumerate(wanted, 1):
            while not _play(runtime, people, next(indexes), left):
                pass
            advance(number, "")
    return len(wanted)


def _wanted(home: str, other: str) -> Iterator[_Left]:
    """Yield where cases are left: receiving station, home station, step, level of approval."""
    station = ApprovalLevel.STATION
    for step in _HOME_STEPS:
        yield home, home, step, station
    for receive, domicile in ((other, home), (home, other)):
        for step in _CITYWIDE_STEPS:
            yield receive, domicile, step, station
    for level in (ApprovalLevel.DISTRICT, ApprovalLevel.CITY):
        yield home, home, Step.APPROVE, level


def _register(session: Session, runtime: Runtime, accounts: Sequence[DemoAccount]) -> None:
    """Enter an invented person behind each officer of the demo."""
    now = database_now(session)
    people = accounts_by_login(session, {row.login for row in accounts})
    for account in people.values():
        if account.officer_no and Act.HANDLE in acts_of(Role(account.role)):
            person = invent(Random(f"{_SEED}:{account.login}"), youngest=25, oldest=55)
            register_officer(
                session,
                runtime.operator("setup"),
                officer_no=account.officer_no,
                id_number=person.id_number,
                now=now,
            )


def _play(runtime: Runtime, people: People, index: int, left: _Left) -> bool:
    """Play a case to where it is left; return False where its item does not lead there."""
    receive, home, step, level = left
    play = Play(runtime, people, _SEED, index)
    levels = play.case.item.approval_levels
    if level not in levels or (step is not Step.APPROVE and len(levels) > 1):
        return False
    play.receive, play.home = receive, home
    play.case.facts["orgs"].update(receive=receive, accept=home, domicile=home)
    with reading(runtime.engine) as session:
        play.now = database_now(session) - timedelta(days=play.random.randint(*_DAYS_AGO))
    play.to_office_hours()
    try:
        play_through(play, until=step, way=Way.STRAIGHT)
    except RefusedActError:  # only the home station takes such an item
        return False
    while play.state.step is Step.APPROVE and play.state.current_level is not level:
        play.do(WindowAct.APPROVE, play.approver(), {"opinion": "同意，报上一级审批"})
    return True
