"""The versions of the flow that were ever used, by digest."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.database.tables_window import WindowFlow
from ingest.window.flow import Flow, current_flow


def remember_flow(session: Session, account: str, now: datetime, flow: Flow | None = None) -> Flow:
    """Return the flow that new cases get; entered and journalled where it is new here."""
    flow = flow or current_flow()
    if flow.digest not in known_flows(session):
        session.add(
            WindowFlow(digest=flow.digest, version=flow.version, body=flow.body(), added_at=now)
        )
        session.flush()
        journal.record(session, account, JournalAct.WINDOW_FLOW, flow.version, digest=flow.digest)
    return flow


def known_flows(session: Session) -> frozenset[str]:
    """Return the digests of all versions."""
    return frozenset(session.scalars(select(WindowFlow.digest)))


def flow_numbered(session: Session, digest: str) -> Flow:
    """Return the flow of a digest, as it is kept. Raises LookupError for an unknown one."""
    shipped = current_flow()
    if digest == shipped.digest:
        return shipped
    row = session.scalars(select(WindowFlow).filter_by(digest=digest)).first()
    if row is None:
        raise LookupError("a flow that is not kept")
    return Flow.of(row.body)
