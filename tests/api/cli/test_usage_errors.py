"""What is mistyped on the command line is answered in Chinese, in one line, with exit code 2."""

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from api.cli import main
from tests.support.command_line import run_command


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("lst", "没有命令 lst。是否想用 list"),
        ("paper stoc", "没有命令 stoc。是否想用 stocktake？"),
        ("qqq", "没有命令 qqq。"),
        ("list --jsn", "没有选项 --jsn。是否想用 --json？"),
        ("list --json=3", "选项 --json 不带值。"),
        ("serve --port", "选项 --port 后面缺少值。"),
        ("serve --port x", "选项 --port 的值不对：须是整数。"),
        ("serve --port 0", "选项 --port 的值不对：不能小于 1。"),
        ("serve --port 70000", "选项 --port 的值不对：不能大于 65535。"),
        ("paper labels --sheet 9x9", "选项 --sheet 只能是 '3x7'、'2x7'、'spine'、'shelf'。"),
        ("show", "缺少参数 code。"),
        ("show a b", "多出了不认识的参数；含空格的值请加引号。"),
        ("compile", "请指明 --case、--period、--station、--series、--item 或 --all。"),
        ("ingest /nowhere/at/all", "路径不存在。"),
    ],
)
def test_a_mistyped_command_is_explained_in_chinese(words: str, sentence: str) -> None:
    run = run_command(*words.split())
    assert run.returncode == 2
    assert sentence in run.stderr
    assert "Traceback" not in run.stderr
    assert not re.search(r"\b(Error|Usage|Missing|No such|Invalid)\b", run.stderr)


def _commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    for name, command in getattr(group, "commands", {}).items():
        yield from _commands(command, (*path, name))


@pytest.mark.parametrize("path", list(_commands(typer.main.get_command(main.app))), ids=" ".join)
def test_the_help_of_every_command_is_chinese_and_says_how_it_is_written(
    path: tuple[str, ...],
) -> None:
    page = CliRunner().invoke(main.app, [*path, "--help"], prog_name="yice").stdout
    assert f"用法：yice {' '.join(path)}".rstrip() in page
    assert "显示本说明后退出" in page
    assert not re.search(r"Usage|OPTIONS|COMMAND|this message|required|default", page)


def test_a_command_group_without_words_prints_its_help() -> None:
    run = run_command("paper")
    assert run.returncode == 2
    assert "stocktake" in run.stdout + run.stderr
    assert "USAGE" not in run.stderr


@pytest.mark.parametrize("words", ["list", "verify --all", "search 王", "paper list", "duty list"])
def test_a_mistyped_data_folder_is_named_and_not_made(words: str, tmp_path: Path) -> None:
    missing = tmp_path / "mistyped"
    run = run_command(*words.split(), data=missing)
    assert run.returncode == 2
    assert f"NO_ARCHIVE 数据文件夹 {missing} 里还没有档案库。 请核对 YICE_DATA" in run.stderr
    assert not missing.exists()


def test_the_first_package_begins_an_archive_and_says_where(tmp_path: Path) -> None:
    fresh = tmp_path / "fresh"
    run = run_command("ingest", str(tmp_path), data=fresh)
    assert f"新建档案库：{fresh}" in run.stderr
    assert run_command("list", data=fresh).returncode == 0


def test_a_question_that_nobody_answers_is_cancelled_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asking = typer.Typer()
    asking.command()(lambda: typer.confirm("登记？"))
    monkeypatch.setattr(main, "app", asking)
    monkeypatch.setattr("sys.argv", ["yice"])
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert ended.value.code == 1
    assert "CANCELLED 已取消，未作任何更改。" in capsys.readouterr().err
