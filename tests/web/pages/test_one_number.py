"""The same run shows the same number everywhere: what to expect on new rows, with its range and a constant guess."""

import re
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from playwright.sync_api import Browser

from flowml.automl.ensemble.estimate import Estimate
from flowml.cli import result
from flowml.domain.jobs import JobStatus, ProblemType
from flowml.domain.trials import NOTHING_MORE, Needs, Offer, TrialReport, TrialSpec, TrialStatus
from flowml.services.datasets import import_file
from flowml.services.dispatch.channel import StoreChannel
from flowml.services.dispatch.ledger import StoreLedger
from flowml.web.headline import headline
from tests.clocks import clock_at
from tests.services.records import add_job, add_model
from tests.services.trained import table
from tests.web.serving import Served

METRIC = "f1"
RAW, TWIN_RAW = 0.8627, 0.8555
EXPECTED_SCORE, LOW, HIGH = 0.8012, 0.7791, 0.8204
EXPECTED = {"score": EXPECTED_SCORE, "low": LOW, "high": HIGH, "method": "choice repeated in each fold"}
GUESS = 0.5504
SHOWN = ("0.80", "0.78", "0.82", "0.55")
NAMED = "F1 for “yes”"


@pytest.fixture(scope="module")
def run(server: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One run that has ended, with the figures above; its best model is `best`, the other `other`."""
    store = server.store
    file = tmp_path_factory.mktemp("files") / "customers.csv"
    table().write_csv(file)
    dataset = import_file(server.context, file, filename=file.name, name=None, options={})
    job = add_job(store, dataset_id=dataset.id, metric=METRIC)
    store.jobs.update(job.id, problem_type="classification", metric=METRIC, baseline_score=GUESS)
    store.jobs.claim(1, 1.7e9, 1.7e9)
    ledger = StoreLedger(store, job.id)
    metrics = {"f1": RAW, "precision": 0.9111, "recall": 0.7222}
    best = add_model(store, job, "best", RAW, metric=METRIC, metrics=metrics)
    ledger.champion(best, {**EXPECTED, "score": 0.7999}, 1.7e9 + 1, 1.7e9 + 1)
    ledger.expect(EXPECTED, 1.7e9 + 2)
    add_model(store, job, "other", TWIN_RAW, metric=METRIC, metrics={**metrics, "f1": TWIN_RAW})
    ledger.finish(JobStatus.COMPLETED, 1.7e9 + 3)
    yield server


def job_of(run: Served) -> dict[str, object]:
    found: dict[str, object] = run.client.get("/api/training").json()["items"][0]
    return found


def words(html: str, without: str = "table|ol|figure") -> str:
    """What a page says; without the leaderboard and the figures, whose scores are those in testing."""
    for elements in ("script|style|head", without):
        html = re.sub(rf"<({elements})\b.*?</\1>", " ", html, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def test_every_answer_of_the_api_has_one_number(run: Served) -> None:
    job = job_of(run)
    told = [event.data for event in run.store.events.since(0) if event.type == "training_completed"]
    updates = [event.data["job"] for event in run.store.events.since(0) if event.type == "job_update"]
    model = run.client.get("/api/results/model/best").json()
    for found in (job, run.client.get(f"/api/training/{job['id']}").json(), told[-1], model):
        named = [found[name] for name in ("best_score", "best_score_low", "best_score_high", "baseline_score")]
        assert named == [EXPECTED["score"], EXPECTED["low"], EXPECTED["high"], GUESS]
    assert updates[-1]["best_score"] == updates[-1]["estimate"]["score"] == EXPECTED["score"]
    assert job["positive_class"] == model["positive_class"] == "yes"

    board = run.client.get(f"/api/results/job/{job['id']}/leaderboard").json()
    assert [item["score"] for item in board["items"]] == [RAW, TWIN_RAW] and board["positive_class"] == "yes"
    other = run.client.get("/api/results/model/other").json()
    assert (other["best_score"], other["score"], other["baseline_score"]) == (None, TWIN_RAW, GUESS)


@pytest.mark.parametrize(
    "path",
    ["/", "/jobs", "/jobs/JOB", "/jobs/JOB/results", "/datasets/DATASET", "/models/best", "/models/best/playground"],
)
def test_every_page_has_one_number_and_what_it_is_about(run: Served, path: str) -> None:
    job = job_of(run)
    html = run.client.get(path.replace("JOB", str(job["id"])).replace("DATASET", str(job["dataset_id"]))).text
    text = words(html, without="figure" if path in ("/jobs", "/models/best") else "table|ol|figure")
    assert SHOWN[0] in text and NAMED in text
    # On the list of a table's runs the range is a hint at the number.
    assert f"{SHOWN[1]} to {SHOWN[2]}" in (html if path.startswith("/datasets") else text)
    assert SHOWN[3] in (html if path.startswith("/datasets") else text)
    for raw in ("0.863", "0.8627", "0.8555"):
        assert raw not in text


def test_scores_in_testing_stand_in_leaderboards_and_say_so(run: Served) -> None:
    job = job_of(run)["id"]
    results = run.client.get(f"/jobs/{job}/results").text
    assert "0.8627" in results and f"{NAMED} in testing" in results
    assert "Precision for “yes”" in results and "of the rows predicted as “yes”" in results
    monitor = run.client.get(f"/jobs/{job}").text
    assert "0.8627" in monitor and "Scores in testing" in monitor
    assert "0.8555 in testing" in words(run.client.get("/models/other").text)
    assert "0.8555 in testing" in words(run.client.get("/models/other/playground").text)


def test_a_mean_over_classes_says_so(run: Served) -> None:
    job = add_job(run.store, metric=METRIC)
    run.store.jobs.update(job.id, problem_type="classification", metric=METRIC)
    three = add_model(run.store, job, "three", 0.7, metric=METRIC, metrics={"f1": 0.7}, classes=("a", "b", "c"))
    StoreLedger(run.store, job.id).champion(three, EXPECTED, 1.7e9, 1.7e9)
    assert "F1, averaged over classes" in run.client.get(f"/jobs/{job.id}/results").text
    assert run.client.get("/api/results/model/three").json()["positive_class"] is None
    run.store.jobs.delete(job.id)


def test_results_say_why_there_is_only_what_is_made_at_once(run: Served) -> None:
    dataset = str(job_of(run)["dataset_id"])
    job = add_job(run.store, dataset_id=dataset, metric="r2")
    run.store.jobs.update(job.id, problem_type="regression", metric="r2", baseline_score=-0.00001)
    run.store.jobs.claim(1, 1.7e9, 1.7e9)
    ledger = StoreLedger(run.store, job.id)
    values = {"algorithm": "baseline", "metric": "r2", "problem_type": ProblemType.REGRESSION, "classes": None}
    ledger.champion(add_model(run.store, job, "guess", -0.00001, **values), None, 1.7e9, 1.7e9)
    ledger.finish(JobStatus.COMPLETED, 1.7e9 + 3, remark=NOTHING_MORE)
    page = run.client.get(f"/jobs/{job.id}/results").text
    assert f"Finished with 1 model. {NOTHING_MORE}" in words(page) and "-0.0000" not in page

    run.store.trials.add(job.id, TrialSpec(0, "ridge", {}), Needs(), 60.0, 1.0)
    run.store.jobs.update(job.id, status="running")
    channel = StoreChannel(run.store, owner="t", worker_id="local", worker_name="here", clock=clock_at(3.0))
    lease = channel.lease(Offer())
    assert lease is not None and channel.report(lease, TrialReport(TrialStatus.FINISHED, score=-0.5))
    run.store.jobs.update(job.id, status="completed")
    assert "Finished with" not in words(run.client.get(f"/jobs/{job.id}/results").text), "that was no lack of time"
    run.store.jobs.delete(job.id)


def test_who_comes_later_reads_in_the_log_what_was_told(run: Served, browser: Browser) -> None:
    job = add_job(run.store, dataset_id=str(job_of(run)["dataset_id"]), metric="accuracy")
    run.store.jobs.update(job.id, problem_type="classification", metric="accuracy")
    run.store.jobs.claim(1, 1.7e9, 1.7e9)
    ledger = StoreLedger(run.store, job.id)
    ledger.log("warning", "“2” occurs in only one row.", 1.7e9 + 1)
    ledger.champion(add_model(run.store, job, "early", 0.8627), EXPECTED, 1.7e9 + 2, 1.7e9 + 2)
    page = browser.new_page()
    for _ in ("first", "again"):
        page.goto(f"{run.url}/jobs/{job.id}")
        page.wait_for_selector("html[data-ready]")
        lines = page.locator(".log li span").all_inner_texts()
        assert lines == ["“2” occurs in only one row.", "New best: Logistic regression, 86.27 % in testing"]
    ledger.log("info", "It goes on.", 1.7e9 + 3)
    page.wait_for_selector(".log li:has-text('It goes on.')")
    assert page.locator(".log li").count() == 3, "each line once"
    page.close()
    run.store.jobs.delete(job.id)


def test_before_the_metric_is_known_the_number_is_a_score(run: Served) -> None:
    job = add_job(run.store, dataset_id=str(job_of(run)["dataset_id"]))
    assert headline(job).title == "Score"
    run.store.jobs.delete(job.id)


def test_the_command_line_writes_the_same() -> None:
    estimate = Estimate(EXPECTED_SCORE, LOW, HIGH, "")
    run = SimpleNamespace(
        estimate=estimate, baseline_score=GUESS, task=SimpleNamespace(metric=METRIC, positive_class="yes")
    )
    assert result._headline_text(run) == f"{NAMED} 0.80, 0.78 to 0.82 on new rows; a constant guess: 0.55"  # type: ignore[arg-type]


def test_the_number_does_not_fall_when_the_run_ends(run: Served, browser: Browser) -> None:
    store = run.store
    job = add_job(store, dataset_id=str(job_of(run)["dataset_id"]), metric="accuracy")
    store.jobs.update(job.id, problem_type="classification", metric="accuracy", baseline_score=0.6162)
    store.jobs.claim(1, 1.7e9, 1.7e9)
    ledger = StoreLedger(store, job.id)
    page = browser.new_page()
    page.goto(f"{run.url}/jobs/{job.id}")
    page.wait_for_selector("html[data-ready]")
    model = add_model(store, job, "live", 0.8627, problem_type=ProblemType.CLASSIFICATION)
    ledger.champion(model, EXPECTED, 1.7e9 + 1, 1.7e9 + 1)
    page.wait_for_selector(".live-best dd:text-is('80 %')")
    assert "78 to 82 % on new rows" in page.inner_text(".live-best")
    assert "a constant guess: 62 %" in page.inner_text(".live-best")
    ledger.finish(JobStatus.COMPLETED, 1.7e9 + 9)
    page.wait_for_selector("#job-head:has-text('completed')")
    page.wait_for_selector("#job-head:has-text('See the results')")
    assert page.inner_text(".live-best dd >> nth=0") == "80 %"
    assert "New best: Logistic regression, 86.27 % in testing" in page.inner_text(".log")
    page.reload()
    assert page.inner_text(".live-best dd >> nth=0") == "80 %"
    page.close()
    store.jobs.delete(job.id)
