"""Nobody learns from a refusal or a finding what others hold."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pypdfium2
import pytest

from archive.administration.policy import Role
from archive.database.engine import reading
from archive.finding_aids.disclosure import disclosed
from archive.finding_aids.reach import reach_of
from archive.preservation.verify import committed
from archive.reference.case_facts import CaseFacts
from archive.reference.findings import finding
from archive.reference.other_cases import sealed_findings
from ingest.errors import ForeignCaseError
from ingest.intake.intake import _require_own_case
from ingest.intake.submission import Submission
from tests.resources.bags import members, zip_of
from tests.support.factories import make_bag
from tests.support.holdings import holdings, sound_case
from tests.support.station import (
    BIRTH,
    CITY,
    DISTRICT,
    HOME,
    NEIGHBOUR,
    ORGANISATIONS,
    OTHER,
    OTHER_DISTRICT,
    Person,
    StationClient,
)

MATCHES = [
    finding(code, "case.json:subjects[0].id_number", other_case=BIRTH).public()
    for code in ("TWO_HOUSEHOLDS", "AFTER_DEATH", "TWO_MOVES")
]
OWN = finding("OVERDUE", "case.json:process", days=1, limit=1).public()


def test_a_package_with_a_strangers_number_is_told_nothing_of_the_case_elsewhere(
    desk: StationClient,
) -> None:
    with reading(desk.runtime.engine) as session:
        shown = disclosed(session, reach_of(OTHER, ORGANISATIONS), [*MATCHES, OWN])
        assert [row["code"] for row in shown] == ["MATCHES_ELSEWHERE", "OVERDUE"]
        assert BIRTH not in str(shown)
        assert "由该单位判断" in shown[0]["message"]
        for org in (HOME, DISTRICT, CITY):
            assert disclosed(session, reach_of(org, ORGANISATIONS), [*MATCHES, OWN]) == [
                *MATCHES,
                OWN,
            ]


def test_a_case_number_belongs_to_the_organisation_that_it_begins_with() -> None:
    """A station sealed a volume under another's number, and its owner was refused."""
    facts = CaseFacts.model_validate(sound_case(BIRTH, receive=OTHER))
    with pytest.raises(ForeignCaseError):
        _require_own_case(Submission(facts, {}, (), ()), OTHER, ORGANISATIONS)
    own = CaseFacts.model_validate(sound_case(f"{OTHER}-20260901-000001", receive=OTHER))
    for sender in (OTHER, OTHER_DISTRICT, CITY, None):
        _require_own_case(Submission(own, {}, (), ()), sender, ORGANISATIONS)


@pytest.mark.parametrize(
    ("case_no", "receive", "accept"),
    [
        (BIRTH, HOME, OTHER),
        ("150602010000-20260901-000999", HOME, OTHER),
        ("150699990000-20260901-000001", OTHER, OTHER),
        ("A-1", OTHER, OTHER),
    ],
)
def test_nobody_delivers_under_a_number_that_is_not_his_by_naming_himself_as_another_side(
    case_no: str, receive: str, accept: str
) -> None:
    """As the accepting side a station took numbers of others, and learned which there are."""
    case = sound_case(case_no, receive=receive)
    case["orgs"]["accept"] = accept
    with pytest.raises(ForeignCaseError):
        _require_own_case(
            Submission(CaseFacts.model_validate(case), {}, (), ()), OTHER, ORGANISATIONS
        )


STRANGERS = f"{OTHER}-20260901-000007"
"""A made-up case of another station, about the person of the home station's birth file."""


def made_up(case_no: str) -> dict[str, Any]:
    """The case of the birth file again, in every place at the other station."""
    text = json.dumps(sound_case(BIRTH), ensure_ascii=False)
    case: dict[str, Any] = json.loads(text.replace(HOME, OTHER).replace(BIRTH, case_no))
    return case | {"case_no": case_no}


