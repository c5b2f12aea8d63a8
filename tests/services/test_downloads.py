"""Downloads are written once for all who ask, and are whole."""

import csv
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from flowml.domain.datasets import Dataset
from flowml.domain.errors import NotReady
from flowml.services import datasets, downloads, tables
from flowml.services.context import Context
from flowml.services.housekeeping import keep_house
from flowml.services.settings import Settings
from flowml.store.store import Store
from tests.services.records import QuietTrainers

CSV = "a,b\n" + "".join(f"{at},x{at % 7}\n" for at in range(300))


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    home = tmp_path_factory.mktemp("home")
    store = Store(home, now=1.0)
    yield Context(Settings(home=home), store, time.time, QuietTrainers())
    store.close()


@pytest.fixture(scope="module")
def dataset(context: Context, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    path = tmp_path_factory.mktemp("uploads") / "letters.csv"
    path.write_text(CSV)
    return datasets.import_file(context, path, filename="letters.csv", name=None, options={})


def test_many_who_ask_get_the_file_that_one_has_written(
    context: Context, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []

    def counted(context: Context, task: str, request: dict[str, Any], **more: Any) -> Any:
        written.append(request["format"])
        return tables.run_task(context, task, request, **more)

    monkeypatch.setattr(downloads, "run_task", counted)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: downloads.download(context, dataset.id, "csv"), range(8)))
    assert written == ["csv"] and len(set(found)) == 1
    with found[0].path.open(newline="") as file:
        assert list(csv.reader(file)) == list(csv.reader(CSV.splitlines()))
    assert (found[0].filename, found[0].media_type) == ("letters.csv", "text/csv; charset=utf-8")

    # It stays while it is asked for, and does not stay for ever.
    keep_house(context, time.time)
    assert downloads.download(context, dataset.id, "csv").path.exists() and written == ["csv"]
    context.store.files.remove_unused(time.time() + 10)
    assert downloads.download(context, dataset.id, "csv").path.exists() and written == ["csv", "csv"]


def test_of_many_the_latest_stay_and_none_when_the_table_is_gone(
    context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "more.csv"
    path.write_text("a\n" + "".join(f"{at}\n" for at in range(50)))
    more = datasets.import_file(context, path, filename="more.csv", name=None, options={})
    csv_file = downloads.download(context, more.id, "csv")
    monkeypatch.setattr(downloads, "_MOST_BYTES", csv_file.path.stat().st_size)
    jsonl_file = downloads.download(context, more.id, "jsonl")
    assert not csv_file.path.exists() and jsonl_file.path.exists()
    assert csv_file.etag != jsonl_file.etag and downloads.download(context, more.id, "csv").etag == csv_file.etag
    datasets.delete_dataset(context, more.id)
    assert not csv_file.path.exists() and not jsonl_file.path.exists()


def test_what_could_not_be_written_is_not_kept(
    context: Context, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(context: Context, task: str, request: dict[str, Any], **more: Any) -> Any:
        Path(request["target"]).write_text("half")
        raise NotReady("Nobody waits for the answer any more.")

    with monkeypatch.context() as patch:
        patch.setattr(downloads, "run_task", half)
        with pytest.raises(NotReady):
            downloads.download(context, dataset.id, "jsonl")
    assert len(downloads.download(context, dataset.id, "jsonl").path.read_text().splitlines()) == 300
    assert not list(context.store.home.temporary.iterdir())
