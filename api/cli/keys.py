"""`yice keys …`: change the keys of the encrypted columns.

A change may be interrupted and run again.
"""

from dataclasses import replace

from api.cli.archive import actor, open_archive
from api.cli.command_line import CommandLine
from api.cli.terminal import screen, with_examples
from api.runtime.bootstrap import Runtime, column_keys
from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.database.encryption import ColumnKeyError, Keyring, attach_keys, write_keyring
from archive.database.engine import writing
from archive.preservation.key_rotation import (
    rehash,
    reseal,
    reseal_gathered,
    reseal_loans,
    reseal_texts,
)

keys_app = CommandLine(no_args_is_help=True)
BATCH = 200


@keys_app.command(
    "rotate",
    help=with_examples(
        "换用新的列加密密钥，并用它重新加密全部办件信息、上传文件名和通知密钥；"
        "旧密钥保留，用于读取备份。中断后运行 yice keys reseal。",
        "yice keys rotate",
    ),
)
def rotate() -> None:
    """Make a fresh key the current one, then encrypt every row under it."""
    runtime = open_archive()
    if runtime.settings.column_keys.get_secret_value():
        raise ColumnKeyError(
            "密钥由 YICE_COLUMN_KEYS 给出，不能在此更换。",
            "请在密钥文件中加入新密钥并设为 current，重启各节点后运行 yice keys reseal。",
        )
    ring = column_keys(runtime.settings).with_new_key()
    write_keyring(runtime.settings.data / "keys" / "columns.json", ring)
    with writing(runtime.engine) as session:
        journal.record(session, actor(), JournalAct.ROTATE_KEYS, "columns", key=ring.current)
    screen.print(f"已启用新密钥 {ring.current}。")
    _reseal_all(runtime, ring)


@keys_app.command(
    "reseal",
    help=with_examples(
        "用当前密钥重新加密全部办件信息、上传文件名和通知密钥，"
        "并重建号码盲索引和责任人登记；可重复运行。",
        "yice keys reseal",
    ),
)
def reseal_command() -> None:
    """Encrypt every row under the current key."""
    runtime = open_archive()
    _reseal_all(runtime, column_keys(runtime.settings))


@keys_app.command(
    "rotate-blind",
    help=with_examples(
        "换用新的号码盲索引密钥，并用它重建全部号码的索引；"
        "期间新旧密钥都可查到。中断后运行 yice keys rehash。",
        "yice keys rotate-blind",
    ),
)
def rotate_blind() -> None:
    """Make a fresh key for digests the current one, then hash every entry under it.

    The key goes into the ring first, so that every look-up asks with both.
    """
    runtime = open_archive()
    if runtime.settings.column_keys.get_secret_value():
        raise ColumnKeyError(
            "密钥由 YICE_COLUMN_KEYS 给出，不能在此更换。",
            "请在密钥文件的 blinds 中加入新密钥并重启各节点，"
            "再将其设为 blind，重启后运行 yice keys rehash。",
        )
    ring = column_keys(runtime.settings).with_new_blind_key()
    write_keyring(runtime.settings.data / "keys" / "columns.json", ring)
    with writing(runtime.engine) as session:
        journal.record(session, actor(), JournalAct.ROTATE_KEYS, "blind", key=ring.blind)
    screen.print(f"已启用新的盲索引密钥 {ring.blind}。")
    _rehash_all(runtime)


@keys_app.command(
    "rehash",
    help=with_examples("用当前密钥重建仍在旧密钥下的号码索引；可重复运行。", "yice keys rehash"),
)
def rehash_command() -> None:
    """Hash every entry that is left under an older key under the current one."""
    _rehash_all(open_archive())


def _rehash_all(runtime: Runtime) -> None:
    """Hash all entries under the current key, one batch a transaction.

    Other work goes on between batches, and a kill costs one batch.
    """
    count = 0
    while True:
        with writing(runtime.engine) as session:
            done = rehash(session, BATCH)
        if not done:
            break
        count += done
    screen.print(f"已用当前密钥重建 {count} 件的号码索引。")


def _reseal_all(runtime: Runtime, ring: Keyring) -> None:
    """Encrypt all rows under the current key, one batch a transaction.

    Other work goes on between batches, and a kill costs one batch.
    """
    # What is read may be from before values were bound to their rows; what is written is bound.
    attach_keys(runtime.engine, replace(ring, unbound=tuple(ring.keys)))
    for job in (reseal, reseal_gathered, reseal_loans, reseal_texts):
        after: int | None = 0
        while after is not None:
            with writing(runtime.engine) as session:
                after = job(session, ring, after, BATCH)
    screen.print(f"全部办件信息已用 {ring.current} 加密，并绑定到所在的行。")
    if not ring.unbound:
        return
    if runtime.settings.column_keys.get_secret_value():
        screen.print('请在密钥文件中写明 "unbound": []，并重启各节点：此后不再打开未绑定的数据。')
        return
    write_keyring(runtime.settings.data / "keys" / "columns.json", replace(ring, unbound=()))
