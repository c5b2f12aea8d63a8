"""A worker joins, trains, comes back, and ends."""

import json
import math
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import httpx
import pytest
from starlette.types import Scope

from flowml.children import run_remote_trainer
from flowml.cli import worker as cli
from flowml.cli.parser import build_parser
from flowml.domain.access.caller import LOCAL_OWNER, Permission, Principal
from flowml.domain.errors import Forbidden, InvalidInput, StartupError, WrongState
from flowml.domain.protocol import MOST_WORDS
from flowml.domain.trials import Beat, Lease, TrialReport, TrialStatus
from flowml.domain.workers import Share
from flowml.server import Server
from flowml.services.settings import Settings
from flowml.training.trainer_status import Busy
from flowml.training.trainers import TrainerProcess, Trainers
from flowml.web.application import create_app
from flowml.worker import crew as crews
from flowml.worker import membership as memberships
from flowml.worker.cache import Cache
from flowml.worker.channel import HttpChannel, connect
from flowml.worker.crew import LocalCrew
from flowml.worker.membership import Membership
from tests.training import doubles
from tests.web.serving import run_app, until


def member_of(client: httpx.Client, home: Path, train: Callable[..., None] = doubles.idle, **given: Any) -> Membership:
    crew = LocalCrew(Share(1, 1, 2_000_000_000), train, str(home))
    channel = HttpChannel(client, "", Cache(home / "fetched", 10**9), wait_seconds=1.0)
    return Membership(client, channel, name="far", instance="1", crew=crew, **given)


@contextmanager
def running(membership: Membership) -> Iterator[list[Exception]]:
    """The membership at work; gives what ended it."""
    ended: list[Exception] = []

    def run() -> None:
        try:
            membership.run()
        except Exception as error:
            ended.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield ended
    finally:
        membership.stop()
        thread.join(30)
        assert not thread.is_alive()


def who(scope: Scope) -> Principal:
    if dict(scope["headers"]).get(b"authorization"):
        return Principal("a fleet", frozenset({Permission.WORK}))
    return LOCAL_OWNER


def test_a_run_is_trained_by_a_worker_alone(tmp_path: Path) -> None:
    product = Server(Settings(home=tmp_path / "home", local_slots=0))
    product.start()
    rows = "\n".join(f"{number % 17},{number % 5},{number % 17 + number % 5}" for number in range(200))
    try:
        with run_app(create_app(product.context, who=who)) as port:
            address = f"http://127.0.0.1:{port}"
            owner = httpx.Client(base_url=address, timeout=60)
            client = httpx.Client(base_url=address, headers={"Authorization": "Bearer x"}, timeout=60)
            table = owner.post("/api/datasets/upload", files={"file": ("t.csv", f"a,b,c\n{rows}")}).json()["id"]
            asked = {"dataset_id": table, "target": "c", "time_budget_seconds": 120, "max_trials": 2}
            job = owner.post("/api/training/start", json=asked).json()["id"]
            with running(member_of(client, tmp_path / "worker", run_remote_trainer)) as ended:
                assert until(lambda: owner.get(f"/api/training/{job}").json()["status"] == "completed", 110)
            assert not ended
            trials = owner.get(f"/api/training/{job}/trials").json()["items"]
            assert [trial["worker_name"] for trial in trials if trial["status"] == "finished"] == ["far", "far"]
            model = owner.get(f"/api/training/{job}").json()["best_model_id"]
            asked = {"model_id": model, "features": {"a": 3, "b": 2}}
            assert owner.post("/api/results/predict", json=asked).json()["prediction"] == pytest.approx(5, abs=1)
            (local, far) = product.context.store.workers.all()
            assert (local.slots, far.name, far.status) == (0, "far", "offline")
    finally:
        product.stop()


class Script:
    """A server that answers as somebody has written down."""

    def __init__(self, **answers: Any):
        self.answers = answers
        self.asked: list[tuple[str, Any]] = []
        self.client = httpx.Client(transport=httpx.MockTransport(self._answer), base_url="http://server")

    def _answer(self, request: httpx.Request) -> httpx.Response:
        what = request.url.path.rpartition("/")[2]
        self.asked.append((what, json.loads(request.content)))
        answer = self.answers[what]
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx.Response) else httpx.Response(200, json=answer)

    def asked_for(self, what: str) -> int:
        return sum(name == what for name, _ in self.asked)


def problem(status: int, name: str) -> httpx.Response:
    return httpx.Response(status, json={"type": f"/api/docs#{name}", "detail": "It is so.", "hint": "Do this."})


