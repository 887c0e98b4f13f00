"""What templates print is a value: the key `items` of a row had been drawn as a method."""

from pathlib import Path

import pytest

from tests.support import station


def test_a_method_is_never_printed(built: Path, tmp_path: Path) -> None:
    with station.desk(built, tmp_path / "data") as desk:
        draw = desk.client.app.state.web.templates.from_string  # type: ignore[attr-defined]
        assert draw("{{ row['items'] }}").render(row={"items": 3}) == "3"
        with pytest.raises(TypeError):
            draw("{{ row.items }}").render(row={"items": 3})


def test_rules_for_narrow_screens_are_not_for_paper() -> None:
    # A4 is as narrow as a small screen: printed registers had lost their right edge to such a rule.
    styles = Path("api/web/static").glob("*.css")
    assert [
        f"{style.name}: {line}"
        for style in styles
        for line in style.read_text("utf-8").splitlines()
        if line.startswith("@media (max-width")
    ] == []
