"""The life of cases against a plain model, with kills between any two steps: numbers, versions and
bytes are what the model says.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select

import archive.jobs.crashpoints
from api.jobs.batch import begin_supplements, free_dead, reserve, void_number
from archive.administration.filing_units import FilingRule
from archive.audit.anchors import anchor
from archive.database.engine import connect, migrate, reading
from archive.database.tables_cases import Case
from archive.database.tables_volumes import Volume, VolumeVersion
from archive.jobs.crashpoints import POINTS
from archive.preservation.comparison import differences
from archive.preservation.rebuild import rebuild
from archive.reference.errors import ConflictError
from tests.support.filing import FILER
from tests.support.holdings import (
    CATALOGUE,
    ORGANISATIONS,
    Holdings,
    holdings,
    sound_case,
    supplement,
)

_KEYS: list[Path] = []
CASES = [f"150602010000-20260901-{number:06d}" for number in range(1, 5)]


class Killed(BaseException):
    """The process is gone: nothing of it runs any more but the rollback that the database does by
    itself.
    """


def _die(_code: int) -> None:
    raise Killed


@pytest.fixture
def killable(monkeypatch: pytest.MonkeyPatch, keys: Path) -> Iterator[None]:
    """Crash points end the act instead of this process.

    What they end with passes every handler of an error.
    """
    monkeypatch.setattr(
        archive.jobs.crashpoints, "os", SimpleNamespace(environ=os.environ, _exit=_die)
    )
    _KEYS[:] = [keys]
    yield
    os.environ.pop("YICE_CRASH_AT", None)


class Life(RuleBasedStateMachine):
    """`revisions` and `void` are all the model knows: what was accepted of each case, and which
    numbers were given up.
    """

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="yice-model-"))
        engine = connect(f"sqlite:///{self.folder / 'yice.db'}")
        migrate(engine)
        self.archive: Holdings = holdings(self.folder, engine, _KEYS[0])
        self.revisions: dict[str, int] = {}
        self.void: set[str] = set()
        self.numbers: dict[str, str] = {}
        self.committed: dict[tuple[str, int], str] = {}
        self.workers = self.bags = 0

    def deliver(self, case: dict[str, Any]) -> str:
        self.bags += 1
        return str(self.archive.deliver(f"bag-{self.bags}", case).outcome)

    def dying(self, point: str | None, act: Any) -> None:
        """Carry an act out in a process that may be killed at a point."""
        if point:
            os.environ["YICE_CRASH_AT"] = point
        try:
            act()
        except Killed:
            pass
        finally:
            os.environ.pop("YICE_CRASH_AT", None)

    @rule(case_no=st.sampled_from(CASES))
    def a_case_comes(self, case_no: str) -> None:
        known = case_no in self.revisions
        assert self.deliver(sound_case(case_no)) == ("DUPLICATE" if known else "ACCEPTED")
        self.revisions.setdefault(case_no, 1)

    @rule(case_no=st.sampled_from(CASES))
    def other_content_comes_under_its_number(self, case_no: str) -> None:
        case = sound_case(case_no)
        case["applicant"]["phone"] = "13800000001"
        if case_no in self.revisions:
            assert self.deliver(case) == "REFUSED"

    @precondition(lambda self: any(count < 3 for count in self.revisions.values()))
    @rule(data=st.data())
    def a_supplement_comes(self, data: st.DataObject) -> None:
        case_no = data.draw(
            st.sampled_from(
                sorted(case_no for case_no, count in self.revisions.items() if count < 3)
            )
        )
        outcome = self.deliver(supplement(case_no, self.revisions[case_no]))
        if case_no in self.void:
            assert outcome == "REFUSED"
        else:
            assert outcome == "ACCEPTED"
            self.revisions[case_no] += 1

    @rule(
        point=st.sampled_from(
            [None, "frozen-before-commit", "frozen-after-commit", "supplement-frozen-before-commit"]
        )
    )
    def numbers_are_given(self, point: str | None) -> None:
        self.dying(point, lambda: reserve(self.archive.runtime, FILER))

    @rule(point=st.sampled_from([None, *(point for point in POINTS if "frozen" not in point)]))
    def a_worker_works(self, point: str | None) -> None:
        self.workers += 1
        free_dead(self.archive.runtime)
        shop = replace(self.archive.shop, owner=f"{os.uname().nodename}:1:dead-{self.workers}")
        self.dying(point, lambda: self.archive.make(shop))

    @precondition(lambda self: self.numbers)
    @rule(data=st.data())
    def a_number_is_given_up(self, data: st.DataObject) -> None:
        case_no = data.draw(st.sampled_from(sorted(self.numbers)))
        free_dead(self.archive.runtime)
        try:
            void_number(self.archive.runtime, FILER, code=self.numbers[case_no], reason="撤回")
        except ConflictError:
            return
        assert (self.numbers[case_no], 1) not in self.committed, "a committed volume was given up"
        self.void.add(case_no)

    @invariant()
    def what_was_given_and_committed_stays(self) -> None:
        with reading(self.archive.engine) as session:
            numbered = session.execute(
                select(Case.case_no, Volume.code).join(Volume, Volume.case_id == Case.id)
            )
            given = {row.case_no: row.code for row in numbered}
            query = select(Volume.code, VolumeVersion.version, VolumeVersion.sha256).join(
                VolumeVersion, VolumeVersion.volume_id == Volume.id
            )
            versions = {
                (code, number): digest or ""
                for code, number, digest in session.execute(
                    query.where(VolumeVersion.state == "COMMITTED")
                )
            }
        assert given.keys() <= self.revisions.keys()
        assert self.numbers.items() <= given.items(), "a number was changed or taken away"
        assert self.committed.items() <= versions.items(), (
            "a committed version was changed or taken away"
        )
        self.numbers, self.committed = given, versions

    def teardown(self) -> None:
        """The last recovery: everything accepted is made, in order, and a database made from the
        bucket says the same.
        """
        archive = self.archive
        for _ in range(6):
            self.a_worker_works(None)
            reserve(archive.runtime, FILER)
            begin_supplements(archive.runtime, "test")
        self.what_was_given_and_committed_stays()
        assert archive.faults() == []
        assert list(archive.store.list("staging/")) == []
        versions = {
            case_no: sum(version[0] == code for version in self.committed)
            for case_no, code in self.numbers.items()
        }
        assert versions == {
            case_no: 0 if case_no in self.void else count
            for case_no, count in self.revisions.items()
        }
        if self.revisions:
            self.rebuilt()
        archive.engine.dispose()
        shutil.rmtree(self.folder)

    def rebuilt(self) -> None:
        archive = self.archive
        anchor(archive.engine, archive.store, archive.shop.sealer_for("J602"), "test")
        anew = connect(f"sqlite:///{self.folder / 'anew.db'}")
        migrate(anew)
        rebuild(
            anew,
            archive.store,
            "test",
            catalogue=CATALOGUE,
            organisations=ORGANISATIONS,
            rule=FilingRule.RECEIVING_PLACE,
        )
        assert differences(archive.engine, anew) == []
        anew.dispose()


@pytest.mark.usefixtures("killable")
def test_the_life_of_cases_with_kills_between_any_two_steps_is_what_the_model_says() -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Life,
        settings=settings(
            max_examples=4,
            stateful_step_count=12,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
