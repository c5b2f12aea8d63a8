"""Health, figures, and a light start."""

import re
import subprocess
import sys

from tests.web.serving import Served

HEAVY = ("catboost", "lightgbm", "numpy", "optuna", "pandas", "polars", "sklearn", "xgboost")


def test_it_says_that_it_lives_and_that_it_is_ready(server: Served) -> None:
    assert server.client.get("/healthz").json() == {"status": "ok"}
    assert server.client.get("/readyz").json() == {"status": "ready", "notices": []}


def test_the_figures_are_those_of_this_machine(server: Served) -> None:
    stats = server.client.get("/api/stats").json()

    assert set(stats["jobs"]) == {"queued", "running", "completed", "failed", "cancelled"}
    assert stats["predictions"] == {"total": 0, "p50_ms": None, "p95_ms": None, "by_model": []}
    for usage in (stats["memory"], stats["disk"]):
        assert 0 < usage["used_bytes"] <= usage["total_bytes"]
    assert 0 <= stats["cpu_percent"] <= 100
    assert stats["uptime_seconds"] > 0
    assert re.fullmatch(r"\d+\.\d+\.\d+", stats["version"])


def test_prometheus_can_read_the_metrics(server: Served) -> None:
    server.store.workers.register_local("this machine", ("cpu",), 2, {}, 1_000.0)
    answer = server.client.get("/metrics")
    line = re.compile(r'(# (HELP|TYPE) \w+ .+|[a-z_]+(\{\w+="[^"]*"(,\w+="[^"]*")*\})? -?[0-9.e+-]+)')

    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert answer.text.endswith("\n")
    assert [text for text in answer.text.splitlines() if not line.fullmatch(text)] == []
    assert 'flowml_jobs{status="queued"} 0' in answer.text
    assert 'flowml_workers{status="online"} 1' in answer.text
    assert 'flowml_queue_trials{queue="cpu",state="waiting"} 0' in answer.text


def test_the_web_application_starts_without_the_engine() -> None:
    code = f"import flowml.web.application, sys; print([name for name in {HEAVY} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert run.stdout.strip() == "[]"
