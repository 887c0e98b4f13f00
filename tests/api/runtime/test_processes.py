"""Processes of ours: what lies in the current folder is never run, and a worker that cannot start
ends the run with words.
"""

import ast
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from api.cluster.nodes import BEAT, WEB, WORKER
from api.cluster.services import free_port
from api.jobs.certified_copies import start_copying
from api.jobs.requested import request_pull, start_making
from api.runtime.bootstrap import start
from api.runtime.processes import WorkerError, own_workers
from api.runtime.settings import Settings
from archive.jobs.processes import process_pool, python_command, start_process
from ingest.reading.sandbox import draw_page
from tests.resources import documents
from tests.support.factories import make_bag

ROOT = Path(__file__).parents[3]
STARTS = {
    *(
        "subprocess.Popen",
        "Popen",
        "ProcessPoolExecutor",
        "SpawnContext",
        "multiprocessing.Process",
    ),
    *("SpawnContext", "SpawnProcess", "get_context"),
    *("subprocess.run", "subprocess.call", "subprocess.check_call", "subprocess.check_output"),
    *("asyncio.create_subprocess_exec", "asyncio.create_subprocess_shell", "os.popen"),
    *("os.fork", "os.execv", "os.execve", "os.spawnv", "os.posix_spawn", "os.system"),
}
NAMES = (
    "api",
    "celery",
    "sitecustomize",
    "uvicorn",
    "multiprocessing",
    "archive",
    "ingest",
    "json",
)


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current folder, full of modules that somebody left there; each says when it was run."""
    folder, mark = tmp_path / "planted", tmp_path / "was-run"
    folder.mkdir()
    for name in NAMES:
        (folder / f"{name}.py").write_text(
            f"with open({str(mark)!r}, 'a') as out:\n    out.write('{name} ')\n"
        )
    monkeypatch.chdir(folder)
    # As in the profile of somebody who adds folders to it: an empty part is the current folder.
    monkeypatch.delenv("PYTHONPATH", raising=False)
    yield folder
    assert not mark.exists(), mark.read_text()


def yice(*words: str) -> list[str]:
    """The command line as it is installed: the current folder is not on its path."""
    return [sys.executable, "-P", "-m", "api.cli", *words]


def env(**settings: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), **settings}


def run(*words: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        yice(*words), env=env(**settings), capture_output=True, text=True, timeout=200, check=False
    )


def until(holds: Callable[[], bool], seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_a_planted_module_is_found_by_a_process_that_is_started_otherwise(planted: Path) -> None:
    subprocess.run([sys.executable, "-m", "celery"], check=False, cwd=planted)
    mark = planted.parent / "was-run"
    assert "celery" in mark.read_text()
    mark.unlink()


def test_intake_and_compile_run_nothing_of_the_current_folder_and_settings_may_name_it(
    planted: Path,
) -> None:
    make_bag(planted / "bags" / "one")
    make_bag(planted / "bags" / "two")
    # A path in a setting is one from where the command was typed, in its processes too.
    settings = {"YICE_DATA": "data", "YICE_DATABASE_URL": "sqlite:///rows.db", "YICE_WORKERS": "2"}
    ingested = run("ingest", "bags", **settings)
    assert ingested.returncode == 0, ingested.stderr
    compiled = run("compile", "--all", **settings)
    assert compiled.returncode == 0, compiled.stderr
    assert (planted / "rows.db").exists()
    assert (planted / "data" / "logs" / "worker.log").exists()
    assert len(list((planted / "data" / "store" / "volumes").rglob("volume.pdf"))) == 1


EVERY_COMMAND = """
import sys
from typer.main import get_command
from typer.testing import CliRunner
from api.cli.main import app

def commands(group, *words):
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, *words, name)
        else:
            yield (*words, name)

LASTING = {
    *(("serve",), ("index", "follow"), ("demo", "run"), ("demo", "sources"), ("cluster", "up")),
    ("window", "simulate"),
}
MORE = [
    *(("window", "simulate", "--cases", "2"), ("compile", "--all"), ("verify", "--all")),
    *(("timestamp", "--pending"), ("search", "x")),
]
for words in [*commands(get_command(app)), *MORE]:
    if words not in LASTING:
        result = CliRunner().invoke(app, words)
        print(*words, result.exit_code)
