"""The pages name options, paths and modules that exist.

tests/test_house.py holds commands, settings and targets.
"""

import importlib
import importlib.util
import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
from typer.main import get_command

from api.cli.main import app
from tests.test_house import DOCS, ROOT, code_blocks, tracked

TOP = {path.relative_to(ROOT).parts[0] for path in tracked()}
MADE = {"dist", "bench-results", "screenshots", "var", "secrets", "out", "node_modules"}
"""Folders that the project makes and does not keep."""
FILES = ("md", "py", "json", "csv", "yml", "yaml", "html", "css", "js", "env", "db", "lock", "log")


def lines_of_yice(text: str) -> Iterator[list[str]]:
    """The words of every call of the command line in a page, up to a pipe or the next command."""
    for line in code_blocks(text).splitlines():
        for part in re.split(r"\||;|&&|>|，|（|\$\(", line):
            call = re.match(r"(?:\S*/bin/)?yice (.*)", part.strip())
            if call:
                try:
                    yield shlex.split(call[1])
                except ValueError:
                    yield call[1].split()


def options_of(words: list[str]) -> tuple[set[str], list[str]]:
    """The options that the command of these words has, and those among the words."""
    command: Any = get_command(app)
    rest = [*words]
    while rest and rest[0] in getattr(command, "commands", {}):
        command = command.commands[rest.pop(0)]
    known = {name for option in command.params for name in option.opts} | {"--help"}
    typed = [word.partition("=")[0] for word in rest if re.match(r"--?[a-z]", word)]
    return known, typed


@pytest.mark.parametrize("page", DOCS)
def test_every_option_that_a_page_shows_exists(page: str) -> None:
    wrong = []
    for words in lines_of_yice(DOCS[page]):
        known, typed = options_of(words)
        wrong += [(" ".join(words), option) for option in typed if option not in known]
    assert wrong == []


@pytest.mark.parametrize("page", DOCS)
def test_every_path_that_a_page_quotes_exists(page: str) -> None:
    folder = ROOT if page == "README.md" else ROOT / "docs"
    quoted = re.findall(r"`([A-Za-z.][\w.*/-]*/[\w.*/-]*)`", DOCS[page])
    wrong = []
    for name in quoted:
        if name.split("/")[0] not in TOP - MADE or re.search(r"[A-Z]{4}", name):
            continue  # made by the project, or with a word in capitals to put a name in place of
        if not any(ROOT.glob(name.rstrip("/"))) and not any(folder.glob(name.rstrip("/"))):
            wrong.append(name)
    linked = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", DOCS[page])
    wrong += [name for name in linked if not (folder / name).exists()]
    assert wrong == []


def exists(name: str) -> bool:
    """Whether a dotted name is a module, or something in one."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            spec = importlib.util.find_spec(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        if spec is None:
            continue
        value: Any = importlib.import_module(".".join(parts[:length]))
        for attribute in parts[length:]:
            known = getattr(value, attribute, None)
            if known is None and attribute not in getattr(value, "__dataclass_fields__", {}):
                return False
            value = known
        return True
    return False


@pytest.mark.parametrize("page", DOCS)
def test_every_module_that_a_page_names_exists(page: str) -> None:
    names = set(
        re.findall(
            r"(?<![\w./-])((?:api|archive|ingest|search|storage|tests)(?:\.[A-Za-z_]\w*)+)",
            DOCS[page].partition("## Retired words")[0],
        )
    )
    named = {name for name in names if name.rpartition(".")[2] not in (*FILES, "example")}
    assert sorted(name for name in named if not exists(name)) == []


def test_the_packages_drawn_in_the_architecture_exist() -> None:
    block = re.search(r"```\n(storage/.*?)```", DOCS["architecture.md"], re.DOTALL)
    assert block
    top, wrong = "", []
    for line in block[1].splitlines():
        if entry := re.match(r"(\w+)/", line):
            top = entry[1]
        elif entry := re.match(r"  ([\w.]+)(/?)", line):
            path = ROOT / top / entry[1]
            wrong += [] if path.is_dir() or path.with_suffix(".py").is_file() else [path.name]
    assert wrong == []


def test_tests_name_modules_and_paths_that_exist() -> None:
    """What docstrings, comments and messages of the tests quote in backticks."""
    wrong = []
    for path in tracked():
        if path.suffix != ".py" or path.relative_to(ROOT).parts[0] != "tests":
            continue
        text = path.read_text("utf-8")
        names = re.findall(r"`((?:api|archive|ingest|search|storage)(?:\.\w+)+)`", text)
        wrong += [
            (path.name, name)
            for name in names
            if name.rpartition(".")[2] not in FILES and not exists(name)
        ]
        paths = re.findall(
            r"(?<![\w/.-])((?:api|archive|ingest|search|storage)/[\w/]+\.py)\b", text
        )
        paths = [name for name in paths if "/test_" not in name]
        wrong += [(path.name, name) for name in paths if not (ROOT / name).is_file()]
    assert wrong == []
