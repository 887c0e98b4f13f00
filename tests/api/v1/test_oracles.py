"""Nobody learns from a refusal or a finding what others hold."""

import pytest

from archive.database.engine import reading
from archive.finding_aids.disclosure import disclosed
from archive.finding_aids.reach import reach_of
from archive.reference.case_facts import CaseFacts
from archive.reference.findings import finding
from ingest.errors import ForeignCaseError
from ingest.intake.intake import _require_own_case
from ingest.intake.submission import Submission
from tests.support.holdings import sound_case
from tests.support.station import (
    BIRTH,
    CITY,
    DISTRICT,
    HOME,
    ORGANISATIONS,
    OTHER,
    StationClient,
)

MATCHES = [
    finding(code, "case.json:subjects[0].id_number", other_case=BIRTH).public()
    for code in ("TWO_HOUSEHOLDS", "AFTER_DEATH", "TWO_MOVES")
]
OWN = finding("OVERDUE", "case.json:process", days=1, limit=1).public()


def test_a_package_with_a_strangers_number_is_told_nothing_of_the_case_elsewhere(
    desk: StationClient,
) -> None:
    with reading(desk.runtime.engine) as session:
        shown = disclosed(session, reach_of(OTHER, ORGANISATIONS), [*MATCHES, OWN])
        assert [row["code"] for row in shown] == ["MATCHES_ELSEWHERE", "OVERDUE"]
        assert BIRTH not in str(shown)
        assert "由该单位判断" in shown[0]["message"]
        for org in (HOME, DISTRICT, CITY):
            assert disclosed(session, reach_of(org, ORGANISATIONS), [*MATCHES, OWN]) == [
                *MATCHES,
                OWN,
            ]


def test_a_case_number_belongs_to_the_organisation_that_it_begins_with() -> None:
    """A station sealed a volume under another's number, and its owner was refused."""
    facts = CaseFacts.model_validate(sound_case(BIRTH, receive=OTHER))
    with pytest.raises(ForeignCaseError):
        _require_own_case(Submission(facts, {}, (), ()), OTHER, ORGANISATIONS)
    own = CaseFacts.model_validate(sound_case(f"{OTHER}-20260901-000001", receive=OTHER))
    _require_own_case(Submission(own, {}, (), ()), OTHER, ORGANISATIONS)
