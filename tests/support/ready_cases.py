"""Cases that are taken over and wait for their numbers, without packages and originals."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine

from archive.accession.accession import take_over
from archive.database.engine import writing
from archive.reference.case_facts import CaseFacts
from archive.reference.findings import Finding
from archive.reference.service_items import load_catalogue, snapshot

HOME = "150602010000"
CATALOGUE = load_catalogue()
_PERSON = {"name": "测某", "id_number": "150602199001010016"}
_FORM = {
    "no": 1,
    "type": "收件单",
    "source": "SYSTEM_FORM",
    "form": "RECEIPT",
    "data": {},
    "pages": 1,
}


def ready_case_no(number: int, receive: str = HOME) -> str:
    """The case number of a case that `accept` takes over."""
    return f"{receive}-20260901-{number:06d}"


def accept(
    engine: Engine,
    number: int,
    completed: datetime,
    *,
    receive: str = HOME,
    domicile: str = HOME,
    item: str = "CS01",
    findings: tuple[Finding, ...] = (),
) -> str:
    """Take over an invented case, without originals, that was completed at a time."""
    event: dict[str, Any] = {
        "actor_no": "1",
        "actor": "警",
        "at": completed.isoformat(),
        "result": "AGREE",
    }
    facts = CaseFacts.model_validate(
        {
            "spec": "case-submission/1",
            "case_no": ready_case_no(number, receive),
            "item": {"code": item, "version": "2026-1"},
            "channel": "WINDOW",
            "applicant": _PERSON,
            "subjects": [_PERSON],
            "orgs": {"receive": receive, "accept": domicile, "domicile": domicile},
            "process": [{"node": "ISSUE", "org": receive, **event}],
            "materials": [_FORM],
        }
    )
    with writing(engine) as session:
        take_over(
            session,
            "test",
            facts=facts,
            snapshot=snapshot(CATALOGUE.get(item, "2026-1")),
            content_digest=f"{receive[:6]}{number:058d}",
            originals=(),
            findings=findings,
            at=datetime.now(UTC),
        )
    return facts.case_no
