"""What becomes of a trial whose node is lost, busy, another version, or hostile: without a cluster."""

import hashlib
import json
import sys
import time
from collections.abc import Callable, Collection
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from flowml import __version__
from flowml.domain.channel import JobBrief
from flowml.domain.errors import NotFound, StartupError, WrongState
from flowml.domain.jobs import JobSpec
from flowml.domain.trials import DID_NOT_STOP, Beat, Lease, Needs, Offer, TrialReport, TrialStatus
from flowml.domain.workers import Share
from flowml.worker.engines import node, node_folder
from flowml.worker.engines.cluster import ClusterCrew
from flowml.worker.engines.dask import DaskEngine
from flowml.worker.engines.engine import ClusterLost, Node, NodeLost, Unfit
from flowml.worker.engines.errand import Done, Errand, Nonsense, parse_done, parse_errand
from flowml.worker.engines.found import Found, Gone, meet, together
from flowml.worker.engines.node_trainer import run_errand
from flowml.worker.engines.room import Room
from flowml.worker.engines.seat import Seat
from flowml.worker.engines.watch import Underway, Watch
from tests.web.serving import until

NODE = Node("n", "node:1", threads=2, memory_bytes=4_000_000_000)
CAPABILITIES: dict[str, Any] = {
    "cpu_count": 2,
    "cpu_count_logical": 2,
    "total_ram_gb": 8.0,
    "available_ram_gb": 4.0,
    "has_gpu": False,
    "gpus": [],
    "gpu_libraries": {},
}
CARD = {"index": 0, "name": "card", "vram_gb": 12.0, "vram_free_gb": 12.0}
WITH_GPU = CAPABILITIES | {"has_gpu": True, "gpus": [CARD], "gpu_libraries": {"xgboost": {"device": "cuda"}}}
TABLE = hashlib.sha256(b"table").hexdigest()
LEASE = Lease("t", "job", "w", 1, 60.0, "ridge", {}, 0, 30.0)
BRIEF = JobBrief("job", JobSpec("d", "c"), TABLE, ())
FILE = b"a file"
REPORT = TrialReport(TrialStatus.FINISHED, 0.5, (0.5,), out_of_fold=hashlib.sha256(FILE).hexdigest())
DONE = {"report": json.dumps(asdict(REPORT)), "files": {hashlib.sha256(FILE).hexdigest(): FILE}}


class Task:
    """Over at once, unless its outcome is None."""

    def __init__(self, outcome: Any):
        self.outcome = outcome
        self.cancelled = False

    def wait(self, seconds: float) -> bool:
        return self.outcome is not None

    def size(self) -> int:
        return 1 << 30

    def fetch(self, seconds: float) -> bool:
        return True

    def result(self) -> Any:
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome

    def cancel(self) -> None:
        self.cancelled = True


class Cluster:
    """As an engine has it: what its nodes answer is written down."""

    name = "Test"

    def __init__(self, *outcomes: Any, nodes: Collection[Node] = (NODE,), version: Any = __version__):
        self.outcomes = list(outcomes)
        self.there: list[Node] | Exception = list(nodes)
        self.version = version
        self.tasks: list[tuple[Callable[..., Any], bool, tuple[Any, ...], Task]] = []
        self.scores: dict[str, Any] = {}
        self.told: list[tuple[Any, ...]] = []
        self.on_begin: Callable[[], None] = lambda: None
        self.asked: list[set[str]] = []
        self.hanging: set[str] = set()
        self.answers: dict[str, Any] = {}
        self.capabilities = CAPABILITIES

    def connect(self) -> None:
        self.nodes()

    def close(self) -> None:
        pass

    def nodes(self) -> list[Node]:
        if isinstance(self.there, Exception):
            raise self.there
        return self.there

    def versions(self, node: Node) -> tuple[str, str]:
        if isinstance(self.version, Exception):
            raise self.version
        return self.version, "3.11.7"

    def call(
        self, node_ids: Collection[str], seconds: float, function: Callable[..., Any], *arguments: Any
    ) -> dict[str, Any]:
        self.told.append(arguments)
        self.asked.append(set(node_ids))
        said = {"free_bytes": 3_000_000_000, "scores": self.scores}
        return {one: self.answers.get(one, said) for one in node_ids if one not in self.hanging}

    def submit(self, node: Node, share: Share, use_gpu: bool, function: Callable[..., Any], *arguments: Any) -> Task:
        outcome: Any = "kept"
        if function is run_errand:
            outcome = self.outcomes.pop(0)
            self.on_begin()
        if function.__name__ == "describe":
            outcome = self.capabilities
        self.tasks.append((function, use_gpu, arguments, Task(outcome)))
        return self.tasks[-1][3]

    def begun(self, name: str) -> list[tuple[Any, ...]]:
        return [arguments for function, _, arguments, _ in self.tasks if function.__name__ == name]


