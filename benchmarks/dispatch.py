"""What it costs to give trials to many workers: trials that only sleep, on up to a thousand simulated workers.

python -m benchmarks.dispatch
python -m benchmarks.dispatch --workers 50 1000 --idle 30 --without-engines

The server computes on one core; the workers, all in one process, and what adds trials on another. Everything that is
said between them goes through the server's own HTTP, tokens and tables. First all wait: what that costs, and how soon
one of them has a trial that was stored at a random moment. Then each has one trial of half a second, for which it asks
what the run is about, and then some of a tenth of a second, which are all there at the beginning: these are measured
against what they would take if nothing else took time. Dask and Ray are given the same where they are installed.
"""

import argparse
import asyncio
import contextlib
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from benchmarks import dispatch_engines, dispatch_trials
from benchmarks.dispatch_workers import Fleet
from benchmarks.report import table
from benchmarks.server import Server, flowml_command

HEADER = (
    *("workers", "trials", "s", "of ideal", "ms a trial", "core in use", "idle core", "lease p50 ms", "p95", "p99"),
    *("MiB", "connections"),
)
WAYS_HEADER = ("trials come", "workers", "trials", "s", "of ideal", "ms a trial", "core in use")
TRIAL_SECONDS = 0.1
_COMPARED = 50
# What is asked of it on a machine that does nothing else.
_MOST_OF_IDEAL, _MOST_IDLE_CORE, _MOST_LEASE_MS = 1.15, 0.5, 50.0
_SETTLED_SHARE = 0.03
_FIRST_SECONDS = 0.5
_LATENCIES, _PER_SECOND = 200, 20.0
_TIMEOUT_SECONDS = 300.0


@dataclass(frozen=True)
class Cores:
    """Where the server computes, and where everybody else does; None where that cannot be said here."""

    server: int | None
    others: int | None

    @staticmethod
    def found() -> "Cores":
        cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_setaffinity") else []
        return Cores(cores[0], cores[1]) if len(cores) > 1 else Cores(None, None)


class Measured:
    """A server of one's own with so many workers that wait."""

    def __init__(self, folder: Path, cores: Cores, idle_seconds: float):
        self._home = folder / "home"
        self._cores = cores
        self._idle_seconds = idle_seconds
        dispatch_trials.prepare(self._home)
        environment = {"FLOWML_LOCAL_SLOTS": "0"}
        if cores.server is not None:
            environment["FLOWML_BENCH_CORE"] = str(cores.server)
        command = [*flowml_command()[:1], "-m", "benchmarks.dispatch_server"]
        self._server = Server(self._home, command, environment=environment)
        self._token = _token(self._home)

    def __enter__(self) -> "Measured":
        with contextlib.ExitStack() as opened:
            self._server.start()
            opened.callback(self._server.stop)
            context = multiprocessing.get_context("spawn")
            self._asked, theirs = context.Pipe()
            # Where the other side ends it is heard of: nobody but the other process has its end.
            with theirs:
                self._conductor = context.Process(
                    target=dispatch_trials.conduct, args=(str(self._home), self._cores.others, theirs), daemon=True
                )
                self._conductor.start()
            opened.callback(self._conductor.kill)
            self._opened = opened.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    async def _ask(self, what: str, *arguments: Any) -> Any:
        self._asked.send((what, arguments))
        return await asyncio.to_thread(self._asked.recv)

    @property
    def process(self) -> psutil.Process:
        assert self._server.process is not None
        return psutil.Process(self._server.process.pid)

    def _used(self) -> float:
        times = self.process.cpu_times()
        return float(times.user + times.system)

    async def _settled(self) -> None:
        """Wait until what the server has started for itself is loaded."""
        while True:
            before = sum(sum(one.cpu_times()[:2]) for one in [self.process, *self._server.family()])
            await asyncio.sleep(1.0)
            after = sum(sum(one.cpu_times()[:2]) for one in [self.process, *self._server.family()])
            if after - before < _SETTLED_SHARE * 5:
                return

    async def _busy(self, fleet: Fleet, trials: int, most_open: int | None) -> tuple[float, float]:
        """Seconds that so many trials take, and seconds of the server's processor."""
        until, used = fleet.done + trials, self._used()
        finishing = asyncio.create_task(fleet.finished(until, _TIMEOUT_SECONDS))
        asked = ("at_once", trials) if most_open is None else ("as_they_end", trials, most_open)
        began = await self._ask(*asked)
        return await finishing - began, self._used() - used

    async def _warm(self, fleet: Fleet, size: int) -> None:
        """Each has one trial."""
        fleet.seconds = _FIRST_SECONDS
        await self._busy(fleet, size, None)
        fleet.seconds = TRIAL_SECONDS

    async def grow(self, size: int, trials: int) -> tuple[Any, ...]:
        """One row of the table."""
        fleet = Fleet(self._server.port, self._token)
        try:
            await self._settled()
            await fleet.join(size)
            await self._settled()
            used, began = self._used(), time.monotonic()
            await asyncio.sleep(self._idle_seconds)
            idle = (self._used() - used) / (time.monotonic() - began)
            fleet.seconds = 0.0
            until = fleet.done + _LATENCIES
            added = await self._ask("now_and_then", _LATENCIES, _PER_SECOND, size)
            await fleet.finished(until, _TIMEOUT_SECONDS)
            waited = [1000 * (fleet.arrived[trial] - at) for trial, at in added.items()]
            cuts = statistics.quantiles(waited, n=100)
            await self._warm(fleet, size)
            taken, used = await self._busy(fleet, trials, None)
            ideal = trials * TRIAL_SECONDS / size
            resident, connections = self._server.resident_mib(), len(self.process.net_connections("tcp"))
            fleet.check()
        finally:
            fleet.leave()
        return (
            *(size, trials, taken, taken / ideal, 1000 * used / trials, used / taken, idle),
            *(cuts[49], cuts[94], cuts[98], resident, connections),
        )

    async def ways(self, size: int, trials: int) -> list[tuple[Any, ...]]:
        """The same trials in other ways: as a conductor adds them, and with files that are handed over."""
        rows = []
        fleet = Fleet(self._server.port, self._token)
        try:
            await self._settled()
            await fleet.join(size)
            await self._warm(fleet, size)
            ideal = trials * TRIAL_SECONDS / size
            for name, most_open, with_files in (
                ("all at once", None, False),
                ("as they end", size + 1, False),
                ("all at once, two files each", None, True),
            ):
                fleet.with_files = with_files
                await self._settled()
                taken, used = await self._busy(fleet, trials, most_open)
                rows.append((name, size, trials, taken, taken / ideal, 1000 * used / trials, used / taken))
        finally:
            fleet.leave()
        return rows


