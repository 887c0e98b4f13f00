"""One act, one function: each story through every door, with equal answers, journal and refusals.

Where a door does not offer an act, `tests.support.doors.ACTS` says so, and that is held too.
"""

from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image, ImageChops

from api.cli.main import COMMANDS
from archive.administration.policy import Role
from archive.database import sealed_columns
from archive.reference.local_time import local_time
from archive.usage.looks import Purpose
from archive.usage.watermark import AccessMark, stamped
from search.index_folder import IndexFolder, IndexReader
from tests.support.doors import (
    ACTS,
    API,
    BIRTH_CODE,
    CLI,
    DESK,
    MOVE_CODE,
    OFFICER_IN_TEXT,
    PERSON_IN_TEXT,
    Archive,
    NotOfferedError,
    archive,
    visit,
)
from tests.support.station import DISTRICT, HOME, MOVE, OTHER

__all__ = ["archive"]
DOORS = (CLI, API, DESK)
FORMS = (MOVE_CODE, MOVE_CODE.replace("·", "."), MOVE)
MISSING = MOVE_CODE[:-1] + "9"
AT_ONCE = [API, DESK]
"""The doors of readers, at which the policy decides; the command line is the keeper's own."""


def offering(act: str) -> tuple[str, ...]:
    """The doors that offer an act."""
    return tuple(ACTS[act])


def granted(archive: Archive, door: str, role: Role) -> str:
    """A grant for a reader of another district at a door, approved at the same door."""
    number = visit(archive, door, role, OTHER).request_use(MOVE_CODE)
    assert number.allowed, number
    assert visit(archive, door, Role.CHIEF).decide_use(number.value).allowed
    return str(number.value)


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("door", DOORS)
def test_the_table_of_acts_says_what_each_door_offers(
    archive: Archive, door: str, act: str
) -> None:
    reader, place = visit(archive, door, Role.OFFICER), ACTS[act].get(door)
    if place is None:
        with pytest.raises(NotOfferedError):
            getattr(reader, act)
    elif door == CLI:
        assert place in COMMANDS
    else:
        assert place in archive.places(door)


@pytest.mark.parametrize("door", offering("show"))
@pytest.mark.parametrize("name", FORMS)
def test_a_volume_opens_by_each_form_of_its_name(archive: Archive, door: str, name: str) -> None:
    with archive.noted() as noted:
        shown = visit(archive, door, Role.OFFICER).show(name)
    assert (shown.code, shown.value["code"], shown.value["case_no"]) == ("OK", MOVE_CODE, MOVE)
    assert {entry.subject for entry in noted} == {MOVE_CODE}


@pytest.mark.parametrize("door", offering("signature"))
@pytest.mark.parametrize("name", FORMS)
def test_pages_and_seal_open_by_each_form_of_a_name(archive: Archive, door: str, name: str) -> None:
    reader = visit(archive, door, Role.OFFICER)
    assert reader.signature(name).value["valid"] is True
    assert reader.page_image(name, 1).allowed


@pytest.mark.parametrize("name", FORMS)
def test_originals_and_reports_open_by_each_form_of_a_name(archive: Archive, name: str) -> None:
    reader = visit(archive, DESK, Role.OFFICER)
    assert reader.original(name, 4).allowed
    assert reader.inspection(name).value.startswith(b"%PDF")
    assert visit(archive, CLI, Role.OFFICER).inspection(name).allowed


@pytest.mark.parametrize("name", FORMS)
def test_the_command_line_exports_by_each_form_of_a_name(
    archive: Archive, name: str, tmp_path: Path
) -> None:
    with archive.noted() as noted:
        assert visit(archive, CLI, Role.OFFICER).export(name, tmp_path).allowed
    (entry,) = noted
    assert (entry.act, entry.subject, entry.kind) == ("EXPORT", MOVE_CODE, "TERMINAL")


def test_every_door_shows_the_same_of_a_volume(archive: Archive) -> None:
    shown = {door: visit(archive, door, Role.OFFICER).show(MOVE_CODE).value for door in DOORS}
    assert shown[API] == shown[DESK]
    opinions = shown[API].pop("opinions")
    assert shown[API] == shown[CLI]
    assert opinions == ["王*官已核，测*属实"]


