"""What a model has answered last about a table or about results, so that nobody waits for it twice."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class LastAnswer:
    """`purpose` as in `services/assistant/sent.py`: a data set and what is to be predicted, a run or a model are what
    it is about. `answer` is a record of it. `standing`: what it was true of, which may be another by now."""

    purpose: str
    dataset_id: str | None
    job_id: str | None
    model_id: str | None
    target: str | None
    answer: Mapping[str, Any]
    standing: str
    made_at: float
