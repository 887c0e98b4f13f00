"""The policy, over every role, act and place.

The table of capacities, papers and scopes (R24, R27, R28), too.
"""

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from archive.administration.policy import (
    ADMINISTRATORS,
    CONTENT_ACTS,
    GRANTED_ACTS,
    SCOPE_OF,
    Act,
    Denial,
    Reader,
    Record,
    Role,
    UsageGrant,
    acts_of,
    capacities,
    decide,
    is_restricted,
    may,
    org_kinds_of,
    scope_of,
    search_scope,
)
from archive.reference.organisations import load_organisations
from archive.usage.papers import papers_missing

RECORD_ACTS = frozenset(
    {
        Act.VIEW,
        Act.VIEW_PAGES,
        Act.DOWNLOAD,
        Act.VIEW_PLAIN,
        Act.CERTIFY,
        Act.CONFIRM,
        Act.COMPILE,
        Act.VERIFY,
        Act.VOID,
        Act.DECIDE_USE,
    }
)
"""The acts that are done on one record."""

ORGANISATIONS = load_organisations()
HOME, NEIGHBOUR, OTHER = "150602010000", "150602020000", "150622020000"
DISTRICT, OTHER_DISTRICT, CITY = "150602000000", "150622000000", "150600000000"
CODE = "J602-ZY·HJ·QR·2026·Y-000001"
NOW = datetime(2026, 11, 1, tzinfo=UTC)
RECORD = Record((HOME,), HOME, HOME, CODE)
BUSINESS = [role for role in Role if role not in ADMINISTRATORS]


def reader(role: Role, org: str) -> Reader:
    return Reader("reader", role, org)


def grant(
    *acts: Act, account: str = "reader", code: str = CODE, ends: datetime = NOW + timedelta(hours=1)
) -> UsageGrant:
    return UsageGrant("LY2026-000001", account, code, frozenset(acts), None, ends)


def denial(
    role: Role, org: str, act: Act, record: Record | None = RECORD, *grants: UsageGrant
) -> Denial | None:
    return decide(reader(role, org), act, record, ORGANISATIONS, grants, now=NOW).denial


@pytest.mark.parametrize(
    ("role", "act"),
    [
        *itertools.product(
            sorted(ADMINISTRATORS), sorted(RECORD_ACTS | {Act.SEARCH, Act.SUBMIT, Act.REQUEST_USE})
        )
    ],
)
def test_no_administrator_sees_or_touches_content_even_with_a_grant(role: Role, act: Act) -> None:
    assert denial(role, CITY, act, RECORD, grant(act)) is Denial.ROLE


def test_the_three_administrators_share_no_act_but_reading_the_journal() -> None:
    for first, second in itertools.combinations(ADMINISTRATORS, 2):
        assert acts_of(first) & acts_of(second) <= {Act.READ_JOURNAL}
    assert all(
        not acts_of(administrator) & acts_of(role)
        for administrator in ADMINISTRATORS
        for role in BUSINESS
    )


def test_an_auxiliary_neither_decides_nor_certifies() -> None:
    assert not acts_of(Role.AUXILIARY) & {
        Act.DECIDE_USE,
        Act.CERTIFY,
        Act.CONFIRM,
        Act.COMPILE,
        Act.VOID,
        Act.DOWNLOAD,
        Act.VIEW_PLAIN,
    }


@pytest.mark.parametrize(
    ("role", "act"), [*itertools.product(sorted(BUSINESS), sorted(RECORD_ACTS))]
)
def test_a_foreign_record_is_denied_exactly_as_one_that_does_not_exist(
    role: Role, act: Act
) -> None:
    if role is Role.CITY_SUPERVISOR:
        return  # the city has no foreign record
    org = OTHER_DISTRICT if role is Role.DISTRICT_SUPERVISOR else OTHER
    assert denial(role, org, act) == denial(role, org, act, None)
    assert denial(role, org, act) in {Denial.ROLE, Denial.NOT_HERE}


@pytest.mark.parametrize("org", [HOME, DISTRICT, CITY])
def test_what_stands_above_a_station_sees_its_records(org: str) -> None:
    assert denial(Role.ARCHIVIST, org, Act.VIEW) is None


