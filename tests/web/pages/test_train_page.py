"""The page before training says what a run would use, how far the values reach and what should be mended first."""

import json
import random
import re
from collections.abc import Iterator
from html import unescape

import pytest

from flowml.domain.datasets import Dataset, Role
from flowml.domain.distributions import Histogram
from flowml.services import figures
from flowml.services.datasets import import_file
from flowml.web.pages import train
from flowml.web.pages.distribution import distribution_chart
from tests.web.serving import Served

HOUSES = 200


@pytest.fixture(scope="module")
def houses(server: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dataset]:
    """A key, a constant, three columns to learn from, of which one is often missing, and prices from 1,013 to 4,988."""
    draw = random.Random(3)
    prices = [1013, 4988, *(draw.randrange(1100, 4900) for _ in range(HOUSES - 2))]
    file = tmp_path_factory.mktemp("files") / "houses.csv"
    rows = [
        f"H{at:05d},EUR,{draw.randrange(20, 200)}.5,{draw.choice('ABCD')},{draw.choice(['', '', '', '7.5'])},{price}"
        for at, price in enumerate(prices)
    ]
    file.write_text("\n".join(("ref,currency,size,zone,garden,price", *rows)) + "\n")
    yield import_file(server.context, file, filename=file.name, name=None, options={})


def page_of(server: Served, dataset: Dataset, target: str = "price") -> str:
    return server.client.get(f"/train?dataset={dataset.id}&target={target}").text


def form_of(page: str) -> dict[str, list[str]]:
    found = re.search(r"data-form='([^']*)'", page)
    assert found is not None
    form: dict[str, list[str]] = json.loads(unescape(found[1]))
    return form


def test_only_columns_that_are_learned_from_are_counted(server: Served, houses: Dataset) -> None:
    page = page_of(server, houses)
    used = [column.name for column in houses.columns if column.role not in (Role.IDENTIFIER, Role.CONSTANT)]
    used.remove("price")
    assert form_of(page)["used"] == used and len(used) in (2, 3)
    assert f'<span x-text="featureText">{len(used)} columns</span>' in page
    assert "Not used, because they only name the rows: ref." in page


def test_a_table_that_is_open_is_the_chosen_one_however_many_are_newer(
    server: Served, houses: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "LISTED", 0)
    page = page_of(server, houses)
    assert re.findall(r"<option value=\"(\w+)\" selected>houses ", page) == [houses.id]
    monkeypatch.setattr(train, "LISTED", 100)
    assert page_of(server, houses).count(f'<option value="{houses.id}"') == 1


def test_what_could_run_on_a_gpu_is_marked_only_where_one_trains(server: Served, houses: Dataset) -> None:
    store = server.store
    assert ">GPU<" not in page_of(server, houses)
    libraries = {"xgboost": {"device": "cuda", "reason": None}, "lightgbm": {"device": None, "reason": "built without"}}
    store.workers.register_local("here", ("cpu", "gpu"), 2, {"gpus": [{}], "gpu_libraries": libraries}, 1.0)
    assert page_of(server, houses).count(">GPU<") == 1
    store.workers.register_local("here", ("cpu",), 2, {"gpus": [], "gpu_libraries": {}}, 2.0)


def test_captions_state_the_range_of_the_data(server: Served, houses: Dataset) -> None:
    assert "From 1,013 to 4,988; the middle half of the rows" in page_of(server, houses)
    column = next(column for column in figures.stats(server.context, houses.id) if column.name == "price")
    edges = (0.0, 1000.0, 2000.0, 3000.0, 4000.0, 5000.0, 6000.0)
    chart = distribution_chart(column, Histogram(edges, (0, 50, 50, 0, 100, 0), 0))
    assert [bar["count"] for bar in chart.spec["bins"]] == [50, 50, 0, 100], "the chart ends where the values do"
    assert "0 to" not in chart.caption and "6,000" not in chart.caption


def test_findings_stand_on_the_page_as_soon_as_somebody_has_looked(server: Served, houses: Dataset) -> None:
    page = page_of(server, houses)
    assert 'data-known="false"' in page and 'data-big="false"' in page
    found = figures.quality(server.context, houses.id, "price")
    told = [issue.message for issue in found.issues if issue.severity != "info"]
    assert told, "three in four gardens are missing"
    page = unescape(page_of(server, houses))
    assert 'data-known="true"' in page and f"/datasets/{houses.id}#quality" in page
    assert [message for message in told[:6] if message not in page] == []
