"""Data sets from upload to deletion, with a real store and a real importer."""

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from flowml.domain.datasets import Ingested, Role
from flowml.domain.distributions import Categories, Histogram
from flowml.domain.errors import InvalidInput, NotFound, NotReady, TooLarge, UnreadableFile, WrongState
from flowml.domain.jobs import JobSpec, JobStatus
from flowml.services import datasets, figures, previews
from flowml.services.context import Context
from flowml.services.settings import Settings
from flowml.store.store import Store
from tests.services.records import hold_all_turns
from tests.web.serving import until

CSV = b"PassengerId,Sex,Age,Survived\n" + b"".join(
    f"{i},{('male', 'female')[i % 2]},{20 + i % 7 if i % 5 else ''},{i % 2}\n".encode() for i in range(1, 41)
)


class CountingTrainers:
    """Counts how often it is told that training is likely."""

    def __init__(self) -> None:
        self.warmed = 0

    def warm_up(self) -> None:
        self.warmed += 1

    def nudge(self) -> None:
        pass


@pytest.fixture
def trainers() -> CountingTrainers:
    return CountingTrainers()


@pytest.fixture
def context(tmp_path: Path, trainers: CountingTrainers) -> Iterator[Context]:
    store = Store(tmp_path / "home", now=1.0)
    settings = Settings(home=tmp_path / "home", max_rows=100, import_timeout_seconds=60)
    yield Context(settings=settings, store=store, clock=lambda: 42.0, trainers=trainers)
    store.close()


def upload(
    context: Context, tmp_path: Path, content: bytes = CSV, filename: str = "people.csv", name: str | None = None
):  # type: ignore[no-untyped-def]
    path = tmp_path / "upload"
    path.write_bytes(content)
    return datasets.import_file(context, path, filename=filename, name=name, options={})


def test_a_file_becomes_a_data_set(context: Context, tmp_path: Path, trainers: CountingTrainers) -> None:
    dataset = upload(context, tmp_path)
    assert datasets.get_dataset(context, dataset.id) == dataset
    assert datasets.list_datasets(context, 10, 0) == ([dataset], 1)
    assert (dataset.name, dataset.filename, dataset.format) == ("people", "people.csv", "csv")
    assert (dataset.n_rows, dataset.n_columns, dataset.size_bytes) == (40, 4, len(CSV))
    assert dataset.sha256 == hashlib.sha256(CSV).hexdigest()
    assert dataset.created_at == 42.0
    assert [column.role for column in dataset.columns] == [
        Role.IDENTIFIER,
        Role.CATEGORICAL,
        Role.NUMERIC,
        Role.BOOLEAN,
    ]
    assert trainers.warmed == 1
    (event,) = context.store.events.since(0, ["system"])
    assert (event.type, event.data["level"]) == ("system_event", "info")
    assert "people" in event.data["detail"]
    assert not list(context.store.home.temporary.iterdir())


def test_what_is_in_it(context: Context, tmp_path: Path) -> None:
    dataset = upload(context, tmp_path, name="People of the ship")
    assert dataset.name == "People of the ship"
    page = previews.preview(context, dataset.id, limit=2, sort="Age", descending=True, search="female")
    assert (page.columns[0], page.total, len(page.rows)) == ("PassengerId", 20, 2)
    stats = {column.name: column for column in figures.stats(context, dataset.id)}
    assert (stats["Age"].missing, stats["Sex"].top[0].count) == (8, 20)
    assert figures.correlation(context, dataset.id, "pearson").columns == ("Age", "Survived")
    assert isinstance(figures.distribution(context, dataset.id, "Age"), Histogram)
    assert isinstance(figures.distribution(context, dataset.id, "Survived"), Categories)


def test_what_is_not_there_is_said(context: Context, tmp_path: Path) -> None:
    dataset = upload(context, tmp_path)
    for call in (datasets.get_dataset, previews.preview, figures.stats, figures.correlation, datasets.delete_dataset):
        with pytest.raises(NotFound):
            call(context, "nothing")
    with pytest.raises(NotFound, match="no column “age”"):
        figures.distribution(context, dataset.id, "age")
    with pytest.raises(InvalidInput) as error:
        previews.preview(context, dataset.id, sort="age")
    assert error.value.fields[0].field == "sort"
    with pytest.raises(InvalidInput, match="spearman"):
        figures.correlation(context, dataset.id, "kendall")


@pytest.mark.parametrize(
    ("content", "error"), [(b"", UnreadableFile), (b"PAR1junk", UnreadableFile), (b"a\n" + b"1\n" * 200, TooLarge)]
)
def test_a_refused_file_leaves_nothing(
    context: Context, tmp_path: Path, trainers: CountingTrainers, content: bytes, error: type[Exception]
) -> None:
    with pytest.raises(error):
        upload(context, tmp_path, content)
    assert datasets.list_datasets(context, 10, 0) == ([], 0)
    assert not list(context.store.home.temporary.iterdir())


def test_a_name_is_never_a_path(context: Context, tmp_path: Path) -> None:
    dataset = upload(context, tmp_path, filename="..\\..\\etc/pass\x00wd.csv")
    assert (dataset.filename, dataset.name) == ("passwd.csv", "passwd")
    assert [upload(context, tmp_path, filename="/").name for _ in range(2)] == ["upload", "upload 2"]