@pytest.mark.parametrize("org", [NEIGHBOUR, OTHER, OTHER_DISTRICT])
def test_a_district_or_station_beside_it_does_not(org: str) -> None:
    assert denial(Role.ARCHIVIST, org, Act.VIEW) is Denial.NOT_HERE


def test_a_citywide_case_is_seen_on_both_sides_and_by_both_districts() -> None:
    citywide = Record((OTHER, HOME), HOME, OTHER, CODE)
    for org in (HOME, OTHER, DISTRICT, OTHER_DISTRICT, CITY):
        assert denial(Role.ARCHIVIST, org, Act.VIEW, citywide) is None
    assert denial(Role.ARCHIVIST, NEIGHBOUR, Act.VIEW, citywide) is Denial.NOT_HERE


def test_facts_in_plain_and_certified_copies_need_a_grant_even_at_home() -> None:
    for act in (Act.VIEW_PLAIN, Act.CERTIFY):
        assert denial(Role.ARCHIVIST, HOME, act) is Denial.NEEDS_GRANT
        assert denial(Role.ARCHIVIST, HOME, act, RECORD, grant(act)) is None


def test_of_a_birth_file_no_content_is_shown_without_a_grant() -> None:
    assert is_restricted("CS")
    assert not is_restricted("QR")
    birth = Record((HOME,), HOME, HOME, CODE, restricted=True)
    assert denial(Role.ARCHIVIST, HOME, Act.VIEW, birth) is None
    for act in CONTENT_ACTS:
        assert denial(Role.ARCHIVIST, HOME, act, birth) is Denial.NEEDS_GRANT
        assert denial(Role.ARCHIVIST, HOME, act, birth, grant(act)) is None


def test_a_grant_opens_its_own_volume_to_its_own_account_until_its_end_and_for_its_acts_only() -> (
    None
):
    assert denial(Role.OFFICER, OTHER, Act.VIEW, RECORD, grant(Act.VIEW)) is None
    assert (
        denial(Role.OFFICER, OTHER, Act.VIEW, RECORD, grant(Act.VIEW, ends=NOW)) is Denial.NOT_HERE
    )
    assert (
        denial(Role.OFFICER, OTHER, Act.VIEW, RECORD, grant(Act.VIEW, account="someone"))
        is Denial.NOT_HERE
    )
    assert (
        denial(Role.OFFICER, OTHER, Act.VIEW, RECORD, grant(Act.VIEW, code=CODE[:-1] + "2"))
        is Denial.NOT_HERE
    )
    assert denial(Role.OFFICER, OTHER, Act.DOWNLOAD, RECORD, grant(Act.VIEW)) is Denial.NEEDS_GRANT


@pytest.mark.parametrize(("role", "act"), [*itertools.product(Role, Act)])
def test_a_grant_never_widens_what_a_role_may_do(role: Role, act: Act) -> None:
    for org in (HOME, OTHER, CITY):
        assert (denial(role, org, act, RECORD, grant(*Act)) is Denial.ROLE) == (
            act not in acts_of(role)
        )


@pytest.mark.parametrize("act", sorted(RECORD_ACTS - GRANTED_ACTS))
def test_no_grant_lets_another_station_change_a_record(act: Act) -> None:
    for role in (
        role for role in BUSINESS if act in acts_of(role) and role is not Role.CITY_SUPERVISOR
    ):
        org = OTHER_DISTRICT if role is Role.DISTRICT_SUPERVISOR else OTHER
        assert denial(role, org, act, RECORD, grant(act)) is Denial.NOT_HERE


def test_use_is_decided_on_the_keepers_side_only() -> None:
    citywide = Record((OTHER, HOME), HOME, OTHER, CODE)
    assert denial(Role.CHIEF, HOME, Act.DECIDE_USE, citywide) is None
    assert denial(Role.DISTRICT_SUPERVISOR, DISTRICT, Act.DECIDE_USE, citywide) is None
    assert denial(Role.CHIEF, OTHER, Act.DECIDE_USE, citywide) is Denial.NOT_HERE


