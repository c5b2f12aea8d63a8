"""A model that is in memory."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flowml.automl.model.model import FittedModel

_AT_ONCE_MS = 5.0


@dataclass(frozen=True)
class Loaded:
    """A model in memory: by which id it is called, what people call it, the hash of its file, and how long one row was
    measured to take where it was trained (None: unknown)."""

    id: str
    name: str
    file: str
    fitted: "FittedModel"
    predict_ms: float | None = None

    @property
    def answers_at_once(self) -> bool:
        """Whether a row is quick enough for the event loop."""
        return self.predict_ms is None or self.predict_ms <= _AT_ONCE_MS
