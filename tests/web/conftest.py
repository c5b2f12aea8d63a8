"""One server for the tests of a file; and for those in a browser, one with conductor and trainers, and the browser."""

import socket
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from flowml.server import Server, build
from flowml.services.settings import Settings
from tests.web.serving import Served, run_app, serve
from tests.web.visiting import ARGUMENTS, Visit


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(tmp_path_factory.mktemp("home"), max_upload_mb=1) as served:
        yield served


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real server with its conductor and trainers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    product = Server(Settings(home=tmp_path_factory.mktemp("home"), port=port))
    product.start()
    try:
        with run_app(build(product), port) as at:
            yield f"http://127.0.0.1:{at}"
    finally:
        product.stop()


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def window(browser: Browser) -> Iterator[BrowserContext]:
    """A window of the browser's, kept open by an empty page: another one takes as long to open as a page to load."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.new_page()
    yield context
    context.close()


@pytest.fixture
def visit(window: BrowserContext, address: str) -> Iterator[Visit]:
    """A visit by somebody who was never here."""
    yield Visit(window, address)
    empty, *pages = window.pages
    for page in pages:
        page.close()
    window.clear_cookies()
    window.clear_permissions()
    browser = window.new_cdp_session(empty)
    browser.send("Storage.clearDataForOrigin", {"origin": address, "storageTypes": "all"})
    browser.detach()
