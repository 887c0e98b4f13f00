"""The commands that preserve the holdings, mounted by `api.cli.main`.

`yice scrub`, `replicate`, `rebuild`, `rekey`, `backup`, `restore` and `journal …`.
"""

from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import Engine

from api.cli.archive import actor, begin_archive, open_archive
from api.cli.command_line import CommandLine
from api.cli.terminal import FINDINGS, Json, bar_of, print_json, screen, with_examples
from api.jobs.preservation import anchor_journal, budget
from api.runtime.bootstrap import Runtime, open_index_folder, open_second_store, source_of
from api.runtime.workshop import open_compile_context
from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.audit.anchor_faults import verify_anchors
from archive.audit.anchors import inclusion
from archive.database.engine import connect, migrate, reading, writing
from archive.preservation.backup import back_up, restore
from archive.preservation.comparison import differences
from archive.preservation.fixity import ScrubRun, scrub
from archive.preservation.rebuild import rebuild
from archive.preservation.replicas import replicate
from archive.reference.errors import NotFoundError
from archive.reference.vocabulary import StoreRole
from search.follow import rebuild as rebuild_index
from storage.blobs import BlobStore
from storage.encrypt import EncryptedStore
from storage.local_store import LocalStore

journal_app = CommandLine(no_args_is_help=True)


def _second_store(runtime: Runtime) -> BlobStore:
    """Open the second store. Raises NotFoundError when the settings name none."""
    store = open_second_store(runtime.settings)
    if store is None:
        raise NotFoundError(
            "没有配置副本存储。", "请设置 YICE_REPLICA_FOLDER 或 YICE_REPLICA_S3_ENDPOINT。"
        )
    return store


def scrub_(
    limit: Annotated[
        str | None,
        typer.Option("--budget", help="本次最多读多少（20GB）或多久（30m）；不写则读完一轮"),
    ] = None,
    *,
    second: Annotated[bool, typer.Option("--second", help="检查副本存储")] = False,
    as_json: Json = False,
) -> None:
    """Continue the cycle of fixity checks."""
    runtime, allowed = open_archive(), budget(limit)
    other = open_second_store(runtime.settings)
    store, helper = (_second_store(runtime), runtime.store) if second else (runtime.store, other)
    with bar_of("固定性检查") as watch:
        run = scrub(
            runtime.engine,
            store,
            helper,
            actor(),
            which=StoreRole.SECOND if second else StoreRole.FIRST,
            budget=allowed,
            watch=watch,
        )
    if as_json:
        print_json(run.public())
    else:
        _show_scrub(run)
    raise typer.Exit(FINDINGS if run.faults or run.frozen or run.blind else 0)


def _show_scrub(run: ScrubRun) -> None:
    for fault in run.faults:
        screen.print(
            f"[red]{fault['code']}[/red] {fault['message']} {fault['subject']} {fault['key']}",
            soft_wrap=True,
        )
    for subject in run.mended:
        screen.print(f"已从另一存储修复：{subject}")
    for subject in run.frozen:
        screen.print(f"[red]已隔离，尚未修复[/red]：{subject}")
    if run.blind:
        screen.print("[red]预埋的问题对象没有被发现，本次检查不可信。[/red]")
    rate = run.bytes / 1e6 / run.seconds if run.seconds else 0.0
    state = "本轮完成" if run.complete else "本轮未完，下次继续"
    screen.print(
        f"第 {run.cycle} 轮：{run.packages} 册 {run.objects} 个对象，{rate:.0f} MB/s，"
        f"问题 {len(run.faults)} 个；{state}。"
    )


def replicate_(*, as_json: Json = False) -> None:
    """Copy what is archived to the second store, and check each object."""
    runtime = open_archive()
    second = _second_store(runtime)
    with bar_of("复制") as watch:
        copied = replicate(runtime.engine, runtime.store, second, actor(), watch=watch)
    if as_json:
        print_json({"objects": copied.objects, "bytes": copied.bytes})
    else:
        screen.print(f"已复制并核对 {copied.objects} 个对象，{copied.bytes / 1e6:.1f} MB。")


