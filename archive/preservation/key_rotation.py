"""The rotation of keys: sealed columns and the blind index are written under new keys."""

from typing import Any

from sqlalchemy import Text, or_, select, type_coerce, update
from sqlalchemy.orm import Session

from archive.accession.blind_index import remember
from archive.accession.case_actors import remember_actors
from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.database.encryption import BOUND, Keyring, fresh_keys
from archive.database.sealed_columns import in_row
from archive.database.tables_cases import BlindEntry, Case, CaseRevision
from archive.database.tables_desk import KeptView, SavedSearch
from archive.database.tables_exchange import Webhook
from archive.database.tables_gathering import CapturedFile, GatheredCase
from archive.database.tables_paper import PaperLoan
from archive.database.tables_window import WindowActRow, WindowOfficer

_SEALED_TEXTS = (
    CapturedFile.name,
    Webhook.secret,
    KeptView.body,
    SavedSearch.name,
    SavedSearch.query,
    WindowActRow.content,
    WindowOfficer.id_number,
)


def rehash(session: Session, limit: int) -> int:
    """Make the blind entries of a batch of cases anew under the current key.

    Returns how many cases, 0 at the end. The rows say what is left to do.
    """
    ring = fresh_keys(session)
    if ring is None:
        return 0
    due = (
        select(BlindEntry.case_id)
        .where(BlindEntry.key != ring.blind)
        .distinct()
        .order_by(BlindEntry.case_id)
        .limit(limit)
    )
    cases = session.scalars(
        select(Case).where(Case.id.in_(list(session.scalars(due)))).order_by(Case.id)
    ).all()
    for case in cases:
        remember(session, case)
    if cases:
        journal.record(
            session,
            "rotation",
            JournalAct.REHASH,
            f"cases:{cases[0].id}-{cases[-1].id}",
            key=ring.blind,
        )
    return len(cases)


def reseal(session: Session, ring: Keyring, after: int, limit: int) -> int | None:
    """Write a batch of cases anew under the current key, and their blind entries.

    Returns the last id reached, None at the end. Repeatable.
    """
    cases = session.scalars(
        select(Case).where(Case.id > after).order_by(Case.id).limit(limit)
    ).all()
    for case in cases:
        _write_again(session, Case, case.id, case.facts)
        for revision_id, facts in session.execute(
            select(CaseRevision.id, CaseRevision.facts).where(CaseRevision.case_id == case.id)
        ):
            _write_again(session, CaseRevision, revision_id, facts)
        remember(session, case)
        remember_actors(session, case)
    if cases:
        journal.record(
            session,
            "rotation",
            JournalAct.RESEAL,
            f"cases:{cases[0].id}-{cases[-1].id}",
            key=ring.current,
        )
    return cases[-1].id if cases else None


def reseal_gathered(session: Session, ring: Keyring, after: int, limit: int) -> int | None:
    """Write a batch of closed cases that still gather, or were refused, anew.

    No case of the archive stands for them. Returns as `reseal` does.
    """
    rows = session.execute(
        select(GatheredCase.id, GatheredCase.facts)
        .where(GatheredCase.id > after)
        .order_by(GatheredCase.id)
        .limit(limit)
    ).all()
    for row_id, facts in rows:
        _write_again(session, GatheredCase, row_id, facts)
    if rows:
        journal.record(
            session,
            "rotation",
            JournalAct.RESEAL,
            f"gathered:{rows[0].id}-{rows[-1].id}",
            key=ring.current,
        )
    return rows[-1].id if rows else None


def reseal_loans(session: Session, ring: Keyring, after: int, limit: int) -> int | None:
    """Write the borrowers of a batch of paper loans anew. Returns as `reseal` does."""
    rows = session.execute(
        select(PaperLoan.id, PaperLoan.borrower)
        .where(PaperLoan.id > after)
        .order_by(PaperLoan.id)
        .limit(limit)
    ).all()
    for row_id, borrower in rows:
        session.execute(
            update(PaperLoan)
            .where(PaperLoan.id == row_id)
            .values(borrower=in_row(borrower, row_id))
            .execution_options(synchronize_session=False)
        )
    if rows:
        journal.record(
            session,
            "rotation",
            JournalAct.RESEAL,
            f"loans:{rows[0].id}-{rows[-1].id}",
            key=ring.current,
        )
    return rows[-1].id if rows else None


def reseal_texts(session: Session, ring: Keyring, done: int, limit: int) -> int | None:
    """Write texts that are sealed one by one anew under the current key.

    They are names of captured files, secrets of webhooks, and what people typed at the desk.
    Returns how many are done, None when none was left.
    """
    for column in _SEALED_TEXTS:
        table = column.class_
        stored = type_coerce(column, Text)
        old = or_(stored.not_like(f'%"key": "{ring.current}"%'), stored.not_like(f'%"{BOUND}"%'))
        rows = session.execute(
            select(table.id, column).where(old).order_by(table.id).limit(limit)
        ).all()
        for row_id, text in rows:
            session.execute(
                update(table)
                .where(table.id == row_id)
                .values({column: in_row(text, row_id)})
                .execution_options(synchronize_session=False)
            )
        if rows:
            journal.record(
                session,
                "rotation",
                JournalAct.RESEAL,
                f"{table.__tablename__}:{len(rows)}",
                key=ring.current,
            )
            return done + len(rows)
    return None


def _write_again(
    session: Session,
    table: type[Case | CaseRevision | GatheredCase],
    row_id: int,
    facts: dict[str, Any],
) -> None:
    # A statement, because the unit of work sees no change in equal facts; the type encrypts under
    # the current key.
    session.execute(
        update(table)
        .where(table.id == row_id)
        .values(facts=in_row(facts, row_id))
        .execution_options(synchronize_session=False)
    )
