"""MLflow's scoring protocol, in the shapes that MLflow's own server and client were seen to write."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from flowml.domain.access.caller import Permission, Principal
from flowml.services.protocols import mlflow
from flowml.services.serving.loaded import Loaded
from tests.services.records import add_job
from tests.services.trained import ROW, add_trained, store_table, trained
from tests.web.serving import Served, serve

NAMES = ["age", "city", "member", "joined"]
YOUNG = {**ROW, "age": 20}
MATRIX = [[row[name] for name in NAMES] for row in (ROW, YOUNG)]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(tmp_path_factory.mktemp("home")) as served:
        store_table(served.store)
        job = add_job(served.store, target="spent", exclude_columns=("bought",), cv_folds=3)
        add_trained(served.store, job, "classes", "bought", "logistic_regression")
        add_trained(served.store, job, "numbers", "spent", "ridge")
        served.store.jobs.update(job.id, best_model_id="classes")
        yield served


def invoke(server: Served, body: Any, model_id: str | None = "classes", **headers: str) -> httpx.Response:
    named = {} if model_id is None else {"model_id": model_id}
    if isinstance(body, bytes):
        return server.client.post("/invocations", params=named, content=body, headers=headers)
    return server.client.post("/invocations", params=named, json=body, headers=headers)


@pytest.mark.parametrize(
    "body",
    [
        {"dataframe_split": {"index": [0, 1], "columns": NAMES, "data": MATRIX}},
        {"dataframe_split": {"data": MATRIX}},
        {"dataframe_records": [ROW, YOUNG]},
        {"instances": [ROW, YOUNG]},
        {"instances": MATRIX},
        {"inputs": [ROW, YOUNG]},
        {"inputs": {name: [row[name] for row in (ROW, YOUNG)] for name in NAMES}},
        {"inputs": {name: [[row[name]] for row in (ROW, YOUNG)] for name in NAMES}},
        {"dataframe_records": [ROW, YOUNG], "params": None, "client_request_id": "7"},
    ],
    ids=lambda body: str(body)[:40],
)
def test_all_notations_say_the_same(models: Served, body: dict[str, Any]) -> None:
    answer = invoke(models, body)

    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {"predictions": ["yes", "no"]}


def test_an_address_may_name_the_model(models: Served) -> None:
    found = models.client.post("/models/classes/invocations", json={"dataframe_records": [ROW]})
    missing = models.client.post("/models/nothing/invocations", json={"dataframe_records": [ROW]})

    assert found.json() == {"predictions": ["yes"]}
    assert (missing.status_code, missing.json()["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")


@pytest.mark.parametrize(
    "body",
    [
        {"dataframe_split": {"columns": ["a", "age", "b"], "data": [[1, 60, 2]] * 2}},
        {"dataframe_records": [{"a": 1, "age": 60}] * 2},
        {"inputs": {"a": [1, 2], "age": [60, 60]}},
        b"a,age,b\n1,60,2\n1,60,2\n",
    ],
    ids=lambda body: str(body)[:20],
)
def test_columns_that_the_model_has_not_are_not_kept(body: Any) -> None:
    fitted = trained("bought", "logistic_regression")
    loaded = Loaded("m", "m", "0", fitted)
    rows = mlflow.read_csv(body, loaded) if isinstance(body, bytes) else mlflow.read_rows(body, loaded)

    assert [{name: float(value) for name, value in row.items()} for row in rows] == [{"age": 60.0}] * 2


def test_rows_of_other_columns_alone_are_rows_all_the_same(models: Served) -> None:
    answer = invoke(models, {"inputs": {"a": [1, 2, 3]}})

    assert answer.status_code == 200 and len(answer.json()["predictions"]) == 3
    assert invoke(models, {"inputs": {"a": [1, 2, 3], "age": [1]}}).status_code == 400


def test_a_table_has_only_so_many_names(models: Served) -> None:
    names = ",".join(f"c{number}" for number in range(20_001))
    answer = invoke(models, f"{names}\n{',' * 20_000}\n".encode(), **{"Content-Type": "text/csv"})

    assert answer.status_code == 400 and "20,001 columns" in answer.json()["message"]


def test_one_row_as_scalars(models: Served) -> None:
    assert invoke(models, {"inputs": ROW}).json() == {"predictions": ["yes"]}


def test_numbers_are_numbers_and_agree_with_the_own_api(models: Served) -> None:
    own = models.client.post("/api/results/predict", json={"model_id": "numbers", "features": ROW}).json()
    found = invoke(models, {"dataframe_records": [ROW]}, "numbers").json()["predictions"]
    within = invoke(
        models, {"dataframe_records": [ROW], "params": {"predict_method": "predict_interval"}}, "numbers"
    ).json()["predictions"]

    assert found == [pytest.approx(own["prediction"])]
    assert within[0]["low"] == pytest.approx(own["interval"]["low"])
    assert within[0]["high"] == pytest.approx(own["interval"]["high"])
    half = {"predict_method": "predict_interval", "coverage": 0.5}
    (narrow,) = invoke(models, {"dataframe_records": [ROW], "params": half}, "numbers").json()["predictions"]
    assert own["interval"]["low"] < narrow["low"] < narrow["high"] < own["interval"]["high"]


def test_probabilities_in_the_order_of_the_classes(models: Served) -> None:
    found = invoke(models, {"dataframe_records": [ROW, YOUNG], "params": {"predict_method": "predict_proba"}}).json()

    (no, yes), young = found["predictions"]
    assert no + yes == pytest.approx(1) and yes > 0.9 > young[1]


def test_what_pandas_has_missing_is_missing(models: Served) -> None:
    """Its client writes NaN, which is no JSON."""
    body = b'{"dataframe_split": {"columns": ["age", "city"], "data": [[60.0, NaN], [NaN, "Ulm"]]}}'
    given = invoke(models, {"dataframe_records": [{"age": 60}, {"city": "Ulm"}]}).json()

    assert invoke(models, body, **{"Content-Type": "application/json"}).json() == given


def test_a_csv_file_as_pandas_writes_it(models: Served) -> None:
    def post(text: str, model_id: str = "classes") -> httpx.Response:
        return invoke(models, text.encode(), model_id, **{"Content-Type": "text/csv; charset=utf-8"})

    table = 'age,city,member,joined\n60.0,"Ulm",True,2024-01-05\n20,Bern,False,\n'
    gaps = invoke(models, {"dataframe_records": [{"age": None, "city": "Ulm"}]}, "numbers").json()

    assert post(table).json() == {"predictions": ["yes", "no"]}
    assert post("age,city\n,Ulm\n", "numbers").json() == gaps
    for wrong, words in (
        ("age,city\n1\n", "Line 2 of the table has 1 values, and 2 are needed"),
        ("age,age\n1,2\n", "a name twice"),
        ("age\n", "no rows"),
        ("age\nold\n", "“age” takes a number"),
        ('age\n"1\n', "no CSV"),
    ):
        answer = post(wrong)
        assert (answer.status_code, answer.json()["error_code"]) == (400, "BAD_REQUEST")
        assert words in answer.json()["message"]


def test_many_rows(models: Served) -> None:
    found = invoke(models, {"dataframe_records": [ROW, YOUNG] * 1_000})

    assert found.json() == {"predictions": ["yes", "no"] * 1_000}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "exactly one of"),
        ({"instances": MATRIX, "inputs": MATRIX}, "instances and inputs"),
        ({"dataframe_split": [1]}, "must be an object"),
        ({"dataframe_split": {"columns": NAMES}}, "takes “data”"),
        ({"dataframe_split": {"columns": ["age", "age"], "data": [[1, 2]]}}, "a name twice"),
        ({"dataframe_split": {"columns": NAMES, "data": [[1]]}}, "Row 1 has 1 values"),
        ({"dataframe_records": {"age": 1}}, "list of objects"),
        ({"dataframe_records": []}, "no rows"),
        ({"instances": [ROW, 3]}, "Some rows are objects"),
        ({"instances": [1, 2]}, "Row 1 has a single value, and 4 are needed"),
        ({"inputs": {"age": [1], "city": "Ulm"}}, "“city” must be a list"),
        ({"inputs": {"age": [1], "city": ["Ulm", "Bern"]}}, "same number of values"),
        ({"inputs": 3}, "“inputs” must be"),
        ({"dataframe_records": [{"age": "old"}]}, "“age” takes a number"),
        ({"dataframe_records": [ROW], "params": {"temperature": 1}}, "“temperature” is no parameter"),
        ({"dataframe_records": [ROW], "params": {"coverage": 2}}, "from 0.5 to 0.99"),
        ({"dataframe_records": [ROW], "params": {"predict_method": "predict_interval"}}, "have no interval"),
        ([1], "must be an object"),
        (b"{", "not valid JSON"),
    ],
    ids=str,
)
def test_what_cannot_be_used_is_said_as_mlflow_says_it(models: Served, body: Any, words: str) -> None:
    answer = invoke(models, body)

    assert answer.status_code == 400, answer.text
    found = answer.json()
    assert (found["error_code"], found["status"]) == ("BAD_REQUEST", 400)
    assert words in found["message"]


def test_what_else_can_be_wrong(models: Served) -> None:
    body = {"dataframe_records": [ROW]}
    unknown, unnamed = invoke(models, body, "nothing"), invoke(models, body, None)
    typed = invoke(models, b"age\n1\n", **{"Content-Type": "application/x-thing"})

    assert (unknown.status_code, unknown.json()["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")
    assert (unnamed.status_code, unnamed.json()["error_code"]) == (400, "BAD_REQUEST")
    assert "model_id" in unnamed.json()["message"]
    assert (typed.status_code, typed.json()["error_code"]) == (415, "BAD_REQUEST")


def test_it_answers_under_mlflows_names_for_health(models: Served) -> None:
    assert [models.client.get(path).status_code for path in ("/ping", "/health", "/version")] == [200, 200, 200]
    assert models.client.get("/ping").text == "\n"


def test_a_token_for_one_model_asks_no_other(tmp_path_factory: pytest.TempPathFactory) -> None:
    caller = Principal("somebody", frozenset({Permission.OPEN, Permission.PREDICT}), only_model="classes")
    with serve(tmp_path_factory.mktemp("home"), who=lambda _: caller) as served:
        store_table(served.store)
        job = add_job(served.store, target="spent", exclude_columns=("bought",), cv_folds=3)
        add_trained(served.store, job, "classes", "bought", "logistic_regression")
        for asked, status in (("classes", 200), ("numbers", 403), (job.id, 403)):
            assert invoke(served, {"dataframe_records": [ROW]}, asked).status_code == status
            assert served.client.get(f"/v2/models/{asked}").status_code == status
            assert served.client.get(f"/v2/models/{asked}/ready").status_code == status
            tensor = {"name": "age", "shape": [1], "datatype": "FP64", "data": [60]}
            answer = served.client.post(f"/v2/models/{asked}/infer", json={"inputs": [tensor]})
            assert answer.status_code == status
        assert "error" in answer.json()
        refused = invoke(served, {"dataframe_records": [ROW]}, "numbers").json()
        assert refused["error_code"] == "PERMISSION_DENIED"
