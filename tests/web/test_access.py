"""Who gets in where: every address, every method and the WebSocket, for every kind of caller, against what is right."""

import asyncio
import re
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

from flowml.domain.access.caller import NOBODY, Permission, TokenKind
from flowml.domain.access.tokens import Token, fingerprint
from flowml.services.access.keys import caller_with_session
from flowml.services.access.sessions import log_in, log_out
from flowml.services.access.tokens import create_token, revoke_token
from flowml.store.store import Store
from flowml.web import pages
from flowml.web.application import create_app
from flowml.web.pages import login
from flowml.web.routes import ENDPOINTS, routes
from flowml.web.security import Gate
from tests.services.records import add_dataset, add_job, add_model
from tests.web.asking import OPENED, REFUSED, status_of
from tests.web.serving import Served, serve
from tests.web.test_caller import METHODS, beside, paths

OPEN, READ, WRITE = Permission.OPEN, Permission.READ, Permission.WRITE
PREDICT, WORK = Permission.PREDICT, Permission.WORK
OPEN_FILES = tuple(f"/static/{name}" for name in login.FILES)
PROBES = ("/healthz", "/readyz", "/ping", "/health", "/v2/health/live", "/v2/health/ready")
OPEN_PATHS = (*PROBES, "/login", "/logout", *OPEN_FILES)
# What is not a matter of looking (GET) or changing (all else), by method and path.
NEEDS = {
    rf"GET ({'|'.join(PROBES)})|(GET|POST) /login|POST /logout": OPEN,
    # A file says itself which methods it takes.
    **{rf"\w+ {re.escape(path)}": OPEN for path in OPEN_FILES},
    r"POST /api/results/predict|GET /api/results/model/\w+/openapi\.json": PREDICT,
    r"POST /api/results/model/\w+/predict-file|\w+ /api/results/scoring/\w+(/download)?": PREDICT,
    r"POST /api/results/model/\w+/(explain|counterfactual)": PREDICT,
    r"POST (/models/.+)?/invocations|GET /version|\w+ /v2(/models/.+)?": PREDICT,
    "POST /api/results/compare": READ,
    r"POST /api/workers/(register|heartbeat|lease|watch|leave|logs|llm/(lease|answer|watch))": WORK,
    r"GET /api/workers/program(/\w+)?": WORK,
    r"\w+ /api/workers/\w+/trials/.+": WORK,
}
# Who may do what on a server that others can reach; None: their credential is not valid, wherever they send it.
CALLERS: dict[str, set[Permission] | None] = {
    "nobody": {OPEN},
    "api": {OPEN, PREDICT},
    "api for another model": {OPEN, PREDICT},
    "worker": {OPEN, WORK},
    "admin": {OPEN, READ, WRITE, PREDICT},
    "admin by cookie": {OPEN, READ, WRITE, PREDICT},
    "cookie of a revoked token": {OPEN},
    "cookie of one who logged out": {OPEN},
    "unknown cookie": {OPEN},
    "revoked": None,
    "expired": None,
    "unknown": None,
    "empty": None,
    "another kind": None,
}
ALL = routes(pages.ENDPOINTS)
TAKES: dict[str, set[str]] = {}
for endpoint in (*ENDPOINTS, *pages.ENDPOINTS):
    TAKES.setdefault(endpoint.path, set()).update({"GET", "HEAD"} if endpoint.method == "GET" else {endpoint.method})