WELCOME = {"worker_id": "w", "name": "far", "heartbeat_seconds": 0.01}
NOTHING: dict[str, Any] = {
    "register": WELCOME,
    "heartbeat": {"stop": []},
    "watch": {"stop": []},
    "leave": {},
    "logs": {"kept": 1},
}


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memberships, "_FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(memberships, "_LONGEST_PAUSE_SECONDS", 0.02)


def test_a_server_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    said: list[str] = []
    server = Script(**NOTHING | {"register": [httpx.ConnectError("refused"), problem(503, "not-ready"), WELCOME]})
    with running(member_of(server.client, tmp_path, say=said.append)) as ended:
        assert until(lambda: server.asked_for("heartbeat") > 1)
    assert not ended and server.asked_for("register") == 3
    assert "cannot be reached" in said[0] and "It is so." in said[1] and "Joined" in said[2]
    assert server.asked[-1] == ("leave", {"worker_id": "w"})


@pytest.mark.parametrize(
    ("answer", "error"), [(problem(401, "unauthorized"), Forbidden), (problem(409, "wrong-state"), WrongState)]
)
def test_a_worker_that_is_refused_ends_and_says_why(
    tmp_path: Path, answer: httpx.Response, error: type[Exception]
) -> None:
    with pytest.raises(error, match="It is so"):
        member_of(Script(register=answer).client, tmp_path).run()


def test_a_worker_whose_token_is_revoked_ends(tmp_path: Path) -> None:
    server = Script(**NOTHING | {"heartbeat": [{"stop": []}, problem(401, "unauthorized")]})
    with running(member_of(server.client, tmp_path)) as ended:
        assert until(lambda: bool(ended))
    assert isinstance(ended[0], Forbidden)
    assert not server.asked_for("leave")


def test_a_server_that_has_forgotten_a_worker_is_joined_again(tmp_path: Path) -> None:
    server = Script(**NOTHING | {"heartbeat": [problem(404, "not-found"), {"stop": []}]})
    with running(member_of(server.client, tmp_path)) as ended:
        assert until(lambda: server.asked_for("heartbeat") > 2)
    assert not ended and server.asked_for("register") == 2


def test_the_last_line_of_a_worker_is_sent_before_it_leaves(tmp_path: Path) -> None:
    server = Script(**NOTHING)
    membership = member_of(server.client, tmp_path)
    thread = threading.Thread(target=membership.run)
    thread.start()
    assert until(lambda: server.asked_for("heartbeat") > 0)
    membership.stop()
    thread.join(20)
    names = [name for name, _ in server.asked]
    said = [
        line["message"]
        for name, body in server.asked[: names.index("leave")]
        if name == "logs"
        for line in body["lines"]
    ]
    assert said[-1].startswith("Leaves the server") and names[-1] == "leave"


def test_who_has_left_does_not_join_again_by_what_it_had_asked_before(tmp_path: Path) -> None:
    server = Script(**NOTHING | {"heartbeat": problem(404, "not-found")})
    membership = member_of(server.client, tmp_path)
    membership.stop()
    membership._beat()
    assert server.asked_for("heartbeat") == 1 and not server.asked_for("register")


def test_a_network_that_is_gone_for_a_while_ends_nothing(tmp_path: Path) -> None:
    cut = [httpx.ReadTimeout("cut")] * 5
    server = Script(**NOTHING | {"heartbeat": [*cut, {"stop": []}], "watch": [*cut, {"stop": []}]})
    with running(member_of(server.client, tmp_path)) as ended:
        assert until(lambda: server.asked_for("heartbeat") > 6 and server.asked_for("watch") > 6)
    assert not ended and server.asked_for("register") == 1


@pytest.mark.parametrize("odd", [httpx.Response(200, html="<h1>Log in</h1>"), {"something": "else"}, [1], "text"])
def test_an_answer_that_is_none_of_flowml_is_as_good_as_none(tmp_path: Path, odd: Any) -> None:
    said: list[str] = []
    odd = odd if isinstance(odd, httpx.Response) else httpx.Response(200, json=odd)
    server = Script(
        register=[odd, WELCOME], heartbeat=[odd, odd, {"stop": []}], watch=[odd, odd, {"stop": []}], leave=odd
    )
    with running(member_of(server.client, tmp_path, say=said.append)) as ended:
        assert until(lambda: server.asked_for("heartbeat") > 3 and server.asked_for("watch") > 3)
    assert not ended
    assert [words.partition(" (")[0] for words in said[1:4]] == [
        "Joined http://server as far, 1 trial at a time.",
        "The server is not reached",
        "The server is reached again.",
    ]