def test_content_of_what_is_not_archived_yet_is_shown_to_nobody() -> None:
    waiting = Record((HOME,), HOME, HOME, None, committed=False)
    assert denial(Role.ARCHIVIST, HOME, Act.VIEW, waiting) is None
    assert denial(Role.ARCHIVIST, HOME, Act.CONFIRM, waiting) is None
    assert denial(Role.ARCHIVIST, HOME, Act.VIEW_PAGES, waiting) is Denial.STATE


@pytest.mark.parametrize(("act", "scope"), SCOPE_OF.items())
def test_a_client_does_only_what_its_token_allows(act: Act, scope: object) -> None:
    bare = Reader("client", Role.STATION_CLIENT, HOME, frozenset())
    assert may(bare, act).denial in {Denial.SCOPE, Denial.ROLE}
    full = Reader("client", Role.STATION_CLIENT, HOME, frozenset(SCOPE_OF.values()))
    assert may(full, act).allowed == (act in acts_of(Role.STATION_CLIENT))
    assert scope in SCOPE_OF.values()


def test_who_may_not_search_searches_nothing() -> None:
    assert search_scope(reader(Role.AUDIT_ADMIN, CITY)) == frozenset()
    assert search_scope(Reader("client", Role.STATION_CLIENT, HOME, frozenset())) == frozenset()
    assert search_scope(reader(Role.OFFICER, HOME)) == {HOME}


def test_search_and_policy_agree_for_every_organisation() -> None:
    keys = set(scope_of((HOME, OTHER), ORGANISATIONS))
    record = Record((HOME, OTHER), HOME, HOME, CODE)
    for org in ORGANISATIONS:
        in_scope = bool(search_scope(reader(Role.ARCHIVIST, org.code)) & keys)
        assert in_scope == (denial(Role.ARCHIVIST, org.code, Act.VIEW, record) is None)


def test_every_role_has_acts_and_a_place_and_every_act_somebody() -> None:
    assert all(acts_of(role) and org_kinds_of(role) for role in Role)
    assert set().union(*(acts_of(role) for role in Role)) == set(Act)


def test_a_lawyer_with_the_courts_order_sees_what_it_says_and_without_it_an_address() -> None:
    lawyer = capacities()["LAWYER"]
    address, order = lawyer.scopes
    assert address.fields == {"address"}
    assert Act.VIEW_PAGES not in address.acts
    assert papers_missing(lawyer, address, ["受理通知书", "代理合同", "执业证", "律所证明"]) == ()
    assert papers_missing(lawyer, address, ["法院调查令", "执业证"]) == (
        "受理通知书",
        "代理合同",
        "律所证明",
    )
    assert papers_missing(lawyer, order, ["法院调查令", "执业证"]) == ()
    assert papers_missing(lawyer, order, ["受理通知书", "代理合同", "执业证", "律所证明"]) == (
        "法院调查令",
    )


@pytest.mark.parametrize("key", sorted(capacities()))
def test_each_capacity_states_its_papers_its_source_and_never_more_than_looking(key: str) -> None:
    capacity = capacities()[key]
    assert capacity.label
    assert capacity.source
    for scope in capacity.scopes:
        assert scope.acts <= GRANTED_ACTS
        missing = papers_missing(capacity, scope, [])
        assert (missing == ()) == (key == "NAMING")
        assert papers_missing(capacity, scope, missing) == ()


def test_an_auxiliary_sees_pages_only_of_what_the_own_station_took_in() -> None:
    auxiliary = Reader("auxiliary", Role.AUXILIARY, HOME)
    own, taken_elsewhere = (
        Record((HOME, OTHER), HOME, collector, CODE) for collector in (HOME, OTHER)
    )
    for record, denial in ((own, None), (taken_elsewhere, Denial.NOT_COLLECTED)):
        assert decide(auxiliary, Act.VIEW_PAGES, record, ORGANISATIONS, now=NOW).denial is denial
        assert decide(auxiliary, Act.VIEW, record, ORGANISATIONS, now=NOW).allowed
        officer = Reader("officer", Role.OFFICER, HOME)
        assert decide(officer, Act.VIEW_PAGES, record, ORGANISATIONS, now=NOW).allowed