class Doors:
    """A server that others can reach, one that nobody can, and what opens them."""

    def __init__(self, served: Served, alone: Any):
        self.served = served
        self.app = create_app(served.context)
        self.alone = alone
        self.secrets = {"unknown": "flowml_admin_" + "a" * 43}
        context = served.context
        for name, kind, model_id in (
            ("admin", TokenKind.ADMIN, None),
            ("api", TokenKind.API, None),
            ("api for another model", TokenKind.API, "another"),
            ("worker", TokenKind.WORKER, None),
            ("revoked", TokenKind.ADMIN, None),
        ):
            _, self.secrets[name] = create_token(context, kind, name, model_id=model_id)
        self.cookies = {"unknown cookie": "A" * 43}
        self.cookies["cookie of a revoked token"] = self.log_in("revoked")
        revoke_token(context, "revoked")
        self.cookies["cookie of one who logged out"] = ended = self.log_in("admin")
        left = caller_with_session(context, ended)
        assert left is not None
        log_out(context.of(left))
        self.secrets["expired"] = "flowml_admin_" + "e" * 43
        expired = Token("t-expired", TokenKind.ADMIN, "expired", None, 1.0, 2.0)
        context.store.tokens.add(expired, fingerprint(self.secrets["expired"]))

    def headers(self, caller: str) -> list[tuple[str, str]]:
        if caller == "empty":
            return [("Authorization", "")]
        if caller == "another kind":
            return [("Authorization", f"Basic {self.secrets['admin']}")]
        if caller == "admin by cookie":
            # A new one each time: one of the addresses ends it.
            return [("Cookie", f"flowml-8000={self.log_in('admin')}; theme=dark")]
        if "cookie" in caller:
            return [("Cookie", f"flowml-8000={self.cookies[caller]}")]
        return [("Authorization", f"Bearer {self.secrets[caller]}")] if caller in self.secrets else []

    def log_in(self, caller: str) -> str:
        session = log_in(self.served.context, self.secrets[caller])
        assert session is not None
        return session.secret

    async def status(self, caller: str, method: str, path: str, *more: tuple[str, str], kind: str = "http") -> int:
        return await status_of(self.app, method, path, [*self.headers(caller), *more], kind=kind)


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    home = tmp_path_factory.mktemp("home")
    with serve(home, host="0.0.0.0") as served, serve(tmp_path_factory.mktemp("alone")) as alone:
        add_dataset(served.store)
        job = add_job(served.store)
        for model_id in ("wanted", "another"):
            add_model(served.store, job, model_id, 0.9)
        yield Doors(served, create_app(alone.context))


def need_of(method: str, path: str) -> Permission:
    method = "GET" if method == "HEAD" else method
    found = [need for pattern, need in NEEDS.items() if re.fullmatch(pattern, f"{method} {path}")]
    return found[0] if found else READ if method == "GET" else WRITE


def is_right(caller: str, method: str, path: str, status: int) -> bool:
    """Whether this caller is to hear this; what they hear who are let in depends on more than that."""
    may = CALLERS[caller]
    if may is None or (may == {OPEN} and path not in OPEN_PATHS):
        return status == 401
    scope = {"type": "http", "method": method, "path": path}
    found = next((route for route in ALL if route.matches(scope)[0] is not Match.NONE), None)
    if found is None:
        return status == (404 if READ in may else 403)
    takes = TAKES.get(found.path, {method})
    if method not in takes:
        return status == (405 if any(need_of(one, path) in may for one in takes) else 403)
    if caller == "api for another model" and (
        path.startswith(("/v2/models/", "/models/")) or path.endswith(("/openapi.json", "/predict-file"))
    ):
        return status == 403
    return status != 401 and (status == 403) is (need_of(method, path) not in may)


@pytest.mark.parametrize("caller", CALLERS)
def test_everyone_gets_in_just_where_they_may(doors: Doors, caller: str) -> None:
    async def walk() -> list[tuple[str, str, int]]:
        return [
            (method, path, status)
            for address in paths()
            for path in beside(address)
            for method in METHODS
            if not is_right(caller, method, path, status := await doors.status(caller, method, path))
        ]

    assert asyncio.run(walk()) == []


@pytest.mark.parametrize("caller", CALLERS)
def test_the_websocket_is_for_who_may_look(doors: Doors, caller: str) -> None:
    opened = asyncio.run(doors.status(caller, "GET", "/api/live", kind="websocket")) == OPENED
    assert opened is (READ in (CALLERS[caller] or ()))
    for path in (*OPEN_PATHS, "/", "/api/stats", "/api/live/", "//api/live", "/static/css/base.css"):
        assert asyncio.run(doors.status(caller, "GET", path, kind="websocket")) == REFUSED


