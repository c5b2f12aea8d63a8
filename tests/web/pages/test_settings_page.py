"""The page of the settings: which language model answers, in a real browser."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.assistant.stand_in import Model, StandIn, says, stand_in
from tests.web.serving import serve, until

pytestmark = pytest.mark.browser


def test_a_model_is_tried_stopped_and_chosen(tmp_path: Path, browser: Browser) -> None:
    models = (
        Model("a:1b", digest="1" * 64),
        Model("<b>b</b>:1b", digest="2" * 64),
        Model("c:latest", capabilities=("embedding",)),
    )
    with stand_in(*models) as ollama, serve(tmp_path, ollama_url=ollama.url) as server:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(f"{server.url}/settings#assistant")
        part = page.locator("#assistant")
        assert "a:1b on this machine" in part.inner_text()
        assert "<b>b</b>:1b" in part.inner_text(), "a name is text"
        assert "makes embeddings" in part.get_by_role("row", name="c:latest").inner_text()
        ollama.answers("Good <i>day</i>.")
        part.get_by_role("button", name="Try it").click()
        part.get_by_text("Good <i>day</i>.").wait_for()
        part.get_by_text("a:1b on this machine answered").wait_for()
        ollama.behaves(says("again " * 5_000, slowly=0.2))
        part.get_by_role("button", name="Try it").click()
        part.get_by_text("again ").wait_for()
        part.get_by_role("button", name="Stop").click()
        part.get_by_text("Stopped.").wait_for()
        assert ollama.left.wait(10), "also where it is made"
        part.get_by_role("button", name="Use <b>b</b>:1b").click()
        part.get_by_text("<b>b</b>:1b on this machine").wait_for()
        assert until(lambda: server.client.get("/api/llm/status").json()["model"] == "<b>b</b>:1b")
        part.get_by_role("button", name="Let FlowML choose").click()
        part.get_by_text("(by itself)").wait_for()
        page.close()


def test_without_one_the_steps_to_it_are_there(tmp_path: Path, browser: Browser) -> None:
    with serve(tmp_path) as server:
        page = browser.new_page(viewport={"width": 390, "height": 800})
        page.goto(f"{server.url}/settings")
        part = page.locator("#assistant")
        assert "No language model is set up." in part.inner_text()
        assert "ollama pull llama3.2" in part.inner_text()
        assert not part.get_by_role("button", name="Try it").is_visible(), "there is nothing to try"
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.close()


def test_a_server_that_is_gone_is_said_to_be(tmp_path: Path, browser: Browser, ollama: StandIn) -> None:
    ollama.close()
    with serve(tmp_path, ollama_url=ollama.url.replace("//", "//me:s3cr3t@")) as server:
        page = browser.new_page()
        page.goto(f"{server.url}/settings")
        words = page.locator("#assistant").inner_text()
        assert f"No Ollama server answers at {ollama.url}: nothing listens there." in words
        assert "s3cr3t" not in page.content()
        page.close()
