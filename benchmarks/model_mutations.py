"""Model files that were damaged or made to do harm: what does reading them, and predicting with them, do to it?

python -m benchmarks.model_mutations --mutations 600 --seed 0
python -m benchmarks.model_mutations --tree ../other-checkout    the same files, read by another version
python -m benchmarks.model_mutations --algorithms catboost --show
python -m benchmarks.model_mutations --tried    read as files from elsewhere are, which another process has tried before

A model of each algorithm is changed in one place at a time: bits and numbers of its parts, its description, its zip.
Everything stands in a file that is whole otherwise, so that no check sum gives it away.
"""

import argparse
import hashlib
import io
import json
import os
import random
import re
import select
import struct
import subprocess
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks.report import table
from flowml.automl import algorithms
from flowml.automl.model import modelfile
from flowml.automl.task.task import prepare_task
from flowml.automl.trial.evaluate import EncodedFolds, evaluate
from flowml.domain.datasets import Role

PATIENCE_SECONDS = 60.0
ROWS = 400
ROLES = {
    "size": Role.NUMERIC,
    "price": Role.NUMERIC,
    "town": Role.CATEGORICAL,
    "street": Role.CATEGORICAL,
    "since": Role.DATETIME,
    "note": Role.TEXT,
    "y": Role.CATEGORICAL,
}
OUTCOMES = ("refused", "answers", "not finite", "foreign error", "ended", "hung")
HEADER = ("algorithm", "files", *OUTCOMES, "most CPU s", "most MiB")
Entries = dict[str, bytes]


def rows_of_people() -> pl.DataFrame:
    """Enough streets that CatBoost keeps statistics of them."""
    generator = np.random.default_rng(0)
    town, street = generator.integers(0, 5, ROWS), generator.integers(0, 70, ROWS)
    size, price = generator.normal(50, 20, ROWS), np.exp(generator.normal(3, 1, ROWS))
    signal = size / 20 + town + street % 7 + generator.normal(0, 1, ROWS)
    return pl.DataFrame(
        {
            "size": size,
            "price": [None if value < 6 else value for value in price],
            "town": [f"town {index}" for index in town],
            "street": [f"street {index}" for index in street],
            "since": pl.datetime_range(pl.datetime(2020, 1, 1), pl.datetime(2020, 12, 1), "20h", eager=True)[:ROWS],
            "note": [
                f"{'large' if value > 50 else 'small'} house, room {index % 9}" for index, value in enumerate(size)
            ],
            "y": [("low", "middle", "high")[index] for index in np.digitize(signal, np.quantile(signal, [0.3, 0.7]))],
        }
    )


def models(frame: pl.DataFrame, names: list[str]) -> dict[str, bytes]:
    """A file for each algorithm: of three classes, or of a number where it predicts nothing else."""
    found = {}
    for name in names:
        algorithm = algorithms.get(name)
        target = "y" if any("class" in str(kind) for kind in algorithm.problem_types) else "size"
        task = prepare_task(frame, ROLES, target=target)
        params = dict(algorithm.first_configurations(task.shape)[0])
        fitted = evaluate(task, EncodedFolds(task), algorithm, params, seed=0, threads=1, time_left=lambda: 20.0).model
        found[name] = modelfile.write(fitted)
    return found


def unzipped(content: bytes) -> Entries:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rehash(entries: Entries) -> None:
    """So that the hash is not all that is wrong: whoever makes a file by hand gets that right."""
    try:
        document = json.loads(entries["manifest.json"])
    except (ValueError, RecursionError):
        return
    if isinstance(document, dict) and "entries" in document:
        names = [name for name in entries if name != "manifest.json"]
        document["entries"] = {name: hashlib.sha256(entries[name]).hexdigest() for name in names}
        entries["manifest.json"] = json.dumps(document, ensure_ascii=False).encode()


def zipped(entries: Entries) -> bytes:
    rehash(entries)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return buffer.getvalue()


# Each changes the entries of a file in one place.


