"""What things are called where people read them."""

import math
from dataclasses import dataclass, replace

from flowml.domain.datasets import Role
from flowml.domain.jobs import JobStatus
from flowml.domain.metrics import OF_A_CLASS, greater_is_better
from flowml.domain.wording import NONE, fixed, number
from flowml.web.formatting import percent


@dataclass(frozen=True)
class MetricWords:
    """A metric's title, what it means in plain words, and how its scores are written.

    `format` is percent (a share shown as 83.16 %), share (0.8316) or number (in the target's own unit).
    """

    name: str
    title: str
    meaning: str
    format: str

    @property
    def greater_is_better(self) -> bool:
        return greater_is_better(self.name)


METRICS = {
    words.name: words
    for words in (
        MetricWords("accuracy", "Accuracy", "share of rows predicted right", "percent"),
        MetricWords(
            "balanced_accuracy", "Balanced accuracy", "share predicted right, every class counting the same", "percent"
        ),
        MetricWords("f1", "F1", "balance of precision and recall; 1 is perfect", "share"),
        MetricWords("precision", "Precision", "of the rows predicted as a class, the share that truly are", "percent"),
        MetricWords("recall", "Recall", "of the rows that truly are of a class, the share that was found", "percent"),
        MetricWords("roc_auc", "ROC AUC", "how well it ranks likely above unlikely; 0.5 is chance, 1 perfect", "share"),
        MetricWords("log_loss", "Log loss", "how far off the probabilities are; lower is better", "share"),
        MetricWords("r2", "R²", "share of the target's variation that it explains; 1 is perfect", "share"),
        MetricWords("rmse", "RMSE", "typical error in the target's unit, large misses counting more", "number"),
        MetricWords("mae", "MAE", "average error in the target's unit", "number"),
        MetricWords("mape", "MAPE", "average error as a share of the true value", "percent"),
    )
}


def metric_words(name: str) -> MetricWords:
    return METRICS.get(name) or MetricWords(name, name.replace("_", " "), "", "number")


def metric_of(name: str, positive: str | None) -> MetricWords:
    """The metric of a model: precision, recall and F1 say which class they are about (`positive`), or that they are
    means.

    >>> metric_of("precision", "yes").title, metric_of("f1", None).title, metric_of("accuracy", "yes").title
    ('Precision for “yes”', 'F1, averaged over classes', 'Accuracy')
    """
    words = metric_words(name)
    if name not in OF_A_CLASS:
        return words
    if positive is None:
        return replace(words, title=f"{words.title}, averaged over classes")
    meaning = words.meaning.replace("as a class", f"as “{positive}”").replace("are of a class", f"are “{positive}”")
    return replace(words, title=f"{words.title} for “{positive}”", meaning=meaning)


def metric_title(name: str | None) -> str:
    return metric_words(name).title if name else "Score"


def score_text(value: float | None, metric: str | None) -> str:
    """
    >>> score_text(0.8316, "accuracy"), score_text(0.91234, "roc_auc"), score_text(48211.7, "rmse")
    ('83.16 %', '0.9123', '48,212')
    >>> score_text(-0.00001, "r2"), score_text(-0.25, "r2")
    ('0.0000', '−0.2500')
    >>> score_text(float("inf"), "r2")
    '–'
    """
    if value is None or not math.isfinite(value):
        return NONE
    form = metric_words(metric).format if metric else "number"
    if form == "percent":
        return percent(value, 2)
    return fixed(value, 4).replace("-", "−") if form == "share" else number(value)


def difference_text(value: float | None, metric: str | None) -> str:
    """A difference between two scores, in the metric's own way of writing: of shares it is in percentage points.

    >>> difference_text(0.0197, "accuracy"), difference_text(0.01, "accuracy"), difference_text(0.0052, "roc_auc")
    ('1.97 percentage points', '1.00 percentage points', '0.0052')
    """
    text = score_text(value, metric)
    return f"{text.removesuffix(' %')} percentage points" if text.endswith(" %") else text


ROLE_WORDS = {
    Role.NUMERIC: "a number",
    Role.CATEGORICAL: "one of a few values",
    Role.BOOLEAN: "yes or no",
    Role.DATETIME: "a point in time",
    Role.TEXT: "free text",
    Role.IDENTIFIER: "names each row: of no use for predicting",
    Role.CONSTANT: "the same everywhere: of no use for predicting",
}


def status_word(status: JobStatus) -> str:
    """What a run is, as `static/js/status.js` says it too: who stopped one thinks of it as stopped."""
    return "stopped" if status is JobStatus.CANCELLED else str(status)
