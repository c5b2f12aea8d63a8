"""Figures are computed once, in a child process where the table is big, and kept."""

import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from flowml.data import child
from flowml.domain.datasets import Dataset, Severity
from flowml.domain.distributions import Categories, Histogram
from flowml.domain.errors import InvalidInput, NotFound
from flowml.services import datasets, figures
from flowml.services.context import Context
from flowml.services.settings import Settings
from flowml.store.store import Store
from tests.services.records import QuietTrainers

CSV = "PassengerId,Sex,Age,Fare,Survived,since\n" + "".join(
    f"{at},{('male', 'female')[at % 2]},{20 + at % 37 if at % 5 else ''},{at * 7 % 91}.5,{int(at % 2 or at % 9 == 0)},"
    f"2020-{at % 12 + 1:02}-01\n"
    for at in range(1, 201)
)


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    home = tmp_path_factory.mktemp("home")
    store = Store(home, now=1.0)
    yield Context(Settings(home=home), store, lambda: 1_717_200_000.0, QuietTrainers())
    store.close()


@pytest.fixture(scope="module")
def dataset(context: Context, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    path = tmp_path_factory.mktemp("uploads") / "people.csv"
    path.write_text(CSV)
    return datasets.import_file(context, path, filename="people.csv", name=None, options={})


@pytest.fixture
def tasks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tasks that a child process was started for."""
    started: list[str] = []
    perform: Callable[..., dict[str, Any]] = child.Child.perform

    def counted(process: child.Child, task: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
        started.append(task)
        return perform(process, task, *args, **kwargs)

    monkeypatch.setattr(child.Child, "perform", counted)
    return started


QUESTIONS: dict[str, Callable[[Context, str], Any]] = {
    "correlation": lambda context, id: figures.correlation(context, id, "spearman"),
    "relations": lambda context, id: figures.relations(context, id, "Survived"),
    "relation": lambda context, id: figures.relation(context, id, "Age", "Fare"),
    "quality": lambda context, id: figures.quality(context, id, "Survived"),
}


@pytest.mark.parametrize("task", QUESTIONS)
def test_a_figure_is_computed_once(context: Context, dataset: Dataset, tasks: list[str], task: str) -> None:
    first = QUESTIONS[task](context, dataset.id)
    assert tasks == [task]
    assert QUESTIONS[task](context, dataset.id) == first
    assert tasks == [task]


def test_those_who_ask_at_once_wait_for_one_answer(context: Context, dataset: Dataset, tasks: list[str]) -> None:
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: figures.relations(context, dataset.id, "Fare"), range(4)))
    assert tasks == ["relations"]
    assert answers == [answers[0]] * 4


def test_the_usual_distributions_are_known_from_the_import(
    context: Context, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(context.store.files), "path", lambda *_: Path("/nowhere"))
    age = figures.distribution(context, dataset.id, "Age")
    assert isinstance(age, Histogram)
    assert sum(age.counts) + age.missing == 200
    assert isinstance(figures.distribution(context, dataset.id, "Sex"), Categories)


def test_other_bins_are_counted_when_asked_for(context: Context, dataset: Dataset, tasks: list[str]) -> None:
    asked = [figures.distribution(context, dataset.id, "Fare", bins=7) for _ in range(2)]
    assert asked[0] == asked[1] and len(asked[0].counts) == 7
    assert tasks == ["distribution"]
    with pytest.raises(InvalidInput):
        figures.distribution(context, dataset.id, "Fare", bins=0)


def test_findings_are_about_the_table_and_the_target(context: Context, dataset: Dataset) -> None:
    plain, aimed = figures.quality(context, dataset.id), figures.quality(context, dataset.id, "Survived")
    assert (plain.target, aimed.target) == (None, "Survived")
    found = {issue.code: issue for issue in aimed.issues}
    assert (found["identifier"].columns, found["identifier"].severity) == (("PassengerId",), Severity.INFO)
    assert found["missing-values"].operations == ({"op": "fill", "column": "Age", "with": "median"},)
    assert "leakage" not in {issue.code for issue in plain.issues}


def test_what_is_not_there_is_said(context: Context, dataset: Dataset) -> None:
    for question in QUESTIONS.values():
        with pytest.raises(NotFound):
            question(context, "nothing")
    with pytest.raises(NotFound, match="no column “age”"):
        figures.relation(context, dataset.id, "age", "Survived")
    for call in (figures.quality, figures.relations):
        with pytest.raises(InvalidInput, match="no column “age”") as error:
            call(context, dataset.id, "age")
        assert error.value.fields[0].field == "target"
        assert error.value.hint == "Did you mean “Age”?"
    with pytest.raises(InvalidInput, match="dates"):
        figures.relations(context, dataset.id, "since")


def test_names_of_columns_cannot_be_mistaken_for_each_other(context: Context, tmp_path: Path) -> None:
    path = tmp_path / "odd.csv"
    path.write_text("a,a:b,b:c,c\n" + "".join(f"{at},{at * 3 % 7},{at % 2},{at % 5}\n" for at in range(60)))
    odd = datasets.import_file(context, path, filename="odd.csv", name=None, options={})
    pairs = [("a", "b:c"), ("a:b", "c")]
    drawn = [figures.relation(context, odd.id, column, target) for column, target in pairs]
    assert [(found["column"], found["target"]) for found in drawn] == pairs


def test_stats_of_fifty_columns_take_no_time(context: Context, tmp_path: Path) -> None:
    path = tmp_path / "wide.csv"
    rows = [
        [f"{at * 7 % (3 + column)}.5" if column % 2 else f"c{at % (3 + column)}" for column in range(50)]
        for at in range(300)
    ]
    path.write_text("\n".join(",".join(row) for row in [[f"x{column}" for column in range(50)], *rows]))
    wide = datasets.import_file(context, path, filename="wide.csv", name=None, options={})
    seconds = []
    for _ in range(5):
        started = time.perf_counter()
        found = figures.stats(context, wide.id)
        seconds.append(time.perf_counter() - started)
    assert len(found) == 50
    assert all(item.reason for item in found)
    assert min(seconds) < 0.02


def test_statistics_without_a_reason_are_still_read(context: Context, dataset: Dataset) -> None:
    with closing(sqlite3.connect(context.store.home.database)) as database, database:
        (stats,) = database.execute("SELECT stats FROM datasets WHERE id = ?", (dataset.id,)).fetchone()
        old = [{key: value for key, value in item.items() if key != "reason"} for item in json.loads(stats)]
        database.execute("UPDATE datasets SET stats = ? WHERE id = ?", (json.dumps(old), dataset.id))
    assert [item.reason for item in figures.stats(context, dataset.id)] == [None] * 6
