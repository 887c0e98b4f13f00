"""Numbers are given by the filing unit or above it, by no other organisation of a case (I15)."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from archive.accession.accession import take_over
from archive.administration.filing_units import FilingRule, FilingUnits, NotFilingError
from archive.administration.policy import (
    FILING_ACTS,
    Act,
    Denial,
    Reader,
    Record,
    Role,
    acts_of,
    decide,
    org_kinds_of,
)
from archive.arrangement.numbering import freeze, unnumbered
from archive.arrangement.voiding import void
from archive.checking.confirming import confirm
from archive.database.engine import reading, writing
from archive.database.tables_audit import JournalEntry
from archive.database.tables_volumes import NumberCounter, Volume
from archive.finding_aids.cases import count_ready, count_waiting, waiting_cases, waiting_elsewhere
from archive.finding_aids.reach import reach_of
from archive.reference.case_facts import CaseFacts
from archive.reference.findings import Finding
from archive.reference.organisations import load_organisations
from archive.reference.service_items import load_catalogue, snapshot
from archive.reference.vocabulary import Outcome

CATALOGUE, ORGANISATIONS = load_catalogue(), load_organisations()
RECEIVING, ACCEPTING, DOMICILE = "150622020000", "150602020000", "150602010000"
CITY = "150600000000"
NOW = datetime(2026, 9, 2, tzinfo=UTC)
UNIT = {FilingRule.RECEIVING_PLACE: RECEIVING, FilingRule.DOMICILE: DOMICILE}


def above(org: str) -> set[str]:
    """Return an organisation and all above it, walked by hand."""
    chain: set[str] = set()
    current: str | None = org
    while current:
        chain.add(current)
        current = ORGANISATIONS.get(current).parent
    return chain


PLACES = sorted(above(RECEIVING) | above(ACCEPTING) | above(DOMICILE) | {"150623010000"})
PAIRS = [
    (role, org)
    for role in Role
    for org in PLACES
    if ORGANISATIONS.get(org).kind in org_kinds_of(role)
]


@pytest.mark.parametrize("rule", list(FilingRule))
@pytest.mark.parametrize(("role", "org"), PAIRS)
def test_each_role_at_each_organisation_of_a_case_acts_only_for_the_filing_unit(
    role: Role, org: str, rule: FilingRule
) -> None:
    unit = FilingUnits(ORGANISATIONS, rule).unit_of(RECEIVING, DOMICILE)
    assert unit == UNIT[rule]
    record = Record((RECEIVING, ACCEPTING, DOMICILE), unit, RECEIVING, committed=False)
    sees = org in above(RECEIVING) | above(ACCEPTING) | above(DOMICILE)
    for act in FILING_ACTS:
        denial = decide(Reader("r", role, org), act, record, ORGANISATIONS, now=NOW).denial
        if act not in acts_of(role):
            assert denial is Denial.ROLE
        elif org in above(unit):
            assert denial is None
        else:
            assert denial is (Denial.NOT_FILING if sees else Denial.NOT_HERE)


def accept(engine: Engine, number: int, *, waits: bool = False) -> str:
    """Take over a case received at one bureau for a resident of another; return its number."""
    person = {"name": "测某", "id_number": "150602199001010016"}
    case_no = f"{RECEIVING}-20260901-{number:06d}"
    event: dict[str, Any] = {"actor_no": "1", "actor": "警", "result": "AGREE"}
    at = (NOW - timedelta(hours=number)).isoformat()
    material = {"no": 1, "type": "收件单", "source": "SYSTEM_FORM", "form": "RECEIPT"}
    facts = CaseFacts.model_validate(
        {
            "spec": "case-submission/1",
            "case_no": case_no,
            "item": {"code": "CS01", "version": "2026-1"},
            "channel": "WINDOW",
            "applicant": person,
            "subjects": [person],
            "orgs": {"receive": RECEIVING, "accept": ACCEPTING, "domicile": DOMICILE},
            "process": [{"node": "ISSUE", "org": RECEIVING, "at": at, **event}],
            "materials": [material | {"data": {}, "pages": 1}],
        }
    )
    doubt = Finding("BLANK_PAGE", Outcome.CONFIRM, "1", "空白页", "请核对")
    with writing(engine) as session:
        take_over(
            session,
            "test",
            facts=facts,
            snapshot=snapshot(CATALOGUE.get("CS01", "2026-1")),
            content_digest=f"{number:064d}",
            originals=(),
            findings=(doubt,) if waits else (),
            at=NOW,
        )
    return case_no


def units(rule: FilingRule) -> FilingUnits:
    return FilingUnits(ORGANISATIONS, rule)


def archivist(org: str) -> Reader:
    return Reader("archivist", Role.ARCHIVIST, org)


@pytest.mark.parametrize(
    ("rule", "other"), [(FilingRule.RECEIVING_PLACE, DOMICILE), (FilingRule.DOMICILE, RECEIVING)]
)
def test_the_other_side_of_a_case_gives_no_number_and_nothing_is_changed_by_trying(
    engine: Engine, rule: FilingRule, other: str
) -> None:
    accept(engine, 1)
    accept(engine, 2)

    def number(org: str) -> None:
        with writing(engine) as session:
            freeze(
                session,
                archivist(org),
                unnumbered(session),
                catalogue=CATALOGUE,
                units=units(rule),
                at=NOW,
            )

    with pytest.raises(NotFilingError, match="立卷"):
        number(other)
    with reading(engine) as session:
        assert session.scalar(select(func.count()).select_from(Volume)) == 0
        assert session.scalar(select(func.count()).select_from(NumberCounter)) == 0
    number(UNIT[rule])
    with writing(engine) as session:
        filed = session.scalars(select(Volume)).all()
        assert {volume.filing_org for volume in filed} == {UNIT[rule]}
        (entry,) = session.scalars(select(JournalEntry).filter_by(act="FREEZE")).all()
        assert json.loads(entry.detail)["org"] == UNIT[rule]
        code = filed[0].code
        with pytest.raises(NotFilingError):
            void(session, archivist(other), code=code, reason="误送", units=units(rule))
    with writing(engine) as session:
        void(session, archivist(UNIT[rule]), code=code, reason="误送", units=units(rule))


def test_a_doubt_is_decided_by_the_filing_unit_and_shown_to_the_others_as_theirs(
    engine: Engine,
) -> None:
    rule = FilingRule.RECEIVING_PLACE
    case_no = accept(engine, 1, waits=True)
    mine, theirs = reach_of(RECEIVING, ORGANISATIONS), reach_of(DOMICILE, ORGANISATIONS)
    with reading(engine) as session:
        assert (count_waiting(session, mine, rule), count_waiting(session, theirs, rule)) == (1, 0)
        assert not waiting_cases(session, theirs, rule, limit=9)
        assert not waiting_elsewhere(session, mine, rule, limit=9)
        (shown,) = waiting_elsewhere(session, theirs, rule, limit=9)
        assert shown.case_no == case_no
        stranger = reach_of("150623010000", ORGANISATIONS)
        assert not waiting_elsewhere(session, stranger, rule, limit=9)
    with writing(engine) as session, pytest.raises(NotFilingError):
        confirm(
            session,
            archivist(DOMICILE),
            case_no=case_no,
            reason="看过",
            units=units(rule),
            ticks=None,
        )
    with writing(engine) as session:
        confirm(
            session,
            archivist(RECEIVING),
            case_no=case_no,
            reason="看过",
            units=units(rule),
            ticks=None,
        )
    with reading(engine) as session:
        assert (count_ready(session, mine, rule), count_ready(session, theirs, rule)) == (1, 0)
        assert count_ready(session, None, rule) == 1


def test_the_acts_of_a_filing_unit_have_words_for_their_refusal() -> None:
    for act in sorted(FILING_ACTS):
        with pytest.raises(NotFilingError, match="未作任何更改"):
            units(FilingRule.DOMICILE).require(archivist(RECEIVING), Act(act), DOMICILE, "X")
