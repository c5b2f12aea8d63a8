"""What the server writes and what the page's scripts write are the same."""

import json
import os
import random
import shutil
import subprocess
from dataclasses import asdict

import pytest

from flowml.data.recipes.expression.functions import NAMES
from flowml.data.recipes.expression.parser import parse
from flowml.data.recipes.expression.syntax import WORDS, ColumnName
from flowml.data.recipes.operations.registry import OPERATIONS
from flowml.domain import wording
from flowml.domain.datasets import ColumnStats, Role
from flowml.domain.distributions import Categories
from flowml.domain.jobs import JobStatus
from flowml.web import formatting as server_side
from flowml.web.headline import headline_of
from flowml.web.pages.distribution import distribution_chart
from flowml.web.words import METRICS, metric_of, score_text, status_word
from tests.js.calling import answers

pytestmark = pytest.mark.node

CASES = [
    ("percent", "accuracy", 0.625, 0.5, 0.75, 0.5),
    ("percent", "accuracy", 0.98765, 0.98761, 0.98771, None),
    ("share", "roc_auc", 0.91234, 0.88, 0.93, 0.5),
    ("share", "r2", 0.05, -0.4, 0.2, 0.0),
    ("number", "rmse", 33_421.0, 31_411.0, 35_213.0, 57_700.0),
    ("number", "rmse", 0.0001234, 0.000111, 0.000131, 0.0004),
    ("number", "mae", 7.0, 7.0, 7.0, 8.25),
    ("share", "log_loss", 0.4, None, None, 0.69),
]


def test_the_one_number_of_a_run(node: list[str]) -> None:
    calls = []
    for form, _, score, low, high, guess in CASES:
        told = {"best_score": score, "best_score_low": low, "best_score_high": high, "baseline_score": guess}
        calls.append(("headline", told, {"format": form}))
    for case, written in zip(CASES, answers(node, "headline.js", calls), strict=True):
        expected = headline_of("", *case[1:])
        assert written == {"value": expected.value, "range": expected.range, "constant": expected.constant}


def test_what_a_score_is_about(node: list[str]) -> None:
    cases = [(name, positive) for name in METRICS for positive in ("yes", None)]
    calls = [
        ("titleOf", {"metric": name, "best_model_id": "m", "positive_class": positive}, {"title": METRICS[name].title})
        for name, positive in cases
    ]
    assert answers(node, "headline.js", calls) == [metric_of(*case).title for case in cases]


def test_what_a_run_is(node: list[str]) -> None:
    statuses = list(JobStatus)
    assert answers(node, "status.js", [("statusWord", status) for status in statuses]) == list(
        map(status_word, statuses)
    )
    ended = [status.ended for status in statuses]
    assert answers(node, "status.js", [("hasEnded", status) for status in statuses]) == ended


def numbers() -> list[float]:
    """Of every size, whole ones, and those that lie between two that can be written."""
    chance = random.Random(5)
    found = [chance.uniform(1, 10) * 10.0 ** chance.randint(-8, 17) for _ in range(400)]
    found += [chance.randrange(1, 8000) / 8 for _ in range(200)]
    found += [chance.randrange(1, 100_000) / 10_000 for _ in range(200)]
    found += [0, 1, 12, 1234, 1_234_567, 999.95, 9_999.5, 12_344.5, 0.0001, 0.00012345, 1.0005, 2.5, 1e15, 1e-4, 59.5]
    return found


NUMBERS = numbers()
TIMES = [number for number in NUMBERS if number < 1e9]
CELLS = [*NUMBERS, 0.1 + 0.2, 1e-6, 9.999e-7, 1e-7, 1.5e-300, 2.0**53 - 1, 2.0**53, 1e20, 123_456_789.123]
SHARES = [number / 800 for number in range(-10, 801, 7)] + [0.00001, 0.86125, 0.999999, -0.00001]
FIGURES = {
    "number": (wording.number, [*NUMBERS, *(-value for value in NUMBERS), None]),
    "percent": (server_side.percent, [*SHARES, None]),
    "milliseconds": (server_side.milliseconds, [*TIMES, None]),
    "bytes": (wording.size, [*(value for value in NUMBERS if value >= 1), 999, 999.96e3, 1e6, 5e18, None]),
    "duration": (server_side.duration, [*TIMES, 3600, 75, 60.5, 0.0995, None]),
    "cellText": (server_side.cell, [*CELLS, *(-value for value in CELLS), None, True, False, "text"]),
}


@pytest.mark.parametrize("name", FIGURES)
def test_figures(node: list[str], name: str) -> None:
    write, values = FIGURES[name]
    expected = [write(value) for value in values]
    written = answers(node, "format.js", [(name, value) for value in values])
    assert [found for found in zip(values, expected, written, strict=True) if found[1] != found[2]] == []


