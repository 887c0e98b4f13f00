"""The main job on real parts.

They are the command line, Celery workers, the store, signatures and veraPDF.
"""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.command_line import run_command
from tests.support.factories import make_bag


def yice(data: Path, *words: str, expect: int = 0, crash_at: str = "") -> str:
    """Run the command line as a user does; returns what it printed."""
    done = run_command(*words, data=data, YICE_CRASH_AT=crash_at)
    assert done.returncode == expect, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


def rows(data: Path) -> list[dict[str, Any]]:
    """What `yice list --json` prints."""
    listed: list[dict[str, Any]] = json.loads(yice(data, "list", "--json"))
    return listed


@pytest.fixture(scope="module")
def three_cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder in which three sound cases were ingested and compiled."""
    folder = tmp_path_factory.mktemp("made")
    for number in (1, 2, 3):
        make_bag(folder / "bags" / f"bag-{number}", case_no=f"150602010000-20260901-{number:06d}")
    yice(folder / "var", "ingest", str(folder / "bags"), "--json")
    yice(folder / "var", "compile", "--all")
    return folder


def test_each_case_becomes_one_committed_volume_with_its_own_number(three_cases: Path) -> None:
    volumes = rows(three_cases / "var")
    assert [volume["state"] for volume in volumes] == ["COMMITTED"] * 3
    assert [volume["code"][-6:] for volume in volumes] == ["000001", "000002", "000003"]
    assert {volume["signature_level"] for volume in volumes} == {"B-LTA"}


def test_a_second_ingest_is_a_duplicate_and_a_second_compile_makes_nothing_new(
    three_cases: Path,
) -> None:
    before = rows(three_cases / "var")
    again = json.loads(yice(three_cases / "var", "ingest", str(three_cases / "bags"), "--json"))
    assert {row["outcome"] for row in again} == {"DUPLICATE"}
    assert json.loads(yice(three_cases / "var", "compile", "--all", "--json"))["total"] == 0
    assert rows(three_cases / "var") == before


def test_verify_all_is_clean_and_finds_a_flipped_bit(three_cases: Path) -> None:
    assert json.loads(yice(three_cases / "var", "verify", "--all", "--json"))["faults"] == []
    pdf = next((three_cases / "var" / "store").rglob("volume.pdf"))
    whole = pdf.read_bytes()
    pdf.chmod(0o644)
    pdf.write_bytes(whole[:2000] + bytes([whole[2000] ^ 1]) + whole[2001:])
    faults = json.loads(yice(three_cases / "var", "verify", "--all", "--json", expect=1))["faults"]
    assert [fault["code"] for fault in faults] == ["I1"]
    pdf.write_bytes(whole)


def test_an_exported_package_is_checked_with_sha256sum(three_cases: Path, tmp_path: Path) -> None:
    answer = json.loads(
        yice(
            three_cases / "var",
            "export",
            rows(three_cases / "var")[0]["code"],
            "--to",
            str(tmp_path),
            "--json",
        )
    )
    bag = Path(answer["folder"])
    subprocess.run(["sha256sum", "-c", "--quiet", "manifest-sha256.txt"], cwd=bag, check=True)
    assert list(bag.rglob("volume.pdf"))


def test_poppler_agrees_on_pages_and_the_contents_sheet_names_them(three_cases: Path) -> None:
    volume = rows(three_cases / "var")[0]
    shown = json.loads(yice(three_cases / "var", "show", volume["code"], "--json"))
    pdf = three_cases / "var" / "store" / shown["key"]
    info = subprocess.run(["pdfinfo", str(pdf)], capture_output=True, text=True, check=True).stdout
    assert f"Pages:           {volume['pages']}" in info
    for item in shown["contents"]:
        text = subprocess.run(
            [
                "pdftotext",
                "-layout",
                "-f",
                str(item["page"]),
                "-l",
                str(item["page"]),
                str(pdf),
                "-",
            ],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        assert f"第 {item['page']} 页" in text


def test_the_inspection_is_the_last_page_but_one_and_its_three_phases_are_a_pdf_on_request(
    three_cases: Path, tmp_path: Path
) -> None:
    volume = rows(three_cases / "var")[0]
    shown = json.loads(yice(three_cases / "var", "show", volume["code"], "--json"))

    def text(pdf: Path, *pages: str) -> str:
        return "".join(
            subprocess.run(
                ["pdftotext", "-layout", *pages, str(pdf), "-"],
                capture_output=True,
                text=True,
                check=True,
            ).stdout.split()
        )

    number = volume["pages"] - 1
    sheet = text(three_cases / "var" / "store" / shown["key"], "-f", str(number), "-l", str(number))
    assert all(
        word in sheet
        for word in (
            "四性检测报告",
            "真实性",
            "完整性",
            "可用性",
            "安全性",
            f"第{number}页共{volume['pages']}页",
        )
    )
    yice(three_cases / "var", "scrub")
    kept = json.loads(
        yice(
            three_cases / "var",
            "inspect",
            volume["code"],
            "--pdf",
            str(tmp_path / "report.pdf"),
            "--json",
        )
    )
    assert [report["phase"] for report in kept["reports"]] == ["GD", "YJ", "CQ"]
    assert {
        row["outcome"]
        for report in kept["reports"]
        for group in report["report"]
        for row in group["items"]
    } == {"PASS"}
    info = subprocess.run(
        ["pdfinfo", str(tmp_path / "report.pdf")], capture_output=True, text=True, check=True
    ).stdout
    assert "Pages:           3" in info
    printed = text(tmp_path / "report.pdf")
    assert volume["code"].replace("·", "") in printed.replace("·", "")
    assert "测某" not in printed
    package = json.loads(
        (three_cases / "var" / "store" / shown["key"])
        .with_name("inspection.json")
        .read_text("utf-8")
    )
    assert package["taken_over"]["at"]
    assert [group["group"][:2] for group in package["taken_over"]["report"]] == ["YJ"] * 4


def test_an_inspection_with_a_reason_is_done_anew_and_journalled(three_cases: Path) -> None:
    code = rows(three_cases / "var")[1]["code"]
    again = json.loads(
        yice(
            three_cases / "var", "inspect", code, "--reason", "年度抽检", "--phase", "YJ", "--json"
        )
    )
    assert (again["phase"], again["revision"]) == ("YJ", 1)
    yice(three_cases / "var", "inspect", "J602-ZY·HJ·CS·2026·Y-999999", expect=2)


@pytest.mark.parametrize("point", ["frozen-before-commit", "frozen-after-commit"])
def test_a_kill_while_numbers_are_reserved_leaves_no_gap(tmp_path: Path, point: str) -> None:
    for number in (1, 2):
        make_bag(tmp_path / "bags" / f"bag-{number}", case_no=f"150602010000-20260901-{number:06d}")
    yice(tmp_path / "var", "ingest", str(tmp_path / "bags"))
    yice(tmp_path / "var", "compile", "--all", expect=137, crash_at=point)
    yice(tmp_path / "var", "compile", "--all")
    assert [row["code"][-6:] for row in rows(tmp_path / "var")] == ["000001", "000002"]
    yice(tmp_path / "var", "verify", "--all")
