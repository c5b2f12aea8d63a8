"""`flowml worker`."""

import argparse
import json
import logging
import os
import platform
import secrets
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowml.domain.errors import Forbidden, StartupError
from flowml.machine import capabilities, locks
from flowml.machine.program import own_file

if TYPE_CHECKING:
    from flowml.worker.crew import Crew

_CACHE_BYTES = 20_000_000_000
_MOST_SEATS = 256


def worker(options: argparse.Namespace) -> int:
    """Train a server's trials until somebody ends it; with `--probe` say what this machine has."""
    if options.probe:
        home = options.home if options.home is not None and options.home.exists() else None
        found = capabilities.probe(fit_on_gpu=True, details=True, home=home)
        print(json.dumps(found | {"queues": capabilities.queues(found)}, indent=2))
        return 0
    if not options.server:
        options.wrong_usage("--server is missing: the address of the server to train for, such as http://host:8000")
    # Out of the environment, which the processes that train have a copy of.
    known = os.environ.pop("FLOWML_TOKEN", None)
    token = options.token or known
    if not token:
        raise StartupError(
            "A worker needs a token of its server.",
            hint="There, run: flowml token create --kind worker --name NAME. Here, give it as FLOWML_TOKEN or --token.",
        )
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for chatty in ("httpx", "httpcore"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    home = options.home or Path.home() / ".flowml-worker"
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with locks.taken(home / "worker.lock") as is_mine:
        if not is_mine:
            raise StartupError(f"Another worker uses the folder {home}.", hint="Choose another with --home.")
        if options.upgrade or options.insecure_upgrade:
            _upgrade(options.server, token, options.insecure_upgrade, is_in_environment=known is not None)
        _work(options, home, token)
    return 0


def _upgrade(server: str, token: str, insecure: bool, *, is_in_environment: bool) -> None:
    """Go on as the server's own program, if this is another one."""
    from flowml.worker import upgrade
    from flowml.worker.channel import connect

    own = own_file()
    with connect(server, token) as client:
        is_new = upgrade.upgrade(client, own, say=lambda words: print(words, flush=True), insecure=insecure)
    if is_new and own is not None:
        if is_in_environment:
            os.environ["FLOWML_TOKEN"] = token
        upgrade.restart(own, sys.argv[1:])


def _work(options: argparse.Namespace, home: Path, token: str) -> None:
    from flowml.worker.cache import Cache
    from flowml.worker.channel import HttpChannel, connect
    from flowml.worker.membership import Membership

    def say(words: str) -> None:
        print(words, flush=True)

    crew = _crew(options, home)
    with connect(options.server, token) as client:
        membership = Membership(
            client,
            HttpChannel(client, "", Cache(home / "fetched", _CACHE_BYTES)),
            name=options.name or platform.node() or "worker",
            instance=_instance(home),
            crew=crew,
            queues=options.queues,
            say=say,
        )

        def end(*_: Any) -> None:
            # In a thread: a handler runs between any two steps of this one, which may hold what it would wait for.
            threading.Thread(target=membership.stop, daemon=True).start()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, end)
        try:
            membership.run()
        except Forbidden as problem:
            raise StartupError(f"The server refuses this worker: {problem.detail}", hint=problem.hint) from None


def _crew(options: argparse.Namespace, home: Path) -> "Crew":
    """Who trains: this machine, or a cluster."""
    if options.engine is None:
        from flowml.children import run_remote_trainer
        from flowml.training import processes
        from flowml.worker.crew import LocalCrew

        if options.address:
            raise StartupError("--address is that of a cluster.", hint="Say which kind it is: --engine dask or ray.")
        share = processes.share_of(options.slots, conducts=False)
        processes.limit_threads(share.threads)
        return LocalCrew(share, run_remote_trainer, str(home))
    from flowml.worker.engines.cluster import ClusterCrew
    from flowml.worker.engines.dask import DaskEngine
    from flowml.worker.engines.ray import RayEngine

    kind = DaskEngine if options.engine == "dask" else RayEngine
    return ClusterCrew(kind(options.address), most_slots=options.slots or _MOST_SEATS)


def _instance(home: Path) -> str:
    """What tells this worker from another of its name, also after it was ended."""
    path = home / "instance"
    if not path.exists():
        path.write_text(secrets.token_hex(8))
    return path.read_text().strip()