@pytest.mark.parametrize(("kind", "path"), [("http", "/other"), ("websocket", "/other"), ("websocket", "/open")])
def test_nobody_gets_past_the_gate_whatever_is_behind_it(doors: Doors, kind: str, path: str) -> None:
    async def behind(scope: Scope, receive: Receive, send: Send) -> None:
        begins = "http.response.start" if scope["type"] == "http" else "websocket.accept"
        await send({"type": begins, "status": 200, "headers": []})

    gate = Gate(behind, doors.served.context, lambda _: NOBODY, {"/open"})
    assert asyncio.run(status_of(gate, "GET", "/open")) == 200
    assert asyncio.run(status_of(gate, "GET", path, kind=kind)) == (401 if kind == "http" else REFUSED)


def test_on_a_loopback_address_everyone_is_the_owner_who_brings_nothing_wrong(doors: Doors) -> None:
    async def status(path: str, *headers: tuple[str, str]) -> int:
        return await status_of(doors.alone, "GET", path, headers)

    for path in ("/", "/api/stats", "/healthz", "/metrics"):
        assert asyncio.run(status(path)) == 200
        # Tokens are of a home folder: those of the other server are none here.
        for caller in ("admin", "revoked", "unknown", "empty", "another kind"):
            assert asyncio.run(status(path, *doors.headers(caller))) == 401


@pytest.mark.parametrize(
    "header",
    [
        "Forwarded",
        "Via",
        "X-Forwarded-For",
        "X-Forwarded-Host",
        "X-Forwarded-Proto",
        "X-Forwarded-Server",
        "X-Forwarded-Port",
        "X-Real-IP",
        "X-Client-IP",
        "True-Client-IP",
        "CF-Connecting-IP",
    ],
)
def test_what_a_proxy_says_lets_nobody_in(doors: Doors, header: str) -> None:
    for value in ("127.0.0.1", "for=127.0.0.1;host=localhost;proto=https"):
        for app in (doors.app, doors.alone):
            # Whom a proxy on this machine brings may be anywhere, and its own address is a loopback one.
            assert asyncio.run(status_of(app, "GET", "/api/stats", [(header, value)])) == 401
        assert asyncio.run(doors.status("admin", "GET", "/api/stats", (header, value))) == 200
        assert asyncio.run(doors.status("api", "GET", "/api/stats", (header, value))) == 403


def test_who_may_not_look_learns_of_no_address(doors: Doors) -> None:
    for kind in ("api", "worker"):
        bearer = {"Authorization": f"Bearer {doors.secrets[kind]}"}
        there, nowhere = (doors.served.client.get(path, headers=bearer) for path in ("/datasets", "/nothing"))
        assert there.status_code == nowhere.status_code == 403


def test_two_credentials_are_one_too_many(doors: Doors) -> None:
    for first, second in (("admin", "admin"), ("admin", "unknown"), ("unknown", "admin"), ("api", "worker")):
        for path in ("/", "/healthz", "/api/stats"):
            assert asyncio.run(doors.status(first, "GET", path, *doors.headers(second))) == 400
    both = f"Bearer {doors.secrets['admin']}, Bearer {doors.secrets['admin']}"
    assert asyncio.run(status_of(doors.app, "GET", "/api/stats", [("Authorization", both)])) == 401


@pytest.mark.parametrize(
    "target",
    [
        "/api//stats",
        "//api/stats",
        "/./api/stats",
        "/healthz/../api/stats",
        "/healthz/%2e%2e/api/stats",
        "/healthz%2f..%2fapi/stats",
        "/healthz/",
        "/healthz;/../api/stats",
        "/healthz%00",
        "/healthz%0a",
        "/HEALTHZ",
        "/API/stats",
        "/api/stats/",
        "/api/stats?path=/healthz",
        "/api/stats#/healthz",
        "/%61pi/stats",
        "/api%2fstats",
        "/api/stats%20",
        "http://127.0.0.1/api/stats",
        "http://healthz/api/stats",
        "http://evil.example/healthz/../api/stats",
        "*",
        "/api/results/predict/",
        "//healthz/../api/stats",
        "\\healthz",
    ],
)
def test_no_way_of_writing_an_address_leads_past_the_gate(doors: Doors, target: str) -> None:
    for method in ("GET", "POST", "OPTIONS"):
        status = raw_status(doors.served, method, target)
        # What is no HTTP at all is refused before that.
        assert status in (400, 401), method


