"""What is said of many kinds of run is true: its figures against those that are worked out here from the rows."""

import re
from itertools import product
from typing import Any

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from flowml.assistant.numbers.checking import check
from flowml.assistant.sentences.results.explain import explain
from flowml.assistant.sentences.results.findings import Findings, Learning, Matrix
from flowml.automl.scoring.residuals import residuals
from flowml.domain.jobs import JobStatus, ProblemType
from flowml.services.assistant.findings import distances_of
from tests.assistant.sentences.cases import findings

SEARCHED = Learning(3.2, 0.01, 24, 1, 2, had_enough=False)
STATES: tuple[dict[str, Any], ...] = (
    {},
    {"status": JobStatus.RUNNING},
    {"status": JobStatus.CANCELLED},
    {"is_best": False, "is_expected": False, "low": None, "high": None},
)
_SCALES = {"million": 1e6, "billion": 1e9}
_NUMBER = r"(−?[\d.,]*\d(?:e-?\d+)?(?: (?:million|billion))?)"


def value(written: str) -> float:
    digits, _, scale = written.replace(",", "").replace("−", "-").partition(" ")
    return float(digits) * _SCALES.get(scale, 1.0)


def said(pattern: str, text: str) -> list[tuple[float, ...]]:
    """The numbers at N in each place where a pattern stands."""
    found = re.findall(pattern.replace("N", _NUMBER), text)
    return [tuple(map(value, one if isinstance(one, tuple) else (one,))) for one in found]


def near(stated: float, real: float) -> bool:
    return stated == pytest.approx(real, rel=0.06, abs=1e-9)


def checked(known: Findings, *, numbers: bool = True) -> str:
    """The whole explanation, of which no number is without a figure."""
    found = explain(known)
    names = [known.target, *(known.matrix.labels if known.matrix else ())]
    for part in found.sections if numbers else ():
        for sentence in part.sentences:
            assert not check(sentence.text, found.facts, names, rests_on=sentence.facts).marks, sentence
    text = found.text
    if "was found" in text:
        assert known.is_best and known.status.ended, text
    if not known.is_best:
        assert "next best" not in text and "Add columns" not in text, text
    return text


NUMBERS = list(
    product(
        (7, 60, 1000),
        (-500.0, 0.0, 40_000.0),
        ("none", "weak", "good", "constant"),
        ("r2", "mae", "rmse", "mape"),
        ("even", "skewed"),
    )
)


def numbers(
    n: int, at: float, skill: str, metric: str, shape: str, state: dict[str, Any]
) -> tuple[Findings, np.ndarray, np.ndarray]:
    random = np.random.default_rng(n)
    drawn = random.normal(0, 1, n) if shape == "even" else np.exp(1.5 * random.normal(0, 1, n))
    actual = at + max(abs(at) / 5, 1.0) * drawn * (-1 if at < 0 and shape == "skewed" else 1)
    noise = {"none": 1.0, "weak": 0.8, "good": 0.1, "constant": 0.0}[skill] * actual.std()
    constant = np.full(n, np.median(actual) if metric in ("mae", "mape") else actual.mean())
    predicted = constant if skill == "constant" else actual + noise * random.normal(0, 1, n)
    if skill == "none":
        predicted = random.permutation(actual)

    def score(some: np.ndarray) -> float:
        off = actual - some
        return float(
            {
                "r2": 1 - (off**2).mean() / actual.var(),
                "mae": abs(off).mean(),
                "rmse": (off**2).mean() ** 0.5,
                "mape": (abs(off) / np.maximum(abs(actual), 1e-15)).mean(),
            }[metric]
        )

    kept = residuals(actual, predicted)
    assert kept is not None
    known: dict[str, Any] = {
        "target": "price",
        "problem_type": ProblemType.REGRESSION,
        "metric": metric,
        "score": score(predicted),
        "guess": score(constant),
        "low": None,
        "high": None,
        "is_guess": skill == "constant",
        "ranks_right": None,
        "positive": None,
        "threshold": None,
        "matrix": None,
        "n_rows": n,
        "percent_off": float((abs(actual - predicted) / np.maximum(abs(actual), 1e-15)).mean()),
        "explained": 1 - float(((actual - predicted) ** 2).mean() / actual.var()),
        "distances": distances_of(kept, is_guess=skill == "constant"),
        "learning": SEARCHED,
    }
    return findings(**{**known, **state}), actual, predicted


