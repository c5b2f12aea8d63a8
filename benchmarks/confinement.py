"""What it costs to confine a child: milliseconds of a core for each strength, in processes forked as the server's are,
and for the reading of a table with and without it.

    python -m benchmarks confinement --children 200

Prints the median of each, and what 99 % took no longer than.
"""

import argparse
import os
import statistics
import struct
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from flowml.data import tasks
from flowml.machine.confinement import confining
from flowml.machine.confinement.limits import Limits

_ROWS = 200_000


def in_children(work: Callable[[], None], children: int) -> list[float]:
    """The milliseconds of a core that it takes in so many processes forked from this one, one after the other."""
    found = []
    for _ in range(children):
        read, write = os.pipe()
        if os.fork() == 0:
            os.dup2(write, 1)
            began = time.process_time()
            work()
            os.write(1, struct.pack("d", (time.process_time() - began) * 1000))
            os._exit(0)
        os.close(write)
        with os.fdopen(read, "rb") as file:
            found.append(struct.unpack("d", file.read())[0])
        os.wait()
    return sorted(found)


def show(name: str, found: list[float]) -> None:
    late = found[int(0.99 * (len(found) - 1))]
    print(f"{name:32}{statistics.median(found):9.2f} ms{late:9.2f} ms", flush=True)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--children", type=int, default=100, help="processes of each kind (default: 100)")
    given = parser.parse_args(arguments)
    tasks.prepare()
    print(f"{'':32}{'median':>12}{'99 %':>12}")
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "t.csv"
        table.write_text("a,b\n" + "".join(f"{row},{row % 7}\n" for row in range(_ROWS)))
        reader = {"path": str(table), "target": folder, "scratch": folder}

        def confine() -> None:
            tasks.confine(reader, [table], [folder])

        def confine_code() -> None:
            confining.confine_code(Limits(1 << 30, 10, 1 << 20, 64))

        def read() -> None:
            import polars as pl

            pl.read_csv(table)

        def confine_and_read() -> None:
            confine()
            read()

        show("reader", in_children(confine, given.children))
        show("code", in_children(confine_code, given.children))
        few = max(5, given.children // 5)
        show(f"{_ROWS:,} rows of CSV", in_children(read, few))
        show(f"{_ROWS:,} rows of CSV, confined", in_children(confine_and_read, few))


if __name__ == "__main__":
    main()
