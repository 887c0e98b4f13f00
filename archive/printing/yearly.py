"""年报: the yearly figures of a unit; what we do not hold says 未登记."""

from datetime import datetime

from sqlalchemy import ColumnElement, func, select, true
from sqlalchemy.orm import Session

from archive.administration.accounts import AccountState
from archive.administration.filing_units import FilingRule
from archive.administration.policy import Role
from archive.database.engine import database_now
from archive.database.tables_administration import Account
from archive.database.tables_paper import PaperItem, PaperMove
from archive.database.tables_volumes import Volume, VolumeVersion
from archive.finding_aids.filing_rates import MonthSpan, by_month, filing_rates
from archive.finding_aids.reach import Reach, reach_of
from archive.finding_aids.use_figures import use_figures
from archive.paper.documents import TableColumn
from archive.paper.moves import is_last_of_item
from archive.printing.documents import PrintDocument, PrintTable
from archive.printing.registers import Printing
from archive.reference.local_time import LOCAL_TIME
from archive.reference.paper_terms import ENDED_STATES
from archive.reference.print_terms import PrintKind
from archive.reference.vocabulary import Series, VolumeState
from archive.usage.requests import organisations_below

_COLUMNS = (
    TableColumn("项目", centred=False),
    TableColumn("计量单位", 24),
    TableColumn("数量", 34),
    TableColumn("说明", 64, centred=False),
)
_NOT_HELD = "未登记"
Line = tuple[str, str, str, str]


def yearly(session: Session, printing: Printing, rule: FilingRule) -> PrintDocument:
    """Return the 年报 of the reader's unit and the chosen year, this one when none is."""
    now = database_now(session)
    year = printing.choice.year or now.astimezone(LOCAL_TIME).year
    begin, end = (datetime(at, 1, 1, tzinfo=LOCAL_TIME) for at in (year, year + 1))
    running = now < end
    unit = printing.organisations.get(printing.reader.org)
    left_out = [f"{year} 年度尚未结束，数字截至 {printing.made_at}。"] if running else []
    reach = reach_of(printing.reader.org, printing.organisations)
    parts = (
        ("一、室存档案", _held(session, reach, end)),
        ("二、本年归档", _archived(session, reach, rule, begin, end)),
        ("三、利用", _used(session, printing, begin, end)),
        ("四、纸质档案（过渡期）", _paper(session, reach, running=running)),
        ("五、人员与设施设备", _staff(session, reach, running=running)),
    )
    return printing.document(
        PrintKind.YEAR,
        (("填报单位", unit.name), ("年　　度", f"{year} 年")),
        left_out,
        tables=[PrintTable(title, _COLUMNS, tuple(lines)) for title, lines in parts],
        notes=(
            "室存以归档的册计，页数取各册最新版本。",
            "利用人次同一人同一日计一次，卷次按获批的利用单计。",
            "注“未登记”的，本系统不掌握，由填报单位另行统计。",
        ),
    )


def _held(session: Session, reach: Reach, end: datetime) -> list[Line]:
    """Count what is archived at the end of the year, by series."""
    rows = _by_series(session, reach, None, end)
    total, pages = sum(row[1] for row in rows), sum(row[2] for row in rows)
    return [
        ("室存电子档案", "册", f"{total:,}", "按件立册，一件一册"),
        ("室存电子档案页数", "页", f"{pages:,}", ""),
        *((f"　其中：{Series(s).label}", "册", f"{count:,}", f"{p:,} 页") for s, count, p in rows),
        ("已移交进馆", "册", _NOT_HELD, "户籍档案永久保存，移交另行登记"),
    ]


def _archived(
    session: Session, reach: Reach, rule: FilingRule, begin: datetime, end: datetime
) -> list[Line]:
    """Count what was archived in the year, and the rate of what was closed in it."""
    rows = _by_series(session, reach, begin, end)
    span = MonthSpan(begin, begin.replace(month=12))
    rates = by_month(filing_rates(session, reach, rule, span, begin.date()))
    closed, filed = sum(rate.closed for rate in rates), sum(rate.archived for rate in rates)
    percent = f"{int(filed * 1000 / closed) / 10}%" if closed else "—"
    return [
        ("本年归档", "册", f"{sum(row[1] for row in rows):,}", "按归档时间"),
        ("本年归档页数", "页", f"{sum(row[2] for row in rows):,}", ""),
        ("本年办结", "件", f"{closed:,}", "已接收的办结件，本单位立卷"),
        ("其中已归档", "件", f"{filed:,}", f"归档率 {percent}"),
    ]


