"""Small tables in the body of a request: read in a child process, because what they are written in may be made to do
harm, and answered here, by the model that is in memory."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowml.services.context import Context
from flowml.services.scoring.bodies import AnsweredTable, memory_of_child
from flowml.services.serving import predicting
from flowml.services.serving.figures import milliseconds_since
from flowml.services.serving.loaded import Loaded
from flowml.services.tables import run_task, workplace

if TYPE_CHECKING:
    from flowml.data.expected import ReadTable

MOST_BYTES = 1_000_000
"""Of a body; a table of more goes to a child as a whole."""


@dataclass(frozen=True)
class SmallTable:
    """One that was read for this model."""

    loaded: Loaded
    read: "ReadTable"


def read_small(context: Context, loaded: Loaded, path: Path, *, filename: str, format: str) -> "SmallTable | None":
    """A table that was sent (`filename` says as what), for one to come in this format; None for one that is large when
    it is unpacked. Raises as `bodies.answer_table` does."""
    from flowml.automl.model.batch import expected_columns

    with workplace(context) as place:
        request = {
            "path": str(path),
            "filename": filename,
            "format": format,
            "expected": [asdict(column) for column in expected_columns(loaded.fitted.schema)],
            "scratch": str(place.scratch),
        }
        most_bytes = memory_of_child(path)
        answer = run_task(context, "read", request, module="flowml.services.scoring.task", most_bytes=most_bytes)
        return SmallTable(loaded, _read(answer)) if answer["is_small"] else None


def answer_small(context: Context, table: SmallTable, *, format: str, coverage: float, started: float) -> AnsweredTable:
    """It with the answers added, as `bodies.answer_table` gives it; `started` is when it began to be read, by
    `time.perf_counter()`."""
    from flowml.automl.files.scoring import score_pieces
    from flowml.data.in_pieces import Shape, TableInPieces

    target = context.store.files.new_temp()
    whole = TableInPieces(iter([lambda: table.read]), table.read.frame.height, [], Shape.TYPED)
    scored = score_pieces(table.loaded.fitted, whole, target, format, threads=1, coverage=coverage)
    predicting.record(context, scored.rows, milliseconds_since(started), table.loaded.id)
    return AnsweredTable(target, scored.rows, scored.notes)


def _read(answer: Mapping[str, Any]) -> "ReadTable":
    """What the child has read. Raises FlowMLError for what is none."""
    import polars as pl

    from flowml.data.expected import ReadTable
    from flowml.data.places import Places
    from flowml.services.scoring.flat import unflatten

    frame, features = unflatten(answer["frame"]), unflatten(answer["features"])
    places = Places(answer["lines"].__getitem__, answer["rows"].__getitem__)
    given = {name: pl.Series(name, values, dtype=pl.String) for name, values in answer["given"].items()}
    return ReadTable(frame, features, answer["names"], places, frame, answer["notes"], given)
