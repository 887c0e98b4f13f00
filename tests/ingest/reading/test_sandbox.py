"""Parsers run in a child with limits; its death or silence is a finding, and the next file is
looked at as if nothing had been.
"""

import os
import signal
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from io import BytesIO
from multiprocessing import get_context
from pathlib import Path

import pytest
from PIL import Image

from archive.compile.normalise import normalise_pdf
from archive.inspection.subject import Look
from archive.reference.compile_errors import ConversionStoppedError
from ingest.errors import SandboxError
from ingest.package.payload import PayloadFile
from ingest.reading import sandbox
from ingest.reading.sandbox import Child, Limits, convert, draw_page, examine_file, run_task
from tests.resources import documents, images, pdf_kinds


def stored(tmp_path: Path, data: bytes) -> PayloadFile:
    (tmp_path / "file").write_bytes(data)
    return PayloadFile(tmp_path, "file", len(data))


def pid_of(child: Child) -> int:
    return child._process.pid


def test_one_child_looks_at_many_files(tmp_path: Path) -> None:
    child = Child(Limits())
    first = pid_of(child)
    for _ in range(20):
        assert child.examine(stored(tmp_path, documents.pdf())) == Look(
            "application/pdf", 1, texts=((1, "Certificate 0"),)
        )
    assert pid_of(child) == first
    child.close()


def test_a_child_that_stops_answering_is_ended_at_its_limit(tmp_path: Path) -> None:
    child = Child(Limits(wall_seconds=1.0))
    os.kill(pid_of(child), signal.SIGSTOP)
    started = time.monotonic()
    # More than a pipe holds, so that the writing side would hang too.
    assert child.examine(stored(tmp_path, b"\xff\xd8\xff" + bytes(4 << 20))) == "slow"
    assert time.monotonic() - started < 10
    with pytest.raises(ProcessLookupError):
        os.kill(pid_of(child), 0)


def test_a_file_that_takes_too_long_to_compute_is_ended(tmp_path: Path) -> None:
    child = Child(Limits(cpu_seconds=0))
    assert child.examine(stored(tmp_path, images.many_frames_tiff(990, images.A4))) == "slow"


@pytest.mark.parametrize("make", [documents.flate_bomb_pdf, documents.object_stream_bomb_pdf])
def test_a_bomb_is_stopped_by_the_memory_limit_and_the_next_file_is_well(
    tmp_path: Path, make: Callable[[], bytes]
) -> None:
    limits = Limits(memory=1 << 30)
    seen = examine_file(stored(tmp_path, make()), limits)
    assert seen.fault == "FILE_UNSAFE"
    assert examine_file(stored(tmp_path, documents.pdf()), limits) == Look(
        "application/pdf", 1, texts=((1, "Certificate 0"),)
    )


def test_a_child_killed_while_it_was_idle_refuses_no_sound_file(tmp_path: Path) -> None:
    limits = Limits(wall_seconds=77.0)
    child = Child(limits)
    child.uses = 1
    os.kill(pid_of(child), signal.SIGKILL)
    from ingest.reading import sandbox

    sandbox._pool.give(child)
    assert examine_file(stored(tmp_path, images.jpeg()), limits).fault is None


def test_a_child_cannot_write_a_file_open_many_or_reach_the_network() -> None:
    child = Child(Limits())
    limits = Path(f"/proc/{pid_of(child)}/limits").read_text("ascii")
    lines = {line[:26].strip(): line[26:].split()[0] for line in limits.splitlines()}
    assert lines["Max file size"] == "0"
    assert lines["Max core file size"] == "0"
    assert lines["Max open files"] == "64"
    assert lines["Max address space"] == str(2 << 30)
    assert "NoNewPrivs:\t1" in Path(f"/proc/{pid_of(child)}/status").read_text("ascii")
    processes = (os.getpid(), pid_of(child))
    ours, theirs = (os.readlink(f"/proc/{pid}/ns/net") for pid in processes)  # noqa: PTH115
    if (
        ours != theirs
    ):  # where the kernel grants a namespace of its own, nothing but its loopback is there
        names = Path(f"/proc/{pid_of(child)}/net/dev").read_text("ascii").splitlines()[2:]
        assert [line.split(":")[0].strip() for line in names] == ["lo"]
    child.close()


def test_threads_and_forks_each_have_a_child_of_their_own(tmp_path: Path) -> None:
    files = []
    for number in range(40):
        folder = tmp_path / str(number)
        folder.mkdir()
        files.append(stored(folder, documents.pdf(pages=1 + number % 4)))
    expected = [1 + number % 4 for number in range(40)]
    with ThreadPoolExecutor(4) as threads:
        assert [report.pages for report in threads.map(examine_file, files)] == expected
    with ProcessPoolExecutor(2, mp_context=get_context("fork")) as processes:
        assert [report.pages for report in processes.map(examine_file, files)] == expected
    assert [examine_file(file).pages for file in files] == expected


