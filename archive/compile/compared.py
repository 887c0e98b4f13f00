"""The comparison of a built volume with its originals, before it is sealed (I11)."""

from io import BytesIO

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.accession.recheck import confirmed_pages, wait_again
from archive.compile.build import Built
from archive.compile.context import CompileContext, CompileOrder
from archive.compile.page_proof import (
    ForeignPage,
    PageResult,
    foreign_pages,
    prove_pages,
    side_by_side,
)
from archive.database.engine import writing
from archive.database.tables_volumes import Volume, VolumeVersion
from archive.reference.compile_errors import PageDiffersError
from archive.reference.objects import OriginalObject, blob_key
from archive.reference.vocabulary import NOT_ACCEPTED, VersionOrigin
from storage.blobs import BlobStore

_WAITS = PageDiffersError("成册的页面与原件不符，该办件等待人工核对，尚未签章。")


def refuse_waiting(order: CompileOrder) -> None:
    """Raise PageDiffersError while a person has not yet looked at pages that differ."""
    if order.revision.state in NOT_ACCEPTED:
        raise _WAITS


def compare_pages(
    context: CompileContext, order: CompileOrder, built: Built
) -> tuple[PageResult, ...]:
    """Return how each page from outside stands to its original.

    When one differs and nobody has confirmed it, the case waits at 核对 with both pictures, and
    PageDiffersError is raised.
    """
    pages = foreign_pages(order.plan, built.contents)

    def read(original: OriginalObject) -> bytes:
        return context.store.read(blob_key(original.sha256), sha256=original.sha256)

    results = prove_pages(
        built.pdf, pages, read, context.draw_originals, confirmed_pages(order.revision.findings)
    )
    waiting = [result for result in results if result.waits]
    if not waiting:
        return tuple(results)
    by_number: dict[int, ForeignPage] = {page.page: page for page in pages}
    for result in waiting:
        pair = side_by_side(built.pdf, by_number[result.page], read, context.draw_originals)
        out = BytesIO()
        pair.save(out, "WEBP", quality=85)
        key = pair_key(order.version.id, result.material, result.of_material)
        _keep(context.store, key, out.getvalue())
    findings = list(dict.fromkeys(result.finding() for result in waiting))
    with writing(context.engine) as session:
        wait_again(
            session, context.owner, order.volume.case_id, order.version.case_revision, findings
        )
    raise _WAITS


def pair_key(version_id: int, material: int, page: int) -> str:
    """Return where both pictures of a page lie until its version has ended."""
    return f"{_folder(version_id)}{material}-{page}.webp"


def compared_version(session: Session, case_id: int, revision: int) -> int | None:
    """Return the version made from a revision whose pairs may lie in the store."""
    return session.scalar(
        select(VolumeVersion.id)
        .join(Volume, Volume.id == VolumeVersion.volume_id)
        .where(
            Volume.case_id == case_id,
            VolumeVersion.case_revision == revision,
            VolumeVersion.origin == VersionOrigin.CASE,
        )
        .order_by(VolumeVersion.version.desc())
        .limit(1)
    )


def kept_pairs(store: BlobStore, version_id: int) -> list[tuple[int, int]]:
    """Return material and page of each pair of pictures that lies ready for a person."""
    names = (stat.key.rpartition("/")[2] for stat in store.list(_folder(version_id)))
    return sorted(
        (int(material), int(page))
        for material, _, page in (name.removesuffix(".webp").partition("-") for name in names)
    )


def _folder(version_id: int) -> str:
    return f"staging/{version_id}-compared/"


def _keep(store: BlobStore, key: str, picture: bytes) -> None:
    """Put a pair in the place of one from an earlier attempt."""
    if earlier := store.stat(key):
        store.discard(key, earlier.version)
    store.put_new(key, picture, media_type="image/webp")
