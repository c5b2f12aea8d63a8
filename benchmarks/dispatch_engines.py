"""The same sleeping tasks given to Dask and to Ray, on as many threads in one other process, for `benchmarks.dispatch`.

Their scheduler computes on the core on which FlowML's server did, their workers on that of the simulated workers.
"""

import asyncio
import importlib.util
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

HEADER = ("engine", "slots", "tasks", "s", "of ideal", "empty task ms")


def _sleep(seconds: float, _: int) -> None:
    time.sleep(seconds)


def missing(module: str) -> bool:
    """Whether an engine is not installed here."""
    return importlib.util.find_spec(module) is None


def _on(core: int | None) -> None:
    if core is not None:
        os.sched_setaffinity(0, {core})


def dask(slots: int, tasks: int, seconds: float, server: int | None, others: int | None) -> tuple[Any, ...]:
    """One row: a scheduler in a process of its own, workers with all slots as threads in another."""
    from distributed import Client

    folder = tempfile.TemporaryDirectory(prefix="flowml-dask-")
    address = Path(folder.name) / "scheduler.json"
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder.name}
    first = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0"]
    second = [sys.executable, "-m", "distributed.cli.dask_worker", "--host", "127.0.0.1", "--no-nanny"]
    first += ["--no-dashboard", "--scheduler-file", str(address)]
    second += ["--no-dashboard", "--nthreads", str(slots), "--scheduler-file", str(address)]
    started = []
    try:
        for command, core in ((first, server), (second, others)):
            started.append(subprocess.Popen(command, **quiet))
            if core is not None:
                os.sched_setaffinity(started[-1].pid, {core})
            while not address.exists():
                time.sleep(0.05)
        with Client(scheduler_file=str(address), set_as_default=False) as client:
            client.wait_for_workers(1, timeout=60)

            def run(pause: float) -> float:
                began = time.monotonic()
                client.gather(client.map(_sleep, [pause] * tasks, range(tasks), pure=False))
                return time.monotonic() - began

            run(0.0)
            empty, taken = run(0.0), run(seconds)
    finally:
        for process in reversed(started):
            process.terminate()
        for process in started:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        folder.cleanup()
    return "Dask", slots, tasks, taken, taken / (tasks * seconds / slots), 1000 * empty / tasks


def ray(slots: int, tasks: int, seconds: float, server: int | None, others: int | None) -> tuple[Any, ...]:
    """One row: a local cluster, and an actor that does as much at once as there are slots. That spares it the choice of
    a place for each task; tasks of their own would be a process for each slot."""
    # A process of its own, as Ray leaves much behind in one.
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_ray, args=(slots, tasks, seconds, server, others, theirs))
    process.start()
    theirs.close()
    try:
        taken, empty = ours.recv()
    finally:
        process.join(30)
        if process.is_alive():
            process.kill()
    return "Ray", slots, tasks, taken, taken / (tasks * seconds / slots), 1000 * empty / tasks


def _ray(
    slots: int, tasks: int, seconds: float, server: int | None, others: int | None, told: "Connection[Any, Any]"
) -> None:
    import ray

    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    _on(server)
    ray.init(
        address="local",
        num_cpus=slots,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="error",
        object_store_memory=100_000_000,
        _node_ip_address="127.0.0.1",
    )
    _on(others)

    @ray.remote(num_cpus=slots, max_concurrency=slots)
    class Slots:
        def settle(self) -> None:
            _on(others)

        async def work(self, pause: float) -> None:
            await asyncio.sleep(pause)

    actor = Slots.remote()  # type: ignore[attr-defined]
    ray.get(actor.settle.remote())

    def run(pause: float) -> float:
        began = time.monotonic()
        ray.get([actor.work.remote(pause) for _ in range(tasks)])
        return time.monotonic() - began

    run(0.0)
    empty, taken = run(0.0), run(seconds)
    told.send((taken, empty))
    with suppress(Exception):
        ray.shutdown()
