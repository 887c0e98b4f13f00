"""`yice ocr` on real parts: off by default, on with one switch.

Pages are read by a worker of its own queue, and what was held before is read too.
"""

import json
import subprocess
from pathlib import Path

import pytest

from api.runtime.bootstrap import start
from api.runtime.settings import Settings
from archive.database.engine import reading
from tests.support.command_line import run_command
from tests.support.factories import make_bag
from tests.support.ocr_pages import WORDS, needs_ocr, scan, texts_of_case

CASE_NO = "150602010000-20260901-000001"


def yice(data: Path, *words: str, ocr: bool, expect: int = 0, **more: str) -> str:
    done = run_command(*words, data=data, YICE_OCR="1" if ocr else "0", **more)
    assert done.returncode == expect, done.stdout + done.stderr
    return done.stdout if expect != 2 else done.stderr


@needs_ocr
def test_ocr_is_off_until_it_is_switched_on_and_then_reads_what_was_held_before(
    tmp_path: Path,
) -> None:
    var = tmp_path / "var"
    make_bag(tmp_path / "bags" / "one", case_no=CASE_NO, files={"materials/006.jpg": scan()})
    yice(var, "ingest", str(tmp_path / "bags"), ocr=False)
    assert "YICE_OCR=1" in yice(var, "ocr", "--pending", ocr=False, expect=2)
    status = {
        "enabled": False,
        "installed": True,
        "waiting": 0,
        "done": 0,
        "failed": 0,
        "failures": {},
    }
    assert json.loads(yice(var, "ocr", "--status", "--json", ocr=False)) == status
    assert json.loads(yice(var, "ocr", "--pending", "--json", ocr=True)) == {
        "total": 3,
        "done": 3,
        "failed": 0,
    }
    assert json.loads(yice(var, "ocr", "--status", "--json", ocr=True)) == {
        **status,
        "enabled": True,
        "done": 3,
    }
    assert json.loads(yice(var, "ocr", "--pending", "--json", ocr=True)) == {
        "total": 0,
        "done": 0,
        "failed": 0,
    }
    runtime = start(Settings(data=var))
    with reading(runtime.engine) as session:
        texts = texts_of_case(session, runtime.store, CASE_NO)
    runtime.engine.dispose()
    assert all(words in texts[6, 1].text for words in WORDS)


@needs_ocr
@pytest.mark.parametrize("minutes", ["10", "0"])
def test_a_compile_waits_for_the_texts_of_new_cases_as_long_as_it_is_told(
    tmp_path: Path, minutes: str
) -> None:
    var = tmp_path / "var"
    make_bag(tmp_path / "bags" / "one", case_no=CASE_NO, files={"materials/006.jpg": scan()})
    yice(var, "ingest", str(tmp_path / "bags"), ocr=True)
    yice(var, "compile", "--all", ocr=True, YICE_OCR_WAIT_MINUTES=minutes, YICE_WORKERS="1")
    (volume,) = var.glob("store/volumes/**/volume.pdf")
    text = "".join(
        subprocess.run(
            ["pdftotext", volume, "-"], capture_output=True, text=True, check=True
        ).stdout.split()
    )
    assert [words in text for words in WORDS] == [minutes != "0"] * len(WORDS)
    read = json.loads(yice(var, "ocr", "--status", "--json", ocr=True))
    assert (read["waiting"], read["done"]) == ((0, 3) if minutes != "0" else (3, 0))
