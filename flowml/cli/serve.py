"""`flowml serve`."""

import argparse
import logging
import signal
import sys
from typing import TYPE_CHECKING, Any

from flowml import __version__
from flowml.domain.errors import StartupError

if TYPE_CHECKING:
    from flowml.services.settings import Settings

_SWITCH_SECONDS = 0.001
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def serve(options: argparse.Namespace) -> int:
    """Answer until somebody ends it."""
    import uvicorn

    from flowml.server import Server, build
    from flowml.web.wire import allow_many_connections, configured

    settings = settings_of(options)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("huey").setLevel(logging.WARNING)
    if settings.host not in _LOOPBACK:
        raise StartupError(
            f"Listening on {settings.host} is refused: everyone who reaches that address could use this server.",
            hint="Listen on 127.0.0.1; another address needs credentials, which this version does not have yet.",
        )
    allow_many_connections()
    # How long a thread that computes keeps the interpreter from the event loop; five milliseconds unless set.
    sys.setswitchinterval(_SWITCH_SECONDS)
    socket = _bind(settings.host, settings.port)
    server = Server(settings)
    host, port = socket.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host

    class Announcing(uvicorn.Server):
        async def startup(self, sockets: Any = None) -> None:
            await super().startup(sockets)
            if self.started:
                print(f"FlowML {__version__} is ready at http://{shown}:{port}", flush=True)

        async def shutdown(self, sockets: Any = None) -> None:
            application.end_waiting()
            await super().shutdown(sockets)

    application = build(server)
    config = configured(application, log_level="warning", timeout_graceful_shutdown=2)
    # uvicorn shuts down on SIGTERM and then raises it again for whoever was there before: for us that is the end.
    signal.signal(signal.SIGTERM, lambda *_: None)
    Announcing(config).run(sockets=[socket])
    return 0


def settings_of(options: argparse.Namespace) -> "Settings":
    """From the options, then the environment. Raises StartupError naming the one that cannot be used."""
    from pydantic import ValidationError

    from flowml.services.settings import Settings

    given = {
        name: value
        for name in ("host", "port", "home", "local_slots")
        if (value := getattr(options, name, None)) is not None
    }
    try:
        return Settings(**given)
    except ValidationError as error:
        problem = error.errors()[0]
        name = str(problem["loc"][0]) if problem["loc"] else "a setting"
        raise StartupError(f"FLOWML_{name.upper()} cannot be used: {problem['msg'].lower()}.") from None


def _bind(host: str, port: int) -> Any:
    import socket

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(1024)
    except OSError as error:
        listening.close()
        raise StartupError(
            f"Port {port} on {host} cannot be used: {(error.strerror or str(error)).lower()}.",
            hint="Another program may be using it. Choose another with --port.",
        ) from error
    listening.set_inheritable(False)
    return listening
