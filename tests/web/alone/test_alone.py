"""A server of one model file answers as a whole one does, and needs nothing but the file."""

import json
import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from flowml.automl.model import modelfile
from flowml.domain.errors import InvalidInput
from flowml.services.serving import alone as alone_models
from flowml.services.serving.alone import context_of_one, name_for, read_model
from flowml.services.serving.figures import Figures
from flowml.services.serving.shared_figures import SharedFigures
from flowml.services.settings import Settings
from flowml.web.alone.application import create_app
from flowml.web.api.prometheus import merged, of_predictions
from tests.services.trained import ROW, trained
from tests.web.serving import run_app

SECRET = "0123456789abcdef0123456789abcdef"


@contextmanager
def alone(
    folder: Path, secret: str | None = None, target: str = "bought", algorithm: str = "logistic_regression"
) -> Iterator[httpx.Client]:
    path = folder / "Shop model.flowml"
    path.write_bytes(modelfile.write(trained(target, algorithm)))
    context = context_of_one(Settings(home=folder), read_model(path), path, folder)
    with (
        run_app(create_app(context, secret, 2, 3), lifespan="on") as port,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=20) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with alone(tmp_path_factory.mktemp("alone")) as client:
        yield client


def test_a_request_needs_to_name_no_model(server: httpx.Client) -> None:
    found = server.post("/api/results/predict", json={"features": ROW})
    many = server.post("/api/results/predict", json={"rows": [ROW, {"age": 20}] * 60}).json()

    assert (found.status_code, found.json()["prediction"]) == (200, "yes")
    assert found.json()["model_name"] == "Shop-model"
    assert [row["prediction"] for row in many["predictions"][:2]] == ["yes", "no"]
    assert server.post("/invocations", json={"dataframe_records": [ROW]}).json() == {"predictions": ["yes"]}


def test_it_answers_under_its_name_and_the_hash_of_its_file(server: httpx.Client) -> None:
    model = server.get("/api/results/model/Shop-model").json()

    for name in ("Shop-model", model["sha256"], model["sha256"][:12]):
        assert server.post("/api/results/predict", json={"model_id": name, "features": ROW}).status_code == 200
        assert server.get(f"/v2/models/{name}").json()["name"] == name
    other = server.post("/api/results/predict", json={"model_id": "m1", "features": ROW})
    assert other.status_code == 404 and "“Shop-model”" in other.json()["hint"]
    assert (model["target"], model["classes"], model["feature_names"]) == ("bought", ["no", "yes"], list(ROW))
    assert [member["algorithm"] for member in model["members"]] == ["logistic_regression"]


def test_the_open_inference_protocol(server: httpx.Client) -> None:
    age = {"name": "age", "shape": [1], "datatype": "FP64", "data": [60]}
    outputs = server.post("/v2/models/Shop-model/infer", json={"inputs": [age]}).json()["outputs"]
    raw = server.post(
        "/v2/models/Shop-model/versions/1/infer",
        json={"inputs": [age], "outputs": [{"name": "confidence", "parameters": {"binary_data": True}}]},
    ).content

    assert outputs[0]["data"] == ["yes"]
    assert struct.unpack("<d", raw[-8:]) == pytest.approx(outputs[1]["data"])


def test_it_says_why(server: httpx.Client) -> None:
    found = server.post("/api/results/model/Shop-model/explain", json={"features": ROW}).json()
    added = sum(item["contribution"] for item in found["contributions"])
    change = server.post(
        "/api/results/model/Shop-model/counterfactual", json={"features": ROW, "changeable": ["age"]}
    ).json()

    assert found["base_value"] + added == pytest.approx(found["margin"])
    assert change["found"] and [item["feature"] for item in change["changes"]] == ["age"]


def test_it_is_described(server: httpx.Client) -> None:
    document = server.get("/api/results/model/Shop-model/openapi.json").json()
    whole = server.get("/api/openapi.json").json()

    assert set(document["components"]["schemas"]["Row"]["properties"]) == set(ROW)
    assert "/v2/models/{model_id}/infer" in whole["paths"] and "/api/datasets" not in whole["paths"]


def test_it_says_what_is_served_and_where(server: httpx.Client) -> None:
    found = server.get("/").json()
    paths = set(found["addresses"].values())

    assert (found["model"], found["predicts"]) == ("Shop-model", "bought")
    assert all(server.get(path).status_code in (200, 405) for path in paths)


