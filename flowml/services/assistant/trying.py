"""Ideas that are tried: begun, watched, stopped, and what came of them, which stays with the data set.

Each has a thread that waits for its turn and then for its child process; one works at a time. The same idea with the
same settings is tried once, whoever asks for it again, and one that was stopped or has failed can be begun again. The
row says what became of it, and outlives the process; how far it is, only the process knows.
"""

import hashlib
import json
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from flowml import __version__
from flowml.data.child import Child
from flowml.data.recipes.checking import check_operations
from flowml.domain.datasets import Dataset
from flowml.domain.errors import FlowMLError, InvalidInput, TooMany
from flowml.domain.ideas import Measured, Try, TryStatus
from flowml.domain.jobs import JobSpec
from flowml.domain.names import did_you_mean
from flowml.machine.facts import memory_bytes, usable_cores
from flowml.services.context import Context
from flowml.services.scoring.progress import read_progress
from flowml.services.tables import FORKSERVER, room_left, run_task, workplace
from flowml.services.turns import Line, alone
from flowml.store.rows import new_id
from flowml.store.store import Store

_MODULE = "flowml.services.engine_tasks"
# Of how ideas are measured: what was tried in another way is tried anew.
_EDITION = 2
_LIBRARIES = ("lightgbm", "scikit-learn", "scipy", "numpy", "polars")
_MOST_OPEN = 16
_MOST_OF_ONE = 8
SECONDS = 120.0
"""After so long no other fold is begun."""
_MOST_SECONDS = 240.0
_MEMORY_SHARE = 0.4
_MOST_THREADS = 4
_STOPPED = {"detail": "It was stopped.", "hint": "Try it again to have it measured."}
_INTERRUPTED = {"detail": "The server ended while this was tried.", "hint": "Try it again: it begins from the start."}
_log = logging.getLogger(__name__)


@dataclass(eq=False)
class _Work:
    """One that waits or is worked on."""

    owner: str
    dataset_id: str
    cancelled: threading.Event = field(default_factory=threading.Event)
    progress: Path | None = None


class _Works:
    """Those of one store."""

    def __init__(self) -> None:
        self.line = Line(1, float("inf"))
        self.open: dict[str, _Work] = {}
        self.lock = threading.Lock()


