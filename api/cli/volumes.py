"""The commands on volumes: `yice void`, `list`, `show` and `export`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Column, Table

from api.cli.archive import KEEPING, open_archive, operator
from api.cli.collecting import show_collecting
from api.cli.terminal import Json, print_json, screen
from api.jobs.batch import void_number
from api.runtime.bootstrap import Runtime
from archive.administration.policy import Act, Denial
from archive.arrangement.volume_names import code_of, read_code
from archive.audit.acts import JournalAct
from archive.compile.metadata import read_metadata
from archive.database.engine import reading, writing
from archive.finding_aids.standing import (
    Standing,
    has_volume,
    standing_of_case,
    standing_of_volume,
)
from archive.finding_aids.volumes import case_rows, findings_of, version_rows, volume_rows
from archive.preservation.verify import gaps
from archive.reference.case_facts import CaseFacts
from archive.reference.vocabulary import CaseState, SourceKind, VersionOrigin, VolumeState
from archive.usage.looks import DeniedError, journal_look
from archive.usage.reading_room import (
    OpenedVolume,
    consult_volume,
    journal_opened,
    open_case,
    open_volume,
)
from archive.usage.redaction import mask_text, names_of
from storage.package import export_bag, read_inventory

Name = Annotated[str, typer.Argument(help="档号（“·”可写作“.”）或办件编号")]
_HEADINGS = {
    "code": "档号",
    "case_no": "办件编号",
    "series": "卷目",
    "year": "年度",
    "state": "状态",
    "version": "版本",
    "pages": "页数",
    "bytes": "字节",
    "completed_at": "办结时间",
    "signature_level": "签名级别",
    "lta_pending": "待补时间戳",
    "stamped_until": "时间戳有效至",
    "item": "事项",
    "findings": "发现",
    "reason": "理由",
    "key": "存储位置",
    "sha256": "SHA-256",
    "error": "错误",
    "message": "原因",
    "next": "下一步",
}
_LABELS = {str(state): state.label for kind in (CaseState, VolumeState) for state in kind}
_WIDE = 160
"""From so many columns on, the list of volumes shows every field."""
_WIDE_ONLY = {"year", "bytes", "signature_level", "lta_pending", "stamped_until"}


def void_(
    code: Name,
    reason: Annotated[str, typer.Option(help="作废的理由，记入审计日志，请勿写入个人信息")],
) -> None:
    """Give up a number whose volume was never committed."""
    runtime = open_archive()
    with reading(runtime.engine) as session:
        code = code_of(session, code)
    void_number(runtime, operator(runtime), code=code, reason=reason)
    screen.print("已作废。")


def list_(
    *,
    waiting: Annotated[bool, typer.Option("--waiting", help="待核对的办件")] = False,
    voided: Annotated[bool, typer.Option("--void", help="已作废的档号及理由（断号说明）")] = False,
    collecting: Annotated[
        bool, typer.Option("--collecting", help="归集中的办件及其缺少的材料")
    ] = False,
    as_json: Json = False,
) -> None:
    """List volumes, waiting cases, void numbers or cases that still gather."""
    runtime = open_archive()
    if collecting:
        show_collecting(runtime, as_json=as_json)
        return
    engine = runtime.engine
    with reading(engine) as session:
        rows = (
            gaps(engine)
            if voided
            else case_rows(session, CaseState.CONFIRM)
            if waiting
            else volume_rows(session)
        )
    if as_json:
        print_json(rows)
        return
    console = Console()
    if console.width < _WIDE:
        rows = [_narrow(row) for row in rows]
    table = Table(*([_column(key) for key in rows[0]] if rows else ("没有记录",)))
    for row in rows:
        table.add_row(*(_shown(value) for value in row.values()))
    console.print(table)


def _shown(value: object) -> str:
    """Return a value as people read it; `--json` has it as scripts do."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "是" if value else "否"
    return _LABELS.get(str(value), str(value))