def rebuild_(
    into: Annotated[
        Path | None,
        typer.Option(
            help="重建到这个新的数据文件夹，并与现有数据库比较；不写则写入所配置的空数据库"
        ),
    ] = None,
    *,
    from_store: Annotated[bool, typer.Option("--from-store", help="只凭存储重建")] = False,
    as_json: Json = False,
) -> None:
    """Rebuild database and index from the store alone."""
    if not from_store:
        raise typer.BadParameter("请指明 --from-store。")
    old = begin_archive()
    new = old
    if into is not None:
        new = replace(
            old,
            settings=old.settings.model_copy(update={"data": into, "database_url": ""}),
            engine=_empty_database(into),
        )
    rebuilt = rebuild(
        new.engine,
        old.store,
        actor(),
        catalogue=old.catalogue,
        organisations=old.organisations,
        rule=old.settings.filing_rule,
    )
    indexed = rebuild_index(source_of(new), open_index_folder(new.settings))
    different = differences(old.engine, new.engine) if into is not None else []
    if as_json:
        print_json({**asdict(rebuilt), "indexed": indexed, "differences": different})
    else:
        for line in rebuilt.faults:
            screen.print(f"[red]问题[/red] {line}", soft_wrap=True)
        for line in different:
            screen.print(f"[red]与现有数据库不同[/red] {line}", soft_wrap=True)
        screen.print(
            f"已重建：办件 {rebuilt.cases}，档号 {rebuilt.volumes}，"
            f"版本 {rebuilt.versions}，待组卷 {rebuilt.reserved}，"
            f"日志 {rebuilt.entries} 条（锚点 {rebuilt.checkpoints} 个），"
            f"未接收的送达 {rebuilt.deliveries} 次，"
            f"巡检记录 {rebuilt.looks} 条，识别的页面 {rebuilt.texts} 页，"
            f"索引 {indexed} 册；未归档的残留 {len(rebuilt.leftovers)} 处。"
        )
        for line in rebuilt.lost:
            screen.print(f"未能恢复：{line}", soft_wrap=True)
    raise typer.Exit(FINDINGS if rebuilt.faults or different else 0)


def rekey_(
    *,
    second: Annotated[bool, typer.Option("--second", help="副本存储")] = False,
    as_json: Json = False,
) -> None:
    """Encrypt what lies under an older key again under the current one."""
    runtime = open_archive()
    store = _second_store(runtime) if second else runtime.store
    if not isinstance(store, EncryptedStore):
        raise NotFoundError(
            "没有配置加密密钥。", "请设置 YICE_ENCRYPTION_FOLDER 和 YICE_ENCRYPTION_KEY。"
        )
    resealed = store.reseal_all()
    with writing(runtime.engine) as session:
        which, key = (
            StoreRole.SECOND if second else StoreRole.FIRST,
            runtime.settings.encryption_key,
        )
        journal.record(
            session,
            actor(),
            JournalAct.REKEY,
            which,
            objects=resealed.done,
            locked=resealed.locked,
            key=key,
        )
    if as_json:
        print_json({"resealed": resealed.done, "locked": resealed.locked})
    else:
        screen.print(
            f"已用新密钥重新密封 {resealed.done} 个对象；"
            f"{resealed.locked} 个在锁定期内，未作改动，旧密钥须保留。"
        )


def backup_(
    to: Annotated[Path, typer.Option(help="备份到这个文件夹下的新文件夹")],
    *,
    with_store: Annotated[
        bool, typer.Option("--with-store", help="同时把存储中的对象复制到 <文件夹>/store")
    ] = False,
    as_json: Json = False,
) -> None:
    """Copy the database while it is in use, and the objects that the copy of the store lacks."""
    runtime = open_archive()
    folder = to / datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    backup = back_up(
        runtime.engine, runtime.store, folder, LocalStore(to / "store") if with_store else None
    )
    with writing(runtime.engine) as session:
        journal.record(
            session,
            actor(),
            JournalAct.BACKUP,
            "database",
            sha256=backup.sha256,
            objects=backup.objects,
        )
    if as_json:
        print_json({"folder": str(folder), **asdict(backup)})
    else:
        screen.print(
            f"已备份：{folder}（{backup.versions} 个已归档版本，"
            f"新复制 {backup.objects} 个对象）。密钥请另行保管。",
            soft_wrap=True,
        )


