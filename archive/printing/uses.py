"""利用登记簿: who used what, upon which document, with which result (R24, standards.md §3.7)."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archive.administration.account_lists import names_of_logins
from archive.administration.policy import Act, Denial, may
from archive.database.tables_usage import CertifiedCopy, UsageRequest
from archive.paper.documents import TableColumn
from archive.printing.choice import BadPrintError
from archive.printing.documents import PrintDocument, PrintTable
from archive.printing.registers import Printing
from archive.printing.volumes import MOST_ROWS
from archive.reference import citizen_id
from archive.reference.local_time import local_date
from archive.reference.masking import mask_numbers
from archive.reference.print_terms import PrintKind
from archive.usage.looks import DeniedError
from archive.usage.request_lists import copies_by_request, kept_requests
from archive.usage.requests import RequestState, number_of, organisations_below, table_row
from archive.usage.visitors import Visitor, masked, visitor_of

_TOGETHER = 400
_COLUMNS = (
    TableColumn("利用单号", 26),
    TableColumn("日期", 19),
    TableColumn("档号", 40, centred=False),
    TableColumn("利用人与证件", 38, centred=False),
    TableColumn("主体与范围", 28, centred=False),
    TableColumn("事由与依据", centred=False),
    TableColumn("申请人", 22, centred=False),
    TableColumn("批准人与结果", 24, centred=False),
    TableColumn("证明件编号、页数", 38, centred=False),
)


def uses(session: Session, printing: Printing) -> PrintDocument:
    """Return the 利用登记簿 of the volumes that the reader's place keeps.

    Raises DeniedError for who keeps no register, BadPrintError for more than one print takes.
    """
    reader, choice = printing.reader, printing.choice
    if not (may(reader, Act.DECIDE_USE).allowed or may(reader, Act.CERTIFY).allowed):
        raise DeniedError(Denial.ROLE)
    keepers = organisations_below(reader, printing.organisations)
    requests = kept_requests(
        session, keepers, since=choice.begin, until=choice.end, limit=MOST_ROWS + 1
    )
    if len(requests) > MOST_ROWS:
        raise BadPrintError(
            f"利用登记超过 {MOST_ROWS:,} 条，一次印不下。", "请写明起止日期，分段打印。"
        )
    every = session.scalar(
        select(func.count(UsageRequest.id)).where(UsageRequest.keeper.in_(keepers))
    )
    outside = (every or 0) - len(requests)
    span = f"{choice.since or ''} 至 {choice.until or ''}"
    left_out = [f"只列 {span} 的利用，另有 {outside:,} 条未列。"] if outside else []
    named = may(reader, Act.NAME_PLAIN).allowed
    lines = _lines(session, sorted(requests, key=lambda row: row.id), named=named)
    return printing.document(
        PrintKind.USES,
        (
            ("起止日期", span if choice.since or choice.until else "不限"),
            ("条　　数", f"{len(lines):,} 条"),
        ),
        left_out,
        tables=(PrintTable("", _COLUMNS, lines),),
        notes=(
            "证件号码一律遮蔽；"
            + ("利用人印明姓名，本次打印已记入审计日志。" if named else "利用人姓名已遮蔽。"),
        ),
        across=True,
        named=len(lines) if named else 0,
    )


def _lines(
    session: Session, requests: Sequence[UsageRequest], *, named: bool
) -> tuple[tuple[str, ...], ...]:
    people, lines = names_of_logins(session), list[tuple[str, ...]]()
    for start in range(0, len(requests), _TOGETHER):
        batch = requests[start : start + _TOGETHER]
        copies = copies_by_request(session, [row.id for row in batch])
        lines += [_line(row, copies.get(row.id, []), people, named=named) for row in batch]
    return tuple(lines)


def _line(
    row: UsageRequest, copies: Sequence[CertifiedCopy], people: dict[str, Any], *, named: bool
) -> tuple[str, ...]:
    capacity, scope = table_row(row.capacity, row.scope)
    decided = people.get(row.decided_by or "", "") if row.decided_by else ""
    return (
        number_of(row),
        local_date(row.created_at),
        row.code,
        _who(visitor_of(row.visitor), named=named),
        f"{capacity.label}\n{scope.label}",
        f"{mask_numbers(row.purpose)}\n{mask_numbers(row.basis)}",
        people.get(row.account, "系统"),
        "\n".join(part for part in (decided, RequestState(row.state).label) if part),
        "\n".join(f"{copy.check_code}　{copy.pages} 页" for copy in copies),
    )


def _who(visitor: Visitor | None, *, named: bool) -> str:
    if visitor is None:
        return ""
    shown = visitor if named else masked(visitor)
    agent = f"（{shown.agent} 代）" if shown.agent else ""
    number = citizen_id.mask(visitor.number)
    return f"{shown.name}{agent}\n{visitor.document.label} {number}"
