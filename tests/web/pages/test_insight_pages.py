"""Results in depth on pages: words, charts and ways to the rows, and a sentence where there is nothing to show."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape

import pytest
from playwright.sync_api import Browser, expect

from flowml.domain.jobs import Job
from flowml.domain.models import Model
from flowml.web.pages.insight.curves import class_charts
from flowml.web.pages.insight.search import search_sentence
from tests.services.insight.judged import judged
from tests.web.serving import Served, serve
from tests.web.visiting import Visit

Run = tuple[Job, list[Model]]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(tmp_path_factory.mktemp("home")) as server:
        yield server


@pytest.fixture(scope="module")
def classes(served: Served) -> Run:
    return judged(served.store)


@pytest.fixture(scope="module")
def numbers(served: Served) -> Run:
    return judged(served.store, "spent")


def test_curves_and_costs_of_a_model_of_classes(served: Served, classes: Run) -> None:
    part = served.client.get(f"/models/{classes[1][0].id}/curves").text
    assert re.findall(r'data-chart="(\w+)"', part) == ["costs", "roc", "recall", "calibration"]
    found = re.search(r"data-threshold='(.+?)'", part)
    assert found is not None
    threshold = json.loads(unescape(found[1]))
    assert threshold["label"] == "yes" and len(threshold["at"]) == len(threshold["fp"])
    page = served.client.get(f"/models/{classes[1][0].id}").text
    assert f'data-part="/models/{classes[1][0].id}/curves"' in page


def test_slices_lead_to_their_rows(served: Served, classes: Run) -> None:
    good = classes[1][0]
    part = served.client.get(f"/models/{good.id}/slices").text
    assert "Graz" in part and "wrong, against" in part
    served.store.jobs.update(classes[0].id, status="completed")
    assert f'data-part="/models/{good.id}/slices"' in served.client.get(f"/jobs/{classes[0].id}/results").text
    page = served.client.get(f"/models/{good.id}/mistakes?slice=0").text
    assert '<th scope="col">city</th>' in page and "The wrong ones, the worst first." in page
    assert "The rows are gone" not in page


def test_mistakes_of_a_cell_page_by_page(served: Served, classes: Run) -> None:
    poor = classes[1][1]
    first = served.client.get(f"/models/{poor.id}/mistakes?limit=20").text
    assert "1 to 20 of" in first and 'rel="next"' in first and 'rel="prev"' not in first
    number = re.search(r"/playground\?row=(\d+)", first)
    assert number is not None
    tried = served.client.get(f"/models/{poor.id}/playground?row={number[1]}").text
    assert f"row {number[1]} of customers" in tried
    second = served.client.get(f"/models/{poor.id}/mistakes?limit=20&offset=20").text
    assert "21 to 40 of" in second and 'rel="prev"' in second
    cell = served.client.get(f"/models/{poor.id}/mistakes?actual=yes&predicted=no").text
    assert "whose truth is “yes” and that were predicted “no”" in cell
    right = served.client.get(f"/models/{poor.id}/mistakes?actual=no&predicted=no").text
    assert "Rows it got right" in right and "the least sure first" in right
    assert served.client.get(f"/models/{poor.id}/mistakes?actual=perhaps").status_code == 422


def test_of_numbers_the_rows_by_how_far_they_are_off(served: Served, numbers: Run) -> None:
    poor = numbers[1][1]
    part = served.client.get(f"/models/{poor.id}/curves").text
    assert re.findall(r'data-chart="(\w+)"', part) == ["fit", "residuals"]
    assert f"/models/{poor.id}/mistakes" in part
    page = served.client.get(f"/models/{poor.id}/mistakes?low=5&high=30").text
    assert "off by from 5 to 30" in page or "from 5 to 30" in page


def test_models_side_by_side_with_a_verdict(served: Served, classes: Run) -> None:
    job, (good, poor, ensemble) = classes
    asked = f"/jobs/{job.id}/compare?model={good.id}&model={poor.id}"
    page = unescape(served.client.get(asked).text)
    assert "is better than" in page and "percentage points in Accuracy" in page
    assert "Nadeau and Bengio" in page
    three = unescape(served.client.get(f"{asked}&model={ensemble.id}").text)
    assert three.count("<li>") > page.count("<li>")
    one = unescape(served.client.get(f"/jobs/{job.id}/compare?model={good.id}").text)
    assert "These models cannot be compared" in one and "Name two to 4" in one
    assert f'action="/jobs/{job.id}/compare"' in served.client.get(f"/jobs/{job.id}/results").text


def test_the_api_says_the_same(served: Served, classes: Run) -> None:
    job, (good, poor, _) = classes
    found = served.client.post("/api/results/compare", json={"model_ids": [good.id, poor.id]}).json()
    assert found["words"].endswith("and that is not chance.")
    assert [model["model_id"] for model in found["models"]] == [good.id, poor.id]
    curves = served.client.get(f"/api/results/model/{good.id}/curves?cost_fn=50&cost_fp=5").json()
    assert curves["threshold"]["best"]["at"] < 0.5
    assert served.client.get(f"/api/results/model/{good.id}/curves").json()["threshold"]["best"] is None
    half = served.client.get(f"/api/results/model/{good.id}/curves?cost_fn=50").json()
    assert half["threshold"]["best"]["at"] > 0.01 and half["threshold"]["best"]["cost_per_1000"] > 0
    for query in ("low=nan", "high=inf", "low=1"):
        assert served.client.get(f"/api/results/model/{good.id}/mistakes?{query}").status_code == 422, query
    rows = served.client.get(f"/api/results/model/{good.id}/mistakes?limit=3").json()
    assert len(rows["items"]) == 3 and rows["items"][0]["actual"] != rows["items"][0]["predicted"]
    search = served.client.get(f"/api/results/job/{job.id}/parameter-importance").json()
    assert search["families"][0]["items"] == []


def test_models_of_one_family_have_names_of_their_own(served: Served, classes: Run) -> None:
    job, (good, poor, _) = classes
    for model in (good, poor):
        served.store.models.put(replace(model, name="Boosting"), model.score)
    page = unescape(served.client.get(f"/jobs/{job.id}/compare?model={good.id}&model={poor.id}").text)
    names = re.findall(r"<a href=\"/models/[^\"]+\">([^<]+)</a></th>", page)
    assert len(set(names)) == 2 and all(name.startswith("Boosting (place ") for name in names)
    assert f"{names[0]} is better than {names[1]}" in page
    told = served.client.post("/api/results/compare", json={"model_ids": [good.id, poor.id]}).json()
    assert told["words"].startswith(names[0])
    report = unescape(served.client.get(f"/api/results/job/{job.id}/report").text)
    assert names[0] in report and names[1] in report
    for model in (good, poor):
        served.store.models.put(model, model.score)


def test_models_of_another_run_are_not_on_its_page(served: Served, classes: Run, numbers: Run) -> None:
    asked = f"/jobs/{classes[0].id}/compare?model={numbers[1][0].id}&model={numbers[1][1].id}"
    found = served.client.get(asked)
    assert found.status_code == 422 and "is of another run" in unescape(found.text)


def test_many_classes_are_no_thicket() -> None:
    rates = {"false_positive_rate": [0, 1], "true_positive_rate": [0, 1]}
    roc = [{"label": f"c{at}", "auc": 0.5 + at / 100, **rates} for at in range(40)]
    recall = [
        {"label": f"c{at}", "average_precision": None if at else 0.5, "share": 0.1, "recall": [1], "precision": [0.1]}
        for at in range(40)
    ]
    calibration = {"label": None, "error": 0.2, "chance_error": 0.01, "chance_limit": 0.02, "bins": []}
    charts = class_charts({"roc": roc, "precision_recall": recall, "calibration": calibration})
    assert [len(chart.spec.get("curves", [])) for chart in charts] == [6, 1, 0]
    assert "The 6 hardest of 40 classes are drawn." in charts[0].caption
    assert "only their order counts" in charts[2].caption
    nothing = class_charts({"roc": [{"label": "a", "auc": None}], "precision_recall": [], "calibration": calibration})
    assert [chart.kind for chart in nothing] == ["calibration"]


def test_a_search_in_a_sentence() -> None:
    assert search_sentence({"families": []}) == "No trial has finished yet."
    families = [{"title": "Ridge"}]
    found = search_sentence({"families": families, "n_trials": 20, "share_of_family": 0.7, "note": ""})
    assert found.startswith("Ridge came first, of 20 finished trials") and "70 %" in found


@pytest.mark.browser
def test_costs_comparison_and_mistakes_in_a_browser(served: Served, classes: Run, browser: Browser) -> None:
    job, (good, poor, _) = classes
    served.store.jobs.update(job.id, status="completed")
    context = browser.new_context(viewport={"width": 390, "height": 800})
    visit = Visit(context, served.url)
    # What these models look at is not known: there is nothing behind their files.
    visit.expects_refusals = True
    page = visit.page
    page.goto(f"{served.url}/models/{good.id}")
    page.get_by_label("A miss costs").fill("50")
    page.get_by_label("A false alarm costs").fill("5")
    expect(page.locator(".costs-best")).to_contain_text("Cheapest is to predict “yes” from")
    slider = page.get_by_role("slider")
    slider.focus()
    before = page.locator(".costs-slider output").inner_text()
    page.keyboard.press("End")
    expect(page.locator(".costs-slider output")).not_to_have_text(before)
    expect(page.locator(".costs-counts")).to_contain_text("Misses")
    for kind in ("costs", "roc", "recall", "calibration"):
        expect(page.locator(f"figure[data-chart={kind}] svg.plot")).to_be_visible()
    expect(page.locator(".slices li").first).to_contain_text("wrong, against")
    visit.check()
    page.locator(".slices a").first.click()
    expect(page.locator(".mistakes tbody tr").first).to_be_visible()
    visit.check()

    page.goto(f"{served.url}/jobs/{job.id}/results")
    visit.ready()
    expect(page.get_by_role("button", name="Pick two to four")).to_be_disabled()
    for model in (good, poor):
        page.locator(f"input[value='{model.id}']").check()
    page.get_by_role("button", name="Compare these 2").click()
    expect(page.locator("#comparison-title")).to_contain_text("is better than")
    expect(page.locator("#slices-title")).to_contain_text(f"Where {good.name} fails most")
    visit.check()
    context.close()
