"""The command line: `flowml …`, `python -m flowml …`, `./flowml.pyz …` alike.

Exit codes: 0 done, 1 failed (one line on stderr), 2 wrong usage, 130 interrupted.
"""

import argparse
import errno
import json
import logging
import os
import re
import signal
import sys
import time
import traceback
import warnings as python_warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from flowml import __version__
from flowml.domain.errors import FlowMLError, InvalidInput, StartupError
from flowml.domain.jobs import ProblemTypeChoice
from flowml.domain.models import MADE_AT_ONCE

if TYPE_CHECKING:
    from flowml.data.format import Limits
    from flowml.library.run import Progress, Run
    from flowml.services.settings import Settings

_STARTED = time.monotonic()
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    parser = build_parser()
    options = parser.parse_args(arguments)
    command: Callable[[argparse.Namespace], int] | None = getattr(options, "command", None)
    if command is None:
        parser.print_help()
        return 2
    try:
        return command(options)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of our output has gone; nobody is left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except FlowMLError as error:
        if options.debug:
            traceback.print_exc()
        print(f"flowml: {' '.join(filter(None, (error.detail, error.hint)))}", file=sys.stderr)
        return 1
    except Exception as error:
        if options.debug:
            traceback.print_exc()
        print(f"flowml: {type(error).__name__}: {error} (--debug shows more)", file=sys.stderr)
        return 1


def build_parser() -> argparse.ArgumentParser:
    """Every command and option."""
    parser = argparse.ArgumentParser(prog="flowml", description="From a table to a served model, on your own machines.")
    parser.add_argument("--version", action="version", version=f"flowml {__version__}")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--debug", action="store_true", help="show where an error came from")
    reading = argparse.ArgumentParser(add_help=False)
    reading.add_argument(
        "--option",
        dest="options",
        action="append",
        type=_reading_option,
        default=[],
        metavar="NAME=VALUE",
        help="how to read the file, where that was decided wrongly: delimiter=';', sheet=2024, header=false, …",
    )
    parser.set_defaults(debug=False)
    commands = parser.add_subparsers(title="commands", metavar="")

    serve = commands.add_parser(
        "serve",
        parents=[common],
        help="the server: pages, API, training",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=_settings_help(),
    )
    serve.add_argument("--host", help="address to listen on (127.0.0.1)")
    serve.add_argument("--port", type=_whole_number(0, 65535), help="port to listen on (8000)")
    serve.add_argument("--home", type=Path, help="folder for everything FlowML stores (~/.flowml)")
    serve.add_argument("--local-slots", type=_whole_number(0, 256), help="trials trained at once on this machine")
    serve.set_defaults(command=_serve)

    train = commands.add_parser("train", parents=[common, reading], help="train on a file, without a server")
    train.add_argument("file", type=Path)
    train.add_argument("--target", required=True, help="the column to predict")
    train.add_argument("--budget", type=_duration, default=60.0, help="time, such as 60s, 5m or 1h (60s)")
    train.add_argument("--metric", default="auto", help="what to optimise (accuracy or r2)")
    train.add_argument(
        "--problem-type", choices=get_args(ProblemTypeChoice), default="auto", help="a class or a number"
    )
    train.add_argument(
        "--cv", default="auto", help="auto, stratified, together, group:COLUMN or time:COLUMN: what tests a model"
    )
    train.add_argument("--weight", metavar="COLUMN", help="the column that says how much each row counts")
    train.add_argument("--algorithms", type=_names, help="only these, separated by commas")
    train.add_argument("--max-trials", type=_whole_number(1, 100_000), help="stop after so many trials")
    train.add_argument("--seed", type=_whole_number(0, 999_999_999), default=0, help="seed of everything random (0)")
    train.add_argument("--out", type=Path, help="write the best model here (FILE.flowml beside the table)")
    train.add_argument("--fast-out", type=Path, help="write its fast twin here: one small model, a little less good")
    train.add_argument(
        "--recipe",
        type=Path,
        metavar="STEPS.json",
        help="do these operations first: a JSON list such as a data set's recipe; the model then does them to new rows",
    )
    train.add_argument("--json", action="store_true", help="print the result as JSON")
    train.set_defaults(command=_train)

    predict = commands.add_parser("predict", parents=[common, reading], help="score a file with a model file")
    predict.add_argument("model", type=Path)
    predict.add_argument("file", type=Path)
    predict.add_argument(
        "-o", "--out", type=Path, help="csv, parquet or jsonl by its extension (standard output as csv)"
    )
    predict.set_defaults(command=_predict)

    inspect = commands.add_parser("inspect", parents=[common, reading], help="read a file and say what is in it")
    inspect.add_argument("file", type=Path)
    inspect.add_argument("--json", action="store_true", help="for machines")
    inspect.set_defaults(command=_inspect)

    doctor = commands.add_parser("doctor", parents=[common], help="what this machine can do")
    doctor.add_argument("--json", action="store_true", help="for machines")
    doctor.set_defaults(command=_doctor)
    return parser


