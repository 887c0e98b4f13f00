"""Errors of intake other than findings.

Each error carries a stable code and a Chinese message that says what to do next.
"""

from archive.reference.errors import ArchiveError


class IngestError(ArchiveError):
    """The family of intake errors."""

    code = "INGEST_ERROR"


class PackageChangedError(IngestError):
    """A package changed between its inspection and its accession.

    The bytes in the package are no longer those that were inspected.
    """

    code = "PACKAGE_CHANGED"

    def __init__(self) -> None:
        """Set the message, which names no file.

        A path that the package chose may hold a person's name or number.
        """
        super().__init__("归档信息包在检测之后被改动。", "请确认无人再写入该包，然后重新接收。")


class SandboxError(IngestError):
    """The child process for foreign files cannot be started.

    This is a fault of the machine, never of the package.
    """

    code = "SANDBOX_UNAVAILABLE"

    def __init__(self) -> None:
        """Set the message, which says what to check on the machine."""
        super().__init__("无法启动文件检测进程。", "请检查本机的内存和进程数限制，然后重新接收。")


class PartsError(IngestError):
    """A file that was sent in parts is incomplete or not the one announced."""

    code = "PARTS_MISSING"


class ForeignCaseError(IngestError):
    """A package of a case that its sender did not receive, or whose number is another's."""

    code = "NOT_YOUR_CASE"

    def __init__(self) -> None:
        """Set the message, which does not repeat whose case it is."""
        super().__init__(
            "办件的收件单位不是本单位，或办件编号不属于收件单位。",
            "请核对办件编号，由收件单位送交。",
        )
