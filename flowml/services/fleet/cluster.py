"""All machines that train for this server, as whoever runs it sees them."""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import count
from threading import Lock

from flowml.domain.access.caller import TokenKind
from flowml.domain.errors import NotFound, WrongState
from flowml.domain.workers import LOCAL_ID, Worker, WorkerStatus
from flowml.machine.tailscale import Tailscale, tailscale
from flowml.services.access.tokens import create_token, list_tokens
from flowml.services.context import Context
from flowml.services.dispatch.telling import tell_worker
from flowml.services.fleet.workers import Fleet
from flowml.services.system import own_load

_KEPT_SECONDS = 10.0


@dataclass(frozen=True)
class QueueState:
    """Where trials wait, and how many machines that are there take them. A run that has not begun waits like a trial:
    it may wait for a machine."""

    name: str
    workers: int
    waiting: int
    running: int


@dataclass(frozen=True)
class Load:
    """How much there is to do, for how many. `workers` counts machines by their status, this one among them."""

    workers: Mapping[str, int]
    slots_total: int
    slots_free: int
    queues: tuple[QueueState, ...]


@dataclass(frozen=True)
class Cluster:
    """`join_command` is what to run on another machine, with a worker token in place of TOKEN."""

    tailscale: Tailscale
    join_command: str
    workers_online: int
    slots_total: int
    slots_free: int
    queues: tuple[QueueState, ...]


def list_workers(context: Context, limit: int, offset: int) -> tuple[list[Worker], int]:
    """A part of all machines, in the order in which they joined, and how many there are."""
    found = [_with_load(worker) for worker in context.store.workers.all()]
    return found[offset : offset + limit], len(found)


def get_worker(context: Context, worker_id: str) -> Worker:
    """One of them. Raises NotFound."""
    worker = context.store.workers.find(worker_id)
    if worker is None:
        raise NotFound("There is no such worker.")
    return _with_load(worker)


def _with_load(worker: Worker) -> Worker:
    return replace(worker, load=own_load()) if is_here(worker) else worker


def drain(context: Context, worker_id: str) -> Worker:
    """Have a worker take no new trials, until it starts anew or `resume`; those that it works on it finishes. Raises
    NotFound, and WrongState for this machine."""
    _check_is_another(get_worker(context, worker_id))
    context.store.workers.drain(worker_id)
    return _told(context, worker_id)


def resume(context: Context, worker_id: str) -> Worker:
    """Have a worker take trials again that was drained or set aside. Raises NotFound, and WrongState for this
    machine."""
    _check_is_another(get_worker(context, worker_id))
    context.store.workers.resume(worker_id)
    # A run may have waited for it.
    context.trainers.nudge()
    return _told(context, worker_id)


def _told(context: Context, worker_id: str) -> Worker:
    worker = get_worker(context, worker_id)
    tell_worker(context.store, worker, context.clock())
    return worker


def remove_offline(context: Context) -> int:
    """Forget all machines that are offline; one that comes back joins anew. Returns how many those were."""
    return len(context.store.workers.remove_offline())


def trains_now(context: Context) -> dict[str, list[tuple[str, str, int]]]:
    """By worker, the runs that it works on: id, name, and how many trials."""
    return context.store.attempts.going_on()


def remove(context: Context, fleet: Fleet, worker_id: str) -> None:
    """Forget a worker: what it works on waits again, and it is told to end. Raises NotFound, and WrongState for this
    machine."""
    _check_is_another(get_worker(context, worker_id))
    fleet.attendance.remove(worker_id)


def online(context: Context) -> int:
    """How many machines train for this server now, its own included."""
    return len(context.store.workers.machines())


def trains_elsewhere(context: Context) -> bool:
    """Whether tables may have gone to other machines, to be trained on."""
    return context.store.workers.has_others()


def is_here(worker: Worker) -> bool:
    """Whether it is the machine that the server runs on."""
    return worker.id == LOCAL_ID


def make_join_token(context: Context) -> tuple[str, str]:
    """A new worker token for whoever joins next: its name and its secret. Raises Forbidden."""
    taken = {token.name for token in list_tokens(context)}
    name = next(name for number in count(1) if (name := f"worker {number}") not in taken)
    token, secret = create_token(context, TokenKind.WORKER, name)
    return token.name, secret


def join_command(address: str, token: str | None = None) -> str:
    """What to run on another machine that is to train for the server at this address."""
    return f"flowml worker --server {address} --token {token or 'TOKEN'}"


def cluster(context: Context, address: str, fetch: Callable[[], Tailscale] | None = None) -> Cluster:
    """What there is, and what waits for it. `address` is one that the server is reached under, `fetch` asks for the
    tailnet."""
    found = load(context)
    return Cluster(
        tailscale=_TAILNET.state(fetch or tailscale),
        join_command=join_command(address),
        workers_online=found.workers[WorkerStatus.ONLINE],
        slots_total=found.slots_total,
        slots_free=found.slots_free,
        queues=found.queues,
    )


def load(context: Context) -> Load:
    """What waits and what works, asked of the tables alone."""
    workers = context.store.workers.all()
    online = [worker for worker in workers if worker.status is WorkerStatus.ONLINE and worker.slots]
    waiting, running = Counter[str](), Counter[str]()
    for queue, counts in context.store.trials.by_queue().items():
        waiting[queue], running[queue] = counts
    for job in context.store.jobs.waiting():
        waiting["cpu" if job.spec.queue == "auto" else job.spec.queue] += 1
    names = dict.fromkeys([*(queue for worker in online for queue in worker.queues), *waiting, *running])
    return Load(
        workers={str(status): sum(worker.status is status for worker in workers) for status in WorkerStatus},
        slots_total=sum(worker.slots for worker in online),
        slots_free=sum(max(0, worker.slots - worker.running) for worker in online),
        queues=tuple(
            QueueState(name, sum(name in worker.queues for worker in online), waiting[name], running[name])
            for name in names
        ),
    )


def _check_is_another(worker: Worker) -> None:
    if is_here(worker):
        raise WrongState(
            "This is the machine that the server runs on.",
            hint="To have it train nothing, start it with --local-slots 0.",
        )


class _Kept:
    """The last state of the tailnet, for some seconds: a page asks for it again and again."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._found: Tailscale | None = None
        self._at = 0.0

    def state(self, fetch: Callable[[], Tailscale]) -> Tailscale:
        with self._lock:
            now = time.monotonic()
            if self._found is None or now - self._at > _KEPT_SECONDS:
                self._found, self._at = fetch(), now
            return self._found


_TAILNET = _Kept()
