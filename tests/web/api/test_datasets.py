"""From a file to its figures, over HTTP."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.services.records import add_job
from tests.web.serving import Served, serve

CSV = """when,price,city,name/with slash
2024-01-01,1.5,Bern,a
2024-01-02,2.5,Ulm,b
2024-01-03,,Bern,a
2024-01-04,4.5,<b>Graz</b>,b
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(tmp_path_factory.mktemp("home"), max_upload_mb=1) as served:
        yield served


def upload(server: Served, content: bytes, filename: str = "table.csv", status: int = 201, **fields: str) -> Any:
    answer = server.client.post("/api/datasets/upload", files={"file": (filename, content)}, data=fields)
    assert answer.status_code == status, answer.text
    return answer.json()


@pytest.fixture(scope="module")
def dataset(house: Served) -> dict[str, Any]:
    found: dict[str, Any] = upload(house, CSV.encode(), "../prices.csv", name="Prices")
    return found


def get(server: Served, path: str) -> Any:
    answer = server.client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


def leftovers(server: Served) -> list[Path]:
    return list(server.store.home.temporary.iterdir())


def test_an_upload_becomes_a_dataset(house: Served, dataset: dict[str, Any]) -> None:
    assert (dataset["name"], dataset["filename"], dataset["format"]) == ("Prices", "prices.csv", "csv")
    assert (dataset["n_rows"], dataset["n_columns"], dataset["size_bytes"]) == (4, 4, len(CSV))
    assert {column["name"]: column["role"] for column in dataset["columns"]}["when"] == "datetime"
    assert dataset["created_at"].endswith("Z")
    assert get(house, f"/api/datasets/{dataset['id']}") == dataset
    assert leftovers(house) == []


def test_options_reach_the_reader(house: Served) -> None:
    found = upload(house, b"a|b\n1|2\n3|4\n", options='{"delimiter": "|"}')

    assert [column["name"] for column in found["columns"]] == ["a", "b"]


def test_rows_come_in_pages_sorted_and_searched(house: Served, dataset: dict[str, Any]) -> None:
    path = f"/api/datasets/{dataset['id']}/preview"
    everything = get(house, path)

    assert everything["columns"] == ["when", "price", "city", "name/with slash"]
    assert everything["rows"][0] == ["2024-01-01", 1.5, "Bern", "a"]
    assert everything["rows"][2][1] is None
    assert get(house, f"{path}?offset=1&limit=1")["rows"] == everything["rows"][1:2]
    assert get(house, f"{path}?sort=price&descending=true&limit=1")["rows"][0][1] == 4.5
    assert get(house, f"{path}?search=ulm")["total"] == 1


def test_the_grid_gets_whole_numbers_with_all_their_digits(house: Served) -> None:
    found = upload(house, b"id,x\n9007199254740993,1\n-9007199254740995,2.5\n12,3\n")
    public = get(house, f"/api/datasets/{found['id']}/preview")
    rows = f"/datasets/{found['id']}/rows.json"

    assert public["rows"] == [[9007199254740993, 1], [-9007199254740995, 2.5], [12, 3]]
    exact = [["9007199254740993", 1], ["-9007199254740995", 2.5], [12, 3]]
    assert get(house, rows) == public | {"rows": exact, "numbers": [1, 2, 3]}
    first = get(house, f"{rows}?sort=id&limit=1")
    assert (first["rows"], first["numbers"]) == ([["-9007199254740995", 2.5]], [2]), "it keeps its number"
    assert house.client.get(f"{rows}?sort=none").status_code == 422
    assert "9007199254740993" in house.client.get(f"/datasets/{found['id']}").text


def test_infinite_numbers_are_missing_in_every_view(house: Served) -> None:
    found = upload(house, b"x,y\n1.5,1\n1e999,2\n-1e999,3\n4.0,4\n")
    path = f"/api/datasets/{found['id']}"

    said = "2 infinite values in “x” count as missing."
    assert {"code": "infinite_values", "severity": "loss", "message": said} in found["warnings"]
    assert [row[0] for row in get(house, f"{path}/preview")["rows"]] == [1.5, None, None, 4.0]
    assert get(house, f"{path}/stats")["columns"][0]["missing"] == 2
    assert get(house, f"{path}/distribution/x")["missing"] == 2


