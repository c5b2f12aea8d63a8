"""A file is answered in pieces as it is answered at once: the same rows, true places, a whole file or none."""

import io
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from flowml.automl.files import scoring
from flowml.automl.files.drift import bins_of, psi, psi_by_chance, reference_of, verdict
from flowml.automl.files.scoring import Cancelled, Progress, Reporting, score_file
from flowml.automl.model.batch import expected_columns, predict_table
from flowml.automl.model.model import FittedModel
from flowml.data import batches
from flowml.data.delimited.rows import structure
from flowml.data.expected import read_expected
from flowml.data.format import Limits
from flowml.data.formats import jsonlines
from flowml.domain.errors import InvalidInput, TooLarge, UnreadableFile
from tests.automl.files.models import N_ROWS, customers, model_of_customers, new_customers

ODD = {5: {"age": "old"}, 400: {"city": "Rome"}, 401: {"age": "very old", "city": "Rome"}, 650: {"age": "old"}}
READERS: dict[str, Callable[[Path], pl.DataFrame]] = {
    "csv": pl.read_csv,
    "jsonl": pl.read_ndjson,
    "parquet": pl.read_parquet,
    "arrow": pl.read_ipc,
}


@pytest.fixture(scope="module")
def model() -> FittedModel:
    return model_of_customers("spent")


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of some hundred rows are large, and have several pieces."""
    monkeypatch.setattr(jsonlines, "_LARGE_BYTES", 8_000)
    monkeypatch.setattr(jsonlines, "_PIECE_BYTES", 6_000)
    monkeypatch.setattr(structure, "_CHUNK", 4_000)
    monkeypatch.setattr(batches, "_LARGE_ROWS", 400)


def written(folder: Path, kind: str, odd: dict[int, dict[str, Any]] | None = None) -> Path:
    frame, path = new_customers(), folder / f"new.{kind}"
    if kind == "csv":
        texts = frame.select(pl.all().cast(pl.String)).to_dicts()
        for row, values in (odd or {}).items():
            texts[row] |= values
        pl.DataFrame(texts).write_csv(path)
    elif kind == "jsonl":
        frame.with_columns(pl.col("joined").cast(pl.String)).write_ndjson(path)
    elif kind == "parquet":
        frame.write_parquet(path, row_group_size=250)
    else:
        frame.write_ipc(path)
    return path


def at_once(model: FittedModel, path: Path) -> tuple[pl.DataFrame, tuple[str, ...]]:
    return predict_table(model, read_expected(path, expected_columns(model.schema)))


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet", "arrow"])
@pytest.mark.parametrize("format", ["csv", "jsonl", "parquet", "arrow"])
def test_every_row_is_answered_as_in_the_whole_file(model: FittedModel, tmp_path: Path, kind: str, format: str) -> None:
    path, out = written(tmp_path, kind), tmp_path / f"out.{format}"
    told: list[Progress] = []
    scored = score_file(model, path, out, format, threads=3, reporting=Reporting(told.append))
    whole, notes = at_once(model, path)
    found = READERS[format](out)
    assert scored.rows == found.height == N_ROWS and found.columns == whole.columns
    for name in ("prediction", "prediction_low", "prediction_high"):
        assert found[name].to_numpy() == pytest.approx(whole[name].to_numpy(), rel=1e-12)
    assert found["city"].to_list() == whole["city"].to_list()
    assert scored.notes == notes
    assert len(told) >= 2 and told[-1].rows == N_ROWS
    assert [progress.total for progress in told] == [None if kind == "jsonl" else N_ROWS] * len(told)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([path.name, out.name])


def test_what_is_said_is_said_once_with_the_places_of_the_file(model: FittedModel, tmp_path: Path) -> None:
    path, out = written(tmp_path, "csv", ODD), tmp_path / "out.csv"
    scored = score_file(model, path, out, "csv")
    whole, notes = at_once(model, path)
    assert set(scored.notes) == set(notes) and len(scored.notes) == len(notes)
    aged = "In “age”, 3 of 900 values are no numbers: “old” (line 7), “very old” (line 403). They count as missing."
    assert aged in scored.notes
    assert "In “city”, 2 of 900 values did not occur in the training data: “Rome” (line 402)." in scored.notes
    # What the file has is passed on as it is written, whatever else is in the column.
    assert [line.rsplit(",", 3)[0] for line in out.read_text().splitlines()] == path.read_text().splitlines()
    assert pl.read_csv(out)["prediction"].to_numpy() == pytest.approx(whole["prediction"].to_numpy())
    # Rows to look at, also where the first piece is a small one.
    assert scored.first is not None
    assert scored.first["answers"] == ["prediction", "prediction_low", "prediction_high"]
    shown = pl.DataFrame(scored.first["rows"], [*scored.first["answers"], *scored.first["columns"]], orient="row")
    rows = [",".join(map(str, row)) for row in shown[scored.first["columns"]].rows()]
    assert rows == path.read_text().splitlines()[1:11]
    assert shown["prediction"].to_numpy() == pytest.approx(whole["prediction"][:10].to_numpy())
    columns = {column["name"]: column for column in scored.summary.state()["columns"]}
    assert columns["city"]["unseen"] == 2 and columns["age"]["missing"] == 3


def test_types_that_hold_for_all_pieces(model: FittedModel, tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    score_file(model, written(tmp_path, "csv"), out, "parquet")
    assert pl.read_parquet_schema(out)["age"] == pl.Float64
    # A value of one piece that is no number is kept, as the text that it is.
    score_file(model, written(tmp_path, "csv", ODD), out, "parquet")
    ages = pl.read_parquet(out)["age"]
    assert ages.dtype == pl.String and (ages[5], ages[401]) == ("old", "very old")


@pytest.mark.parametrize("format", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("writing", ["plain", "decimal commas", "breaks in quotes", "utf-16", "delimiters at the end"])
def test_a_small_file_and_a_large_one_come_out_alike(
    model: FittedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format: str, writing: str
) -> None:
    texts = new_customers().select(pl.all().cast(pl.String))
    texts = texts.with_columns(price=pl.Series([f"{row},5" for row in range(N_ROWS)]), code=pl.lit("007"))
    texts = texts.with_columns(late=pl.Series(["NA", *map(str, range(N_ROWS - 2)), "none of it"]))
    if writing == "decimal commas":
        texts = texts.with_columns(pl.col("age").str.replace(".", ",", literal=True))
    if writing == "breaks in quotes":
        texts = texts.with_columns(remark=pl.lit('one\nand "two", three'))
    content = texts.write_csv(separator=";" if writing == "decimal commas" else ",")
    if writing == "delimiters at the end":
        content = content.replace("\n", ",\n")
    path, out = tmp_path / "new.csv", tmp_path / f"out.{format}"
    path.write_text(content, encoding="utf-16" if writing == "utf-16" else "utf-8")
    found = []
    for chunk in (4_000, 4_000_000):
        monkeypatch.setattr(structure, "_CHUNK", chunk)
        scored = score_file(model, path, out, format, threads=2)
        frame = pl.read_csv(out, infer_schema=False) if format == "csv" else READERS[format](out)
        added = ("prediction", "prediction_low", "prediction_high")
        found.append((frame.drop(added), scored.notes))
        answers = frame[added[0]].cast(pl.Float64).to_numpy()
        assert answers == pytest.approx(at_once(model, path)[0]["prediction"].to_numpy(), rel=1e-12)
    assert found[0][0].equals(found[1][0]) and found[0][1] == found[1][1]
    frame = found[0][0]
    assert frame["price"][3] == ("3,5" if format == "csv" else 3.5)
    assert (frame["code"][0], frame["late"][0], frame["late"][7]) == ("007", "NA", "6")


def test_lines_that_repeat_the_names_are_no_rows(model: FittedModel, tmp_path: Path) -> None:
    path = written(tmp_path, "csv")
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:700], lines[0], *lines[700:]]))
    assert score_file(model, path, tmp_path / "out.csv", "csv").rows == N_ROWS


def test_lines_that_are_no_records_are_named_by_their_numbers(model: FittedModel, tmp_path: Path) -> None:
    path = written(tmp_path, "jsonl")
    lines = path.read_text().splitlines()
    lines[10], lines[700] = "oops", "and again"
    record = json.loads(lines[800]) | {"city": "Rome"}
    path.write_text("\n".join([*lines[:800], json.dumps(record), *lines[801:]]))
    scored = score_file(model, path, tmp_path / "out.csv", "csv")
    assert scored.rows == N_ROWS - 2
    said = " ".join(scored.notes)
    assert "2 lines are no valid JSON records and were left out: line 11: “oops”" in said
    assert "“Rome” (line 801)" in said


def test_how_many_lines_may_be_no_records_is_asked_of_the_whole_file(model: FittedModel, tmp_path: Path) -> None:
    path, out = written(tmp_path, "jsonl"), tmp_path / "out.csv"
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:500] + ["oops"] * 80 + lines[500:]))
    assert score_file(model, path, out, "csv").rows == N_ROWS
    path.write_text("\n".join(lines[:500] + ["oops"] * 110 + lines[500:]))
    with pytest.raises(UnreadableFile, match="110 of 1,010 lines are no valid JSON record"):
        score_file(model, path, tmp_path / "none.csv", "csv")
    assert not (tmp_path / "none.csv").exists()


def test_records_of_different_fields_are_one_table(model: FittedModel, tmp_path: Path) -> None:
    path = written(tmp_path, "jsonl")
    lines = path.read_text().splitlines()
    lines[850] = json.dumps(json.loads(lines[850]) | {"remark": "late"})
    path.write_text("\n".join(lines))
    score_file(model, path, tmp_path / "out.csv", "csv")
    remarks = pl.read_csv(tmp_path / "out.csv")["remark"]
    assert remarks[850] == "late" and remarks.null_count() == N_ROWS - 1


def test_a_piece_is_watched_while_it_is_worked_on(
    model: FittedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(structure, "_CHUNK", 4_000_000)
    monkeypatch.setattr("flowml.automl.model.model._FIRST_ROWS", 50)
    monkeypatch.setattr("flowml.automl.model.model._WATCH_SECONDS", 0.0)
    told: list[Progress] = []
    path, out = written(tmp_path, "csv"), tmp_path / "out.csv"
    score_file(model, path, out, "csv", reporting=Reporting(told.append), threads=1)
    n_parts = sum(len(member.parts) for member in model.members)
    rows = [progress.rows for progress in told]
    assert len(rows) == n_parts * N_ROWS // 50 and rows == sorted(rows) and rows[-1] == N_ROWS
    whole = out.read_bytes()
    # A file of one piece is shared out among threads.
    scored = score_file(model, path, out, "csv", threads=2)
    assert pl.read_csv(out)["prediction"].to_numpy() == pytest.approx(pl.read_csv(whole)["prediction"].to_numpy())
    assert scored.summary.state()["rows"] == N_ROWS
    told.clear()
    with pytest.raises(Cancelled):
        score_file(model, path, out, "csv", threads=1, reporting=Reporting(told.append, lambda: len(told) >= 3))
    assert len(told) == 3


def test_nothing_is_left_of_what_was_cancelled_or_failed(model: FittedModel, tmp_path: Path) -> None:
    path, out = written(tmp_path, "csv"), tmp_path / "out.csv"
    for format in ("csv", "parquet"):
        told: list[Progress] = []
        with pytest.raises(Cancelled):
            score_file(model, path, out, format, reporting=Reporting(told.append, told.__len__))
        assert told and list(tmp_path.iterdir()) == [path]

        def interrupted(progress: Progress) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            score_file(model, path, out, format, reporting=Reporting(interrupted))
        assert list(tmp_path.iterdir()) == [path]
    out.write_text("of before")
    damaged = written(tmp_path, "parquet")
    damaged.write_bytes(damaged.read_bytes()[:4_000] + bytes(4_000) + damaged.read_bytes()[8_000:])
    with pytest.raises(UnreadableFile):
        score_file(model, damaged, out, "csv")
    assert out.read_text() == "of before"
    other = tmp_path / "other.csv"
    other.write_text("a,b\n" + "1,2\n" * 5_000)
    with pytest.raises(InvalidInput, match="none of the columns"):
        score_file(model, other, out, "csv")
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_no_more_pieces_are_open_than_are_worked_on() -> None:
    open_now, most, lock = 0, 0, threading.Lock()

    def pieces() -> Iterator[Any]:
        nonlocal open_now, most
        for _ in range(40):
            with lock:
                open_now += 1
                most = max(most, open_now)
            yield lambda: None

    for _ in scoring._in_order(lambda number, read: number, pieces(), 3, list):  # type: ignore[arg-type,return-value]
        with lock:
            open_now -= 1
    assert open_now == 0 and most <= 5


def test_an_interrupt_in_a_thread_ends_all_of_them(
    model: FittedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, out = written(tmp_path, "csv"), tmp_path / "out.csv"

    def score_table(model: FittedModel, table: Any, watch: Any, coverage: float) -> Any:
        # The first piece does not end by itself.
        while table.places.row_of(0) == 1:
            watch(0)
        raise KeyboardInterrupt

    monkeypatch.setattr(scoring, "score_table", score_table)
    with pytest.raises(KeyboardInterrupt):
        score_file(model, path, out, "csv", threads=2)
    assert list(tmp_path.iterdir()) == [path]


def test_who_is_in_the_middle_of_a_piece_hears_that_another_failed() -> None:
    is_over = threading.Event()

    def work(number: int, read: Any) -> Any:
        if number == 0:
            raise ValueError("damaged")
        assert is_over.wait(30)

    with pytest.raises(ValueError, match="damaged"):
        list(scoring._in_order(work, iter([lambda: None] * 3), 2, is_over.set))  # type: ignore[arg-type,list-item]


def test_an_open_file_gets_the_same(model: FittedModel, tmp_path: Path) -> None:
    path, out = written(tmp_path, "csv"), tmp_path / "out.csv"
    score_file(model, path, out, "csv")
    target = io.BytesIO()
    score_file(model, path, target, "csv")
    assert target.getvalue() == out.read_bytes()
    records = io.BytesIO()
    score_file(model, written(tmp_path, "jsonl"), records, "csv")
    assert pl.read_csv(records.getvalue())["prediction"].len() == N_ROWS


def test_the_summary_says_how_far_the_rows_are_from_training(model: FittedModel, tmp_path: Path) -> None:
    training = customers(N_ROWS, 1)
    reference = reference_of(training, model.schema)
    same = score_file(model, written(tmp_path, "parquet"), tmp_path / "o.csv", "csv", reference=reference)
    state = same.summary.state()
    assert json.loads(json.dumps(state, allow_nan=False)) == state
    assert [column["drift"] for column in state["columns"]] == ["none"] * len(state["columns"])
    before = {column["name"]: column["missing_in_training"] for column in state["columns"]}
    assert before == {name: training[name].null_count() / N_ROWS for name in before}
    numbers = state["predictions"]["numbers"]
    assert numbers["min"] <= numbers["quantiles"]["0.05"] <= numbers["quantiles"]["0.5"] <= numbers["max"]
    assert sum(numbers["histogram"]["shares"]) == pytest.approx(1)

    older = tmp_path / "older.parquet"
    training.with_columns(pl.col("age") + 25, city=pl.lit("Ulm")).write_parquet(older)
    state = score_file(model, older, tmp_path / "o.csv", "csv", reference=reference).summary.state()
    drift = {column["name"]: column["drift"] for column in state["columns"]}
    assert drift["age"] == drift["city"] == "large" and drift["member"] == "none"
    assert state["predictions"]["drift"] == "large"


def test_a_few_rows_prove_no_drift() -> None:
    random = np.random.default_rng(1)
    bins = bins_of(pl.Series(random.normal(size=2_000)), is_text=False)
    few, many = (bins.count(pl.Series(random.normal(size=size))) for size in (20, 2_000))
    shifted = bins.count(pl.Series(random.normal(0.8, size=2_000)))
    found = {}
    for name, counts in (("few", few), ("many", many), ("shifted", shifted)):
        index = psi(bins.counts, counts)
        found[name] = (index, verdict(index, psi_by_chance(bins.counts, counts)))
    assert (found["few"][0] or 0) > 0.1 and found["few"][1] == "none"
    assert (found["many"][0] or 1) < 0.02 and found["many"][1] == "none"
    assert found["shifted"][1] == "large"
    assert psi(bins.counts, np.zeros_like(bins.counts)) is None
    texts = bins_of(pl.Series(["a", "b", None, "b"]), is_text=True)
    assert texts.levels == ("b", "a") and texts.count(pl.Series(["z", "b", None, ""])).tolist() == [1, 0, 1, 2]


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize("limits", [Limits(max_rows=N_ROWS - 1, max_bytes=1 << 30), Limits(max_bytes=20_000)])
def test_a_file_of_somebody_else_is_bounded_in_rows_and_bytes(
    tmp_path: Path, model: FittedModel, kind: str, limits: Limits
) -> None:
    with pytest.raises(TooLarge):
        score_file(model, written(tmp_path, kind), tmp_path / "out.csv", "csv", limits=limits)
    assert (
        score_file(model, written(tmp_path, kind), tmp_path / "out.csv", "csv", limits=Limits(max_rows=1)).rows
        == N_ROWS
    )


def test_an_answer_is_bounded(tmp_path: Path, model: FittedModel) -> None:
    with pytest.raises(TooLarge, match="The answer"):
        score_file(model, written(tmp_path, "csv"), tmp_path / "out.csv", "csv", most_bytes=1_000)
    assert not (tmp_path / "out.csv").exists()


def test_a_file_that_has_the_truth_says_how_good_the_answers_are(model: FittedModel, tmp_path: Path) -> None:
    out, target = tmp_path / "out.parquet", model.schema.target
    path = written(tmp_path, "parquet")
    assert score_file(model, path, out, "parquet").summary.state()["truth"] is None
    predicted = pl.read_parquet(out)["prediction"]
    known = pl.Series(target, [None if row % 3 == 0 else value + 2 for row, value in enumerate(predicted)])
    pl.read_parquet(path).with_columns(known).write_parquet(path)
    state = score_file(model, path, out, "parquet").summary.state()["truth"]
    assert state["rows"] == known.len() - known.null_count() and state["right"] is None
    assert state["mean_absolute_error"] == pytest.approx(2)
    # A column of that name that is something else is no truth.
    pl.read_parquet(path).with_columns(pl.lit("soon").alias(target)).write_parquet(path)
    assert score_file(model, path, out, "parquet").summary.state()["truth"] is None
