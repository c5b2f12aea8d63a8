"""One row by others on the same table: MLflow's model server, BentoML's, AutoGluon's own predict, beside a bare echo.

python -m benchmarks serving_peers --data FOLDER/adult --mlflow ENV/bin/python --bentoml ENV/bin/python \\
    --autogluon ENV/bin/python

Each environment is measured only when it is given. MLflow's and BentoML's have mlflow or bentoml, scikit-learn and
pandas: they serve a pipeline of scikit-learn with its own gradient boosting. AutoGluon answers a table of one row in
its own process, without HTTP: it has no server.
"""

import argparse
import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from benchmarks.asking import answer, ask, request
from benchmarks.report import table
from benchmarks.server import free_port
from benchmarks.serving import MANY, Row, echo, table_of

_PATIENCE_SECONDS = 180.0
_FIT = """
import sys
import joblib, pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
path, target, folder = sys.argv[1:4]
table = pd.read_csv(path)
rows = table.drop(columns=target)
texts = [name for name in rows.columns if not pd.api.types.is_numeric_dtype(rows[name])]
one_hot = (OneHotEncoder(handle_unknown="ignore", sparse_output=False), texts)
model = make_pipeline(make_column_transformer(one_hot, remainder="passthrough"), HistGradientBoostingClassifier())
model.fit(rows, table[target])
"""
_MLFLOW = (
    _FIT
    + """
import mlflow.sklearn
mlflow.sklearn.save_model(model, folder + "/model", serialization_format="cloudpickle")
"""
)
_BENTOML = (
    _FIT
    + """
joblib.dump(model, folder + "/model.joblib")
"""
)
_SERVICE = """
import bentoml, joblib, pandas as pd

@bentoml.service
class Scorer:
    def __init__(self):
        self.model = joblib.load("model.joblib")

    @bentoml.api
    def predict(self, features: dict) -> list[float]:
        return self.model.predict_proba(pd.DataFrame([features]))[0].tolist()
"""
_AUTOGLUON = """
import json, sys, time
import pandas as pd
from autogluon.tabular import TabularPredictor
path, target, folder, rows, budget = sys.argv[1:6]
predictor = TabularPredictor(target, path=folder + "/autogluon", verbosity=0)
predictor.fit(pd.read_csv(path), time_limit=float(budget), presets="medium_quality")
predictor.persist()
tables = [pd.DataFrame([row]) for row in json.load(open(rows))]
taken = []
for one in tables[:20] + tables:
    began = time.perf_counter()
    predictor.predict_proba(one)
    taken.append((time.perf_counter() - began) * 1000)
taken = sorted(taken[20:])
print(json.dumps([taken[len(taken) // 2], taken[int(0.99 * (len(taken) - 1))]]))
"""


