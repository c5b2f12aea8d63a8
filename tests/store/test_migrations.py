"""A database of an older version becomes one of this version, in whole steps."""

import json
import sqlite3
from pathlib import Path

import pytest

from flowml.domain.caller import LOCAL_OWNER
from flowml.store.migrations import MIGRATIONS, Migration, migrate


def test_migrations_are_each_all_or_nothing(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "db", isolation_level=None)
    good = Migration(1, "good", ("CREATE TABLE one (a)",))
    bad = Migration(2, "bad", ("CREATE TABLE two (a)", "NONSENSE"))
    with pytest.raises(sqlite3.OperationalError):
        migrate(connection, 1.0, (good, bad))
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
    assert "one" in tables and "two" not in tables
    migrate(connection, 1.0, (good,))


def test_runs_of_an_older_version_keep_their_number(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "old.sqlite", isolation_level=None) as connection:
        migrate(connection, 1.0, MIGRATIONS[:3])
        for job, details in (("told", {"estimate": {"score": 0.8, "low": 0.7, "high": 0.9}}), ("untold", {})):
            columns = "id, name, dataset_id, spec, status, stage, progress, message, time_budget_seconds"
            connection.execute(
                f"INSERT INTO jobs ({columns}, elapsed_seconds, best_score, best_model_id, priority, created_at)"
                " VALUES (?, '', 'd', '{}', 'completed', 'done', 100, '', 10, 10, 0.85, ?, 0, 1)",
                (job, job),
            )
            table = {row[1]: "" if row[2] == "TEXT" else 0 for row in connection.execute("PRAGMA table_info(models)")}
            values = table | {"id": job, "job_id": job, "trial_id": None, "details": json.dumps(details)}
            marks = ", ".join("?" * len(values))
            connection.execute(f"INSERT INTO models ({', '.join(values)}) VALUES ({marks})", list(values.values()))
        migrate(connection, 2.0)
        found = dict(connection.execute("SELECT id, best_score FROM jobs"))
        kept = dict(connection.execute("SELECT id, json_extract(estimate, '$.low') FROM jobs"))
        owners = connection.execute("SELECT owner FROM jobs UNION ALL SELECT owner FROM models").fetchall()
    assert found == {"told": 0.8, "untold": 0.85}
    assert kept == {"told": 0.7, "untold": None}
    assert owners == [(LOCAL_OWNER.identifier,)] * 4