def _narrow(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an ordinary terminal has room for; `--json` has the rest.

    档号 and case number stand below each other, so that both can be read and copied whole.
    """
    names = [key for key in ("code", "case_no") if key in row]
    return {names[0]: "\n".join(row[name] for name in names)} | {
        key: value[:10] if key == "completed_at" else value
        for key, value in row.items()
        if key not in {"code", "case_no"} | _WIDE_ONLY
    }


def _column(key: str) -> Column:
    """Return a column of the list: one that is not copied may break its lines."""
    return Column(_HEADINGS.get(key, key), overflow="fold", no_wrap=key in {"code", "case_no"})


def show(code: Name, *, as_json: Json = False) -> None:
    """Show one volume: state, versions, signature, findings and table of contents.

    Of a number or a case without an archived version: how far it is, why, and what to do next.
    """
    runtime = open_archive()
    detail = _unfinished(runtime, code) or _detail(runtime, code)
    if as_json:
        print_json(detail)
        return
    if "contents" not in detail:
        for key, value in detail.items():
            if key not in {"findings", "versions"} and value is not None:
                Console().print(f"{_HEADINGS.get(key, key)}：{_shown(value)}", soft_wrap=True)
        return
    reference = detail["cross_reference"]
    for key, value in detail.items():
        if key not in {"contents", "versions", "cross_reference", "findings"}:
            Console().print(f"{_HEADINGS.get(key, key)}：{_shown(value)}")
    if reference["series"]:
        Console().print("互见：" + " ".join(reference.values()))
    for finding in detail["findings"]:
        line = f"发现：{finding['code']} {finding['message']}"
        Console().print(line, soft_wrap=True, highlight=False)
    Console().print(_history(detail["versions"]))
    Console().print(_contents(detail["contents"]))


def _unfinished(runtime: Runtime, name: str) -> dict[str, Any] | None:
    """Return how far a number or a case without an archived version is; None: it has one.

    The look is journalled. Raises DeniedError.
    """
    with writing(runtime.engine) as session:
        reader = operator(runtime)
        if not has_volume(session, name) and "·" not in read_code(name):
            case = open_case(session, reader, Act.VIEW, name, runtime.reference)
            journal_look(session, reader, JournalAct.VIEW, case.case_no, KEEPING)
            item = {"case_no": case.case_no, "item": case.item_code, "findings": case.findings}
            return item | _standing(standing_of_case(session, case.case_no))
        opened = open_volume(session, reader, Act.VIEW, name, runtime.reference)
        if opened.version is not None:
            return None
        journal_opened(session, reader, opened, KEEPING, what=JournalAct.VIEW)
        code = opened.volume.code
        row = next(row for row in volume_rows(session) if row["code"] == code)
        return (
            {key: row[key] for key in ("code", "case_no", "series", "year", "version")}
            | _standing(standing_of_volume(session, code))
            | {
                "versions": version_rows(session, code),
                "findings": findings_of(session, row["case_no"]),
            }
        )


def _standing(standing: Standing) -> dict[str, str | None]:
    return {
        "state": standing.state,
        "error": standing.error,
        "message": standing.message,
        "next": standing.next_step,
    }


def _detail(runtime: Runtime, name: str) -> dict[str, Any]:
    """Return the fields of one volume that are promised to scripts. Raises DeniedError."""
    opened = _consulted(runtime, name, JournalAct.VIEW)
    code = opened.volume.code
    with reading(runtime.engine) as session:
        row = next(row for row in volume_rows(session) if row["code"] == code)
        versions = version_rows(session, code)
        findings = findings_of(session, row["case_no"])
    # The commit record, verified against the row, names the digest of what is read.
    inventory = read_inventory(runtime.store, opened.prefix)
    digests = {object_.path: object_.sha256 for object_ in inventory.objects} if inventory else {}
    metadata = read_metadata(
        runtime.store.read(f"{opened.prefix}/metadata.xml", sha256=digests.get("metadata.xml"))
    )
    names = names_of(CaseFacts.model_validate(opened.case.facts))
    return {
        **row,
        "key": f"{opened.prefix}/volume.pdf",
        "sha256": opened.digest,
        "versions": versions,
        "contents": [
            {**item, "title": mask_text(item["title"], names)} for item in metadata["contents"]
        ],
        "cross_reference": metadata["cross_reference"],
        "findings": findings,
    }


def _history(versions: Sequence[Mapping[str, Any]]) -> Table:
    """Return the table of all versions of a volume."""
    table = Table("版本", "由来", "状态", "页数", "签名", "时间戳有效至", "归档时间")
    for version in versions:
        origin = VersionOrigin(version["origin"])
        source = (
            f"第 {version['case_revision']} 次送达"
            if origin is VersionOrigin.CASE
            else origin.label
        )
        owed = "（待补时间戳）" if version["lta_pending"] else ""
        table.add_row(
            str(version["version"]),
            source,
            VolumeState(version["state"]).label,
            str(version["pages"] or ""),
            f"{version['signature_level'] or ''}{owed}",
            (version["stamped_until"] or "")[:10],
            version["committed_at"],
        )
    return table


def _contents(items: Sequence[Mapping[str, Any]]) -> Table:
    """Return the table of contents (卷内目录) of a volume."""
    table = Table("件号", "题名", "来源", "页号", "页数")
    for item in items:
        table.add_row(
            f"{item['no']:03d}",
            item["title"],
            SourceKind(item["source"]).label,
            str(item["page"]),
            str(item["pages"]),
        )
    return table


def export(
    code: Name, to: Annotated[Path, typer.Option(help="导出到这个文件夹")], *, as_json: Json = False
) -> None:
    """Export the newest version of a volume."""
    runtime = open_archive()
    opened = _consulted(runtime, code, JournalAct.EXPORT)
    folder = export_bag(runtime.store, opened.prefix, to)
    if as_json:
        print_json({"code": opened.volume.code, "prefix": opened.prefix, "folder": str(folder)})
    else:
        screen.print(f"已导出：{folder}", soft_wrap=True)


def _consulted(runtime: Runtime, name: str, what: JournalAct) -> OpenedVolume:
    """Open the newest archived version for the operator; journalled. Raises DeniedError."""
    with writing(runtime.engine) as session:
        opened, _ = consult_volume(
            session, operator(runtime), Act.VIEW, name, runtime.reference, KEEPING, what=what
        )
        if opened.version is None:
            raise DeniedError(Denial.STATE)
    return opened
