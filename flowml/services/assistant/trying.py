"""Ideas that are tried: begun, watched, stopped, and what came of them, which stays with the data set.

Each has a thread that waits for its turn and then for its child process; one works at a time. The same idea with the
same settings is tried once, whoever asks for it again, and one that was stopped or has failed can be begun again. The
row says what became of it, and outlives the process; how far it is, only the process knows.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from flowml import __version__
from flowml.data.child import Child, TookTooLong
from flowml.data.recipes.checking import check_operations
from flowml.domain.datasets import Dataset
from flowml.domain.errors import FlowMLError, InvalidInput, TooLarge
from flowml.domain.ideas import Measured, Try, TryStatus
from flowml.domain.jobs import JobSpec
from flowml.domain.names import did_you_mean
from flowml.machine.facts import memory_bytes, usable_cores
from flowml.services.background.keeper import Keeper, Keepers, Kind, Work, turn
from flowml.services.context import Context
from flowml.services.tables import FORKSERVER, room_left, run_task, workplace
from flowml.services.turns import Line, alone
from flowml.store.rows import new_id
from flowml.store.store import Store

_MODULE = "flowml.services.engine_tasks"
# Of how ideas are measured: what was tried in another way is tried anew.
_EDITION = 2
_LIBRARIES = ("lightgbm", "scikit-learn", "scipy", "numpy", "polars")
SECONDS = 120.0
"""After so long no other fold is begun."""
MOST_SECONDS = 240.0
"""After so long its process is ended."""
_MOST_SO_FAR_BYTES = 4 << 20
_MEMORY_SHARE = 0.4
_MOST_THREADS = 4
_STOPPED = {"detail": "It was stopped.", "hint": "Try it again to have it measured."}
_INTERRUPTED = {"detail": "The server ended while this was tried.", "hint": "Try it again: it begins from the start."}
_LOST = {"detail": "What came of it could not be noted.", "hint": "Try it again: it begins from the start."}

_RUN_IS_GONE = {
    "detail": "The training run was deleted with whose settings it was to be tried.",
    "hint": "Try it again from another run, or on the page of the data set.",
}
_KIND = Kind(
    "trying",
    ("Many ideas wait to be tried on this server already.", "Wait until some of them are done, or stop some."),
    "It could not be tried: something in it was not expected.",
)


@dataclass(eq=False)
class _Work(Work):
    """`wanted_by`: the runs from which it was asked for, None for the data set itself."""

    dataset_id: str = ""
    wanted_by: set[str | None] = field(default_factory=set)


class _Tries(Keeper[_Work]):
    def __init__(self, store: Store):
        super().__init__(_KIND, store)
        self.line = Line(1, float("inf"))


_keepers: Keepers[_Tries] = Keepers(_Tries)


def begin(
    context: Context,
    dataset_id: str,
    operations: Sequence[Any],
    *,
    target: str | None = None,
    job_id: str | None = None,
) -> Try:
    """Try an idea for predicting `target`, with the settings of a run where a `job_id` is given. One that is tried or
    was tried in the same way already is not begun again; one that has failed or was stopped is.

    Raises NotFound, InvalidInput for operations that are no idea and for what cannot be trained, TooMany, NoRoom,
    NotReady where it cannot be begun now, and as `run_task` does.
    """
    dataset = context.store.datasets.get(dataset_id)
    settings = _settings(context, dataset, target, job_id)
    checked = check_operations(list(operations))
    with alone("try", dataset_id, _key(settings, checked), left=context.left, turns=context.turns):
        known = _known(context, dataset_id, _key(settings, checked), job_id)
        if known is not None:
            return known
        request = _request(context, dataset, settings, checked)
        found = run_task(context, "check_idea", request, module=_MODULE)
        # What a preview has learned from all rows is no part of an idea: with it and without it, it is the same.
        checked = tuple(found["operations"])
        key = _key(settings, checked)
        return _known(context, dataset_id, key, job_id) or _start(context, dataset, settings, checked, key, job_id)


def _known(context: Context, dataset_id: str, key: str, job_id: str | None) -> Try | None:
    """The one that is open or has finished under this key. One that is open is wanted by this run as well."""
    keeper = _keepers.of(context.store)
    with keeper.lock:
        known = next((one for one in context.store.tries.of_dataset(dataset_id) if one.key == key), None)
        if known is None or known.status in (TryStatus.FAILED, TryStatus.STOPPED):
            return None
        work = keeper.open.get(known.id)
        if not known.status.ended and (work is None or work.cancelled.is_set()):
            # Its row says that it is open, and nobody works on it.
            context.store.tries.stop(known.id, context.clock(), _LOST)
            return None
        if work is not None:
            work.wanted_by.add(job_id)
    return _with_progress(context, known)


def _start(
    context: Context,
    dataset: Dataset,
    settings: Mapping[str, Any],
    operations: tuple[Any, ...],
    key: str,
    job_id: str | None,
) -> Try:
    context.store.room.check()
    keeper, owner = _keepers.of(context.store), context.caller.identifier
    asked = Try(new_id(), dataset.id, key, settings["target"], operations, settings, TryStatus.WAITING, context.clock())
    work, until = _Work(owner, dataset_id=dataset.id, wanted_by={job_id}), context.until(None)
    request = _request(context, dataset, settings, operations)
    with keeper.lock:
        # Its data set may be gone meanwhile, or the run.
        context.store.datasets.get(dataset.id)
        if job_id is not None:
            context.store.jobs.get(job_id)
        keeper.check_room(owner)
        tried = context.store.tries.add(asked)
        there = keeper.open.get(tried.id)
        # One that was stopped a moment ago is still on its way out.
        if tried.status is not TryStatus.WAITING or (there is not None and not there.cancelled.is_set()):
            return tried
        keeper.add(tried.id, work)
    keeper.start(
        tried.id,
        work,
        lambda: _work(until, keeper, tried, work, request),
        lambda error: until.store.tries.fail(tried.id, until.clock(), {"detail": error.detail, "hint": error.hint}),
    )
    return tried


def show(context: Context, try_id: str) -> Try:
    """What became of it, or how far it is. Raises NotFound."""
    return _with_progress(context, context.store.tries.get(try_id))


def tried_on(context: Context, dataset_id: str, target: str | None = None) -> tuple[Try, ...]:
    """All that were tried on a data set, with a `target` those for it, the first first. Raises NotFound."""
    context.store.datasets.get(dataset_id)
    return tuple(_with_progress(context, one) for one in context.store.tries.of_dataset(dataset_id, target))


def how_many(context: Context, dataset_id: str, target: str) -> int:
    """How many ideas came to an end for a target: on all versions of the table, and also those that are forgotten. Who
    looks at the best of many has looked at all of them."""
    return context.store.tries.count(dataset_id, target)


def stop(context: Context, try_id: str, *, only_open: bool = False) -> None:
    """End it; one that has ended is forgotten, unless it is wanted `only_open` (who stops one does not want to lose
    what came of it meanwhile). Raises NotFound."""
    keeper = _keepers.of(context.store)
    # Nobody begins it between the look at it and its end.
    with keeper.lock:
        tried = context.store.tries.get(try_id)
        if tried.status.ended:
            if not only_open:
                context.store.at_any_rate(lambda: context.store.tries.remove(try_id))
            return
        keeper.cancel(try_id)
        context.store.at_any_rate(lambda: context.store.tries.stop(try_id, context.clock(), _STOPPED))


def leave(store: Store, dataset_id: str) -> None:
    """Its data set is gone: what waits or works on it ends, and makes room for others."""
    keeper = _keepers.of(store)
    with keeper.lock:
        for work in keeper.open.values():
            if work.dataset_id == dataset_id:
                work.cancelled.set()


def leave_run(context: Context, job_id: str) -> None:
    """A training run is gone: what waits or is tried with its settings ends, unless it is wanted elsewhere as well."""
    keeper, store = _keepers.of(context.store), context.store
    with keeper.lock:
        for try_id, work in list(keeper.open.items()):
            if job_id not in work.wanted_by:
                continue
            work.wanted_by.discard(job_id)
            if not work.wanted_by and not work.cancelled.is_set():
                work.cancelled.set()
                keeper.note(partial(store.tries.stop, try_id, context.clock(), _RUN_IS_GONE))


def recover(store: Store, now: float) -> None:
    """At the start: what the server before has not finished was stopped."""
    store.tries.stop_open(now, _INTERRUPTED)


def _settings(context: Context, dataset: Dataset, target: str | None, job_id: str | None) -> dict[str, Any]:
    """As `Asked` has them."""
    spec = JobSpec(dataset.id, target or "") if job_id is None else context.store.jobs.get(job_id).spec
    if target is not None and target != spec.target:
        raise InvalidInput.of_field("target", f"That run predicts “{spec.target}”, and not “{target}”.")
    if not spec.target:
        raise InvalidInput.of_field("target", "Say what is to be predicted.", hint="Choose a target first.")
    names = [column.name for column in dataset.columns]
    named = {"target": spec.target, "weight_column": spec.weight_column}
    for name, column in named.items():
        if column is not None and column not in names:
            raise InvalidInput.of_field(
                name, f"“{dataset.name}” has no column “{column}”.", hint=did_you_mean(column, names)
            )
    return {
        "target": spec.target,
        "problem_type": spec.problem_type,
        "metric": spec.metric,
        "cv": spec.cv,
        "cv_folds": spec.cv_folds,
        "weight_column": spec.weight_column,
        "exclude_columns": sorted(name for name in spec.exclude_columns if name in names),
        "seed": spec.seed,
    }


def _key(settings: Mapping[str, Any], operations: Sequence[Any]) -> str:
    body = json.dumps([_EDITION, _versions(), dict(settings), [dict(one) for one in operations]], sort_keys=True)
    return hashlib.sha256(body.encode()).hexdigest()


@cache
def _versions() -> list[str]:
    """What decides on scores: those of another program are not to be compared with."""
    found = [__version__]
    for name in _LIBRARIES:
        try:
            found.append(version(name))
        except PackageNotFoundError:
            found.append("")
    return found


def _request(
    context: Context, dataset: Dataset, settings: Mapping[str, Any], operations: Sequence[Any]
) -> dict[str, Any]:
    return {
        "table": str(context.store.files.path(dataset.table)),
        "roles": {column.name: str(column.role) for column in dataset.columns},
        "operations": [dict(one) for one in operations],
        "asked": dict(settings),
    }


def _with_progress(context: Context, tried: Try) -> Try:
    if tried.status is not TryStatus.RUNNING:
        return tried
    found = _keepers.of(context.store).told(tried.id)
    return tried if found is None else replace(tried, folds_done=found.rows, folds=found.total)


def _work(context: Context, keeper: _Tries, tried: Try, work: _Work, request: Mapping[str, Any]) -> None:
    with turn(keeper.line, work):
        with keeper.lock:
            # One that was begun again after this was stopped is not this one's to begin.
            if work.cancelled.is_set():
                return
            context.store.tries.begin(tried.id)
        _measure(context, keeper, tried, work, request)


def _measure(context: Context, keeper: _Tries, tried: Try, work: _Work, request: Mapping[str, Any]) -> None:
    with workplace(context) as place, Child(_MODULE, starter=FORKSERVER.start) as process:
        work.progress, so_far = place.scratch / "progress", place.scratch / "so_far"
        asked = {
            **request,
            "without": _known_without(context.store, tried),
            "threads": max(1, min(_MOST_THREADS, usable_cores())),
            "seconds": SECONDS,
            "progress": str(work.progress),
            "so_far": str(so_far),
            "scratch": str(place.scratch),
        }
        try:
            answer = process.perform(
                "try_idea",
                asked,
                timeout_seconds=MOST_SECONDS,
                memory_bytes=int(memory_bytes() * _MEMORY_SHARE),
                cancelled=work.cancelled,
                look=room_left(context),
            )
        except (TookTooLong, TooLarge) as ended:
            measured = _measured_so_far(so_far, ended)
        else:
            measured = Measured.of(answer)
    with keeper.lock:
        if not work.cancelled.is_set():
            context.store.tries.finish(tried.id, context.clock(), measured)


def _measured_so_far(path: Path, ended: FlowMLError) -> Measured:
    """What was measured by a process that was ended. Raises `ended` for nothing."""
    try:
        with path.open("rb") as file:
            measured = Measured.of(json.loads(file.read(_MOST_SO_FAR_BYTES)))
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise ended from None
    done = max(len(one.pairs) for one in measured.learners)
    said = f"{done} of {measured.n_folds} folds were measured before it was ended. {ended.detail}"
    return replace(measured, notes=(*measured.notes, said))


def _known_without(store: Store, tried: Try) -> dict[str, list[tuple[int, int, float | None]]]:
    """What models reach without any idea, where another one was tried with the same settings: the same fits on the same
    rows, so that they are not made again."""
    others = (
        one.measured
        for one in store.tries.of_dataset(tried.dataset_id, tried.target)
        if one.measured is not None and one.settings == tried.settings and one.key == _key(one.settings, one.operations)
    )
    most = max(others, key=lambda one: max(len(family.pairs) for family in one.learners), default=None)
    if most is None:
        return {}
    return {family.name: [(pair.repeat, pair.fold, pair.without) for pair in family.pairs] for family in most.learners}
