"""What can go wrong on the way in beside findings: each error carries a stable code and says in Chinese what to do next."""

from archive.reference.errors import ArchiveError


class IngestError(ArchiveError):
    """The family of intake errors."""

    code = "INGEST_ERROR"


class PackageChangedError(IngestError):
    """A package was changed between its inspection and its taking over; what was inspected is not what lies there now."""

    code = "PACKAGE_CHANGED"

    def __init__(self) -> None:
        """Name no file: a path of the package's making may hold a name or a number."""
        super().__init__("归档信息包在检测之后被改动。", "请确认无人再写入该包，然后重新接收。")


class SandboxError(IngestError):
    """The child process that opens foreign files cannot be started: a fault of this machine, never of the package."""

    code = "SANDBOX_UNAVAILABLE"

    def __init__(self) -> None:
        """Say what to look at."""
        super().__init__("无法启动文件检测进程。", "请检查本机的内存和进程数限制，然后重新接收。")


class PartsError(IngestError):
    """What was sent in parts is not here whole."""

    code = "PARTS_MISSING"
