"""Many rows as a table in the body of a request, on a whole server and on one of one model."""

import gzip
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import polars as pl
import pytest

from flowml.automl.model import modelfile
from flowml.services.scoring.bodies import AnsweredTable
from flowml.services.serving.alone import context_of_one, read_model
from flowml.services.settings import Settings
from flowml.web.alone.application import create_app
from flowml.web.api.table_bodies import response_of
from tests.services.records import add_job
from tests.services.trained import ROW, add_trained, store_table, trained
from tests.web.serving import run_app, serve

FILE, STREAM = "application/vnd.apache.arrow.file", "application/vnd.apache.arrow.stream"
PARQUET, CSV, LINES = "application/vnd.apache.parquet", "text/csv", "application/x-ndjson"
ROWS = pl.DataFrame([ROW, {**ROW, "age": 20, "city": "Rome"}])
ADDED = ["prediction", "probability_no", "probability_yes"]


@pytest.fixture(scope="module", params=["whole", "alone"])
def client(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder = tmp_path_factory.mktemp("home")
    if request.param == "whole":
        with serve(folder, max_upload_mb=1) as served:
            store_table(served.store)
            add_trained(served.store, add_job(served.store, target="bought"), "m1", "bought", "logistic_regression")
            yield served.client
        return
    with alone(folder, "m1", "bought", "logistic_regression") as client:
        yield client


@pytest.fixture(scope="module")
def numbers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A server of a model of numbers."""
    with alone(tmp_path_factory.mktemp("numbers"), "n1", "spent", "ridge") as client:
        yield client


@contextmanager
def alone(folder: Path, name: str, target: str, algorithm: str) -> Iterator[httpx.Client]:
    """A server of one model, in whose folder nothing is left."""
    path = folder / f"{name}.flowml"
    path.write_bytes(modelfile.write(trained(target, algorithm)))
    context = context_of_one(Settings(home=folder, max_upload_mb=1), read_model(path), path, folder)
    with (
        run_app(create_app(context, None), lifespan="on") as port,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60) as client,
    ):
        yield client
        assert [one.name for one in folder.iterdir()] == [path.name]


def post(client: httpx.Client, content: bytes, sent: str, model_id: str = "m1", **headers: str) -> httpx.Response:
    return client.post(
        "/api/results/predict",
        params={"model_id": model_id},
        content=content,
        headers={"Content-Type": sent, **headers},
    )


def written(form: str) -> bytes:
    buffer = io.BytesIO()
    {FILE: ROWS.write_ipc, STREAM: ROWS.write_ipc_stream, PARQUET: ROWS.write_parquet, LINES: ROWS.write_ndjson}[form](
        buffer
    )
    return buffer.getvalue()


def read(answer: httpx.Response) -> pl.DataFrame:
    assert answer.status_code == 200, answer.text
    form = answer.headers["content-type"].partition(";")[0]
    readers = {FILE: pl.read_ipc, STREAM: pl.read_ipc_stream, PARQUET: pl.read_parquet, CSV: pl.read_csv}
    return readers[form](io.BytesIO(answer.content))


@pytest.mark.parametrize("form", [FILE, STREAM, PARQUET])
def test_what_comes_is_answered_in_kind(client: httpx.Client, form: str) -> None:
    answer = post(client, written(form), form, Accept="*/*")
    table = read(answer)
    own = client.post("/api/results/predict", json={"model_id": "m1", "features": ROW}).json()

    assert answer.headers["content-type"] == form
    assert table.columns == [*ROWS.columns, *ADDED]
    assert table["prediction"].to_list() == ["yes", "no"]
    assert table["probability_yes"][0] == pytest.approx(own["probabilities"]["yes"])
    assert "Rome" in json.loads(answer.headers["X-FlowML-Notes"])[0]


def test_accept_says_what_is_wanted(client: httpx.Client) -> None:
    lines = post(client, b"age,city\n60,Ulm\n20,Bern\n", CSV, Accept="application/jsonl, text/csv;q=0.5")
    table = read(post(client, written(LINES), LINES, Accept=STREAM))

    assert [json.loads(line)["prediction"] for line in lines.text.splitlines()] == ["yes", "no"]
    assert table["prediction"].to_list() == ["yes", "no"]


@pytest.mark.parametrize(
    ("content", "sent"), [(b"PAR1 nothing of that kind PAR1", PARQUET), (b"ARROW1\0\0\xff\xff", FILE), (b"", CSV)]
)
def test_what_is_no_table_is_refused(client: httpx.Client, content: bytes, sent: str) -> None:
    answer = post(client, content, sent)

    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def test_what_else_is_refused(client: httpx.Client) -> None:
    table = written(PARQUET)

    assert post(client, table, PARQUET, "nothing").status_code == 404
    assert post(client, b"x\n" * 600_000, CSV).status_code == 413
    assert post(client, iter([b"x\n" * 600_000]), CSV).status_code == 413  # type: ignore[arg-type]
    assert post(client, table, "application/x-thing").status_code == 415


@pytest.mark.parametrize(
    ("accept", "sent"),
    [
        ("application/json", None),
        ("text/html, text/csv;q=0", None),
        ("text/csv, application/vnd.apache.arrow.stream;q=0.1", CSV),
        ("text/csv;q=0.1, application/vnd.apache.parquet;q=0.9", PARQUET),
        ("text/html, */*;q=0.1", CSV),
        ("application/*, text/*;q=0.5", CSV),
    ],
)
def test_accept_is_weighed(client: httpx.Client, accept: str, sent: str | None) -> None:
    answer = post(client, b"age,city\n60,Ulm\n", CSV, Accept=accept)

    assert answer.status_code == (406 if sent is None else 200), answer.text
    assert sent is None or answer.headers["content-type"].startswith(sent)


def test_a_coverage_is_kept_and_checked(numbers: httpx.Client) -> None:
    widths = {}
    for coverage in ("0.5", "0.99"):
        for rows in (1, 3_000):
            answer = numbers.post(
                "/api/results/predict",
                params={"model_id": "n1", "coverage": coverage},
                content=b"age,city\n" + b"60,Ulm\n" * rows,
                headers={"Content-Type": CSV},
            )
            table = read(answer)
            assert table.height == rows
            widths[coverage, rows] = table["prediction_high"][0] - table["prediction_low"][0]
    wrong = numbers.post(
        "/api/results/predict",
        params={"model_id": "n1", "coverage": "hello"},
        content=b"age\n60\n",
        headers={"Content-Type": CSV},
    )
    beside = numbers.post("/api/results/predict", params={"coverage": "0.5"}, json={"model_id": "n1", "features": ROW})

    assert widths["0.5", 1] == pytest.approx(widths["0.5", 3_000])
    assert 0 < widths["0.5", 1] < widths["0.99", 1]
    assert (wrong.status_code, beside.status_code) == (422, 422)


def by_form(*forms: str) -> pytest.MarkDecorator:
    """Each form on a whole server, and one on that of one model: its child process is the same."""
    cases = [*(("whole", form) for form in forms), ("alone", forms[0])]
    return pytest.mark.parametrize(("client", "form"), cases, indirect=["client"])


@by_form(CSV, LINES, PARQUET, FILE, STREAM)
def test_a_small_table_is_answered_like_a_large_one(client: httpx.Client, form: str) -> None:
    """The one is answered where the model is, the other in a process of its own."""
    content = b'age,city,member,joined,note\n60,Ulm,yes,2024-01-05,a\n,Rome,no,2024-01-06,"b"""\nold,Ulm,,,c\n'

    small = post(client, content, CSV, Accept=form)
    large = post(client, content + b"1,Ulm,no,2024-01-05,d\n" * 2_500, CSV, Accept=form)

    assert "In “age”, 1 of 2 values is no number: “old” (line 4). It counts as missing." in json.loads(
        small.headers["X-FlowML-Notes"]
    )
    if form == LINES:
        assert small.text.splitlines() == large.text.splitlines()[:3]
    else:
        first = read(large).head(3)
        assert read(small).columns == first.columns
        assert read(small)["probability_yes"].to_list() == pytest.approx(first["probability_yes"].to_list())
        assert read(small).drop(ADDED).equals(first.drop(ADDED))


def test_values_of_several_kinds_go_back_as_they_came(client: httpx.Client) -> None:
    rows = [{"age": 60, "city": 7, "id": 1}, {"age": "old", "city": "Ulm", "id": "x"}] + [{"age": 20, "id": 2}] * 2_500
    for sent in (rows[:3], rows):
        content = "\n".join(map(json.dumps, sent)).encode()
        found = [json.loads(line) for line in post(client, content, LINES).text.splitlines()]
        kept = [{name: row[name] for name in ("age", "city", "id") if row[name] is not None} for row in found]
        assert kept == sent


def test_what_comes_is_what_is_said_to_come(client: httpx.Client) -> None:
    for content, sent in ((written(PARQUET), CSV), (gzip.compress(b"age\n60\n"), CSV), (b"age\n60\n", PARQUET)):
        answer = post(client, content, sent)
        assert (answer.status_code, "announced" in answer.json()["detail"]) == (422, True)
    packed = post(client, gzip.compress(b"age\n60\n"), CSV, **{"Content-Encoding": "gzip"})
    assert packed.status_code == 415


@pytest.mark.parametrize("wanted", [STREAM, FILE])
def test_nothing_is_left_of_an_answer_that_nobody_takes(tmp_path: Path, wanted: str) -> None:
    path = tmp_path / "answered"
    ROWS.write_ipc(path)
    response = response_of(AnsweredTable(path, 2, ()), wanted, tmp_path / "beside")

    assert list(tmp_path.iterdir()) == []
    assert response.status_code == 200


@by_form(PARQUET, FILE, STREAM)
def test_little_that_would_become_very_much_is_refused(client: httpx.Client, form: str) -> None:
    text = pl.repeat("x" * 20_000, 20_000, dtype=pl.String, eager=True)
    table = pl.DataFrame({"age": pl.repeat(1.0, 20_000, eager=True), "other": text})
    if form != PARQUET:
        table = table.with_columns(pl.col("other").cast(pl.Categorical))
    buffer = io.BytesIO()
    {FILE: table.write_ipc, STREAM: table.write_ipc_stream, PARQUET: table.write_parquet}[form](
        buffer, compression="zstd"
    )
    answer = post(client, buffer.getvalue(), form, Accept=CSV)

    assert len(buffer.getvalue()) < 5_000
    assert answer.status_code == 413, answer.text


def test_a_long_stream_is_one(client: httpx.Client) -> None:
    buffer = io.BytesIO()
    pl.concat([ROWS] * 25_000).write_ipc_stream(buffer, compression="zstd")
    table = read(post(client, buffer.getvalue(), STREAM))

    assert table.height == 50_000
    assert table["prediction"].to_list() == ["yes", "no"] * 25_000


@pytest.mark.parametrize("address", ["/invocations?model_id=m1", "/models/m1/invocations"])
def test_mlflows_address_takes_parquet_and_answers_as_to_json(client: httpx.Client, address: str) -> None:
    answer = client.post(address, content=written(PARQUET), headers={"Content-Type": PARQUET, "Accept": "text/html"})

    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json() == {"predictions": ["yes", "no"]}


def test_of_a_large_table_in_parquet_too_and_whatever_it_calls_its_columns(
    client: httpx.Client, numbers: httpx.Client
) -> None:
    def invoke(server: httpx.Client, table: pl.DataFrame) -> list[object]:
        buffer = io.BytesIO()
        table.write_parquet(buffer)
        answer = server.post(
            "/models/m1/invocations" if server is client else "/invocations",
            content=buffer.getvalue(),
            headers={"Content-Type": PARQUET},
        )
        assert answer.status_code == 200, answer.text
        predictions: list[object] = answer.json()["predictions"]
        return predictions

    own = numbers.post("/api/results/predict", json={"rows": ROWS.to_dicts()}).json()["predictions"]
    named_alike = ROWS.with_columns(prediction=pl.lit(1.5), prediction__=pl.lit("x"), prediction_high=pl.lit("x"))
    many = pl.concat([ROWS] * 21_000)

    assert invoke(numbers, named_alike) == pytest.approx([row["prediction"] for row in own])
    assert invoke(client, named_alike.with_columns(probability_yes=pl.lit("x"))) == ["yes", "no"]
    assert invoke(client, many) == ["yes", "no"] * 21_000


def test_what_is_wrong_with_parquet_is_said_as_mlflow_says_it(client: httpx.Client) -> None:
    for content, address, status in (
        (b"PAR1 nothing of that kind PAR1", "/invocations?model_id=m1", 400),
        (b"age,city\n1,Ulm\n", "/invocations?model_id=m1", 400),
        (written(PARQUET), "/models/nothing/invocations", 404),
        (b"x" * 1_100_000, "/invocations?model_id=m1", 413),
    ):
        answer = client.post(address, content=content, headers={"Content-Type": PARQUET})
        assert answer.status_code == status, answer.text
        assert answer.json()["message"] and answer.json()["error_code"]
