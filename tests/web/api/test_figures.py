"""Quality, relations and figures over HTTP, each in the shape of its schema."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.web.serving import Served, serve

CSV = "id,kind,size/cm,price,sold,on\n" + "".join(
    f"{at},{'abc'[at % 3]},{10 + at % 17},{(10 + at % 17) * 3.5 + at % 5},{('no', 'yes')[at % 17 > 8]},"
    f"2021-{at % 12 + 1:02}-03\n"
    for at in range(1, 151)
)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(tmp_path_factory.mktemp("home")) as served:
        yield served


@pytest.fixture(scope="module")
def path(house: Served) -> str:
    answer = house.client.post("/api/datasets/upload", files={"file": ("things.csv", CSV.encode())})
    assert answer.status_code == 201, answer.text
    return f"/api/datasets/{answer.json()['id']}"


def get(house: Served, path: str, status: int = 200) -> Any:
    answer = house.client.get(path)
    assert answer.status_code == status, answer.text
    return answer.json()


def test_findings_have_what_a_page_shows_and_what_mends_them(house: Served, path: str) -> None:
    found = get(house, f"{path}/quality?target=sold")
    assert (set(found), found["target"], found["note"]) == ({"target", "issues", "note"}, "sold", None)
    for issue in found["issues"]:
        assert set(issue) == {"code", "severity", "columns", "message", "suggestion", "operations", "fix"}
    codes = {issue["code"]: issue for issue in found["issues"]}
    leaks = [(issue["severity"], issue["columns"]) for issue in found["issues"] if issue["code"] == "leakage"]
    # The price goes with the size, and tells nearly as much.
    assert leaks == [("critical", ["size/cm"]), ("warning", ["price"])]
    assert codes["identifier"]["operations"] == [{"op": "drop", "columns": ["id"]}]
    assert get(house, f"{path}/quality")["target"] is None


def test_what_is_offered_is_what_transform_takes(house: Served, path: str) -> None:
    for issue in get(house, f"{path}/quality?target=sold")["issues"]:
        if issue["operations"]:
            body = {"operations": issue["operations"], "preview": True}
            answer = house.client.post(f"{path}/transform", json=body)
            assert answer.status_code == 200, answer.text


def test_relations_come_strongest_first(house: Served, path: str) -> None:
    found = get(house, f"{path}/relations?target=price")
    assert (found["target"], found["target_kind"], found["note"]) == ("price", "numbers", None)
    assert found["columns"][0]["name"] == "size/cm"
    assert set(found["columns"][0]) == {"name", "role", "strength", "measure", "direction", "mutual_information"}
    assert get(house, f"{path}/relations?target=sold")["target_kind"] == "classes"


@pytest.mark.parametrize(
    ("column", "target", "kind", "fields"),
    [
        ("size/cm", "price", "scatter", {"points", "bins"}),
        ("kind", "price", "boxes", {"value", "groups", "other"}),
        ("size/cm", "sold", "shares", {"classes", "groups", "other"}),
        ("on", "price", "trend", {"periods"}),
    ],
)
def test_each_kind_of_relation_has_its_figure(
    house: Served, path: str, column: str, target: str, kind: str, fields: set[str]
) -> None:
    found = get(house, f"{path}/relation/{column}?target={target}")
    assert (found["kind"], found["column"], found["target"]) == (kind, column, target)
    assert set(found) == {"kind", "column", "target", "strength", "caption", "note"} | fields
    assert found["caption"].endswith(".")


@pytest.mark.parametrize(
    ("address", "status", "field"),
    [
        ("quality?target=nope", 422, "target"),
        ("relations?target=nope", 422, "target"),
        ("relations", 422, "target"),
        ("relation/price?target=on", 422, "target"),
        ("relation/nope?target=price", 404, None),
    ],
)
def test_what_cannot_be_is_named(house: Served, path: str, address: str, status: int, field: str | None) -> None:
    found = get(house, f"{path}/{address}", status)
    assert found["detail"].endswith(".")
    assert [error["field"] for error in found.get("errors") or []] == ([field] if field else [])


def test_statistics_say_why_a_column_has_its_role(house: Served, path: str) -> None:
    columns = {column["name"]: column for column in get(house, f"{path}/stats")["columns"]}
    assert "identifier" in columns["id"]["reason"]
    assert "decimals" in columns["price"]["reason"]


def test_statistics_of_fifty_columns_are_answered_at_once(house: Served) -> None:
    header = ",".join(f"x{column}" for column in range(50))
    rows = "\n".join(",".join(f"{at * column % 97}.25" for column in range(50)) for at in range(200))
    answer = house.client.post("/api/datasets/upload", files={"file": ("wide.csv", f"{header}\n{rows}\n".encode())})
    address = f"/api/datasets/{answer.json()['id']}/stats"
    seconds = []
    # Of the processor, which is ours however busy the machine is: the server runs in this process.
    for _ in range(8):
        started = time.process_time()
        assert len(get(house, address)["columns"]) == 50
        seconds.append(time.process_time() - started)
    assert min(seconds) < 0.02, seconds
