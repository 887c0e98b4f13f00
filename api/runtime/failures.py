"""Errors as one Chinese line with code and next step, and as places for the log file.

Neither holds personal data.
"""

import errno
import json
import traceback
from datetime import UTC, datetime
from pathlib import Path

import minio.error
import urllib3.exceptions
from kombu.exceptions import OperationalError as BrokerError
from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError

from archive.reference.errors import ArchiveError
from archive.reference.machine_faults import machine_fault
from ingest.errors import IngestError
from search.errors import SearchError
from storage.errors import StorageError

_BY_CLASS: tuple[tuple[type[BaseException], str, str, str], ...] = (
    (
        BrokerError,
        "BROKER_UNAVAILABLE",
        "消息服务连接不上。",
        "请检查 YICE_BROKER_URL 和消息服务后再次运行，已完成的不会重做。",
    ),
    (
        OperationalError,
        "DATABASE_UNAVAILABLE",
        "数据库连接不上或无法写入。",
        "请检查 YICE_DATABASE_URL、数据库服务和磁盘空间后再次运行。",
    ),
    (
        DBAPIError,
        "DATABASE_ERROR",
        "数据库拒绝了本次操作，未保存任何更改。",
        "请再次运行；若重复出现，请联系系统管理员并附上日志。",
    ),
    (
        SQLAlchemyError,
        "DATABASE_ERROR",
        "数据库操作失败，未保存任何更改。",
        "请再次运行；若重复出现，请联系系统管理员并附上日志。",
    ),
    (
        urllib3.exceptions.HTTPError,
        "STORE_UNAVAILABLE",
        "对象存储连接不上。",
        "请检查 YICE_S3_ENDPOINT 和存储服务后再次运行。",
    ),
    (
        minio.error.MinioException,
        "STORE_UNAVAILABLE",
        "对象存储拒绝了请求。",
        "请检查 YICE_S3_* 的桶名和密钥后再次运行。",
    ),
    (
        ValidationError,
        "SETTINGS_INVALID",
        "设置有误",
        "请对照设置表（docs/operators.md）检查 YICE_ 开头的环境变量。",
    ),
    (MemoryError, "OUT_OF_MEMORY", "内存不足。", "请减少 YICE_WORKERS 后再次运行。"),
)
_BY_ERRNO = {
    errno.ENOENT: (
        "NO_SUCH_PATH",
        "没有所给的文件或文件夹。",
        "请核对路径，上级文件夹须已存在。",
    ),
    errno.ENOTDIR: (
        "NOT_A_FOLDER",
        "所给路径中有一段不是文件夹。",
        "请核对数据目录（YICE_DATA）和所给路径。",
    ),
    errno.EISDIR: (
        "NOT_A_FILE",
        "所给路径是文件夹，须为文件。",
        "请写明文件名后再次运行。",
    ),
    errno.EACCES: (
        "NO_PERMISSION",
        "没有读写权限。",
        "请检查数据目录（YICE_DATA）和所给路径的权限。",
    ),
    errno.EPERM: (
        "NO_PERMISSION",
        "没有读写权限。",
        "请检查数据目录（YICE_DATA）和所给路径的权限。",
    ),
}


def explain(error: BaseException) -> tuple[str, str]:
    """Return the code and the sentence of an error.

    A library's own text is never shown: it may quote a record.
    """
    if fault := machine_fault(error):
        return fault.code, f"{fault.message} {fault.action}"
    if isinstance(error, ArchiveError | IngestError | SearchError | StorageError):
        return error.code, str(error)
    if isinstance(error, OSError) and error.errno in _BY_ERRNO:
        code, message, action = _BY_ERRNO[error.errno]
        return code, f"{message} {action}"
    for kind, code, message, action in _BY_CLASS:
        if isinstance(error, kind):
            return code, f"{message}{_settings(error)} {action}"
    if isinstance(error, OSError):
        return (
            "SYSTEM_ERROR",
            "读写文件或网络时出错。 请检查数据目录（YICE_DATA）、网络和所给路径后再次运行。",
        )
    return (
        "UNEXPECTED",
        (
            "出现了未预料的错误，已完成的工作不受影响。 "
            "请再次运行；若重复出现，请联系系统管理员并附上日志。"
        ),
    )


def _settings(error: BaseException) -> str:
    """Return the names of the settings that a fault is about, never their values."""
    if not isinstance(error, ValidationError):
        return ""
    names = sorted({f"YICE_{str(fault['loc'][0]).upper()}" for fault in error.errors()})
    return f"：{'、'.join(names)}。"


def places(error: BaseException) -> list[dict[str, object]]:
    """Return the classes and places of an error and of what caused it; never its text."""
    causes: list[dict[str, object]] = []
    cause: BaseException | None = error
    while cause is not None:
        kind = type(cause)
        frames = [
            f"{frame.filename}:{frame.lineno} {frame.name}"
            for frame in traceback.extract_tb(cause.__traceback__)
        ]
        described: dict[str, object] = {
            "class": f"{kind.__module__}.{kind.__qualname__}",
            "where": frames,
        }
        if isinstance(cause, OSError) and cause.errno:
            described["errno"] = cause.errno
        causes.append(described)
        cause = cause.__cause__ or cause.__context__
    return causes


def log(error: BaseException, data: Path) -> Path | None:
    """Append an error to `logs/yice.log` as one JSON line, and return the path.

    None when even that fails, or where no data folder is: a mistyped one is not made.
    """
    path = data / "logs" / "yice.log"
    line = {
        "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "level": "ERROR",
        "code": explain(error)[0],
        "error": places(error),
    }
    try:
        path.parent.mkdir(exist_ok=True)
        with path.open("a", encoding="utf-8") as out:
            out.write(json.dumps(line, ensure_ascii=False) + "\n")
    except OSError:
        return None
    return path
