"""`flowml serve-model`: one model file as a server of its own.

With several processes, the first one holds the port, has the file tried, and forks those that answer, which each read
the model and listen for themselves: the system shares connections out among them then, where with one socket for all
whoever is awake takes most. It replaces one that ends, and loads no library that a fork would miss the threads of.
"""

import argparse
import contextlib
import logging
import os
import re
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from flowml import __version__
from flowml.cli.serve import bind, reached_at, settings_of, settle_memory
from flowml.cli.tokens import secret_in
from flowml.domain.errors import InvalidInput, StartupError
from flowml.machine import lifeline
from flowml.machine.folders import own_folder

if TYPE_CHECKING:
    from flowml.services.serving.loaded import Loaded
    from flowml.services.settings import Settings

_VARIABLE = "FLOWML_TOKEN"
_FOLDERS = "flowml-serve-model-"
_SECRET = re.compile(r"[!-~]{20,500}")
_NAME = re.compile(r"[0-9A-Za-z._~-]{1,100}")
_SWITCH_SECONDS = 0.001
# After the time for what was begun, so much for ending what nobody gets an answer to.
_LAST_SECONDS = 7.0
_LOOK_SECONDS = 0.05
# What ends again within so many seconds is not started at once.
_SHORT_SECONDS = 5.0
_MOST_DELAY_SECONDS = 30.0
_log = logging.getLogger(__name__)


def serve_model(options: argparse.Namespace) -> int:
    """Answer with one model until somebody ends it."""
    settings = settings_of(options)
    secret = _secret(options.secret_file)
    if settings.needs_credentials and secret is None:
        raise StartupError(
            f"Answering at {settings.host} is refused without a secret: others could reach this server.",
            hint=f"Draw one, such as with `openssl rand -hex 32`, and give it as {_VARIABLE} or with --secret-file."
            " Without one, listen on 127.0.0.1.",
        )
    path: Path = options.model
    if not path.is_file():
        raise InvalidInput(f"There is no model file {path}.")
    if options.name is not None and not _NAME.fullmatch(options.name):
        raise InvalidInput("--name is letters, digits and . _ ~ - alone: it stands in addresses.")
    if options.sha256 is not None and not re.fullmatch(r"[0-9a-f]{64}", options.sha256):
        raise InvalidInput("--sha256 is 64 digits from 0 to 9 and a to f.")
    if options.processes > 1 and not hasattr(os, "fork"):
        raise StartupError("This system starts no further processes for a port.", hint="Leave --processes out.")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    listening, share = _bind(settings.host, settings.port, options.processes)
    with closing(listening), own_folder(_FOLDERS) as folder:
        alone = _Alone(settings, path, options.name, secret, listening, folder, options.processes, options.grace, share)
        if options.processes == 1:
            alone.serve(tried=options.sha256)
        else:
            _Processes(alone).run(options.sha256)
    return 0


class _Alone:
    """What one process needs to answer."""

    def __init__(
        self,
        settings: "Settings",
        path: Path,
        name: str | None,
        secret: str | None,
        listening: socket.socket,
        folder: Path,
        processes: int,
        grace: int,
        share: Callable[[], socket.socket] | None,
    ):
        self.path = path
        self.processes = processes
        self.grace = grace
        self._settings = settings
        self._name = name
        self._secret = secret
        self._listening = listening
        self._folder = folder
        self._share = share

    def serve(self, process: int = 1, tried: str | None = None, started: Callable[[], None] | None = None) -> None:
        """Answer until a signal says that it is over. `tried`: the hash of the file, where it was tried already."""
        with self._reading(tried) as loaded:
            import uvicorn

            from flowml.services.serving.alone import context_of_one
            from flowml.web.alone.application import create_app
            from flowml.web.wire import allow_many_connections, configured

        allow_many_connections()
        sys.setswitchinterval(_SWITCH_SECONDS)
        context = context_of_one(self._settings, loaded(), self.path, self._folder)
        announce = started or (lambda: self.greet(loaded()))

        class Announcing(uvicorn.Server):
            async def startup(self, sockets: Any = None) -> None:
                await super().startup(sockets)
                if self.started:
                    announce()

        config = configured(
            create_app(context, self._secret, process, self.processes, self._folder),
            log_level="warning",
            timeout_graceful_shutdown=self.grace,
        )
        settle_memory()
        # uvicorn raises it again for whoever was there before: for us that is the end.
        signal.signal(signal.SIGTERM, lambda *_: None)
        Announcing(config).run(sockets=[self._listening if self._share is None else self._share()])

    @contextmanager
    def _reading(self, tried: str | None) -> Iterator[Callable[[], "Loaded"]]:
        """Read the model while something else is imported; then it is there. Raises InvalidInput."""
        from flowml.services.serving.alone import read_model

        found: list[Any] = []

        def read() -> None:
            try:
                found.append(read_model(self.path, self._name, tried))
            except BaseException as error:
                found.append(error)

        reading = threading.Thread(target=read, name="reading")
        reading.start()
        try:
            yield lambda: found[0]
        finally:
            reading.join()
        if isinstance(found[0], BaseException):
            raise found[0]

    def greet(self, loaded: "Loaded | None" = None) -> None:
        """Say that it answers."""
        host, port = self._listening.getsockname()[:2]
        name = self._name or (loaded.id if loaded else self.path.stem)
        reached = reached_at(host)
        address = f"http://{f'[{reached}]' if ':' in reached else reached}:{port}"
        several = f", with {self.processes} processes" if self.processes > 1 else ""
        print(f"FlowML {__version__} serves {self.path.name} as “{name}” at {address}{several}", flush=True)


