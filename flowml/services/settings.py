"""Every setting, its default and its limit. Each is also an environment variable `FLOWML_<NAME>`."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from flowml.data.format import Limits
from flowml.domain.hosts import is_loopback


def default_home() -> Path:
    return Path.home() / ".flowml"


class Settings(BaseSettings):
    """Read from the environment; arguments of the command line win."""

    model_config = SettingsConfigDict(env_prefix="FLOWML_", extra="ignore")

    home: Path = Field(default_factory=default_home, description="folder that holds everything FlowML stores")
    host: str = Field("127.0.0.1", description="address to listen on; only this machine's own for now")
    port: int = Field(8000, ge=0, le=65535, description="port to listen on")
    local_slots: int | None = Field(
        None,
        ge=0,
        le=256,
        description="trials trained at once on this machine; 0 = only coordinate; default: from its cores",
    )
    max_upload_mb: int = Field(500, ge=1, description="largest file that may be uploaded, in megabytes")
    max_rows: int = Field(Limits.max_rows, ge=1, description="largest number of rows of a table")
    max_columns: int = Field(Limits.max_columns, ge=1, description="largest number of columns of a table")
    import_timeout_seconds: float = Field(
        Limits.timeout_seconds, gt=0, description="longest time that reading one file may take"
    )
    max_concurrent_jobs: int = Field(3, ge=1, description="training runs at the same time; the others wait")
    max_time_budget_seconds: float = Field(3600, ge=1, description="largest time budget of one training run")
    model_cache_size: int = Field(10, ge=1, description="models kept ready for predictions")
    trainer_idle_seconds: float = Field(600, ge=0, description="after this long without work the trainers go to sleep")
    trial_memory_mb: int | None = Field(
        None,
        ge=768,
        description="memory that one trainer may use; default: most of this machine's, shared by its slots",
    )
    ollama_url: str | None = Field(
        None, description="address of an Ollama server for the assistant; none is used unless set"
    )

    @property
    def needs_credentials(self) -> bool:
        """Whether everyone has to say who they are: wherever others than this machine's own users can be."""
        return not is_loopback(self.host)

    @property
    def max_upload_bytes(self) -> int:
        return self.max_upload_mb * 1_000_000
