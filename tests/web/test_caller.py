"""Whoever may not do what an address needs is refused, at every address, by every method."""

import ast
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.types import Scope
from websockets.exceptions import InvalidStatus

from flowml.domain.access.caller import LOCAL_OWNER, Permission, Principal
from flowml.domain.errors import FlowMLError, Forbidden, Unauthorized
from flowml.services.context import Context
from flowml.web import pages
from flowml.web.application import create_app
from flowml.web.caller import Guarded
from flowml.web.endpoint import Endpoint, Resource
from flowml.web.failures import handle_error
from flowml.web.routes import ENDPOINTS, routes
from flowml.web.security import Gate
from tests.services.records import add_dataset, add_job
from tests.web.serving import Served, run_app, serve

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
EVERYTHING = frozenset(Permission)
WEB = Path(pages.__file__).parents[1]


@dataclass
class Door:
    """Says who calls; a test puts somebody else there."""

    caller: Principal | None = LOCAL_OWNER

    def __call__(self, scope: Scope) -> Principal:
        assert scope["type"] in ("http", "websocket")
        if self.caller is None:
            raise Unauthorized("No credential.")
        return self.caller


@pytest.fixture(scope="module")
def door() -> Door:
    return Door()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, door: Door) -> Iterator[Served]:
    with serve(tmp_path_factory.mktemp("home"), who=door) as served:
        yield served


@pytest.fixture(autouse=True)
def the_owner_again(door: Door) -> None:
    door.caller = LOCAL_OWNER


def who_may(*needs: Permission) -> Principal:
    return Principal("somebody", frozenset(needs))


def filled_in(path: str) -> str:
    return path.replace(":path", "").replace("{", "").replace("}", "")


def paths() -> Iterator[str]:
    """One address for every route that there is."""
    for route in routes(pages.ENDPOINTS):
        if isinstance(route, Mount):
            yield f"{route.path}/css/grid.css"
        else:
            assert isinstance(route, Route | WebSocketRoute), f"a kind of route that this test does not know: {route}"
            yield filled_in(route.path)


def beside(path: str) -> Iterator[str]:
    """An address, the same with a slash more or less, and one that there is not."""
    yield path
    yield path.removesuffix("/") if path.endswith("/") and path != "/" else f"{path}/"
    yield f"{path}/nothing/here"


def test_who_may_do_nothing_gets_in_nowhere_and_learns_of_no_address(server: Served, door: Door) -> None:
    door.caller = who_may()

    let_in = [
        (method, path)
        for address in paths()
        for path in beside(address)
        for method in METHODS
        if server.client.request(method, path).status_code != 403
    ]

    assert let_in == []


def test_who_says_nothing_about_themselves_gets_in_nowhere(server: Served, door: Door) -> None:
    door.caller = None

    answers = [server.client.get(path) for address in paths() for path in beside(address)]

    assert {(answer.status_code, answer.headers.get("www-authenticate")) for answer in answers} == {(401, "Bearer")}
    with pytest.raises(InvalidStatus):
        server.live()


@pytest.mark.parametrize("endpoint", (*ENDPOINTS, *pages.ENDPOINTS), ids=lambda one: f"{one.method} {one.path}")
def test_an_endpoint_asks_for_just_what_it_states(server: Served, door: Door, endpoint: Endpoint) -> None:
    assert endpoint.need is not None
    path = filled_in(endpoint.path)
    door.caller = who_may(*EVERYTHING - {endpoint.need})
    refused = server.client.request(endpoint.method, path)
    # Around every page stands what there is, for whoever may read that.
    door.caller = who_may(endpoint.need, *({Permission.READ} if endpoint in pages.ENDPOINTS else ()))
    # What goes on for ever has answered with its first line.
    with server.client.stream(endpoint.method, path) as allowed:
        pass

    assert (refused.status_code, refused.json()["title"]) == (403, "Not allowed")
    assert allowed.status_code not in (401, 403, 405)


@pytest.mark.parametrize("method", [endpoint.method for endpoint in ENDPOINTS if endpoint.method != "GET"])
def test_what_changes_something_needs_more_than_reading(method: str) -> None:
    # What is asked for is too long for an address, and nothing is changed.
    looks = ("/api/results/compare",)
    changing = [endpoint for endpoint in ENDPOINTS if endpoint.method == method and endpoint.path not in looks]
    assert all(endpoint.need != Permission.READ for endpoint in changing)