def test_a_server_that_names_the_same_again_and_again_is_not_asked_in_a_hot_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("_FIRST_PAUSE_SECONDS", "_LONGEST_PAUSE_SECONDS"):
        monkeypatch.setattr(memberships, name, 600.0)
    # Each pause as long as it may be: a short one by chance is none that ends soon.
    monkeypatch.setattr(memberships, "random", Mock(uniform=lambda _, longest: longest))
    server = Script(**NOTHING | {"watch": {"stop": ["t"]}})
    with running(member_of(server.client, tmp_path)):
        assert until(lambda: server.asked_for("heartbeat") > 5)
        assert server.asked_for("watch") <= 2


def test_a_worker_ends_while_a_server_that_takes_every_call_answers_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memberships, "_FAREWELL_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = httpx.Client(base_url=f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=60)
        membership = member_of(client, tmp_path)
        membership._joined = True
        with running(membership) as ended:
            silent.accept()
    assert not ended


def test_a_server_that_has_moved_says_where_to(tmp_path: Path) -> None:
    moved = httpx.Response(301, headers={"Location": "https://server/api/workers/register"})
    with pytest.raises(InvalidInput, match="https://server/api/workers/register"):
        member_of(Script(register=moved).client, tmp_path).run()


def test_the_server_plans_with_the_memory_that_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = [10_000_000_000]
    monkeypatch.setattr(crews, "free_memory_bytes", lambda: free[0])
    monkeypatch.setattr(crews, "own_bytes", lambda pid: 0)
    server = Script(**NOTHING)
    told = lambda: [body["memory_bytes"] for what, body in server.asked if what == "register"]  # noqa: E731
    with running(member_of(server.client, tmp_path)):
        for n_free, planned in ((10_000_000_000, [2_000_000_000]), (1_000_000_000, [900_000_000])):
            free[0] = n_free
            assert until(partial(lambda planned: told()[-1:] == planned, planned))
        free[0] = 10_000_000_000
        assert until(lambda: told()[2:] == [2_000_000_000])
        seen = server.asked_for("heartbeat")
        assert until(lambda: server.asked_for("heartbeat") > seen + 5)
    assert len(told()) == 3


def test_what_idle_trainers_hold_is_free_for_their_next_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crews, "free_memory_bytes", lambda: 1_000)
    monkeypatch.setattr(crews, "own_bytes", lambda pid: pid)
    crew = LocalCrew(Share(1, 1, 2_000_000_000), doubles.idle, str(tmp_path))
    trainers = Trainers(Mock(), Mock(), 0, Mock())
    trainers._trainers = [
        TrainerProcess(owner, Mock(pid=pid), Mock(), busy)
        for owner, pid, busy in (("a", 10, None), ("b", 200, Busy("t", 1)), ("c", 30, None), ("d", 4_000, Busy("u", 1)))
    ]
    monkeypatch.setattr(crew, "_supervisor", Mock(waiting_trainers=trainers.waiting))
    assert crew.free_bytes() == 1_040
    assert crew.free_bytes("b") == 1_240, "it is through with its trial, whatever was heard of it"


def test_what_was_found_of_the_gpus_is_said_until_the_server_has_heard_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Script(**NOTHING | {"register": [WELCOME, httpx.ReadTimeout("cut"), problem(503, "not-ready"), WELCOME]})
    membership = member_of(server.client, tmp_path)
    found = {"has_gpu": False}
    monkeypatch.setattr(membership._crew, "capabilities", lambda: dict(found))
    monkeypatch.setattr(membership._crew, "queues", lambda: ("cpu",))
    monkeypatch.setattr(membership._crew, "try_gpus", lambda: bool(found.update(has_gpu=True)) or True)
    told = lambda: [body["capabilities"]["has_gpu"] for what, body in server.asked if what == "register"]  # noqa: E731
    with running(membership) as ended:
        assert until(lambda: len(told()) == 4)
        seen = server.asked_for("heartbeat")
        assert until(lambda: server.asked_for("heartbeat") > seen + 5)
    assert not ended and told()[1:] == [True] * 3


def test_who_is_ended_while_it_is_starting_starts_nothing(tmp_path: Path) -> None:
    said: list[str] = []
    membership = member_of(Script(**NOTHING).client, tmp_path, say=said.append)
    membership.stop()
    membership._end()
    membership._take_part()
    assert membership._fatal is None
    assert membership._crew.free_bytes() and membership._crew._supervisor is None  # type: ignore[attr-defined]


