"""How good the models are for the time: FlowML and its peers on the same tasks, one after another.

    python -m benchmarks.quality                                       tables made up here, FlowML and LightGBM
    python -m benchmarks.quality --data FOLDER --task titanic --budget 60 --out runs.jsonl
    python -m benchmarks.quality --data FOLDER --peer flaml=VENV/bin/python --peer autogluon=VENV/bin/python

A task is a folder with train.csv, test.csv and meta.json ({"target", "problem_type", "positive_class"?}). FlowML runs
as `flowml train` in a fresh process: the wall clock goes from the start of the process to the model on disk, with the
reading of the file in it. Peers run in the Python that has them; their wall clock is that of the fit alone, as they
count it. Loss: 1 - AUC for two classes, log loss for more, RMSE for numbers, on the test file.
"""

import argparse
import json
import math
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.report import table
from benchmarks.scoring import score
from benchmarks.server import flowml_command
from benchmarks.tasks import Task, find_tasks, made_tasks
from benchmarks.watch import run_watched

HERE = Path(__file__).parent
METRIC = {"1 - AUC": "roc_auc", "log loss": "log_loss", "RMSE": "rmse"}
MEBIBYTE = 1 << 20


@dataclass(frozen=True)
class Line:
    """One fit. Sizes in bytes; `overall_score` is what the system itself states, in the metric's direction."""

    system: str
    task: str
    seed: int
    budget_seconds: float
    loss_name: str
    loss: float
    accuracy: float | None
    r2: float | None
    wall_seconds: float
    peak_bytes: int
    model_bytes: int
    one_row_ms: float
    rows_a_second: float
    first_model_seconds: float | None
    own_score: float | None
    estimate: float | None
    trials: int | None
    best: str | None


def loss_name(task: Task) -> str:
    if task.regression:
        return "RMSE"
    return "1 - AUC" if task.positive is not None else "log loss"


def flowml_line(task: Task, budget: float, seed: int, command: Sequence[str], folder: Path) -> Line:
    """Train in a fresh process; then load the model in another and measure it."""
    model, predicted = folder / "model.flowml", folder / "predictions.csv"
    model.unlink(missing_ok=True)
    name = loss_name(task)
    kind = "regression" if task.regression else "classification"
    watched = run_watched(
        [
            *(*command, "train", str(task.train), "--target", task.target, "--budget", f"{budget:g}s"),
            *("--metric", METRIC[name], "--problem-type", kind, "--seed", str(seed), "--out", str(model), "--json"),
        ],
        limit_seconds=3 * budget + 60,
        cwd=folder,
    )
    run = json.loads(watched.output)
    predicting = [*command, "predict", str(model), str(task.test), "-o", str(predicted)]
    run_watched(predicting, limit_seconds=300, cwd=folder)
    timing = json.loads(
        run_watched([sys.executable, str(HERE / "timing.py"), str(model), str(task.test)], limit_seconds=300).output
    )
    scores = score(task, predicted)
    first = run.get("first_model_seconds")
    return Line(
        system="flowml",
        task=task.name,
        seed=seed,
        budget_seconds=budget,
        **asdict(scores),
        wall_seconds=watched.wall_seconds,
        peak_bytes=watched.peak_bytes,
        model_bytes=model.stat().st_size,
        one_row_ms=timing["one_row_ms"],
        rows_a_second=timing["rows_a_second"],
        # The process itself takes a moment to get to its own clock.
        first_model_seconds=None if first is None else first + max(0.0, watched.wall_seconds - run["elapsed_seconds"]),
        own_score=run["leaderboard"][0]["score"],
        estimate=(run.get("estimate") or {}).get("score"),
        trials=len(run["leaderboard"]),
        best=run["leaderboard"][0]["algorithm"],
    )


def peer_line(name: str, python: str, task: Task, budget: float, folder: Path) -> Line:
    """One fit of a peer."""
    out = folder / name
    watched = run_watched(
        [python, str(HERE / "peers.py"), name, str(task.train.parent), f"{budget:g}", str(out)],
        limit_seconds=3 * budget + 180,
        cwd=folder,
    )
    result = json.loads((out / "result.json").read_text(encoding="utf-8"))
    return Line(
        system=name,
        task=task.name,
        seed=0,
        budget_seconds=budget,
        **asdict(score(task, out / "predictions.csv")),
        wall_seconds=result["fit_seconds"],
        peak_bytes=watched.peak_bytes,
        model_bytes=result["model_bytes"],
        one_row_ms=result["one_row_ms"],
        rows_a_second=result["rows_a_second"],
        first_model_seconds=None,
        own_score=None,
        estimate=None,
        trials=None,
        best=None,
    )