def _part(entries: Entries, chance: random.Random) -> str:
    return chance.choice([name for name in entries if name != "manifest.json"])


def bits(entries: Entries, chance: random.Random, others: list[Entries]) -> None:
    name = _part(entries, chance)
    content = bytearray(entries[name])
    for _ in range(chance.choice((1, 1, 3, 20))):
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    entries[name] = bytes(content)


def numbers(entries: Entries, chance: random.Random, others: list[Entries]) -> None:
    """A number in binary, where one may stand, becomes one that cannot be."""
    name = _part(entries, chance)
    content = bytearray(entries[name])
    value = chance.choice(
        [struct.pack("<i", number) for number in (-1, 0, 1, 2**31 - 1, -(2**31), 70_000)]
        + [struct.pack("<f", number) for number in (float("nan"), float("inf"), -3e38)]
        + [struct.pack("<d", number) for number in (float("nan"), float("inf"), -1.7e308)]
        + [struct.pack("<q", 2**62), b"\xff\xff", b"\x00\x80"]
    )
    place = chance.randrange(max(1, len(content) - len(value))) // len(value) * len(value)
    content[place : place + len(value)] = value
    entries[name] = bytes(content)


def words(entries: Entries, chance: random.Random, others: list[Entries]) -> None:
    """A number in a text becomes one that cannot be."""
    name = _part(entries, chance)
    found = list(re.finditer(rb"-?\d+(\.\d+)?(e-?\d+)?", entries[name][:400_000]))
    if not found:
        return numbers(entries, chance, others)
    place = chance.choice(found)
    value = chance.choice((b"-1", b"0", b"99999999", b"nan", b"NaN", b"1e308", b"-Infinity", b"9" * 400, b"", b"-2"))
    entries[name] = entries[name][: place.start()] + value + entries[name][place.end() :]
    return None


def lengths(entries: Entries, chance: random.Random, others: list[Entries]) -> None:
    name = _part(entries, chance)
    content = entries[name]
    cut = chance.randrange(len(content))
    entries[name] = chance.choice((content[:cut], content + bytes(64), content[:cut] + content, b""))


def swapped(entries: Entries, chance: random.Random, others: list[Entries]) -> None:
    """What belongs to another part, or to another model."""
    name = _part(entries, chance)
    other = chance.choice([entries, *others])
    entries[name] = other[_part(other, chance)]


def headers(entries: Entries, chance: random.Random, others: list[Entries]) -> None:
    arrays = [name for name in entries if name.endswith(".npy")]
    if not arrays:
        return bits(entries, chance, others)
    name = chance.choice(arrays)
    content = entries[name]
    old, new = chance.choice(
        (
            (b"'<f", b"'>f"),
            (b"'<f", b"'|O"),
            (b"'shape': (", b"'shape': (-"),
            (b"'shape': (", b"'shape': (9**9**9, "),
            (b"'shape': (", b"'shape': (99999999999, "),
            (b"'shape': (", b"'shape': [" + b"[" * 2000),
            (b"False", b"True "),
            (b"'<f8'", b"'<f4'"),
            (b"'<i4'", b"'<i2'"),
            (b"\x93NUMPY\x01", b"\x93NUMPY\x03"),
        )
    )
    entries[name] = content.replace(old, new, 1)
    return None


def described(entries: Entries, chance: random.Random, others: list[Entries]) -> None:
    """One value of the description, or of a part in JSON, is another."""
    documents = [name for name, content in entries.items() if content[:1] == b"{"]
    name = chance.choice(documents)
    document = json.loads(entries[name])
    holder, key = _somewhere(document, chance)
    old = holder[key]
    values: list[Any] = [
        None,
        -1,
        0,
        1,
        2**70,
        1e308,
        float("nan"),
        float("inf"),
        "",
        "x",
        [],
        {},
        True,
        [old],
        "9" * 5000,
    ]
    if isinstance(old, list) and old:
        values += [old[:-1], old * 2, [old[0]] * 1_000, list(reversed(old))]
    if isinstance(old, int | float):
        values += [-old, old + 1, old * 1e6]
    if chance.random() < 0.1:
        del holder[key]
    else:
        holder[key] = chance.choice(values)
    entries[name] = json.dumps(document).encode()


