"""Which tests `make check` runs: those of the rooms that changed, and those that import them.

Left out are the slow ones, which start whole processes and real services, and those with a browser:
`make test` runs them.
"""

import subprocess
from collections.abc import Iterable
from pathlib import Path

import grimp

ROOT = Path(__file__).parents[2]
PACKAGES = ("api", "archive", "ingest", "search", "storage", "tests")
HOUSE = "tests/test_house.py"
PROMISES = ("tests/test_docs.py", "tests/packaging/")
"""What holds documents, settings, units and the Makefile to the code."""
MOST = 40
"""How many files of tests run for what imports a changed module; past it, the nearest alone."""
LEFT_OUT = ("tests/functional/", "tests/faults/", "tests/bench/")


def changed_since(branch: str) -> set[str]:
    """Return the files that differ from where this branch left another, committed or not."""
    base = _git("merge-base", branch, "HEAD")[0]
    others = _git("ls-files", "--others", "--exclude-standard")
    return {*_git("diff", "--name-only", base), *others}


def tests_of(changed: Iterable[str]) -> list[str]:
    """Return the test files of what changed; the house's own always."""
    graph = grimp.build_graph(*PACKAGES, cache_dir=str(ROOT / ".import_linter_cache"))
    files = {HOUSE}
    for name in changed:
        path = Path(name)
        if path.suffix == ".py" and path.parts[0] in PACKAGES:
            module = ".".join(path.with_suffix("").parts).removesuffix(".__init__")
            files |= {name} if name.startswith("tests/") else _tests_near(path)
            files |= _importers(graph, module)
        elif path.parts[0] in PACKAGES:
            files |= _tests_near(path)  # a template, a table, a migration
        else:
            files |= _promises()
    return sorted(
        name
        for name in files
        if Path(name).name.startswith("test_")
        and not name.startswith(LEFT_OUT)
        and (ROOT / name).is_file()
    )


def _tests_near(path: Path) -> set[str]:
    """Return the tests of the room of a file: in the nearest folder that mirrors one above it."""
    for folder in path.parents:
        if tests := _tests_in(Path("tests", folder)):
            return tests
    return set()


def _importers(graph: grimp.ImportGraph, module: str) -> set[str]:
    """Return the tests that import a module, and those of the rooms that do while they are few."""
    if module not in graph.modules:
        return set()
    direct = {_file(name) for name in graph.find_modules_that_directly_import(module)}
    rooms = direct.union(*(_tests_near(Path(name)) for name in direct))
    return rooms if len(rooms) <= MOST else direct


def _promises() -> set[str]:
    return {
        path.relative_to(ROOT).as_posix()
        for name in PROMISES
        for path in ([ROOT / name] if name.endswith(".py") else (ROOT / name).glob("test_*.py"))
    }


def _tests_in(folder: Path) -> set[str]:
    return {path.relative_to(ROOT).as_posix() for path in (ROOT / folder).glob("test_*.py")}


def _file(module: str) -> str:
    return f"{module.replace('.', '/')}.py"


def _git(*words: str) -> list[str]:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.split("\n")[:-1]
