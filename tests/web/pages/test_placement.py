"""Which machine trains what: as the page, the API and the drawing have it."""

import json
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from flowml.domain.jobs import Job
from flowml.domain.trials import Lease, Needs, Offer, TrialReport, TrialSpec, TrialStatus
from flowml.services.dispatch.telling import tell_trial
from flowml.web.pages.placement import ROWS, placement_chart
from tests.services.records import add_dataset, add_job
from tests.web.serving import Served, serve
from tests.web.visiting import Visit


class Run:
    """A run of which two machines, a and b, take the trials."""

    def __init__(self, server: Served):
        self.server, self.store = server, server.store
        add_dataset(self.store)
        self.id = add_job(self.store, metric="accuracy", time_budget_seconds=100.0).id
        job = self.store.jobs.claim(9, server.context.clock(), server.context.steady())
        assert job is not None and job.deadline_at is not None
        self.began = job.deadline_at - 100.0

    @property
    def job(self) -> Job:
        return self.store.jobs.get(self.id)

    def ask(self, number: int) -> str:
        return self.store.trials.add(self.id, TrialSpec(number, "ridge", {}), Needs(), 1e12, 0.0).id

    def take(self, worker: str, at: float) -> Lease:
        lease = self.store.trials.claim(worker, worker, f"box {worker}", Offer(), 600.0, 1.7e9, self.began + at)
        assert lease is not None
        self.tell(lease.trial_id)
        return lease

    def lose(self, worker: str, at: float) -> None:
        self.store.jobs.update(self.id, elapsed_seconds=at)
        for trial in self.store.trials.abandon_all_leases(worker, 1.7e9):
            self.tell(trial.id)

    def finish(self, lease: Lease, at: float) -> None:
        self.store.trials.finish(lease, TrialReport(TrialStatus.FINISHED, 0.75, (0.75,)), 1.7e9, self.began + at)
        self.store.trials.looked_at(self.store.trials.get(lease.trial_id))
        self.tell(lease.trial_id)

    def tell(self, trial_id: str) -> None:
        tell_trial(self.store, self.store.trials.get(trial_id), self.server.context.clock())


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Served]:
    with serve(tmp_path) as served:
        yield served


def test_a_page_that_comes_later_and_the_api_know_both_attempts(server: Served) -> None:
    run = Run(server)
    trial_id = run.ask(0)
    run.take("a", 2.0)
    run.lose("a", 8.0)
    run.finish(run.take("b", 10.0), 14.0)
    html = server.client.get(f"/jobs/{run.id}").text
    found = re.search(r"data-monitor='([^']*)'", html)
    assert found is not None
    monitor = json.loads(unescape(found[1]))
    (attempt,), (trial,) = monitor["attempts"], monitor["trials"]
    assert (attempt["trial_id"], attempt["attempt"], attempt["worker_name"]) == (trial_id, 1, "box a")
    assert (attempt["started_seconds"], attempt["ended_seconds"]) == (2.0, 8.0)
    assert (trial["attempt"], trial["worker_name"]) == (2, "box b")
    assert (trial["started_seconds"], trial["elapsed_seconds"]) == (10.0, 14.0)
    # Without scripts, too.
    rows = [re.findall(r"<td>([^<]*)</td>", row) for row in re.findall(r"<tr>(.*?)</tr>", html) if "box" in row]
    assert rows == [
        ["1", "Ridge regression", "box a", "1", "2 s", "8 s", "taken back, and tried again", ""],
        ["1", "Ridge regression", "box b", "2", "10 s", "14 s", "finished", "0.75"],
    ]
    answer = server.client.get(f"/api/training/{run.id}/attempts").json()
    assert answer["total"] == 1 and answer["items"] == [{**attempt, "error": None}]
    assert server.client.get("/api/training/none/attempts").status_code == 404


def test_of_very_many_attempts_the_page_writes_the_first(server: Served) -> None:
    run = Run(server)
    for number in range(ROWS + 20):
        run.ask(number)
        run.finish(run.take("a", float(number)), number + 0.5)
    trials = server.store.trials.of_job(run.id)
    chart = placement_chart(run.job, trials, [], {})
    assert len(chart.rows) == ROWS and chart.rows[0][0] == 1 and chart.rows[-1][0] == ROWS


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 360])
def test_a_trial_that_is_lost_and_finished_elsewhere_is_seen_twice(
    server: Served, browser: Browser, width: int
) -> None:
    run = Run(server)
    run.ask(0)
    run.take("a", 1.0)
    server.store.jobs.update(run.id, elapsed_seconds=6.0)
    context = browser.new_context(viewport={"width": width, "height": 800})
    visit = Visit(context, server.url)
    page = visit.page
    page.goto(f"{server.url}/jobs/{run.id}")
    chart = page.locator("#placement-chart")
    expect(chart.locator("[data-mark].bar-running")).to_have_count(1)
    expect(chart).to_contain_text("1 machine, busy 100 % of the time so far")
    chart.get_by_text("Show data").click()

    run.lose("a", 8.0)
    run.finish(run.take("b", 9.0), 12.0)
    expect(chart.locator("[data-mark].bar-finished")).to_have_count(1)
    lost = chart.locator("[data-mark].bar-lost")
    expect(lost).to_have_attribute("aria-label", re.compile("trial 1 on box a, attempt 1, from 1 s to 8 s, taken back"))
    expect(chart).to_contain_text("2 machines")
    expect(chart.locator("tbody tr")).to_have_count(2)
    visit.check()

    # By keyboard: one stop, and from lane to lane.
    lost.focus()
    page.keyboard.press("ArrowDown")
    finished = chart.locator("[data-mark].bar-finished")
    expect(finished).to_be_focused()
    expect(chart.locator(".chart-tip")).to_contain_text("trial 1 on box b, attempt 2")
    # What comes meanwhile takes neither the focus nor what is read away.
    run.ask(1)
    run.take("b", 13.0)
    expect(chart.locator("[data-mark].bar-running")).to_have_count(1)
    expect(finished).to_be_focused()
    expect(chart.locator(".chart-tip")).to_be_visible()
    expect(chart.locator("[tabindex='0'][data-mark]")).to_have_count(1)

    page.reload()
    visit.ready()
    expect(chart.locator("[data-mark]")).to_have_count(3)
    expect(lost).to_have_attribute("aria-label", re.compile("from 1 s to 8 s"))
    assert visit.complaints == []
    context.close()


@pytest.mark.browser
def test_names_of_machines_have_room_and_their_own_direction(server: Served, browser: Browser) -> None:
    run = Run(server)
    wide, hebrew = "漢" * 18, "\u05d0\u05d1" * 20
    for number, name in enumerate((wide, hebrew)):
        run.ask(number)
        lease = server.store.trials.claim(name, name, name, Offer(), 600.0, 1.7e9, run.began + number)
        assert lease is not None
        run.tell(lease.trial_id)
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    visit = Visit(context, server.url)
    page = visit.page
    page.goto(f"{server.url}/jobs/{run.id}")
    names = page.locator(".lane-names text")
    expect(names).to_have_count(2)
    left = page.locator(".plot", has=names).first.bounding_box()
    assert left is not None
    for number in range(2):
        name = names.nth(number)
        expect(name).to_contain_text("…")
        box = name.bounding_box()
        assert box is not None and box["x"] >= left["x"]
        first, last = name.evaluate("text => [1, text.getNumberOfChars() - 2].map(at => text.getExtentOfChar(at).x)")
        # The dots stand where reading ends.
        assert (last < first) == (hebrew[0] in (name.text_content() or ""))
    visit.check()
    context.close()