def inflated(entries: Entries, chance: random.Random, others: list[Entries]) -> None:
    """A list or a text of the description becomes as long as two megabytes allow, or nests as deep."""
    document = json.loads(entries["manifest.json"])
    for _ in range(500):
        holder, key = _somewhere(document, chance)
        old = holder[key]
        if isinstance(old, list) and old:
            times = max(2, 2_000_000 // (len(json.dumps(old)) + 1))
            holder[key] = old * times
            break
        if isinstance(old, str):
            holder[key] = "ä" * 1_000_000
            break
    text = json.dumps(document, ensure_ascii=False)
    if chance.random() < 0.2:
        filler = chance.choice(("[" * 900_000, ",".join(["[]"] * 700_000), ",".join(["{}"] * 700_000)))
        text = text[:-1] + f', "more": [{filler}' + "]" * (filler.count("[") * filler.startswith("[[") + 1) + "}"
    entries["manifest.json"] = text.encode()


def hoarded(entries: Entries, chance: random.Random, others: list[Entries]) -> None:
    """Arrays of little else than zeros, which take next to nothing in the file: one of the model's own becomes as large
    as a file may expand, or there are very many that nobody has asked for."""
    names = [name for name in entries if name.endswith(".npy")]
    if names and chance.random() < 0.5:
        name = chance.choice(names)
        old = np.load(io.BytesIO(entries[name]))
        entries[name] = _zeros((chance.choice((10**5, 10**6, 10**7)), *old.shape[1:]), old.dtype)
        return
    document, content = json.loads(entries["manifest.json"]), _zeros((120_000,), np.dtype("<f8"))
    part = document["members"][0]["parts"][0]["predictor"]
    more = [f"more{number}" for number in range(chance.choice((30, 1_000)))]
    part["arrays"] = [*part["arrays"], *more]
    entries.update({f"{part['folder']}/{name}.npy": content for name in more})
    entries["manifest.json"] = json.dumps(document).encode()


def _zeros(shape: tuple[int, ...], dtype: np.dtype[Any]) -> bytes:
    file = io.BytesIO()
    np.save(file, np.zeros(shape, dtype))
    content = bytearray(file.getvalue())
    # Not so many that it would be told by that.
    for place in range(1_000, len(content), 150 * 8):
        content[place] = place * 31 % 251
    return bytes(content)


def _somewhere(document: Any, chance: random.Random) -> tuple[Any, Any]:
    """A place in a document: what holds it, and its key or index there."""
    holder, key = document, chance.choice(list(document))
    while True:
        inner = holder[key]
        if not isinstance(inner, dict | list) or not inner or chance.random() < 0.15:
            return holder, key
        holder, key = inner, chance.choice(list(inner)) if isinstance(inner, dict) else chance.randrange(len(inner))


MUTATIONS: tuple[Callable[[Entries, random.Random, list[Entries]], None], ...] = (
    bits,
    numbers,
    numbers,
    words,
    words,
    lengths,
    swapped,
    headers,
    described,
    described,
    inflated,
    hoarded,
)


def mutated(content: bytes, others: list[Entries], chance: random.Random) -> tuple[str, bytes]:
    """What was done, and the file."""
    if chance.random() < 0.05:
        damaged = bytearray(content)
        for _ in range(3):
            damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
        return "zip", bytes(damaged)
    entries = unzipped(content)
    mutation = chance.choice(MUTATIONS)
    mutation(entries, chance, others)
    return mutation.__name__, zipped(entries)


class Reader:
    """A process that reads one file after the other, and is started again when one has ended it."""

    def __init__(self, tree: Path, rows: list[dict[str, Any]], tried: bool):
        self._tree = tree
        self._arguments = ["--tried"] if tried else []
        self._rows = json.dumps(rows, default=str)
        self._process: subprocess.Popen[str] | None = None

    def read(self, path: Path) -> dict[str, Any]:
        process = self._started()
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(f"{path}\n")
        process.stdin.flush()
        if not select.select([process.stdout], [], [], PATIENCE_SECONDS)[0]:
            self.close()
            return {"outcome": "hung", "said": "", "seconds": PATIENCE_SECONDS, "peak_mib": 0.0}
        line = process.stdout.readline()
        if line:
            found: dict[str, Any] = json.loads(line)
            return found
        code = process.wait()
        self._process = None
        return {"outcome": "ended", "said": f"exit code {code}", "seconds": 0.0, "peak_mib": 0.0}

    def _started(self) -> "subprocess.Popen[str]":
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-P", str(Path(__file__).with_name("model_reader.py")), *self._arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env={**os.environ, "PYTHONPATH": str(self._tree)},
            )
            assert self._process.stdin is not None
            self._process.stdin.write(self._rows + "\n")
        return self._process

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@dataclass
class Tally:
    """What came of the files of one algorithm."""

    outcomes: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    peak_mib: float = 0.0

    def add(self, found: dict[str, Any]) -> None:
        self.outcomes[found["outcome"]] += 1
        self.seconds = max(self.seconds, found["seconds"])
        self.peak_mib = max(self.peak_mib, found["peak_mib"])

    def line(self, name: str) -> tuple[object, ...]:
        counts = (self.outcomes[word] for word in OUTCOMES)
        return (name, self.outcomes.total(), *counts, f"{self.seconds:.2f}", f"{self.peak_mib:.0f}")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mutations", type=int, default=600, help="of all algorithms together")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--algorithms", default=",".join(algorithm.name for algorithm in algorithms.all()))
    parser.add_argument("--tree", type=Path, default=Path(__file__).resolve().parents[1], help="the FlowML that reads")
    parser.add_argument("--models", type=Path, help="folder in which the whole models are kept for the next time")
    parser.add_argument("--tried", action="store_true", help="by another process first, as files from elsewhere are")
    parser.add_argument("--show", action="store_true", help="each file that was neither refused nor answered")
    given = parser.parse_args(arguments)
    frame, names = rows_of_people(), given.algorithms.split(",")
    rows = frame.drop("y").head(4).to_dicts()
    with tempfile.TemporaryDirectory() as folder:
        kept = given.models or Path(folder)
        kept.mkdir(parents=True, exist_ok=True)
        for name, content in models(frame, [one for one in names if not (kept / f"{one}.flowml").exists()]).items():
            (kept / f"{name}.flowml").write_bytes(content)
        originals = {name: (kept / f"{name}.flowml").read_bytes() for name in names}
        others = [unzipped(content) for content in originals.values()]
        reader, tallies = Reader(given.tree, rows, given.tried), {name: Tally() for name in names}
        path = Path(folder) / "mutated.flowml"
        for name, content in originals.items():
            path.write_bytes(content)
            if (found := reader.read(path))["outcome"] != "answers":
                raise SystemExit(f"the whole model of {name}: {found}")
        for number in range(given.mutations):
            name = names[number % len(names)]
            what, content = mutated(originals[name], others, random.Random(f"{given.seed} {number}"))
            path.write_bytes(content)
            found = reader.read(path)
            tallies[name].add(found)
            slow = found["seconds"] > 2 or found["peak_mib"] > 500
            if given.show and (slow or found["outcome"] not in ("refused", "answers")):
                print(number, name, what, found, flush=True)
        reader.close()
    every = Tally()
    for tally in tallies.values():
        every.outcomes += tally.outcomes
        every.seconds, every.peak_mib = max(every.seconds, tally.seconds), max(every.peak_mib, tally.peak_mib)
    print(table(HEADER, [*(tally.line(name) for name, tally in tallies.items()), every.line("all")]))


if __name__ == "__main__":
    main()