def test_the_page_of_addresses_has_what_problems_and_documents_name(server: httpx.Client) -> None:
    page = server.get("/api/docs")
    wrong = server.post("/api/results/predict", json={"features": {"age": "old"}}).json()
    kept = server.get("/api/results/model/Shop-model/curves").json()

    assert page.headers["content-type"].startswith("text/html")
    assert all(f'id="{problem["type"].partition("#")[2]}"' in page.text for problem in (wrong, kept))
    assert all(path in page.text for path in server.get("/api/openapi.json").json()["paths"])
    assert "<script" not in page.text and "src=" not in page.text and "<link" not in page.text


def test_the_file_itself_its_card_and_programs_that_ask_it(server: httpx.Client, tmp_path: Path) -> None:
    at = "/api/results/model/Shop-model"
    got = server.get(f"{at}/download")
    (tmp_path / "again.flowml").write_bytes(got.content)
    again = read_model(tmp_path / "again.flowml")
    card = server.get(f"{at}/card")
    program = server.get(f"{at}/code").text
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FLOWML_")}
    said = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)

    assert again.file == server.get(at).json()["sha256"] and "Shop-model.flowml" in got.headers["content-disposition"]
    assert card.text.startswith("# Predicts bought") and "| age |" in card.text
    assert server.get(f"{at}/download", params={"format": "card"}).text == card.text
    assert json.loads(said.stdout)["model_name"] == "Shop-model"
    assert "curl " in server.get(f"{at}/code", params={"language": "curl"}).text
    assert server.get(f"{at.replace('Shop-model', 'x')}/code").status_code == 404


def test_health_and_figures(server: httpx.Client) -> None:
    for path in ("/healthz", "/readyz", "/ping", "/health", "/v2/health/live", "/v2/health/ready"):
        assert server.get(path).status_code == 200
    before = server.get("/metrics").text
    server.post("/api/results/predict", json={"rows": [ROW] * 5})
    after = server.get("/metrics").text

    def predicted(text: str) -> int:
        (line,) = (line for line in text.splitlines() if line.startswith('flowml_predictions_total{process="2"}'))
        return int(line.rpartition(" ")[2])

    assert predicted(after) == predicted(before) + 5
    assert "flowml_processes 3" in after and 'flowml_model_info{model="Shop-model"' in after


def test_whichever_process_is_asked_knows_what_all_have_counted(tmp_path: Path) -> None:
    first, second = Figures(), Figures()
    first.record(3, 1.5, "m")
    second.record(5, 2.5, "m")
    second.failed("m")
    one, other = SharedFigures(first, 1, tmp_path), SharedFigures(second, 2, tmp_path)
    assert set(one.read(3)) == {1}
    other.write()
    (tmp_path / "figures-3.json").write_text("{")
    found = one.read(3)
    read = {number: of_one.predictions for number, of_one in found.items()}
    text = merged(of_predictions(figures, {"process": str(number)}) for number, figures in read.items())

    assert read == {1: first.read(), 2: second.read()}
    assert found[2].uptime_seconds >= 0 and found[2].memory_bytes > 1_000_000
    assert len([line for line in text if line.startswith("# TYPE flowml_predictions_total")]) == 1
    assert 'flowml_predictions_total{process="1"} 3' in text and 'flowml_predictions_total{process="2"} 5' in text
    assert 'flowml_model_errors_total{process="2",model="m"} 1' in text


def test_what_it_does_not_have_is_not_there(server: httpx.Client) -> None:
    for path in ("/api/datasets", "/login", "/static/css/grid.css"):
        answer = server.get(path, headers={"Accept": "text/html"})
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    for name in ("feature-importance", "partial-dependence?feature=age", "curves", "slices", "mistakes"):
        answer = server.get(f"/api/results/model/Shop-model/{name}")
        assert answer.status_code == 409 and "rows of the training data" in answer.json()["detail"]
        assert "explain" in answer.json()["hint"]
    assert server.get("/api/results/model/x/feature-importance").status_code == 404
    for format in ("onnx", "python"):
        answer = server.get("/api/results/model/Shop-model/download", params={"format": format})
        assert answer.status_code == 409 and f"--format {format}" in answer.json()["hint"]
    wrong = server.post("/api/results/predict", json={"features": {"age": "old"}})
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "age")


def test_large_requests_pass_through_its_folder(server: httpx.Client) -> None:
    rows = [{**ROW, "note": "x" * 600}] * 2_500
    answer = server.post("/api/results/predict", json={"rows": rows})

    assert answer.status_code == 200 and len(answer.json()["predictions"]) == 2_500


