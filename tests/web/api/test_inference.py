"""The Open Inference Protocol, in JSON and in the bytes that Triton's client was seen to write."""

import json
import struct
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from flowml.services.protocols import inference, tensors
from flowml.services.serving.loaded import Loaded
from tests.services.records import add_job
from tests.services.trained import ROW, add_trained, store_table, trained
from tests.web.serving import Served, serve

OTHERS = [{"name": f"other {number}", "shape": [2], "datatype": "BOOL", "data": [True, False]} for number in range(5)]
HEADER = "Inference-Header-Content-Length"
AGE = {"name": "age", "shape": [2], "datatype": "FP64", "data": [60, 20]}
CITY = {"name": "city", "shape": [2, 1], "datatype": "BYTES", "data": ["Ulm", "Bern"]}
MEMBER = {"name": "member", "shape": [2], "datatype": "BOOL", "data": [True, False]}
JOINED = {"name": "joined", "shape": [2], "datatype": "BYTES", "data": [["2024-01-05"], ["2024-01-06"]]}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(tmp_path_factory.mktemp("home")) as served:
        store_table(served.store)
        job = add_job(served.store, target="spent", exclude_columns=("bought",), cv_folds=3)
        add_trained(served.store, job, "classes", "bought", "logistic_regression")
        add_trained(served.store, job, "numbers", "spent", "ridge")
        yield served


def infer(server: Served, inputs: list[Any], model_id: str = "classes", **body: Any) -> httpx.Response:
    return server.client.post(f"/v2/models/{model_id}/infer", json={"inputs": inputs, **body})


def infer_bytes(server: Served, inputs: list[tuple[str, str, list[int], bytes]], **body: Any) -> httpx.Response:
    """As Triton's client writes it: the JSON, and behind it the tensors."""
    described = [
        {"name": name, "shape": shape, "datatype": datatype, "parameters": {"binary_data_size": len(raw)}}
        for name, datatype, shape, raw in inputs
    ]
    header = json.dumps({"inputs": described, **body}).encode()
    return server.client.post(
        "/v2/models/classes/infer",
        content=b"".join((header, *(raw for *_, raw in inputs))),
        headers={HEADER: str(len(header)), "Content-Type": "application/octet-stream"},
    )


def texts(*values: str) -> bytes:
    return b"".join(struct.pack("<I", len(value.encode())) + value.encode() for value in values)