def _serve(options: argparse.Namespace) -> int:
    import uvicorn

    from flowml import app

    settings = _settings(options)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("huey").setLevel(logging.WARNING)
    if settings.host not in _LOOPBACK:
        raise StartupError(
            f"Listening on {settings.host} is refused: everyone who reaches that address could use this server.",
            hint="Listen on 127.0.0.1; another address needs credentials, which this version does not have yet.",
        )
    socket = _bind(settings.host, settings.port)
    server = app.Server(settings)
    host, port = socket.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host

    class Announcing(uvicorn.Server):
        async def startup(self, sockets: Any = None) -> None:
            await super().startup(sockets)
            if self.started:
                print(f"FlowML {__version__} is ready at http://{shown}:{port}", flush=True)

    config = uvicorn.Config(
        app.build(server),
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=2,
        ws_max_size=1 << 16,
    )
    # uvicorn shuts down on SIGTERM and then raises it again for whoever was there before: for us that is the end.
    signal.signal(signal.SIGTERM, lambda *_: None)
    Announcing(config).run(sockets=[socket])
    return 0


def _settings(options: argparse.Namespace) -> "Settings":
    from pydantic import ValidationError

    from flowml.services.settings import Settings

    given = {
        name: value
        for name in ("host", "port", "home", "local_slots")
        if (value := getattr(options, name, None)) is not None
    }
    try:
        return Settings(**given)
    except ValidationError as error:
        problem = error.errors()[0]
        name = str(problem["loc"][0]) if problem["loc"] else "a setting"
        raise StartupError(f"FLOWML_{name.upper()} cannot be used: {problem['msg'].lower()}.") from None


def _bind(host: str, port: int) -> Any:
    import socket

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(1024)
    except OSError as error:
        listening.close()
        raise StartupError(
            f"Port {port} on {host} cannot be used: {(error.strerror or str(error)).lower()}.",
            hint="Another program may be using it. Choose another with --port.",
        ) from error
    listening.set_inheritable(False)
    return listening


