"""What the hostile files of the tests cost: seconds and peak memory of the process that reads them.

python -m benchmarks.hostile [words of a case's name]
"""

import sys
import tempfile
from pathlib import Path

from tests.data.hostile_files import HOSTILE
from tests.data.measuring import import_measured


def main(arguments: list[str] | None = None) -> None:
    """Print a table."""
    wanted = " ".join(sys.argv[1:] if arguments is None else arguments)
    print("| file | size | seconds | peak | answer |\n| --- | --- | --- | --- | --- |")
    for name, (filename, build) in HOSTILE.items():
        if wanted not in name:
            continue
        with tempfile.TemporaryDirectory() as folder:
            content = build(Path(folder))
            path = Path(folder) / "upload"
            path.write_bytes(content.encode() if isinstance(content, str) else content)
            del content
            found = import_measured(path, filename)
            size = path.stat().st_size
        answer = f"{found.error}: {(found.detail or '')[:110]}" if found.error else "READ"
        peak = found.peak_bytes / (1 << 20)
        print(f"| {name} | {size / 1e6:,.1f} MB | {found.seconds:.1f} | {peak:.0f} MiB | {answer} |", flush=True)


if __name__ == "__main__":
    main()