def state_at(place: int) -> dict[str, Any]:
    """Each in turn, of all kinds."""
    return STATES[(place + place // 8) % len(STATES)]


def test_of_numbers() -> None:
    for place, (n, at, skill, metric, shape) in enumerate(NUMBERS):
        known, actual, predicted = numbers(n, at, skill, metric, shape, state_at(place))
        text = checked(known, numbers=place % 5 == 0)
        off = abs(actual - predicted)
        middle = float(np.median(actual))
        for (half,) in said(r"predictions are within N of the real", text.split("\n\n")[1]):
            assert near(half, float(np.sort(off)[(n + 1) // 2 - 1])), text
        for (most,) in said(r"one in ten is off by more than N", text):
            assert (off > most * 1.06).mean() <= 0.1 + 1 / n, text
        for (worst,) in said(r"the worst is off by N", text):
            assert near(worst, float(off.max())), text
        for (stated,) in said(r"aying the middle value, N, for", text):
            # Of an even number of rows it is the lower one of the two in the middle.
            lower = float(np.sort(actual)[(n + 1) // 2 - 1])
            assert stated == pytest.approx(lower, abs=0.06 * abs(lower) + 1e-9), text
            assert "of the rows tell" not in text, text
        for stated, half in said(r"It says N for every row; half of the rows are within N of that", text):
            assert skill == "constant"
            assert near(stated, float(predicted[0])) and near(half, float(np.sort(off)[(n + 1) // 2 - 1])), text
        for (mean,) in said(r"On average it is off by N(?: on new rows| in testing|; saying)", text):
            assert mean == pytest.approx(off.mean(), rel=0.06), text
        for (share,) in said(r"On average it is off by N % of", text):
            assert share == pytest.approx(100 * (known.score or 0), rel=0.01, abs=0.6), text
        for (share,) in said(r"It explains about N % of", text):
            assert share == pytest.approx(100 * (known.score or 0), abs=0.6), text
        if "too little on average" in text and "Over all rows" in text:
            assert (actual - predicted).mean() > 0
        if "even closer" in text:
            assert np.median(abs(actual - middle)) < np.median(off)
        for fact in explain(known).facts:
            for (percent,) in said(r"off by N% of the real value", fact.sentence):
                assert percent == pytest.approx(100 * (known.percent_off or 0), rel=0.1, abs=0.6), fact


CLASSES = list(
    product(
        (14, 60, 500, 4000),
        (0.5, 0.1, 0.03),
        ("none", "ranks", "good", "constant"),
        ("accuracy", "balanced_accuracy", "f1", "roc_auc", "log_loss"),
        ("yes", "no"),
    )
)


def classes(
    n: int, share: float, skill: str, metric: str, positive: str, state: dict[str, Any]
) -> tuple[Findings, np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(n + int(100 * share))
    truth = np.zeros(n, bool)
    truth[: max(2, round(share * n))] = True
    strength = {"none": 0.0, "ranks": 1.3, "good": 4.0, "constant": 0.0}[skill]
    signal = strength * truth + random.normal(0, 1, n)
    logit = strength * signal - strength**2 / 2 + np.log(share / (1 - share))
    probability = np.full(n, share) if skill == "constant" else 1 / (1 + np.exp(-logit - 0.01 * signal))
    answers = probability > 0.5
    matrix = Matrix(
        ("no", "yes"),
        tuple(
            tuple(int(((truth == one) & (answers == other)).sum()) for other in (False, True)) for one in (False, True)
        ),
    )
    area = 0.5 if skill == "constant" else mannwhitneyu(probability[truth], probability[~truth]).statistic
    area = area if skill == "constant" else area / (truth.sum() * (~truth).sum())

    def score(some: np.ndarray, likely: np.ndarray, ranks: float) -> float:
        of = truth if positive == "yes" else ~truth
        as_it = some if positive == "yes" else ~some
        sure = np.clip(np.where(truth, likely, 1 - likely), 1e-9, 1)
        return float(
            {
                "accuracy": (truth == some).mean(),
                "balanced_accuracy": ((truth & some).sum() / truth.sum() + (~truth & ~some).sum() / (~truth).sum()) / 2,
                "f1": 2 * (of & as_it).sum() / max((of.sum() + as_it.sum()), 1),
                "roc_auc": ranks,
                "log_loss": -np.log(sure).mean(),
            }[metric]
        )

    known: dict[str, Any] = {
        "metric": metric,
        "score": score(answers, probability, float(area)),
        "guess": score(np.zeros(n, bool), np.full(n, truth.mean()), 0.5),
        "low": None,
        "high": None,
        "is_guess": skill == "constant",
        "ranks_right": float(area),
        "positive": positive,
        "threshold": 0.5,
        "matrix": matrix,
        "n_rows": n,
        "learning": SEARCHED,
    }
    return findings(**{**known, **state}), truth, answers, probability


def test_of_classes() -> None:
    for place, (n, share, skill, metric, positive) in enumerate(CLASSES):
        known, truth, answers, probability = classes(n, share, skill, metric, positive, state_at(place))
        text = checked(known, numbers=place % 5 == 0)
        opening = text.split("\n\n")[1]
        right = float((truth == answers).mean())
        for count, base in said(r"It gets N of N rows in testing right", text):
            assert count / base == pytest.approx(right, abs=0.6 / base), text
        for count, total in said(r"In testing it got N of the N rows right", text):
            assert (count, total) == ((truth == answers).sum(), n), text
        for label, is_it in (("yes", truth), ("no", ~truth)):
            named = answers if label == "yes" else ~answers
            recall, rows = float(named[is_it].mean()), int(is_it.sum())
            precision = float(is_it[named].mean()) if named.any() else 0.0
            for base, count in said(rf"Of N rows where “left” is really “{label}” it finds N", text):
                assert count / base == pytest.approx(recall, abs=0.6 / base), text
            for count, base in said(rf"Of “{label}” it recognises N of N rows", text):
                assert count / base == pytest.approx(recall, abs=0.6 / base), text
            for count, base in said(rf"when it says “{label}”, it is right N times out of N", text):
                assert count / base == pytest.approx(precision, abs=0.6 / base), text
            if not named.any() and rows and skill != "constant" and known.score != 1:
                never = f"It never says “{label}”, so it finds none of the {rows:,} rows that are."
                assert never in opening, (never, text)
            if (
                f"few of those that are “{label}”" in text
                or "any of the" in text
                and f"rows that are “{label}”" in text
            ):
                assert recall < 0.5, text
            for verdict in ("predicts “left” well", "predicts “left” very well"):
                if verdict in text and label == ("yes" if truth.mean() < 0.5 else "no"):
                    assert recall >= 0.4 or metric == "f1", text
        if "learned something" in text or "ranks rows better than chance" in text:
            assert mannwhitneyu(probability[truth], probability[~truth], alternative="greater").pvalue < 0.005, text
        if "Add columns" in text and skill != "constant":
            assert mannwhitneyu(probability[truth], probability[~truth], alternative="greater").pvalue > 1e-6, text


def test_of_noise_it_is_never_said_that_it_has_learned_something() -> None:
    random = np.random.default_rng(4)
    claimed = 0
    for _ in range(300):
        truth = np.arange(14) < 7
        area = mannwhitneyu(random.random(7), random.random(7)).statistic / 49
        matrix = Matrix(("no", "yes"), ((4, 3), (4, 3)))
        known = findings(
            metric="accuracy", score=0.5, guess=0.5, low=0.3, high=0.7, ranks_right=float(area), matrix=matrix,
            n_rows=len(truth),
        )  # fmt: skip
        claimed += "learned something" in checked(known)
    assert claimed <= 2
