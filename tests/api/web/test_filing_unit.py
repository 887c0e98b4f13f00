"""核对 and 组卷 at the desk: the other side of a case sees who does it, and does nothing itself."""

import re
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import func, select

from archive.database.engine import reading, writing
from archive.database.tables_cases import Case
from archive.database.tables_jobs import Job
from archive.database.tables_volumes import Volume, VolumeVersion
from archive.reference.vocabulary import CaseState, IntakeOutcome, JobState
from ingest.intake.intake import IntakeRules, take_package
from ingest.reading.virus import NO_SCANNER
from tests.api.web.test_inspection_report import cookie
from tests.support import station
from tests.support.factories import make_bag, page, sound_case

CASE_NO = "150622020000-20260901-000777"


def send(desk: station.StationClient, folder: Path, *, twice: bool) -> None:
    """Deliver a sound case that another bureau received; with two like pages it waits at 核对."""
    runtime = desk.runtime
    case = sound_case(CASE_NO, receive=station.OTHER)
    files = {}
    if twice:
        case["materials"][5] |= {"files": ["materials/006.jpg", "materials/007.jpg"], "pages": 2}
        files = {"materials/006.jpg": page(71), "materials/007.jpg": page(71)}
    rules = IntakeRules(runtime.catalogue, runtime.organisations, scanner=NO_SCANNER, ocr=False)
    received = take_package(
        runtime.engine,
        runtime.store,
        "test",
        make_bag(folder / "bag", case=case, files=files),
        sender=None,
        rules=rules,
        now=datetime(2026, 10, 1, tzinfo=UTC),
    )
    assert received.outcome is not IntakeOutcome.REFUSED, received.findings


def state_of(desk: station.StationClient) -> str:
    with reading(desk.runtime.engine) as session:
        return session.scalars(select(Case.state).filter_by(case_no=CASE_NO)).one()


def test_the_domicile_sees_that_the_receiving_place_compiles_and_cannot_do_it_itself(
    built: Path, tmp_path: Path
) -> None:
    with station.desk(built, tmp_path / "data") as desk:
        send(desk, tmp_path, twice=False)
        assert state_of(desk) == CaseState.ACCEPTED
        home = cookie(desk, "at-home", station.HOME)
        shown = desk.client.get("/compile", headers=home).text
        unit = station.ORGANISATIONS.get(station.OTHER).name
        assert f"由{unit}组卷" in shown
        assert CASE_NO in shown
        assert f'name="pick-{CASE_NO}"' not in shown
        token = re.search(r'name="csrf" value="([^"]+)"', shown)
        assert token is not None
        forced = desk.client.post(
            "/compile",
            headers=home,
            data={
                "csrf": token[1],
                "named": CASE_NO,
                "shown": f"{CASE_NO} J622-ZY·HJ·QY·2026·Y-000001",
                "count": "1",
            },
            follow_redirects=False,
        )
        assert forced.status_code == 403
        assert f"由{unit}立卷" in forced.text
        with reading(desk.runtime.engine) as session:
            filed = select(func.count()).select_from(Volume).join(Case, Case.id == Volume.case_id)
            assert session.scalar(filed.where(Case.case_no == CASE_NO)) == 0
        receiving = cookie(desk, "at-the-window", station.OTHER)
        shown = desk.client.get("/compile", headers=receiving).text
        assert f'name="pick-{CASE_NO}"' in shown
        assert "由其他单位组卷" not in shown


def test_the_domicile_sees_who_checks_and_opens_no_page_of_it_for_a_decision(
    built: Path, tmp_path: Path
) -> None:
    with station.desk(built, tmp_path / "data") as desk:
        send(desk, tmp_path, twice=True)
        assert state_of(desk) == CaseState.CONFIRM
        home = cookie(desk, "at-home", station.HOME)
        shown = desk.client.get("/checks", headers=home).text
        assert f"由{station.ORGANISATIONS.get(station.OTHER).name}核对" in shown
        assert f'href="/checks/{CASE_NO}"' not in shown
        refused = desk.client.get(f"/checks/{CASE_NO}", headers=home)
        assert refused.status_code == 403
        assert "由其他单位立卷" in refused.text
        stranger = cookie(desk, "elsewhere", "150623010000")
        assert desk.client.get(f"/checks/{CASE_NO}", headers=stranger).status_code == 404
        receiving = cookie(desk, "at-the-window", station.OTHER)
        assert desk.client.get(f"/checks/{CASE_NO}", headers=receiving).status_code == 200


def test_a_failed_volume_is_retried_by_the_unit_that_files_it(built: Path, tmp_path: Path) -> None:
    with station.desk(built, tmp_path / "data") as desk:
        with writing(desk.runtime.engine) as session:
            volume = session.scalars(select(Volume).filter_by(filing_org=station.HOME)).first()
            assert volume is not None
            session.get_one(Case, volume.case_id).domicile_org = station.OTHER
            version = select(VolumeVersion.id).filter_by(volume_id=volume.id)
            job = session.scalars(select(Job).where(Job.version_id.in_(version))).first()
            assert job is not None
            job.state, job.error_code, job.error = JobState.FAILED, "STORE_FULL", "磁盘已满。"
        for org, words in ((station.HOME, 'aria-label="重试'), (station.OTHER, "重试</small>")):
            shown = desk.client.get("/jobs", headers=cookie(desk, f"at-{org}", org)).text
            assert words in shown
            assert ("全部重试" in shown) is (org == station.HOME)