class _Processes:
    """Those that answer, forked from this one, which looks after them."""

    def __init__(self, alone: _Alone):
        self._alone = alone
        self._is_over = False
        self._alive: dict[int, tuple[int, float]] = {}
        """Of each child its number and since when it runs, by its process id."""
        self._due: dict[int, float] = {}
        """Which number is to be started again, and when."""
        self._delays: dict[int, float] = {}

    def run(self, tried: str | None) -> None:
        """Until a signal says that it is over. `tried`: the hash of a file that somebody vouches for. Raises
        InvalidInput, and StartupError where none of them begins."""
        # What all of them import, once; none of it has threads of its own.
        import flowml.web.alone.application
        import flowml.web.wire  # noqa: F401
        from flowml.automl.model.foreign import FORKSERVER, try_foreign

        self._tried = tried or try_foreign(self._alone.path)
        FORKSERVER.close()
        begun, self._begun = os.pipe()
        for signum in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signum, self._end)
        try:
            for number in range(1, self._alone.processes + 1):
                self._start(number)
            self._wait_for_all(begun)
            while not self._is_over:
                self._look()
                time.sleep(_LOOK_SECONDS)
        finally:
            self._end_all()

    def _end(self, *_: object) -> None:
        self._is_over = True

    def _start(self, number: int) -> None:
        try:
            with lifeline.line() as held:
                process = os.fork()
                if not process:
                    self._become(number, held)
        except OSError as error:
            # Those that there are go on answering.
            _log.warning("process %s could not be started: %s", number, error.strerror)
            self._due[number] = time.monotonic() + _MOST_DELAY_SECONDS
            return
        self._alive[process] = (number, time.monotonic())

    def _become(self, number: int, held: tuple[int, ...]) -> NoReturn:
        """In the child: answer, and end."""
        code = 1
        try:
            for signum in (signal.SIGTERM, signal.SIGINT):
                signal.signal(signum, signal.SIG_DFL)
            for end in held:
                lifeline.end_with(end)
            self._alone.serve(number, self._tried, self._has_begun)
            code = 0
        except BaseException as error:
            # Nothing of the parent's is to be cleared away here.
            print(f"flowml: {getattr(error, 'detail', None) or error!r}", file=sys.stderr, flush=True)
        finally:
            os._exit(code)

    def _has_begun(self) -> None:
        os.write(self._begun, b".")

    def _wait_for_all(self, begun: int) -> None:
        os.set_blocking(begun, False)
        ready = 0
        while ready < self._alone.processes and not self._is_over:
            with contextlib.suppress(BlockingIOError):
                ready += len(os.read(begun, 64))
            if self._ended() or self._due:
                raise StartupError("A process that answers has ended before it began.", hint="Its reason stands above.")
            time.sleep(_LOOK_SECONDS)
        if not self._is_over:
            self._alone.greet()

    def _look(self) -> None:
        now = time.monotonic()
        for number, code, since in self._ended():
            is_short = now - since < _SHORT_SECONDS
            delay = min(_MOST_DELAY_SECONDS, 2 * self._delays.get(number, 0.5)) if is_short else 0.0
            self._delays[number], self._due[number] = delay, now + delay
            _log.warning("process %s has ended (%s); another one takes its place", number, code)
        for number in [number for number, at in self._due.items() if at <= now]:
            del self._due[number]
            self._start(number)

    def _ended(self) -> list[tuple[int, int, float]]:
        """Those that have ended since the last look: number, exit code, and since when they ran."""
        found = []
        for process in list(self._alive):
            ended, status = os.waitpid(process, os.WNOHANG)
            if ended:
                number, since = self._alive.pop(process)
                found.append((number, os.waitstatus_to_exitcode(status), since))
        return found

    def _end_all(self) -> None:
        """Ask them to end, what they answer first; who does not is killed."""
        for process in self._alive:
            os.kill(process, signal.SIGTERM)
        until = time.monotonic() + self._alone.grace + _LAST_SECONDS
        while self._alive and time.monotonic() < until:
            self._ended()
            time.sleep(_LOOK_SECONDS)
        for process in self._alive:
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)


def _bind(host: str, port: int, processes: int) -> tuple[socket.socket, Callable[[], socket.socket] | None]:
    """A socket at this port, and what makes another one for a process that shares it; None where all have the same
    one. Raises StartupError."""
    listening = bind(host, port)
    # Elsewhere such sockets are not shared out, but one of them gets everything.
    if processes == 1 or sys.platform != "linux":
        return listening, None
    family, address = listening.family, listening.getsockname()
    listening.close()

    def share() -> socket.socket:
        found = socket.socket(family, socket.SOCK_STREAM)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        found.bind(address)
        found.set_inheritable(False)
        return found

    def shared() -> socket.socket:
        found = share()
        found.listen(1024)
        return found

    try:
        # It listens to nothing, and holds the port for the others.
        return share(), shared
    except OSError as error:
        raise StartupError(f"Port {address[1]} on {host} cannot be used: {str(error.strerror).lower()}.") from error


def _secret(file: Path | None) -> str | None:
    """What callers have to bring, taken out of the environment. Raises StartupError."""
    set_one = os.environ.pop(_VARIABLE, None)
    found = set_one if file is None else secret_in(file)
    if found is None:
        return None
    if not _SECRET.fullmatch(found):
        raise StartupError(
            "The secret is too short, or has characters that no header can carry.",
            hint="It takes at least 20 letters, digits or signs; `openssl rand -hex 32` draws one.",
        )
    return found
