"""What a score means, for somebody who does not know the metric."""

from flowml.assistant.sentences.saying import amount, of_hundred, percent
from flowml.domain.metrics import greater_is_better
from flowml.domain.wording import fixed

TITLES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "f1": "F1",
    "precision": "precision",
    "recall": "recall",
    "roc_auc": "ROC AUC",
    "log_loss": "log loss",
    "r2": "R²",
    "rmse": "RMSE",
    "mae": "MAE",
    "mape": "MAPE",
}
MEANINGS = {
    "accuracy": "the share of rows that it gets right",
    "balanced_accuracy": "the share that it gets right if every class counted the same",
    "f1": "the balance between finding many and being right about them; 1 is perfect",
    "roc_auc": "how well it puts likely rows before unlikely ones; 0.5 is chance and 1 perfect",
    "log_loss": "how far off its probabilities are; 0 is perfect",
    "r2": "the share of the differences between rows that it explains; 1 is all of them",
    "rmse": "its typical error, large misses counting more",
    "mae": "its average error",
    "mape": "its average error as a share of the real value",
}
_IN_PERCENT = ("accuracy", "balanced_accuracy", "precision", "recall", "mape")
_IN_UNITS = ("rmse", "mae")


def score_words(metric: str, value: float) -> str:
    """A score as it is written in a sentence.

    >>> score_words("accuracy", 0.7047), score_words("roc_auc", 0.75612), score_words("rmse", 189_534.4)
    ('70 %', '0.76', '190,000')
    >>> score_words("r2", -0.00004)
    '0.00'
    """
    if metric in _IN_PERCENT:
        return percent(value)
    return amount(value) if metric in _IN_UNITS else fixed(value, 2).replace("-", "−")


def loss_words(metric: str, loss: float) -> str:
    """What a loss of score is, of `score_words`."""
    if metric in ("accuracy", "balanced_accuracy"):
        return f"{of_hundred(loss)} rows more would be wrong"
    if metric in _IN_UNITS:
        return f"its {TITLES[metric]} would be greater by {amount(loss)}"
    worse = "fall" if greater_is_better(metric) else "rise"
    return f"its {TITLES.get(metric, metric)} would {worse} by {score_words(metric, loss)}"
