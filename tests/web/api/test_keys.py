"""Keys of one model over HTTP: made, listed, of use for that model alone, and revoked."""

from pathlib import Path

from flowml.domain.access.caller import TokenKind
from flowml.services.access.tokens import create_token, list_tokens
from tests.services.records import add_job
from tests.services.trained import ROW, add_trained
from tests.web.serving import Served, serve


def test_a_key_asks_its_model_until_it_is_revoked(server: Served) -> None:
    job = add_job(server.store)
    for name in ("asked", "other"):
        add_trained(server.store, job, name, "bought", "logistic_regression")
    create_token(server.context, TokenKind.API, "for all")
    url = "/api/results/model/asked/keys"
    answer = server.client.post(url, json={"name": "shop", "expires_in_seconds": 86_400})
    made = answer.json()
    assert answer.status_code == 201 and answer.headers["cache-control"] == "no-store"
    assert made["name"] == "shop" and made["expires_at"] > made["created_at"] and made["last_used_at"] is None

    with_key = {"Authorization": f"Bearer {made['token']}"}
    row = {"features": ROW}
    for model, status in (("asked", 200), ("other", 403)):
        body = {"model_id": model, **row}
        assert server.client.post("/api/results/predict", json=body, headers=with_key).status_code == status
    assert server.client.get(url, headers=with_key).status_code == 403
    # It names its model, for clients that cannot.
    asked = {"dataframe_records": [ROW]}
    assert server.client.post("/invocations", json=asked, headers=with_key).json() == {"predictions": ["yes"]}

    assert [key["name"] for key in server.client.get(url).json()["items"]] == ["shop"]
    assert made["token"] not in server.client.get(url).text
    assert server.client.get("/api/results/model/other/keys").json() == {"items": [], "total": 0}
    # A key that is not this model's is not revoked by its address.
    for_all = next(token for token in list_tokens(server.context) if token.name == "for all")
    for path in (f"{url}/{for_all.id}", f"/api/results/model/other/keys/{made['id']}"):
        assert server.client.delete(path).status_code == 404
    assert server.client.delete(f"{url}/{made['id']}").status_code == 204
    assert (
        server.client.post("/api/results/predict", json={"model_id": "asked", **row}, headers=with_key).status_code
        == 401
    )
    assert server.client.get(url).json()["total"] == 0


def test_a_key_without_a_name_gets_one_that_is_free(tmp_path: Path) -> None:
    with serve(tmp_path) as server:
        add_trained(server.store, add_job(server.store), "m", "bought", "logistic_regression")
        names = [server.client.post("/api/results/model/m/keys", json={}).json()["name"] for _ in range(2)]
        assert names == ["bought key 1", "bought key 2"]
        taken = server.client.post("/api/results/model/m/keys", json={"name": "bought key 1"})
        assert taken.status_code == 409 and "already" in taken.json()["detail"]
        for wrong in ({"name": " \u200b"}, {"expires_in_seconds": 1}, {"expires_in_seconds": 1e12}, {"kind": "admin"}):
            assert server.client.post("/api/results/model/m/keys", json=wrong).status_code == 422, wrong
        assert server.client.post("/api/results/model/nothing/keys", json={}).status_code == 404