def submitted(desk: StationClient, folder: Path, case: dict[str, Any]) -> dict[str, Any]:
    """What the station API answers to a package of the other station."""
    data = zip_of(folder / "bag.zip", members(make_bag(folder / "bag", case=case))).read_bytes()
    headers = desk.token(org=OTHER)
    announced = {"name": "bag", "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    row = desk.client.post("/api/v1/submissions", json=announced, headers=headers).json()
    path = f"/api/v1/submissions/{row['id']}"
    desk.client.put(f"{path}/parts/0", content=data, headers=headers)
    answer: dict[str, Any] = desk.client.post(f"{path}/complete", headers=headers).json()
    assert desk.client.get(path, headers=headers).json() == answer
    return answer


@pytest.fixture(scope="module")
def matched(desk: StationClient, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The answer to the made-up case."""
    return submitted(desk, tmp_path_factory.mktemp("matched"), made_up(STRANGERS))


def tells(text: str) -> set[str]:
    """What a text says of the case at the home station."""
    words = (BIRTH, "TWO_HOUSEHOLDS", "AFTER_DEATH", "TWO_MOVES", "SEEN_ELSEWHERE", "登记在两户")
    return {word for word in words if word in text}


def text_of(pdf: bytes) -> str:
    """All that the pages of a PDF say."""
    with pypdfium2.PdfDocument(pdf) as pages:
        return "".join(page.get_textpage().get_text_range() for page in pages)


def confirmed(person: Person, case_no: str) -> int:
    """The status of a confirmation in which everything is ticked."""
    page = person.ask(f"/checks/{case_no}").text
    for picture in re.findall(r'data-src="([^"]+)"', page):  # what was not shown is not ticked
        person.ask(picture.replace("&amp;", "&"))
    ticks = {f"tick-{no}": "1" for no in range(1, 40)} | {f"blank-{no}": "1" for no in range(9)}
    form = {"revision": "1", "seen": "0", "reason": "两件已核对", **ticks}
    assert "需要您判断" in page
    return person.ask(f"/checks/{case_no}", **form).status_code


def test_the_sender_hears_at_every_door_only_that_another_station_decides(
    desk: StationClient, matched: dict[str, Any]
) -> None:
    codes = [row["code"] for row in matched["findings"]]
    assert (matched["outcome"], "MATCHES_ELSEWHERE" in codes) == ("CONFIRM", True)
    assert tells(json.dumps(matched, ensure_ascii=False)) == set()
    stranger = desk.person(Role.ARCHIVIST, OTHER)
    for page in ("/overview", "/checks", f"/checks/{STRANGERS}"):
        text = stranger.ask(page).text
        assert STRANGERS in text, page
        assert "由该单位判断" in text, page
        assert tells(text) == set(), page
    both = desk.person(Role.ARCHIVIST, CITY)
    for page in ("/overview", "/checks", f"/checks/{STRANGERS}"):
        assert BIRTH in both.ask(page).text, page


def test_of_two_cases_that_match_nobody_decides_who_sees_one_and_the_volume_names_one(
    desk: StationClient, matched: dict[str, Any]
) -> None:
    assert matched["case_no"] == STRANGERS
    stranger = desk.person(Role.ARCHIVIST, OTHER)
    button = "data-once>确认"
    assert button not in stranger.ask(f"/checks/{STRANGERS}").text
    assert button in desk.person(Role.ARCHIVIST, CITY).ask(f"/checks/{STRANGERS}").text
    for person in (stranger, desk.person(Role.ARCHIVIST, OTHER_DISTRICT)):
        assert confirmed(person, STRANGERS) == 409
    assert confirmed(desk.person(Role.ARCHIVIST, CITY), STRANGERS) == 303
    folder = desk.runtime.settings.data
    archive = holdings(folder, desk.runtime.engine, folder / "pki")
    archive.freeze()
    archive_code = "J622-ZY·HJ·CS·2026·Y-000001"
    assert archive.make() == [archive_code]
    (volume,) = [volume for volume in committed(desk.runtime.engine) if archive_code in volume.code]
    store = desk.runtime.store
    assert tells(store.read(f"{volume.prefix}/inspection.json").decode()) == set()
    text = text_of(store.read(f"{volume.prefix}/volume.pdf"))
    assert "由该单位判断" in text.replace("\r\n", "")
    assert tells(text) == set()
    assert tells(stranger.ask(f"/volumes/{archive_code.replace('·', '.')}").text) == set()
    report = stranger.ask(f"/volumes/{archive_code.replace('·', '.')}/inspection.pdf")
    assert report.status_code == 200
    assert tells(text_of(report.content)) == set()
    assert archive.faults() == []


def test_a_volume_names_a_second_case_only_where_all_its_readers_have_that_one() -> None:
    assert sealed_findings(MATCHES, (HOME,) * 4) == MATCHES
    for orgs in ((HOME, NEIGHBOUR), (OTHER,), (HOME, DISTRICT)):
        assert [row["code"] for row in sealed_findings([*MATCHES, OWN], orgs)] == [
            "MATCHES_ELSEWHERE",
            "OVERDUE",
        ]


def test_a_request_for_use_says_nothing_of_whether_there_is_such_a_volume(
    desk: StationClient,
) -> None:
    """The keeper was shown: a station for a volume that is there, the district for none."""
    stranger = desk.person(Role.OFFICER, OTHER)
    wanted = {
        "capacity": "POLICE",
        "scope": "CASE",
        "purpose": "核对材料",
        "basis": "东公户核〔2026〕12号",
        "paper:办理业务的依据": "1",
        "days": "7",
    }
    texts = []
    for number in ("000001", "000901"):
        code = f"J602-ZY·HJ·CS·2026·Y-{number}"
        answer = stranger.ask("/usage", code=code, **wanted)
        assert answer.status_code == 303, answer.text
        page = stranger.ask(answer.headers["location"]).text
        usage = answer.headers["location"].rpartition("/")[2]
        page = re.sub(r'name="once"\s+value="[^"]+"', "", page)  # each form has its own
        texts.append(page.replace(usage, "USAGE").replace(number, "NUMBER"))
    known, unknown = (text.partition("<main")[2].partition("提交")[2] for text in texts)
    assert ORGANISATIONS.get(HOME).name not in known
    assert known == unknown
