"""The page Deploy: commands that work as pasted, a key made in place, and how fast the model answers."""

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from flowml.domain.access.caller import LOCAL_OWNER, Permission, Principal
from tests.services.records import add_job
from tests.services.trained import add_trained, store_table
from tests.web.serving import Served, serve
from tests.web.visiting import Visit

LOOKER = Principal("looker", frozenset({Permission.OPEN, Permission.READ}))


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(tmp_path_factory.mktemp("home")) as server:
        add_models(server)
        yield server


def add_models(server: Served) -> None:
    store_table(server.store)
    add_trained(server.store, add_job(server.store, target="bought"), "cls", "bought", "logistic_regression")
    add_trained(server.store, add_job(server.store, target="spent"), "reg", "spent", "decision_tree")


def commands(page: str) -> list[list[str]]:
    """The commands for clients of others, as a shell takes them apart."""
    found = re.findall(r"<code x-text=\"text\">(curl &#39;.*?)</code>", page, re.DOTALL)
    return [shlex.split(unescape(text).replace("\\\n", "")) for text in found]


@pytest.mark.parametrize("model", ["cls", "reg"])
def test_each_command_is_answered(told: Served, model: str) -> None:
    found = commands(told.client.get(f"/models/{model}/deploy").text)
    assert len(found) == 2
    for command in found:
        body = json.loads(command[command.index("-d") + 1])
        answer = told.client.post(command[1], json=body)
        assert answer.status_code == 200, (command, answer.text)


def test_who_does_not_run_this_server_reads_how_to_get_a_key(tmp_path: Path) -> None:
    with serve(tmp_path, who=lambda scope: LOOKER) as server:
        add_models(server)
        page = server.client.get("/models/cls/deploy").text
        assert "flowml token create --kind api --name NAME --model cls" in page and "Make a key" not in page
    assert Permission.ADMIN in LOCAL_OWNER.may


def test_a_model_whose_table_is_gone_says_what_its_values_are(tmp_path: Path) -> None:
    with serve(tmp_path) as server:
        add_models(server)
        server.store.datasets.delete("d1")
        page = server.client.get("/models/cls/deploy").text
        assert "typical of each column by itself" in page and len(commands(page)) == 2


@pytest.mark.browser
def test_a_key_and_a_measurement(told: Served, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 900})
    visit = Visit(context, told.url)
    page = visit.page
    page.goto(f"{told.url}/models/cls/deploy")
    visit.ready()
    page.get_by_label("Used in").fill("shop")
    page.get_by_role("button", name="Make a key").click()
    secret = page.get_by_role("region", name="The key").inner_text()
    assert secret.startswith("flowml_api_")
    expect(page.get_by_role("region", name="MLflow")).to_contain_text(f"Bearer {secret}")
    for language, put in (("curl", "export FLOWML_TOKEN="), ("JavaScript", "process.env."), ("Python", "os.environ")):
        page.get_by_role("radio", name=language).check(force=True)
        program = page.get_by_role("region", name=f"Program in {language}")
        expect(program).to_contain_text(put)
        expect(program).to_contain_text(secret)
    done = subprocess.run([sys.executable, "-c", program.inner_text()], capture_output=True, text=True, check=False)
    assert json.loads(done.stdout)["prediction"] in ("yes", "no"), done.stderr
    card = page.get_by_role("region", name="Text of the model card")
    expect(card.get_by_role("heading", name="How good it is")).to_be_visible()
    expect(card.get_by_role("columnheader", name="in training")).to_be_visible()
    expect(card).not_to_contain_text(re.compile(r"\*\*|\\_|\| ---"))
    page.get_by_role("button", name="Measure").click()
    expect(page.locator(".latency-chart svg")).to_be_visible(timeout=30_000)
    expect(page.locator(".latency-stats")).to_contain_text("p99")
    expect(page.locator(".latency-counted")).to_contain_text(re.compile(r"Since the server started: 2\d\d requests"))
    visit.check()

    page.get_by_role("button", name="Revoke shop").click()
    page.get_by_role("button", name="Really revoke shop").click()
    expect(page.get_by_text("None yet.")).to_be_visible()
    expect(page.get_by_role("region", name="MLflow")).not_to_contain_text("Bearer")
    # The button has gone with its key.
    expect(page.get_by_label("Used in")).to_be_focused()
    assert not visit.complaints
    stored = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
    assert secret not in stored
    page.reload()
    visit.ready()
    assert secret not in page.content()
    context.close()


@pytest.mark.browser
def test_a_file_is_made_when_asked_for_or_it_is_said_why_there_is_none(told: Served, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    reason = {"detail": "This model cannot be a joblib file.", "hint": "Take it as FlowML."}
    asked = "**/download?format="
    page.route(f"{asked}joblib", lambda route: route.fulfill(status=409, json=reason))
    page.route(f"{asked}python", lambda route: route.fulfill(status=200, body="x" * 1500))
    page.goto(f"{told.url}/models/cls/deploy")
    page.wait_for_selector("html[data-ready]")
    files = page.get_by_role("region", name="Take it with you")
    files.get_by_role("button", name="Make it: joblib").click()
    expect(files.get_by_text("This model cannot be a joblib file. Take it as FlowML.")).to_be_visible()
    files.get_by_role("button", name="Make it: Python").click()
    expect(files.get_by_role("link", name="Download as Python")).to_be_focused()
    expect(files.get_by_text("1.5 kB")).to_be_visible()
    assert told.client.get(files.get_by_role("link", name="Download as FlowML").get_attribute("href") or "").content
    context.close()
