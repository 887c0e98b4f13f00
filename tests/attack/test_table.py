"""The table of `make attack` can say that an attack succeeded."""

from pathlib import Path

import pytest

from tests.attack.__main__ import Result, _print, _timed
from tests.attack.asking import Report, names_a_record
from tests.attack.routes import desk_routes
from tests.attack.suites import SUITES, Suite, run
from tests.support.command_line import ROOT


def test_the_run_ends_with_1_where_an_attack_succeeds_and_names_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    refused = Result("asking", Report(3, []), 1)
    through = Result("guessing", Report(3, ["what got through"]), 1)
    absent = Result("edits", None, 0)
    assert _print([refused, absent], 2) == 0
    assert "not tried" in capsys.readouterr().out
    assert _print([refused, through], 2) == 1
    table = capsys.readouterr().out
    assert "1 GOT THROUGH" in table
    assert "what got through" in table
    assert _print([absent], 0) == 2


def test_an_attack_that_breaks_off_was_not_refused() -> None:
    def breaks() -> Report:
        raise OSError

    result = _timed("breaks", breaks)
    assert result.report is not None
    assert result.report.through


def test_a_test_that_fails_is_an_attack_that_succeeds(tmp_path: Path) -> None:
    tests = tmp_path / "test_walls.py"
    tests.write_text(
        "import pytest\n"
        "def test_stands(): pass\n"
        "def test_falls(): assert False\n"
        "def test_is_absent(): pytest.skip()\n"
    )
    report = run(Suite("walls", (str(tests),)))
    assert report is not None
    assert (report.tried, [name.rpartition("::")[2] for name in report.through]) == (
        2,
        ["test_falls"],
    )
    gone = run(Suite("gone", (f"{tests}::test_that_is_gone",)))
    assert gone is not None
    assert gone.through
    assert run(Suite("absent", ("x",), "tests/nowhere.py")) is None


def test_every_suite_is_there_or_says_what_it_waits_for() -> None:
    for suite in SUITES:
        if not suite.needs:
            assert all((ROOT / test.partition("::")[0]).exists() for test in suite.tests), (
                suite.name
            )


def test_forms_are_attacked_as_pages_are() -> None:
    methods = {route.method for route in desk_routes() if names_a_record(route)}
    assert methods == {"GET", "POST", "PUT"}