@pytest.mark.parametrize("door", offering("show"))
def test_no_door_shows_the_name_of_an_officer_or_a_person(archive: Archive, door: str) -> None:
    shown = visit(archive, door, Role.OFFICER).show(MOVE_CODE)
    assert OFFICER_IN_TEXT not in shown.text
    assert PERSON_IN_TEXT not in shown.text


@pytest.mark.parametrize("door", offering("show"))
def test_a_look_is_journalled_with_reader_and_purpose(archive: Archive, door: str) -> None:
    reader = visit(archive, door, Role.OFFICER)
    with archive.noted() as noted:
        reader.show(BIRTH_CODE)  # of the highest class: no page is shown with it
    (entry,) = noted
    kind, purpose = {
        CLI: ("TERMINAL", Purpose.ARCHIVE),
        API: ("CLIENT", Purpose.HANDLE),
        DESK: ("PERSON", Purpose.HANDLE),
    }[door]
    assert (entry.act, entry.subject, entry.kind) == ("VIEW", BIRTH_CODE, kind)
    assert entry.purpose == purpose
    assert set(entry.detail) == {"purpose", "org", "usage", "operator", "version"}
    assert (entry.detail["version"], entry.detail["usage"]) == (1, None)


@pytest.mark.parametrize("door", AT_ONCE)
@pytest.mark.parametrize("act", ["show", "signature", "page_image", "plain"])
def test_a_foreign_volume_is_answered_like_a_missing_one(
    archive: Archive, door: str, act: str
) -> None:
    stranger = visit(archive, door, Role.OFFICER, OTHER)
    with archive.noted() as noted:
        more = (1,) if act == "page_image" else ()
        foreign, missing = (getattr(stranger, act)(name, *more) for name in (MOVE_CODE, MISSING))
    assert (foreign.code, missing.code) == ("NOT_HERE", "NOT_HERE")
    assert noted == []


def test_the_command_line_says_the_same_of_a_missing_volume(
    archive: Archive, tmp_path: Path
) -> None:
    keeper = visit(archive, CLI, Role.OFFICER)
    assert keeper.show(MISSING).code == "NOT_HERE"
    assert keeper.export(MISSING, tmp_path).code == "NOT_HERE"