def test_every_column_in_figures(house: Served, dataset: dict[str, Any]) -> None:
    found = {column["name"]: column for column in get(house, f"/api/datasets/{dataset['id']}/stats")["columns"]}

    assert (found["price"]["missing"], found["price"]["max"]) == (1, 4.5)
    assert found["city"]["mean"] is None
    assert found["city"]["top"][0] == {"value": "Bern", "count": 2}


def test_what_stands_in_a_column_of_texts(house: Served, dataset: dict[str, Any]) -> None:
    found = get(house, f"/api/datasets/{dataset['id']}/texts/city")
    assert "Bern" in found["samples"] and {"word": "bern", "count": 2} in found["words"]
    assert found["lengths"]["kind"] == "histogram"


@pytest.mark.parametrize("method", ["pearson", "spearman", "association"])
def test_how_columns_go_together(house: Served, dataset: dict[str, Any], method: str) -> None:
    found = get(house, f"/api/datasets/{dataset['id']}/correlation?method={method}")

    assert found["method"] == method
    assert len(found["matrix"]) == len(found["columns"])


@pytest.mark.parametrize(
    ("column", "kind"),
    [("price", "histogram"), ("when", "histogram"), ("city", "categories"), ("name%2Fwith%20slash", "categories")],
)
def test_how_one_column_is_spread(house: Served, dataset: dict[str, Any], column: str, kind: str) -> None:
    found = get(house, f"/api/datasets/{dataset['id']}/distribution/{column}?bins=3")

    assert found["kind"] == kind
    if kind == "histogram":
        assert set(found) == {"kind", "edges", "counts", "missing"}
        assert len(found["edges"]) == len(found["counts"]) + 1 == 4
        assert sum(found["counts"]) + found["missing"] == 4
    else:
        assert set(found) == {"kind", "values", "counts", "other", "missing"}
        assert sum(found["counts"]) == 4


@pytest.mark.parametrize(
    ("path", "status", "field"),
    [
        ("distribution/none", 404, None),
        ("texts/none", 404, None),
        ("texts/price", 422, "column"),
        ("distribution/price?bins=0", 422, "bins"),
        ("preview?sort=none", 422, "sort"),
        ("preview?limit=100000", 422, "limit"),
        ("correlation?method=magic", 422, "method"),
    ],
)
def test_what_cannot_be_asked_is_named(
    house: Served, dataset: dict[str, Any], path: str, status: int, field: str | None
) -> None:
    answer = house.client.get(f"/api/datasets/{dataset['id']}/{path}")

    assert answer.status_code == status
    assert [item["field"] for item in answer.json().get("errors", [])] == ([field] if field else [])


@pytest.mark.parametrize(
    ("content", "filename", "status"),
    [
        (b"", "empty.csv", 422),
        (bytes(range(256)) * 100, "binary.csv", 422),
        (b"PAR1 and nothing behind it", "broken.parquet", 422),
        (b"x" * 1_300_000, "large.csv", 413),
    ],
)
def test_a_file_that_cannot_be_read_leaves_nothing_behind(
    house: Served, content: bytes, filename: str, status: int
) -> None:
    before = get(house, "/api/datasets")["total"]
    found = upload(house, content, filename, status)

    assert found["detail"].endswith(".")
    assert get(house, "/api/datasets")["total"] == before
    assert leftovers(house) == []


def test_a_dataset_is_deleted_unless_a_run_needs_it(house: Served) -> None:
    found = upload(house, b"a,b\n1,2\n2,3\n")
    path = f"/api/datasets/{found['id']}"
    job = add_job(house.store, dataset_id=found["id"])

    assert house.client.delete(path).status_code == 409
    house.client.post(f"/api/training/{job.id}/cancel")
    assert house.client.delete(path).status_code == 204
    assert house.client.get(path).status_code == 404
    assert house.client.delete(path).status_code == 404