class Channel:
    """Gives out one trial, and writes down what becomes of it."""

    def __init__(self, folder: Path, lease: Lease = LEASE):
        self.given = lease
        self.offers: list[Offer] = []
        self.ended: list[Any] = []
        self.handed_over: list[bytes] = []
        self.unwanted: frozenset[str] = frozenset()
        self._table = folder / "table"
        self._table.write_bytes(b"table")

    def lease(self, offer: Offer) -> Lease | None:
        self.offers.append(offer)
        return self.given

    def brief(self, lease: Lease) -> JobBrief:
        return BRIEF

    def get(self, lease: Lease, sha256: str) -> Path:
        return self._table

    def put(self, lease: Lease, content: bytes) -> str:
        self.handed_over.append(content)
        return hashlib.sha256(content).hexdigest()

    def heartbeat(self, beats: list[Beat]) -> frozenset[str]:
        return self.unwanted

    def report(self, lease: Lease, report: TrialReport) -> bool:
        self.ended.append(report)
        return True

    def give_back(self, lease: Lease, reason: str | None) -> None:
        self.ended.append(("given back", reason))


class Around:
    """The cluster of a seat, whose nodes are there."""

    def __init__(self) -> None:
        self.lost: list[str] = []
        self.faults: list[str | None] = []
        self.room = Room(1 << 30)

    def lost_again(self, trial_id: str, node_id: str) -> bool:
        self.lost.append(trial_id)
        return len(self.lost) > 1

    def queues(self, found: Found, use_gpu: bool) -> tuple[str, ...]:
        return found.queues if use_gpu else ("cpu",)

    def fault(self, found: Found, why: str | None) -> None:
        self.faults.append(why)


