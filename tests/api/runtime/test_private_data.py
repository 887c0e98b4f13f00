"""What the archive writes is for its own account alone, whatever the machine's umask says."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.runtime.bootstrap import start
from api.runtime.settings import Settings


@pytest.fixture(autouse=True)
def _open_to_all() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.parametrize("origin", ["before", "by the archive"])
def test_nobody_else_reads_data_folder_database_index_or_objects(
    tmp_path: Path, origin: str
) -> None:
    data = tmp_path / "data"
    if origin == "before":
        data.mkdir(mode=0o777)
    runtime = start(Settings(data=data))
    runtime.store.put_new("objects/a", b"a", media_type="text/plain")
    (data / "index").mkdir()
    (data / "later.log").write_text("x")
    runtime.engine.dispose()
    open_to_others = [
        str(path)
        for path in (data, *data.rglob("*"))
        if stat.S_IMODE(path.stat().st_mode) & 0o077 and not path.is_symlink()
    ]
    assert open_to_others == []
