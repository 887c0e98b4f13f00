"""How the sealed record names people: by name and police number, and a duty by what ordered it."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine

from archive.administration.signatories import BEAT, signatory
from archive.database.engine import writing
from archive.database.tables_administration import Account

NOW = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("actor", "words"),
    [
        ("bai", "白某（152318）"),
        ("na", "娜某"),
        ("station", "天骄所系统（系统接口）"),
        ("cli:root", "服务器操作员 root（命令行）"),
        (BEAT, "系统自动组卷（按系统管理员设定的定期组卷）"),
        ("long-gone", "long-gone"),
    ],
)
def test_the_sealed_record_names_who_acted_in_words(engine: Engine, actor: str, words: str) -> None:
    with writing(engine) as session:
        session.add_all(
            Account(
                login=login,
                kind="PERSON",
                name=name,
                officer_no=number,
                org="150602010000",
                role=role,
                scopes=[],
                state="ACTIVE",
                proposed_by="sysadmin",
                created_at=NOW,
            )
            for login, name, number, role in (
                ("bai", "白某", "152318", "ARCHIVIST"),
                ("na", "娜某", None, "ARCHIVIST"),
                ("station", "天骄所系统", None, "STATION_CLIENT"),
            )
        )
        session.flush()
        assert signatory(session, actor) == words