def test_scores(node: list[str]) -> None:
    cases = [
        (value, metric)
        for metric in METRICS
        for value in ([*numbers(), -0.5, None] if METRICS[metric].format == "number" else [*SHARES, None])
    ]
    written = answers(node, "format.js", [("score", value, METRICS[metric].format) for value, metric in cases])
    expected = [score_text(value, metric) for value, metric in cases]
    assert [found for found in zip(cases, expected, written, strict=True) if found[1] != found[2]] == []


def test_ages(node: list[str]) -> None:
    now = 1.8e9
    ages = [0, 44.9, 45, 89, 90, 150, 3599, 3600, 5400, 9000, 86_399, 86_400, 1.5 * 86_400, 2.5 * 86_400, 29.4 * 86_400]
    ages += [29.5 * 86_400, 400 * 86_400]
    written = answers(node, "format.js", [("ago", now - age, now) for age in ages])
    assert written == [server_side.age(now - age, now) for age in ages]


def test_column_names_in_expressions(node: list[str]) -> None:
    names = [
        "price",
        "net price",
        "größe",
        "2nd",
        "a`b",
        "`",
        "``",
        "a\nb",
        "x²",
        "½",
        "_",
        "😀",
        "日本",
        'say "so"',
        "é",
    ]
    names += [*WORDS, *(word.upper() for word in WORDS), *NAMES]
    written = answers(node, "dataset/operations.js", [("inExpression", name) for name in names])
    for name, text in zip(names, written, strict=True):
        tree = parse(text)
        assert isinstance(tree, ColumnName) and tree.name == name, text


def test_what_is_offered_for_a_column_exists(node: list[str]) -> None:
    dtypes = ("Int64", "Float64", "String", "Boolean", "Date", "Datetime")
    columns = [{"name": "net price", "dtype": dtype, "missing": 3, "top": [{"value": 1}]} for dtype in dtypes]
    offers = answers(node, "dataset/operations.js", [("wishesFor", column) for column in columns])
    assert all(offers)
    for wish in (wish for offer in offers for wish in offer):
        step = dict(wish["step"])
        fields = {field.name: field for field in OPERATIONS[step.pop("op")].fields}
        assert set(step) <= set(fields), wish
        for name, value in step.items():
            assert not fields[name].choices or set(fields[name].choices).issuperset(
                value if isinstance(value, list) else [value]
            ), wish


def test_what_is_said_of_a_column_of_categories(node: list[str]) -> None:
    cases = [
        Categories(("male", "female"), (577, 314), 0, 0),
        Categories(("", "b"), (3, 1), 1000, 7),
        Categories(("only",), (5,), 0, 1),
        Categories(("a", "b", "c"), (40, 40, 40), 0, 0),
        Categories((), (), 0, 4),
    ]
    written = answers(node, "dataset/spread.js", [("spreadChart", "sex", asdict(case)) for case in cases])
    stats = ColumnStats("sex", "String", Role.CATEGORICAL, 9, 0, 0.0, 2)
    charts = [distribution_chart(stats, case) for case in cases]
    assert [(one["caption"], one["spec"], one["rows"]) for one in written] == [
        (chart.caption, chart.spec, [list(row) for row in chart.rows]) for chart in charts
    ]
    assert "No value is more frequent than all others: a and b are 33" in charts[3].caption


@pytest.mark.skipif(not shutil.which("sh"), reason="needs a shell")
def test_a_command_for_the_shell_sends_what_it_shows(node: list[str]) -> None:
    body = {"text": "it's $HOME `x` \\ \n \" 😀", "n": [1, None]}
    command, with_token = answers(
        node, "http.js", [("curl", "http://localhost/api", body), ("curl", "http://localhost/api", body, True)]
    )
    program = "curl() { for one; do printf '%s\\0' \"$one\"; done; }\n" + command
    done = subprocess.run(["sh", "-c", program], capture_output=True, encoding="utf-8", check=True)
    url, flag, header, data, sent = done.stdout.rstrip("\0").split("\0")
    assert (url, flag, header, data) == ("http://localhost/api", "-H", "Content-Type: application/json", "-d")
    assert json.loads(sent) == body
    done = subprocess.run(
        ["sh", "-c", program.replace(command, with_token)],
        capture_output=True, encoding="utf-8", check=True, env={**os.environ, "FLOWML_TOKEN": "flowml_api_a"},
    )  # fmt: skip
    assert done.stdout.split("\0")[1:3] == ["-H", "Authorization: Bearer flowml_api_a"]
