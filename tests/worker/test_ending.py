"""A worker that is ended in the middle of a transfer."""

import asyncio
import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from flowml.domain.access.caller import Permission, Principal
from flowml.domain.jobs import JobSpec
from flowml.domain.trials import Needs, Offer, TrialSpec, TrialStatus
from flowml.services.context import Context
from flowml.services.settings import Settings
from flowml.store.store import Store
from flowml.web.application import create_app
from tests.services.records import QuietTrainers, add_dataset
from tests.web.serving import run_app

WORKER = """
import flowml.children
from flowml.cli import main
from flowml.training import processes
from tests.training import doubles
if __name__ == "__main__":
    processes._PRELOAD = []
    flowml.children.run_remote_trainer = doubles.hand_over_and_fetch
    raise SystemExit(main())
"""


class Stuck:
    """Takes a piece of an upload, or gives one of a file, and then nothing for long."""

    def __init__(self, app: ASGIApp, where: str):
        self.app, self.where = app, where
        self.is_there = threading.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self.where not in scope["path"] or scope["method"] not in ("GET", "PATCH"):
            return await self.app(scope, receive, send)

        async def send_some(message: Message) -> None:
            await send(message)
            if message.get("body") and message.get("more_body"):
                self.is_there.set()
                await asyncio.sleep(20)

        async def receive_some() -> Message:
            message = await receive()
            if message.get("body"):
                self.is_there.set()
                await asyncio.sleep(20)
            return message

        is_upload = scope["method"] == "PATCH"
        return await self.app(scope, receive_some if is_upload else receive, send if is_upload else send_some)


@pytest.mark.parametrize("where", ["/files/", "/uploads/"])
def test_a_worker_that_is_ended_in_the_middle_of_a_transfer_gives_its_trial_back(where: str, tmp_path: Path) -> None:
    store = Store(tmp_path / "home")
    table = store.files.put_bytes(os.urandom(2_000_000))
    store.datasets.add(replace(add_dataset(store), id="d2", table=table), ())
    job = store.jobs.add(JobSpec("d2", "y"), "job", 1.0)
    store.jobs.claim(1, 2.0, 2.0)
    trial_id = store.trials.add(job.id, TrialSpec(0, "ridge", {}), Needs(), 1e12, 0.0).id
    large = hashlib.sha256(bytes(10_000_000)).hexdigest()
    fleet = Principal("a fleet", frozenset({Permission.WORK}))
    app: Any = create_app(
        Context(Settings(home=tmp_path / "home"), store, time.time, QuietTrainers()), who=lambda scope: fleet
    )
    stuck = Stuck(app, where)
    (tmp_path / "worker.py").write_text(WORKER)
    with run_app(stuck) as port:
        ended = [sys.executable, str(tmp_path / "worker.py"), "worker", "--server", f"http://127.0.0.1:{port}"]
        environment = os.environ | {
            "FLOWML_TOKEN": "x",
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        }
        worker = subprocess.Popen(
            [*ended, "--slots", "1", "--home", str(tmp_path / "w")],
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        try:
            assert stuck.is_there.wait(60)
            assert store.trials.get(trial_id).status is TrialStatus.LEASED
            worker.send_signal(signal.SIGTERM)
            said, _ = worker.communicate(timeout=15)
        finally:
            worker.kill()
            worker.wait()
    app.end_waiting()
    assert worker.returncode == 0 and "Left the server" in said, said
    trial = store.trials.get(trial_id)
    assert (trial.status, trial.error) == (TrialStatus.QUEUED, None)
    again = store.trials.claim("other", "other", "other", Offer(), 60.0, 1.0, 1.0)
    assert again is not None and again.failures == 0, "nothing is held against it"
    assert not store.files.has(large), "nothing half is taken for a file"
    fetched = [path.suffix for path in (tmp_path / "w" / "fetched").iterdir() if len(path.name) == 64]
    assert len(fetched) == (where == "/uploads/"), "nor here"
