"""Recognition of one scanned page, in a child process with limits, on one core.

Recognition is safe to kill and to repeat. The engine is the `[ocr]` extra
(`ingest.reading.ocr_engine`, loaded by the child alone). It carries its models in its wheel, so
that nothing is fetched.
"""

import importlib.util
import json

from sqlalchemy import Engine

from archive.database.engine import writing
from archive.jobs.crashpoints import reach
from archive.recognition.page_texts import Line, PageText
from archive.recognition.queue import (
    PageClaim,
    PageTooCostlyError,
    PageUnreadableError,
    claim_page,
    fail_page,
    record_text,
)
from archive.reference.errors import LeaseLostError
from archive.reference.objects import blob_key
from ingest.reading.sandbox import Limits, run_task
from storage.blobs import BlobStore
from storage.digest import sha256_hex

LIMITS = Limits(memory=6 << 30, cpu_seconds=120, wall_seconds=400.0)


def is_installed() -> bool:
    """Return whether the engine is installed (`make setup-ocr` installs it)."""
    return importlib.util.find_spec("rapidocr_onnxruntime") is not None


def recognise_page(engine: Engine, store: BlobStore, owner: str, sha256: str, page: int) -> bool:
    """Recognise one page and record its text.

    Returns False when another process holds the page or its text is recorded already. The
    derivative is written before its row. An unreadable page is left on the job with its code; any
    other failure is recorded too, and raised.
    """
    with writing(engine) as session:
        claim = claim_page(session, sha256, page, owner)
    if claim is None:
        return False
    reach("page-claimed")
    try:
        text = _recognised(claim, store.read(blob_key(sha256), sha256=sha256))
        data = text.to_json()
        key = sha256_hex(data)
        store.put_new(blob_key(key), data, media_type="application/json")
        reach("text-stored")
        with writing(engine) as session:
            record_text(session, claim, text, key)
        reach("text-recorded")
    except LeaseLostError:
        raise
    except (PageUnreadableError, PageTooCostlyError) as error:
        with writing(engine) as session:
            fail_page(session, claim, error.code, error.message)
        return False
    except Exception as error:
        with writing(engine) as session:
            # As for a volume: the text of an exception may quote personal data, so only its class
            # is kept.
            fail_page(
                session,
                claim,
                getattr(error, "code", type(error).__name__),
                getattr(error, "message", None),
            )
        raise
    return True


def _recognised(claim: PageClaim, data: bytes) -> PageText:
    answer = run_task("ocr", claim.page.to_bytes(4, "little") + data, LIMITS)
    if answer == "slow":
        raise PageTooCostlyError(
            "此页的识别超过了时间上限。", "页面仍可人工查看；确需识别时请提高分辨率后重新扫描。"
        )
    if not isinstance(answer, bytes):
        raise PageTooCostlyError(
            "识别此页的进程中止，可能内存不足或文件有害。", "页面仍可人工查看；请核对原件后重试。"
        )
    row = json.loads(answer)
    if "fault" in row:
        raise PageUnreadableError("此页的图像无法读取。", "请核对原件，必要时重新扫描。")
    lines = tuple(Line(text, sure, tuple(corners)) for text, sure, corners in row["lines"])
    return PageText(
        claim.sha256,
        claim.page,
        row["whole"],
        row["width"],
        row["height"],
        row["engine"],
        row["version"],
        lines,
    )
