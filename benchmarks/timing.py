"""How fast a model file answers: python benchmarks/timing.py MODEL.flowml TABLE.csv

Prints {"one_row_ms", "rows_a_second"}.
"""

import json
import statistics
import sys
import time
from pathlib import Path

import polars as pl

from flowml.automl.model import modelfile

ROWS = 200
REPEATS = 3


def main(model_file: str, table_file: str) -> None:
    model = modelfile.read(Path(model_file))
    frame = pl.read_csv(table_file, infer_schema_length=None)
    rows = frame.head(ROWS).to_dicts()
    model.predict_row(rows[0])
    times = []
    for row in rows:
        started = time.perf_counter()
        model.predict_row(row)
        times.append(time.perf_counter() - started)
    batches = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        model.predict(frame)
        batches.append(time.perf_counter() - started)
    print(
        json.dumps(
            {
                "one_row_ms": 1000 * statistics.median(times),
                "rows_a_second": frame.height / statistics.median(batches),
            }
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
