"""The monitor of a run: what happened when, and a log that begins with its beginning."""

import json
import re
from html import unescape

from flowml.domain.events import Event
from flowml.domain.trials import Trial, TrialStatus
from flowml.services.dispatch.ledger import StoreLedger
from flowml.web.pages.jobs import FIRST_LINES, LOG_LINES, log_lines
from tests.services.records import add_job, add_model
from tests.web.serving import Served


def test_who_comes_later_sees_every_best_model_at_its_own_time(server: Served) -> None:
    job = add_job(server.store)
    claimed = server.store.jobs.claim(9, 1.7e9, 1.7e9)
    assert claimed is not None and claimed.id == job.id and claimed.deadline_at is not None
    began = claimed.deadline_at - claimed.time_budget_seconds
    ledger = StoreLedger(server.store, job.id)
    ledger.log("info", "How models are tested: at random", began + 1)
    for seconds, score in ((12, 0.6), (30, 0.8)):
        # The ensemble grows: it is one model, of which the first score is soon forgotten.
        ledger.champion(
            add_model(server.store, job, "e", score, algorithm="ensemble"), None, began + seconds, began + seconds
        )
    server.store.events.remove_before(2e9)
    html = server.client.get(f"/jobs/{job.id}").text
    found = re.search(r"data-monitor='([^']*)'", html)
    assert found is not None
    champions = json.loads(unescape(found[1]))["champions"]
    assert [(one["elapsed_seconds"], one["score"]) for one in champions] == [(12, 0.6), (30, 0.8)]
    assert "How models are tested: at random" in html
    assert html.count("New best: Ensemble") == 2


def test_of_a_very_long_log_the_first_and_the_last_lines_are_shown(server: Served) -> None:
    job = add_job(server.store)
    told = [Event(1, "", "log", 1.0, {"level": "info", "message": "How models are tested"})]
    trials = [
        Trial(str(at), job.id, at, "ridge", {}, "search", TrialStatus.FINISHED, 0.5, finished_at=2.0 + at)
        for at in range(LOG_LINES + 49)
    ]
    lines = log_lines(job, trials, {"ridge": "Ridge"}, told)
    assert len(lines) == LOG_LINES + 1
    assert lines[0].text == "How models are tested" and lines[-1].at == trials[-1].finished_at
    assert (lines[FIRST_LINES].left_out, lines[FIRST_LINES].text) == (50, "… 50 lines left out")
    few = log_lines(job, trials[: LOG_LINES - 1], {"ridge": "Ridge"}, told)
    assert len(few) == LOG_LINES and not any(line.left_out for line in few)
