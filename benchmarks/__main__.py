"""All measurements, one after the other: `make bench`, or `python -m benchmarks`."""

import argparse
from pathlib import Path

from benchmarks import (
    big_files,
    budget,
    busy,
    clock,
    crash,
    estimate,
    gpu,
    hostile,
    log_samples,
    many_runs,
    model_mutations,
    quality,
    samples,
    scale,
    serving,
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", help="folder of task folders (train.csv, test.csv, meta.json) for quality and budget")
    parser.add_argument("--task", action="append", default=[], help="only this one; may be given again")
    parser.add_argument("--budget", default="60", help="seconds of a job for quality (default: 60)")
    parser.add_argument("--samples", help="folder of files of any format; logs/ with NAME.expected.csv")
    given = parser.parse_args()
    tasks = [word for name in given.task for word in ("--task", name)]
    data = ["--data", given.data] if given.data else []
    quality.main([*data, *tasks, "--budget", given.budget])
    budget.main([*data, *tasks])
    clock.main([])
    busy.main([])
    estimate.main([*data, *tasks, "--splits", "3"])
    crash.main([])
    scale.main([])
    big_files.main([])
    hostile.main([])
    many_runs.main([])
    model_mutations.main([])
    if given.samples:
        samples.main([given.samples])
        log_samples.main([str(Path(given.samples) / "logs")])
    gpu.main([])
    serving.main([])
    for name in ("flowml.pyz", "flowml-lean.pyz"):
        path = Path("dist") / name
        if path.is_file():
            print(f"\n{path}")
            serving.main(["--starts-only", "--command", str(path)])


if __name__ == "__main__":
    main()