def test_where_no_need_is_stated_nobody_gets_in(server: Served) -> None:
    def secret(context: Context) -> dict[str, str]:
        raise AssertionError("nobody gets here")

    routes = [
        Route("/unstated", Resource([Endpoint("GET", "/unstated", secret)])),
        Mount("/folder", app=Guarded(None, Resource([]))),
    ]
    inner = Starlette(routes=routes, exception_handlers={FlowMLError: handle_error})
    context = server.context.of(who_may(*EVERYTHING))
    with run_app(Gate(inner, context, lambda scope: context.caller)) as port:
        for path in ("/unstated", "/folder/file"):
            answer = server.client.get(f"http://127.0.0.1:{port}{path}")

            assert answer.status_code == 403
            assert "not stated" in answer.json()["detail"]


def test_static_files_and_live_updates_need_reading(server: Served, door: Door) -> None:
    door.caller = who_may(*EVERYTHING - {Permission.READ})
    assert server.client.get("/static/css/grid.css").status_code == 403
    with pytest.raises(InvalidStatus) as refusal:
        server.live()
    assert refusal.value.response.status_code == 403

    door.caller = who_may(Permission.READ)
    assert server.client.get("/static/css/grid.css").status_code == 200
    with server.live():
        pass


def test_a_slash_too_many_is_another_address(server: Served) -> None:
    for path in ("/jobs/", "/api/datasets/", "/datasets/d1/"):
        assert server.client.get(path).status_code == 404


def test_each_room_asks_for_what_it_needs(server: Served, door: Door) -> None:
    door.caller = who_may(Permission.READ)
    with server.live() as connection:
        connection.send(json.dumps({"subscribe": ["system", "logs"], "after": 0}))
        refusal = json.loads(connection.recv(timeout=5))
        # Refused as a whole: what is told in the other room does not come either.
        server.store.events.append("system", "log", {}, 1.0)
        connection.send(json.dumps({"subscribe": "job:a", "after": 0}))
        server.store.events.append("job:a", "log", {}, 1.0)

        assert refusal["type"] == "error" and "the right to run this server" in refusal["data"]["detail"]
        assert json.loads(connection.recv(timeout=5))["room"] == "job:a"

    door.caller = LOCAL_OWNER
    with server.live() as connection:
        connection.send(json.dumps({"subscribe": "logs", "after": 0}))
        server.store.events.append("logs", "log", {}, 1.0)
        assert json.loads(connection.recv(timeout=5))["room"] == "logs"


def test_who_may_not_look_is_shown_nothing_by_the_page_that_says_so(server: Served, door: Door) -> None:
    add_dataset(server.store)
    server.store.jobs.update(add_job(server.store).id, name="a secret run")
    door.caller = who_may()
    for path in ("/", "/nothing/here"):
        answer = server.client.get(path, headers={"Accept": "text/html"})

        assert answer.headers["content-type"].startswith("text/html")
        assert "a secret run" not in answer.text


def test_the_owner_of_this_machine_may_do_all_but_train_for_it() -> None:
    assert LOCAL_OWNER.may == EVERYTHING - {Permission.WORK}
    with pytest.raises(Forbidden):
        LOCAL_OWNER.check(Permission.WORK)


def test_an_application_is_for_the_owner_unless_told_otherwise(server: Served) -> None:
    with run_app(create_app(replace(server.context, caller=who_may()))) as port:
        assert server.client.get(f"http://127.0.0.1:{port}/api/stats").status_code == 200


def test_the_web_reaches_into_no_store_and_decides_by_no_address_that_a_client_made_up() -> None:
    """It asks the services, which know who calls; and a URL is put together from what the client says its host is."""
    breaches = []
    for path in WEB.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute):
                of = node.value.id if isinstance(node.value, ast.Name) else ""
                if node.attr == "store" or (node.attr == "url" and of in ("request", "websocket", "connection")):
                    breaches.append(f"{path.relative_to(WEB)}:{node.lineno}: .{node.attr}")
    assert not breaches, "\n".join(breaches)
