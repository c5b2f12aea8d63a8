"""`flowml train`."""

import argparse
import errno
import json
import os
import signal
import sys
import time
import warnings as python_warnings
from pathlib import Path
from typing import Any

from flowml.cli.files import limited
from flowml.cli.result import ProgressLine, leaderboard_text, run_as_json
from flowml.cli.started import STARTED
from flowml.domain.errors import FlowMLError, InvalidInput


def train(options: argparse.Namespace) -> int:
    """Train on a file, without a server."""
    from flowml.library.engine_process import end_engine_process, start_engine_process
    from flowml.machine.facts import usable_cores

    # Threads that wait for each other must not keep the cores from those that work.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    # Its imports run beside those of this process.
    start_engine_process()
    from flowml.automl.model import modelfile
    from flowml.data.conversion.notation import Notation
    from flowml.data.profiling.profile import profile
    from flowml.data.read import read_file
    from flowml.library.run import train as find_model

    with limited(options.file) as limits:
        table = read_file(options.file, None, dict(options.options), limits, now=time.time())
    for warning in table.warnings:
        print(f"note: {warning}", file=sys.stderr)
    frame, columns = table.frame, profile(table.frame).columns
    notations = {name: Notation.of(state) for name, state in table.how_read.notations.items()}
    prepared_by = None
    if options.recipe is not None:
        frame, columns, prepared_by = _with_recipe(options.recipe, frame)
    out: Path = options.out or options.file.with_suffix(".flowml")
    for path in filter(None, (out, options.fast_out)):
        _check_writable(path)
    show = ProgressLine(sys.stderr)
    python_warnings.showwarning = _note  # type: ignore[assignment]
    interrupted = _Interrupted()
    run = find_model(
        frame,
        {column.name: column.role for column in columns},
        target=options.target,
        problem_type=options.problem_type,
        metric=options.metric,
        cv=options.cv,
        weight_column=options.weight,
        # The time is asked for from the start to the written file, reading included.
        time_budget_seconds=options.budget,
        began=STARTED,
        max_trials=options.max_trials,
        algorithm_names=options.algorithms,
        seed=options.seed,
        n_jobs=usable_cores(),
        prepared_by=prepared_by,
        notations=notations,
        on_note=lambda note: print(f"note: {note}", file=sys.stderr),
        on_progress=show.update,
        stopped=interrupted,
    )
    show.close()
    _write_whole(out, modelfile.write(run.model))
    fast_out = options.fast_out if run.twin is not None else None
    if fast_out is not None and run.twin is not None:
        _write_whole(fast_out, modelfile.write(run.twin.model))
    if options.json:
        print(json.dumps(run_as_json(run, out, fast_out), allow_nan=False))
    else:
        print(leaderboard_text(run))
        print(f"\nThe best model is in {out}. Use it: flowml predict {out} FILE -o predictions.csv")
        if fast_out is not None:
            print(f"Its fast twin is in {fast_out}.")
    if options.fast_out and fast_out is None:
        print("note: There was no time for a fast twin.", file=sys.stderr)
    sys.stdout.flush()
    sys.stderr.flush()
    end_engine_process()
    # Nothing is left to do, and taking down the libraries in good order takes a while.
    os._exit(130 if interrupted() else 0)


def _with_recipe(path: Path, frame: Any) -> tuple[Any, Any, tuple[Any, Any]]:
    """The table with the operations of a file done, its columns, and how it came about."""
    from flowml.data.profiling.profile import profile
    from flowml.data.recipes.checking import check_operations
    from flowml.data.recipes.transform import transform_frame

    try:
        operations = check_operations(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        if isinstance(error, FlowMLError):
            raise
        raise InvalidInput(f"{path} is not a recipe: it has to be a JSON list of operations.") from error
    done, resolved, remarks = transform_frame(frame, operations)
    for remark in remarks:
        print(f"note: {remark.text}", file=sys.stderr)
    return done, profile(done).columns, (frame.lazy(), resolved)


class _Interrupted:
    """Whether Ctrl-C has been pressed: then the run ends with the best so far. A second time ends everything."""

    def __init__(self) -> None:
        self._pressed = False
        signal.signal(signal.SIGINT, self._press)

    def __call__(self) -> bool:
        return self._pressed

    def _press(self, *_: object) -> None:
        if self._pressed:
            raise KeyboardInterrupt
        self._pressed = True


def _note(message: Warning | str, *_: object) -> None:
    print(f"note: {message}", file=sys.stderr)


def _check_writable(out: Path) -> None:
    """Before the work, so that its result has a place. Raises InvalidInput."""
    try:
        if out.is_dir():
            raise IsADirectoryError(errno.EISDIR, "it is a folder")
        probe = out.with_name(out.name + ".part")
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise InvalidInput(
            f"The model cannot be written to {out}: {(error.strerror or str(error)).lower()}."
        ) from error


def _write_whole(path: Path, content: bytes) -> None:
    temporary = path.with_name(path.name + ".part")
    temporary.write_bytes(content)
    temporary.replace(path)
