"""The child process that runs code: `python -m flowml.assistant.code.running`.

It opens the table and the file for the result, imports what Polars may want, and gives up everything else
(`machine.confinement`) before it looks at either. Then it runs the code, a second time with the numbers of the rows
beside the tables (`tracing`), and leaves what came of it in the file, with the numbers, which say which row each of the
result was. What reads the file believes nothing of it (`comparing`).
"""

import importlib
import json
import os
import pkgutil
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import IO, TYPE_CHECKING, Any

from flowml.assistant.code.allowed import BUILTINS, PYTHON_TYPES
from flowml.assistant.code.checker import TABLE, check
from flowml.machine.child import settle
from flowml.machine.confinement.confining import confine_code
from flowml.machine.confinement.limits import Limits

if TYPE_CHECKING:
    import polars as pl

NAME = "<code>"
_LONGEST_WORDS = 400
_NICENESS = 5
_OPEN_FILES = 64
_TRACED_SHARE = 0.3
# Beside what is imported above: with Polars, which comes after the process has settled.
_OWN = ("flowml.assistant.code.matching", "flowml.assistant.code.tracing")
# What nobody's code needs; some of them want libraries that are not there.
_LEFT_OUT = ("polars.testing", "polars.ml", "polars._cpu_check", "polars.io.cloud", "polars.io.iceberg")


@dataclass(frozen=True)
class Program:
    """What is run: `content`, with these names; `result_name` is the one that holds the table afterwards. `traced` does
    the same and keeps the numbers of the rows, where it can (`tracing`); None where nobody asks for them."""

    content: CodeType
    names: Mapping[str, Any]
    result_name: str
    traced: CodeType | None = None


class Failed(Exception):
    """The code ran into something; `line` where, if it is known."""

    def __init__(self, words: str, line: int | None = None):
        super().__init__(words)
        self.words = words
        self.line = line


def checked_program(source: str) -> Program:
    """Compiles the tree that was checked, and nothing else. Raises Refused."""
    import builtins

    import polars as pl
    import polars.selectors as cs

    from flowml.assistant.code import tracing

    checked = check(source)
    content = compile(checked.tree, NAME, "exec", dont_inherit=True, optimize=0)
    few = {name: getattr(builtins, name) for name in (*BUILTINS, *PYTHON_TYPES, "range")}
    traced = compile(tracing.keeping_rows(checked.tree), NAME, "exec", dont_inherit=True, optimize=0)
    return Program(content, {"__builtins__": few, "pl": pl, "cs": cs}, checked.result_name, traced)


def main(program: Callable[[str], Program] = checked_program) -> None:
    """Run what is asked for on standard input, and answer on standard output."""
    settle(_NICENESS)
    request = json.load(sys.stdin)
    _load()
    made = program(request["code"])
    answers = os.dup(1)
    _keep_quiet()
    with Path(request["table"]).open("rb") as table, Path(request["result"]).open("wb") as result:
        held = confine_code(
            Limits(
                memory_bytes=request["memory_bytes"],
                cpu_seconds=request["cpu_seconds"],
                file_bytes=request["file_bytes"],
                open_files=_OPEN_FILES,
            ),
            keep=(answers, table.fileno(), result.fileno()),
        )
        answer = {"confinement": held.record(), **_answer(made, table, result, request)}
    with os.fdopen(answers, "w") as file:
        json.dump(answer, file)
        file.flush()
    # Whatever the code has left behind, and without taking a large table apart.
    os._exit(0)


def _load() -> None:
    """Import what Polars imports when it is first needed: later no module can be read any more."""
    import polars

    for module in pkgutil.walk_packages(polars.__path__, "polars."):
        if not module.name.startswith(_LEFT_OUT):
            try:
                importlib.import_module(module.name)
            except ImportError:
                continue
    for name in ("numpy", "zoneinfo", "_strptime", "decimal", "linecache", *_OWN):
        importlib.import_module(name)
    warnings.simplefilter("ignore")


def _keep_quiet() -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for output in (1, 2):
        os.dup2(nowhere, output)
    os.close(nowhere)


