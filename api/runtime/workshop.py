"""Runtime -> what makes and proves volumes: seals, prover, and the drawers of originals.

Apart from the wiring of the rest, as it loads the libraries of signatures and PDF.
"""

from api.runtime.bootstrap import Runtime, worker_name
from api.runtime.memory import tune_garbage_collector
from api.runtime.seals import open_seals
from api.runtime.settings import Settings
from archive.compile.context import CompileContext
from archive.compile.prove import PdfAProver
from archive.reference.organisations import Organisations
from archive.reference.vocabulary import OrgKind
from archive.signing.demo_pki import DemoPki, ensure_demo_pki
from ingest.reading.sandbox import convert
from ingest.reading.second_drawing import draw_originals


def demo_pki(settings: Settings, organisations: Organisations) -> DemoPki:
    """Return the demonstration PKI of the data folder: a seal for each fonds.

    It is made on first use.
    """
    units = {
        org.fonds_no: org.name
        for org in organisations
        if org.kind in (OrgKind.CITY, OrgKind.DISTRICT) and org.fonds_no
    }
    return ensure_demo_pki(settings.data / "pki", units)


def open_compile_context(runtime: Runtime) -> CompileContext:
    """Return what a worker makes volumes with.

    Call it after the fork: neither the JVM nor a PKCS#11 session survives one.
    """
    tune_garbage_collector()
    seals = open_seals(runtime.settings, lambda: demo_pki(runtime.settings, runtime.organisations))
    return CompileContext(
        engine=runtime.engine,
        store=runtime.store,
        organisations=runtime.organisations,
        catalogue=runtime.catalogue,
        prover=PdfAProver("2u", scratch=runtime.settings.data / "scratch"),
        confined=convert,
        trust=seals.trust,
        sealer_for=seals.sealer_for,
        draw_originals=draw_originals,
        demo=seals.demo,
        owner=worker_name(),
    )
