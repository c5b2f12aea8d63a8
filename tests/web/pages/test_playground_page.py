"""The Playground in a browser: what-ifs are told, only the last answer is shown, and a reload keeps the row."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.services.records import add_job
from tests.services.trained import add_trained, store_table
from tests.web.serving import Served, serve
from tests.web.visiting import SECONDS, Visit, drop

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
    page.get_by_role("textbox", name="age", exact=True).fill("12")
    expect(page.locator(".answer-value")).to_have_text("no")
    expect(difference).to_contain_text(re.compile(r"before yes \(\d+\.\d %\)"))
    expect(difference).to_contain_text(re.compile(r"With age 12 instead of \S+ the answer is no instead of yes"))
    visiting.check()
    page.get_by_role("button", name="Compare from here").click()
    expect(difference).to_be_hidden()
    page.get_by_role("textbox", name="age", exact=True).fill("70")
    expect(difference).to_contain_text("With age 70 instead of 12 the answer is yes instead of no")
    page.get_by_role("button", name="Undo all changes").click()
    expect(page.get_by_role("textbox", name="age", exact=True)).to_have_value("12")
    expect(difference).to_be_hidden()


def test_a_reload_keeps_the_row_in_its_own_tab(visiting: Visit) -> None:
    page = opened(visiting, "reg")
    page.get_by_role("textbox", name="age", exact=True).fill("55")
    page.get_by_label("Interval that holds the truth").select_option("0.8")
    expect(page.locator(".interval-ends")).to_contain_text("80 % of true values")
    expect(page.locator(".what-if")).to_contain_text("With age 55 instead of")
    said = page.locator("[x-text=difference]").inner_text()
    assert said
    page.reload()
    visiting.ready()
    expect(page.get_by_role("textbox", name="age", exact=True)).to_have_value("55")
    expect(page.locator(".interval-ends")).to_contain_text("80 % of true values")
    expect(page.locator("[x-text=difference]")).to_have_text(said)
    with page.context.new_page() as other:
        other.goto(page.url)
        expect(other.get_by_role("textbox", name="age", exact=True)).not_to_have_value("55")


def test_a_late_answer_is_not_shown(visiting: Visit) -> None:
    page = opened(visiting, "cls")
    held: list[Route] = []

    def hold(route: Route) -> None:
        if json.loads(route.request.post_data or "{}")["features"]["age"] == 1:
            held.append(route)
        else:
            route.continue_()

    page.route("**/api/results/predict", hold)
    age = page.get_by_role("textbox", name="age", exact=True)
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
    page.get_by_role("textbox", name="age", exact=True).fill("30")
    expect(page.locator(".answer-detail")).to_have_text("The FlowML server does not answer.")
    expect(page.locator(".probabilities .number").first).to_have_text("–")
    page.unroute("**/api/results/predict")
    page.get_by_role("textbox", name="age", exact=True).fill("31")
    expect(page.locator(".answer-value")).to_have_text("no")
    expect(page.locator(".answer-set")).not_to_be_empty()


def test_why_and_what_would_have_to_change(visiting: Visit) -> None:
    page = opened(visiting, "cls")
    page.get_by_role("textbox", name="age", exact=True).fill("30")
    why = page.get_by_role("region", name="Why")
    expect(why).to_contain_text(
        re.compile(r"The probability of no is \d+\.\d % for a typical row, and \d+\.\d % for this row")
    )
    expect(why.locator("svg [data-mark]").first).to_be_attached()
    change = page.get_by_role("region", name="What would have to change")
    change.get_by_text("Which columns may change").click()
    change.get_by_role("button", name="None").click()
    change.get_by_role("button", name="Look for it").click()
    expect(change.get_by_role("alert")).to_contain_text("at least one column")
    change.get_by_role("checkbox", name="age").check()
    change.get_by_label("Direction of age").select_option("down")
    change.get_by_role("button", name="Look for it").click()
    expect(change.locator(".change-found")).to_contain_text("No change")
    change.get_by_label("Direction of age").select_option("up")
    change.get_by_role("button", name="Look for it").click()
    expect(change.locator(".change-found")).to_contain_text(
        re.compile(r"With age \S+ instead of 30 the answer would be yes")
    )
    visiting.check()
    change.get_by_role("button", name="Put it into the row").click()
    expect(page.locator(".answer-value")).to_have_text("yes")
    expect(page.locator(".change-found p")).to_be_hidden()


def test_one_column_has_its_line_and_the_row_in_it(visiting: Visit) -> None:
    page = opened(visiting, "reg")
    one = page.get_by_role("region", name="One column")
    one.scroll_into_view_if_needed()
    # Who looks sees the column that moves this row most.
    expect(one).to_contain_text("On average spent is least")
    one.get_by_label("Column").select_option("city")
    expect(one.locator(".here [data-mark]")).to_have_count(1, timeout=SECONDS)
    expect(one).to_contain_text("On average spent is least")
    visiting.check()


def test_a_file_is_answered_and_looked_at(visiting: Visit, tmp_path: Path) -> None:
    file = tmp_path / "new.csv"
    rows = "".join(f"{90 + at % 7},Wien,true,2024-01-05\n" for at in range(200))
    file.write_text(f"age,city,member,joined\n{rows}", encoding="utf-8")
    page = opened(visiting, "cls")
    # Wherever it is dropped.
    drop(page, file, ".play-form")
    panel = page.get_by_role("tabpanel", name="A whole file")
    expect(panel.get_by_role("heading", name=re.compile("200 rows of new.csv answered in"))).to_be_visible(
        timeout=SECONDS
    )
    expect(panel.locator(".scored-columns")).to_contain_text("200 (100.0 %) never seen in training")
    expect(panel.locator(".scored-chart svg")).to_be_visible()
    expect(panel.locator(".scored-table th").first).to_have_text("prediction")
    expect(panel.locator(".scored-table tbody tr")).to_have_count(10)
    visiting.check()
    page.reload()
    visiting.ready()
    expect(panel.get_by_role("heading", name=re.compile("200 rows of new.csv"))).to_be_visible(timeout=SECONDS)
    with page.expect_download() as taken:
        panel.get_by_role("link", name="Download as CSV").click()
    assert taken.value.path().read_text(encoding="utf-8").startswith("age,city,member,joined,prediction")
    # After a reload the file itself is no longer at hand, and has to be dropped once more.
    expect(panel.get_by_label("The same file in another format")).to_be_hidden()
    panel.get_by_role("button", name="Another file").click()
    expect(panel.get_by_text("Drop it here")).to_be_visible()
    page.goto(f"{visiting.address}/models/reg/playground#file")
    visiting.ready()
    panel.get_by_label("Answer as").select_option("jsonl")
    panel.locator("input[type=file]").set_input_files(file)
    expect(panel.get_by_role("link", name="Download as JSON Lines")).to_be_visible(timeout=SECONDS)
    panel.get_by_label("The same file in another format").select_option("parquet")
    expect(panel.get_by_role("link", name="Download as Parquet")).to_be_visible(timeout=SECONDS)
    expect(panel.locator(".scored-chart svg")).to_be_visible()
    expect(panel.locator(".scored-table th").nth(1)).to_have_text("prediction_low")
    panel.get_by_role("button", name="Another file").click()
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"PAR1 is not all that it takes")
    panel.locator("input[type=file]").set_input_files(broken)
    expect(panel.get_by_role("alert")).not_to_be_empty(timeout=SECONDS)
