"""The terminal: output, progress bars and exit codes that every command shares.

Results go to the output, bars and messages for the person to the error stream.
"""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

FINDINGS, ERROR = 1, 2
screen = Console(stderr=True)
Json = Annotated[bool, typer.Option("--json", help="输出 JSON，供脚本使用")]


def with_examples(text: str, *examples: str) -> str:
    """Return a help text with examples on lines of their own (a backspace keeps the lines)."""
    return f"{text}\n\n\b\n例：\n" + "\n".join(f"  [cyan]{example}[/cyan]" for example in examples)


def print_json(value: object) -> None:
    """Write a value to the output as JSON, for scripts."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=1) + "\n")


@contextmanager
def progress(title: str, total: int | None) -> Iterator[Callable[[int, str], None]]:
    """Draw a bar over `total` pieces; yields a function that takes the count done and a note."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=screen) as bar:
        task = bar.add_task(title, total=total, note="")
        yield lambda done, note: bar.update(task, completed=done, note=note)


@contextmanager
def bar_of(title: str) -> Iterator[Callable[[int, int], None]]:
    """Draw a bar whose length becomes known during the work; yields `(done, total) -> None`."""
    with Progress(console=screen) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
