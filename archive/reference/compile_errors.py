"""Errors raised while a volume is made of its materials.

Each has a stable code and says in Chinese what to do next.
"""

from archive.reference.errors import ArchiveError


class CompileError(ArchiveError):
    """The base of the errors raised while a volume is compiled.

    Messages never name a file or a person.
    """

    code = "COMPILE_ERROR"
    default_action = "请核对原件后重新提交。"

    def __init__(self, message: str, action: str | None = None) -> None:
        """Keep what happened and what to do next; `action` defaults to the class's own."""
        super().__init__(message, action or self.default_action)


class UnreadableError(CompileError):
    """A file is garbage, truncated or otherwise not what it claims to be."""

    code = "UNREADABLE"
    default_action = "请从来源重新取得完整的文件后再提交。"


class EncryptedError(CompileError):
    """A PDF asks for a password before it opens."""

    code = "ENCRYPTED"
    default_action = "请取得未加密的文件后再提交。"


class UnsupportedError(CompileError):
    """A format cannot become pages of a volume."""

    code = "UNSUPPORTED"
    default_action = "请转换为 PDF、JPEG、PNG 或 TIFF 后再提交。"


class TooLargeError(CompileError):
    """A file is a decompression bomb, or an image beyond the pixel limit."""

    code = "TOO_LARGE"
    default_action = "请按 200 至 300 dpi 重新扫描后再提交。"


class ContentLostError(CompileError):
    """Text or pages of the original are missing from every rendition that was tried."""

    code = "CONTENT_LOST"
    default_action = "请人工核对原件，取得字体已嵌入的文件或扫描件后再提交。"


class NotConformingError(CompileError):
    """No conversion led to PDF/A-2u (ISO 19005-2)."""

    code = "NOT_PDFA"
    default_action = "请打印后扫描，以扫描件提交。"


class PlanMismatchError(CompileError):
    """The plan asks for pages that the part does not have."""

    code = "PLAN_MISMATCH"
    default_action = "请重新编制本册；若再次出现，请联系系统管理员。"


class NotProvedError(CompileError):
    """The finished volume did not pass its proof."""

    code = "NOT_PROVED"


class PageDiffersError(CompileError):
    """A page of the volume shows something else than its original; a person decides (I11)."""

    code = "PAGE_DIFFERS"
    default_action = (
        "请在“核对”页对照两图：与原件一致的说明理由后确认，再运行 yice compile --all；"
        "否则由来源更换文件后补充送达，或运行 yice void。"
    )


class InventoryConflictError(CompileError):
    """The commit record in the store and the row disagree: the volume is quarantined."""

    code = "INVENTORY_CONFLICT"


class ConversionStoppedError(CompileError):
    """A foreign file killed the process that read it, or outlasted its limits."""

    code = "CONVERSION_STOPPED"
    default_action = "请核对原件是否安全；重新导出为普通 PDF，或打印后扫描提交。"

    def __init__(self, how: str) -> None:
        """Set the message; `how` is `slow` for a file that outlasted its limits."""
        super().__init__("原件的转换超时。" if how == "slow" else "转换原件的进程中止。")


class WorkerDiedError(CompileError):
    """Several workers in a row died at the same step of a volume."""

    code = "WORKER_DIED"

    def __init__(self) -> None:
        """Set the message, which says how to go on."""
        super().__init__(
            f"处理该册的进程在同一步骤上接连 {MOST_DEATHS} 次中止。",
            "请核对该件的原件，查看工作进程的日志；排除原因后用 yice compile --again 重试。",
        )


MOST_DEATHS = 3
"""How many workers may die at one step of a volume before the others go on without it."""
FAULTS_OF_ORIGINALS = frozenset(
    error.code
    for error in (
        UnreadableError,
        EncryptedError,
        UnsupportedError,
        TooLargeError,
        ContentLostError,
        NotConformingError,
        PageDiffersError,
    )
)
"""What is in the originals themselves: the same bytes fail the same way."""
_TRIES = 3
"""How often a defect of ours is tried: it may have come of the machine."""
_DEFECTS = frozenset({NotProvedError.code, PlanMismatchError.code, ConversionStoppedError.code})
_CIRCUMSTANCES = frozenset(
    {"MemoryError", "OSError", "ConnectionError", "TimeoutError", "OperationalError", "DBAPIError"}
)
"""Classes of errors without a code that the machine, the network or the database causes."""


def can_succeed(code: str | None, attempts: int) -> bool:
    """Return whether a volume that failed so, and so often, is worth another attempt unasked.

    A fault of the originals never is, a defect of ours three times; what circumstances caused (the
    store, the seal, the time-stamp authority) always is.
    """
    if code in FAULTS_OF_ORIGINALS or code == WorkerDiedError.code:
        return False
    # An error with a code is written in capitals; without one the name of its class is recorded.
    has_code = code is None or code.isupper() or code in _CIRCUMSTANCES
    return attempts < _TRIES or (has_code and code not in _DEFECTS)


def compile_error(code: str, message: str, action: str) -> CompileError:
    """Return the error of a code, as it was raised in another process."""
    for known in CompileError.__subclasses__():
        if known.code == code and known not in {ConversionStoppedError, WorkerDiedError}:
            return known(message, action)
    return CompileError(message, action)
