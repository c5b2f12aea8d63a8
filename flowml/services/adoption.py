"""Files that the database does not know, taken in: as data sets, and as models in runs that hold nothing else.

They are left over where a database was lost, or an older one was put back. What names and settings they had is gone
with it; what is in the files themselves is not.
"""

import logging
import shutil
from dataclasses import dataclass
from pathlib import Path

from flowml.domain.errors import Damaged, InvalidInput, TooLarge, UnreadableFile, UnsupportedFormat
from flowml.domain.jobs import JobSpec, JobStatus
from flowml.domain.models import MADE_AT_ONCE, Model, ModelDetails
from flowml.domain.wording import plural
from flowml.services import datasets
from flowml.services.context import Context
from flowml.store.rows import new_id

_TABLE = b"PAR1"
_ZIP = b"PK\x03\x04"
_ARRAY = b"\x93NUMPY"
_SHOWN_DIGITS = 8
_ANSWERS = 3
_log = logging.getLogger(__name__)
# What is wrong with a file itself. Anything else (a full disk, no process to be had) ends the command, and the next one
# goes on from there.
_OF_NO_USE = (UnreadableFile, UnsupportedFormat, InvalidInput, TooLarge, Damaged)


@dataclass(frozen=True)
class Adopted:
    """How many data sets and models came of the files, and how many files were of no use and were set aside."""

    n_datasets: int
    n_models: int
    n_set_aside: int


def adopt(context: Context) -> Adopted:
    """Take in every file that the database does not know; what cannot be is moved to the folder `set-aside`. While no
    server uses the home folder."""
    files = context.store.files
    runs: dict[tuple[str, ...], str] = {}
    n_datasets = n_models = n_left = 0
    for sha256 in sorted(files.strays().files, key=lambda sha256: _turn(files.path(sha256))):
        if files.knows(sha256):
            # The table of a file that was taken in just now.
            continue
        try:
            if _turn(files.path(sha256)) == _ANSWERS:
                raise InvalidInput("It holds what models answered while they were tested.")
            if _is_model(files.path(sha256)):
                _adopt_model(context, sha256, runs)
                n_models += 1
            else:
                _adopt_table(context, sha256)
                n_datasets += 1
        except _OF_NO_USE as problem:
            _log.info("the file %s is set aside: %s", sha256, problem.detail)
            files.set_aside(sha256, context.store.home.set_aside)
            n_left += 1
    return Adopted(n_datasets, n_models, n_left)


def _turn(path: Path) -> int:
    """Files as they were uploaded come first: the table that is made of one is then known."""
    with path.open("rb") as file:
        head = file.read(len(_ARRAY))
    if head.startswith(_ARRAY):
        return _ANSWERS
    return 2 if head.startswith(_TABLE) else 1


def _is_model(path: Path) -> bool:
    import zipfile

    with path.open("rb") as file:
        if file.read(len(_ZIP)) != _ZIP:
            return False
    try:
        with zipfile.ZipFile(path) as archive:
            return "manifest.json" in archive.namelist()
    except (zipfile.BadZipFile, OSError):
        return False


def _adopt_table(context: Context, sha256: str) -> None:
    """Raises FlowMLError for a file that is no table."""
    copy = context.store.files.new_temp()
    shutil.copyfile(context.store.files.path(sha256), copy)
    name = f"Found {sha256[:_SHOWN_DIGITS]}"
    try:
        datasets.import_file(context, copy, filename=name, name=name, options={}, sha256=sha256)
    finally:
        copy.unlink(missing_ok=True)


def _adopt_model(context: Context, sha256: str, runs: dict[tuple[str, ...], str]) -> None:
    """Raises FlowMLError for a file that is no model, or one that does not say how good it is."""
    from flowml.automl import algorithms
    from flowml.automl.ensemble.blend import ENSEMBLE
    from flowml.automl.model.foreign import read_foreign
    from flowml.automl.scoring.decision import objective

    store = context.store
    size_bytes = len(store.files.content(sha256))
    fitted = read_foreign(store.files.path(sha256))
    schema, first = fitted.schema, fitted.members[0]
    score = schema.metrics.get(schema.metric)
    if score is None:
        raise InvalidInput("The model does not say how good it is.")
    algorithm = first.algorithm if len(fitted.members) == 1 else ENSEMBLE
    titles = {**MADE_AT_ONCE, **{known.name: known.title for known in algorithms.all()}}
    now, gain = context.clock(), objective(schema.metric).gain(score)
    with store.transaction():
        # Models of one run were trained on the same rows for the same.
        run = (schema.data_hash, schema.target, schema.metric)
        if run not in runs:
            name = f"Found: {schema.target} {schema.data_hash[:_SHOWN_DIGITS]}"
            runs[run] = store.jobs.add(JobSpec("", schema.target), name, now, owner=context.caller.identifier).id
            store.jobs.update(
                runs[run],
                status=str(JobStatus.COMPLETED),
                stage="done",
                progress=100.0,
                problem_type=str(schema.problem_type),
                metric=schema.metric,
                started_at=now,
                finished_at=now,
            )
        model = Model(
            id=new_id(),
            job_id=runs[run],
            trial_id=None,
            name=titles.get(algorithm, algorithm.capitalize()),
            algorithm=algorithm,
            problem_type=schema.problem_type,
            target=schema.target,
            metric=schema.metric,
            score=score,
            metrics=schema.metrics,
            cv_scores=(),
            params=first.params if len(fitted.members) == 1 else {},
            feature_names=tuple(feature.name for feature in schema.inputs),
            classes=schema.classes,
            fit_seconds=0.0,
            predict_ms=None,
            size_bytes=size_bytes,
            file=sha256,
            created_at=now,
            details=ModelDetails(schema=tuple(schema.describe())),
        )
        store.files.adopt(sha256)
        store.models.put(model, gain)
        found = store.models.of_job(model.job_id)
        store.jobs.update(
            model.job_id,
            best_model_id=found[0].id,
            best_score=found[0].score,
            message=f"{plural(len(found), 'model')} found in files that the database did not know",
        )
