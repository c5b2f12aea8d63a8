"""Nobody but this machine's own pages and programs gets in, by no path and no method."""

import logging
from collections.abc import Iterator
from http.client import HTTPConnection

import pytest
from starlette.routing import Mount, Route, WebSocketRoute
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from flowml.services.access.hosts import Hosts
from flowml.services.settings import Settings
from flowml.web import pages
from flowml.web.routes import routes
from flowml.web.security import CONTENT_SECURITY_POLICY
from tests.web.serving import Served

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
FOREIGN = (
    {"Host": "evil.example"},
    {"Host": "evil.example:8000"},
    {"Host": "127.0.0.1.evil.example"},
    {"Host": "localhost@evil.example"},
    {"Host": "192.168.0.7"},
    {"Host": ""},
    {"Origin": "http://evil.example"},
    {"Host": "[::1]evil", "Origin": "http://[::1]evil"},
    {"Host": "127.0.0.1", "Origin": "https://127.0.0.1"},
    {"Host": "127.0.0.1", "Origin": "ws://127.0.0.1"},
    {"Origin": "http://127.0.0.1:1"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
)


def paths() -> Iterator[str]:
    """One address for every route that there is."""
    for route in routes(pages.ENDPOINTS):
        if isinstance(route, Mount):
            yield f"{route.path}/css/grid.css"
        else:
            assert isinstance(route, Route | WebSocketRoute), f"a kind of route that this test does not know: {route}"
            yield route.path_format.replace("{", "").replace("}", "")
    yield "/no/such/page"
    yield "/api/no/such/call"


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_every_route_refuses_foreigners(server: Served, headers: dict[str, str]) -> None:
    let_in = [
        (method, path)
        for path in paths()
        for method in METHODS
        if server.client.request(method, path, headers=headers).status_code not in (400, 403)
    ]

    assert let_in == []


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_a_websocket_refuses_foreigners(server: Served, headers: dict[str, str]) -> None:
    host = headers.get("Host", server.address)
    others = {name: value for name, value in headers.items() if name != "Host"}

    status = websocket_status(server, host, others)

    assert status in (400, 403)


def websocket_status(server: Served, host: str, headers: dict[str, str]) -> int:
    """Ask for a WebSocket by hand, since a client library names the host itself."""
    request = {
        "Host": host,
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        **headers,
    }
    return server.client.get("/api/live", headers=request).status_code


def test_two_hosts_are_one_too_many(server: Served) -> None:
    connection = HTTPConnection(server.address, timeout=10)
    connection.putrequest("GET", "/healthz", skip_host=True)
    connection.putheader("Host", server.address)
    connection.putheader("Host", "evil.example")
    connection.endheaders()

    assert connection.getresponse().status == 400
    connection.close()


def test_this_machine_gets_in_by_each_of_its_names(server: Served) -> None:
    port = server.address.rsplit(":", 1)[1]
    for name in ("127.0.0.1", "localhost", "LOCALHOST", "[::1]", "127.0.0.5"):
        host = f"{name}:{port}"
        headers = {"Host": host, "Origin": f"http://{host.lower()}", "Sec-Fetch-Site": "same-origin"}

        assert server.client.get("/healthz", headers=headers).status_code == 200, name


def test_a_link_from_another_site_may_be_followed_but_not_fetched(server: Served) -> None:
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}

    for path in ("/healthz", "/", "/datasets", "/api/docs"):
        assert server.client.get(path, headers=link).status_code == 200
    for path in ("/api/stats", "/api/datasets/d/quality", "/api/datasets/d/download?format=csv", "/metrics"):
        assert server.client.get(path, headers=link).status_code == 403
    assert server.client.post("/api/training/start", headers=link).status_code == 403
    assert server.client.get("/healthz", headers=link | {"Sec-Fetch-Dest": "iframe"}).status_code == 403


def test_this_servers_own_page_may_open_a_websocket(server: Served) -> None:
    with server.live(origin=server.url) as connection:
        connection.send('{"subscribe": "system"}')


def test_a_refused_websocket_is_answered_and_no_error_to_the_server(server: Served) -> None:
    complaints: list[str] = []
    handler = logging.Handler(logging.ERROR)
    handler.emit = lambda record: complaints.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger("uvicorn.error").addHandler(handler)
    try:
        for path in ("/api/live", "/nowhere"):
            with pytest.raises(InvalidStatus) as refusal:
                connect(f"ws://{server.address}{path}", origin=Origin("http://evil.example"))
            assert refusal.value.response.status_code == 403
        with pytest.raises(InvalidStatus):
            connect(f"ws://{server.address}/nowhere")
        # The connections are served one after the other: by the time of this answer the others are done.
        with server.live() as connection:
            connection.ping().wait(5)
    finally:
        logging.getLogger("uvicorn.error").removeHandler(handler)
    assert complaints == []


def test_every_answer_carries_the_strict_headers(server: Served) -> None:
    answers = [server.client.get(path) for path in ("/healthz", "/api/nothing", "/static/css/base.css", "/nothing")]
    answers.append(server.client.get("/healthz", headers={"Host": "evil.example"}))

    for answer in answers:
        assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert answer.headers["cross-origin-opener-policy"] == "same-origin"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert "access-control-allow-origin" not in answer.headers
    assert "unsafe" not in CONTENT_SECURITY_POLICY


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("127.0.0.1:8000", True),
        ("[::1]:8000", True),
        ("[::1]", True),
        ("127.255.0.1", True),
        ("localhost.", False),
        ("localhost.evil.example", False),
        ("evil.localhost", False),
        ("0.0.0.0", False),
        ("[::]", False),
        ("10.0.0.1", False),
        ("127.1", False),
        ("2130706433", False),
        ("user@localhost", False),
        ("localhost:port", False),
        ("localhost:99999", False),
        ("localhost/x", False),
        ("localhost#x", False),
        ("[::1", False),
        ("[::1]evil", False),
        ("[::1]:80evil", False),
        ("[::1]evil:80", False),
        ("[::1].evil.example", False),
        ("evil[::1]", False),
        ("[[::1]]", False),
        ("[localhost]", False),
        ("::1", False),
        ("[127.0.0.1]", False),
        ("localhost:", False),
        ("local\u212aost", False),
        ("localhost:８０", False),
        ("", False),
    ],
)
def test_what_counts_as_this_machine(host: str, expected: bool) -> None:
    scheme = Hosts(Settings()).scheme(host, "127.0.0.1", "http")
    assert scheme == ("http" if expected else None)