def _answer(program: Program, table: IO[bytes], result: IO[bytes], request: Mapping[str, Any]) -> dict[str, Any]:
    import polars as pl

    from flowml.assistant.code.tracing import ROW

    try:
        with table:
            frame = pl.read_parquet(table)
        started = time.monotonic()
        found = _run(program, frame, request)
        elapsed = time.monotonic() - started
        rows = None
        if program.traced is not None and elapsed < _TRACED_SHARE * request["seconds"]:
            rows = _origins(program, program.traced, frame, found)
        _write(found if rows is None else found.with_columns(rows.alias(ROW)), result)
    except Failed as problem:
        return {"problem": {"words": problem.words, "line": problem.line}}
    except MemoryError:
        return {"problem": {"words": "The code needs more memory than there is for it.", "line": None}}
    # Also what Rust panics raise.
    except BaseException as error:
        return {"problem": {"words": _words(error), "line": _line(error)}}
    return {"rows": found.height, "columns": found.width, "traced": rows is not None}


def _run(program: Program, frame: "pl.DataFrame", request: Mapping[str, Any]) -> "pl.DataFrame":
    """The table that the code makes of this one. Raises Failed."""
    names = {**program.names, TABLE: frame.clone()}
    try:
        exec(program.content, names)  # noqa: S102 - what this process is for
    except Exception as error:
        raise Failed(_words(error), _line(error)) from error
    return _as_table(names.get(program.result_name), request)


def _as_table(found: Any, request: Mapping[str, Any]) -> "pl.DataFrame":
    import polars as pl

    if isinstance(found, pl.LazyFrame):
        try:
            found = found.collect()
        except Exception as error:
            raise Failed(_words(error)) from error
    if isinstance(found, pl.Expr):
        raise Failed("The last line makes an expression and no table. Write df = df.with_columns(…) around it.")
    if isinstance(found, pl.Series):
        raise Failed("The last line makes one column and no table. Write df = df.with_columns(…), or add .to_frame().")
    if not isinstance(found, pl.DataFrame):
        kind = type(found).__name__[:40]
        raise Failed(f"The last line makes no table but something else ({kind}). End with df = …, or with df alone.")
    if not found.width or not found.height:
        raise Failed("No row would be left." if found.width else "No column would be left.")
    if found.height > request["max_rows"]:
        raise Failed(f"The table would have {found.height:,} rows; at most {request['max_rows']:,} are allowed.")
    if found.width > request["max_columns"]:
        words = f"The table would have {found.width:,} columns; at most {request['max_columns']:,} are allowed."
        raise Failed(words)
    for column in found.get_columns():
        # Names with it are ours.
        if "\0" in column.name:
            raise Failed("The name of a column has the character U+0000 in it. Rename it.")
        if column.dtype == pl.Object:
            raise Failed(f"The column “{column.name[:60]}” would hold objects of Python, which cannot be stored.")
    return found


def _origins(program: Program, traced: CodeType, frame: "pl.DataFrame", found: "pl.DataFrame") -> "pl.Series | None":
    """Which row each row of the result was, counted from 0: null for one that is new, and for all where the code puts
    rows together anew. None where that cannot be told."""
    import polars as pl

    from flowml.assistant.code import matching, tracing

    names = {**program.names, **tracing.names(frame)}
    try:
        exec(traced, names)  # noqa: S102
        again = names.get(program.result_name)
        if not isinstance(again, tracing.Traced):
            return None
        if again.rows is None:
            return pl.Series([None] * found.height, dtype=pl.UInt32)
        rows: pl.Series = again.rows
        if again.frame.schema == found.schema and not again.frame.equals(found):
            # The same rows, where their order is left to chance.
            order = matching.alike(again.frame, found)
            return None if order is None or order.null_count() else rows.gather(order)
    except Exception:
        return None
    return rows if again.frame.equals(found) else None


def _write(found: "pl.DataFrame", result: IO[bytes]) -> None:
    try:
        found.write_ipc(result, compression="lz4")
        result.flush()
    except OSError as error:
        raise Failed("The result is larger than there is room for.") from error


def _line(error: BaseException) -> int | None:
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == NAME]
    return lines[-1] if lines else None


def _words(error: BaseException) -> str:
    """What an error says, bounded, without the plan that Polars prints below it."""
    try:
        said = str(error)
    except Exception:
        said = ""
    said = said.split("Resolved plan")[0].split("\n\n")[0]
    said = " ".join("".join(char if char.isprintable() else " " for char in said).split())
    if len(said) > _LONGEST_WORDS:
        said = f"{said[:_LONGEST_WORDS]}…"
    return f"{said} ({type(error).__name__[:60]})" if said else f"It ended with {type(error).__name__[:60]}."


if __name__ == "__main__":
    main()
