"""The measurements, one after the other: `make bench`, or some of them.

python -m benchmarks                         all that need nothing from outside
python -m benchmarks --list                  what there is
python -m benchmarks load --seconds 20       one, with options of its own (--help says which)
python -m benchmarks floods clock            several
"""

import argparse
import ast
import importlib
import sys
from itertools import takewhile
from pathlib import Path

_FOLDER = Path(__file__).parent
_WITHOUT_ARGUMENTS = (
    *("clock", "busy", "crash", "scale", "big_files", "hostile", "many_runs", "model_mutations", "load", "floods"),
    *("confinement", "invented"),
    *("full_disk", "fleet", "uplink", "dispatch", "chaos", "namespaces", "schemathesis"),
)


def measurements() -> dict[str, str]:
    """The names of all, and what each measures."""
    found = {}
    for path in sorted(_FOLDER.glob("[!_]*.py")):
        module = ast.parse(path.read_text())
        for node in module.body:
            if (
                isinstance(node, ast.FunctionDef)
                and node.name == "main"
                and [a.arg for a in node.args.args] == ["arguments"]
            ):
                found[path.stem] = " ".join((ast.get_docstring(module) or "").partition("\n\n")[0].split())
    return found


def run(name: str, arguments: list[str]) -> None:
    """One of them. Raises SystemExit where something is not as it should be."""
    print(f"\n{name}", flush=True)
    importlib.import_module(f"benchmarks.{name}").main(arguments)


def run_all(arguments: list[str]) -> None:
    """All of them; what fails does not end the others."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="folder of task folders (train.csv, test.csv, meta.json) for quality and budget")
    parser.add_argument("--task", action="append", default=[], help="only this one; may be given again")
    parser.add_argument("--budget", default="60", help="seconds of a job for quality (default: 60)")
    parser.add_argument("--samples", help="folder of files of any format; logs/ with NAME.expected.csv")
    parser.add_argument("--list", action="store_true", help="say what there is, and measure nothing")
    given = parser.parse_args(arguments)
    if given.list:
        print("\n".join(f"{name:18}{what}" for name, what in measurements().items()))
        return
    tasks = [word for name in given.task for word in ("--task", name)]
    data = ["--data", given.data] if given.data else []
    steps = [
        ("quality", [*data, *tasks, "--budget", given.budget]),
        ("budget", [*data, *tasks]),
        ("estimate", [*data, *tasks, "--splits", "3"]),
        ("places", [*data, *tasks]),
        *((name, []) for name in _WITHOUT_ARGUMENTS),
    ]
    if given.samples:
        steps += [("samples", [given.samples]), ("log_samples", [str(Path(given.samples) / "logs")])]
    steps += [("gpu", []), ("serving", [])]
    built = [path for path in (Path("dist/flowml.pyz"), Path("dist/flowml-lean.pyz")) if path.is_file()]
    steps += [("serving", ["--starts-only", "--command", str(path)]) for path in built]
    failed = []
    for name, its_own in steps:
        try:
            run(name, its_own)
        except (SystemExit, Exception) as error:
            if not isinstance(error, SystemExit) or error.code:
                failed.append(f"{name}: {error}")
    if failed:
        raise SystemExit("\n".join(("not as it should be:", *failed)))


def main(arguments: list[str]) -> None:
    names = list(takewhile(lambda word: not word.startswith("-"), arguments))
    known = measurements()
    for name in names:
        if name not in known:
            raise SystemExit(f"There is no measurement “{name}”; there are: {', '.join(known)}")
    if not names:
        run_all(arguments)
    for name in names:
        run(name, arguments[len(names) :])


if __name__ == "__main__":
    main(sys.argv[1:])
