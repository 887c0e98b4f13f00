"""运行状态 says when the holidays of a year are not entered, and what to do."""

from api.web.administration import status
from api.web.administration.status import BAD, OK, WAIT, _holidays
from archive.jobs.duties import DUTIES
from archive.reference.worktime import MissingHolidays


def test_a_year_to_come_is_announced_and_a_year_that_has_begun_is_a_fault() -> None:
    ahead, begun = (_holidays(MissingHolidays(2027, begun=state)) for state in (False, True))
    assert (ahead.tone, begun.tone) == (WAIT, BAD)
    assert ahead.state == begun.state == "2027 年尚未录入"
    assert "国务院办公厅公布后，请录入" in ahead.detail
    assert _holidays(None).tone == OK


def test_each_duty_has_a_name_on_the_status_page() -> None:
    assert set(status._DUTIES) == set(DUTIES)
