"""The settings, read from the environment (`YICE_…`) in this module only.

The embedded defaults need none.
"""

import json
import os
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
)

from archive.administration.filing_units import FilingRule
from archive.reference.vocabulary import SignatureLevel

QUEUES = ("compile", "sign", "copies", "ocr", "ingest", "index", "keep")


class Settings(BaseSettings):
    """Everything an operator may set.

    Secrets may also come as files in the folder that YICE_SECRETS names.
    """

    model_config = SettingsConfigDict(
        env_prefix="YICE_", frozen=True, extra="ignore", validate_default=True
    )

    data: Path = Path("var")
    database_url: str = ""
    broker_url: str = ""
    queues: Annotated[tuple[str, ...], NoDecode] = Field(
        default=QUEUES, description="the queues that the workers of this node serve, between commas"
    )
    scrub_budget: str = Field(
        default="20GB", description="what the hourly fixity check may read, or how long it may take"
    )
    anchor_retention_days: int = Field(
        default=365,
        ge=0,
        description="how long an S3 store locks each anchor of the journal; 0 is not at all",
    )
    s3_endpoint: str = ""
    s3_bucket: str = "yice"
    s3_access_key: SecretStr = SecretStr("")
    s3_secret_key: SecretStr = SecretStr("")
    s3_secure: bool = True
    s3_sse: Literal["", "AES256", "aws:kms"] = Field(
        default="", description="what the object store is told to encrypt with"
    )
    replica_folder: Path | None = Field(
        default=None, description="the second store as files on another disk"
    )
    replica_s3_endpoint: str = Field(
        default="", description="the second store as a bucket elsewhere"
    )
    replica_s3_bucket: str = "yice"
    replica_s3_access_key: SecretStr = SecretStr("")
    replica_s3_secret_key: SecretStr = SecretStr("")
    replica_s3_secure: bool = True
    replica_s3_sse: Literal["", "AES256", "aws:kms"] = ""
    encryption_folder: Path | None = Field(
        default=None, description="<name>.key files of 32 bytes; without it nothing is sealed"
    )
    encryption_key: str = Field(default="", description="name of the key that seals what is new")
    signature_level: SignatureLevel = SignatureLevel.B_LTA
    seal_folder: Path | None = Field(
        default=None,
        description="<fonds>.p12 for each fonds; without it and without a token: the 演示 seals",
    )
    seal_passphrase: SecretStr = SecretStr("")
    pkcs11_module: str = Field(default="", description="path of the token's PKCS#11 library")
    pkcs11_token: str = Field(default="", description="label of the token")
    pkcs11_pin: SecretStr = SecretStr("")
    pkcs11_environment: Annotated[tuple[str, ...], NoDecode] = Field(
        default=("SOFTHSM2_CONF",),
        description="variables that the token's library reads, between commas",
    )
    pkcs11_keys: dict[str, str] = Field(
        default={},
        description=(
            "fonds -> label of key and certificate, as JSON; a fonds not named is its own label"
        ),
    )
    trust_folder: Path | None = Field(
        default=None,
        description="*.pem: self-issued ones are roots, others help to find the way to one",
    )
    crls: str = Field(
        default="", description="revocation lists, files or http addresses, between commas"
    )
    revocation_fetch: bool = Field(
        default=False, description="ask the CRL and OCSP addresses that certificates name"
    )
    tsa_url: str = ""
    tsa_user: str = ""
    tsa_password: SecretStr = SecretStr("")
    renew_within: int = Field(
        default=180, ge=1, description="days before its end in which a time-stamp is renewed"
    )
    algorithm_ends: dict[str, date] = Field(
        default={}, description="algorithm -> day after which no time-stamp rests on it, as JSON"
    )
    tsa_timeout: float = Field(default=10, gt=0, description="seconds, for CRL and OCSP too")
    filing_rule: FilingRule = FilingRule.RECEIVING_PLACE
    search_engine: Literal["tantivy", "whoosh"] = "tantivy"
    forms_url: str = ""
    forms_key: SecretStr = SecretStr("")
    population_url: str = Field(
        default="", description="the population system that the window asks; empty: it asks none"
    )
    population_key: SecretStr = SecretStr("")
    population_timeout: float = Field(
        default=3, gt=0, description="seconds that a person at the window waits for an answer"
    )
    portal_url: str = ""
    portal_key: SecretStr = SecretStr("")
    cert_url: str = ""
    cert_client: str = ""
    cert_secret: SecretStr = SecretStr("")
    cert_roots: Path | None = Field(
        default=None, description="PEM certificates of those who sign shared certificates"
    )
    scan_folder: Path | None = Field(
        default=None, description="the folder that scanning stations write to"
    )
    source_rate: float = Field(default=50, gt=0, description="requests per second to each source")
    clamd: str = Field(
        default="", description="host:port or socket path of clamd; empty: no virus scan"
    )
    ocr: bool = Field(default=False, description="read the text of scans; needs the [ocr] extra")
    ocr_wait_minutes: float = Field(
        default=0, ge=0, description="how long a compile waits for texts; 0: never"
    )
    workers: int = Field(default=0, ge=0, description="0: one per core")
    port: int = Field(default=8000, ge=1, le=65535)
    web_processes: int = Field(
        default=0,
        ge=0,
        description="processes of `yice serve` that answer; 0: one per core, four at most",
    )
    column_keys: SecretStr = Field(
        default=SecretStr(""),
        description=(
            "keys of encrypted columns as JSON; empty: keys/columns.json of the data folder"
        ),
    )
    upload_quota: int = Field(
        default=50 << 30,
        gt=0,
        description="bytes that one organisation may announce and not yet have sent whole",
    )
    rate_limit: int = Field(
        default=600, gt=0, description="requests a minute of one client at one node"
    )
    rate_file: str = Field(
        default="",
        description=(
            "where the processes of a node count requests together; `yice serve` sets it itself"
        ),
    )
    daily_looks: int = Field(
        default=3000, gt=0, description="searches and volumes that one client is shown in a day"
    )
    daily_content: int = Field(
        default=600,
        gt=0,
        description="pages, files, copies and facts in plain that one client is shown in a day",
    )
    daily_numbers: int = Field(
        default=1000,
        gt=0,
        description="ID and telephone numbers that one client looks for in a day",
    )
    daily_person_numbers: int = Field(
        default=30,
        gt=0,
        description="ID and telephone numbers that one person looks for in a day",
    )
    daily_person_looks: int = Field(
        default=2000, gt=0, description="searches, lists and volumes that one person opens in a day"
    )
    daily_person_content: int = Field(
        default=800,
        gt=0,
        description=(
            "volumes whose pages, originals, copies or facts in plain one person opens in a day"
        ),
    )
    metrics_key: SecretStr = Field(
        default=SecretStr(""),
        description="what a collector of /metrics sends as its bearer token; empty: none may",
    )
    webhook_hosts: str = Field(
        default="",
        description="host:port of webhooks that may be called, between commas; empty: none",
    )
    public_url: str = Field(
        default="",
        description=(
            "how the public reaches this archive; printed in the QR code of certified copies"
        ),
    )

    @field_validator("queues", mode="before")
    @classmethod
    def _split(cls, value: str | tuple[str, ...]) -> tuple[str, ...]:
        named = _between_commas(value)
        if not named or not set(named) <= set(QUEUES):
            raise ValueError(f"queues are some of {', '.join(QUEUES)}")
        return named

    @field_validator("pkcs11_environment", mode="before")
    @classmethod
    def _names(cls, value: str | tuple[str, ...]) -> tuple[str, ...]:
        return _between_commas(value)

    @field_validator("*", mode="after")
    @classmethod
    def _absolute(cls, value: object) -> object:
        """Return paths as absolute ones: processes of ours have other working folders."""
        return value.absolute() if isinstance(value, Path) else value

    @field_validator("clamd", "rate_file", "pkcs11_module", "crls", mode="after")
    @classmethod
    def _absolute_texts(cls, value: str) -> str:
        """Do the same where a text may be a path: it has a slash and no scheme."""
        return ",".join(
            str(Path(part.strip()).absolute()) if "/" in part and "://" not in part else part
            for part in value.split(",")
        )

    @field_validator("database_url", mode="after")
    @classmethod
    def _absolute_database(cls, value: str) -> str:
        scheme, separator, path = value.partition(":///")
        is_file = scheme.startswith("sqlite") and path and not path.startswith(("/", ":", "file:"))
        return f"{scheme}{separator}{Path(path).absolute()}" if is_file else value

    def environment(self) -> dict[str, str]:
        """Return these settings as variables, for a process that is to have the same.

        A secret is passed on only where it stood in the environment itself: one that came as a file
        is read from that file again.
        """
        inherited = {
            name.upper(): value
            for name, value in os.environ.items()
            if name.upper().startswith("YICE_")
        }
        if secrets := inherited.get("YICE_SECRETS"):
            inherited["YICE_SECRETS"] = str(Path(secrets).absolute())
        values = self.model_dump(mode="json", exclude_none=True)
        own = {
            f"YICE_{name.upper()}": _as_text(values[name])
            for name in self.model_fields_set | {"data"}
            if name in values and not isinstance(getattr(self, name), SecretStr)
        }
        token = {name: os.environ[name] for name in self.pkcs11_environment if name in os.environ}
        return inherited | own | token

    @property
    def database(self) -> str:
        """Return the database's URL; by default SQLite in the data folder."""
        return self.database_url or f"sqlite:///{(self.data / 'yice.db').resolve()}"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return the sources of settings: arguments, environment, the folder YICE_SECRETS names.

        The folder holds one file for each setting, for example `yice_seal_passphrase`.
        """
        del dotenv_settings, file_secret_settings
        return (
            init_settings,
            env_settings,
            SecretsSettingsSource(settings_cls, secrets_dir=os.environ.get("YICE_SECRETS") or None),
        )

    @property
    def demo_seals(self) -> bool:
        """Return whether volumes are sealed with the demonstration keys: no others are named."""
        return not (self.seal_folder or self.pkcs11_module)


def _between_commas(value: str | tuple[str, ...]) -> tuple[str, ...]:
    if not isinstance(value, str):
        return value
    return tuple(name.strip() for name in value.split(",") if name.strip())


def _as_text(value: Any) -> str:  # noqa: ANN401 - a value of JSON
    """Return a value as the environment holds it: lists between commas, maps as JSON."""
    if isinstance(value, list):
        return ",".join(value)
    return value if isinstance(value, str) else json.dumps(value)
