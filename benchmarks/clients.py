"""The clients of others: Triton's and MLflow's, MLflow's own server beside it, and a validator of OpenAPI.

python -m benchmarks clients --python ENV/bin/python

ENV has mlflow (or mlflow-skinny, fastapi, uvicorn, pandas, scikit-learn), pyarrow, tritonclient[http],
openapi-spec-validator and jsonschema. A small table is trained on, and `flowml serve-model` answers; a whole server
that has trained on it too is asked by MLflow's client, which names the model in the address. Fails where a check does.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.server import Server, free_port

_ROWS = 400
_PATIENCE_SECONDS = 120.0


def write_table(path: Path) -> None:
    """Customers: whoever is older than 40 has mostly bought, and spends more."""
    chance = random.Random(0)
    lines = ["age,city,member,bought,spent"]
    for _ in range(_ROWS):
        age, city = chance.randint(18, 80), chance.choice(["Bern", "Ulm", "Graz"])
        bought = "yes" if age + chance.gauss(0, 5) > 40 else "no"
        lines.append(f"{age},{city},{chance.random() < 0.5},{bought},{3 * age + chance.gauss(0, 4):.2f}")
    path.write_text("\n".join(lines) + "\n")


def train(folder: Path, target: str, name: str) -> Path:
    """A model file for one of the two targets."""
    other = "spent" if target == "bought" else "bought"
    table = folder / f"{name}.csv"
    lines = [line.split(",") for line in (folder / "table.csv").read_text().splitlines()]
    leave_out = lines[0].index(other)
    table.write_text("\n".join(",".join(v for at, v in enumerate(line) if at != leave_out) for line in lines) + "\n")
    out = folder / f"{name}.flowml"
    arguments = ["--target", target, "--budget", "20s", "--max-trials", "2", "--out", str(out)]
    subprocess.run([sys.executable, "-m", "flowml", "train", str(table), *arguments], check=True, capture_output=True)
    return out


@contextmanager
def serving(model: Path) -> Iterator[str]:
    """`flowml serve-model` with this file."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "flowml", "serve-model", str(model), "--port", str(port)],
        stdout=subprocess.PIPE,
        text=True,
        env={name: value for name, value in os.environ.items() if not name.startswith("FLOWML_")},
    )
    began = time.perf_counter()
    try:
        assert process.stdout is not None
        if not process.stdout.readline():
            raise SystemExit(f"flowml serve-model {model} does not start")
        print(f"  {model.name}: {time.perf_counter() - began:.2f} s from the command to the first line")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


@contextmanager
def whole(table: Path) -> Iterator[str]:
    """A whole server that has trained on this table: the address below which MLflow's client asks its model."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FLOWML_")}
    with Server(table.parent / "home", clean_environment=kept) as server:
        dataset = server.upload(table)
        job = server.train(dataset["id"], "bought", 20, max_trials=2)
        ended = server.wait(job["id"], _PATIENCE_SECONDS)
        if ended["best_model_id"] is None:
            raise SystemExit(f"the whole server has trained no model: {ended['status']}")
        yield f"http://127.0.0.1:{server.port}/models/{ended['best_model_id']}"


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="clients", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--python", required=True, help="the Python that has the clients")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="flowml-clients-") as name:
        folder = Path(name)
        write_table(folder / "table.csv")
        classes, numbers = train(folder, "bought", "classes"), train(folder, "spent", "numbers")
        with serving(classes) as one, serving(numbers) as other, whole(folder / "classes.csv") as model:
            script = str(Path(__file__).with_name("client_calls.py"))
            run = subprocess.run(
                [given.python, script, one, other, model, str(folder)],
                stdout=subprocess.PIPE,
                text=True,
                timeout=600,
                env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
            )
    checks = [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]
    for check in checks:
        print(
            f"  {'ok    ' if check['ok'] else 'FAILED'} {check['check']}{'' if check['ok'] else ': ' + check['detail']}"
        )
    failed = sum(not check["ok"] for check in checks)
    print(f"  {len(checks)} checks, {failed} of them failed")
    if run.returncode or failed or not checks:
        raise SystemExit("not all clients are served as they expect")
