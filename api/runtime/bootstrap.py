"""Settings -> Runtime: adapters wired once per process and passed on as values."""

import os
import socket
import stat
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from api.runtime.settings import Settings
from archive.administration.configuration import AppliedChanges
from archive.administration.filing_units import FilingUnits
from archive.administration.policy import Reader, Role
from archive.database.encryption import Keyring, attach_keys, ensure_keyring, read_keyring
from archive.database.engine import connect, migrate, reading
from archive.reference.errors import ConflictError
from archive.reference.organisations import Organisations, load_organisations
from archive.reference.service_items import Catalogue, load_catalogue
from archive.reference.vocabulary import OrgKind
from archive.usage.reading_room import ReferenceData
from ingest.intake.intake import IntakeRules
from ingest.reading.virus import scanner_at
from search.follow import Source
from search.index_folder import IndexFolder
from storage.blobs import BlobStore
from storage.encrypt import EncryptedStore, load_ring
from storage.local_store import LocalStore
from storage.s3_store import S3Store

_OTHERS = 0o077


@dataclass(frozen=True, slots=True, eq=False)
class Runtime:
    """What commands, endpoints and jobs share: settings, engine, store, reference data."""

    settings: Settings
    engine: Engine
    store: BlobStore
    catalogue: Catalogue
    organisations: Organisations
    changes: AppliedChanges = field(default_factory=AppliedChanges)

    @property
    def intake_rules(self) -> IntakeRules:
        """Return what every package is held to, whichever way it comes."""
        scanner = scanner_at(self.settings.clamd)
        return IntakeRules(self.catalogue, self.organisations, scanner, self.settings.ocr)

    @property
    def filing(self) -> FilingUnits:
        """Return the rule by which a case has its filing unit."""
        return FilingUnits(self.organisations, self.settings.filing_rule)

    @property
    def reference(self) -> ReferenceData:
        """Return what the policy needs beside the rows."""
        return ReferenceData(self.filing, self.catalogue)

    def operator(self, account: str) -> Reader:
        """Return the reader at this machine: who may run it reads the whole city anyway."""
        (city,) = self.organisations.of_kind(OrgKind.CITY)
        return Reader(account, Role.CITY_SUPERVISOR, city.code)

    def refresh(self, session: Session | None = None) -> None:
        """Read what this or another node changed meanwhile in catalogue and organisations.

        When nothing changed, that costs one query of an index.
        """
        with nullcontext(session) if session else reading(self.engine) as current:
            self.changes.catch_up(current, self.catalogue, self.organisations)


def start(settings: Settings) -> Runtime:
    """Open database and store, and return the runtime on them.

    The store must prove that it refuses to overwrite before anything is trusted to it.
    """
    keep_private(settings.data)
    engine = attach_keys(
        connect(settings.database), column_keys(settings), lambda: column_keys(settings)
    )
    migrate(engine)
    store = open_store(settings)
    store.probe()
    runtime = Runtime(settings, engine, store, load_catalogue(), load_organisations())
    runtime.refresh()
    return runtime


def keep_private(data: Path) -> None:
    """Make the data folder, for its owner alone: also one that was made for all to read.

    Whatever this process and its children write from now on is 0700 and 0600.
    """
    os.umask(_OTHERS)
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    open_to = stat.S_IMODE(data.stat().st_mode)
    # Another's folder, or one on a disk that takes no changes, is for `yice doctor` to name.
    if open_to & _OTHERS and data.stat().st_uid == os.geteuid() and os.access(data, os.W_OK):
        data.chmod(open_to & ~_OTHERS)


def column_keys(settings: Settings) -> Keyring:
    """Return the keys of encrypted columns.

    They come from the setting, else from a file of the data folder, which all nodes share.
    """
    given = settings.column_keys.get_secret_value()
    return read_keyring(given) if given else ensure_keyring(settings.data / "keys" / "columns.json")


def open_store(settings: Settings) -> BlobStore:
    """Open the store: S3 when an endpoint is set, else files in the data folder.

    It is sealed when the settings name a key.
    """
    if not settings.s3_endpoint:
        return _sealed(settings, LocalStore(settings.data / "store"))
    access, secret = (
        settings.s3_access_key.get_secret_value(),
        settings.s3_secret_key.get_secret_value(),
    )
    return _sealed(
        settings,
        S3Store(
            settings.s3_endpoint,
            settings.s3_bucket,
            access,
            secret,
            secure=settings.s3_secure,
            sse=settings.s3_sse,
        ),
    )


def open_second_store(settings: Settings) -> BlobStore | None:
    """Open the second store; None when there is none. It must refuse to overwrite, too."""
    if settings.replica_folder and settings.replica_s3_endpoint:
        raise ConflictError(
            "同时配置了两个副本存储。",
            "YICE_REPLICA_FOLDER 与 YICE_REPLICA_S3_ENDPOINT 只能设置一个。",
        )
    if settings.replica_folder:
        store = _sealed(settings, LocalStore(settings.replica_folder))
    elif settings.replica_s3_endpoint:
        access, secret = (
            settings.replica_s3_access_key.get_secret_value(),
            settings.replica_s3_secret_key.get_secret_value(),
        )
        bucket = S3Store(
            settings.replica_s3_endpoint,
            settings.replica_s3_bucket,
            access,
            secret,
            secure=settings.replica_s3_secure,
            sse=settings.replica_s3_sse,
        )
        store = _sealed(settings, bucket)
    else:
        return None
    store.probe()
    return store


def _sealed(settings: Settings, store: BlobStore) -> BlobStore:
    if settings.encryption_folder is None:
        return store
    return EncryptedStore(store, load_ring(settings.encryption_folder, settings.encryption_key))


def worker_name() -> str:
    """Return `host:pid:start`, which names this process and no later one with the same pid."""
    return f"{socket.gethostname()}:{os.getpid()}:{_started(os.getpid())}"


def is_gone(owner: str) -> bool:
    """Return whether `owner` was a process of this host that no longer runs.

    A worker of another host is never judged.
    """
    host, pid, started = owner.rsplit(":", 2)
    return host == socket.gethostname() and _started(int(pid)) != started


def _started(pid: int) -> str:
    try:
        # The command name may hold spaces, so count fields from its closing bracket (proc(5):
        # state, starttime).
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return "gone"
    return "gone" if fields[0] == "Z" else fields[19]


def open_index_folder(settings: Settings) -> IndexFolder:
    """Return the search index of this installation: tantivy, or by settings whoosh."""
    return IndexFolder(settings.data / "search", settings.search_engine)


def source_of(runtime: Runtime) -> Source:
    """Return what the index is built from."""
    return Source(runtime.engine, runtime.store, runtime.catalogue, runtime.organisations)
