"""Static files: variants, validators, ranges, and what may be kept."""

import gzip
import hashlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from flowml.web.assets import static_root, templates_root
from flowml.web.static import StaticFiles, static_url
from tests.web.serving import run_app

TEXT = b"body { color: red }\n" * 200


@pytest.fixture(params=[True, False], ids=["watched", "packaged"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[httpx.Client]:
    root = tmp_path / "static"
    root.mkdir()
    (tmp_path / "secret.txt").write_text("secret")
    (root / "app.css").write_bytes(TEXT)
    (root / "app.css.gz").write_bytes(gzip.compress(TEXT))
    app = Starlette(routes=[Mount("/static", StaticFiles(root, watch=request.param))])
    with run_app(app) as port, httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        yield client


def test_a_file_comes_whole_and_typed(files: httpx.Client) -> None:
    answer = files.get("/static/app.css", headers={"Accept-Encoding": "identity"})

    assert answer.content == TEXT
    assert answer.headers["content-type"].startswith("text/css")
    assert "content-encoding" not in answer.headers


def test_a_compressed_variant_is_sent_to_who_takes_it(files: httpx.Client) -> None:
    answer = files.get("/static/app.css", headers={"Accept-Encoding": "gzip"})

    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["vary"] == "Accept-Encoding"
    assert answer.content == TEXT


def test_what_has_not_changed_is_not_sent_again(files: httpx.Client) -> None:
    first = files.get("/static/app.css")
    again = files.get("/static/app.css", headers={"If-None-Match": first.headers["etag"]})

    assert (again.status_code, again.content) == (304, b"")


def test_a_range_and_a_head(files: httpx.Client) -> None:
    identity = {"Accept-Encoding": "identity"}
    part = files.get("/static/app.css", headers={"Range": "bytes=5-9", **identity})
    head = files.head("/static/app.css", headers=identity)

    assert (part.status_code, part.content) == (206, TEXT[5:10])
    assert (head.status_code, head.headers["content-length"], head.content) == (200, str(len(TEXT)), b"")


def test_only_the_right_version_may_be_kept_for_ever(files: httpx.Client) -> None:
    version = hashlib.sha256(TEXT).hexdigest()[:8]

    assert "immutable" in files.get(f"/static/app.css?v={version}").headers["cache-control"]
    assert files.get("/static/app.css?v=00000000").headers["cache-control"] == "no-cache"
    assert files.get("/static/app.css").headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "path",
    ["/static/none.css", "/static/", "/static/../secret.txt", "/static/%2e%2e/secret.txt", "/static/..%5csecret.txt"],
)
def test_nothing_outside_the_folder_is_served(files: httpx.Client, path: str) -> None:
    answer = files.send(files.build_request("GET", httpx.URL(f"{files.base_url}".rstrip("/"), raw_path=path.encode())))

    assert answer.status_code == 404
    assert "secret" not in answer.text or answer.text.count("secret") == path.count("secret")


def test_other_methods_are_refused(files: httpx.Client) -> None:
    assert files.post("/static/app.css").status_code == 405


def test_the_products_own_files_are_found() -> None:
    assert (templates_root() / "base.html").is_file()
    name = next(path.name for path in (static_root() / "css").iterdir() if path.suffix == ".css")

    assert static_url(f"css/{name}").startswith(f"/static/css/{name}?v=")
    with pytest.raises(FileNotFoundError):
        static_url("css/none.css")


def test_a_websocket_finds_no_file(files: httpx.Client) -> None:
    for name in ("app.css", "nothing.css"):
        with pytest.raises(InvalidStatus) as refused:
            connect(f"ws://{files.base_url.netloc.decode()}/static/{name}")
        assert refused.value.response.status_code == 403
