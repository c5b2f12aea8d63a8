"""What a conductor takes for each of very many trials, which a double ends at once.

    python -m benchmarks.many_trials --trials 2000 --every 500 --slots 40

Trials end with stored predictions and one small model; the clock goes on by two seconds with each, shared by
the slots, so that ensembles are made as often as in a run of an hour. Prints CPU milliseconds of the conductor
a trial, how much of that is its search, its memory, and the files that it holds open.
"""

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks.model_reader import _status
from benchmarks.report import table
from flowml.automl import algorithms
from flowml.automl.model import modelfile
from flowml.automl.search.search import Search
from flowml.automl.trial.evaluate import EncodedFolds, evaluate
from flowml.domain.clock import Clock
from flowml.domain.datasets import Column, Dataset, Role
from flowml.domain.jobs import JobSpec
from flowml.domain.trials import Needs, Offer, Trial, TrialReport, TrialSpec, TrialStatus
from flowml.services.dispatch.channel import StoreChannel
from flowml.services.dispatch.ledger import StoreLedger
from flowml.store.store import Store
from flowml.training.conductor import conduct_job
from flowml.training.tasks import load_task
from flowml.training.trainer import pack_array

HEADER = ("trials", "ms a trial", "of it search", "files open", "own MiB", "peak MiB")
COLUMNS = 6
QUALITIES = 300
SECONDS_A_TRIAL = 2.0
BUDGET = 1e6


def people(rows: int) -> pl.DataFrame:
    generator = np.random.default_rng(0)
    values = generator.normal(size=(rows, COLUMNS))
    answer = values[:, 0] + 0.5 * values[:, 1] + generator.normal(size=rows) > 0
    frame = pl.DataFrame({f"x{index}": values[:, index] for index in range(COLUMNS)})
    return frame.with_columns(y=pl.Series(np.where(answer, "yes", "no")))


class Watch:
    """Seconds of this process that do not count, because a double or the search took them."""

    def __init__(self) -> None:
        self.doubles = self.search = 0.0

    def of_search(self, ask: Any) -> Any:
        def timed(*arguments: Any) -> Any:
            began = time.process_time()
            try:
                return ask(*arguments)
            finally:
                self.search += time.process_time() - began

        return timed


class Ledger(StoreLedger):
    """A ledger whose trials have ended as soon as they are asked for."""

    def __init__(self, store: Store, job_id: str, most: int, every: int, slots: int):
        super().__init__(store, job_id)
        self._step = SECONDS_A_TRIAL / max(1, slots // 2)
        self.watch, self.lines = Watch(), []  # type: ignore[var-annotated]
        self.gone = 0.0
        self._most, self._every, self._ended = most, every, 0
        self._channel = StoreChannel(store, owner="d", worker_id="local", worker_name="here", clock=self.clock())
        self._marked = (time.process_time(), 0.0, 0.0)
        task = load_task(self.brief(), self.table)
        algorithm = algorithms.get("gaussian_nb")
        params = algorithm.first_configurations(task.shape)[0]
        fitted = evaluate(task, EncodedFolds(task), algorithm, params, seed=0, threads=1, time_left=lambda: 60.0)
        self._model = store.files.put_bytes(modelfile.write(fitted.model))
        self._said, self._fingerprint = [], task.fingerprint
        generator = np.random.default_rng(0)
        for _ in range(QUALITIES):
            # All of them near each other: no family falls so far behind that the search ends without it.
            noise = generator.uniform(2.3, 2.7) * generator.normal(size=len(task.validated))
            second = 1 / (1 + np.exp(-(2 * task.target[task.validated] - 1 + noise)))
            shares = np.stack([1 - second, second], axis=1)
            hits = float((shares.argmax(axis=1) == task.target[task.validated]).mean())
            self._said.append((store.files.put_bytes(pack_array(shares)), hits))

    def clock(self) -> Clock:
        return Clock(lambda: 1.7e9 + self.gone, lambda: self.gone + time.process_time())

    def enqueue(self, spec: TrialSpec, needs: Needs, deadline_at: float, now: float, steady: float) -> Trial:
        trial = super().enqueue(spec, Needs(), deadline_at, now, steady)
        if self._ended == self._most:
            return trial
        began = time.process_time()
        lease = self._channel.lease(Offer())
        assert lease is not None
        said, score = self._said[spec.number % QUALITIES]
        known = (SECONDS_A_TRIAL, 0.1, None, said, self._model, self._fingerprint)
        report = TrialReport(TrialStatus.FINISHED, score, (score,) * 5, {"accuracy": score}, *known)
        self._channel.report(lease, report)
        self.gone += self._step
        self._ended += 1
        if self._ended % self._every == 0:
            self._note()
        if self._ended == self._most:
            self._store.jobs.update(self._job_id, cancel_requested=True)
        self.watch.doubles += time.process_time() - began
        return trial

    def _note(self) -> None:
        now = (time.process_time(), self.watch.doubles, self.watch.search)
        whole, doubles, search = (1000 * (new - old) / self._every for new, old in zip(now, self._marked, strict=True))
        self._marked = now
        held = len(list(Path("/proc/self/fd").iterdir()))
        memory = (_status("RssAnon") / 1024, _status("VmHWM") / 1024)
        self.lines.append(
            (self._ended, f"{whole - doubles:.1f}", f"{search:.1f}", held, *(f"{one:.0f}" for one in memory))
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=2_000)
    parser.add_argument("--every", type=int, default=500)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--slots", type=int, default=2)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store, frame = Store(Path(folder)), people(given.rows)
        frame.write_parquet(path := store.files.new_temp())
        size, sha256 = path.stat().st_size, store.files.put_path(path)
        roles = {name: Role.CATEGORICAL if name == "y" else Role.NUMERIC for name in frame.columns}
        columns = tuple(Column(name, str(dtype), roles[name]) for name, dtype in frame.schema.items())
        store.datasets.add(
            Dataset(
                "d", "people", "p.csv", "csv", given.rows, len(columns), size, sha256, sha256, None, 1.7e9, columns
            ),
            (),
        )
        job = store.jobs.add(JobSpec("d", "y", metric="accuracy", time_budget_seconds=BUDGET), "many", 1.7e9)
        store.jobs.claim(1, 1.7e9, 0.0)
        store.workers.register_local("here", ("cpu",), given.slots, {}, 1.7e9, threads=1, memory_bytes=10**9)
        ledger = Ledger(store, job.id, given.trials, given.every, given.slots)
        Search.ask = ledger.watch.of_search(Search.ask)  # type: ignore[method-assign]
        conduct_job(ledger, clock=ledger.clock())
        print(table(HEADER, ledger.lines))
        print(store.jobs.get(job.id).message)


if __name__ == "__main__":
    main()