def test_a_file_larger_than_any_scan_is_not_even_read(tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb") as large:
        large.truncate(600 << 20)
    assert examine_file(PayloadFile(tmp_path, "file", 600 << 20)).why == "文件过大"


def test_a_machine_that_can_start_no_child_is_an_error_and_no_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", str(tmp_path / "nothing"))
    with pytest.raises(SandboxError):
        examine_file(stored(tmp_path, b"x"), Limits(wall_seconds=55.0))


def test_the_child_ends_with_its_parent() -> None:
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, str(pid_of(Child(Limits()))).encode())
        os._exit(9)
    os.waitpid(child, 0)
    os.close(write)
    pid = int(os.read(read, 100))
    deadline = time.monotonic() + 120
    while Path(f"/proc/{pid}").exists() and "zombie" not in Path(f"/proc/{pid}/status").read_text(
        "ascii"
    ):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_page_of_an_original_is_drawn_in_the_sandbox() -> None:
    for page in (1, 2):
        image = draw_page(documents.pdf(pages=2), page, 210)
        assert image
        assert Image.open(BytesIO(image)).size[0] == 210
    scan = draw_page(images.jpeg(), 1, 210)
    assert scan
    assert Image.open(BytesIO(scan)).format == "WEBP"


@pytest.mark.parametrize("data", [b"", b"%PDF-1.7 broken", b"\xff\xd8\xff", b"no picture"])
def test_what_cannot_be_drawn_is_no_image_and_costs_no_child(data: bytes) -> None:
    limits = Limits(wall_seconds=71.0)
    assert draw_page(data, 1, 210, limits) is None
    assert draw_page(documents.pdf(), 2, 210, limits) is None
    assert draw_page(documents.pdf(), 1, 210, limits)
    from ingest.reading import sandbox

    children = [child for child in sandbox._pool._idle if child.limits == limits]
    assert len(children) == 1
    assert children[0].uses % 3 == 0


def test_a_page_that_kills_its_child_is_no_image_and_the_next_is_drawn() -> None:
    limits = Limits(wall_seconds=72.0)
    child = Child(limits, "draw")
    os.kill(pid_of(child), signal.SIGKILL)
    assert child.run(8, [bytes(8)]) == "died"
    assert draw_page(documents.pdf(), 1, 210, limits)


def test_a_page_that_hangs_is_ended_at_its_limits() -> None:
    assert draw_page(documents.endless_page_pdf(), 1, 210, Limits(cpu_seconds=0)) is None
    child = Child(Limits(wall_seconds=1.0), "draw")
    os.kill(pid_of(child), signal.SIGSTOP)
    assert child.run(4 << 20, [bytes(4 << 20)]) == "slow"


@pytest.mark.parametrize("make", [documents.flate_bomb_pdf, documents.object_stream_bomb_pdf])
def test_a_bomb_is_no_image_and_the_next_page_is_drawn(make: Callable[[], bytes]) -> None:
    limits = Limits(memory=1 << 30)
    draw_page(make(), 1, 210, limits)
    assert draw_page(documents.pdf(), 1, 210, limits)


def test_a_child_that_draws_has_the_same_limits_and_no_setting_of_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("YICE_SEAL_PASSPHRASE", "secret")
    child = Child(Limits(), "draw")
    limits = Path(f"/proc/{pid_of(child)}/limits").read_text("ascii")
    lines = {line[:26].strip(): line[26:].split()[0] for line in limits.splitlines()}
    assert (lines["Max file size"], lines["Max open files"]) == ("0", "64")
    assert lines["Max address space"] == str(2 << 30)
    names = {
        variable.partition(b"=")[0]
        for variable in Path(f"/proc/{pid_of(child)}/environ").read_bytes().split(b"\0")
    }
    plain = {b"PATH", b"LC_ALL", b"OPENBLAS_NUM_THREADS"}
    assert names - {b""} == plain | {b"PYTHONPATH", b"PYTHONSAFEPATH"}
    child.close()


@pytest.mark.parametrize(
    "data", [pdf_kinds.strip(6, 600), pdf_kinds.strip(3, 14_000), b"junk\n" + documents.pdf()]
)
def test_a_strip_and_a_pdf_behind_other_bytes_are_drawn(data: bytes) -> None:
    image = draw_page(data, 1, 1240)
    assert image
    assert max(Image.open(BytesIO(image)).size) <= 16_000


def test_a_conversion_that_outlasts_its_limits_is_a_fault_of_its_file_alone() -> None:
    def confined(task: str, order: bytes) -> bytes | str:
        return run_task(task, order, Limits(cpu_seconds=0 if task == "redraw" else 20))

    def never(_: bytes) -> dict[str, int]:
        return {"redraw": 1}

    with pytest.raises(ConversionStoppedError):
        normalise_pdf(pdf_kinds.many_blends(45), {}, confined, never)
    assert normalise_pdf(documents.pdf(), {}, convert, lambda _: {}).pages == 1


def test_a_fresh_child_that_is_killed_from_outside_is_followed_by_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A killed drawing had been told as a page that differs from its original."""
    children: list[sandbox.Child] = []

    class Killed(sandbox.Child):
        def run(self, size: int, chunks: Iterable[bytes]) -> bytes | str:
            children.append(self)
            if len(children) == 1:
                self._process.kill()
            return super().run(size, chunks)

    monkeypatch.setattr(sandbox, "Child", Killed)
    monkeypatch.setattr(sandbox, "_pool", sandbox._Pool())
    assert sandbox.draw_page(documents.pdf(), 1, 200)
    assert len(children) == 2
    assert children[0].killed
    sandbox._pool.close()
