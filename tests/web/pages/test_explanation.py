"""Results in plain words on the pages: FlowML's own text, and a language model's beside it with marked numbers."""

import re
from collections.abc import Iterator
from html import unescape

import pytest
from playwright.sync_api import Browser, expect

from flowml.domain.jobs import Job
from flowml.domain.models import Model
from tests.assistant.stand_in import StandIn, says, stand_in
from tests.services.insight.judged import judged
from tests.services.records import add_job
from tests.web.serving import Served, serve
from tests.web.visiting import Visit


@pytest.fixture(scope="module")
def ollama() -> Iterator[StandIn]:
    with stand_in() as found:
        yield found


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, ollama: StandIn) -> Iterator[Served]:
    with serve(tmp_path_factory.mktemp("home"), ollama_url=ollama.url) as served:
        yield served


@pytest.fixture(scope="module")
def run(house: Served) -> tuple[Job, list[Model]]:
    job, models = judged(house.store)
    house.store.jobs.update(job.id, status="completed")
    return job, models


def test_the_text_stands_in_the_page_at_once_and_the_rest_in_its_part(
    house: Served, run: tuple[Job, list[Model]]
) -> None:
    job, (good, *_) = run
    for place in (f"/jobs/{job.id}", f"/models/{good.id}"):
        page = unescape(house.client.get(f"{place}/results" if "jobs" in place else place).text)
        assert "In plain words" in page and "How good it is" in page
        assert f'data-part="{place}/explanation"' in page
        part = unescape(house.client.get(f"{place}/explanation").text)
        assert "Where it fails" in part and "“city” is “Graz”" in part
        links = re.findall(r'class="cite" href="([^"]+)"', part)
        assert any("mistakes?slice=0" in link for link in links)
        anchors = {link.partition("#")[2] for link in links if link.startswith(f"/models/{good.id}#")}
        model_page = house.client.get(f"/models/{good.id}").text
        assert anchors <= set(re.findall(r' id="([^"]+)"', model_page)) | {"confusion"}


def test_as_long_as_a_run_goes_on_nothing_is_worked_out_for_its_page(house: Served) -> None:
    job, _ = judged(house.store, seed=7)
    page = house.client.get(f"/jobs/{job.id}/results").text
    assert "In plain words" in page and 'data-part=""' in page


def test_a_run_that_was_stopped_before_any_model_is_explained_too(house: Served) -> None:
    job = add_job(house.store)
    house.store.jobs.update(job.id, status="cancelled")
    page = unescape(house.client.get(f"/jobs/{job.id}/results").text)
    assert "the run was stopped before its first one was finished" in page
    assert "In plain words" not in house.client.get(f"/jobs/{add_job(house.store).id}/results").text


def test_a_model_says_it_in_its_words_with_invented_numbers_marked(
    house: Served, ollama: StandIn, run: tuple[Job, list[Model]], browser: Browser
) -> None:
    ollama.behaves(says("It saw 240 rows [f1] and 48,000 customers [f99].\n\n<img src=x onerror=alert()> is text."))
    context = browser.new_context(viewport={"width": 390, "height": 900}, color_scheme="dark")
    try:
        visit = Visit(context, house.url)
        page = visit.page
        page.goto(f"{house.url}/jobs/{run[0].id}/results")
        card = page.locator("#explanation")
        expect(card.get_by_text("Where it fails", exact=True)).to_be_visible(timeout=30_000)
        card.get_by_role("button", name="Let the assistant say it").click()
        expect(card.get_by_text("In the words of stand-in:3b on")).to_be_visible()
        expect(card.locator("mark", has_text="48,000")).to_be_visible(timeout=30_000)
        expect(card.get_by_text("(not among the figures)")).to_be_visible()
        expect(card.get_by_text("(there is no such fact)")).to_be_visible()
        expect(card.get_by_text("1 of 2 numbers in this text is not among the figures")).to_be_visible()
        expect(card.locator(".explanation-words")).to_contain_text("<img src=x onerror=alert()> is text.")
        assert card.locator("img").count() == 0
        visit.check()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        ollama.behaves(says("Word " * 200, slowly=0.05))
        card.get_by_role("button", name="Ask again").click()
        card.get_by_role("button", name="Stop").click()
        expect(card.get_by_text("Stopped. Its numbers were not looked at.")).to_be_visible()
    finally:
        context.close()
