"""A small archive in one process, of real parts: database, file store, demonstration seal and
time-stamps, veraPDF.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pyhanko.sign.timestamps import TimeStamper
from sqlalchemy import Engine, select

from api.jobs.batch import begin_supplements, begin_timestamps
from api.runtime.bootstrap import Runtime, worker_name
from api.runtime.settings import Settings
from archive.arrangement.numbering import freeze, unnumbered
from archive.compile.context import CompileContext
from archive.compile.prove import PdfAProver
from archive.compile.volume import make_volume
from archive.database.engine import reading, writing
from archive.database.tables_jobs import Job
from archive.database.tables_volumes import VolumeVersion
from archive.preservation.faults import Fault
from archive.preservation.verify import committed, verify_holdings, verify_volumes
from archive.reference.organisations import load_organisations
from archive.reference.service_items import load_catalogue
from archive.reference.vocabulary import JobState, SignatureLevel
from archive.signing.demo_pki import DemoPki, ensure_demo_pki, local_timestamper
from archive.signing.seal import Sealer, load_pkcs12
from ingest.intake.intake import IntakeRules, Received, take_package
from ingest.reading.sandbox import convert
from ingest.reading.second_drawing import draw_originals
from ingest.reading.virus import NO_SCANNER
from storage.local_store import LocalStore
from tests.support.factories import make_bag, page, sound_case
from tests.support.filing import FILER, FILING

CASE_NO = "150602010000-20260901-000001"
CATALOGUE, ORGANISATIONS = load_catalogue(), load_organisations()
_PROVER = PdfAProver("2u")


@dataclass(frozen=True)
class Holdings:
    """The archive under test; every act is what a door does, and commits."""

    folder: Path
    shop: CompileContext
    pki: DemoPki

    @property
    def engine(self) -> Engine:
        return self.shop.engine

    @property
    def store(self) -> LocalStore:
        assert isinstance(self.shop.store, LocalStore)
        return self.shop.store

    def deliver(
        self,
        name: str,
        case: dict[str, Any],
        files: dict[str, bytes] | None = None,
        *,
        ocr: bool = False,
    ) -> Received:
        """Make a bag of a case and receive it."""
        path = make_bag(self.folder / "bags" / name, case=case, files=files)
        now = datetime.now(UTC)
        rules = IntakeRules(CATALOGUE, ORGANISATIONS, scanner=NO_SCANNER, ocr=ocr)
        return take_package(
            self.engine, self.store, "test", path, sender=None, rules=rules, now=now
        )

    @property
    def runtime(self) -> Runtime:
        return Runtime(
            Settings(data=self.folder), self.engine, self.store, CATALOGUE, ORGANISATIONS
        )

    def freeze(self) -> int:
        """Reserve numbers, and begin what supplements allow; returns how many supplements."""
        with writing(self.engine) as session:
            freeze(
                session,
                FILER,
                unnumbered(session),
                catalogue=CATALOGUE,
                units=FILING,
                at=datetime.now(UTC),
            )
        return begin_supplements(self.runtime, "test")

    def freeze_timestamps(self) -> int:
        return begin_timestamps(self.runtime, "test")

    def make(self, shop: CompileContext | None = None) -> list[str | None]:
        """Make every version whose job is open, as a worker does."""
        with reading(self.engine) as session:
            todo = session.scalars(
                select(Job.version_id)
                .where(Job.state != JobState.DONE, Job.version_id.is_not(None))
                .order_by(Job.id)
            ).all()
        return [make_volume(shop or self.shop, version_id) for version_id in todo if version_id]

    def with_timestamper(self, timestamper: TimeStamper) -> CompileContext:
        """The same workshop with another time-stamping authority."""
        return replace(self.shop, sealer_for=lambda fonds: sealer(self.pki, fonds, timestamper))

    def faults(self) -> list[Fault]:
        """What `verify --all` finds."""
        faults = [
            fault
            for faults in verify_volumes(
                self.store, committed(self.engine), self.shop.trust, self.shop.prover
            )
            for fault in faults
        ]
        return faults + list(verify_holdings(self.engine, self.store, self.shop.trust))

    def versions(self) -> list[tuple[int, str]]:
        """Number and state of each version there is."""
        with reading(self.engine) as session:
            query = select(VolumeVersion.version, VolumeVersion.state).order_by(
                VolumeVersion.volume_id, VolumeVersion.version
            )
            return [(number, state) for number, state in session.execute(query)]


def sealer(pki: DemoPki, fonds: str, timestamper: TimeStamper) -> Sealer:
    return Sealer(
        load_pkcs12(pki.pkcs12_of(fonds), pki.passphrase),
        pki.trust,
        SignatureLevel.B_LTA,
        timestamper,
        pki.crls,
    )


def holdings(folder: Path, engine: Engine, pki_folder: Path) -> Holdings:
    """An empty archive on `engine`; the PKI is shared, since making keys is slow."""
    pki = ensure_demo_pki(
        pki_folder, {"J602": "鄂尔多斯市公安局东胜区分局", "J622": "鄂尔多斯市公安局康巴什区分局"}
    )
    timestamper = local_timestamper(pki)
    shop = CompileContext(
        engine=engine,
        store=LocalStore(folder / "store"),
        organisations=ORGANISATIONS,
        catalogue=CATALOGUE,
        prover=_PROVER,
        confined=convert,
        trust=pki.trust,
        sealer_for=lambda fonds: sealer(pki, fonds, timestamper),
        draw_originals=draw_originals,
        demo=True,
        owner=worker_name(),
    )
    return Holdings(folder, shop, pki)


def supplement(case_no: str = CASE_NO, number: int = 1) -> dict[str, Any]:
    """The sound case again, with a further material; another one for each number."""
    case = sound_case(case_no)
    case["supplement"] = True
    no = 20 + number
    case["materials"].append(
        {
            "no": no,
            "type": "补充说明",
            "source": "SCANNED_PROOF",
            "files": [f"materials/{no:03d}.jpg"],
            "pages": 1,
            "source_ref": None,
        }
    )
    return case


__all__ = ["CASE_NO", "Holdings", "holdings", "page", "sealer", "sound_case", "supplement"]
