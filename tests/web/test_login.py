"""A browser that has brought an admin token once is let in by its cookie, until that ends."""

import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape

import httpx
import pytest

from flowml.domain.access.caller import TokenKind
from flowml.services.access.sessions import SESSION_SECONDS, log_in
from flowml.services.access.throttle import Throttle
from flowml.services.access.tokens import create_token, revoke_token
from flowml.web.pages import login
from tests.web.serving import Served, serve

HTML = {"Accept": "text/html,application/xhtml+xml"}


@pytest.fixture(scope="module")
def reachable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that others can reach."""
    with serve(tmp_path_factory.mktemp("home"), host="0.0.0.0") as served:
        yield served


@pytest.fixture(scope="module")
def secret(reachable: Served) -> str:
    return create_token(reachable.context, TokenKind.ADMIN, "me")[1]


@pytest.fixture(autouse=True)
def nobody_has_tried(reachable: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Throttle, "take", lambda *_: 0.0)


@pytest.fixture
def browser(reachable: Served) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=reachable.url, trust_env=False, headers={**HTML, "Origin": reachable.url}) as client:
        yield client


def send(client: httpx.Client, token: str, **form: str) -> httpx.Response:
    return client.post("/login", data={"token": token, **form})


def test_a_browser_is_sent_to_the_page_and_back(reachable: Served, browser: httpx.Client, secret: str) -> None:
    first = browser.get("/jobs/a b?tab=log&x=ä")
    assert first.status_code == 303
    page = browser.get(first.headers["location"])
    assert page.status_code == 200 and page.headers["cache-control"] == "no-store"
    assert 'action="/login"' in page.text and 'method="post"' in page.text
    wanted = unescape(re.search(r'name="next" value="([^"]*)"', page.text)[1])  # type: ignore[index]
    done = send(browser, f" {secret}\n", next=wanted)

    assert (done.status_code, done.headers["location"]) == (303, "/jobs/a%20b?tab=log&x=%C3%A4")
    cookie = done.headers["set-cookie"]
    port = reachable.address.split(":")[1]
    assert re.fullmatch(rf"flowml-{port}=[\w-]{{43}}; Path=/; Max-Age=604800; HttpOnly; SameSite=Strict", cookie)
    assert browser.get("/").status_code == 200
    assert browser.get("/api/stats").status_code == 200
    # Who is in already does not log in again.
    assert browser.get("/login?next=/jobs").headers["location"] == "/jobs"


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("POST", "/", HTML),
        ("GET", "/", {"Accept": "application/json"}),
        ("GET", "/", {"Accept": "*/*"}),
        ("GET", "/", HTML | {"Sec-Fetch-Dest": "empty"}),
        ("GET", "/", HTML | {"Sec-Fetch-Dest": "iframe"}),
        ("GET", "/api/stats", HTML | {"Sec-Fetch-Dest": "document"}),
        ("GET", "/metrics", HTML),
        ("GET", "/static/css/grid.css", HTML),
        ("GET", "/", HTML | {"Authorization": "Bearer nothing"}),
    ],
)
def test_what_is_no_page_that_somebody_opens_is_refused(
    reachable: Served, method: str, path: str, headers: dict[str, str]
) -> None:
    answer = reachable.client.request(method, path, headers=headers)

    assert answer.status_code == 401 and answer.headers["www-authenticate"] == "Bearer"


def test_pages_that_somebody_opens_lead_to_the_log_in(reachable: Served) -> None:
    for method, path in (("GET", "/"), ("HEAD", "/datasets"), ("GET", "/nothing/here"), ("GET", "/api/docs")):
        answer = reachable.client.request(method, path, headers=HTML | {"Sec-Fetch-Dest": "document"})
        assert answer.status_code == 303
        assert answer.headers["location"] == ("/login" if path == "/" else f"/login?next={path}")
    assert reachable.client.get(f"/{'x' * 3000}", headers=HTML).headers["location"] == "/login"


@pytest.mark.parametrize(
    "elsewhere",
    [
        "//evil.example",
        "/\\evil.example",
        "/\\/evil.example",
        "https://evil.example",
        "javascript:alert(1)",
        "evil.example",
        "/\t/evil.example",
        "/a\r\nSet-Cookie: x=y",
        "\\\\evil.example",
        "",
    ],
)
def test_it_leads_to_no_other_server(browser: httpx.Client, secret: str, elsewhere: str) -> None:
    page = browser.get("/login", params={"next": elsewhere})
    assert 'name="next" value="/"' in page.text
    done = send(browser, secret, next=elsewhere)
    assert done.headers["location"] == "/" and "x=y" not in done.headers["set-cookie"]


def test_what_is_no_valid_admin_token_is_answered_alike(reachable: Served, browser: httpx.Client, secret: str) -> None:
    context = reachable.context
    _, revoked = create_token(context, TokenKind.ADMIN, "revoked")
    revoke_token(context, "revoked")
    before = replace(context, clock=lambda: 1.0)
    _, old = create_token(before, TokenKind.ADMIN, "old", expires_in_seconds=60)
    _, api = create_token(context, TokenKind.API, "api")
    _, worker = create_token(context, TokenKind.WORKER, "worker")
    wrong = (
        revoked,
        old,
        api,
        worker,
        secret[:-1],
        secret + "a",
        secret.upper(),
        "nothing",
        "x" * 5000,
        "\u00e4\u0000",
    )
    answers = [send(browser, token, next="/jobs") for token in wrong]

    assert {(answer.status_code, answer.text, answer.headers.get("set-cookie")) for answer in answers} == {
        (401, answers[0].text, None)
    }
    assert "no valid admin token" in answers[0].text and 'value="/jobs"' in answers[0].text
    assert not any(token in answers[0].text for token in wrong)
    assert send(browser, " ").status_code == 422
    assert browser.post("/login", json={"token": secret}).status_code == 415
    assert browser.post("/login", data={"token": "x" * 10_000}).status_code == 413
    # Addresses are written down on the way.
    assert browser.get("/login", params={"token": secret}).status_code == 200
    assert browser.post(f"/login?token={secret}").status_code == 422


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"},
    ],
    ids=str,
)
def test_no_other_site_logs_anybody_in_or_out(reachable: Served, secret: str, headers: dict[str, str]) -> None:
    session = log_in(reachable.context, secret)
    assert session is not None
    cookie = {"Cookie": f"flowml-{reachable.address.split(':')[1]}={session.secret}"}
    for path in ("/login", "/logout"):
        answer = reachable.client.post(path, data={"token": secret}, headers=headers | cookie)
        assert answer.status_code == 403 and "set-cookie" not in answer.headers
    assert reachable.client.get("/api/stats", headers=cookie).status_code == 200


def test_a_session_ends_by_logging_out_with_its_token_and_by_itself(
    reachable: Served, browser: httpx.Client, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, short = create_token(reachable.context, TokenKind.ADMIN, "short")
    for end in (lambda: browser.post("/logout"), lambda: revoke_token(reachable.context, "short")):
        send(browser, short)
        kept = {"Cookie": "; ".join(f"{name}={value}" for name, value in browser.cookies.items())}
        assert reachable.client.get("/api/stats", headers=kept).status_code == 200
        end()
        assert reachable.client.get("/api/stats", headers=kept).status_code == 401
        browser.cookies.clear()
    send(browser, secret)
    assert browser.get("/api/stats").status_code == 200
    out = browser.post("/logout")
    assert out.headers["location"] == "/login" and "Max-Age=0" in out.headers["set-cookie"]
    assert not browser.cookies
    assert browser.post("/logout").status_code == 303


def test_a_session_lasts_no_longer_than_its_token(reachable: Served) -> None:
    _, brief = create_token(reachable.context, TokenKind.ADMIN, "brief", expires_in_seconds=600)
    _, lasting = create_token(reachable.context, TokenKind.ADMIN, "lasting", expires_in_seconds=60 * SESSION_SECONDS)
    found = [log_in(reachable.context, token) for token in (brief, lasting)]

    assert found[0] and 599 < found[0].seconds <= 600
    assert found[1] and found[1].seconds == SESSION_SECONDS


def test_what_a_session_has_seen_stays_in_no_cache(browser: httpx.Client, secret: str) -> None:
    send(browser, secret)
    page = browser.get("/")
    assert page.headers["cache-control"] == "no-store"
    assert 'action="/logout"' in page.text
    assert browser.get("/static/css/grid.css").headers["cache-control"] == "no-cache"


def test_the_page_needs_nothing_that_is_not_open(reachable: Served, browser: httpx.Client) -> None:
    page = browser.get("/login").text
    links = re.findall(r'(?:href|src)="(/[^"]*)"', page)
    assert len(links) == len(login.FILES)
    assert {browser.get(link).status_code for link in links} == {200}
    assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son\w+=", page)


def test_a_link_from_another_site_finds_who_is_logged_in(reachable: Served, browser: httpx.Client) -> None:
    """Browsers leave the cookie out there; from the page on they send it."""
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    first = browser.get("/jobs", headers=link)
    page = browser.get(first.headers["location"], headers=link)
    assert '<meta http-equiv="refresh" content="0; url=/login?next=/jobs&amp;again=1">' in page.text
    for headers in (link, {}):
        assert "refresh" in browser.get("/login", headers=headers).text
        assert "refresh" not in browser.get("/login?next=/jobs&again=1", headers=headers).text
    for site in ("same-origin", "none"):
        assert "refresh" not in browser.get("/login?next=/jobs", headers={"Sec-Fetch-Site": site}).text


def test_on_a_loopback_address_there_is_nothing_to_log_in_to(server: Served) -> None:
    assert server.client.get("/login?next=/jobs").headers["location"] == "/jobs"
    # Another server of this machine may have left it, and browsers send it to all of them.
    cookie = {"Cookie": f"flowml-{server.address.split(':')[1]}=of-another"}
    page = server.client.get("/", headers=cookie)
    assert page.status_code == 200 and "/logout" not in page.text


def test_who_tries_wrong_ones_too_often_has_to_wait_and_locks_out_nobody_who_has_a_right_one(
    reachable: Served, browser: httpx.Client, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    for _ in range(20):
        assert send(browser, secret).status_code == 303
    statuses = [send(browser, "wrong").status_code for _ in range(11)]
    assert statuses == [401] * 10 + [429]
    refused = send(browser, "wrong")
    assert refused.status_code == 429 and 1 <= int(refused.headers["retry-after"]) <= 6
    assert "Try again in" in refused.text
    assert send(browser, secret).status_code == 303


def test_a_login_says_nothing_of_the_secret(
    reachable: Served, browser: httpx.Client, secret: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("DEBUG"):
        send(browser, secret)
        send(browser, secret + "a")
    # What the client beside it writes is no business of the server.
    written = "".join(record.getMessage() for record in caplog.records if not record.name.startswith("http"))
    assert "127.0.0.1 tried to log in with what is no valid admin token" in written
    assert "127.0.0.1 has logged in with the token “me”" in written
    assert secret not in written and not any(cookie in written for cookie in browser.cookies.values())