class Clock:
    """Goes on by itself whenever somebody looks."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


def found_of(cluster: Cluster) -> Found:
    return Found(NODE, Share(2, 1, 2_000_000_000), cluster.capabilities, 1_500_000_000)


def seat_of(cluster: Cluster, channel: Channel, around: Around | None = None, **given: Any) -> Seat:
    found = given.pop("found", None) or found_of(cluster)
    watch = given.pop("watch", None) or Watch(cluster)
    given = {"uses_gpu": False, "clock": Clock(), "sleep": lambda seconds: None} | given
    return Seat(cluster, watch, channel, around or Around(), found, **given)  # type: ignore[arg-type]


def test_what_a_node_has_worked_out_is_handed_in(tmp_path: Path) -> None:
    cluster, channel = Cluster(DONE), Channel(tmp_path)
    seat_of(cluster, channel).step()
    assert channel.ended == [REPORT] and channel.handed_over == [FILE]
    assert channel.offers == [Offer(("cpu",), 1_500_000_000, 0.0)]
    errand = parse_errand(cluster.begun("run_errand")[0][0])
    assert errand.brief == BRIEF and errand.share.threads == 1 and errand.gpus is None
    assert 0 < errand.lease.seconds_left < LEASE.seconds_left


def test_a_table_goes_to_a_node_that_lacks_it(tmp_path: Path) -> None:
    cluster, channel = Cluster({"missing": [TABLE]}, DONE), Channel(tmp_path)
    seat_of(cluster, channel).step()
    assert channel.ended == [REPORT]
    (sha256, _, offset, piece, is_last) = cluster.begun("keep")[0]
    assert (sha256, offset, piece, is_last) == (TABLE, 0, b"table", True)


@pytest.mark.parametrize("outcome", [NodeLost("gone"), None])
def test_a_lost_node_is_no_fault_of_the_trial_for_the_first_time(
    tmp_path: Path, outcome: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster, channel, around = Cluster(outcome, outcome), Channel(tmp_path), Around()
    watch = Watch(cluster)
    begin = watch.begin

    def begun(*told: Any) -> Underway:
        underway = begin(*told)
        underway.began_at = 1.0
        return underway

    monkeypatch.setattr(watch, "begin", begun)
    for _ in range(2):
        found = found_of(cluster)
        if outcome is None:
            # Nothing says so of a task, but the node is not named any more.
            cluster.on_begin = lambda found=found: setattr(found, "gone", Gone.NODE)
        seat_of(cluster, channel, around, watch=watch, found=found).step()
    first, second = channel.ended
    assert first == ("given back", None)
    assert second[0] == "given back" and "another one before" in second[1]
    if outcome is None:
        assert all(task.cancelled for *_, task in cluster.tasks)


@pytest.mark.parametrize(
    ("done", "end"),
    [
        ({"broke": "It crashed.", "retry": True}, ("given back", "It crashed.")),
        ({"broke": "Too much.", "retry": False}, TrialReport(TrialStatus.FAILED, error="Too much.")),
        ({"broke": DID_NOT_STOP, "retry": False}, TrialReport(TrialStatus.CANCELLED, error=DID_NOT_STOP)),
        ({}, ("given back", None)),
    ],
)
def test_what_became_of_a_trial_is_said_of_it(tmp_path: Path, done: dict[str, Any], end: Any) -> None:
    channel = Channel(tmp_path)
    seat_of(Cluster(done), channel).step()
    assert channel.ended == [end]


def test_a_node_that_is_busy_with_other_work_is_left_alone_for_a_while(tmp_path: Path) -> None:
    cluster, channel, rests = Cluster(None), Channel(tmp_path), []
    seat_of(cluster, channel, sleep=rests.append).step()
    assert channel.ended == [("given back", None)] and len(rests) > 10
    assert cluster.tasks[0][3].cancelled


def test_a_node_that_is_gone_and_not_missed_yet_costs_no_trial_its_name(tmp_path: Path) -> None:
    cluster, channel, around, rests = Cluster(*[NodeLost("no such node")] * 3), Channel(tmp_path), Around(), []
    seat = seat_of(cluster, channel, around, sleep=rests.append)
    for _ in range(3):
        seat.step()
    assert channel.ended == [("given back", None)] * 3 and not around.lost and len(rests) > 3


def test_a_trial_that_nobody_wants_any_more_is_stopped(tmp_path: Path) -> None:
    cluster, channel = Cluster(None), Channel(tmp_path)
    channel.unwanted = frozenset({"t"})
    watch = Watch(cluster)
    clock = Clock()

    def tick() -> float:
        watch.look(channel, {"n"}, lambda node_id: True)  # type: ignore[arg-type]
        return clock()

    seat_of(cluster, channel, watch=watch, clock=tick).step()
    assert channel.ended == [("given back", None)]
    (errand,) = cluster.begun("run_errand")
    ids = {parse_errand(errand[0]).id}
    assert any(set(unwanted) == ids for _, unwanted in cluster.told)
    cluster.told.clear()
    watch.look(channel, {"n"}, lambda node_id: True)  # type: ignore[arg-type]
    assert cluster.told == [([], [*ids])], "it may begin after nobody waits for it"


def test_a_trial_for_a_gpu_asks_for_one(tmp_path: Path) -> None:
    lease = replace(LEASE, needs=Needs("gpu.vram12"))
    cluster, channel = Cluster(DONE, DONE), Channel(tmp_path, lease)
    found = Found(replace(NODE, gpus=1), Share(2, 1, 2_000_000_000), WITH_GPU, 1_500_000_000)
    seat_of(cluster, channel, found=found, uses_gpu=True).step()
    assert channel.offers == [
        Offer(("cpu", "gpu", "gpu.vram6", "gpu.vram8", "gpu.vram12", "priority"), 1_500_000_000, 12.0)
    ]
    channel.given = LEASE
    seat_of(cluster, channel, found=found, uses_gpu=True).step()
    assert [use_gpu for _, use_gpu, *_ in cluster.tasks] == [True, False]
    with_gpu, without = (parse_errand(told).gpus for (told,) in cluster.begun("run_errand"))
    assert with_gpu == {"gpus": [CARD], "gpu_libraries": {"xgboost": {"device": "cuda"}}} and without is None


def test_what_the_server_does_not_have_fails_the_trial_alone(tmp_path: Path) -> None:
    channel = Channel(tmp_path)

    def gone(lease: Lease, sha256: str) -> Path:
        raise NotFound("The table is gone.")

    channel.get = gone  # type: ignore[method-assign]
    seat_of(Cluster(), channel).step()
    assert channel.ended == [TrialReport(TrialStatus.FAILED, error="The table is gone.")]


ERRAND = Errand("ab", LEASE, BRIEF, Share(1, 1, 1), (TABLE,))


@pytest.mark.parametrize(
    "told",
    [
        None,
        [1],
        {"report": "{"},
        {"report": {"status": "finished"}},
        DONE | {"files": {}},
        DONE | {"files": [FILE]},
        DONE | {"files": {REPORT.out_of_fold: b"another"}},
        DONE | {"files": {REPORT.out_of_fold: "text"}},
        DONE | {"files": {hashlib.sha256(bytes([n])).hexdigest(): bytes([n]) for n in range(9)}},
        {"missing": ["f" * 64]},
        {"missing": 3},
    ],
)
def test_what_comes_back_from_a_node_is_looked_at(tmp_path: Path, told: Any) -> None:
    with pytest.raises(Nonsense):
        parse_done(told, ERRAND)
    channel = Channel(tmp_path)
    seat_of(Cluster(told if told is not None else 7), channel).step()
    assert channel.ended == [("given back", None)]


def test_scores_that_are_no_numbers_are_none_of_a_report() -> None:
    report = replace(REPORT, score=float("nan"), fold_scores=(float("inf"), 1.0))
    done = parse_done(DONE | {"report": json.dumps(asdict(report))}, ERRAND)
    assert done.report is not None and str(done.report.fold_scores) == "(inf, 1.0)"
    assert parse_done({}, ERRAND) == Done()
    assert parse_errand(ERRAND.text()) == ERRAND


@pytest.mark.parametrize(
    ("version", "problem"), [("0.0.1", "It has FlowML 0.0.1, and this worker"), (Unfit("No FlowML."), "No FlowML.")]
)
def test_a_node_with_another_flowml_gets_no_trials_and_is_named(version: Any, problem: str) -> None:
    found = meet(Cluster(version=version), NODE, 1)
    assert found.problem is not None and problem in found.problem and found.queues == ()
    (named,) = together("Dask", [found], 0)["engine"]["nodes"]
    assert (named["name"], named["slots"], named["problem"]) == ("node:1", 0, found.problem)


def test_a_node_has_the_memory_that_its_machine_has_for_it() -> None:
    cluster = Cluster()
    assert meet(cluster, NODE, 1).share == Share(2, 1, 2_000_000_000)
    assert meet(cluster, replace(NODE, memory_bytes=None), 2).share == Share(2, 1, 1_600_000_000)
    assert meet(cluster, replace(NODE, threads=16), 1).share == Share(5, 3, 800_000_000)
    everything = together("Ray", [meet(cluster, NODE, 1)] * 300, 600)
    assert everything["cpu_count"] == 600 and everything["largest_trial_bytes"] == 2_000_000_000
    assert len(everything["engine"]["nodes"]) + everything["engine"]["nodes_left_out"] == 300
    assert len(json.dumps(everything)) < 64_000


def test_gpus_are_those_that_tasks_may_use() -> None:
    cards = [CARD | {"index": index, "vram_gb": size} for index, size in enumerate((8.0, 12.0, 24.0))]
    assert node.visible(cards, None) == cards
    assert node.visible(cards, "") == []
    assert [(card["index"], card["vram_gb"]) for card in node.visible(cards, "2,0")] == [(0, 24.0), (1, 8.0)]
    assert len(node.visible(cards, "GPU-12ab")) == 1


class Relay:
    """What a crew asks of one; no trial is given out."""

    def __init__(self) -> None:
        self.leased: list[str] = []
        self.forgotten: list[str] = []
        self.said: list[str] = []

    def say(self, words: str) -> None:
        self.said.append(words)

    def forget(self, owner: str) -> None:
        self.forgotten.append(owner)

    def answer(self, owner: str, what: str, arguments: tuple[Any, ...]) -> Any:
        if what == "lease":
            self.leased.append(owner)
            time.sleep(0.02)
        return ("cpu",) if what == "queues" else frozenset() if what == "heartbeat" else None


def test_slots_follow_the_nodes_that_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowml.worker.engines.cluster._TICK_SECONDS", 0.01)
    monkeypatch.setattr("flowml.worker.engines.cluster._FIRST_PAUSE_SECONDS", 0.01)
    cluster, relay = Cluster(nodes=[]), Relay()
    said = relay.said
    news: list[int] = []
    crew = ClusterCrew(cluster, most_slots=3)
    crew.start(relay, lambda: news.append(crew.share().slots))  # type: ignore[arg-type]
    try:
        assert crew.share().slots == 0 and crew.queues() == ()
        other = replace(NODE, id="m", name="node:2")
        cluster.there = [NODE, other]
        assert until(lambda: crew.share().slots == 3), "two and two, and no more than three"
        assert crew.share().memory_bytes == 1_600_000_000 and crew.queues() == ("cpu", "priority")
        assert until(lambda: {owner.partition(":")[0] for owner in relay.leased} == {"n", "m"})
        cluster.there = [other]
        assert until(lambda: crew.share().slots < 3)
        assert until(lambda: sum(owner.startswith("n:") for owner in relay.forgotten) >= 1), "its seats end"
        cluster.there = ClusterLost("it is away")
        assert until(lambda: crew.share().slots == 0)
        assert until(lambda: any("not reached: it is away" in words for words in said))
        cluster.there = [NODE]
        assert until(lambda: crew.share().slots == 2)
        assert until(lambda: "The cluster is reached again." in said)
        assert until(lambda: news[-1] == 2)
    finally:
        crew.stop()
    assert until(lambda: set(relay.leased) <= set(relay.forgotten)), "all seats end by that"


def test_a_table_that_comes_in_pieces_is_kept_when_it_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_folder.tempfile, "gettempdir", lambda: str(tmp_path))
    with pytest.raises(WrongState):
        node.keep("../../etc", "ab", 0, b"x", True)
    with pytest.raises(WrongState):
        node.keep(TABLE, "../ab", 0, b"x", True)
    node.keep(TABLE, "ab", 0, b"ta", False)
    folder = node_folder.Folder()
    assert folder.tables.kept(TABLE) is None
    node.keep(TABLE, "ab", 2, b"ble", True)
    kept = folder.tables.kept(TABLE)
    assert kept is not None and kept.read_bytes() == b"table"
    assert not folder.coming("ab").exists()
    folder.path.chmod(0o755)
    with pytest.raises(WrongState, match="not its user's alone"):
        node_folder.Folder()


def test_the_nodes_folder_says_how_far_a_trial_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_folder.tempfile, "gettempdir", lambda: str(tmp_path))
    folder = node_folder.Folder()
    with folder.errand_at_work("ab") as place:
        (place / "scores").write_text("[0.5, 0.25]")
        seen = node.look(["ab", "cd"], ["ef"])
        assert seen["scores"] == {"ab": [0.5, 0.25]} and seen["free_bytes"] > 0
        assert not (place / "unwanted").exists()
        node.look([], ["ab"])
        assert (place / "unwanted").exists()
    assert node.look(["ab"], [])["scores"] == {}


def test_without_its_library_a_cluster_cannot_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(StartupError, match="distributed is not installed") as refused:
        DaskEngine("tcp://127.0.0.1:1")
    assert refused.value.hint is not None
    assert (
        'pip install "flowml[dask]"' in refused.value.hint and "python -m pip install distributed" in refused.value.hint
    )


def test_who_lost_two_nodes_under_a_trial_says_so_and_one_node_counts_once() -> None:
    crew = ClusterCrew(Cluster(), most_slots=1)
    assert [crew.lost_again("t", node) for node in ("n", "n", "m")] == [False, False, True]
    assert not crew.lost_again("u", "m")
