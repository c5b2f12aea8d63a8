"""Files that are scored: begun, watched, cancelled, taken away.

Each has a thread that waits for its turn and then for its child process; one works at a time, on all cores, and beside
it one that is small, so that nobody waits an hour for ten rows. Callers get their turns by turns. The row says what
became of it, and outlives the process; how far it is, only the process knows. A result is kept like a download: as long
as somebody asks for it, and an hour.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from flowml.data.child import Child
from flowml.domain.access.caller import Permission
from flowml.domain.errors import Damaged, FlowMLError, NotFound, WrongState
from flowml.domain.models import Model, Scoring, ScoringStatus
from flowml.machine.facts import memory_bytes
from flowml.services.background.keeper import Keeper, Keepers, Kind, Work, turn
from flowml.services.context import Context
from flowml.services.downloads import MEDIA_TYPES, Download
from flowml.services.serving import predicting
from flowml.services.serving.shelf import find_model
from flowml.services.tables import FORKSERVER, Workplace, room_left, workplace
from flowml.services.turns import Line
from flowml.store.rows import new_id
from flowml.store.store import Store

FORMATS = tuple(MEDIA_TYPES)
_MOST_SECONDS = 86_400.0
_MEMORY_SHARE = 0.6
_SMALL_BYTES = 4 << 20
_INTERRUPTED = {
    "detail": "The server ended while this file was worked on.",
    "hint": "Send the file again.",
}

Ended = Callable[[FlowMLError | None], object]
"""Called, in another thread, when a file is no longer worked on: None where it has finished or was cancelled."""


def _nobody_waits(error: FlowMLError | None) -> None: ...


_KIND = Kind(
    "scoring",
    ("This server has many files to score already.", "Wait until some of them are done, or cancel some."),
    "The file could not be scored: something in it was not expected.",
)


class _Scorings(Keeper[Work]):
    def __init__(self, store: Store):
        super().__init__(_KIND, store)
        self.large, self.small = Line(1, float("inf")), Line(1, float("inf"))


_keepers: Keepers[_Scorings] = Keepers(_Scorings)


def begin(
    context: Context,
    model_id: str,
    path: Path,
    *,
    filename: str,
    format: str,
    options: Mapping[str, Any],
    ended: Ended = _nobody_waits,
) -> Scoring:
    """Have a file answered, which is moved away from `path`. `model_id` may be a training run's. `ended` is called in
    another thread. Raises NotFound, NotReady and WrongState as a prediction does, Forbidden for a caller who may ask
    for another model alone, Damaged, NoRoom, and TooMany."""
    context.caller.check_model(model_id)
    context.store.room.check()
    model = find_model(context, model_id)
    keeper, owner = _keepers.of(context.store), context.caller.identifier
    scoring = Scoring(new_id(), owner, model.id, filename, format, ScoringStatus.WAITING, context.clock())
    work, until = Work(owner), context.until(None)
    keeper.add(scoring.id, work)
    source = context.store.files.new_temp()
    try:
        path.replace(source)
        context.store.scorings.add(scoring)
        keeper.start(
            scoring.id,
            work,
            lambda: _work(until, keeper, scoring, work, model, source, dict(options)),
            lambda error: until.store.scorings.fail(scoring.id, until.clock(), _problem(error)),
            ended,
            lambda: until.store.scorings.cancel(scoring.id, until.clock()),
        )
    except BaseException:
        source.unlink(missing_ok=True)
        keeper.drop(scoring.id, work)
        raise
    return scoring


def show(context: Context, scoring_id: str) -> Scoring:
    """What became of it, or how far it is. Raises NotFound, also for who may not see it."""
    scoring = context.store.scorings.get(scoring_id)
    if scoring.owner != context.caller.identifier and Permission.READ not in context.caller.may:
        raise NotFound(f"There is no scored file {scoring_id[:80]}.", hint="Old ones are forgotten after a day.")
    if scoring.status is not ScoringStatus.RUNNING:
        return scoring
    found = _keepers.of(context.store).told(scoring_id)
    return scoring if found is None else replace(scoring, rows=found.rows, n_rows=found.total, seconds=found.seconds)


def cancel(context: Context, scoring_id: str) -> None:
    """End it; one that has ended is forgotten, with its result. Raises NotFound."""
    keeper = _keepers.of(context.store)
    # It does not end between the look at it and its end.
    with keeper.lock:
        scoring = show(context, scoring_id)
        if scoring.status.ended:
            _result(context, scoring).unlink(missing_ok=True)
            context.store.scorings.remove(scoring_id)
            return
        keeper.cancel(scoring_id)
        context.store.at_any_rate(lambda: context.store.scorings.cancel(scoring_id, context.clock()))


def leave(context: Context, scoring_id: str) -> None:
    """Who waited for it has left: end it, soon, and without waiting."""
    work = _keepers.of(context.store).open.get(scoring_id)
    if work is not None:
        work.cancelled.set()


def result(context: Context, scoring_id: str) -> Download:
    """The file with the answers. Raises NotFound, also where it is no longer kept, and WrongState for one that has not
    finished."""
    scoring = show(context, scoring_id)
    if scoring.status is not ScoringStatus.FINISHED:
        raise WrongState(f"This file is {scoring.status}: there is no result to take away.")
    path = _result(context, scoring)
    if not path.exists():
        raise NotFound("This result is no longer kept.", hint="Results are kept for an hour. Send the file again.")
    stem = Path(scoring.filename).stem or "table"
    return Download(path, f"{stem}-scored.{scoring.format}", MEDIA_TYPES[scoring.format], f'"{scoring.id}"')


def recover(store: Store, now: float) -> None:
    """At the start: what the server before has not finished has failed. Its files go with all temporary ones."""
    store.scorings.fail_open(now, _INTERRUPTED)


def _work(
    context: Context,
    keeper: _Scorings,
    scoring: Scoring,
    work: Work,
    model: Model,
    source: Path,
    options: Mapping[str, Any],
) -> None:
    try:
        with turn(keeper.small if source.stat().st_size < _SMALL_BYTES else keeper.large, work):
            _answer(context, keeper, scoring, work, model, source, options)
    finally:
        source.unlink(missing_ok=True)


def _answer(
    context: Context,
    keeper: _Scorings,
    scoring: Scoring,
    work: Work,
    model: Model,
    source: Path,
    options: Mapping[str, Any],
) -> None:
    store = context.store
    store.scorings.begin(scoring.id)
    model_file = store.files.whole(model.file, "model")
    with workplace(context) as place, Child("flowml.services.scoring.task", starter=FORKSERVER.start) as process:
        work.progress = place.scratch / "progress"
        answer = process.perform(
            "score",
            {
                "path": str(source),
                "filename": scoring.filename,
                "format": scoring.format,
                "options": dict(options),
                "model_file": str(model_file),
                "table": _training_rows(context, model),
                "target": str(place.scratch / "result"),
                "scratch": str(place.scratch),
                "progress": str(work.progress),
                "coverage": predicting.DEFAULT_COVERAGE,
                "max_rows": context.settings.max_rows,
                "max_columns": context.settings.max_columns,
            },
            timeout_seconds=_MOST_SECONDS,
            memory_bytes=int(memory_bytes() * _MEMORY_SHARE),
            cancelled=work.cancelled,
            look=room_left(context),
        )
        with keeper.lock:
            if work.cancelled.is_set():
                return
            _keep(place, _result(context, scoring))
            # Before it: whoever sees that it has finished finds its rows counted.
            predicting.record_rows(context, answer["rows"], model.id)
            store.scorings.finish(scoring.id, context.clock(), answer)


def _keep(place: Workplace, target: Path) -> None:
    os.utime(place.scratch / "result")
    (place.scratch / "result").replace(target)


def _training_rows(context: Context, model: Model) -> str | None:
    """The table that a model was made from, to compare with; None where it is gone or damaged."""
    try:
        job = context.store.jobs.get(model.job_id)
        return str(context.store.files.whole(context.store.datasets.get(job.dataset_id).table, "stored table"))
    except (NotFound, Damaged, OSError):
        return None


def _result(context: Context, scoring: Scoring) -> Path:
    return context.store.files.cached(f"scored-{scoring.id}.{scoring.format}")


def _problem(error: FlowMLError) -> dict[str, Any]:
    return {"detail": error.detail, "hint": error.hint}