def _token(home: Path) -> str:
    from flowml.domain.access.caller import TokenKind
    from flowml.services.access.tokens import create_token
    from flowml.services.context import Context, NoTrainers
    from flowml.services.settings import Settings
    from flowml.store.store import Store

    store = Store(home, now=time.time())
    context = Context(Settings(home=home), store, time.time, NoTrainers())
    _, secret = create_token(context, TokenKind.WORKER, "fleet")
    store.close()
    return secret


def _run(work: Any) -> Any:
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def growth(sizes: Sequence[int], cores: Cores, idle_seconds: float) -> list[tuple[Any, ...]]:
    """A row for each size; each has a server of its own, and so many trials that it is over within seconds."""
    rows = []
    for size in sizes:
        with (
            tempfile.TemporaryDirectory(prefix="flowml-dispatch-") as name,
            Measured(Path(name), cores, idle_seconds) as measured,
        ):
            rows.append(_run(measured.grow(size, max(5 * size, min(20 * size, 2_000)))))
            print(table(HEADER, rows[-1:]), flush=True)
    return rows


def ways(size: int, cores: Cores) -> list[tuple[Any, ...]]:
    """A row for each way in which trials come and go."""
    with (
        tempfile.TemporaryDirectory(prefix="flowml-dispatch-") as name,
        Measured(Path(name), cores, 0.0) as measured,
    ):
        rows: list[tuple[Any, ...]] = _run(measured.ways(size, 20 * size))
    return rows


def engines(size: int, cores: Cores) -> list[tuple[Any, ...]]:
    """A row for each engine that is installed."""
    rows = []
    for module, measure in (("distributed", dispatch_engines.dask), ("ray", dispatch_engines.ray)):
        if dispatch_engines.missing(module):
            print(f"{module} is not installed: it is left out")
            continue
        rows.append(measure(size, 20 * size, TRIAL_SECONDS, cores.server, cores.others))
    return rows


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, nargs="+", default=[10, 50, 100, 300, 1_000])
    parser.add_argument("--idle", type=float, default=30, help="seconds in which all of them wait (default: 30)")
    parser.add_argument("--without-engines", action="store_true", help="leave Dask and Ray out")
    given = parser.parse_args(arguments)
    cores = Cores.found()
    if cores.others is not None:
        os.sched_setaffinity(0, {cores.others})
    where = "not pinned" if cores.server is None else f"server on core {cores.server}, workers on core {cores.others}"
    found = engines(_COMPARED, cores) if not given.without_engines else []
    if found:
        print(table(dispatch_engines.HEADER, found, f"tasks of {TRIAL_SECONDS:g} s elsewhere; {where}"), flush=True)
    several = ways(_COMPARED, cores)
    print(table(WAYS_HEADER, several, f"trials of {TRIAL_SECONDS:g} s in several ways; {where}"), flush=True)
    rows = growth(given.workers, cores, given.idle)
    print(table(HEADER, rows, f"trials of {TRIAL_SECONDS:g} s on more and more workers; {where}"))
    beyond = [
        # With files each trial takes four calls more.
        *(f"{row[0]}: {row[4]:.2f} times the ideal" for row in several[:2] if row[4] > _MOST_OF_IDEAL),
        *(f"{row[0]}: {row[3]:.2f} times the ideal" for row in rows if row[0] <= _COMPARED and row[3] > _MOST_OF_IDEAL),
        *(f"{row[0]} that wait take {row[6]:.2f} of a core" for row in rows if row[6] > _MOST_IDLE_CORE),
        *(f"{row[0]}: a lease takes {row[8]:.0f} ms" for row in rows if row[8] > _MOST_LEASE_MS),
    ]
    if beyond:
        raise SystemExit(f"more than is asked of {', '.join(beyond)}")


if __name__ == "__main__":
    main()