@contextmanager
def serving(command: Sequence[str], folder: Path, port: int, content: bytes) -> Iterator[None]:
    """A server that answers this request, ended with all that it has started."""
    # They start others by name, and those are beside their python.
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    environment["PATH"] = f"{Path(command[0]).parent}{os.pathsep}{environment['PATH']}"
    log = folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        until = time.monotonic() + _PATIENCE_SECONDS
        while not _answers(port, content):
            if process.poll() is not None or time.monotonic() > until:
                raise SystemExit(f"{' '.join(command)} does not answer:\n{log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.5)
        yield
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _run(python: Path, program: str, *arguments: str) -> str:
    """What a program in another environment says. Raises SubprocessError."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    command = [str(python), "-c", program, *arguments]
    found = subprocess.run(
        command, check=True, capture_output=True, text=True, env=environment, timeout=_PATIENCE_SECONDS
    )
    said: str = found.stdout
    return said


def _answers(port: int, content: bytes) -> bool:
    try:
        return answer(port, content)[0] == 200
    except (OSError, ValueError, IndexError):
        return False


def over_http(name: str, requests: Sequence[bytes], port: int, seconds: float) -> tuple[Any, ...]:
    """Latencies at one and at many connections."""
    alone, together = (ask(port, requests, seconds, count) for count in (1, MANY))
    figures = [figure for one in (alone, together) for figure in (one.quantile(0.5), one.quantile(0.99))]
    return (name, figures[0], figures[1], alone.per_second, figures[2], figures[3], together.per_second)


def mlflow(python: Path, table_path: Path, target: str, rows: Sequence[Row], folder: Path, seconds: float) -> Any:
    """MLflow's scoring server."""
    _run(python, _MLFLOW, str(table_path), target, str(folder))
    port = free_port()
    bodies = [json.dumps({"dataframe_records": [row]}).encode() for row in rows]
    requests = [request("/invocations", body, f"127.0.0.1:{port}") for body in bodies]
    command = [str(python), "-m", "mlflow", "models", "serve", "-m", "model", "--env-manager", "local"]
    with serving([*command, "-h", "127.0.0.1", "-p", str(port)], folder, port, requests[0]):
        return over_http("MLflow models serve", requests, port, seconds)


def bentoml(python: Path, table_path: Path, target: str, rows: Sequence[Row], folder: Path, seconds: float) -> Any:
    """BentoML's server."""
    _run(python, _BENTOML, str(table_path), target, str(folder))
    (folder / "service.py").write_text(_SERVICE)
    port = free_port()
    bodies = [json.dumps({"features": row}).encode() for row in rows]
    requests = [request("/predict", body, f"127.0.0.1:{port}") for body in bodies]
    command = [str(python), "-m", "bentoml", "serve", "service:Scorer", "--host", "127.0.0.1", "--port", str(port)]
    with serving(command, folder, port, requests[0]):
        return over_http("BentoML", requests, port, seconds)


def autogluon(
    python: Path, table_path: Path, target: str, rows: Sequence[Row], folder: Path, budget: float
) -> tuple[Any, ...]:
    """AutoGluon's predict_proba of a table of one row, in its own process."""
    (folder / "rows.json").write_text(json.dumps(rows))
    arguments = [str(table_path), target, str(folder), str(folder / "rows.json"), str(budget)]
    p50, p99 = json.loads(_run(python, _AUTOGLUON, *arguments).strip().splitlines()[-1])
    return ("AutoGluon predict_proba, no HTTP", p50, p99, 1000 / p50, None, None, None)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of one task of two classes (default: a table made up here)")
    parser.add_argument("--mlflow", type=Path, help="the python of an environment with it")
    parser.add_argument("--bentoml", type=Path, help="the python of an environment with it")
    parser.add_argument("--autogluon", type=Path, help="the python of an environment with it")
    parser.add_argument("--budget", type=float, default=60, help="seconds for AutoGluon to train (default: 60)")
    parser.add_argument("--seconds", type=float, default=3, help="of asking, for each figure (default: 3)")
    given = parser.parse_args(arguments)
    if not (given.mlflow or given.bentoml or given.autogluon):
        print("no environment of a peer was given: --mlflow, --bentoml, --autogluon")
        return
    with tempfile.TemporaryDirectory(prefix="flowml-peers-") as name:
        folder = Path(name)
        path, target, rows = table_of(folder, given.data)
        lines: list[tuple[Any, ...]] = []
        with echo() as port:
            bodies = [json.dumps({"features": row}).encode() for row in rows]
            requests = [request("/echo", body, "127.0.0.1") for body in bodies]
            lines.append(over_http("bare echo", requests, port, given.seconds))
        peers = (
            (mlflow, given.mlflow, given.seconds),
            (bentoml, given.bentoml, given.seconds),
            (autogluon, given.autogluon, given.budget),
        )
        for measure, python, seconds in peers:
            if python is None:
                continue
            place = folder / measure.__name__
            place.mkdir()
            began = time.perf_counter()
            try:
                lines.append(measure(python.absolute(), path.absolute(), target, rows, place, seconds))
            except (subprocess.SubprocessError, SystemExit, OSError) as error:
                # One that cannot be measured here takes nothing from the others.
                print(f"{measure.__name__}: {error}")
            print(f"{measure.__name__}: {time.perf_counter() - began:.0f} seconds", flush=True)
    many = f"at {MANY}"
    header = ("", "p50 ms", "p99 ms", "a second", f"p50 ms {many}", f"p99 ms {many}", f"a second {many}")
    print(table(header, lines, title="One row by others, on the same table"))


if __name__ == "__main__":
    main()
