"""What the API answers to requests made up from its own description: no mistake of the server, and no status or media
type that the description does not name.

Each address is asked twice: about the data set, the run and the model that there are, edges first, and about made-up
ones. Three minutes on two cores.

python -m pip install --no-deps --require-hashes -r requirements-bench.txt
python -m benchmarks.schemathesis
python -m benchmarks.schemathesis --examples 200 --seed 7
"""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import tables
from benchmarks.server import Server, flowml_command

_CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
_ROOT = Path(__file__).resolve().parents[1]
_RUN_SECONDS = 5
_ENVIRONMENT = {"FLOWML_MAX_UPLOAD_MB": "1"}


def prepare(server: Server, folder: Path) -> dict[str, str]:
    """A data set with a model; what to call each in a request."""
    dataset = server.upload(tables.write_csv(tables.passengers(300), folder / "passengers.csv"))["id"]
    job = server.train(dataset, "Survived", _RUN_SECONDS, algorithms=["logistic_regression"])["id"]
    model = server.wait(job, 90)["best_model_id"]
    return {"dataset_id": dataset, "job_id": job, "model_id": model, "column": "Age", "target": "Survived"}


def asked(server: Server, folder: Path, ids: dict[str, str], examples: int, seed: int) -> bool:
    """Whether all answers were as described. With `ids`, of what there is, nothing is deleted."""
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"http://127.0.0.1:{server.port}/api/openapi.json"]
    command += [
        "--checks",
        _CHECKS,
        "--phases",
        "coverage,fuzzing" if ids else "fuzzing",
        "--continue-on-failure",
        "--no-shrink",
    ]
    command += ["--max-examples", str(examples), "--seed", str(seed), "--request-timeout", "30", "--warnings", "off"]
    command += ["--exclude-method", "DELETE"] if ids else []
    path = os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH", ""))))
    environment = {"SCHEMATHESIS_HOOKS": "benchmarks.schemathesis_ids", "FLOWML_BENCHMARK_IDS": json.dumps(ids)}
    # It remembers in its folder what has failed before.
    found = subprocess.run(command, cwd=folder, env={**os.environ, **environment, "PYTHONPATH": path}, check=False)
    return found.returncode == 0


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--command", help='what to measure: path/flowml.pyz, "flowml" (default: this environment)')
    parser.add_argument("--examples", type=int, default=15, help="made up for each address, beside the edges")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    if importlib.util.find_spec("schemathesis") is None:
        raise SystemExit(
            "Schemathesis is not installed: python -m pip install --no-deps --require-hashes -r requirements-bench.txt"
        )
    started, command = time.monotonic(), flowml_command(given.command)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        with Server(home, command, environment=_ENVIRONMENT) as server:
            ids = prepare(server, Path(folder))
        # What is started now waits, so that no training takes the machine from what is measured.
        with Server(home, command, environment={**_ENVIRONMENT, "FLOWML_LOCAL_SLOTS": "0"}) as server:
            outcomes = [asked(server, Path(folder), known, given.examples, given.seed) for known in (ids, {})]
            made = server.get("/api/datasets?limit=1")["total"], server.get("/api/training?limit=1")["total"]
    print(f"asked for {time.monotonic() - started:.0f} s; there are {made[0]} data sets and {made[1]} runs now")
    if not all(outcomes):
        raise SystemExit("an answer was not as the description says")


if __name__ == "__main__":
    main()
