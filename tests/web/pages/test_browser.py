"""The whole path in a real browser: drop a file, look at it, train, watch, read the results, try the model."""

import csv
import random
import re
import time
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.web.visiting import SECONDS, Visit, drop

pytestmark = pytest.mark.browser


def passengers(path: Path, count: int = 400) -> Path:
    """A table like the Titanic's, by seeded rules: who was female or travelled first class mostly survived."""
    rng = random.Random(5)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("PassengerId", "Pclass", "Name", "Sex", "Age", "Fare", "Embarked", "Survived"))
        for number in range(1, count + 1):
            sex = rng.choice(("male", "male", "female"))
            pclass = rng.choice((1, 2, 3, 3))
            age = "" if rng.random() < 0.2 else round(rng.triangular(1, 75, 27), 1)
            fare = round(rng.expovariate(1 / (90 / pclass**1.6)), 2)
            chance = 0.08 + 0.68 * (sex == "female") + 0.16 * (pclass == 1) - 0.1 * (pclass == 3)
            name = f"Surname{number}, {'Mrs' if sex == 'female' else 'Mr'}. Given{rng.randrange(90)}"
            survived = int(rng.random() < chance)
            writer.writerow((number, pclass, name, sex, age, fare, rng.choice("SSSCQ"), survived))
    return path


def test_from_a_file_to_a_prediction(visit: Visit, tmp_path: Path) -> None:
    page = visit.page
    page.goto(visit.address)
    expect(page.get_by_role("heading", level=1)).to_contain_text("From a table to a prediction")
    visit.check()

    # The table and its columns
    drop(page, passengers(tmp_path / "passengers.csv"))
    page.wait_for_url(re.compile("/datasets/"), timeout=SECONDS)
    expect(page.get_by_role("heading", level=1)).to_have_text("passengers")
    expect(page.locator(".grid tbody")).to_contain_text("Surname1, ")
    expect(page.locator("th[data-column=Sex]")).to_contain_text("categorical")
    expect(page.locator("th[data-column=Age] .spark svg")).to_be_visible()
    visit.check()
    page.get_by_placeholder("Search in all rows").fill("Surname399")
    expect(page.get_by_text("1 row matches")).to_be_visible()
    expect(page.locator(".grid tbody")).to_contain_text("Surname399")
    page.get_by_placeholder("Search in all rows").fill("")
    page.get_by_role("button", name="Fare", exact=True).click()
    expect(page.locator("th[data-column=Fare]")).to_have_attribute("aria-sort", "ascending")
    page.get_by_role("button", name="About the column Age").click()
    expect(page.get_by_role("dialog").get_by_text("Median")).to_be_visible()
    visit.check()
    page.keyboard.press("Escape")
    for tab in ("Columns", "Relations", "Runs"):
        page.get_by_role("tab", name=tab).click()
        visit.check()
    expect(page.locator("figure[data-chart=correlation] svg")).to_be_attached()

    # The target and the plan
    page.get_by_role("link", name="Train a model").first.click()
    page.wait_for_url(re.compile("/train"))
    visit.ready()
    page.get_by_label("Column to predict").select_option("Survived")
    expect(page.get_by_text("classification", exact=True)).to_be_visible(timeout=SECONDS)
    expect(page.locator("figure[data-chart=categories] svg")).to_be_visible()
    page.get_by_text("Advanced:").click()
    # Enough to see the leaderboard change; the run need not go on to the end of its time.
    page.get_by_label("Most trials").fill("5")
    visit.check()
    page.get_by_role("slider", name="How long may it take?").fill("1")
    expect(page.locator("output")).to_have_text("15 s")
    page.locator("[data-start]").click()

    # Trials arrive live
    page.wait_for_url(re.compile("/jobs/"), timeout=SECONDS)
    visit.ready()
    expect(page.locator("#leaderboard li")).not_to_have_count(0, timeout=SECONDS)
    first = page.locator("#leaderboard ol")
    orders: set[tuple[str, ...]] = set()
    until = time.monotonic() + 10
    while len(orders) < 2 and time.monotonic() < until:
        orders.add(tuple(first.locator("li").evaluate_all("items => items.map(item => item.dataset.model)")))
        page.wait_for_timeout(50)
    expect(page.locator("#leaderboard li").nth(2)).to_be_visible(timeout=SECONDS)
    expect(page.locator("#progress-chart svg [data-mark]").first).to_be_attached()
    assert len(orders) > 1, "the leaderboard did not change while trials arrived"
    for line in page.locator(".log .log-good, .log .log-best").all_inner_texts():
        assert re.search(r"\d\d\.\d\d %", line), line
    visit.check()
    page.reload()
    visit.ready()
    expect(page.locator("#leaderboard li").nth(2)).to_be_visible()
    page.get_by_role("link", name="See the results").click(timeout=SECONDS)

    # Results and model
    page.wait_for_url(re.compile("/results"))
    expect(page.get_by_text(re.compile(r"^Best of \d+ models"))).to_be_visible()
    visit.check()
    ranks = page.locator(".board-table tbody td:first-child")
    page.get_by_role("columnheader", name="#").get_by_role("button").click()
    assert ranks.first.inner_text() != "1"
    page.locator("#winner-title a").click()
    page.wait_for_url(re.compile("/models/"))
    expect(page.locator(".confusion")).to_be_visible()
    expect(page.locator("figure[data-chart=importance] svg")).to_be_visible(timeout=SECONDS)
    visit.check()

    # A passenger
    page.get_by_role("link", name="Try it").click()
    page.wait_for_url(re.compile("/playground"))
    visit.ready()
    answer = page.locator(".answer-value")
    truth = page.locator(".answer-truth")
    expect(truth).to_have_text(
        re.compile(r"^Row \d+ of passengers: Survived was [01], (not )?as predicted\.$"), timeout=SECONDS
    )
    page.get_by_role("button", name="Another row").click()
    expect(truth).to_have_text(re.compile(r"^Row \d+ of passengers: Survived was [01], (not )?as predicted\.$"))
    page.get_by_role("combobox", name="Sex").select_option("female")
    page.get_by_role("textbox", name="Name").fill("Surname1, Mrs. Given1")
    page.get_by_role("textbox", name="Pclass").fill("1")
    expect(answer).to_have_text("1", timeout=SECONDS)
    expect(truth).to_be_hidden()
    expect(page.locator(".answer-detail")).to_have_text(re.compile(r"^\d+\.\d % probability$"))
    sure = page.locator("[data-class='1'] .number").inner_text()
    page.get_by_role("combobox", name="Sex").select_option("male")
    page.get_by_role("textbox", name="Name").fill("Surname1, Mr. Given1")
    page.get_by_role("textbox", name="Pclass").fill("3")
    expect(answer).to_have_text("0", timeout=SECONDS)
    assert page.locator("[data-class='1'] .number").inner_text() != sure
    expect(page.locator(".code")).to_contain_text("curl " + visit.address)
    visit.check()


