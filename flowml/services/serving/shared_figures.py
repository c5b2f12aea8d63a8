"""What several processes that answer on one port have counted: each writes its own figures down for the others, so that
whichever of them is asked knows all."""

import contextlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from flowml.services.serving.figures import Figures, ModelFigures, PredictionFigures


class SharedFigures:
    """The figures of process `process`, from 1, and those of the others, as they were a moment ago. `folder` belongs to
    all of them; None where there is one process alone."""

    def __init__(self, figures: Figures, process: int = 1, folder: Path | None = None):
        self._figures = figures
        self._process = process
        self._folder = folder
        self._written: PredictionFigures | None = None

    def write(self) -> None:
        """Tell the others, where there is something new."""
        found = self._figures.read()
        if self._folder is None or found == self._written:
            return
        path = self._path(self._folder, self._process)
        beside = path.with_suffix(".part")
        beside.write_text(json.dumps(asdict(found)))
        beside.replace(path)
        self._written = found

    def read(self, processes: int) -> dict[int, PredictionFigures]:
        """By process, its own as they are now."""
        found = {self._process: self._figures.read()}
        for process in range(1, processes + 1):
            if process != self._process and self._folder is not None:
                # One that has answered nothing yet has written nothing.
                with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
                    found[process] = _figures(json.loads(self._path(self._folder, process).read_text()))
        return dict(sorted(found.items()))

    @staticmethod
    def _path(folder: Path, process: int) -> Path:
        return folder / f"figures-{process}.json"


def _figures(record: dict[str, Any]) -> PredictionFigures:
    by_model = tuple(ModelFigures(**{**item, "counts": tuple(item["counts"])}) for item in record["by_model"])
    return PredictionFigures(record["total"], record["p50_ms"], record["p95_ms"], by_model)
