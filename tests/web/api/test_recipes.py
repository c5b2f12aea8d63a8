"""Operations over HTTP: listed, previewed, applied, traced back; mistakes named by place and field."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.web.serving import Served, serve

CSV = b"name,age,city\nAda,36,Ulm\nBo,x,ulm\nCy,,Bern\nBo,x,ulm\n"
CAST = {"op": "cast", "column": "age", "to": "number"}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(tmp_path_factory.mktemp("home")) as served:
        yield served


@pytest.fixture(scope="module")
def path(house: Served) -> str:
    answer = house.client.post("/api/datasets/upload", files={"file": ("people.csv", CSV)})
    assert answer.status_code == 201, answer.text
    assert answer.json()["recipe"] == []
    return f"/api/datasets/{answer.json()['id']}"


def transform(house: Served, path: str, body: dict[str, Any], status: int = 200) -> Any:
    answer = house.client.post(f"{path}/transform", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


def test_operations_are_listed_with_their_fields(house: Served) -> None:
    items = {item["name"]: item for item in house.client.get("/api/datasets/operations").json()["items"]}
    assert set(items) == {
        *("rename", "drop", "keep", "cast", "parse_dates", "date_parts", "fill", "mark_missing", "clip", "map_values"),
        *("merge_categories", "clean_text", "split", "derive", "filter", "drop_missing", "drop_duplicates", "sort"),
        "sample",
    }
    assert items["filter"]["row_wise"] is False and items["fill"]["row_wise"] is True
    fields = {field["name"]: field for field in items["cast"]["fields"]}
    assert fields["column"]["kind"] == "column" and fields["column"]["required"]
    assert "whole_number" in fields["to"]["choices"] and fields["decimal"]["learned"]


def test_the_contract_describes_every_operation(house: Served) -> None:
    schemas = house.client.get("/api/openapi.json").json()["components"]["schemas"]
    described = schemas["Transform"]["properties"]["operations"]["items"]["oneOf"]
    listed = house.client.get("/api/datasets/operations").json()["items"]
    assert [one["properties"]["op"]["const"] for one in described] == [item["name"] for item in listed]
    cast = next(one for one in described if one["properties"]["op"]["const"] == "cast")
    assert cast["required"] == ["op", "column", "to"] and "number" in cast["properties"]["to"]["enum"]


def test_a_preview_is_the_default_and_changes_nothing(house: Served, path: str) -> None:
    found = transform(house, path, {"operations": [CAST, {"op": "drop_duplicates"}]})
    assert found["changes"] == [
        {
            "operation": {**CAST, "decimal": "."},
            "title": "Turn “age” into numbers",
            "rows_removed": 0,
            "cells_changed": 3,
        },
        {
            "operation": {"op": "drop_duplicates", "keep": "first"},
            "title": "Drop rows that repeat",
            "rows_removed": 1,
            "cells_changed": 0,
        },
    ]
    assert (found["n_rows_before"], found["n_rows_after"]) == (4, 3)
    assert found["before"] == {
        "columns": ["name", "age", "city"],
        "rows": [["Ada", "36", "Ulm"], ["Bo", "x", "ulm"], ["Cy", None, "Bern"]],
    }
    assert [row[1] for row in found["after"]["rows"]] == [36.0, None, None]
    said = "2 values of “age” could not be turned into numbers and became missing: “x” (2)."
    assert found["warnings"] == [{"code": "values_not_converted", "severity": "loss", "message": said}]
    assert house.client.get("/api/datasets").json()["total"] == 1


def test_a_new_data_set_has_its_parent_its_recipe_and_a_way_back(house: Served, path: str) -> None:
    body = {"operations": [CAST, {"op": "fill", "column": "age", "with": "mean"}], "preview": False, "name": "mended"}
    made = transform(house, path, body)
    assert made["parent_id"] == path.rsplit("/", 1)[1] and made["name"] == "mended"
    assert made["recipe"] == [
        {**CAST, "decimal": "."},
        {"op": "fill", "column": "age", "with": "mean", "value": 36.0},
    ]
    rows = house.client.get(f"/api/datasets/{made['id']}/preview").json()["rows"]
    assert [row[1] for row in rows] == [36.0] * 4
    found = house.client.get(f"/api/datasets/{made['id']}/lineage").json()
    assert [version["dataset"]["id"] for version in found["versions"]] == [made["parent_id"], made["id"]]
    assert [step["title"] for step in found["versions"][1]["steps"]][1].endswith("with the mean (36)")
    before = house.client.get(f"{path}/lineage").json()
    assert [child["dataset"]["id"] for child in before["children"]] == [made["id"]]
    assert house.client.delete(f"/api/datasets/{made['id']}").status_code == 204


@pytest.mark.parametrize(
    ("operations", "field", "words"),
    [
        ([], "operations", "empty"),
        ("drop", "operations", "list"),
        ([CAST, {"op": "drop", "columns": ["agee"]}], "operations.1.columns", "no column “agee”"),
        ([{"op": "derive", "column": "z", "expression": "age +* 2"}], "operations.0.expression", "character 6"),
        ([{"op": "filter", "expression": "__import__('os').system('true')"}], "operations.0.expression", "character"),
        ([{"op": "launch"}], "operations.0.op", "no operation"),
        ([CAST] * 201, "operations", "200"),
    ],
)
def test_a_mistake_is_422_and_named(house: Served, path: str, operations: Any, field: str, words: str) -> None:
    found = transform(house, path, {"operations": operations}, 422)
    assert [error["field"] for error in found["errors"]] == [field]
    assert words in found["detail"]


def test_unknown_data_sets_are_404(house: Served) -> None:
    transform(house, "/api/datasets/nobody", {"operations": [CAST]}, 404)
    assert house.client.get("/api/datasets/nobody/lineage").status_code == 404
