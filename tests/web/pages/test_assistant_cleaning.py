"""The assistant's suggestions in a real browser: FlowML's own, a model's beside them, and what that is told."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.assistant.injections import INJECTIONS
from tests.assistant.stand_in import StandIn, silent, stand_in
from tests.services.assistant.tables import people
from tests.web.serving import Served, serve
from tests.web.visiting import SECONDS, Visit

pytestmark = pytest.mark.browser

EVIL = "<img src=https://evil.example/x onerror=alert(1)> ![c](https://evil.example/y.png) https://evil.example/z"


@pytest.fixture(scope="module")
def ollama() -> Iterator[StandIn]:
    with stand_in() as found:
        yield found


@pytest.fixture(scope="module")
def assisted(tmp_path_factory: pytest.TempPathFactory, ollama: StandIn) -> Iterator[Served]:
    with serve(tmp_path_factory.mktemp("assisted"), ollama_url=ollama.url) as served:
        yield served


@pytest.fixture(scope="module")
def address(assisted: Served) -> str:
    """Nothing is trained here, so a server without trainers will do."""
    return assisted.url


def open_tab(visit: Visit, server: Served, content: bytes = people(), name: str = "people.csv") -> Page:
    answer = server.client.post("/api/datasets/upload", files={"file": (name, content)})
    visit.page.goto(f"{server.url}/datasets/{answer.json()['id']}")
    visit.ready()
    visit.page.get_by_role("tab", name="Assistant").click()
    expect(own(visit.page).first).to_be_visible(timeout=SECONDS)
    return visit.page


def own(page: Page):  # type: ignore[no-untyped-def]
    return page.get_by_role("list", name="FlowML’s suggestions").locator("> li")


def picture(page: Page, name: str) -> None:
    """For who wants to look at it: FLOWML_PICTURES names a folder."""
    if folder := os.environ.get("FLOWML_PICTURES"):
        page.emulate_media(color_scheme="dark" if "dark" in name else "light")
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def test_without_a_model_flowml_suggests_from_its_own_findings(browser: Browser, server: Served) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    visit = Visit(context, server.url)
    visit.expects_refusals = True
    page = open_tab(visit, server)
    expect(own(page).filter(has_text="“age” has no value in 12 rows")).to_have_count(1)
    expect(page.get_by_role("heading", name="What the model would mend")).to_be_hidden()
    expect(page.locator("#assistant-cleaning input:checked")).to_have_count(0)
    visit.check()
    picture(page, "cleaning-without-model")
    dropping = own(page).filter(has_text="Takes out columns").first
    dropping.get_by_role("button", name="Preview").click()
    change = page.locator("#change-dialog")
    expect(change).to_contain_text("gone:", timeout=SECONDS)
    change.get_by_role("button", name="Leave it").click()
    own(page).filter(has_text="“age” has no value").get_by_role("button", name="Add to recipe").click()
    expect(page.locator("[data-steps]")).to_have_text("1 new")
    page.get_by_text("What a model is told of this table").click()
    expect(page.locator("#assistant-sent")).to_contain_text("Nothing is sent now", timeout=SECONDS)
    visit.check()
    context.close()


def test_a_model_suggests_beside_it_and_what_it_says_is_text(visit: Visit, assisted: Served, ollama: StandIn) -> None:
    page = open_tab(visit, assisted)
    part = page.locator("#assistant-cleaning")
    fill = {
        "reason": f"c1 has 999 gaps. {EVIL}",
        "facts": ["f2"],
        "operations": [{"op": "fill", "column": "c1", "with": "median"}],
    }
    drop = {"reason": "It is constant.", "facts": [], "operations": [{"op": "drop", "columns": ["c4"]}]}
    nothing = {"reason": "x", "facts": [], "operations": [{"op": "fill", "column": "c4", "with": "most_frequent"}]}
    code = {"reason": "No step does it.", "facts": [], "operations": [], "code": "df = df.reverse()"}
    ollama.answers(json.dumps({"suggestions": [fill, drop, nothing, code]}))
    part.get_by_role("button", name="Ask stand-in:3b").click()
    suggested = part.get_by_role("list", name="The model’s suggestions").locator("> li")
    expect(suggested).to_have_count(3, timeout=SECONDS)
    expect(suggested.first).to_contain_text("Fill what is missing in “age” with the median")
    expect(suggested.first).to_contain_text("‹img src=https://evil.example/x onerror=alert(1)›")
    expect(suggested.first).to_contain_text("12 cells changed")
    expect(suggested.first.locator("mark")).to_have_text(["999"])
    expect(suggested.first).to_contain_text("999 (not among the figures) gaps")
    expect(suggested.nth(1)).to_contain_text("Takes out the column unit")
    expect(suggested.nth(2)).to_contain_text("df = df.reverse()")
    expect(suggested.nth(2).get_by_role("button")).to_have_text(["Put it into the code box"])
    expect(suggested.locator("a, img, script")).to_have_count(0)
    expect(page.locator("#assistant-cleaning")).to_contain_text("3 suggestions of stand-in:3b on")
    part.get_by_text("1 suggestion of the model is left out").click()
    expect(part.locator(".suggestions-dropped")).to_contain_text("It would change nothing.")
    part.get_by_text("Rests on 1 fact").click()
    visit.check()
    picture(page, "cleaning-with-model")
    suggested.first.get_by_role("button", name="Preview").click()
    change = page.locator("#change-dialog")
    expect(change).to_contain_text("12 cells changed", timeout=SECONDS)
    change.get_by_role("button", name="Leave it").click()
    assert assisted.client.get("/api/datasets").json()["total"] == 1
    page.reload()
    expect(part).to_contain_text("3 suggestions of stand-in:3b on this machine, just now", timeout=SECONDS)
    expect(suggested.first.locator("mark")).to_have_text(["999"])


def test_a_question_can_be_stopped(visit: Visit, assisted: Served, ollama: StandIn) -> None:
    page = open_tab(visit, assisted)
    part = page.locator("#assistant-cleaning")
    ollama.behaves(silent())
    ollama.left.clear()
    part.get_by_role("button", name="Ask stand-in:3b").click()
    expect(page.locator("#assistant-cleaning")).to_contain_text("Asking stand-in:3b…")
    part.get_by_role("button", name="Stop", exact=True).click()
    expect(part.get_by_role("button", name="Ask stand-in:3b")).to_be_visible()
    expect(part).to_contain_text("Stopped.")
    assert ollama.left.wait(20)
    visit.check()


def test_what_is_told_is_shown_and_values_are_shared_by_column(browser: Browser, assisted: Served) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, color_scheme="dark")
    visit = Visit(context, assisted.url)
    page = open_tab(visit, assisted)
    page.get_by_text("What a model is told of this table").click()
    messages = page.locator(".sent-messages")
    expect(messages).to_contain_text("BEGIN DATA ····", timeout=SECONDS)
    expect(messages).not_to_contain_text("Bonn")
    sharing = page.get_by_role("list", name="Columns whose values may be told")
    expect(sharing).to_contain_text("looks personal: what identifies the rows")
    expect(sharing.locator("input:checked")).to_have_count(0)
    sharing.get_by_label("town").check()
    expect(messages).to_contain_text("“Bonn”", timeout=SECONDS)
    page.get_by_label("Values of categories that look in no way personal").check()
    expect(messages).to_contain_text("“kg”", timeout=SECONDS)
    expect(sharing.locator("input:checked")).to_have_count(3)
    expect(messages).not_to_contain_text("mail.example")
    visit.check()
    picture(page, "sent-narrow-dark")
    page.reload()
    visit.ready()
    page.get_by_role("tab", name="Assistant").click()
    page.get_by_text("What a model is told of this table").click()
    expect(sharing.locator("input:checked")).to_have_count(3, timeout=SECONDS)
    context.close()


def test_names_that_speak_to_the_model_are_shown_as_text(visit: Visit, assisted: Served) -> None:
    names = list(INJECTIONS.values())[:40]
    rows = [json.dumps(dict.fromkeys(names, None if at % 4 == 0 else at % 5)) for at in range(60)]
    page = open_tab(visit, assisted, "\n".join(rows).encode(), "evil.jsonl")
    page.get_by_text("What a model is told of this table").click()
    expect(page.locator(".sent-messages")).to_contain_text("BEGIN DATA", timeout=SECONDS)
    expect(page.locator("#assistant-cleaning img, #assistant-cleaning script")).to_have_count(0)
    visit.check()
