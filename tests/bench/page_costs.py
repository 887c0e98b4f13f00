"""CPU of the comparison of a page with its original, for scans and for foreign PDFs apart.

Counts the worker, which draws the volume and compares, and the sandbox, which draws originals.
"""

import os
import time
from pathlib import Path

from archive.compile.build import Built
from archive.compile.context import CompileContext, CompileOrder
from archive.compile.page_proof import foreign_pages, prove_pages
from archive.reference.objects import OriginalObject, blob_key
from ingest.reading.sandbox import _pool

PDF, SCAN = "foreign", "scan"
_ROUNDS = 5


def children_cpu() -> float:
    """CPU seconds so far of the processes that draw originals a second time."""
    ticks = 0
    for child in _pool._idle:
        if child.task in ("decoded", "pdfbox"):
            stat = Path(f"/proc/{child._process.pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(stat[11]) + int(stat[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def page_costs(context: CompileContext, order: CompileOrder, built: Built) -> dict[str, float]:
    """Return CPU milliseconds a page of each kind, of a volume that was compared before."""

    def read(original: OriginalObject) -> bytes:
        return context.store.read(blob_key(original.sha256), sha256=original.sha256)

    pages = foreign_pages(order.plan, built.contents)
    costs = {}
    for kind in (SCAN, PDF):
        chosen = [
            page
            for page in pages
            if (page.original.media_type == "application/pdf") is (kind == PDF)
        ]
        before = time.process_time() + children_cpu()
        for _ in range(_ROUNDS):
            prove_pages(built.pdf, chosen, read, context.draw_originals, ())
        spent = time.process_time() + children_cpu() - before
        costs[kind] = 1000 * spent / (_ROUNDS * max(1, len(chosen)))
    return costs
