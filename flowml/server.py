"""The one place that wires everything: store, supervisor, queue, web. What children wire is in `children`."""

import contextlib
import logging
import platform
import secrets
import threading
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from flowml import __version__
from flowml.children import run_conductor, run_trainer
from flowml.domain.clock import CLOCK, AgeClock, Clock
from flowml.domain.errors import FlowMLError
from flowml.domain.faults import fault_of
from flowml.domain.workers import LOCAL_ID, Share
from flowml.machine import capabilities
from flowml.machine.log_lines import Collector
from flowml.services.access.keys import remember_uses
from flowml.services.administration.log_keeper import LogKeeper
from flowml.services.assistant.conversation import recover as recover_conversations
from flowml.services.assistant.trying import recover as recover_tries
from flowml.services.context import Context
from flowml.services.dispatch.desks import StoreConductorDesk, StoreTrainerDesk
from flowml.services.dispatch.recovery import LOCAL_WORKER, recover, stop_working
from flowml.services.housekeeping import FILE_AGE_SECONDS, keep_house
from flowml.services.scoring.files import recover as recover_scorings
from flowml.services.serving.predicting import warm_latest
from flowml.services.settings import Settings
from flowml.services.starting import start_waiting_jobs
from flowml.services.system import note, notices
from flowml.store.home import Home, ServerLock
from flowml.store.store import Store
from flowml.training import processes
from flowml.training.queue import LocalQueue
from flowml.training.supervisor import Supervisor

if TYPE_CHECKING:
    from flowml.web.security import Gate

log = logging.getLogger(__name__)

_CHECK_SECONDS = 3.0
_WARM_AT_START = 3
# Whoever has just started a server waits for its first page.
_LOOK_CLOSER_AFTER_SECONDS = 1.0


def training_share(settings: Settings) -> Share:
    """What this machine gives to training."""
    set_bytes = None if settings.trial_memory_mb is None else settings.trial_memory_mb * 1_000_000
    return processes.share_of(settings.local_slots, set_bytes)


class Server:
    """A server of one home folder: what it holds, and how it starts and stops."""

    def __init__(self, settings: Settings, clock: Clock = CLOCK):
        """Open the home folder. Raises StartupError when it cannot be used or is in use."""
        home = Home(settings.home)
        self._lock = ServerLock(home)
        home.prepare(starting=True)
        try:
            self._open(home, settings, clock)
        except Exception as error:
            if isinstance(error, FlowMLError) or fault_of(error) is None:
                raise
            raise home.unusable(error) from error

    def _open(self, home: Home, settings: Settings, clock: Clock) -> None:
        share = training_share(settings)
        # Before any numeric library is imported, here or in a child.
        processes.limit_threads(share.threads)
        self._store = Store(home.path, now=clock.now())
        self._log_keeper = LogKeeper(self._store, Collector("server", clock=clock).attach())
        self._store.look_over(_CHECK_SECONDS)
        if self._store.damage is not None:
            log.error("the database %s is damaged: %s", home.database, self._store.damage)
        self._store.files.remove_temporary()
        self._clock = clock
        self._stopping = threading.Event()
        self._ages = AgeClock(clock, FILE_AGE_SECONDS)
        self._share = share
        self._worker_name = platform.node() or LOCAL_WORKER
        worker_id = self._register(capabilities.probe(home=home.path))
        recover(self._store, worker_id, clock.now(), clock.steady())
        recover_scorings(self._store, clock.now())
        recover_conversations(self._store)
        recover_tries(self._store, clock.now())
        self._queue = LocalQueue(home.queue, start_jobs=self._start_jobs, keep_house=self._keep_house)
        self._supervisor = Supervisor(
            StoreConductorDesk(self._store, clock),
            StoreTrainerDesk(self._store, clock),
            share,
            run_conductor,
            run_trainer,
            (str(home.path), worker_id, self._worker_name),
            boot=secrets.token_hex(4),
            idle_seconds=settings.trainer_idle_seconds,
            conductors_memory_bytes=processes.conductors_memory(share),
            conductor_ended=self._run_ended,
            clock=clock.steady,
        )
        self.context = Context(
            settings=settings, store=self._store, clock=clock.now, trainers=self, steady=clock.steady
        )
        for notice in notices(self.context):
            log.warning("%s", notice)

    def warm_up(self) -> None:
        self._supervisor.warm_up()

    def nudge(self) -> None:
        self._queue.start_jobs()

    def processes(self) -> list[dict[str, Any]]:
        return self._supervisor.processes()

    def start(self) -> None:
        """Go on with what was running and with what waits."""
        self._log_keeper.start()
        log.info("FlowML %s has started", __version__)
        self._supervisor.start()
        self._queue.start()
        threading.Thread(target=self._look_closer, name="look-closer", daemon=True).start()

    def stop(self) -> None:
        """End the children; what they did is stored and goes on at the next start."""
        self._stopping.set()
        self._queue.stop()
        self._supervisor.stop()
        with contextlib.suppress(Exception):
            stop_working(self._store, LOCAL_ID, self._clock.now())
        with contextlib.suppress(Exception):
            remember_uses(self.context)
        with contextlib.suppress(Exception):
            self._store.files.tell(self._store.events.last_id())
        self._log_keeper.close()
        self._store.close()
        self._lock.release()

    def _run_ended(self) -> None:
        self._queue.start_jobs()
        # Somebody is about to open its model, or to ask it.
        warm_latest(self.context, 1)

    def _start_jobs(self) -> None:
        start_waiting_jobs(self.context)
        self._supervisor.wake()

    def _look_closer(self) -> None:
        """What takes a moment to find out, and GPUs, once for each start: what the drivers were able to do yesterday
        says little."""
        if self._stopping.wait(_LOOK_CLOSER_AFTER_SECONDS):
            return
        try:
            # A server asks no Ollama but the one that its owner has set.
            url = self.context.settings.ollama_url
            found = capabilities.probe(
                fit_on_gpu=True,
                details=True,
                home=self._store.home.path,
                looks_for_ollama=url is not None,
                ollama_url=url,
            )
            if not self._stopping.is_set():
                self._register(found)
        except Exception:
            log.exception("this machine could not be looked at closer; training goes on with what is known")
        if not self._stopping.is_set():
            warm_latest(self.context, _WARM_AT_START)

    def _register(self, found: dict[str, Any]) -> str:
        self._capabilities = found
        queues = capabilities.queues(found)
        share = self._share
        return self._store.workers.register_local(
            self._worker_name,
            queues,
            share.slots,
            found,
            self._clock.now(),
            threads=share.threads,
            memory_bytes=share.memory_bytes,
        )

    def _keep_house(self) -> None:
        try:
            keep_house(self.context, self._ages)
        except Exception as error:
            fault = fault_of(error)
            if fault is None:
                raise
            note(self.context, fault)
            log.warning("the house is not kept: %s", fault.detail)


def build(server: Server) -> "Gate":
    """The web application around a server; it starts and stops with it."""
    from flowml.web.application import create_app

    @contextlib.asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        server.start()
        try:
            yield
        finally:
            server.stop()

    return create_app(server.context, lifespan)