def by_name(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    return {output["name"]: output for output in answer.json()["outputs"]}


def test_the_server_and_its_models_say_what_they_are(models: Served) -> None:
    server = models.client.get("/v2").json()
    found = models.client.get("/v2/models/classes").json()
    numbers = models.client.get("/v2/models/numbers/versions/1").json()

    assert server["extensions"] == ["binary_tensor_data"]
    assert (found["name"], found["versions"]) == ("classes", ["1"])
    assert found["inputs"] == [
        {"name": "age", "datatype": "FP64", "shape": [-1]},
        {"name": "city", "datatype": "BYTES", "shape": [-1]},
        {"name": "member", "datatype": "BOOL", "shape": [-1]},
        {"name": "joined", "datatype": "BYTES", "shape": [-1]},
    ]
    assert [(output["name"], output["datatype"]) for output in found["outputs"]] == [
        ("prediction", "BYTES"),
        ("confidence", "FP64"),
        ("probabilities", "FP64"),
    ]
    assert found["outputs"][2]["parameters"] == {"classes": ["no", "yes"]}
    assert [output["name"] for output in numbers["outputs"]] == ["prediction", "prediction_low", "prediction_high"]


def test_health_and_readiness(models: Served) -> None:
    paths = ("/v2/health/live", "/v2/health/ready", "/v2/models/classes/ready", "/v2/models/classes/versions/1/ready")

    assert [models.client.get(path).status_code for path in paths] == [200] * 4
    assert models.client.get("/v2/models/nothing/ready").status_code == 404
    assert models.client.get("/v2/models/classes/versions/2/ready").status_code == 404


def test_columns_as_tensors_in_json(models: Served) -> None:
    own = models.client.post("/api/results/predict", json={"model_id": "classes", "features": ROW}).json()
    answer = infer(models, [AGE, CITY, MEMBER, JOINED], id="7")
    found = by_name(answer)

    assert {name: answer.json()[name] for name in ("model_name", "model_version", "id")} == {
        "model_name": "classes",
        "model_version": "1",
        "id": "7",
    }
    assert (found["prediction"]["data"], found["prediction"]["shape"]) == (["yes", "no"], [2])
    assert found["probabilities"]["shape"] == [2, 2]
    assert found["probabilities"]["data"][:2] == pytest.approx(list(own["probabilities"].values()))
    assert found["confidence"]["data"][0] == pytest.approx(own["confidence"])


def test_numbers_come_with_their_interval(models: Served) -> None:
    own = models.client.post("/api/results/predict", json={"model_id": "numbers", "features": {"age": 60}}).json()
    found = by_name(infer(models, [{"name": "age", "shape": [1], "datatype": "INT32", "data": [60]}], "numbers"))

    assert found["prediction"]["data"] == [pytest.approx(own["prediction"])]
    assert found["prediction_low"]["data"] == [pytest.approx(own["interval"]["low"])]
    assert found["prediction_high"]["data"] == [pytest.approx(own["interval"]["high"])]
    tensor = {"name": "age", "shape": [1], "datatype": "INT32", "data": [60]}
    narrow = by_name(infer(models, [tensor], "numbers", parameters={"coverage": 0.5}))
    assert found["prediction_low"]["data"][0] < narrow["prediction_low"]["data"][0]


def test_all_columns_in_one_tensor(models: Served) -> None:
    matrix = [["60", "Ulm", "true", "2024-01-05"], ["20", "Bern", "false", ""]]
    nested = {"name": "rows", "shape": [2, 4], "datatype": "BYTES", "data": matrix}
    flat = {**nested, "data": [value for row in matrix for value in row]}

    for tensor in (nested, flat):
        assert by_name(infer(models, [tensor], outputs=[{"name": "prediction"}])) == {
            "prediction": {"name": "prediction", "datatype": "BYTES", "shape": [2], "data": ["yes", "no"]}
        }


def test_bytes_in_and_bytes_out(models: Served) -> None:
    inputs = [
        ("age", "FP32", [2], struct.pack("<2f", 60, 20)),
        ("city", "BYTES", [2], texts("Ulm", "")),
        ("member", "BOOL", [2], b"\x01\x00"),
    ]
    answer = infer_bytes(models, inputs, parameters={"binary_data_output": True})
    assert answer.status_code == 200, answer.text
    length = int(answer.headers[HEADER])
    outputs = json.loads(answer.content[:length])["outputs"]
    raw, found = answer.content[length:], {}
    for output in outputs:
        size = output["parameters"]["binary_data_size"]
        found[output["name"]], raw = raw[:size], raw[size:]

    assert answer.headers["content-type"] == "application/octet-stream"
    assert raw == b"" and found["prediction"] == texts("yes", "no")
    no, yes, *_ = struct.unpack("<4d", found["probabilities"])
    assert no + yes == pytest.approx(1) and yes > 0.9
    assert struct.unpack("<2d", found["confidence"])[0] == yes


def test_one_output_as_bytes_and_one_in_json(models: Served) -> None:
    wanted = [{"name": "confidence", "parameters": {"binary_data": True}}, {"name": "prediction"}]
    answer = infer(models, [AGE], outputs=wanted)
    length = int(answer.headers[HEADER])
    confidence, prediction = json.loads(answer.content[:length])["outputs"]

    assert (confidence["name"], confidence["parameters"]) == ("confidence", {"binary_data_size": 16})
    assert prediction["data"] == ["yes", "no"] and len(answer.content) == length + 16


def test_nan_is_missing_in_both_directions(models: Served) -> None:
    (nothing,) = infer_bytes(models, [("age", "FP64", [1], struct.pack("<d", float("nan")))]).json()["outputs"][:1]
    own = models.client.post("/api/results/predict", json={"model_id": "classes", "features": {}}).json()

    assert nothing["data"] == [own["prediction"]]


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ([], "inputs"),
        ([AGE, AGE], "sent twice"),
        ([{**AGE, "shape": [3]}], "has 2 elements, and its shape [3] takes 3"),
        ([{**AGE, "shape": [-1]}], "[rows]"),
        ([{**AGE, "shape": [1, 1, 2]}], "[rows]"),
        ([{**AGE, "shape": [1, 2]}], "[rows, 1]"),
        ([{**AGE, "shape": [0], "data": []}], "no rows"),
        ([{**AGE, "datatype": "COMPLEX"}], "datatype"),
        ([{**AGE, "datatype": "INT64", "data": [1.5, 2]}], "has a value that is not"),
        ([{**AGE, "data": ["a", 2]}], "has a value that is not"),
        ([{**AGE, "data": None}], "has no “data”"),
        ([{**AGE, "shape": [10**18], "data": [1]}], "takes 1,000,000,000,000,000,000"),
        ([AGE, {**CITY, "shape": [1], "data": ["Ulm"]}], "same number of values"),
        ([{**AGE, "datatype": "BYTES", "data": ["old", "1"]}], "takes a number"),
        ([{**AGE, "parameters": {"shared_memory_region": "r"}}], "shares no memory"),
        ([{**AGE, "parameters": {"binary_data_size": 16}}], "fewer bytes"),
    ],
    ids=str,
)
def test_tensors_that_cannot_be_used(models: Served, inputs: list[Any], words: str) -> None:
    answer = infer(models, inputs)

    assert answer.status_code == 400, answer.text
    assert words in answer.json()["error"]


