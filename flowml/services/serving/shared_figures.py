"""What several processes that answer on one port have counted: each writes its own figures down for the others, so that
whichever of them is asked knows all."""

import contextlib
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from flowml.services.serving.figures import Figures, ModelFigures, PredictionFigures


@dataclass(frozen=True)
class OfProcess:
    """What one process has predicted, how long it runs, and the memory that it has."""

    predictions: PredictionFigures
    uptime_seconds: float
    memory_bytes: int


class SharedFigures:
    """The figures of process `process`, from 1, which starts now, and those of the others, as they were a moment ago.
    `folder` belongs to all of them; None where there is one process alone."""

    def __init__(self, figures: Figures, process: int = 1, folder: Path | None = None):
        self._figures = figures
        self._process = process
        self._folder = folder
        self._started = time.monotonic()

    def write(self) -> None:
        """Tell the others."""
        if self._folder is None:
            return
        found = self._own()
        path = self._path(self._folder, self._process)
        beside = path.with_suffix(".part")
        beside.write_text(json.dumps(asdict(found)))
        beside.replace(path)

    def read(self, processes: int) -> dict[int, OfProcess]:
        """By process, its own as they are now."""
        found = {self._process: self._own()}
        for process in range(1, processes + 1):
            if process != self._process and self._folder is not None:
                # One that has answered nothing yet has written nothing.
                with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
                    found[process] = _figures(json.loads(self._path(self._folder, process).read_text()))
        return dict(sorted(found.items()))

    def _own(self) -> OfProcess:
        # What else it tells of takes a moment to import.
        from flowml.services.system import process_memory_bytes

        return OfProcess(self._figures.read(), time.monotonic() - self._started, process_memory_bytes())

    @staticmethod
    def _path(folder: Path, process: int) -> Path:
        return folder / f"figures-{process}.json"


def _figures(record: dict[str, Any]) -> OfProcess:
    told = record["predictions"]
    by_model = tuple(ModelFigures(**{**item, "counts": tuple(item["counts"])}) for item in told["by_model"])
    predictions = PredictionFigures(told["total"], told["p50_ms"], told["p95_ms"], by_model)
    return OfProcess(predictions, record["uptime_seconds"], record["memory_bytes"])