def restore_(
    folder: Annotated[Path, typer.Argument(help="yice backup 写出的文件夹")],
    *,
    as_json: Json = False,
) -> None:
    """Restore a backup into an empty database, and objects that the store lacks."""
    runtime = begin_archive()
    objects = folder.parent / "store"
    backup = restore(
        runtime.engine, runtime.store, folder, LocalStore(objects) if objects.is_dir() else None
    )
    with writing(runtime.engine) as session:
        journal.record(session, actor(), JournalAct.RESTORE, "database", sha256=backup.sha256)
    if as_json:
        print_json(asdict(backup))
    else:
        screen.print(
            f"已恢复到 {backup.made_at} 的备份，{backup.versions} 个已归档版本。"
            "请运行 yice verify --all 和 yice reindex。",
            soft_wrap=True,
        )


def _empty_database(folder: Path) -> Engine:
    folder.mkdir(parents=True, exist_ok=True)
    engine = connect(f"sqlite:///{(folder / 'yice.db').resolve()}")
    migrate(engine)
    return engine


@journal_app.command(
    "verify",
    help=with_examples(
        "验证审计日志的哈希链和全部锚点，指出第一条不符的记录。", "yice journal verify --json"
    ),
)
def journal_verify(*, as_json: Json = False) -> None:
    """Verify the hash chain of the journal, and the journal against its anchors."""
    runtime = open_archive()
    with reading(runtime.engine) as session:
        good, fault = journal.verify(session)
    anchor_faults = verify_anchors(
        runtime.engine, runtime.store, open_compile_context(runtime).trust
    )
    if as_json:
        print_json(
            {
                "entries": good,
                "fault": fault and {"seq": fault.seq, "reason": fault.reason},
                "anchors": [
                    {"checkpoint": broken.checkpoint, "seq": broken.seq, "reason": broken.reason}
                    for broken in anchor_faults
                ],
            }
        )
    else:
        for broken in anchor_faults:
            screen.print(f"锚点 {broken.checkpoint}，第 {broken.seq or '?'} 条：{broken.reason}")
        screen.print(
            f"第 {fault.seq} 条不符：{fault.reason}" if fault else f"{good} 条记录全部衔接。"
        )
    raise typer.Exit(FINDINGS if fault or anchor_faults else 0)


@journal_app.command(
    "anchor",
    help=with_examples(
        "将审计日志的当前状态签名、加盖时间戳并存入存储；每日一次。", "yice journal anchor"
    ),
)
def journal_anchor(*, as_json: Json = False) -> None:
    """Sign, stamp and store the state of the journal."""
    runtime = open_archive()
    head = anchor_journal(runtime, actor())
    if as_json:
        print_json(head and {"checkpoint": head.number, "size": head.size, "root": head.root})
    else:
        screen.print(f"已锚定 {head.size} 条记录（{head.key}）。" if head else "没有新的记录。")


@journal_app.command(
    "prove",
    help=with_examples(
        "导出一条记录的包含证明，第三方可自行核对（方法见 docs/operations.md）。",
        "yice journal prove 1 --to ./proof",
    ),
)
def journal_prove(seq: int, to: Annotated[Path, typer.Option(help="导出到这个文件夹")]) -> None:
    """Export the proof that one entry is in a signed head."""
    runtime = open_archive()
    files = inclusion(runtime.engine, runtime.store, seq)
    to.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (to / name).write_bytes(data)
    screen.print(f"已导出：{to}（{'、'.join(files)}）", soft_wrap=True)
