"""`yice verify`: prove volumes again, and compare their pages with the originals."""

from typing import Annotated

import typer

from api.cli.archive import Bars, open_archive
from api.cli.terminal import FINDINGS, Json, print_json, screen
from api.jobs.acts import run_verify, run_verify_pages
from archive.arrangement.volume_names import code_of
from archive.database.engine import reading


def verify(
    codes: Annotated[list[str] | None, typer.Argument(help="档号或办件编号")] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="全部")] = False,
    pages: Annotated[
        bool, typer.Option("--pages", help="并把每一来件页面与原件重新逐页比对")
    ] = False,
    as_json: Json = False,
) -> None:
    """Prove volumes again, and with `--pages` compare their pages with the originals."""
    if not (codes or every):
        raise typer.BadParameter("请给出档号或 --all。")
    runtime = open_archive()
    with reading(runtime.engine) as session:
        named = tuple(code_of(session, name) for name in codes or ())
    faults, count = run_verify(runtime, Bars(), named)
    if pages:
        page_faults, compared = run_verify_pages(runtime, Bars(), named)
        faults += [fault for fault in page_faults if fault not in faults]
    if as_json and pages:
        rows = [fault.by_page() for fault in faults]
        print_json({"volumes": count, "pages_compared": compared, "faults": rows})
    elif as_json:
        print_json({"volumes": count, "faults": [fault.public() for fault in faults]})
    else:
        for fault in faults:
            screen.print(f"[red]{fault.invariant}[/red] {fault.subject} {fault.message}")
        also = f"，逐页比对 {compared} 页" if pages else ""
        screen.print(f"已验证 {count} 册{also}，问题 {len(faults)} 个。")
    raise typer.Exit(FINDINGS if faults else 0)
