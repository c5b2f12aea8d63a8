"""A conductor: one job's search, in a process of its own, behind the job's tables.

Whatever it knows it can learn again from the tables, so it may die at any moment and be started anew.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace

from flowml.automl import algorithms
from flowml.automl.run.assembly import assemble, search_for
from flowml.automl.run.conduct import Conduct, reserve_seconds
from flowml.automl.search.search import Search
from flowml.automl.task.leakage import find_suspects
from flowml.domain.channel import Ledger
from flowml.domain.clock import CLOCK, Clock
from flowml.domain.errors import FlowMLError, InvalidInput
from flowml.domain.faults import fault_of
from flowml.domain.jobs import Job, JobStatus
from flowml.domain.trials import CANNOT_BE_LOOKED_AT, NOTHING_MORE, Trial, TrialStatus
from flowml.domain.wording import plural
from flowml.domain.workers import Share
from flowml.training.keeper import Keeper
from flowml.training.ledger_runner import LedgerRunner
from flowml.training.tasks import load_task

_NAMED_COLUMNS = 50
# Of what is kept for ensemble, twin and figures: what other machines have finished last is seen through.
_SHARE_OF_LAST_LOOKS = 0.3
# Whoever stops a run waits for it.
_LONGEST_LAST_LOOKS = 2.0
log = logging.getLogger(__name__)


def conduct_job(ledger: Ledger, *, clock: Clock = CLOCK) -> None:
    """Run the job to its end: completed with a champion, cancelled, or failed with a reason a person understands."""
    job = ledger.job()
    try:
        _Conductor(ledger, job, clock).run()
    except InvalidInput as error:
        ledger.finish(JobStatus.FAILED, clock.now(), " ".join(filter(None, (error.detail, error.hint))))
    except FlowMLError as error:
        ledger.finish(JobStatus.FAILED, clock.now(), error.detail)
    except Exception as error:
        fault = fault_of(error)
        if fault is None:
            raise
        log.exception("the run cannot go on")
        ledger.finish(JobStatus.FAILED, clock.now(), " ".join(filter(None, (fault.detail, fault.hint))))


class _Conductor:
    def __init__(self, ledger: Ledger, job: Job, clock: Clock):
        self._ledger = ledger
        self._clock = clock
        # The promise counts from the moment in which the job was taken up, and was written down then.
        deadline = clock.steady() + job.time_budget_seconds if job.deadline_at is None else job.deadline_at
        self._began = deadline - job.time_budget_seconds
        self._job = job

    def run(self) -> None:
        self._ledger.update(self._clock.now(), stage="preparing", message="Reading the table")
        brief = self._ledger.brief()
        task = load_task(brief, self._ledger.table)
        self._ledger.update(
            self._clock.now(),
            stage="training",
            message=f"{task.reason} {task.validation.reason}",
            problem_type=str(task.problem_type),
            metric=task.metric,
            validation=task.validation,
        )
        self._ledger.log("info", f"How models are tested: {task.validation.reason}", self._clock.now())
        for sentence in (*task.warnings, *task.validation.advice):
            self._ledger.log("warning", sentence, self._clock.now())
        for column, reason in list(task.dropped.items())[:_NAMED_COLUMNS]:
            self._ledger.log("info", f"Column “{column}” is not used: {reason}", self._clock.now())
        if len(task.dropped) > _NAMED_COLUMNS:
            more = plural(len(task.dropped) - _NAMED_COLUMNS, "more column")
            self._ledger.log("info", f"Not used either, for such reasons: {more}", self._clock.now())
        wished = self._job.spec
        search = search_for(task, algorithm_names=wished.algorithms, max_trials=wished.max_trials)
        for name, reason in search.not_applicable.items():
            self._ledger.log("info", f"{algorithms.get(name).title} is not tried: {reason}", self._clock.now())
        last_look = min(_LONGEST_LAST_LOOKS, _SHARE_OF_LAST_LOOKS * reserve_seconds(self._job.time_budget_seconds))
        runner = LedgerRunner(self._ledger, task, self._clock, wished.queue, self._job.validation, last_look)
        if not runner.spare:
            self._ledger.log("info", _words_of(runner.shares()), self._clock.now())
        keeper = Keeper(self._ledger, self._job, task, self._clock, self._began)
        conduct = assemble(
            task,
            search,
            runner,
            keeper,
            algorithm_names=wished.algorithms,
            max_trials=wished.max_trials,
            time_budget_seconds=self._job.time_budget_seconds,
            clock=self._clock.steady,
            fresh=not self._ledger.trials(),
        )
        conduct.begin()
        for suspect in find_suspects(task):
            self._ledger.log("warning", suspect.sentence, self._clock.now())
        trials = self._ledger.trials()
        for trial in trials:
            if trial.to_look_at and not (runner.is_comparable(trial) and runner.is_there(trial)):
                self._ledger.leave_out(trial, CANNOT_BE_LOOKED_AT, self._clock.now())
        trials = self._ledger.trials()
        finished = [trial for trial in trials if trial.status is TrialStatus.FINISHED and runner.is_comparable(trial)]
        kept = [trial for trial in finished if runner.is_there(trial)]
        self._leave_out(len(finished) - len(kept))
        known = runner.taken_up(kept)
        if kept:
            self._ledger.log("info", f"Going on from {len(kept)} finished trials", self._clock.now())
        usable = {trial.id for trial in kept}
        search.resume([_as_known(trial, trial.id in usable) for trial in trials if trial.number >= 0])
        for trial in known:
            conduct.known(runner.outcome(trial))
        conduct.run()
        self._leave_out(len(conduct.lost))
        self._end(conduct, search, keeper)

    def _leave_out(self, n_trials: int) -> None:
        if n_trials:
            sentence = f"{plural(n_trials, 'trial')} cannot be used: files are gone from the disk or damaged"
            self._ledger.log("warning", sentence, self._clock.now())

    def _end(self, conduct: Conduct, search: Search, keeper: Keeper) -> None:
        cancelled = keeper.stopped()
        left = keeper.deadline() - self._clock.steady()
        keeper.draw_champion(has_time=left > 2.0 and not cancelled)
        left = keeper.deadline() - self._clock.steady()
        if left > 0.3 and not cancelled:
            self._ledger.update(self._clock.now(), stage="explaining", message="Finding out which columns matter")
            left = keeper.deadline() - self._clock.steady()
            keeper.explain_champion(min(left - 0.2, 20.0))
        error = remark = None
        if not conduct.candidates:
            error, remark = _why_no_trial(self._ledger.trials())
        elif conduct.exhausted and search.had_enough:
            remark = "It ended early: on so small a table more trials would find luck rather than skill"
        if cancelled:
            self._finish(JobStatus.CANCELLED)
        else:
            self._finish(JobStatus.COMPLETED, error, remark)

    def _finish(self, status: JobStatus, error: str | None = None, remark: str | None = None) -> None:
        now = self._clock.now()
        self._ledger.update(now, elapsed_seconds=self._clock.steady() - self._began)
        self._ledger.finish(status, now, error, remark)


def _as_known(trial: Trial, is_usable: bool) -> Trial:
    """What the search may know of a trial. One that was tested on other rows or folds, or is lost, says nothing of
    those to come: it is as if it had not been tried."""
    if trial.status is TrialStatus.FINISHED and not is_usable:
        return replace(trial, status=TrialStatus.CANCELLED)
    return trial.shown


def _words_of(shares: Sequence[Share]) -> str:
    slots = sum(share.slots for share in shares)
    trials = "One trial at a time" if slots == 1 else f"{slots} trials at a time"
    return f"{trials}, each with {max(share.threads for share in shares)} threads: the table is big"


def _why_no_trial(trials: Sequence[Trial]) -> tuple[str | None, str | None]:
    """What went wrong where no trial was finished, and what to say of it otherwise."""
    if any(trial.status is TrialStatus.FINISHED for trial in trials):
        # Of an earlier version, tested in another way: it cannot be gone on from, but it is there.
        return None, None
    failed = [trial for trial in trials if trial.status is TrialStatus.FAILED]
    if failed:
        told = "No algorithm could be trained on this table."
        if len(failed) < len(trials):
            told = "No algorithm was trained in time, and some could not be trained on this table."
        reasons = dict.fromkeys(f"{algorithms.get(trial.algorithm).title}: {trial.error}" for trial in failed)
        return f"{told} {' · '.join(reasons)[:800]}", None
    if trials and all(trial.attempt == 0 for trial in trials):
        return None, "No machine took up its trials in time: there is only what was made at once"
    return None, NOTHING_MORE
