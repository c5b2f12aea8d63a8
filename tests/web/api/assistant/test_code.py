"""Code on tables over HTTP."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flowml.machine.confinement.confining import Confinement
from flowml.services.assistant import executing
from tests.assistant.stand_in import StandIn
from tests.web.serving import Served, serve

CSV = b"name,age\nada,36\nBo,x\n"
CODE = 'df = df.with_columns(pl.col("name").str.to_titlecase())'


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(tmp_path_factory.mktemp("home")) as served:
        yield served


def uploaded(house: Served) -> str:
    answer = house.client.post("/api/datasets/upload", files={"file": ("people.csv", CSV)})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def sent(house: Served, path: str, body: dict[str, Any], status: int = 200) -> Any:
    answer = house.client.post(path, json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


def test_code_is_previewed_then_approved(house: Served) -> None:
    dataset = uploaded(house)
    path = f"/api/datasets/{dataset}/code"
    refused = sent(house, path, {"code": CODE, "approved": True}, 409)
    assert "no preview" in refused["detail"] and "hint" in refused
    preview = sent(house, path, {"code": CODE})
    assert preview["columns_changed"] == [{"name": "name", "cells_changed": 1}]
    assert preview["first"]["rows"][0] == ["Ada", "36"] and preview["operations"] == []
    assert preview["expires_in_seconds"] == 1800 and set(preview["confinement"]) == {"is_whole", "missing"}
    sent(house, path, {"code": CODE, "approved": True, "preview_id": "another"}, 409)
    made = sent(house, path, {"code": CODE, "approved": True, "preview_id": preview["preview_id"], "name": "tidy"})
    assert (made["parent_id"], made["name"], made["code"], made["recipe"]) == (dataset, "tidy", CODE, [])
    line = house.client.get(f"/api/datasets/{made['id']}/lineage").json()["versions"]
    assert line[1]["steps"] == [{"operation": {"op": "code", "code": CODE}, "title": "1 line of code"}]


def test_what_is_refused_is_named_with_its_line(house: Served) -> None:
    path = f"/api/datasets/{uploaded(house)}/code"
    found = sent(house, path, {"code": "import os\nx = df.__class__"}, 422)
    assert [error["field"] for error in found["errors"]] == ["code.1.1", "code.2.8"]
    found = sent(house, path, {"code": "a" * 20_000}, 422)
    assert "longer than 10,000 characters" in found["detail"]
    assert sent(house, "/api/datasets/nothing/code", {"code": CODE}, 404)


def test_the_assistant_runs_code_where_there_is_a_model(tmp_path: Path, ollama: StandIn) -> None:
    with serve(tmp_path, ollama_url=ollama.url) as house:
        body = {"dataset_id": uploaded(house), "code": CODE}
        assert sent(house, "/api/llm/execute", body)["rows_changed"] == 1
        assert sent(house, "/api/llm/execute", body | {"approved": True})["parent_id"] == body["dataset_id"]
    assert not ollama.chats


def test_without_a_model_the_assistant_says_where_code_is_taken(house: Served) -> None:
    dataset = uploaded(house)
    found = sent(house, "/api/llm/execute", {"dataset_id": dataset, "code": CODE}, 503)
    assert f"/api/datasets/{dataset}/code" in found["hint"] and "Ollama" in found["hint"]
    sent(house, "/api/llm/execute", {"dataset_id": "none", "code": CODE}, 404)


def test_the_page_says_what_this_machine_cannot_hold_code_to(house: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    path = f"/datasets/{uploaded(house)}"
    missing = "this kernel has no Landlock (Linux has it since 5.13)"
    monkeypatch.setattr(executing, "available", lambda: Confinement(None, True, (missing,)))
    assert f"cannot shut code off completely: {missing}." in house.client.get(path).text
    monkeypatch.setattr(executing, "available", lambda: Confinement(7, True))
    assert "cannot shut code off" not in house.client.get(path).text
