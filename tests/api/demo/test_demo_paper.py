"""The demo leaves a paper room in which each page has something to show."""

from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select

from api.demo.paper import make_demo_paper, paper_station
from api.runtime.bootstrap import start
from api.runtime.settings import Settings
from archive.database.engine import reading
from archive.database.tables_paper import PaperLoan, PaperStocktake
from archive.paper.listing import paper_rows, waiting_tasks
from archive.paper.loans import is_overdue
from archive.paper.stocktakes import tally
from archive.reference.paper_terms import LoanState, StocktakeState
from tests.support.paper import keeper, kept_case, number_cases

STATION = "150623010000"


def test_the_demo_leaves_paper_in_every_state_that_a_page_shows(tmp_path: Path) -> None:
    runtime = start(Settings(data=tmp_path / "var"))
    assert paper_station(runtime) is None
    cases = [kept_case(number, receive=STATION) for number in range(1, 13)]
    number_cases(runtime.engine, runtime.organisations, *cases)
    assert paper_station(runtime) == STATION
    paper = make_demo_paper(runtime, STATION)
    assert (paper.items, paper.waiting) == (8, 4)
    owner = keeper(org=STATION, organisations=runtime.organisations)
    with reading(runtime.engine) as session:
        assert len(waiting_tasks(session, owner)) == 4
        numbers = [int(row.code[-6:]) for row in paper_rows(session, owner)]
        assert numbers == [1, 2, 4, 5, 7, 8, 10, 11]  # a box with gaps
        loans = session.scalars(select(PaperLoan).filter_by(state=LoanState.LENT)).all()
        assert [is_overdue(loan, datetime.now(UTC)) for loan in loans] == [True, False]
        stocktake = session.scalars(select(PaperStocktake)).one()
        assert stocktake.state == StocktakeState.OPEN
        assert 0 < tally(session, stocktake).pending < 8
    runtime.engine.dispose()