def test_a_file_is_answered_with_a_file(server: httpx.Client) -> None:
    rows = "".join(f"{age};Ulm\n" for age in (20, 60, 33))
    at = "/api/results/model/Shop-model/predict-file"
    answer = server.post(at, files={"file": ("new.csv", f"age;city\n{rows}")}, params={"format": "jsonl"})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/jsonl" and "X-FlowML-Notes" in answer.headers
    found = [json.loads(line) for line in answer.text.splitlines()]
    assert [row["age"] for row in found] == [20, 60, 33] and all(row["prediction"] in ("no", "yes") for row in found)
    later = server.post(at, files={"file": ("new.csv", "age\n1\n")}, params={"wait": "false"})
    assert later.status_code == 422 and "while you wait" in later.json()["detail"]
    assert server.post(at.replace("Shop-model", "x"), files={"file": ("new.csv", "age\n1\n")}).status_code == 404
    wrong = server.post(at, files={"file": ("new.csv", "a,b\n1,2\n")})
    assert wrong.status_code == 422 and "none of the columns" in wrong.json()["detail"]


def test_with_a_secret_everyone_brings_it(tmp_path: Path) -> None:
    with alone(tmp_path, SECRET) as client:
        assert client.get("/healthz").status_code == client.get("/v2/health/ready").status_code == 200
        for headers in (
            {},
            {"Accept": "text/html"},
            {"Authorization": "Bearer wrong"},
            {"Authorization": "Basic eA=="},
        ):
            answer = client.post("/invocations", json={"dataframe_records": [ROW]}, headers=headers)
            assert (answer.status_code, answer.json()["error_code"]) == (401, "UNAUTHENTICATED")
            for path in ("/", "/api/docs", "/metrics", "/api/results/model/Shop-model/download"):
                assert client.get(path, headers=headers).status_code == 401
        answer = client.post(
            "/invocations", json={"dataframe_records": [ROW]}, headers={"Authorization": f"Bearer {SECRET}"}
        )
        assert answer.json() == {"predictions": ["yes"]}


def test_with_a_secret_it_answers_under_any_name(tmp_path: Path) -> None:
    with alone(tmp_path, SECRET) as client:
        named = {"Host": "titanic.default.svc", "Authorization": f"Bearer {SECRET}"}
        for headers, status in (
            (named, 200),
            ({"Host": "titanic.default.svc"}, 401),
            ({**named, "Origin": "http://x.com"}, 403),
        ):
            assert client.post("/api/results/predict", json={"features": ROW}, headers=headers).status_code == status
        strange = client.get("/api/results/model/Shop-model/code", headers={**named, "Host": "x$(id)"})
        assert strange.status_code == 400
        # A probe sends what it was told to send, also where nothing is asked for.
        assert client.get("/v2/health/ready", headers={"Authorization": "Bearer other"}).status_code == 200


def test_without_one_it_is_for_this_machine_alone(server: httpx.Client) -> None:
    body = {"features": ROW}
    forwarded = server.post("/api/results/predict", json=body, headers={"X-Forwarded-For": "10.0.0.1"})
    foreign = server.post("/api/results/predict", json=body, headers={"Origin": "http://example.com"})
    named = server.post("/api/results/predict", json=body, headers={"Host": "example.com"})
    sent = server.post("/api/results/predict", json=body, headers={"Authorization": f"Bearer {SECRET}"})

    assert [answer.status_code for answer in (forwarded, foreign, named, sent)] == [401, 403, 403, 401]


def test_what_is_quick_when_it_is_prepared_answers_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "forest.flowml"
    path.write_bytes(modelfile.write(trained("bought", "random_forest")))
    # As of a large forest, which takes a moment to be made quick.
    monkeypatch.setattr(alone_models, "_predict_ms", lambda model: 0.5 if model.one_row._is_prepared else 8.0)
    found = read_model(path)
    assert found.answers_at_once and found.predict_ms == 0.5


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.flowml"
    path.write_bytes(b"PK\x03\x04 nothing of that kind")
    with pytest.raises(InvalidInput, match=r"m\.flowml"):
        read_model(path)
    path.write_bytes(modelfile.write(trained("bought", "logistic_regression")))
    with pytest.raises(InvalidInput, match="is not the file"):
        read_model(path, tried="0" * 64)


def test_names_that_stand_in_addresses() -> None:
    assert name_for(Path("a/Preis (€) v2.1.flowml")) == "Preis-v2.1"
    assert name_for(Path("§.flowml")) == "model"
