"""There are words for everything that the domain has a name for, and for nothing else."""

from typing import get_args

from flowml.domain.datasets import Role
from flowml.domain.jobs import JobStatus, ProblemType, ProblemTypeChoice
from flowml.domain.metrics import CLASSIFICATION_GOALS, CLASSIFICATION_METRICS, GOALS, OF_A_CLASS, REGRESSION_METRICS
from flowml.web.words import METRICS, ROLE_WORDS, metric_words, status_word


def test_every_metric_and_every_role_has_its_words() -> None:
    assert tuple(METRICS) == CLASSIFICATION_METRICS + REGRESSION_METRICS
    assert tuple(ROLE_WORDS) == tuple(Role)
    assert metric_words("pinball_loss").title == "pinball loss", "of a metric that a later version has"


def test_every_status_has_its_word() -> None:
    assert [status_word(status) for status in JobStatus] == ["queued", "running", "completed", "failed", "stopped"]


def test_precision_and_recall_are_shown_and_nothing_to_train_for() -> None:
    assert GOALS == CLASSIFICATION_GOALS + REGRESSION_METRICS
    assert set(CLASSIFICATION_METRICS) - set(GOALS) == OF_A_CLASS - {"f1"} == {"precision", "recall"}
    assert get_args(ProblemTypeChoice) == ("auto", *ProblemType)
