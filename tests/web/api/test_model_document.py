"""The OpenAPI document of one model. `benchmarks/clients.py` has a validator of the specification look at it."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from flowml.domain.access.caller import Permission, Principal
from tests.services.records import add_job
from tests.services.trained import ROW, add_trained, store_table, table
from tests.web.serving import Served, serve

ASKS = Principal("somebody", frozenset({Permission.OPEN, Permission.PREDICT}))


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(tmp_path_factory.mktemp("home")) as served:
        store_table(served.store)
        job = add_job(served.store, target="spent", exclude_columns=("bought",), cv_folds=3)
        add_trained(served.store, job, "classes", "bought", "logistic_regression")
        add_trained(served.store, job, "numbers", "spent", "ridge")
        yield served


def document_of(server: Served, model_id: str) -> Any:
    answer = server.client.get(f"/api/results/model/{model_id}/openapi.json")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


def test_columns_are_typed_fields(models: Served) -> None:
    row = document_of(models, "classes")["components"]["schemas"]["Row"]
    age, city, member, joined = (row["properties"][name] for name in ("age", "city", "member", "joined"))

    assert list(row["properties"]) == ["age", "city", "member", "joined"] and "required" not in row
    assert age["type"] == ["number", "null"] and re.search(r"From .+ to .+ in the training data", age["description"])
    assert sorted(city["anyOf"][0]["enum"]) == ["Bern", "Graz", "Ulm"]
    assert {"type": "null"} in city["anyOf"]
    assert member["type"] == ["boolean", "null"]
    assert (joined["type"], joined["format"]) == (["string", "null"], "date")


def test_answers_have_the_model_s_classes(models: Served) -> None:
    classes = document_of(models, "classes")["components"]["schemas"]
    numbers = document_of(models, "numbers")["components"]["schemas"]

    assert classes["Label"] == {"type": "string", "enum": ["no", "yes"]}
    assert classes["Prediction"]["properties"]["probabilities"]["required"] == ["no", "yes"]
    assert numbers["Label"]["type"] == ["number", "null"]
    assert numbers["Prediction"]["properties"]["probabilities"] == {"type": "null"}


def test_every_reference_leads_somewhere(models: Served) -> None:
    for model_id in ("classes", "numbers"):
        document = document_of(models, model_id)
        references = set(re.findall(r"'#/components/schemas/(\w+)'", str(document)))
        assert references == set(document["components"]["schemas"])


def test_its_example_is_a_real_row_and_can_be_sent(models: Served) -> None:
    document = document_of(models, "classes")
    for path, key in (("/api/results/predict", "prediction"), ("/invocations", "predictions")):
        operation = document["paths"][path]["post"]
        example = operation["requestBody"]["content"]["application/json"]["example"]
        default = {item["name"]: item["schema"]["default"] for item in operation.get("parameters", ())}
        answer = models.client.post(path, json=example, params=default)
        assert answer.status_code == 200 and key in answer.json()
    (row,) = example["dataframe_records"]
    assert row["age"] in table()["age"].to_list() and set(row) == set(ROW)


def test_who_may_only_ask_is_shown_no_row_of_the_training_data(tmp_path_factory: pytest.TempPathFactory) -> None:
    with serve(tmp_path_factory.mktemp("home"), who=lambda _: ASKS) as served:
        store_table(served.store)
        job = add_job(served.store, target="bought", exclude_columns=("spent",), cv_folds=3)
        add_trained(served.store, job, "classes", "bought", "logistic_regression")
        document = document_of(served, "classes")
        row = document["components"]["schemas"]["Row"]

        assert set(row["properties"]) == set(ROW) and "examples" not in row
        assert not re.search("Ulm|Bern|Graz|From .+ to ", str(document))
        assert served.client.get("/api/results/model/nothing/openapi.json").status_code == 404