@pytest.mark.parametrize(
    ("datatype", "raw", "words"),
    [
        ("FP64", b"\0" * 8, "has 8 bytes, and its shape takes 16"),
        ("BYTES", b"\x01\0\0", "within the length"),
        ("BYTES", b"\xff\xff\xff\xff" + b"a", "within an element"),
        ("BYTES", texts("a", "b", "c"), "more than the 2 elements"),
        ("BYTES", texts("a"), "has 1 elements"),
        ("BYTES", struct.pack("<I", 1) + b"\xff" + texts("a"), "no UTF-8"),
    ],
    ids=str,
)
def test_bytes_that_cannot_be_used(models: Served, datatype: str, raw: bytes, words: str) -> None:
    answer = infer_bytes(models, [("age", datatype, [2], raw)])

    assert answer.status_code == 400
    assert words in answer.json()["error"]


def test_requests_that_cannot_be_used(models: Served) -> None:
    def post(content: bytes, **headers: str) -> tuple[int, str]:
        answer = models.client.post("/v2/models/classes/infer", content=content, headers=headers)
        return answer.status_code, answer.json()["error"]

    body = json.dumps({"inputs": [AGE]}).encode()
    assert post(body, **{HEADER: str(len(body) + 1)})[0] == 400
    assert post(body, **{HEADER: "-1"})[0] == 400
    assert "belong to no input" in post(body + b"!!", **{HEADER: str(len(body))})[1]
    assert post(body, **{"Content-Encoding": "gzip"})[0] == 415
    unknown = infer(models, [AGE], outputs=[{"name": "score"}])
    assert unknown.status_code == 400 and "prediction, confidence, probabilities" in unknown.json()["error"]
    ranked = infer(models, [AGE], outputs=[{"name": "prediction", "parameters": {"classification": 2}}])
    assert ranked.status_code == 400
    assert infer(models, [AGE], "nothing").status_code == 404


def test_columns_that_the_model_has_not_are_not_kept(models: Served) -> None:
    loaded = Loaded("m", "m", "0", trained("bought", "logistic_regression"))
    others = [tensors.Tensor(f"other {number}", "BOOL", (2,), raw=b"\x01\x00") for number in range(5)]
    age = tensors.Tensor("age", "FP64", (2,), data=[60, 20])

    assert inference.read_rows(loaded, [*others, age]) == [{"age": 60}, {"age": 20}]
    assert inference.read_rows(loaded, others) == [{}, {}]
    assert infer(models, [*OTHERS, AGE]).json()["outputs"][0]["data"] == ["yes", "no"]
    assert infer(models, [OTHERS[0], OTHERS[0]]).status_code == 400
