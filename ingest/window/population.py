"""The population system is asked for the people of a case that is being opened.

An act like others: who may not open a case asks nobody, each number counts towards the limit of
the day, and the journal has who asked, when, for what and under which number before anything is
asked. What came is kept sealed for who asked; neither the journal nor an error holds a word of it.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from archive.administration.daily_use import DailyLimitError, DailyLimits, Shown, counted
from archive.administration.kept_views import ViewKind, body_of, find_view, keep_view
from archive.administration.policy import Reader
from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.database.engine import database_now, reading, writing
from archive.reference import citizen_id
from archive.reference.errors import NotFoundError
from archive.reference.local_time import LOCAL_TIME
from archive.reference.organisations import Organisations
from archive.reference.service_items import Catalogue
from ingest.sources.population import Population
from ingest.sources.protocol import SourceError
from ingest.window.asked import OpenWanted
from ingest.window.cases import (
    Done,
    Tables,
    check_opening,
    open_case,
    opened_before,
    require_window,
)
from ingest.window.decide import Asked, Officer
from ingest.window.known import NOBODY_ASKED, Answer, Answers, outcome_of
from ingest.window.ledger import local_day
from ingest.window.officers import officer_of
from ingest.window.opening import may_open
from ingest.window.refusals import RefusedActError, refusal
from ingest.window.terms import QueryOutcome


@dataclass(frozen=True, slots=True)
class QueryWanted:
    """The ID numbers to be asked for, and the item for which a case is to be opened."""

    item: str
    id_numbers: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Guards:
    """What a query stands on: the units and items that are known, and the limits of the day."""

    organisations: Organisations
    catalogue: Catalogue
    limits: DailyLimits


def ask_people(
    engine: Engine,
    actor: Reader,
    *,
    population: Population | None,
    wanted: QueryWanted,
    guards: Guards,
) -> Answers:
    """Ask for people, and keep the answers for the opening of their case.

    A system that is silent, refuses or answers otherwise than agreed is an outcome and no error.
    Raises DeniedError, RefusedActError.
    """
    require_window(actor)
    with writing(engine) as session:
        officer, now = officer_of(session, actor), database_now(session)
    numbers = _checked(officer, wanted, guards, now)
    if population is None:
        return Answers("", tuple(Answer(row, QueryOutcome.NOT_ASKED, now) for row in numbers))
    query = f"RK{now.astimezone(LOCAL_TIME):%Y%m%d}-{secrets.token_hex(6).upper()}"
    asking = _Asking(engine, officer, query, f"开办 {wanted.item}", guards.limits)
    answers: list[Answer] = []
    for number in numbers:
        silent = any(row.outcome is QueryOutcome.SILENT for row in answers)
        answers.append(
            Answer(number, QueryOutcome.SILENT, now)
            if silent
            else asking.answer(population, number)
        )
    with writing(engine) as session:
        body = {"query": query, "answers": [row.body() for row in answers]}
        token = keep_view(session, actor.account, ViewKind.QUERY, body)
    return Answers(query, tuple(answers), token)


def _checked(officer: Officer, wanted: QueryWanted, guards: Guards, now: datetime) -> list[str]:
    """Return the numbers to ask for, each once. Raises RefusedActError."""
    why = may_open(officer, guards.organisations)
    if why is None and wanted.item not in {row.code for row in guards.catalogue}:
        why = refusal("ITEM_UNKNOWN")
    numbers = list(dict.fromkeys(wanted.id_numbers))
    for number in numbers:
        fault = citizen_id.check(number, local_day(now))
        if why is None and fault:
            why = refusal("ID_NUMBER", who="要查询的人", why=fault.label)
    if why is None and not numbers:
        why = refusal("QUERY_NOBODY")
    if why is not None:
        raise RefusedActError(why)
    return numbers


@dataclass(frozen=True, slots=True)
class _Asking:
    """One query in the name of an officer."""

    engine: Engine
    officer: Officer
    query: str
    purpose: str
    limits: DailyLimits

    def answer(self, population: Population, number: str) -> Answer:
        """Ask for one person: journalled before and after, counted once."""
        officer = self.officer
        try:
            with counted(self.engine, officer.account, Shown.NUMBERS, self.limits) as session:
                at = database_now(session)
                journal.record(
                    session,
                    officer.account,
                    JournalAct.WINDOW_QUERY,
                    self.query,
                    org=officer.org,
                    operator=officer.officer_no,
                    purpose=self.purpose,
                )
        except DailyLimitError:
            with writing(self.engine) as session:
                return Answer(number, QueryOutcome.LIMITED, database_now(session))
        answer = _learnt(population, self.query, Answer(number, QueryOutcome.SILENT, at))
        with writing(self.engine) as session:
            journal.record(
                session,
                officer.account,
                JournalAct.WINDOW_QUERY_END,
                self.query,
                outcome=str(answer.outcome),
            )
        return answer


def _learnt(population: Population, query: str, answer: Answer) -> Answer:
    """Return what the system answers of a person and the household; silent where it does not."""
    try:
        record = population.person(answer.id_number, case_no=query)
    except SourceError:
        return answer
    answer = replace(answer, outcome=outcome_of(record), record=record)
    if record is None or not record.household_no:
        return answer
    try:
        household = population.household(record.household_no, case_no=query)
    except SourceError:
        return answer  # the person is known, the household is stated by hand
    members = household.members if household else ()
    return replace(answer, members=tuple(row.id_number.upper() for row in members))


def kept_answers(session: Session, actor: Reader, token: str) -> Answers:
    """Return the answers that an officer was given. Raises RefusedActError for none of theirs."""
    try:
        body = body_of(find_view(session, actor.account, ViewKind.QUERY, token))
    except NotFoundError:
        raise RefusedActError(refusal("QUERY_GONE")) from None
    return Answers(body["query"], tuple(map(Answer.of, body["answers"])), token)


def open_with_query(
    engine: Engine,
    actor: Reader,
    *,
    asked: Asked,
    tables: Tables,
    population: Population | None,
    limits: DailyLimits,
) -> Done:
    """Open a case, having asked for each of its people about whom no answer is kept.

    Nobody is asked for where the case may not be opened, or was by the same request. The answers
    come before the transaction of the opening: no system outside holds it up. Raises DeniedError,
    RefusedActError.
    """
    require_window(actor)
    with reading(engine) as session:
        # First of all: what the same request was given may be kept no longer.
        earlier = opened_before(session, actor, asked.key)
        if earlier is not None:
            return earlier
        token = asked.data.get("query")
        answers = kept_answers(session, actor, str(token)) if token else NOBODY_ASKED
        now = database_now(session)
        check_opening(session, actor, asked=asked, tables=tables, now=now, answers=answers)
    unknown = tuple(row for row in _numbers(asked.data) if answers.about(row) is None)
    if population is not None and unknown:
        wanted = QueryWanted(str(asked.data.get("item")), unknown)
        guards = Guards(tables.organisations, tables.catalogue, limits)
        answers = answers.joined(
            ask_people(engine, actor, population=population, wanted=wanted, guards=guards)
        )
    with writing(engine) as session:
        return open_case(
            session,
            actor,
            asked=asked,
            tables=tables,
            now=database_now(session),
            answers=answers,
        )


def _numbers(data: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the ID numbers of the people that an opening of the right shape names."""
    wanted = OpenWanted.model_validate(data)
    people = (wanted.applicant, *wanted.subjects)
    return tuple(dict.fromkeys(row.id_number for row in people if row.id_number))