def raw_status(served: Served, method: str, target: str) -> int:
    host, port = served.address.split(":")
    with socket.create_connection((host, int(port)), timeout=10) as line:
        line.sendall(f"{method} {target} HTTP/1.1\r\nHost: {served.address}\r\nConnection: close\r\n\r\n".encode())
        return int(line.makefile("rb").readline().split()[1])


def test_an_open_address_is_open_in_every_form_in_which_it_is_the_same(doors: Doors) -> None:
    for target in ("/healthz", "/healthz?x=1", "/%68ealthz", f"http://{doors.served.address}/healthz"):
        assert raw_status(doors.served, "GET", target) == 200


def test_a_refusal_says_what_would_be_taken(doors: Doors) -> None:
    client = doors.served.client
    for answer in (client.get("/api/stats"), client.get("/api/stats", headers={"Authorization": "Bearer nothing"})):
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["cache-control"] == "no-store"
        assert "flowml token create" in answer.json()["hint"]
    secret = doors.secrets["api"]
    answer = client.post("/api/training/start", headers={"Authorization": f"bEARER  {secret}"})
    assert answer.status_code == 403 and secret not in answer.text


def test_a_token_for_one_model_asks_no_other(doors: Doors) -> None:
    def ask(caller: str, model_id: str, **body: Any) -> Any:
        body = {"model_id": model_id, **(body or {"features": {}})}
        return doors.served.client.post("/api/results/predict", json=body, headers=dict(doors.headers(caller)))

    for rows in ({}, {"rows": [{}]}, {"rows": [{}] * 200}):
        for other in ("wanted", "none"):
            refused = ask("api for another model", other, **rows)
            assert refused.status_code == 403 and "another alone" in refused.json()["detail"]
        # Its file is none: that far it got.
        for caller in ("api", "admin"):
            assert ask(caller, "wanted", **rows).status_code not in (401, 403)
    assert ask("api for another model", "another").status_code not in (401, 403)


def test_a_revoked_token_ends_at_once_whoever_revoked_it(doors: Doors) -> None:
    context = doors.served.context
    token, secret = create_token(context, TokenKind.ADMIN, "short-lived")
    headers = {"Authorization": f"Bearer {secret}"}
    client = doors.served.client
    assert [client.get("/api/stats", headers=headers).status_code for _ in range(2)] == [200, 200]
    with closing(Store(context.settings.home)) as beside:
        beside.tokens.revoke(token.id, 1.0)

    assert client.get("/api/stats", headers=headers).status_code == 401


def test_strangers_hear_whether_it_is_ready_and_nothing_more(doors: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowml.services.system.notices", lambda _: ["a secret folder"])
    client, admin = doors.served.client, dict(doors.headers("admin"))
    assert client.get("/readyz").json() == {"status": "ready", "notices": []}
    assert client.get("/readyz", headers=admin).json()["notices"] == ["a secret folder"]
    monkeypatch.setattr(doors.served.store, "damage", "page 7 of a secret folder")
    for headers, told in (({}, False), (admin, True)):
        answer = client.get("/readyz", headers=headers)
        assert answer.status_code == 503 and ("damaged" in answer.text) is told


def test_where_tokens_cannot_be_looked_up_nobody_gets_in(doors: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = sqlite3.DatabaseError("database disk image is malformed")
    broken.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    for error, status in ((broken, 503), (ValueError("a mistake"), 500)):

        def fail(*_: object, error: Exception = error) -> None:
            raise error

        monkeypatch.setattr(doors.served.store.tokens, "valid", fail)
        doors.served.store.events.append("system", "log", {}, 1.0)
        assert doors.served.client.get("/api/stats", headers=dict(doors.headers("admin"))).status_code == status
