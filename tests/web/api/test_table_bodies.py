"""Many rows as a table in the body of a request, on a whole server and on one of one model."""

import io
import json
from collections.abc import Iterator

import httpx
import polars as pl
import pytest

from flowml.automl.model import modelfile
from flowml.services.serving.alone import context_of_one, read_model
from flowml.services.settings import Settings
from flowml.web.alone.application import create_app
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
    path = folder / "m1.flowml"
    path.write_bytes(modelfile.write(trained("bought", "logistic_regression")))
    context = context_of_one(Settings(home=folder, max_upload_mb=1), read_model(path), path, folder)
    with (
        run_app(create_app(context, None), lifespan="on") as port,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60) as client,
    ):
        yield client
        assert [one.name for one in folder.iterdir()] == ["m1.flowml"]


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


@pytest.mark.parametrize("form", [PARQUET, FILE, STREAM])
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
