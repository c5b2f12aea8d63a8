"""Names that a server answers under, and the origins that go with them."""

import asyncio
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flowml.domain.access.caller import TokenKind
from flowml.services.access.hosts import Hosts
from flowml.services.access.tokens import create_token
from flowml.services.settings import Settings
from flowml.web.application import create_app
from tests.web.asking import OPENED, REFUSED, answer_of
from tests.web.serving import serve

OWN = platform.node().lower()


@pytest.mark.parametrize(
    ("settings", "own_address", "host", "expected"),
    [
        ({"host": "0.0.0.0"}, "192.0.2.7", "192.0.2.7:8000", "http"),
        ({"host": "0.0.0.0"}, "192.0.2.7", "192.0.2.8:8000", None),
        ({"host": "0.0.0.0"}, "192.0.2.7", "0.0.0.0:8000", "http"),
        ({"host": "0.0.0.0"}, "192.0.2.7", OWN, "http"),
        ({"host": "0.0.0.0"}, "192.0.2.7", f"{OWN.partition('.')[0]}.local:1", "http"),
        ({"host": "0.0.0.0"}, "192.0.2.7", f"{OWN}.evil.example", None),
        ({"host": "0.0.0.0"}, "192.0.2.7", "evil.example", None),
        ({"host": "0.0.0.0"}, "192.0.2.7", "localhost:8000", "http"),
        ({"host": "0.0.0.0"}, "", "192.0.2.7", None),
        ({"host": "::"}, "::ffff:192.0.2.7", "192.0.2.7", "http"),
        ({"host": "::"}, "2001:db8::7", "[2001:db8:0::7]:8000", "http"),
        ({"host": "::"}, "2001:db8::7", "2001:db8::7", None),
        ({"host": "fe80::7%eth0"}, "fe80::7%eth0", "[fe80::7]", "http"),
        ({"host": "ml.lan"}, "192.0.2.7", "ml.lan:8000", "http"),
        # Whoever is on this machine alone needs none of its other names.
        ({"host": "127.0.0.1"}, "127.0.0.1", OWN if OWN != "localhost" else "elsewhere", None),
        ({"host": "127.0.0.1"}, "192.0.2.7", "192.0.2.7", None),
        ({"allowed_hosts": "ml.example.com"}, "127.0.0.1", "ml.example.com", "http"),
        ({"allowed_hosts": "ml.example.com"}, "127.0.0.1", "ml.example.com:8000", "http"),
        ({"allowed_hosts": "ml.example.com"}, "127.0.0.1", "a.ml.example.com", None),
        ({"allowed_hosts": "ml.example.com"}, "127.0.0.1", "ml.example.com.", None),
        ({"allowed_hosts": "ml.example.com:81"}, "127.0.0.1", "ml.example.com:81", "http"),
        ({"allowed_hosts": "ml.example.com:81"}, "127.0.0.1", "ml.example.com", None),
        ({"allowed_hosts": "a, https://ML.example.com/ ,"}, "127.0.0.1", "ml.example.com", "https"),
        ({"allowed_hosts": "https://ml.example.com"}, "127.0.0.1", "127.0.0.1:8000", "http"),
    ],
)
def test_which_names_it_answers_under(
    settings: dict[str, Any], own_address: str, host: str, expected: str | None
) -> None:
    assert Hosts(Settings(**settings)).scheme(host, own_address, "http") == expected


def test_where_others_can_come_from_everyone_says_who_they_are() -> None:
    def needs(**settings: Any) -> bool:
        return Settings(**settings).needs_credentials

    assert not needs() and not needs(host="localhost", allowed_hosts="127.0.0.2,localhost") and not needs(host="::1")
    assert needs(host="0.0.0.0") and needs(host="192.0.2.7") and needs(host="") and needs(host="::")
    assert needs(allowed_hosts="https://ml.example.com")


def test_what_browsers_take_no_notice_of_is_not_sent_to_them(tmp_path: Path) -> None:
    """Each time they would write down that they do not."""
    with serve(tmp_path, host="0.0.0.0", allowed_hosts="ml.lan,https://ml.example.com") as served:
        app = create_app(served.context)
        for host, is_sent in (
            ("127.0.0.1:8000", True),
            ("ml.example.com", True),
            ("ml.lan:8000", False),
            ("evil", True),
        ):
            _, headers = asyncio.run(answer_of(app, "GET", "/healthz", host=host))
            assert ("cross-origin-opener-policy" in headers) is is_sent, host
            assert "content-security-policy" in headers


