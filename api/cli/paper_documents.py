"""`yice paper`: labels, ledgers, registers and reports of paper."""

from pathlib import Path
from typing import Annotated

import typer

from api.cli.archive import open_archive, operator
from api.cli.command_line import CommandLine
from api.cli.paper_ledgers import HELP, import_
from api.cli.paper_registers import register_app
from api.cli.terminal import Json, print_json, screen, with_examples
from archive.database.engine import reading
from archive.paper.access import Keeper
from archive.paper.codes import PaperCodeKind
from archive.paper.label_rows import LabelYear, labels_of, labels_of_year
from archive.paper.labels import LabelSheet, Printing, calibration_pdf, labels_pdf
from archive.reference.vocabulary import Series

paper_documents_app = CommandLine()
paper_documents_app.add_typer(register_app)
paper_documents_app.command("import", help=HELP)(import_)


@paper_documents_app.command(
    "labels",
    help=with_examples(
        "打印盒、库位、纸质件和册的标签（PDF，A4），每枚有一维码和二维码。",
        "yice paper labels --sheet 3x7 --out labels.pdf 21000000000115 J602-ZY·HJ·QR·2026·Y-000001",
        "yice paper labels --sheet 3x7 --out boxes.pdf --year 2026 --start 5",
        "yice paper labels --sheet spine --out spines.pdf --year 2026 --series QR",
        "yice paper labels --sheet 3x7 --out calibration.pdf --calibrate",
    ),
)
def labels(
    sheet: Annotated[LabelSheet, typer.Option(help="3x7、2x7、spine 盒脊背条、shelf 架位标签")],
    out: Annotated[Path, typer.Option(help="写入此 PDF 文件")],
    names: Annotated[
        list[str] | None, typer.Argument(help="标签上的数字、档号或办件编号；库位连同其下各层")
    ] = None,
    year: Annotated[int | None, typer.Option(help="整年度的标签")] = None,
    kind: Annotated[
        PaperCodeKind, typer.Option(help="整年度打印哪一类：BOX 盒、ITEM 纸质件、VOLUME 册")
    ] = PaperCodeKind.BOX,
    series: Annotated[Series | None, typer.Option(help="只限这一卷目")] = None,
    org: Annotated[str | None, typer.Option(help="只限这一单位（12位机构代码）")] = None,
    start_at: Annotated[
        int, typer.Option("--start", help="从第几枚空标签开始，按行自左上角数起")
    ] = 1,
    dx: Annotated[float, typer.Option(help="左右偏移，毫米，向右为正")] = 0.0,
    dy: Annotated[float, typer.Option(help="上下偏移，毫米，向下为正")] = 0.0,
    *,
    calibrate: Annotated[bool, typer.Option("--calibrate", help="打印校准页")] = False,
    as_json: Json = False,
) -> None:
    """Write the sheets of labels."""
    printing = Printing(sheet, start_at, dx, dy)
    if calibrate:
        out.write_bytes(calibration_pdf(printing))
        count = 0
    else:
        runtime = open_archive()
        keeper = Keeper(operator(runtime), runtime.organisations)
        with reading(runtime.engine) as session:
            rows = labels_of(session, keeper, names or [])
            if year is not None:
                rows += labels_of_year(session, keeper, LabelYear(kind, year, series, org))
        out.write_bytes(labels_pdf(printing, rows))
        count = len(rows)
    if as_json:
        print_json({"out": str(out), "sheet": str(sheet), "labels": count})
    else:
        screen.print(f"已写入 {out}" + (f"，标签 {count} 枚。" if count else "，校准页。"))
