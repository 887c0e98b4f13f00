"""The files of materials, kept by content before the act that names them, as captures are."""

import hashlib
from typing import Any

from archive.administration.policy import Reader
from archive.reference.objects import blob_key
from ingest.window.cases import require_window
from ingest.window.refusals import RefusedActError, refusal
from storage.blobs import BlobStore

_MAGIC = (
    (b"\xff\xd8\xff", "jpg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"II*\x00", "tif"),
    (b"MM\x00*", "tif"),
    (b"%PDF-", "pdf"),
    (b"PK\x03\x04", "ofd"),
)


def keep_file(store: BlobStore, actor: Reader, data: bytes) -> dict[str, Any]:
    """Put a file into the store by its content; return how an act names it.

    Intake opens and judges it as any other. Raises DeniedError, RefusedActError.
    """
    require_window(actor)
    extension = next((suffix for magic, suffix in _MAGIC if data.startswith(magic)), None)
    if extension is None:
        raise RefusedActError(refusal("FILE_KIND"))
    digest = hashlib.sha256(data).hexdigest()
    store.put_new(blob_key(digest), data)
    return {"sha256": digest, "extension": extension}