def geometric_mean(values: Sequence[float]) -> float:
    return math.exp(sum(math.log(one) for one in values) / len(values)) if values else math.nan


def known_losses(path: Path) -> dict[str, dict[str, float]]:
    """Peers' losses by task from a file of lines that `--out` wrote, or {"peer", "task", "primary_value"} lines."""
    found: dict[str, dict[str, float]] = {}
    for text in path.read_text(encoding="utf-8").splitlines():
        line = json.loads(text)
        system, value = line.get("system", line.get("peer")), line.get("loss", line.get("primary_value"))
        if system in (None, "flowml") or value is None:
            continue
        loss = 1 - value if line.get("primary") == "auc" else value
        name = f"{system} {line['config']}" if line.get("config") else system
        best = found.setdefault(line["task"], {})
        best[name] = min(loss, best.get(name, math.inf))
    return found


def compare(lines: Sequence[Line], known: dict[str, dict[str, float]]) -> str:
    """FlowML's loss over each peer's; a task's FlowML loss is the geometric mean over its seeds."""
    own: dict[str, list[float]] = {}
    losses = {task: dict(values) for task, values in known.items()}
    for line in lines:
        if line.system == "flowml":
            own.setdefault(line.task, []).append(line.loss)
        else:
            losses.setdefault(line.task, {})[line.system] = line.loss
    systems = sorted({name for task in own for name in losses.get(task, {})})
    rows: list[tuple[object, ...]] = []
    for task, values in own.items():
        mine = geometric_mean(values)
        ratios = [mine / losses[task][name] if name in losses.get(task, {}) else None for name in systems]
        best = min(losses.get(task, {}).values(), default=None)
        rows.append((task, mine, *ratios, None if best is None else mine / best))
    if len(rows) > 1:
        means: list[object] = []
        for column in range(2, len(systems) + 3):
            values = [float(str(row[column])) for row in rows if row[column] is not None]
            means.append(geometric_mean(values) if len(values) == len(rows) else None)
        rows.append(("geometric mean", None, *means))
    header = ("task", "flowml", *(f"over {name}" for name in systems), "over the best")
    return table(header, rows, title="FlowML's test loss over the peers'")


def shown(lines: Sequence[Line]) -> str:
    header = (
        *("system", "task", "budget s", "loss", "test loss", "accuracy", "R²", "wall s", "peak MiB", "model MiB"),
        *("one row ms", "rows/s", "first model s", "trials", "best"),
    )
    rows = [
        (
            *(line.system, line.task, line.budget_seconds, line.loss_name, line.loss, line.accuracy, line.r2),
            *(line.wall_seconds, line.peak_bytes // MEBIBYTE, line.model_bytes / MEBIBYTE, line.one_row_ms),
            *(round(line.rows_a_second), line.first_model_seconds, line.trials, line.best),
        )
        for line in lines
    ]
    return table(header, rows, title="Quality")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of task folders, or one task folder")
    parser.add_argument("--task", action="append", default=[], help="only this one; may be given again")
    parser.add_argument("--budget", type=float, default=60, help="seconds a fit (default: 60)")
    parser.add_argument("--seed", type=int, action="append", default=[], help="may be given again (default: 0)")
    parser.add_argument(
        "--peer", action="append", default=[], help="NAME=PYTHON; NAME: lightgbm, flaml, autogluon, h2o"
    )
    parser.add_argument("--known", type=Path, help="lines with losses that peers reached earlier")
    parser.add_argument("--out", type=Path, help="append one line of JSON a fit")
    parser.add_argument("--command", help='what to measure: path/flowml.pyz, "flowml" (default: this environment)')
    given = parser.parse_args(arguments)
    peers = [peer.split("=", 1) if "=" in peer else (peer, sys.executable) for peer in given.peer]
    if not given.peer and given.known is None:
        peers = [("lightgbm", sys.executable)]
    lines: list[Line] = []
    with tempfile.TemporaryDirectory(prefix="flowml-quality-") as name:
        folder = Path(name)
        for task in find_tasks(given.data, given.task) if given.data else made_tasks(folder, given.task):
            for seed in given.seed or [0]:
                lines.append(flowml_line(task, given.budget, seed, flowml_command(given.command), folder))
                _note(lines[-1], given.out)
            for peer, python in peers:
                lines.append(peer_line(peer, python, task, given.budget, folder))
                _note(lines[-1], given.out)
    print(shown(lines))
    print(compare(lines, known_losses(given.known) if given.known else {}))


def _note(line: Line, out: Path | None) -> None:
    print(f"{line.system} {line.task}: {line.loss_name} {line.loss:.6g}, {line.wall_seconds:.1f} s", file=sys.stderr)
    if out is not None:
        with out.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(line)) + "\n")


if __name__ == "__main__":
    main()