_works: WeakKeyDictionary[Store, _Works] = WeakKeyDictionary()
_works_lock = threading.Lock()


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

    Raises NotFound, InvalidInput for operations that are no idea and for what cannot be trained, TooMany, NoRoom, and
    as `run_task` does.
    """
    dataset = context.store.datasets.get(dataset_id)
    settings = _settings(context, dataset, target, job_id)
    checked = check_operations(list(operations))
    with alone("try", dataset_id, _key(settings, checked), left=context.left, turns=context.turns):
        known = _known(context, dataset_id, _key(settings, checked))
        if known is not None:
            return known
        request = _request(context, dataset, settings, checked)
        found = run_task(context, "check_idea", request, module=_MODULE)
        # What a preview has learned from all rows is no part of an idea: with it and without it, it is the same.
        checked = tuple(found["operations"])
        key = _key(settings, checked)
        return _known(context, dataset_id, key) or _start(context, dataset, settings, checked, key)


def _known(context: Context, dataset_id: str, key: str) -> Try | None:
    """The one that is open or has finished under this key."""
    known = next((one for one in context.store.tries.of_dataset(dataset_id) if one.key == key), None)
    if known is None or known.status in (TryStatus.FAILED, TryStatus.STOPPED):
        return None
    return _with_progress(context, known)


def _start(
    context: Context, dataset: Dataset, settings: Mapping[str, Any], operations: tuple[Any, ...], key: str
) -> Try:
    context.store.room.check()
    works, owner = _of(context.store), context.caller.identifier
    asked = Try(new_id(), dataset.id, key, settings["target"], operations, settings, TryStatus.WAITING, context.clock())
    work = _Work(owner, dataset.id)
    with works.lock:
        # Its data set may be gone meanwhile.
        context.store.datasets.get(dataset.id)
        if len(works.open) >= _MOST_OPEN or sum(one.owner == owner for one in works.open.values()) >= _MOST_OF_ONE:
            raise TooMany(
                "Many ideas wait to be tried on this server already.",
                hint="Wait until some of them are done, or stop some.",
            )
        tried = context.store.tries.add(asked)
        there = works.open.get(tried.id)
        # One that was stopped a moment ago is still on its way out.
        if tried.status is not TryStatus.WAITING or (there is not None and not there.cancelled.is_set()):
            return tried
        works.open[tried.id] = work
    try:
        request = _request(context, dataset, settings, operations)
        threading.Thread(
            target=_work, args=(context.until(None), tried, work, request), name="trying", daemon=True
        ).start()
    except BaseException:
        with works.lock:
            works.open.pop(tried.id, None)
        raise
    return tried


def show(context: Context, try_id: str) -> Try:
    """What became of it, or how far it is. Raises NotFound."""
    return _with_progress(context, context.store.tries.get(try_id))


def tried_on(context: Context, dataset_id: str, target: str | None = None) -> tuple[Try, ...]:
    """All that were tried on a data set, with a `target` those for it, the first first. Raises NotFound."""
    context.store.datasets.get(dataset_id)
    return tuple(_with_progress(context, one) for one in context.store.tries.of_dataset(dataset_id, target))


def stop(context: Context, try_id: str, *, only_open: bool = False) -> None:
    """End it; one that has ended is forgotten, unless it is wanted `only_open` (who stops one does not want to lose
    what came of it meanwhile). Raises NotFound."""
    works = _of(context.store)
    # Nobody begins it between the look at it and its end.
    with works.lock:
        tried = context.store.tries.get(try_id)
        if tried.status.ended:
            if not only_open:
                context.store.at_any_rate(lambda: context.store.tries.remove(try_id))
            return
        if (work := works.open.get(try_id)) is not None:
            work.cancelled.set()
        context.store.at_any_rate(lambda: context.store.tries.stop(try_id, context.clock(), _STOPPED))


def leave(store: Store, dataset_id: str) -> None:
    """Its data set is gone: what waits or works on it ends, and makes room for others."""
    works = _of(store)
    with works.lock:
        for work in works.open.values():
            if work.dataset_id == dataset_id:
                work.cancelled.set()


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
    work = _of(context.store).open.get(tried.id)
    if work is None or work.progress is None or tried.status is not TryStatus.RUNNING:
        return tried
    found = read_progress(work.progress)
    return tried if found is None else replace(tried, folds_done=found.rows, folds=found.total)


def _work(context: Context, tried: Try, work: _Work, request: Mapping[str, Any]) -> None:
    store = context.store
    try:
        place = _of(store).line.wait(work.cancelled, work.owner)
        try:
            _measure(context, tried, work, request)
        finally:
            _of(store).line.leave(place)
    except FlowMLError as error:
        if not work.cancelled.is_set():
            known = {"detail": error.detail, "hint": error.hint}
            _note(store, lambda: store.tries.fail(tried.id, context.clock(), known))
    except Exception:
        _log.exception("the idea %s could not be tried", tried.id)
        problem = {"detail": "It could not be tried: something in it was not expected.", "hint": None}
        _note(store, lambda: store.tries.fail(tried.id, context.clock(), problem))
    finally:
        with _of(store).lock:
            # Somebody may have begun it again since it was stopped.
            if _of(store).open.get(tried.id) is work:
                del _of(store).open[tried.id]


def _measure(context: Context, tried: Try, work: _Work, request: Mapping[str, Any]) -> None:
    with _of(context.store).lock:
        # One that was begun again after this was stopped is not this one's to begin.
        if work.cancelled.is_set():
            return
        context.store.tries.begin(tried.id)
    with workplace(context) as place, Child(_MODULE, starter=FORKSERVER.start) as process:
        work.progress = place.scratch / "progress"
        answer = process.perform(
            "try_idea",
            {
                **request,
                "without": _known_without(context.store, tried),
                "threads": max(1, min(_MOST_THREADS, usable_cores())),
                "seconds": SECONDS,
                "progress": str(work.progress),
                "scratch": str(place.scratch),
            },
            timeout_seconds=_MOST_SECONDS,
            memory_bytes=int(memory_bytes() * _MEMORY_SHARE),
            cancelled=work.cancelled,
            look=room_left(context),
        )
    if not work.cancelled.is_set():
        context.store.tries.finish(tried.id, context.clock(), Measured.of(answer))


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


def _note(store: Store, change: Callable[[], None]) -> None:
    if store.is_closed:
        # The next server says that it was interrupted.
        return
    try:
        store.at_any_rate(change)
    except Exception:
        _log.exception("what became of an idea could not be noted")


def _of(store: Store) -> _Works:
    with _works_lock:
        return _works.setdefault(store, _Works())
