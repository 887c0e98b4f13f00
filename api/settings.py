"""Settings come from the environment (`YICE_…`) and are read here only; embedded defaults need none."""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from archive.arrangement import FilingRule
from archive.vocabulary import SignatureLevel


class Settings(BaseSettings):
    """Everything an operator may set. Secrets may also come as files in the folder YICE_SECRETS names."""

    model_config = SettingsConfigDict(env_prefix="YICE_", frozen=True, extra="ignore")

    data: Path = Path("var")
    database_url: str = ""
    broker_url: str = ""
    s3_endpoint: str = ""
    s3_bucket: str = "yice"
    s3_access_key: SecretStr = SecretStr("")
    s3_secret_key: SecretStr = SecretStr("")
    s3_secure: bool = True
    signature_level: SignatureLevel = SignatureLevel.B_LTA
    filing_rule: FilingRule = FilingRule.RECEIVING_PLACE
    workers: int = Field(default=0, ge=0, description="0: one per core")
    port: int = 8000

    @property
    def database(self) -> str:
        """The database's URL; by default SQLite in the data folder."""
        return self.database_url or f"sqlite:///{(self.data / 'yice.db').resolve()}"
