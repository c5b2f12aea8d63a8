"""`flowml serve`."""

import argparse
import gc
import logging
import signal
import sys
from typing import TYPE_CHECKING, Any

from flowml import __version__
from flowml.domain.access.hosts import as_address, is_loopback
from flowml.domain.errors import StartupError

if TYPE_CHECKING:
    from flowml.services.settings import Settings

_SWITCH_SECONDS = 0.001
# New objects before the youngest are looked through, and so many times that before those of middle age, and all: what
# 100,000 rows make is garbage by then without any looking.
_COLLECT_AFTER = (10_000, 20, 100)


def serve(options: argparse.Namespace) -> int:
    """Answer until somebody ends it."""
    import uvicorn

    from flowml.server import Server, build
    from flowml.web.wire import allow_many_connections, configured

    settings = settings_of(options)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for chatty in ("huey", "httpx", "httpcore"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    if settings.needs_credentials:
        _check_that_somebody_can_log_in(settings)
    allow_many_connections()
    # How long a thread that computes keeps the interpreter from the event loop; five milliseconds unless set.
    sys.setswitchinterval(_SWITCH_SECONDS)
    socket = bind(settings.host, settings.port)
    server = Server(settings)
    port = socket.getsockname()[1]

    class Announcing(uvicorn.Server):
        async def startup(self, sockets: Any = None) -> None:
            await super().startup(sockets)
            if self.started:
                print(*_greeting(settings, port), sep="\n", flush=True)

        async def shutdown(self, sockets: Any = None) -> None:
            application.end_waiting()
            await super().shutdown(sockets)

    application = build(server)
    config = configured(application, log_level="warning", timeout_graceful_shutdown=2)
    # uvicorn shuts down on SIGTERM and then raises it again for whoever was there before: for us that is the end.
    signal.signal(signal.SIGTERM, lambda *_: None)
    settle_memory()
    Announcing(config).run(sockets=[socket])
    return 0


def settings_of(options: argparse.Namespace) -> "Settings":
    """From the options, then the environment. Raises StartupError naming the one that cannot be used."""
    from pydantic import ValidationError

    from flowml.services.settings import Settings

    given = {
        name: value
        for name in ("host", "port", "allowed_hosts", "home", "local_slots")
        if (value := getattr(options, name, None)) is not None
    }
    try:
        return Settings(**given)
    except ValidationError as error:
        problem = error.errors()[0]
        name = str(problem["loc"][0]) if problem["loc"] else "a setting"
        reason = problem.get("ctx", {}).get("error") or problem["msg"].lower()
        raise StartupError(f"FLOWML_{name.upper()} cannot be used: {reason}.") from None


def _check_that_somebody_can_log_in(settings: "Settings") -> None:
    from flowml.cli.home import command, opened
    from flowml.services.access.tokens import somebody_can_log_in

    with opened(settings, new=True) as context:
        if somebody_can_log_in(context):
            return
    named = ", ".join(settings.allowed_hosts)
    what = f"Answering as {named}" if is_loopback(settings.host) else f"Listening on {settings.host}"
    raise StartupError(
        f"{what} is refused: others could reach this server, and there is no admin token to log in with.",
        hint=f"Make one first: `{command(settings, 'token', 'create', '--kind', 'admin', '--name', 'admin')}`."
        f" Without one, listen on 127.0.0.1{' and leave the other names out' if named else ''}.",
    )


def _greeting(settings: "Settings", port: int) -> list[str]:
    """What whoever starts the server reads when it answers."""
    from flowml.cli.home import command

    named = next((text for text in settings.allowed_hosts if text.startswith("https://")), None)
    host = reached_at(settings.host)
    address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    lines = [f"FlowML {__version__} is ready at {address}", f"Everything is stored in {settings.home.expanduser()}."]
    if settings.needs_credentials:
        lines.append(
            f"Log in at {(named or address).rstrip('/')}/login with an admin token. Another one:"
            f" `{command(settings, 'token', 'create', '--kind', 'admin', '--name', 'NAME')}`."
        )
    return lines


def settle_memory() -> None:
    """To be called when what stays has been loaded: it is not looked through for garbage again and again, for which
    all would wait whenever many rows are answered."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT_AFTER)


def reached_at(host: str) -> str:
    """A name or address under which others reach whoever listens there."""
    listened = as_address(host)
    if host and (listened is None or not listened.is_unspecified):
        return host
    from flowml.machine.facts import host_names, own_address

    return own_address() or max(host_names(), key=len, default="localhost")


def bind(host: str, port: int) -> Any:
    """A socket that listens there. Raises StartupError."""
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
    own = listening.getsockname()[0]
    if is_loopback(host) and not is_loopback(own):
        listening.close()
        raise StartupError(f"{host} stands for {own} on this machine, which others can reach.", hint="Name 127.0.0.1.")
    listening.set_inheritable(False)
    return listening
