"""A run while somebody sets the time of day: two hours forward when it has begun, then an hour back.

python -m benchmarks.clock
python -m benchmarks.clock --command path/flowml.pyz

It is set for the processes of one server alone: each of them reads how far it is off from a file.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

from benchmarks import tables
from benchmarks.report import table
from benchmarks.server import ENDED, Server, flowml_command

_BUDGET = 20.0
_MOVES = {"nobody sets it": (0.0, 0.0), "+2 h, later 1 h back": (7200.0, 3600.0), "1 h back": (-3600.0, -3600.0)}
_PATCH = """
import time as _time
_real = _time.time

def _set():
    try:
        with open({path!r}) as file:
            return _real() + float(file.read() or 0)
    except (OSError, ValueError):
        return _real()

_time.time = _set
"""


def run(folder: Path, command: list[str], moves: tuple[float, float]) -> list[object]:
    """Seconds that a run took and that it says it took, how it ended, and how many trials were finished."""
    offset = folder / "offset"
    (folder / "sitecustomize.py").write_text(_PATCH.format(path=str(offset)))
    path = os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH"))))
    with Server(folder / "home", command, environment={"PYTHONPATH": path}) as server:
        dataset = server.upload(tables.write_csv(tables.passengers(), folder / "passengers.csv"))
        job = server.train(dataset["id"], "Survived", _BUDGET)
        began, left = time.monotonic(), [(4.0, moves[0]), (8.0, moves[1])]
        while (job := server.job(job["id"]))["status"] not in ENDED and time.monotonic() - began < 5 * _BUDGET:
            while left and time.monotonic() - began > left[0][0]:
                offset.write_text(str(left.pop(0)[1]))
            time.sleep(0.05)
        finished = sum(trial["status"] == "finished" for trial in server.trials(job["id"]))
        return [time.monotonic() - began, job["elapsed_seconds"], job["status"], finished]


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--command", help="the FlowML to measure (path/flowml.pyz); default: this environment's")
    given = parser.parse_args(arguments)
    rows = []
    for name, moves in _MOVES.items():
        with tempfile.TemporaryDirectory() as folder:
            rows.append([name, *run(Path(folder), flowml_command(given.command), moves)])
    print(table(["time of day", "took, s", "says, s", "status", "trials"], rows, f"a run of {_BUDGET:g} s"))


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