"""


def test_no_command_runs_anything_of_the_current_folder(planted: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-c", EVERY_COMMAND],
        env=env(YICE_DATA=str(planted.parent / "data")),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for words in (
        "list 0",
        "doctor",
        "window simulate --cases 2 0",
        "verify --all 0",
        "duty list 0",
    ):
        assert f"\n{words}" in f"\n{done.stdout}"


def test_the_demo_is_built_without_anything_of_the_current_folder(planted: Path) -> None:
    done = run("demo", "build", "--out", "city", "--cases", "2")
    assert done.returncode == 0, done.stderr
    assert (planted / "city" / "truth.json").exists()


def test_the_server_and_all_that_it_starts_run_nothing_of_the_current_folder(
    planted: Path,
) -> None:
    port, data = free_port(), planted.parent / "data"
    server = subprocess.Popen(
        yice("serve", "--port", str(port)),
        env=env(YICE_DATA=str(data), YICE_WEB_PROCESSES="2"),
    )
    try:
        until(lambda: answers(port) or server.poll() is not None)
        assert answers(port)
        until((data / "logs" / "index.log").exists)  # the follower is at work
        # The follower and both web processes; the tracker of multiprocessing, which opens nothing,
        # stays where we are.
        until(lambda: sorted(folders_of_children(server.pid)) == [*[Path("/")] * 3, planted])
    finally:
        server.terminate()
        server.wait(timeout=30)


def answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


def folders_of_children(pid: int) -> list[Path]:
    """The working folders of the processes that this one started."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [Path(os.readlink(f"/proc/{child}/cwd")) for child in children]  # noqa: PTH115


def test_what_a_page_starts_runs_nothing_of_the_current_folder(planted: Path) -> None:
    data = planted.parent / "data"
    runtime = start(Settings(data=data))
    try:
        start_making(runtime)
        start_copying(runtime)
        request_pull(runtime, "test")
        until(
            lambda: all(
                (data / f"{name}.lock").exists() for name in ("making", "copying", "pulling")
            )
        )
        # Each ends by itself, for nothing waits; the next one gets its turn only then.
        until(lambda: not running("api.jobs"))
    finally:
        runtime.engine.dispose()
    assert draw_page(documents.pdf(), 1, 210)
    assert {log.name for log in (data / "logs").iterdir()} >= {
        "making.log",
        "copying.log",
        "pulling.log",
    }


def children_running(module: str) -> list[int]:
    """The children of this process that run a module and have not ended."""
    pids = []
    for children in Path(f"/proc/{os.getpid()}/task").glob("*/children"):
        for pid in children.read_text().split():
            with suppress(FileNotFoundError):  # it ended, and was waited for
                if module in Path(f"/proc/{pid}/cmdline").read_text():
                    pids.append(int(pid))
    return pids


def running(module: str) -> bool:
    return bool(children_running(module))