def test_a_file_is_read_again_in_another_way(context: Context, tmp_path: Path) -> None:
    content = b"a;b\n1,5;x\n2,5;y\n"
    first = upload(context, tmp_path, content)
    assert [(column.name, column.dtype) for column in first.columns] == [("a", "Float64"), ("b", "String")]
    title, options = datasets.reading_options(context, first.id)
    shown = {option.name: option for option in options}
    assert title.startswith("CSV")
    assert (shown["delimiter"].given, shown["delimiter"].decided) == (None, ";")
    assert shown["header"].kind in ("flag", "text")

    second = datasets.read_again(context, first.id, {"delimiter": ";", "header": False})
    assert second.id != first.id
    assert (second.sha256, second.source, second.parent_id) == (first.sha256, first.source, None)
    assert previews.preview(context, second.id).rows[0] == ("a", "b")
    assert datasets.get_dataset(context, first.id) == first
    again = {option.name: option.given for option in datasets.reading_options(context, second.id)[1]}
    assert (again["delimiter"], again["header"]) == (";", False)

    with pytest.raises(InvalidInput) as refused:
        datasets.read_again(context, first.id, {"delimitter": ","})
    assert refused.value.fields[0].field == "options.delimitter"
    # The file belongs to both: it stays as long as one of them does.
    datasets.delete_dataset(context, first.id)
    assert first.source is not None and context.store.files.has(first.source)
    datasets.delete_dataset(context, second.id)
    assert not context.store.files.has(first.source)


def test_a_data_set_that_goes_while_its_file_is_read_again_leaves_nothing(
    context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, read = upload(context, tmp_path), datasets._read

    def meanwhile(*arguments: Any) -> Ingested:
        found = read(*arguments)
        datasets.delete_dataset(context, first.id)
        return found

    monkeypatch.setattr(datasets, "_read", meanwhile)
    with pytest.raises(NotFound):
        datasets.read_again(context, first.id, {"header": False})
    assert datasets.list_datasets(context, 10, 0) == ([], 0)


def test_a_table_that_was_not_read_from_a_kept_file_cannot_be_read_again(context: Context, tmp_path: Path) -> None:
    dataset = replace(upload(context, tmp_path), id="made", source=None)
    context.store.datasets.add(dataset, ())
    with pytest.raises(WrongState, match="not kept"):
        datasets.read_again(context, "made", {})


def test_reading_ends_when_nobody_waits_for_it(context: Context, tmp_path: Path) -> None:
    left = Event()
    left.set()
    path = tmp_path / "upload"
    path.write_bytes(CSV)
    with pytest.raises(NotReady, match="cancelled"):
        datasets.import_file(context.until(left), path, filename="a.csv", name=None, options={})
    assert datasets.list_datasets(context, 10, 0) == ([], 0)


def test_what_is_prepared_for_later_pages_goes_on_when_the_first_reader_has_left(
    context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(previews, "_BIG_CELLS", 10)
    dataset = upload(context, tmp_path)
    left = Event()
    left.set()
    with ExitStack() as held:
        # However much others ask for: it is behind them all, and in the way of none.
        hold_all_turns(held)
        assert previews.preview(context.until(left), dataset.id).total == 40
        lines = context.store.files.cached(f"lines-{dataset.table}")
        assert until(lines.exists, 20)


def test_rows_that_are_kept_to_be_quicker_are_made_again_where_they_are_damaged(
    context: Context, tmp_path: Path
) -> None:
    dataset = upload(context, tmp_path)
    pages = [previews.preview(context, dataset.id, sort="Age", limit=3)]
    context.store.files.cached(f"lines-{dataset.table}").write_bytes(b"{}" * 100)
    pages.append(previews.preview(context, dataset.id, sort="Age", limit=3))
    assert pages[0] == pages[1] and pages[0].total == 40


def test_a_data_set_in_use_is_not_deleted(context: Context, tmp_path: Path) -> None:
    dataset = upload(context, tmp_path)
    job = context.store.jobs.add(JobSpec(dataset.id, "Survived"), "run", 1.0)
    with pytest.raises(WrongState, match="“people” cannot be deleted while a training run is using it"):
        datasets.delete_dataset(context, dataset.id)
    assert previews.preview(context, dataset.id).total == 40
    context.store.jobs.update(job.id, status=JobStatus.CANCELLED)
    datasets.delete_dataset(context, dataset.id)
    with pytest.raises(NotFound):
        datasets.get_dataset(context, dataset.id)


def test_a_file_that_takes_far_more_memory_than_its_size_explains_is_unreadable(
    context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flowml.data.ceiling._LEAST", 1 << 20)
    with pytest.raises(UnreadableFile, match="far more memory"):
        upload(context, tmp_path)
    assert datasets.list_datasets(context, 10, 0) == ([], 0)


def test_a_data_set_is_stored_with_its_files_or_not_at_all(
    context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise NotReady("The disk is full.")

    kept = upload(context, tmp_path, b"a,b\n1,2\n3,4\n")
    files = {*context.store.home.files.glob("??/*")}
    with monkeypatch.context() as patch:
        # The last step of all: nothing is told of what is not there, and nothing is there of which nothing is told.
        patch.setattr(datasets, "tell_system", full)
        for content in (CSV, b"a,b\n1,2\n3,4\n"):
            with pytest.raises(NotReady):
                upload(context, tmp_path, content)
        with pytest.raises(NotReady):
            datasets.delete_dataset(context, kept.id)
    assert datasets.list_datasets(context, 10, 0) == ([kept], 1)
    assert {*context.store.home.files.glob("??/*")} == files and len(files) == 2
    assert context.store.files.strays().files == ()
    assert upload(context, tmp_path).n_rows == 40
