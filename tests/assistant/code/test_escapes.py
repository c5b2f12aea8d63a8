"""No attempt to get out reads, writes, connects, starts anything or outlives its limits: with the checker, and with it
switched off, where only what the process is left with holds."""

import json
import os
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import polars as pl
import psutil
import pytest

from flowml.assistant.code.checker import check
from flowml.assistant.code.source import Refused
from flowml.assistant.code.starting import run_code
from flowml.domain.errors import InvalidInput, TooLarge
from flowml.machine.confinement.confining import available
from tests.assistant.code.escapes import ENDLESS, ENDS, GREEDY, QUICK, THROUGH_THE_CHECKER

SECRET = "a canary sings"
UNCHECKED = "tests.assistant.code.unchecked"
AT_ONCE = 40
SECONDS = 3.0
MOST_AT_ONCE = 6
# With the limits themselves the slowest of them has ended by then; the machine may be busy.
PATIENCE = 60.0
MEMORY = 768 << 20

confined = pytest.mark.skipif(not available().is_whole, reason=f"not confined here: {available().missing}")


@dataclass(frozen=True)
class Ground:
    """What must stay as it is."""

    folder: Path
    canary: Path
    outside: Path
    listening: socket.socket
    table: Path
    numbers: "count[int]"

    def named(self, attempt: str) -> str:
        names = {"CANARY": str(self.canary), "OUTSIDE": str(self.outside), "PARENT": str(os.getpid())}
        names["PORT"] = str(self.listening.getsockname()[1])
        for name, meant in names.items():
            attempt = attempt.replace(name, meant)
        return attempt

    def new_result(self) -> Path:
        return self.folder / f"result{next(self.numbers)}"

    def run(self, *attempts: str, alone: bool = False, seconds: float = PATIENCE) -> Path:
        """Raises what `run_code` does."""
        result = self.new_result()
        code = json.dumps({"attempts": [self.named(attempt) for attempt in attempts], "alone": alone})
        run_code(
            code,
            self.table,
            result,
            max_rows=1000,
            max_columns=50,
            most_bytes=MEMORY,
            seconds=seconds,
            module=UNCHECKED,
        )
        return result

    def check(self) -> None:
        """Nobody has changed anything, come to the door, or is still here."""
        assert self.canary.read_text() == SECRET
        assert sorted(path.name for path in self.folder.iterdir() if not path.name.startswith("result")) == [
            "canary",
            "table",
        ]
        with pytest.raises(BlockingIOError):
            self.listening.accept()
        assert not any(map(_is_one_of_them, psutil.Process().children(recursive=True)))


def _is_one_of_them(process: psutil.Process) -> bool:
    try:
        return UNCHECKED in process.cmdline()
    except psutil.Error:
        return False


@pytest.fixture
def ground(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ground]:
    monkeypatch.setenv("FLOWML_TEST_SECRET", SECRET)
    canary, table = tmp_path / "canary", tmp_path / "table"
    canary.write_text(SECRET)
    pl.DataFrame({"a": [1, 2, 3], "b": ["x", "y", None]}).write_parquet(table)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        yield Ground(tmp_path, canary, tmp_path / "outside", listening, table, count())


def at_once(try_out: Callable[[Any], None], attempts: Sequence[Any]) -> None:
    """Several beside each other: most of them only wait."""
    with ThreadPoolExecutor(MOST_AT_ONCE) as pool:
        for done in [pool.submit(try_out, attempt) for attempt in attempts]:
            done.result()


def test_there_are_as_many_as_promised() -> None:
    assert len({*QUICK, *ENDLESS, *GREEDY, *ENDS, *THROUGH_THE_CHECKER}) >= 200


@pytest.mark.parametrize("attempts", [QUICK, ENDLESS, GREEDY[:7], ENDS])
def test_the_checker_lets_none_of_them_through(attempts: Sequence[str]) -> None:
    through = []
    for attempt in attempts:
        try:
            check(attempt)
        except Refused as refused:
            assert all(one.line >= 1 and one.column >= 1 and one.what for one in refused.refusals)
            continue
        through.append(attempt)
    assert through == []


@confined
def test_without_the_checker_nothing_is_reached(ground: Ground) -> None:
    got = []

    def try_out(attempts: Sequence[str]) -> None:
        said = pl.read_ipc(ground.run(*attempts).read_bytes())["said"].to_list()
        assert len(said) == len(attempts)
        got.extend(
            (attempt, answer)
            for attempt, answer in zip(attempts, said, strict=True)
            if answer.startswith("found") or SECRET in answer
        )

    at_once(try_out, [QUICK[first : first + AT_ONCE] for first in range(0, len(QUICK), AT_ONCE)])
    assert got == []
    ground.check()


@confined
def test_without_the_checker_what_goes_on_or_takes_too_much_is_stopped(ground: Ground) -> None:
    def try_out(attempt: str) -> None:
        started = time.monotonic()
        with pytest.raises((InvalidInput, TooLarge)):
            ground.run(attempt, alone=True, seconds=SECONDS)
            pytest.fail(f"it has ended by itself: {attempt}")
        assert time.monotonic() - started < PATIENCE

    at_once(try_out, [*ENDLESS, *GREEDY])
    ground.check()


@confined
def test_threads_are_counted(ground: Ground) -> None:
    few = "import threading\nthreading.stack_size(32768)\nwait = threading.Event().wait\n"
    with pytest.raises(InvalidInput, match="too many threads"):
        ground.run(f"{few}while True: threading.Thread(target=wait, daemon=True).start()", alone=True)
    ground.check()


@confined
def test_a_process_that_ends_by_itself_makes_no_table(ground: Ground) -> None:
    def try_out(attempt: str) -> None:
        with pytest.raises(InvalidInput):
            path = ground.run(attempt, alone=True)
            # One that has answered for itself has left no table.
            pl.read_ipc(path.read_bytes())

    at_once(try_out, ENDS)
    ground.check()


def test_what_only_running_shows_is_stopped_as_well(ground: Ground) -> None:
    def try_out(attempt: str) -> None:
        result = ground.new_result()
        with pytest.raises((InvalidInput, TooLarge)):
            run_code(attempt, ground.table, result, max_rows=1000, max_columns=50, most_bytes=MEMORY, seconds=SECONDS)
            pytest.fail(f"it has made a table: {attempt}")

    at_once(try_out, THROUGH_THE_CHECKER)
    ground.check()
