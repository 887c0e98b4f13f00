import io
import signal
import stat
import subprocess
import sys
from pathlib import Path

import typst

from archive.compile.prove import SHEET_TITLES, PdfAProver, missing_sheets


def pdf_of(text: str) -> bytes:
    """A PDF/A-2u page in the fonts that the sheets use."""
    import pylopdf_fonts_zh_cn

    fonts = typst.Fonts(
        include_system_fonts=False, font_paths=[pylopdf_fonts_zh_cn.sans_path().parent]
    )
    source = f'#set text(font: "Noto Sans SC", fallback: false)\n{text}'
    return typst.Compiler(io.BytesIO(source.encode()).getvalue(), font_paths=fonts).compile(
        format="pdf", pdf_standards="a-2u"
    )


def test_a_sheet_whose_title_is_not_text_is_missed_although_the_file_is_pdfa() -> None:
    blank = pdf_of("#rect()")
    assert PdfAProver("2u").failures(blank) == {}
    assert missing_sheets(blank) == list(SHEET_TITLES)


def test_a_volume_with_all_its_sheets_misses_none() -> None:
    assert missing_sheets(pdf_of(" ".join(SHEET_TITLES))) == []


def test_what_is_no_pdf_fails_and_does_not_raise() -> None:
    assert PdfAProver("2u").failures(b"garbage")


def test_pages_that_a_killed_worker_left_on_disk_are_nobody_elses_to_read_and_are_swept_by_the_next(
    tmp_path: Path,
) -> None:
    begin = f"""
import os, signal, sys
from pathlib import Path
import jpype
from archive.compile.prove import PdfAProver
assert PdfAProver("2u", scratch=Path({str(tmp_path)!r})).failures(b"garbage")
print(jpype.JClass("java.io.File").createTempFile("tmp_pdf_file", ".pdf").getPath(), flush=True)
if sys.argv[1] == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
"""
    root = Path(__file__).parents[3]
    killed = subprocess.run(
        [sys.executable, "-c", begin, "killed"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    left = Path(killed.stdout.strip())
    assert left.exists()
    assert left.parent.parent == tmp_path.resolve()
    assert stat.S_IMODE(left.parent.stat().st_mode) == stat.S_IRWXU
    subprocess.run(
        [sys.executable, "-c", begin, "ends"], cwd=root, capture_output=True, text=True, check=True
    )
    assert list(tmp_path.iterdir()) == []
