"""What FlowML makes of the files in a folder: `python -m benchmarks.samples FOLDER…`.

Prints rows, columns, seconds, what was decided and every warning of each file, or the sentence it was refused with.
"""

import argparse
import tempfile
import time
from pathlib import Path

from flowml.data.format import Source
from flowml.data.formats.registry import read
from flowml.domain.errors import FlowMLError


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    for folder in parser.parse_args(arguments).folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.name.endswith(".expected.csv"):
                _show(path)


def _show(path: Path) -> None:
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        try:
            reading = read(Source(path, path.name, Path(scratch)))
        except FlowMLError as error:
            print(f"{path.name}: refused: {error.detail}")
            return
    seconds = time.perf_counter() - start
    rows, columns = reading.frame.shape
    print(f"{path.name}: {reading.format}, {rows:,} rows, {columns} columns, {seconds:.3f} s, {reading.decided}")
    print(f"    {', '.join(reading.frame.columns)}")
    for remark in reading.remarks:
        print(f"    {remark.severity}: {remark.text}")


if __name__ == "__main__":
    main()
