"""Main functions of the child processes that train, which wire their own few parts. Apart from the server's, so that a
child which is started afresh imports no more than it needs."""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowml.domain.clock import CLOCK
from flowml.domain.workers import Share
from flowml.machine import locks
from flowml.machine.child import keep_quiet, let_nobody_fork
from flowml.machine.log_lines import Collector, Writer
from flowml.services.administration.log_keeper import LogKeeper
from flowml.services.dispatch.channel import StoreChannel
from flowml.services.dispatch.ledger import StoreLedger
from flowml.store.store import Store
from flowml.training import processes
from flowml.training.trainer_status import Busy

if TYPE_CHECKING:
    from multiprocessing.connection import Connection


def run_conductor(home: str, worker_id: str, worker_name: str, job_id: str) -> None:
    """Main function of a conductor process."""
    processes.settle_child()
    _log_to_stderr()
    from flowml.training.conductor import conduct_job

    store = Store(Path(home), now=time.time())
    collector = Collector("conductor").attach()
    collector.job_id = job_id
    keeper = LogKeeper(store, collector)
    keeper.start()
    try:
        conduct_job(StoreLedger(store, job_id))
    finally:
        keeper.close()


def run_trainer(
    home: str, worker_id: str, worker_name: str, owner: str, share: Share, status: "Connection[Any, Any]"
) -> None:
    """Main function of a trainer process."""
    _settle_trainer()
    from flowml.machine.gpus import free_for_trainers
    from flowml.training.gpus import GPUs
    from flowml.training.trainer import Trainer

    store = Store(Path(home), now=time.time())
    collector = Collector("trainer").attach()
    LogKeeper(store, collector).start()
    channel = StoreChannel(store, owner=owner, worker_id=worker_id, worker_name=worker_name, clock=CLOCK)
    gpus = GPUs(
        lambda: store.workers.capabilities(worker_id),
        lambda index: locks.taken(Path(home) / f"gpu-{index}.lock"),
        free_for_trainers,
    )
    trainer = Trainer(
        channel,
        machine=share,
        gpus=gpus,
        queues=lambda: store.workers.queues(worker_id),
        tell=_telling(status, collector),
    )
    trainer.run(stop=lambda: False)


def run_remote_trainer(
    home: str, address: str, key: bytes, owner: str, share: Share, status: "Connection[Any, Any]"
) -> None:
    """Main function of a trainer process of a worker, whose relay is at this address."""
    _settle_trainer()
    from flowml.machine.gpus import free_for_trainers
    from flowml.training.gpus import GPUs
    from flowml.training.trainer import Trainer
    from flowml.worker.relay import RelayedChannel

    channel = RelayedChannel(address, key, owner)
    collector = Collector("trainer").attach()
    # By a connection of its own, whose end is no trainer's: the other one waits for trials.
    Writer(collector, RelayedChannel(address, key, f"{owner} log").tell).start()
    gpus = GPUs(channel.capabilities, lambda index: locks.taken(Path(home) / f"gpu-{index}.lock"), free_for_trainers)
    trainer = Trainer(
        channel,
        machine=share,
        gpus=gpus,
        queues=channel.queues,
        heartbeat_seconds=0.5,
        tell=_telling(status, collector),
    )
    try:
        trainer.run(stop=lambda: False)
    except (EOFError, OSError):
        # The worker has ended.
        return


def _telling(status: "Connection[Any, Any]", collector: Collector) -> Callable[[Busy | None], None]:
    """Says to the supervisor what a trainer works on, and whose all lines of its log are meanwhile."""

    def tell(busy: Busy | None) -> None:
        collector.trial_id = None if busy is None else busy.trial_id
        status.send(busy)

    return tell


def _settle_trainer() -> None:
    processes.settle_child()
    processes.step_back()
    let_nobody_fork()
    keep_quiet()
    _log_to_stderr()


def _log_to_stderr() -> None:
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for handler in logging.getLogger().handlers:
        handler.setLevel(logging.WARNING)
    logging.getLogger("flowml").setLevel(logging.INFO)
