"""The server itself."""

from pydantic import Field

from flowml.services.settings import Origin
from flowml.web.schemas.base import Answer, Listing


class Health(Answer):
    status: str


class Readiness(Health):
    notices: list[str]


class ModelFigures(Answer):
    """Of one model since the server started; `model_id` is “other” for those that were asked least, and for requests
    that named none that there is."""

    model_id: str
    requests: int = Field(description="answered ones, of one row or many, by whatever protocol")
    rows: int
    errors: int = Field(description="requests that were answered by an error")
    p50_ms: float | None = Field(description="of the latest requests")
    p95_ms: float | None


class PredictionFigures(Answer):
    """Rows predicted since the server started, and how long one request took."""

    total: int
    p50_ms: float | None
    p95_ms: float | None
    by_model: list[ModelFigures] = Field(description="the model that was asked most first")


class Usage(Answer):
    used_bytes: int
    total_bytes: int


class GPU(Answer):
    name: str
    memory_used_bytes: int
    memory_total_bytes: int
    utilization_percent: float | None


class ChildProcess(Answer):
    kind: str
    pid: int
    job_id: str | None
    trial_id: str | None


class SystemStats(Answer):
    datasets: int
    jobs: dict[str, int]
    models: int
    predictions: PredictionFigures
    cpu_percent: float
    memory: Usage
    disk: Usage
    gpus: list[GPU]
    processes: list[ChildProcess]
    uptime_seconds: float
    version: str


class Setting(Answer):
    """A setting as it is in force: what was set or is the default, the same in words, and where it comes from."""

    name: str
    value: str | int | float | None
    shown: str
    unit: str | None
    meaning: str
    origin: Origin
    variable: str
    option: str | None


class SettingList(Listing[Setting]):
    """All of them. They are set when the server is started."""
