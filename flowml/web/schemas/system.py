"""The server itself."""

from flowml.web.schemas.base import Answer


class Health(Answer):
    status: str


class Readiness(Health):
    notices: list[str]


class PredictionFigures(Answer):
    """Rows predicted since the server started, and how long one request took."""

    total: int
    p50_ms: float | None
    p95_ms: float | None


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
