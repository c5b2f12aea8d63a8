"""Which of the runs that wait begin: while there is room, and somebody who can train them. The others say what they
wait for, since a budget is not to run out with nobody at work.
"""

from collections.abc import Sequence

from flowml.domain.jobs import PRIORITY, Job
from flowml.domain.workers import Worker, WorkerStatus, capabilities_of
from flowml.machine.capabilities import vram_of
from flowml.services.context import Context
from flowml.services.dispatch.telling import tell_job
from flowml.services.outlook import other_load

_NOBODY_TRAINS = "Waiting for a machine that trains: this server only coordinates"
_ITS_TURN = "Waiting for its turn"
_LONGEST_REASONS = 500
_ANY = frozenset({"auto", "cpu"})
"""What a job asks for that whoever takes the queue `cpu` can train."""


def start_waiting_jobs(context: Context) -> int:
    """Take queued jobs to running; returns how many. The supervisor gives each its conductor."""
    online = [worker for worker in context.store.workers.all() if worker.status is WorkerStatus.ONLINE and worker.slots]
    offered = {queue for worker in online for queue in worker.queues}
    queues = offered | _ANY if "cpu" in offered else offered
    started = 0
    limit = context.settings.max_concurrent_jobs
    while job := context.store.jobs.claim(limit, context.clock(), context.steady(), queues):
        job = context.store.jobs.update(job.id, other_load=other_load(context))
        tell_job(context.store, job, context.clock())
        started += 1
    for job in context.store.jobs.waiting():
        _say(context, job, _ITS_TURN if job.spec.queue in queues else what_it_waits_for(job.spec.queue, online))
    return started


def what_it_waits_for(queue: str, online: Sequence[Worker]) -> str:
    """Of a run that none of the machines that are online can train, in a sentence."""
    if not online:
        return _NOBODY_TRAINS
    if queue == PRIORITY or queue in _ANY:
        name = "cpu" if queue in _ANY else queue
        return f"Waiting for a worker that takes the queue “{name}”: none that is online does"
    gpus = [gpu for worker in online for gpu in capabilities_of(worker.capabilities).gpus]
    wanted = f"a worker with a GPU of {vram_of(queue):g} GB" if vram_of(queue) else "a worker with a GPU"
    if not gpus:
        return f"Waiting for {wanted}: none that is online has one"
    told = [capabilities_of(worker.capabilities).gpu_libraries for worker in online]
    libraries = [found for by_name in told for found in by_name.items()]
    if libraries and not any(found.device for _, found in libraries):
        # Many machines tell of the same.
        reasons = "; ".join(dict.fromkeys(f"{name}: {found.reason}" for name, found in libraries))[:_LONGEST_REASONS]
        return f"Waiting for {wanted}: there is one that no library can use ({reasons})"
    largest = max(gpu.vram_gb for gpu in gpus)
    return f"Waiting for {wanted}; the largest online has {largest:g}"


def _say(context: Context, job: Job, message: str) -> None:
    if job.message != message:
        with context.store.transaction():
            tell_job(context.store, context.store.jobs.update(job.id, message=message), context.clock())
