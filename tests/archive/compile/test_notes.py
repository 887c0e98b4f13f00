"""What was noted when foreign files became pages is in the package, on the sheet and on record."""

import json
from pathlib import Path

import pypdfium2
from sqlalchemy import Engine, select

from archive.checking.confirming import confirm
from archive.database.engine import reading, writing
from archive.database.tables_cases import CaseRevision
from archive.database.tables_volumes import Step
from archive.preservation.rebuild_volumes import read_packages
from archive.preservation.verify import committed
from archive.reference.vocabulary import VolumeState
from tests.resources.documents import owner_locked_pdf
from tests.support.filing import FILER, FILING
from tests.support.holdings import CASE_NO, holdings, sound_case

NOTE = "原件限制了权限，页面以未加密形式编入。"


def test_notes_of_a_foreign_pdf_reach_process_json_the_inspection_sheet_and_the_record(
    tmp_path: Path, engine: Engine, keys: Path
) -> None:
    archive, case = holdings(tmp_path, engine, keys), sound_case(CASE_NO)
    case["materials"][5]["files"] = ["materials/006.pdf"]
    archive.deliver("bag", case, {"materials/006.pdf": owner_locked_pdf()})
    with writing(engine) as session:
        if session.scalars(select(CaseRevision.state)).one() == "CONFIRM":
            confirm(session, FILER, case_no=CASE_NO, reason="已核对", units=FILING, ticks=None)
    archive.freeze()
    archive.make()
    (version,) = committed(engine)
    process = json.loads(archive.store.read(f"{version.prefix}/process.json"))
    (converted,) = [entry for entry in process["conversions"] if entry["notes"]]
    assert converted["path"] == "materials/006.pdf"
    assert NOTE in converted["notes"]
    inspected = json.loads(archive.store.read(f"{version.prefix}/inspection.json"))
    assert inspected["routes"] == {"materials/006.pdf": converted["route"]}
    with reading(engine) as session:
        compiled = session.scalars(select(Step.result).filter_by(step=VolumeState.COMPILED)).one()
    assert compiled["conversions"] == process["conversions"]
    (package,) = read_packages(archive.store, [], [])
    assert package.process["conversions"] == compiled["conversions"]
    document = pypdfium2.PdfDocument(archive.store.read(f"{version.prefix}/volume.pdf"))
    try:
        sheet = document[len(document) - 2].get_textpage().get_text_range()
    finally:
        document.close()
    assert f"第 {converted['item']:03d} 件编入时：{NOTE}".replace(" ", "") in "".join(sheet.split())
