"""The report of a run: one file that needs nothing else, with real figures, whatever there is."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from flowml.domain.jobs import JobStatus
from flowml.services.dispatch.ledger import finish_job
from flowml.web.report.drawing import Axis, Plot, axis, bars
from tests.services.insight.judged import judged
from tests.services.records import add_job
from tests.web.serving import Served, serve

NASTY = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(tmp_path_factory.mktemp("home")) as server:
        yield server


class _Tags(HTMLParser):
    """Which tags there are, and all addresses in their attributes."""

    def __init__(self, text: str):
        super().__init__()
        self.tags: set[str] = set()
        self.addresses: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href", "action")]
        assert not any(name.startswith("on") for name, _ in attrs)


@pytest.mark.parametrize("target", ["bought", "spent"])
def test_a_report_needs_nothing_else_and_has_the_figures(served: Served, target: str) -> None:
    job, (good, poor, _) = judged(served.store, target)
    served.store.jobs.update(job.id, name=NASTY)
    finish_job(served.store, job.id, JobStatus.COMPLETED, 1.7e9)
    answer = served.client.get(f"/api/results/job/{job.id}/report")
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/html")
    assert answer.headers["content-disposition"].startswith("attachment")
    text = answer.text
    tags = _Tags(text)
    assert tags.addresses == [] and "script" not in tags.tags and "link" not in tags.tags
    assert "http" not in text and "@import" not in text and "url(" not in text
    assert good.name in text and poor.name in text
    drawings = re.findall(r"<svg.*?</svg>", text, flags=re.DOTALL)
    # Score against speed, and three curves or two pictures of residuals; there is no file to see what columns matter.
    assert len(drawings) == (4 if target == "bought" else 3)
    for one in drawings:
        ElementTree.fromstring(one)
    assert "is better than" in text and ("Graz" in text if target == "bought" else "Bern" in text)
    assert "It has one parameter only, alpha" in text
    assert "In plain words" in text and "How good it is" in text
    assert "customers" in text and "240 rows" in text


def test_a_run_without_a_model_has_a_report_too(served: Served) -> None:
    judged(served.store)
    job = add_job(served.store, target="city")
    text = served.client.get(f"/api/results/job/{job.id}/report").text
    assert "No model was finished." in text and "The run was still going on" in text
    assert "has not begun its search" in text
    assert served.client.get("/api/results/job/none/report").status_code == 404


def test_a_deleted_data_set_is_said(served: Served) -> None:
    job, _ = judged(served.store, seed=3)
    dataset = served.store.datasets.get(job.dataset_id)
    served.store.datasets.delete(dataset.id)
    try:
        text = served.client.get(f"/api/results/job/{job.id}/report").text
    finally:
        served.store.datasets.add(dataset, ())
    assert "deleted since" in text and "its data set was deleted" in text


def test_axes_have_round_ticks_and_texts_cannot_break_out() -> None:
    assert Axis("x", 0.0, 1.0).ticks() == [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    assert axis("ms", [0.02, 15.0], log=True).ticks() == [0.1, 1.0, 10.0]
    assert axis("x", [5.0, 5.0]).low < 5 < axis("x", [5.0, 5.0]).high
    drawing = (
        Plot("a plot", Axis(NASTY, 0.0, 1.0), Axis("y", 0.0, 1.0)).dot(0.5, 0.5, NASTY).line([0, 1], [0, 1], 0, NASTY)
    )
    lying = bars(NASTY, [(NASTY, 0.5, 0.1), ("b", -0.2, 0.0)], "share")
    for svg in (drawing.svg(), lying):
        assert "<script" not in svg
        ElementTree.fromstring(svg)
