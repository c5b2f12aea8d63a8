"""Ideas for columns in a real browser: FlowML's own at once, tried with progress, stopped, and what came of them."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from flowml.services.assistant import trying
from tests.assistant.stand_in import stand_in
from tests.services.records import add_job
from tests.web.api.assistant.test_ideas import ROWS, Beside
from tests.web.serving import Served, serve
from tests.web.visiting import SECONDS, Visit

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def address(server: Served) -> str:
    """Nothing is trained here, so a server without trainers will do."""
    return server.url


@pytest.fixture
def beside(monkeypatch: pytest.MonkeyPatch) -> Iterator[Beside]:
    found = Beside()
    monkeypatch.setattr(trying, "Child", found)
    yield found
    found.may_go_on.set()


def open_tab(visit: Visit, server: Served) -> Page:
    answer = server.client.post("/api/datasets/upload", files={"file": ("areas.csv", "\n".join(ROWS))})
    visit.page.goto(f"{server.url}/datasets/{answer.json()['id']}?target=area#assistant")
    visit.ready()
    expect(own(visit.page).first).to_be_visible(timeout=SECONDS)
    return visit.page


def own(page: Page):  # type: ignore[no-untyped-def]
    return page.get_by_role("list", name="FlowML’s ideas").locator("> li")


def picture(page: Page, name: str) -> None:
    """For who wants to look at it: FLOWML_PICTURES names a folder."""
    if folder := os.environ.get("FLOWML_PICTURES"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def test_an_idea_is_tried_with_progress_and_its_result_stays(visit: Visit, server: Served, beside: Beside) -> None:
    page = open_tab(visit, server)
    idea = own(page).first
    expect(idea.get_by_role("heading")).to_contain_text("height")
    expect(idea).to_contain_text("“area”")
    idea.get_by_role("button", name="Try it").click()
    expect(idea.get_by_text("Fold 4 of 10, with and without it")).to_be_visible(timeout=SECONDS)
    picture(page, "ideas-running")
    visit.check()
    # Another tab shows the same, and measures nothing of its own.
    other = page.context.new_page()
    other.goto(page.url)
    expect(other.get_by_text("Fold 4 of 10, with and without it")).to_be_visible(timeout=SECONDS)
    beside.may_go_on.set()
    for one in (page, other):
        expect(own(one).first.get_by_text("It helps.")).to_be_visible(timeout=SECONDS)
    other.close()
    assert beside.count == 1
    expect(idea.get_by_text("95 % interval")).to_have_count(1)
    expect(idea.locator("figure svg").first).to_be_visible()
    visit.check()
    picture(page, "ideas-helped")
    page.reload()
    visit.ready()
    expect(own(page).first.get_by_text("It helps.")).to_be_visible(timeout=SECONDS)
    own(page).first.get_by_role("button", name="Add to recipe").click()
    page.get_by_role("tab", name="Recipe").click()
    expect(page.get_by_role("list", name="Steps to apply").locator("li")).to_contain_text("height")
    assert not visit.complaints


def test_one_can_be_stopped_and_begun_again_and_forgotten(visit: Visit, server: Served, beside: Beside) -> None:
    page = open_tab(visit, server)
    idea = own(page).first
    idea.get_by_role("button", name="Try it").click()
    expect(idea.get_by_role("progressbar")).to_be_visible(timeout=SECONDS)
    idea.get_by_role("button", name="Stop").click()
    expect(idea.get_by_text("It was stopped.")).to_be_visible(timeout=SECONDS)
    beside.may_go_on.set()
    idea.get_by_role("button", name="Try it").click()
    expect(idea.get_by_text("It helps.")).to_be_visible(timeout=SECONDS)
    idea.get_by_role("button", name="Forget").click()
    expect(idea.get_by_text("It helps.")).to_have_count(0)
    expect(idea.get_by_role("button", name="Try it")).to_be_enabled()
    assert not visit.complaints


def test_who_comes_from_a_run_tries_with_its_settings(visit: Visit, server: Served, beside: Beside) -> None:
    page = open_tab(visit, server)
    dataset = page.url.split("/datasets/")[1][:16]
    job = add_job(server.store, dataset_id=dataset, target="area", metric="mae")
    page.goto(f"{server.url}/datasets/{dataset}?target=area&job={job.id}#assistant")
    visit.ready()
    expect(page.get_by_text("with the settings of the run that you came from")).to_be_visible(timeout=SECONDS)
    beside.may_go_on.set()
    own(page).first.get_by_role("button", name="Try it").click()
    expect(own(page).first.get_by_text("It helps.")).to_be_visible(timeout=SECONDS)
    assert [one["asked"]["metric"] for one in beside.asked] == ["mae"]
    assert not visit.complaints


def test_on_a_telephone_and_without_a_target(browser: Browser, server: Served, beside: Beside) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, color_scheme="dark")
    visit = Visit(context, server.url)
    page = open_tab(visit, server)
    beside.may_go_on.set()
    own(page).first.get_by_role("button", name="Try it").click()
    expect(own(page).first.get_by_text("It helps.")).to_be_visible(timeout=SECONDS)
    visit.check()
    picture(page, "ideas-narrow-dark")
    page.get_by_label("What do you want to predict?").locator("visible=true").first.select_option("")
    expect(page.get_by_text("Choose what you want to predict: ideas are for that.")).to_be_visible(timeout=SECONDS)
    expect(own(page)).to_have_count(0)
    assert not visit.complaints
    context.close()


def test_the_models_ideas_come_beside_and_are_measured_as_well(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory, beside: Beside
) -> None:
    with stand_in() as ollama, serve(tmp_path_factory.mktemp("assisted"), ollama_url=ollama.url) as assisted:
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        visit = Visit(context, assisted.url)
        page = open_tab(visit, assisted)
        squared = {
            "reason": "Squares <b>matter</b>.",
            "facts": [],
            "operations": [{"op": "derive", "column": "squared", "expression": "c1 ^ 2"}],
        }
        cheat = {
            "reason": "It is nearly the answer.",
            "facts": [],
            "operations": [{"op": "derive", "column": "half", "expression": "c5 / 2"}],
        }
        ollama.answers(json.dumps({"suggestions": [squared, cheat]}))
        part = page.locator("#assistant-ideas")
        part.get_by_role("button", name="Ask stand-in:3b").click(timeout=SECONDS)
        ideas = part.get_by_role("list", name="The model’s ideas").locator("> li")
        expect(ideas).to_have_count(1, timeout=SECONDS)
        expect(ideas.first).to_contain_text("Squares")
        expect(ideas.locator("b")).to_have_count(0)
        part.get_by_text("1 idea of the model is left out").click()
        beside.may_go_on.set()
        ideas.first.get_by_role("button", name="Try it").click()
        expect(ideas.first.get_by_text("It helps.")).to_be_visible(timeout=SECONDS)
        picture(page, "ideas-model")
        # The model does not have to be asked again for what is known already.
        page.reload()
        visit.ready()
        expect(part).to_contain_text("1 idea of stand-in:3b on this machine, just now", timeout=SECONDS)
        expect(ideas.first.get_by_text("It helps.")).to_be_visible(timeout=SECONDS)
        assert not visit.complaints
        context.close()