def _by_series(
    session: Session, reach: Reach, begin: datetime | None, end: datetime
) -> list[tuple[str, int, int]]:
    """Count volumes first archived in a span, and the pages of their newest version."""
    first = (
        select(
            VolumeVersion.volume_id,
            func.min(VolumeVersion.committed_at).label("at"),
            func.max(VolumeVersion.version).label("version"),
        )
        .where(VolumeVersion.state == VolumeState.COMMITTED, VolumeVersion.committed_at < end)
        .group_by(VolumeVersion.volume_id)
        .subquery()
    )
    query = (
        select(Volume.series, func.count(), func.sum(VolumeVersion.pages))
        .join(first, first.c.volume_id == Volume.id)
        .join(
            VolumeVersion,
            (VolumeVersion.volume_id == Volume.id) & (VolumeVersion.version == first.c.version),
        )
        .where(Volume.void_reason.is_(None), _filed(reach))
        .group_by(Volume.series)
        .order_by(Volume.series)
    )
    if begin is not None:
        query = query.where(first.c.at >= begin)
    return [(series, count, int(pages or 0)) for series, count, pages in session.execute(query)]


def _used(session: Session, printing: Printing, begin: datetime, end: datetime) -> list[Line]:
    keepers = organisations_below(printing.reader, printing.organisations)
    use = use_figures(session, keepers, begin, end)
    return [
        ("利用人次", "人次", f"{use.visits:,}", ""),
        ("利用卷次", "卷（册）次", f"{use.volumes:,}", f"不批准 {use.refused:,}"),
        *((f"　其中：{label}", "卷（册）次", f"{count:,}", "") for label, count in use.by_capacity),
        ("复制证明", "份", f"{use.copies:,}", f"{use.pages:,} 页"),
        ("编研成果", "种", _NOT_HELD, ""),
    ]


def _paper(session: Session, reach: Reach, *, running: bool) -> list[Line]:
    """Count the paper that is kept now; of a year that is over it is not held."""
    if not running:
        return [("室存纸质档案", "件", _NOT_HELD, "只掌握当前数，往年见盘点报告")]
    query = (
        select(func.count(), func.sum(PaperItem.pages))
        .select_from(PaperItem)
        .join(PaperMove, PaperMove.item_id == PaperItem.id)
        .where(is_last_of_item(), PaperMove.state.not_in(ENDED_STATES))
    )
    if reach is not None:
        query = query.where(PaperMove.org.in_(reach))
    count, pages = session.execute(query).one()
    return [
        ("室存纸质档案", "件", f"{count:,}", "与电子册同一档号"),
        ("室存纸质档案页数", "页", f"{int(pages or 0):,}", ""),
    ]


def _staff(session: Session, reach: Reach, *, running: bool) -> list[Line]:
    """Return accounts of archivists; staff and equipment are not held."""
    accounts = _NOT_HELD
    if running:
        query = select(func.count(Account.id)).where(
            Account.role == Role.ARCHIVIST, Account.state == AccountState.ACTIVE
        )
        if reach is not None:
            query = query.where(Account.org.in_(reach))
        accounts = f"{session.scalar(query) or 0:,}"
    missing = (
        ("专职档案人员", "人"),
        ("档案业务培训", "人次"),
        ("档案库房建筑面积", "平方米"),
        ("档案柜架", "套"),
        ("计算机", "台"),
        ("扫描设备", "台"),
        ("服务器与存储设备", "台"),
    )
    return [
        ("档案员账号", "个", accounts, "在用的系统账号"),
        *((name, measure, _NOT_HELD, "") for name, measure in missing),
    ]


def _filed(reach: Reach) -> ColumnElement[bool]:
    return true() if reach is None else Volume.filing_org.in_(reach)
