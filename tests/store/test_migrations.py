"""A database of an older version becomes one of this version, in whole steps."""

import json
import sqlite3
from pathlib import Path

import pytest

from flowml.domain.access.caller import LOCAL_OWNER
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
        for job, details in (
            ("told", {"estimate": {"score": 0.8, "low": 0.7, "high": 0.9}}),
            ("untold", {"fast_model_id": "twin"}),
        ):
            columns = "id, name, dataset_id, spec, status, stage, progress, message, time_budget_seconds"
            connection.execute(
                f"INSERT INTO jobs ({columns}, elapsed_seconds, best_score, best_model_id, priority, created_at)"
                " VALUES (?, '', 'd', '{\"target\": \"t\"}', 'completed', 'done', 100, '', 10, 10, 0.85, ?, 0, 1)",
                (job, job),
            )
            table = {row[1]: "" if row[2] == "TEXT" else 0 for row in connection.execute("PRAGMA table_info(models)")}
            values = table | {"id": job, "job_id": job, "trial_id": None, "classes": '["no", "yes"]'}
            values["details"] = json.dumps(details)
            marks = ", ".join("?" * len(values))
            connection.execute(f"INSERT INTO models ({', '.join(values)}) VALUES ({marks})", list(values.values()))
        migrate(connection, 2.0)
        found = dict(connection.execute("SELECT id, best_score FROM jobs"))
        kept = dict(connection.execute("SELECT id, json_extract(estimate, '$.low') FROM jobs"))
        shown = connection.execute("SELECT fast_model_id, positive_class, target FROM jobs ORDER BY id").fetchall()
        owners = connection.execute("SELECT owner FROM jobs UNION ALL SELECT owner FROM models").fetchall()
    assert found == {"told": 0.8, "untold": 0.85}
    assert kept == {"told": 0.7, "untold": None}
    assert shown == [(None, "yes", "t"), ("twin", "yes", "t")]
    assert owners == [(LOCAL_OWNER.identifier,)] * 4


def test_runs_of_an_older_version_keep_their_log_and_when_trials_ended(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "old.sqlite", isolation_level=None) as connection:
        migrate(connection, 1.0, MIGRATIONS[:6])
        columns = "id, name, dataset_id, spec, status, stage, progress, message, time_budget_seconds, elapsed_seconds"
        connection.execute(
            f"INSERT INTO jobs ({columns}, priority, created_at, started_at)"
            " VALUES ('j', '', 'd', '{}', 'completed', 'done', 100, '', 40, 39, 0, 100, 100)"
        )
        for number, (status, at) in enumerate((("finished", 112.0), ("failed", 113.0), ("finished", 900.0))):
            connection.execute(
                "INSERT INTO trials (id, job_id, number, algorithm, params, origin, status, deadline_at, queued_at,"
                " finished_at) VALUES (?, 'j', ?, 'ridge', '{}', 'portfolio', ?, 0, 0, ?)",
                (str(number), number, status, at),
            )
        for room, type, data in (
            ("job:j", "log", {"level": "info", "message": "first"}),
            ("job:j", "job_update", {}),
            ("job:other", "log", {}),
            ("job:j", "champion", {"score": 0.9}),
        ):
            connection.execute(
                "INSERT INTO events (room, type, at, data) VALUES (?, ?, 130, ?)", (room, type, json.dumps(data))
            )
        migrate(connection, 2.0)
        ended = [row[0] for row in connection.execute("SELECT elapsed_seconds FROM trials ORDER BY number")]
        kept = [json.loads(row[0]) for row in connection.execute("SELECT data FROM history ORDER BY event_id")]
    assert ended == [12.0, None, 39.0]
    assert kept[0]["message"] == "first" and kept[1] == {"score": 0.9, "elapsed_seconds": 30.0}
    assert len(kept) == 2


def test_ideas_that_were_tried_before_are_counted_for_all_versions(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "old.sqlite", isolation_level=None) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        migrate(connection, 1.0, MIGRATIONS[:33])

        def add(dataset_id: str, parent: str | None, table: str, root: str | None) -> None:
            info = connection.execute("PRAGMA table_info(datasets)")
            values = {row[1]: "" if row[2] == "TEXT" else 0 for row in info if row[3] or row[5]}
            values |= {"id": dataset_id, "parent_id": parent, "table_file": table, "root_table_file": root}
            marks = ", ".join("?" * len(values))
            connection.execute(f"INSERT INTO datasets ({', '.join(values)}) VALUES ({marks})", list(values.values()))

        def tried(dataset_id: str, status: str) -> None:
            connection.execute(
                "INSERT INTO tries (id, dataset_id, key, target, request, status, created_at)"
                " VALUES (hex(randomblob(8)), ?, hex(randomblob(8)), 'y', '{}', ?, 1)",
                (dataset_id, status),
            )

        add("a", None, "t1", None)
        add("b", "a", "t2", "t1")
        # Made by code, it starts from nothing but itself.
        add("c", "b", "t3", None)
        add("other", None, "t9", None)
        for one in ("a", "b", "c", "other"):
            tried(one, "finished")
            tried(one, "stopped")
        migrate(connection, 2.0)
        connection.execute("DELETE FROM datasets WHERE id IN ('a', 'b')")
        add("d", "c", "t4", None)
        families = dict(connection.execute("SELECT id, family FROM datasets"))
        counts = dict(connection.execute("SELECT family, COUNT(*) FROM ideas_tried GROUP BY family"))
        connection.execute("DELETE FROM datasets WHERE id IN ('c', 'd')")
        left = [row[0] for row in connection.execute("SELECT family FROM ideas_tried")]
    assert families == {"c": "t1", "d": "t1", "other": "t9"}
    assert counts == {"t1": 3, "t9": 1}
    assert left == ["t9"]


def test_of_answers_from_before_it_is_known_what_was_told_where_nobody_has_decided_anything(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "old.sqlite", isolation_level=None) as connection:
        migrate(connection, 1.0, MIGRATIONS[:34])
        for dataset_id in ("never", "once"):
            connection.execute(
                "INSERT INTO messages (id, dataset_id, owner, speaker, text, state, created_at, model)"
                " VALUES (?1, ?1, '', 'assistant', 'Yes.', 'complete', 1, 'm')",
                (dataset_id,),
            )
        connection.execute(
            "INSERT INTO sharing (dataset_id, ordinary, columns, changed_at, changed_by)"
            " VALUES ('once', 0, '{}', 1, '')"
        )
        migrate(connection, 2.0)
        found = dict(connection.execute("SELECT id, values_of FROM messages").fetchall())
    assert found == {"never": "[]", "once": None}
