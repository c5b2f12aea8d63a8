"""The Playground in a browser: what-ifs are told, only the last answer is shown, and a reload keeps the row."""

import json
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.services.records import add_job
from tests.services.trained import add_trained, store_table
from tests.web.serving import Served, serve
from tests.web.visiting import Visit

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(tmp_path_factory.mktemp("home")) as server:
        store_table(server.store)
        add_trained(server.store, add_job(server.store, target="bought"), "cls", "bought", "logistic_regression")
        add_trained(server.store, add_job(server.store, target="spent"), "reg", "spent", "decision_tree")
        yield server


@pytest.fixture
def visiting(models: Served, browser: Browser) -> Iterator[Visit]:
    context = browser.new_context(viewport={"width": 390, "height": 900})
    yield Visit(context, models.url)
    context.close()


def opened(visiting: Visit, model: str) -> Page:
    visiting.page.goto(f"{visiting.address}/models/{model}/playground")
    visiting.ready()
    expect(visiting.page.locator(".answer-foot")).to_contain_text("answered in")
    return visiting.page


def test_a_what_if_stands_beside_the_answer_before(visiting: Visit) -> None:
    page = opened(visiting, "cls")
    difference = page.locator(".what-if")
    expect(difference).to_be_hidden()
    page.get_by_role("textbox", name="age").fill("12")
    expect(page.locator(".answer-value")).to_have_text("no")
    expect(difference).to_contain_text(re.compile(r"before yes \(\d+\.\d %\)"))
    expect(difference).to_contain_text(re.compile(r"With age 12 instead of \S+ the answer is no instead of yes"))
    visiting.check()
    page.get_by_role("button", name="Compare from here").click()
    expect(difference).to_be_hidden()
    page.get_by_role("textbox", name="age").fill("70")
    expect(difference).to_contain_text("With age 70 instead of 12 the answer is yes instead of no")
    page.get_by_role("button", name="Undo all changes").click()
    expect(page.get_by_role("textbox", name="age")).to_have_value("12")
    expect(difference).to_be_hidden()


def test_a_reload_keeps_the_row_in_its_own_tab(visiting: Visit) -> None:
    page = opened(visiting, "reg")
    page.get_by_role("textbox", name="age").fill("55")
    page.get_by_label("Interval that holds the truth").select_option("0.8")
    expect(page.locator(".interval-ends")).to_contain_text("80 % of true values")
    expect(page.locator(".what-if")).to_contain_text("With age 55 instead of")
    said = page.locator("[x-text=difference]").inner_text()
    assert said
    page.reload()
    visiting.ready()
    expect(page.get_by_role("textbox", name="age")).to_have_value("55")
    expect(page.locator(".interval-ends")).to_contain_text("80 % of true values")
    expect(page.locator("[x-text=difference]")).to_have_text(said)
    with page.context.new_page() as other:
        other.goto(page.url)
        expect(other.get_by_role("textbox", name="age")).not_to_have_value("55")


def test_a_late_answer_is_not_shown(visiting: Visit) -> None:
    page = opened(visiting, "cls")
    held: list[Route] = []

    def hold(route: Route) -> None:
        if json.loads(route.request.post_data or "{}")["features"]["age"] == 1:
            held.append(route)
        else:
            route.continue_()

    page.route("**/api/results/predict", hold)
    age = page.get_by_role("textbox", name="age")
    with page.expect_request("**/api/results/predict"):
        age.fill("1")
    age.fill("70")
    expect(page.locator(".what-if")).to_contain_text("age 70")
    assert len(held) == 1
    held[0].abort()
    expect(page.locator(".answer-value")).to_have_text("yes")
    page.unroute("**/api/results/predict")


def test_a_server_that_is_gone_is_said_and_one_that_is_back_answers(visiting: Visit) -> None:
    page = opened(visiting, "cls")
    page.route("**/api/results/predict", lambda route: route.abort())
    page.get_by_role("textbox", name="age").fill("30")
    expect(page.locator(".answer-detail")).to_have_text("The FlowML server does not answer.")
    page.unroute("**/api/results/predict")
    page.get_by_role("textbox", name="age").fill("31")
    expect(page.locator(".answer-value")).to_have_text("no")
    expect(page.locator(".answer-set")).not_to_be_empty()
