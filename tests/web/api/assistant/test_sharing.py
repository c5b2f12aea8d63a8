"""Whose values may be told, over HTTP."""

from typing import Any

from tests.services.assistant.tables import people
from tests.web.serving import Served


def uploaded(server: Served) -> str:
    answer = server.client.post("/api/datasets/upload", files={"file": ("people.csv", people())})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def shared(answer: dict[str, Any]) -> set[str]:
    return {column["name"] for column in answer["columns"] if column["shared"]}


def test_the_owner_shares_values_by_column_and_all_that_are_not_personal(server: Served) -> None:
    path = f"/api/llm/sharing/{uploaded(server)}"
    found = server.client.get(path).json()
    assert found["may_change"] and not found["ordinary"] and found["changed_at"] is None and not shared(found)
    assert {"name": "email", "shared": False, "personal": "what identifies the rows"} in found["columns"]
    changed = server.client.patch(path, json={"ordinary": True, "columns": {"unit": False}}).json()
    assert shared(changed) == {"town", "bought"} and changed["changed_at"].endswith("Z")
    assert server.client.get(path).json() == changed


def test_what_cannot_be_shared_is_said(server: Served) -> None:
    path = f"/api/llm/sharing/{uploaded(server)}"
    answer = server.client.patch(path, json={"columns": {"tow": True}})
    assert answer.status_code == 422 and answer.json()["hint"] == "Did you mean “town”?"
    assert server.client.patch(path, json={"columns": {"town": "perhaps"}}).status_code == 422
    assert server.client.patch(path, json={"everything": True}).status_code == 422
    assert server.client.get("/api/llm/sharing/none").status_code == 404