@pytest.mark.parametrize(
    "words", [(*WORKER, "--help"), (*BEAT[:-2], "--help"), (*WEB, "--help")], ids=str
)
def test_nodes_of_a_cluster_run_nothing_of_the_current_folder(
    planted: Path, words: tuple[str, ...]
) -> None:
    done = subprocess.run(
        [sys.executable, *words],
        env=env(YICE_DATA=str(planted.parent / "data")),
        capture_output=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr


def test_processes_are_started_in_one_place() -> None:
    """All that starts one, or runs a tool of the machine, is named there."""
    places: dict[str, set[str]] = {}
    for room in ("api", "archive", "ingest", "search", "storage"):
        for path in (ROOT / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                name = ast.unparse(node) if isinstance(node, ast.Attribute | ast.Name) else ""
                if name in STARTS:
                    places.setdefault(name, set()).add(path.relative_to(ROOT).as_posix())
    home = {"archive/jobs/processes.py"}
    # Elsewhere `Popen` is the type of what was started.
    types = {"api/runtime/processes.py", "api/cluster/services.py"}
    assert places.pop("subprocess.Popen") == home | types
    assert places.pop("subprocess.run") == home
    assert places.pop("ProcessPoolExecutor") == places.pop("SpawnContext") == home
    assert places.pop("SpawnProcess") == home
    assert places == {}


def test_a_pool_of_processes_runs_nothing_of_the_current_folder(planted: Path) -> None:
    with process_pool(2) as pool:
        assert pool.submit(os.getcwd).result() == "/"
    assert Path.cwd() == planted


def test_a_process_of_ours_inherits_no_variable_that_is_not_named(
    planted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LD_AUDIT", "PYTHONSTARTUP", "PYTHONINSPECT", "CELERY_LOADER", "YICE_CLAMD"):
        monkeypatch.setenv(name, str(planted))
    process = start_process(
        python_command("http.server", "--help"),
        log=planted.parent / "out.log",
        outlives=False,
        env={"YICE_OCR": "1"},
    )
    names = {
        variable.partition(b"=")[0].decode()
        for variable in Path(f"/proc/{process.pid}/environ").read_bytes().split(b"\0")
    }
    assert process.wait(30) == 0
    assert "YICE_OCR" in names
    assert not names & {"LD_AUDIT", "PYTHONSTARTUP", "PYTHONINSPECT", "CELERY_LOADER", "YICE_CLAMD"}


def test_settings_go_on_as_they_are_and_secrets_of_files_stay_in_their_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "yice_pkcs11_pin").write_text("1234")
    monkeypatch.setenv("YICE_SECRETS", str(tmp_path))
    monkeypatch.setenv("YICE_SEAL_PASSPHRASE", "of the environment")
    monkeypatch.chdir(tmp_path)
    settings = Settings(
        data=Path("data"), ocr=True, queues="copies", algorithm_ends={"sha1": "2020-01-01"}
    )  # type: ignore[arg-type]
    variables = settings.environment()
    assert "YICE_PKCS11_PIN" not in variables
    assert variables["YICE_SEAL_PASSPHRASE"] == "of the environment"  # noqa: S105 - none
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir("/")
    assert Settings() == settings


def test_a_worker_that_cannot_start_ends_the_run_with_words_and_its_log(tmp_path: Path) -> None:
    make_bag(tmp_path / "bag")
    data = tmp_path / "data"
    assert run("ingest", str(tmp_path / "bag"), YICE_DATA=str(data)).returncode == 0
    # Where a worker listens for commands lies a folder, so that each ends before its first volume.
    (data / "broker" / "control" / "celery.pidbox.exchange").mkdir(parents=True)
    done = run("compile", "--all", YICE_DATA=str(data))
    assert done.returncode == 2
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("WORKER_DOWN ")
    log = data / "logs" / "worker.log"
    assert str(log) in last
    assert log.read_text().count("IsADirectoryError") == 3
    (data / "broker" / "control" / "celery.pidbox.exchange").rmdir()
    assert run("compile", "--all", YICE_DATA=str(data)).returncode == 0


def test_a_worker_that_was_killed_is_started_again_and_after_three_ends_no_more(
    tmp_path: Path,
) -> None:
    runtime = start(Settings(data=tmp_path / "data"))
    try:
        with pytest.raises(WorkerError) as ended, own_workers(runtime, 1) as keep_alive:
            for _ in range(3):
                kill_child("celery")
                keep_alive()
    finally:
        runtime.engine.dispose()
    assert str(tmp_path / "data" / "logs" / "worker.log") in str(ended.value)
    assert not running("celery")


def kill_child(module: str) -> None:
    until(lambda: running(module))
    for pid in children_running(module):
        os.kill(pid, signal.SIGKILL)
        # Until it can be waited for: its command line is gone before that.
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


INTERRUPTED = """
import signal, sys, time
from api.cli.entry import interrupt_once
from archive.jobs.processes import process_pool

if __name__ == "__main__":
    signal.signal(signal.SIGINT, interrupt_once)
    with process_pool(2) as pool:
        list(pool.map(time.sleep, [0.05] * 100000, chunksize=1))
"""


@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("after", [0.5, 3.0])
def test_ctrl_c_ends_a_pool_and_its_children_say_nothing(
    tmp_path: Path, times: int, after: float
) -> None:
    script = tmp_path / "work.py"
    script.write_text(INTERRUPTED)
    process = subprocess.Popen(
        [sys.executable, "-P", str(script)],
        env=env(),
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
    )
    time.sleep(after)  # whatever it is doing by then, it ends
    for _ in range(times):
        os.killpg(process.pid, signal.SIGINT)
    _, words = process.communicate(timeout=120)
    assert process.returncode != 0
    assert words.count("Traceback") <= 1, words  # its own, which the command line turns into words
    until(lambda: not running_in(process.pid))


def running_in(group: int) -> list[int]:
    """Return the processes of a group that still run; one that nobody waited for does not."""
    running = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, _, pgrp, *_ = stat.read_text().rpartition(")")[2].split()
            if int(pgrp) == group and state != "Z":
                running.append(int(stat.parent.name))
    return running


def test_ctrl_c_while_the_command_line_is_still_loading_is_one_sentence(tmp_path: Path) -> None:
    for after in (0.15, 0.4, 0.8):
        process = subprocess.Popen(
            yice("demo", "run", "--cases", "5"),
            env=env(YICE_DATA=str(tmp_path / "data")),
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
            text=True,
        )
        time.sleep(after)
        os.killpg(process.pid, signal.SIGINT)
        _, words = process.communicate(timeout=120)
        if process.returncode != -signal.SIGINT:  # Python itself was not up yet
            assert process.returncode == 130, words
            assert "已中断" in words
            assert "Traceback" not in words