class Proxied:
    """A server that is reached as https://ml.example.com, by way of a proxy on its machine."""

    def __init__(self, app: Any, secret: str):
        self.app = app
        self.bearer = ("Authorization", f"Bearer {secret}")
        self.secret = secret

    def ask(self, method: str, path: str, *headers: tuple[str, str], host: str = "ml.example.com", **more: Any) -> Any:
        return asyncio.run(answer_of(self.app, method, path, headers, host=host, **more))


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    with serve(tmp_path_factory.mktemp("home"), allowed_hosts="https://ml.example.com") as served:
        _, secret = create_token(served.context, TokenKind.ADMIN, "me")
        yield Proxied(create_app(served.context), secret)


def test_behind_a_proxy_nobody_is_the_owner_without_a_credential(proxied: Proxied) -> None:
    for host in ("ml.example.com", "127.0.0.1:8000", "localhost"):
        assert proxied.ask("GET", "/api/stats", host=host)[0] == 401
        assert proxied.ask("GET", "/api/stats", proxied.bearer, host=host)[0] == 200
    assert proxied.ask("GET", "/api/stats", proxied.bearer, host="evil.example")[0] == 403


@pytest.mark.parametrize(
    ("origin", "let_in"),
    [
        ("https://ml.example.com", True),
        ("HTTPS://ML.example.com", True),
        ("http://ml.example.com", False),
        ("https://ml.example.com:8000", False),
        ("https://evil.example", False),
        ("null", False),
    ],
)
def test_pages_of_the_https_address_alone_may_use_it(proxied: Proxied, origin: str, let_in: bool) -> None:
    for headers in (
        (proxied.bearer, ("Origin", origin)),
        (proxied.bearer, ("Origin", origin), ("X-Forwarded-Proto", "http")),
    ):
        assert (proxied.ask("DELETE", "/api/datasets/none", *headers)[0] == 404) is let_in
        opened = proxied.ask("GET", "/api/live", *headers, kind="websocket")[0]
        assert opened == (OPENED if let_in else REFUSED)


def test_the_cookie_is_for_https_alone_there(proxied: Proxied) -> None:
    form = f"token={proxied.secret}".encode()
    status, headers = proxied.ask("POST", "/login", ("Origin", "https://ml.example.com"), body=form)
    cookie = headers["set-cookie"]
    assert status == 303
    assert cookie.startswith("__Host-flowml-8000=") and cookie.endswith("; HttpOnly; SameSite=Strict; Secure")
    kept = cookie.split(";")[0]
    assert proxied.ask("GET", "/api/stats", ("Cookie", kept))[0] == 200
    # Under a name that is not protected like this it is none.
    assert proxied.ask("GET", "/api/stats", ("Cookie", kept), host="127.0.0.1:8000")[0] == 401
    assert proxied.ask("GET", "/api/stats", ("Cookie", kept.removeprefix("__Host-")))[0] == 401


def test_a_name_that_it_does_not_answer_under_is_said_how_to_allow(proxied: Proxied) -> None:
    from flowml.web.security import _refused

    scope = {"type": "http", "scheme": "http", "headers": [(b"host", b"evil.example")], "server": ("127.0.0.1", 1)}
    refusal = _refused(scope, Hosts(Settings()))
    assert refusal is not None and refusal.hint is not None and "--allowed-hosts" in refusal.hint


def test_a_person_who_is_not_let_in_reads_why_on_a_page(proxied: Proxied) -> None:
    accepts = ("Accept", "text/html")
    for path in ("/", "/datasets"):
        status, headers = proxied.ask("GET", path, accepts, host="evil.example")
        assert (status, headers["content-type"]) == (403, "text/html; charset=utf-8")
    assert (
        proxied.ask("GET", "/api/stats", accepts, host="evil.example")[1]["content-type"] == "application/problem+json"
    )


def test_a_page_over_https_that_the_server_does_not_know_of_is_said_how_to_allow() -> None:
    from flowml.web.security import _refused

    headers = [(b"host", b"ml.example.com"), (b"origin", b"https://ml.example.com")]
    scope = {"type": "http", "scheme": "http", "headers": headers, "server": ("127.0.0.1", 1)}
    refusal = _refused(scope, Hosts(Settings(allowed_hosts="ml.example.com")))
    assert refusal is not None and "over HTTPS" in refusal.detail
    assert refusal.hint is not None and "--allowed-hosts https://ml.example.com" in refusal.hint