def test_a_machine_on_which_no_trainer_comes_up_has_no_places_until_one_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    crew = LocalCrew(Share(2, 1, 2_000_000_000), doubles.idle, str(tmp_path))
    now = [0.0]
    lives, born = [False], list[Mock]()

    def start() -> TrainerProcess:
        says = [None] if lives[0] else []
        process = Mock(pid=1, exitcode=-9, is_alive=Mock(return_value=lives[0]))
        born.append(process)
        return TrainerProcess(str(len(born)), process, Mock(poll=lambda: bool(says), recv=says.pop))

    trainers = Trainers(Mock(), start, 10**9, lambda: now[0])

    def pass_by(seconds: float) -> int:
        now[0] += seconds
        trainers.look(now[0])
        slots = crew.share().slots
        trainers.start_missing(2, now[0])
        return slots

    monkeypatch.setattr(crew, "_supervisor", Mock(waiting_trainers=trainers.waiting, places=lambda: trainers.places(2)))
    assert [pass_by(100.0) for _ in range(5)] == [2, 2, 2, 0, 0]
    assert [record.levelname for record in caplog.records].count("ERROR") == 1
    lives[0] = True
    assert [pass_by(100.0) for _ in range(4)][-1] == 2


@pytest.mark.parametrize(
    ("given", "meant"),
    [("localhost:8000", "http://localhost:8000"), ("far.ts.net", "http://far.ts.net"), ("https://a/b", "https://a/b/")],
)
def test_an_address_may_be_given_without_its_scheme(given: str, meant: str) -> None:
    with connect(given, "x") as client:
        assert str(client.base_url).rstrip("/") == meant.rstrip("/")


@pytest.mark.parametrize("given", ["", "http://", "ftp://far", "http://far:99999", "http://far:eighty", "far:-1"])
def test_what_is_no_address_is_said_at_once(given: str) -> None:
    with pytest.raises(StartupError, match=f"“{given}” is not the address of a server") as refused:
        connect(given, "x")
    assert refused.value.hint == "It looks like http://host:8000."


def test_the_processes_that_train_do_not_know_the_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setenv("FLOWML_TOKEN", "secret")
    monkeypatch.setattr(cli, "_work", lambda options, home, token: seen.append((token, os.environ.get("FLOWML_TOKEN"))))
    cli.worker(build_parser().parse_args(["worker", "--server", "far", "--home", str(tmp_path)]))
    assert seen == [("secret", None)]


@pytest.mark.parametrize(
    ("options", "insecure"), [([], []), (["--upgrade"], [False]), (["--insecure-upgrade"], [True])], ids=str
)
def test_a_worker_becomes_another_program_only_when_it_is_asked_to(
    options: list[str], insecure: list[bool], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []
    monkeypatch.setenv("FLOWML_TOKEN", "secret")
    monkeypatch.setattr(cli, "_upgrade", lambda server, token, insecure, **_: asked.append(insecure))
    monkeypatch.setattr(cli, "_work", lambda *_: None)
    cli.worker(build_parser().parse_args(["worker", "--server", "far", "--home", str(tmp_path), *options]))
    assert asked == insecure


def test_a_score_that_is_no_number_is_said_as_none(tmp_path: Path) -> None:
    server = Script(heartbeat={"stop": []}, report={"accepted": True})
    lease = Lease("t", "job", "w", 1, 60.0, "ridge", {}, 0, 30.0)
    channel = HttpChannel(server.client, "w", Cache(tmp_path, 1))
    channel.beat([Beat(lease, (0.5, math.nan))])
    report = TrialReport(TrialStatus.FAILED, math.inf, (math.nan, 1.0), {"r2": math.nan}, error="x" * 5_000)
    assert channel.report(lease, report)
    (_, beat), (_, reported) = server.asked
    assert beat["running"][0]["fold_scores"] == [0.5, None]
    assert (reported["score"], reported["fold_scores"], reported["metrics"]) == (None, [None, 1.0], {"r2": None})
    assert len(reported["error"]) == MOST_WORDS


def test_only_the_queues_that_were_asked_for_are_offered(tmp_path: Path) -> None:
    server = Script(**NOTHING)
    said: list[str] = []
    with running(member_of(server.client, tmp_path, queues=("cpu", "gpu.vram24"), say=said.append)):
        assert until(lambda: server.asked_for("heartbeat") > 0)
    assert "nothing for gpu.vram24, so it takes trials of cpu alone" in said[1]
    registered = server.asked[0][1]
    assert registered["queues"] == ["cpu"] and registered["slots"] == 1 and registered["capabilities"]
