"""A wrong page planted in an archived volume, signed and committed as if nothing had happened."""

from datetime import datetime
from io import BytesIO

import pikepdf
from PIL import Image, ImageDraw

from archive.compile.assemble import saved
from archive.compile.seal_art import seal_pdf
from archive.compile.sheets import SEAL_BOX
from archive.database.engine import writing
from archive.database.tables_volumes import VolumeVersion
from archive.preservation.verify import CommittedVolume
from storage.package import read_inventory, write_package
from tests.support.holdings import Holdings

SHEETS = {"inventory.json", "manifest-sha256.txt", "manifest-sm3.txt"}


def plant_wrong_page(archive: Holdings, volume: CommittedVolume, page: int) -> None:
    """Strike a line through the scan on a page of a volume, seal it anew and commit that."""
    store = archive.store
    inventory = read_inventory(store, volume.prefix)
    assert inventory is not None
    own = [item for item in inventory.objects if item.key.startswith(volume.prefix)]
    files = {item.path: store.read(item.key) for item in own if item.path not in SHEETS}
    shared = [item for item in inventory.objects if not item.key.startswith(volume.prefix)]
    fonds = volume.code.partition("-")[0]
    sealed = archive.shop.sealer_for(fonds).seal(
        _with_wrong_page(files["volume.pdf"], page),
        appearance_pdf=seal_pdf("演示", True),
        page=0,
        box=SEAL_BOX,
        reason="归档",
        at=None,
    )
    for stat in list(store.list(f"{volume.prefix}/")):
        store.discard(stat.key, stat.version)
    again = write_package(
        store,
        volume.prefix,
        files | {"volume.pdf": sealed.pdf},
        shared,
        code=inventory.code,
        version=inventory.version,
        previous=inventory.previous,
        journal_head=inventory.journal_head,
        made_at=datetime.fromisoformat(inventory.made_at),
    )
    with writing(archive.engine) as session:
        row = session.query(VolumeVersion).filter_by(inventory_sha256=volume.inventory_sha256).one()
        row.inventory_sha256 = again.sha256
        row.sha256 = next(item.sha256 for item in again.objects if item.path == "volume.pdf")


def _with_wrong_page(signed: bytes, page: int) -> bytes:
    with pikepdf.open(BytesIO(signed)) as pdf:
        del pdf.Root.AcroForm
        del pdf.pages[0].obj["/Annots"]
        if "/DSS" in pdf.Root:
            del pdf.Root.DSS
        (stream,) = dict(pdf.pages[page - 1].obj.Resources.XObject).values()
        with Image.open(BytesIO(stream.read_raw_bytes())) as scan:
            struck = scan.convert("RGB")
        wide, high = struck.size
        line = (wide // 5, high * 7 // 8, wide // 3, high * 13 // 15)
        ImageDraw.Draw(struck).line(line, fill=(40, 40, 60), width=max(3, wide // 300))
        out = BytesIO()
        struck.save(out, "JPEG", quality=85)
        stream.write(out.getvalue(), filter=pikepdf.Name.DCTDecode)
        stream.ColorSpace = pikepdf.Name.DeviceRGB
        return saved(pdf)
