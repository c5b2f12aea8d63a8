"""What is stored belongs to whoever asked for it."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from flowml.domain.access.caller import LOCAL_OWNER, Permission, Principal
from flowml.domain.jobs import JobSpec
from flowml.services import datasets, jobs, versions
from flowml.services.context import Context
from flowml.services.settings import Settings
from flowml.store.store import Store
from tests.services.records import QuietTrainers, add_job, add_model

CSV = b"age,bought\n" + b"".join(b"%d,%s\n" % (at % 7, b"yes" if at % 3 else b"no") for at in range(40))
SOMEBODY = Principal("somebody", frozenset({Permission.READ, Permission.WRITE}))


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    store = Store(tmp_path / "home", now=1.0)
    yield Context(Settings(home=tmp_path / "home"), store, time.time, QuietTrainers())
    store.close()


def test_data_sets_jobs_and_models_are_theirs_who_made_them(context: Context, tmp_path: Path) -> None:
    theirs = context.of(SOMEBODY)
    path = tmp_path / "upload"
    path.write_bytes(CSV)
    first = datasets.import_file(context, path, filename="people.csv", name=None, options={})
    again = datasets.read_again(theirs, first.id, {})
    version = versions.apply_transform(theirs, first.id, [{"op": "drop", "columns": ["age"]}])
    job = jobs.start_job(theirs, JobSpec(again.id, "bought"))
    # Conductors act for the owner of their job.
    add_model(context.store, job, "theirs", 0.9)
    add_model(context.store, add_job(context.store), "mine", 0.9)

    assert datasets.get_dataset(context, first.id).owner == LOCAL_OWNER.identifier
    for dataset in (again, version):
        assert dataset.owner == datasets.get_dataset(context, dataset.id).owner == "somebody"
    assert job.owner == jobs.get_job(context, job.id).owner == "somebody"
    with closing(sqlite3.connect(context.store.home.database)) as connection:
        assert dict(connection.execute("SELECT id, owner FROM models")) == {"theirs": "somebody", "mine": "owner"}