def test_a_wrong_value_is_said_beside_its_field(visit: Visit) -> None:
    page = visit.page
    page.goto(visit.address + "/palette.json")
    items = page.evaluate("fetch('/palette.json').then(answer => answer.json())")["items"]
    page.goto(visit.address + next(item["url"] for item in items if item["detail"] == "Playground"))
    visit.ready()
    page.get_by_role("textbox", name="Age").fill("old")
    problem = page.locator("[data-field=Age] .field-problem")
    expect(problem).to_contain_text("number")
    expect(page.get_by_role("textbox", name="Age")).to_have_attribute("aria-invalid", "true")
    page.get_by_role("textbox", name="Age").fill("30")
    expect(problem).to_have_count(0)
    page.get_by_role("textbox", name="Age").fill("200")
    expect(page.locator("[data-field=Age] .field-warning")).to_contain_text("far above all")
    page.get_by_role("textbox", name="Age").fill("1,2,3")
    expect(problem).to_contain_text("“1,2,3” is not")
    page.get_by_role("textbox", name="Age").fill("12,5")
    expect(problem).to_have_count(0)
    expect(page.locator(".code")).to_contain_text('"Age": 12.5')


def test_a_broken_file_is_explained_in_place(visit: Visit, tmp_path: Path) -> None:
    page = visit.page
    page.goto(visit.address)
    visit.ready()
    file = tmp_path / "empty.csv"
    file.write_text("")
    page.locator("input[type=file]").set_input_files(file)
    expect(page.get_by_role("alert")).to_be_visible(timeout=SECONDS)
    expect(page.locator("input[type=file]")).to_be_focused()
    page.get_by_role("button", name="Dismiss").click()
    expect(page.get_by_role("heading", name="Add a data set")).to_be_visible()
    expect(page.locator("input[type=file]")).to_be_focused()


def test_an_upload_is_cancelled_by_keyboard(visit: Visit, tmp_path: Path) -> None:
    page = visit.page
    page.goto(visit.address)
    visit.ready()
    page.route("**/api/datasets/upload", lambda _: None)
    page.locator("input[type=file]").set_input_files(passengers(tmp_path / "passengers.csv"))
    expect(page.get_by_role("button", name="Cancel")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Cancel")).to_be_hidden()
    expect(page.locator("input[type=file]")).to_be_focused()


def test_without_an_algorithm_there_is_nothing_to_start(visit: Visit) -> None:
    page = visit.page
    page.goto(visit.address + "/train")
    visit.ready()
    page.locator("#dataset").select_option(index=1)
    page.wait_for_url(re.compile("dataset="))
    visit.ready()
    page.get_by_label("Column to predict").select_option("Survived")
    page.get_by_text("Advanced:").click()
    for box in page.locator("input[name=algorithm]").all():
        box.uncheck()
    expect(page.locator("[data-start]")).to_be_disabled()
    expect(page.get_by_text("Tick at least one")).to_be_visible()
    page.locator("input[name=algorithm]").first.check()
    expect(page.locator("[data-start]")).to_be_enabled()


def test_the_palette_goes_by_keyboard_alone(visit: Visit) -> None:
    page = visit.page
    page.goto(visit.address)
    visit.ready()
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox")).to_be_focused()
    expect(page.get_by_role("option").first).to_be_visible()
    page.keyboard.type("runs")
    expect(page.get_by_role("option").first).to_contain_text("Runs")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/jobs$"))
    visit.ready()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()


def test_a_chosen_theme_stays(visit: Visit) -> None:
    page = visit.page
    page.goto(visit.address + "/datasets")
    visit.ready()
    page.get_by_role("button", name="Theme").click()
    page.get_by_text("Light", exact=True).click()
    page.reload()
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "light"


def test_a_narrow_window_holds_every_page(visit: Visit) -> None:
    page = visit.page
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(visit.address)
    visit.ready()
    items = page.evaluate("fetch('/palette.json').then(answer => answer.json())")["items"]
    for url in {item["url"] for item in items if not item["url"].startswith("/api/")}:
        page.goto(visit.address + url)
        visit.check()
