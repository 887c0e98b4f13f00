"""`yice doctor`: says what this machine lacks, and how to mend it."""

from dataclasses import asdict
from pathlib import Path

import typer
from rich.console import Console
from rich.markup import escape

from api.cli.terminal import FINDINGS, Json, print_json, progress, screen
from api.monitoring.doctor import Diagnosis, Health, diagnose, is_fit
from api.web.shell.served import STATIC

_LABELS = {
    "python": "Python",
    "locale": "字符编码",
    "front-end": "网页文件",
    "settings": "设置",
    "data": "数据文件夹",
    "keys": "密钥文件",
    "database": "数据库",
    "clock": "时钟",
    "store": "存储",
    "second-store": "副本存储",
    "broker": "消息服务",
    "index": "检索索引",
    "seals": "印章",
    "timestamps": "时间戳",
    "fonts": "字体",
    "validator": "PDF/A 验证",
    "ocr": "文字识别",
    "clamd": "病毒检测",
}
_STATES = {
    Health.OK: "[green]正常[/green]",
    Health.NOTE: "[yellow]注意[/yellow]",
    Health.FAIL: "[red]缺少[/red]",
}


def doctor(*, as_json: Json = False) -> None:
    """Examine machine and installation; end with 1 when something is lacking."""
    if as_json:
        rows = diagnose(_front_end())
        print_json([asdict(row) for row in rows])
    else:
        with progress("检查", None):
            rows = diagnose(_front_end())
        _show(rows)
    raise typer.Exit(0 if is_fit(rows) else FINDINGS)


def _front_end() -> dict[str, Path]:
    return {name: path for name, (path, _) in STATIC.items()}


def _show(rows: list[Diagnosis]) -> None:
    """Print a line for each part, and under it the next step: a table would cut them off."""
    console = Console()
    for row in rows:
        console.print(
            f"{_STATES[row.state]}　{_LABELS[row.name]}：{escape(row.message)}", soft_wrap=True
        )
        if row.next_step:
            console.print(f"　　　→ {escape(row.next_step)}", soft_wrap=True, highlight=False)
    lacking = sum(row.state is Health.FAIL for row in rows)
    screen.print(f"缺少 {lacking} 项。" if lacking else "没有缺少的。")