def _train(options: argparse.Namespace) -> int:
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
    from flowml.library.run import train

    with _limited(options.file) as limits:
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
    show = _ProgressLine(sys.stderr)
    python_warnings.showwarning = _note  # type: ignore[assignment]
    interrupted = _Interrupted()
    run = train(
        frame,
        {column.name: column.role for column in columns},
        target=options.target,
        problem_type=options.problem_type,
        metric=options.metric,
        cv=options.cv,
        weight_column=options.weight,
        # The time is asked for from the start to the written file, reading included.
        time_budget_seconds=options.budget,
        began=_STARTED,
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
        print(json.dumps(_run_as_json(run, out, fast_out), allow_nan=False))
    else:
        print(_leaderboard_text(run))
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


@contextmanager
def _limited(path: Path) -> Iterator["Limits"]:
    """The limits of the server for a file that this command reads itself; what goes beyond them ends the command."""
    from flowml.data.format import Limits
    from flowml.data.guard import guarded

    limits = Limits()
    if any(name in os.environ for name in ("FLOWML_MAX_ROWS", "FLOWML_MAX_COLUMNS", "FLOWML_IMPORT_TIMEOUT_SECONDS")):
        settings = _settings(argparse.Namespace())
        limits = Limits(settings.max_rows, settings.max_columns, settings.import_timeout_seconds)

    def end(problem: FlowMLError) -> None:
        print(f"flowml: {problem.detail} {problem.hint}", file=sys.stderr, flush=True)
        os._exit(1)

    with guarded(path, timeout_seconds=limits.timeout_seconds, end=end):
        yield limits


def _reading_option(text: str) -> tuple[str, Any]:
    """`header=false` as a name and a value: JSON where it is some, else a text."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"“{text}” is not NAME=VALUE")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


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


def _run_as_json(run: "Run", out: Path, fast_out: Path | None) -> dict[str, Any]:
    twin = run.twin
    return {
        "problem_type": str(run.task.problem_type),
        "metric": run.task.metric,
        "model": str(out),
        "elapsed_seconds": time.monotonic() - _STARTED,
        "first_model_seconds": run.first_model_seconds,
        "validation": asdict(run.task.validation),
        "notes": list(run.notes),
        "best_score": None if run.estimate is None else run.estimate.score,
        "best_score_low": None if run.estimate is None else run.estimate.low,
        "best_score_high": None if run.estimate is None else run.estimate.high,
        "baseline_score": run.baseline_score,
        "positive_class": run.task.positive_class,
        "estimate": None if run.estimate is None else run.estimate.state(),
        "fast_twin": None
        if twin is None
        else {
            "model": None if fast_out is None else str(fast_out),
            "algorithm": twin.algorithm,
            "score": twin.score,
            "loss_of_quality": twin.loss_of_quality,
            "is_best_model": twin.existing and twin.loss_of_quality == 0.0,
            "made": twin.method,
        },
        "leaderboard": [
            {
                "rank": entry.rank,
                "algorithm": entry.algorithm,
                "score": entry.score,
                "score_std": entry.score_std,
                "fit_seconds": entry.fit_seconds,
                "predict_ms": entry.predict_ms,
                "params": dict(entry.params),
            }
            for entry in run.leaderboard
        ],
        "failures": dict(run.failures),
        "unfinished": list(run.unfinished),
    }


def _not_trained(run: "Run") -> list[str]:
    """What the leaderboard does not have, and why."""
    from flowml.automl import algorithms

    lines = []
    if run.unfinished:
        lines.append(f"\nNot finished in time: {', '.join(algorithms.get(name).title for name in run.unfinished)}.")
    for name, reason in run.failures.items():
        lines.append(f"\n{algorithms.get(name).title} failed: {reason}")
    if all(entry.algorithm in MADE_AT_ONCE for entry in run.leaderboard):
        more = "" if run.failures else " A larger --budget has room for more."
        lines.append(f"\nOnly what is made at once is there; no algorithm was trained.{more}")
    return lines


def _leaderboard_text(run: "Run") -> str:
    lines = [
        f"{run.task.reason} {run.task.validation.reason}\n\nScores in testing:",
        f"{'':>3} {'model':<36}{run.task.metric:>12}{'± folds':>10}{'fit s':>9}{'one row ms':>12}",
    ]
    for entry in run.leaderboard[:15]:
        latency = "" if entry.predict_ms is None else f"{entry.predict_ms:.3f}"
        lines.append(
            f"{entry.rank:>3} {entry.title:<36}{entry.score:>12.5g}{entry.score_std:>10.2g}"
            f"{entry.fit_seconds:>9.1f}{latency:>12}"
        )
    if len(run.leaderboard) > 15:
        lines.append(f"    … and {len(run.leaderboard) - 15} more")
    lines.append(f"\n{_headline_text(run)}")
    lines += _not_trained(run)
    if run.twin is not None and not run.twin.existing:
        lines.append(f"The fast twin loses {max(run.twin.loss_of_quality, 0.0):.2g} of {run.task.metric}.")
    return "\n".join(lines)


def _headline_text(run: "Run") -> str:
    """“Accuracy 80 %, 78 to 82 % on new rows; a constant guess: 62 %”, as the pages write it."""
    from flowml.web.headline import headline_of
    from flowml.web.words import metric_of

    found, metric = run.estimate, run.task.metric
    title = metric_of(metric, run.task.positive_class).title
    score, low, high = (None, None, None) if found is None else (found.score, found.low, found.high)
    shown = headline_of(title, metric, score, low, high, run.baseline_score)
    return "; ".join(filter(None, (", ".join(filter(None, (f"{title} {shown.value}", shown.range))), shown.constant)))


class _ProgressLine:
    """One line that is written over, on a terminal; silence elsewhere."""

    def __init__(self, stream: Any):
        self._stream = stream
        self._shown = stream.isatty()

    def update(self, progress: "Progress") -> None:
        if not self._shown:
            return
        share = min(1.0, progress.elapsed_seconds / progress.budget_seconds)
        bar = "█" * round(24 * share) + "░" * (24 - round(24 * share))
        best = "" if progress.best_score is None else f"best {progress.best_score:.4g} ({progress.best_algorithm})"
        self._stream.write(
            f"\r\x1b[2K{bar} {progress.elapsed_seconds:4.0f}/{progress.budget_seconds:.0f} s  "
            f"{progress.trials_finished} models  {best}"
        )
        self._stream.flush()

    def close(self) -> None:
        if self._shown:
            self._stream.write("\r\x1b[2K")


def _predict(options: argparse.Namespace) -> int:
    from flowml.automl.model import modelfile
    from flowml.automl.model.batch import expected_columns, predict_table
    from flowml.data.expected import read_expected
    from flowml.data.writing.formats import write_csv_text, write_table

    model = modelfile.read(options.model)
    with _limited(options.file) as limits:
        expected = expected_columns(model.schema)
        table = read_expected(options.file, expected, None, dict(options.options), limits, now=time.time())
    scored, notes = predict_table(model, table)
    for note in notes:
        print(f"note: {note}", file=sys.stderr)
    if options.out is None:
        sys.stdout.write(write_csv_text(scored))
    else:
        write_table(scored, options.out)
        print(f"{scored.height} rows written to {options.out}", file=sys.stderr)
    return 0


def _inspect(options: argparse.Namespace) -> int:
    from flowml.data.inspect import format_inspection, inspect_file

    with _limited(options.file) as limits:
        found = inspect_file(options.file, dict(options.options), limits, now=time.time())
    print(json.dumps(found, ensure_ascii=False, allow_nan=False) if options.json else format_inspection(found))
    return 0


def _doctor(options: argparse.Namespace) -> int:
    from flowml.machine import capabilities

    found = capabilities.probe(fit_on_gpu=True)
    if options.json:
        print(json.dumps(found))
        return 0
    for name, value in found.items():
        if name not in ("gpus", "gpu_libraries"):
            print(f"{name:<20} {value}")
    for gpu in found["gpus"]:
        print(f"{'gpu ' + str(gpu['index']):<20} {gpu['name']}, {gpu['vram_gb']} GB")
    for name, library in found["gpu_libraries"].items():
        print(f"{name + ' on the gpu':<20} {'yes' if library['device'] else 'no: ' + library['reason']}")
    return 0


def _duration(text: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|m|h|)", text.strip().lower())
    seconds = float(match[1]) * {"s": 1, "": 1, "m": 60, "h": 3600}[match[2]] if match else 0.0
    if not 1 <= seconds <= 3600:
        raise argparse.ArgumentTypeError(f"“{text}” is not a time between 1s and 1h, such as 60s or 5m")
    return seconds


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _whole_number(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch(r"\d{1,9}", text) or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"“{text}” is not a whole number from {low} to {high}")
        return int(text)

    return parse


def _settings_help() -> str:
    # Built by hand from the settings' own descriptions only when help is asked for.
    if not {"-h", "--help"} & set(sys.argv):
        return ""
    from flowml.services.settings import Settings

    lines = ["Every setting is also an environment variable:"]
    for name, field in Settings.model_fields.items():
        lines.append(f"  FLOWML_{name.upper():<28} {field.description}")
    return "\n".join(lines)