@pytest.mark.parametrize("door", AT_ONCE)
def test_nothing_of_a_foreign_volume_is_decrypted(
    archive: Archive, door: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger, opened = visit(archive, door, Role.OFFICER, OTHER), []
    inner = sealed_columns._decrypted
    monkeypatch.setattr(
        sealed_columns, "_decrypted", lambda *sealed: opened.append(sealed) or inner(*sealed)
    )
    assert stranger.show(MOVE_CODE).code == "NOT_HERE"
    assert opened == []
    visit(archive, door, Role.OFFICER).show(MOVE_CODE)
    assert opened  # what is shown is decrypted, so the count above counts


@pytest.mark.parametrize("door", offering("signature"))
def test_checking_the_seal_is_the_same_act_at_every_door(archive: Archive, door: str) -> None:
    reader = visit(archive, door, Role.OFFICER)
    with archive.noted() as noted:
        checked = reader.signature(BIRTH_CODE)
    (entry,) = noted
    assert (entry.act, entry.subject, entry.purpose) == ("CHECK_SIGNATURE", BIRTH_CODE, "HANDLE")
    assert checked.value == visit(archive, API, Role.OFFICER).signature(BIRTH_CODE).value


@pytest.mark.parametrize("door", offering("page_image"))
def test_pages_of_the_highest_class_need_a_grant(archive: Archive, door: str) -> None:
    assert visit(archive, door, Role.OFFICER).page_image(BIRTH_CODE, 1).code == "NEEDS_GRANT"
    assert visit(archive, door, Role.OFFICER).page_image(MOVE_CODE, 1).allowed


@pytest.mark.parametrize("door", offering("page_image"))
def test_a_page_that_is_not_there_is_told_alike(archive: Archive, door: str) -> None:
    assert visit(archive, door, Role.OFFICER).page_image(MOVE_CODE, 999).code == "NO_SUCH_PAGE"


def marked_pixels(image: bytes, bare: Image.Image, mark: AccessMark) -> tuple[float, float]:
    """How far an image is from the bare page with the mark, and from the bare page."""
    sent = Image.open(BytesIO(image)).convert("L").resize(bare.size)

    def distance(other: Image.Image) -> float:
        difference = ImageChops.difference(sent, other.convert("L"))
        counts = difference.histogram()
        return sum(value * count for value, count in enumerate(counts)) / sum(counts)

    return distance(stamped(bare, mark)), distance(bare)


def name_at(door: str, role: Role) -> str:
    return role.label if door == DESK else ""


@pytest.mark.parametrize("door", offering("page_image"))
def test_every_page_bears_reader_time_and_purpose_as_pixels(archive: Archive, door: str) -> None:
    reader = visit(archive, door, Role.OFFICER)
    with archive.noted() as noted:
        image = reader.page_image(MOVE_CODE, 3)
    (entry,) = noted
    assert (entry.act, entry.subject, entry.purpose) == ("VIEW_PAGES", MOVE_CODE, "HANDLE")
    place = archive.runtime.organisations.get(HOME).name
    who = (place, name_at(door, Role.OFFICER), reader.account)
    mark = AccessMark(" ".join(filter(None, who)), f"{local_time(entry.at)} 办理业务")
    marked, bare = marked_pixels(image.value, archive.bare_page(MOVE_CODE, 3), mark)
    assert marked < bare / 3


@pytest.mark.parametrize("door", offering("page_image"))
def test_two_readers_never_get_the_same_picture(archive: Archive, door: str) -> None:
    officer = visit(archive, door, Role.OFFICER).page_image(MOVE_CODE, 2)
    supervisor = visit(archive, door, Role.DISTRICT_SUPERVISOR, DISTRICT).page_image(MOVE_CODE, 2)
    assert officer.value != supervisor.value


def test_an_original_bears_the_mark_too(archive: Archive) -> None:
    reader = visit(archive, DESK, Role.OFFICER)
    with archive.noted() as noted:
        image = reader.original(MOVE_CODE, 4)
    (entry,) = noted
    assert (entry.act, entry.purpose) == ("VIEW_ORIGINAL", "HANDLE")
    place = archive.runtime.organisations.get(HOME).name
    mark = AccessMark(
        f"{place} {Role.OFFICER.label} {reader.account}", f"{local_time(entry.at)} 办理业务"
    )
    marked, bare = marked_pixels(image.value, archive.bare_original(MOVE, 4), mark)
    assert marked < bare / 2


def test_no_page_lays_the_mark_over_a_clean_image(archive: Archive) -> None:
    shown = visit(archive, DESK, Role.OFFICER).show(MOVE_CODE)
    assert 'class="mark"' not in shown.text
    with archive.noted() as noted:
        saved = visit(archive, DESK, Role.OFFICER).page_image(MOVE_CODE, 1)
    assert noted
    assert Image.open(BytesIO(saved.value)).format == "JPEG"


@pytest.mark.parametrize("door", offering("search"))
@pytest.mark.parametrize("query", FORMS)
def test_search_takes_each_form_of_a_name(archive: Archive, door: str, query: str) -> None:
    reader = visit(archive, door, Role.OFFICER)
    with archive.noted() as noted:
        answer = reader.search(query)
    assert answer.value == [MOVE_CODE]
    (entry,) = noted
    assert (entry.act, entry.subject) == ("SEARCH", "index")
    assert entry.purpose == ("ARCHIVE" if door == CLI else "HANDLE")
    assert (entry.detail["total"], entry.detail["shown"]) == (1, [MOVE_CODE])


@pytest.mark.parametrize("door", AT_ONCE)
def test_search_shows_nothing_of_others(archive: Archive, door: str) -> None:
    assert visit(archive, door, Role.OFFICER, OTHER).search(MOVE_CODE).value == []


@pytest.mark.parametrize("door", offering("search"))
def test_without_an_index_search_says_so_at_every_door(
    archive: Archive, door: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    empty, state = IndexFolder(tmp_path), archive.client.app.state  # type: ignore[attr-defined]
    for app in (state.web, state.station):
        monkeypatch.setattr(app, "search", IndexReader(empty))
    monkeypatch.setattr("api.cli.search.open_index_folder", lambda _: empty)
    answer = visit(archive, door, Role.OFFICER).search("户口")
    assert answer.code == "NO_INDEX"
    assert answer.status == (200 if door == CLI else 503)  # a terminal has no status


@pytest.mark.parametrize("door", offering("request_use"))
def test_a_grant_opens_a_foreign_volume_and_is_named_in_the_journal(
    archive: Archive, door: str
) -> None:
    reader = visit(archive, door, Role.OFFICER, OTHER)
    with archive.noted() as noted:
        number = granted(archive, door, Role.OFFICER)
    assert [(entry.act, entry.subject) for entry in noted] == [
        ("REQUEST_USE", MOVE_CODE),
        ("DECIDE_USE", MOVE_CODE),
    ]
    assert reader.show(MOVE_CODE).code == "NOT_HERE"  # a grant counts only when it is stated
    with archive.noted() as noted:
        assert reader.page_image(MOVE_CODE, 1, number).allowed
        assert reader.plain(MOVE_CODE, number).allowed
    assert [(entry.act, entry.purpose, entry.detail["usage"]) for entry in noted] == [
        ("VIEW_PAGES", "USE", number),
        ("VIEW_PLAIN", "USE", number),
    ]


@pytest.mark.parametrize("door", offering("request_use"))
def test_a_request_names_its_volume_with_either_dot(archive: Archive, door: str) -> None:
    reader = visit(archive, door, Role.OFFICER, OTHER)
    with archive.noted() as noted:
        assert reader.request_use(MOVE_CODE.replace("·", ".")).allowed
        assert reader.request_use("J602-ZY-1").code == "BAD_ARCHIVAL_CODE"
        assert reader.request_use(MOVE_CODE, papers=()).code == "PAPERS_MISSING"
    assert [entry.subject for entry in noted] == [MOVE_CODE]


@pytest.mark.parametrize("door", offering("decide_use"))
def test_nobody_decides_their_own_request_or_that_of_another_place(
    archive: Archive, door: str
) -> None:
    chief = visit(archive, door, Role.CHIEF)
    own = chief.request_use(MOVE_CODE).value
    foreign = visit(archive, door, Role.CHIEF, OTHER)
    with archive.noted() as noted:
        assert chief.decide_use(own).code == "FORBIDDEN"
        assert foreign.decide_use(own).code == "NOT_FOUND"
        assert visit(archive, door, Role.OFFICER).decide_use(own).code == "ROLE"
    assert noted == []


@pytest.mark.parametrize("door", offering("certify"))
def test_a_certified_copy_is_made_fetched_and_journalled_alike(archive: Archive, door: str) -> None:
    number = granted(archive, door, Role.ARCHIVIST)
    archivist = visit(archive, door, Role.ARCHIVIST, OTHER)
    with archive.noted() as noted:
        copy = archivist.certify(MOVE_CODE, [4], number)
        fetched = archivist.fetch_copy(copy.value)
    assert fetched.value.startswith(b"%PDF")
    assert [entry.act for entry in noted if entry.act != "ORDER_COPY"] == [
        "CERTIFY",
        "DOWNLOAD_COPY",
    ]
    certified, taken = noted[-2:]
    for entry in (certified, taken):
        assert (entry.subject, entry.purpose, entry.detail["usage"]) == (MOVE_CODE, "USE", number)
        assert entry.detail["sha256"] == certified.detail["sha256"]
    assert certified.detail["items"] == [4]
    other = visit(archive, door, Role.ARCHIVIST)
    assert other.fetch_copy(copy.value).code == "NOT_FOUND"
    assert visit(archive, door, Role.OFFICER, OTHER).certify(MOVE_CODE, [4], number).code == "ROLE"


def test_the_mark_leaves_no_part_of_a_page_clean() -> None:
    mark = AccessMark("某派出所 某民警 officer-1", "2026-11-27 15:13 办理业务")
    page = stamped(Image.new("RGB", (1240, 1754), "white"), mark).convert("L")
    for top in range(0, 1754 - 220, 220):
        for left in range(0, 1240 - 310, 310):
            assert page.crop((left, top, left + 310, top + 220)).getextrema()[0] < 240


def test_no_door_stands_outside_the_harness() -> None:
    assert {door for places in ACTS.values() for door in places} == set(DOORS)
