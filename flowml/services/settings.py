"""Every setting, its default and its limit. Each is also an environment variable `FLOWML_<NAME>`."""

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PrivateAttr
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from flowml.data.format import Limits
from flowml.domain.access.hosts import is_loopback, parse_host
from flowml.machine import ollama


def default_home() -> Path:
    return Path.home() / ".flowml"


def split_origin(text: str) -> tuple[str | None, str, int | None]:
    """Scheme, name and port of `name`, `name:port` or `https://name`; what is not said is None. Raises ValueError.

    >>> split_origin("https://ml.example.com"), split_origin("10.0.0.7:8000")
    (('https', 'ml.example.com', None), (None, '10.0.0.7', 8000))
    """
    parts = re.fullmatch(r"(?:(https?)://)?([^/]+)/?", text.lower())
    found = None if parts is None else parse_host(parts[2])
    if parts is None or found is None:
        raise ValueError(f"“{text}” is no name of a machine, such as ml.example.com or https://ml.example.com")
    return parts[1], *found


def _as_hosts(value: object) -> object:
    """What is set is one text, with commas between its parts."""
    parts = [part.strip() for part in value.split(",")] if isinstance(value, str) else value
    if isinstance(parts, list | tuple):
        parts = tuple(part for part in parts if part)
        for part in parts:
            split_origin(str(part))
    return parts


def _as_address(value: object) -> object:
    """An empty one is none."""
    if not isinstance(value, str) or not value.strip():
        return None if isinstance(value, str) else value
    ollama.parse(value)
    return value.strip()


class Origin(StrEnum):
    """Where the value of a setting is from, the one that wins first."""

    ARGUMENT = "argument"
    ENVIRONMENT = "environment"
    DEFAULT = "default"


class Settings(BaseSettings):
    """Read from the environment; arguments of the command line win."""

    model_config = SettingsConfigDict(env_prefix="FLOWML_", extra="ignore")

    home: Path = Field(default_factory=default_home, description="folder that holds everything FlowML stores")
    host: str = Field(
        "127.0.0.1", description="address to listen on; any other than this machine's own takes an admin token first"
    )
    port: int = Field(8000, ge=0, le=65535, description="port to listen on")
    allowed_hosts: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_as_hosts)] = Field(
        (),
        description="further names to answer under, separated by commas: ml.example.com, or https://ml.example.com"
        " behind a proxy that speaks HTTPS; this machine's own name and addresses need not be named",
    )
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
    ollama_url: Annotated[str | None, BeforeValidator(_as_address)] = Field(
        None, description="address of an Ollama server for the assistant; none is used unless set"
    )
    ollama_model: str | None = Field(
        None,
        max_length=200,
        description="which of its models answers, as long as nobody has chosen another one on this page",
    )

    _as_arguments: frozenset[str] = PrivateAttr(frozenset())

    def __init__(self, **arguments: Any):
        super().__init__(**arguments)
        self._as_arguments = frozenset(arguments)

    def origin(self, name: str) -> Origin:
        """Where the value of a setting is from."""
        if name in self._as_arguments:
            return Origin.ARGUMENT
        return Origin.ENVIRONMENT if name in self.model_fields_set else Origin.DEFAULT

    @property
    def needs_credentials(self) -> bool:
        """Whether everyone has to say who they are: wherever others than this machine's own users can be. Who has a
        further name is asked for from elsewhere, by way of a proxy."""
        return any(
            not is_loopback(name) for name in (self.host, *(split_origin(text)[1] for text in self.allowed_hosts))
        )

    @property
    def max_upload_bytes(self) -> int:
        return self.max_upload_mb * 1_000_000
