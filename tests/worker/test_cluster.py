"""A cluster of which single nodes hang, break down, come back or say odd things: the others go on."""

import json
import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flowml.domain.errors import LeaseLost
from flowml.domain.trials import Needs, Offer, TrialStatus
from flowml.domain.workers import Share
from flowml.machine.facts import started
from flowml.worker.engines import node, node_child, node_folder, node_trainer
from flowml.worker.engines.cluster import ClusterCrew
from flowml.worker.engines.engine import ClusterLost, NodeLost, whole
from flowml.worker.engines.errand import Done, Errand, parse_done
from flowml.worker.engines.found import Found, Gone, meet, meet_gpus, together
from flowml.worker.engines.places import Places
from flowml.worker.engines.room import Room
from flowml.worker.engines.watch import Underway, Watch
from tests.web.serving import until
from tests.worker.test_seats import (
    BRIEF,
    CAPABILITIES,
    CARD,
    DONE,
    FILE,
    LEASE,
    NODE,
    REPORT,
    TABLE,
    WITH_GPU,
    Around,
    Channel,
    Cluster,
    Relay,
    Task,
    found_of,
    seat_of,
)

OTHER = replace(NODE, id="m", name="node:2")


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowml.worker.engines.cluster._TICK_SECONDS", 0.01)
    monkeypatch.setattr("flowml.worker.engines.cluster._FIRST_PAUSE_SECONDS", 0.01)


class Slow:
    """A clock that is set."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def begun(cluster: Cluster) -> Watch:
    """A watch that has seen every trial begin."""
    watch = Watch(cluster)
    begin = watch.begin

    def at_once(*told: Any) -> Underway:
        underway = begin(*told)
        underway.began_at = 1.0
        return underway

    watch.begin = at_once  # type: ignore[method-assign]
    return watch


def looked(watch: Watch, channel: Channel, node_ids: set[str]) -> Any:
    return watch.look(channel, node_ids, lambda node_id: True)  # type: ignore[arg-type]


def test_a_node_that_hangs_is_asked_now_and_then_and_counts_as_lost_after_a_while(tmp_path: Path) -> None:
    cluster, clock, channel = Cluster(), Slow(), Channel(tmp_path)
    watch = Watch(cluster, clock)
    for name in ("n", "m"):
        watch.begin(name, LEASE, name).began_at = 1.0
    cluster.hanging = {"m"}
    assert set(looked(watch, channel, {"n", "m"})) == {"n"}
    cluster.asked.clear()
    for _ in range(9):
        clock.now += 1.0
        assert set(looked(watch, channel, {"n", "m"})) == {"n"}
    assert all(asked == {"n"} for asked in cluster.asked), "the others are not kept waiting for it"
    clock.now += 2.0
    looked(watch, channel, {"n", "m"})
    assert cluster.asked[-2:] == [{"n"}, {"m"}] and not watch.silent()
    clock.now += 60.0
    looked(watch, channel, {"n", "m"})
    assert watch.silent() == {"m"}
    cluster.hanging = set()
    clock.now += 11.0
    assert set(looked(watch, channel, {"n", "m"})) == {"n", "m"} and not watch.silent()


def test_a_cluster_goes_on_without_a_node_that_hangs() -> None:
    cluster, relay, clock = Cluster(nodes=[NODE, OTHER]), Relay(), Slow()
    crew = ClusterCrew(cluster, most_slots=9, clock=clock)
    crew.start(relay, lambda: None)  # type: ignore[arg-type]
    try:
        assert until(lambda: crew.share().slots == 4)
        cluster.hanging = {"m"}
        cluster.asked.clear()
        clock.now += 16.0
        assert until(lambda: any("m" in asked for asked in cluster.asked))
        assert crew.share().slots == 4
        clock.now += 100.0
        assert until(lambda: crew.share().slots == 2)
        assert until(lambda: all(owner in relay.forgotten for owner in relay.leased if owner.startswith("m:")))
        relay.leased.clear()
        cluster.hanging = set()
        clock.now += 100.0
        assert until(lambda: crew.share().slots == 4), "it is met again"
    finally:
        crew.stop()


class Sleeping(Relay):
    """Has no trial for anybody, and answers when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.wakes = threading.Event()

    def answer(self, owner: str, what: str, arguments: tuple[Any, ...]) -> Any:
        if what == "lease":
            self.leased.append(owner)
            self.wakes.wait(20)
            time.sleep(0.01)
            return None
        return super().answer(owner, what, arguments)


def test_seats_of_before_a_short_absence_do_not_go_on_beside_the_new_ones() -> None:
    cluster, relay = Cluster(), Sleeping()
    crew = ClusterCrew(cluster, most_slots=9)
    crew.start(relay, lambda: None)  # type: ignore[arg-type]
    try:
        assert until(lambda: len(relay.leased) == 2)
        old = set(relay.leased)
        for times in (2, 3):
            cluster.there = []
            assert until(lambda: crew.share().slots == 0)
            cluster.there = [NODE]
            assert until(lambda times=times: len(set(relay.leased)) == 2 * times)  # type: ignore[misc]
        old = set(relay.leased[:4])
        relay.wakes.set()
        assert until(lambda: old <= set(relay.forgotten))
        relay.leased.clear()
        assert until(lambda: len(relay.leased) > 8 and len(set(relay.leased)) >= 2)
        assert len(set(relay.leased)) == 2
    finally:
        relay.wakes.set()
        crew.stop()


def test_slots_are_shared_out_again_when_a_node_goes() -> None:
    places = Places(4)
    a, b = (Found(replace(NODE, id=name, threads=4), Share(4, 1, 1)) for name in "ab")
    places.add(a)
    assert places.free() == [(a, number) for number in range(4)]
    places.add(b)
    assert places.free() == [] and places.nodes() == [a], "what works is left in peace"
    places.remove(["a"], Gone.NODE)
    assert a.gone is Gone.NODE
    assert places.free() == [(b, number) for number in range(4)] and places.total() == 4
    c = Found(replace(NODE, id="a", threads=4), Share(4, 1, 1))
    places.add(c)
    places.remove(["b"], Gone.ALL)
    assert [seat for seat in places.free() if seat[0] is c] == [(c, number) for number in range(4)]
    places.close()
    assert c.gone is Gone.ALL and places.total() == 0
    late = Found(NODE, Share(4, 1, 1))
    places.add(late)
    assert places.free() == []


def test_slots_are_shared_out_evenly() -> None:
    places = Places(5)
    for name in "abc":
        places.add(Found(replace(NODE, id=name), Share(2, 1, 1)))
    seats = places.free()
    assert sorted(found.node.id for found, _ in seats) == ["a", "a", "b", "b", "c"]
    places.left(*seats[0])
    assert places.free() == seats[:1]


@pytest.mark.parametrize("how", ["the cluster goes", "the worker ends", "a task notices first"])
def test_a_trial_is_not_blamed_for_a_cluster_that_goes(tmp_path: Path, how: str) -> None:
    outcome = NodeLost("the cluster says that it is cancelled") if how == "a task notices first" else None
    cluster, channel, around = Cluster(outcome), Channel(tmp_path), Around()
    found = found_of(cluster)

    def go(*_: object) -> None:
        found.gone = Gone.ALL

    sleep: Callable[[float], None] = go if outcome else lambda seconds: None
    if outcome is None:
        cluster.on_begin = go
    seat_of(cluster, channel, around, found=found, watch=begun(cluster), sleep=sleep).step()
    assert channel.ended == [("given back", None)] and around.lost == [] and around.faults == []


def test_a_crew_tells_its_seats_whether_the_node_or_the_cluster_has_gone() -> None:
    cluster, relay = Cluster(nodes=[NODE, OTHER]), Relay()
    crew = ClusterCrew(cluster, most_slots=9)
    crew.start(relay, lambda: None)  # type: ignore[arg-type]
    try:
        assert until(lambda: crew.share().slots == 4)
        first, second = sorted(crew._places.nodes(), key=lambda found: found.node.id, reverse=True)
        cluster.there = [OTHER]
        assert until(lambda: first.gone is Gone.NODE) and second.gone is None
        cluster.there = ClusterLost("away")
        assert until(lambda: second.gone is Gone.ALL)
        cluster.there = [NODE]
        assert until(lambda: crew.share().slots == 2)
        (third,) = crew._places.nodes()
    finally:
        crew.stop()
    assert third.gone is Gone.ALL
    assert relay.said, "people and the log hear of it where the worker says it"


class Coming(Task):
    """Through, and what it returned comes after so many looks, or never."""

    def __init__(self, outcome: Any, looks: float):
        super().__init__(outcome)
        self.looks = looks

    def fetch(self, seconds: float) -> bool:
        self.looks -= 1
        return self.looks < 0


@pytest.mark.parametrize(("looks", "handed_in"), [(200, True), (5_000, False)])
def test_a_result_that_takes_long_to_come_is_waited_for_and_never_a_lost_node(
    tmp_path: Path, looks: int, handed_in: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster, channel, around = Cluster(), Channel(tmp_path), Around()
    task = Coming(DONE, looks)
    monkeypatch.setattr(cluster, "submit", lambda *_: task)
    seat_of(cluster, channel, around, watch=begun(cluster)).step()
    assert channel.ended == ([REPORT] if handed_in else [("given back", None)])
    assert around.lost == [] and around.faults == ([None] if handed_in else []) and around.room.take(1 << 30, 0)
    assert task.cancelled is not handed_in


def test_no_more_results_are_fetched_at_once_than_there_is_memory_for() -> None:
    room = Room(10)
    assert room.take(4, 0) and room.take(6, 0) and not room.take(1, 0)
    room.give(6)
    assert room.take(5, 0) and not room.take(2, 0)
    room.give(5)
    room.give(4)
    assert room.take(99, 0) and not room.take(1, 0), "alone"
    room.give(99)
    assert room.take(10, 0)


def test_a_result_waits_until_there_is_room_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster, channel, around = Cluster(DONE), Channel(tmp_path), Around()
    take, tried = around.room.take, []

    def when_there_is(n_bytes: int, seconds: float) -> bool:
        tried.append(n_bytes)
        return len(tried) > 3 and take(n_bytes, 0)

    monkeypatch.setattr(around.room, "take", when_there_is)
    seat_of(cluster, channel, around, watch=begun(cluster)).step()
    assert tried == [1 << 30] * 4 and channel.ended == [REPORT] and take(1 << 30, 0)


def test_nothing_is_leased_for_a_node_that_is_paused(tmp_path: Path) -> None:
    cluster, relay = Cluster(nodes=[NODE, replace(OTHER, paused=True)]), Relay()
    crew = ClusterCrew(cluster, most_slots=9)
    crew.start(relay, lambda: None)  # type: ignore[arg-type]
    try:
        assert until(lambda: crew.share().slots == 2)
        (found,) = crew._places.nodes()
        cluster.there = [replace(NODE, paused=True)]
        assert until(lambda: found.paused)
        assert found.gone is None and crew.share().slots == 2, "what runs there goes on"
        cluster.there = [NODE, OTHER]
        assert until(lambda: not found.paused and crew.share().slots == 4)
    finally:
        crew.stop()
    channel = Channel(tmp_path)
    paused = replace(found_of(cluster), paused=True)
    seat_of(cluster, channel, found=paused).step()
    assert channel.offers == []
    # It was paused while the server had nothing.
    paused.paused = False
    lease = channel.lease
    channel.lease = lambda offer: setattr(paused, "paused", True) or lease(offer)  # type: ignore[method-assign]
    seat_of(cluster, channel, found=paused).step()
    assert channel.ended == [("given back", None)]


def test_a_gpu_that_another_program_holds_is_not_offered(tmp_path: Path) -> None:
    cluster, channel, rests = Cluster({}), Channel(tmp_path, replace(LEASE, needs=Needs("gpu"))), []
    found = Found(replace(NODE, gpus=1), Share(2, 1, 2_000_000_000), WITH_GPU, 1_500_000_000)
    watch = Watch(cluster)
    cluster.answers = {"n": {"free_bytes": 1, "vram_free": [7_000_000_000]}}
    found.vram_free_bytes = looked(watch, channel, {"n"})["n"].vram_free_bytes
    seat_of(cluster, channel, found=found, uses_gpu=True, sleep=rests.append).step()
    assert channel.offers == [Offer(("cpu", "gpu", "gpu.vram6", "priority"), 1_500_000_000, 7.0)]
    assert channel.ended == [("given back", None)] and len(rests) > 3, "it has had none, and rests"
    found.vram_free_bytes = {0: 100_000_000}
    seat_of(Cluster(DONE), channel, found=found, uses_gpu=True).step()
    assert channel.offers[1] == Offer(("cpu", "priority"), 1_500_000_000, 0.0)


def test_the_free_memory_of_gpus_is_that_of_those_that_tasks_may_use() -> None:
    free = {0: 10, 1: 11, 2: 12}
    assert node.vram_free(free, None) == [10, 11, 12]
    assert node.vram_free(free, "2,0") == [12, 10] and node.vram_free(free, "") == []
    assert node.vram_free(free, "GPU-12ab") == []


@pytest.mark.parametrize(
    ("outcome", "why"),
    [
        (OSError(28, "No space left on device"), "No space left on device"),
        ({"fault": "No space left on device"}, "cannot keep what it has worked out: No space left on device"),
        ({"missing": 3}, "tables that are none of its trial's"),
        (ValueError("odd"), "ValueError: odd"),
    ],
)
def test_a_node_that_cannot_look_after_trials_is_at_fault_and_the_trial_is_not(
    tmp_path: Path, outcome: Any, why: str
) -> None:
    cluster, channel, around = Cluster(outcome), Channel(tmp_path), Around()
    seat_of(cluster, channel, around, watch=begun(cluster)).step()
    assert channel.ended == [("given back", None)] and around.lost == []
    (told,) = around.faults
    assert told is not None and why in told


def test_a_node_that_is_at_fault_again_and_again_gets_no_more_and_is_named() -> None:
    cluster, relay, clock = Cluster(nodes=[NODE, OTHER]), Relay(), Slow()
    crew = ClusterCrew(cluster, most_slots=9, clock=clock)
    crew.start(relay, lambda: None)  # type: ignore[arg-type]
    try:
        assert until(lambda: crew.share().slots == 4)
        found = next(one for one in crew._places.nodes() if one.node.id == "n")
        for why in [*["full"] * 4, None, *["full"] * 4]:
            crew.fault(found, why)
        assert crew.share().slots == 4 and found.gone is None
        crew.fault(found, "The disk is full.")
        assert crew.share().slots == 2 and found.gone is Gone.ALL
        named = {one["name"]: one["problem"] for one in crew.capabilities()["engine"]["nodes"]}
        assert named["node:2"] is None and "The disk is full." in named["node:1"]
        assert any("node:1 gets no trials" in words and "The disk is full." in words for words in relay.said)
        clock.now += 61.0
        assert not until(lambda: crew.share().slots == 4, 0.2)
        clock.now += 600.0
        assert until(lambda: crew.share().slots == 4), "it may have been looked after"
    finally:
        crew.stop()


def test_a_model_that_is_too_large_has_failed_and_is_not_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_trainer, "MOST_BYTES", len(FILE))
    (tmp_path / f"file-{REPORT.out_of_fold}").write_bytes(FILE)
    assert node_trainer._handed_in(DONE["report"], tmp_path) == DONE
    monkeypatch.setattr(node_trainer, "MOST_BYTES", len(FILE) - 1)
    channel = Channel(tmp_path)
    seat_of(Cluster(node_trainer._handed_in(DONE["report"], tmp_path)), channel).step()
    (report,) = channel.ended
    assert report.status is TrialStatus.FAILED and f"{len(FILE):,} bytes" in report.error


def test_a_full_disk_of_a_node_is_no_fault_of_the_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[dict[str, Any]] = []
    channel = node_child.ErrandChannel(told.append)
    place = tmp_path / "errands" / "ab"
    errand = Errand("ab", LEASE, BRIEF, Share(1, 1, 1), (TABLE,))
    channel.begin(errand, place, {})

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(LeaseLost):
        channel.put(LEASE, FILE)
    assert [*told[0]] == ["fault"] and "No space left on device" in told[0]["fault"]
    assert parse_done(told[0], errand) == Done(fault=told[0]["fault"])


def test_what_a_node_says_oddly_does_not_concern_the_others(tmp_path: Path) -> None:
    cluster, channel, watch = Cluster(), Channel(tmp_path), Watch(Cluster())
    watch = Watch(cluster)
    good = watch.begin("good", LEASE, "n")
    bad = watch.begin("bad", LEASE, "a")
    cluster.answers = {
        "a": {"scores": {"bad": [10**400, "x", 1, True]}, "free_bytes": 10**400, "vram_free": [1e30, None, "x"]},
        "b": {"scores": [1], "free_bytes": float("inf"), "vram_free": 3},
        "c": {"scores": {3: [1.0], (): 4}, "free_bytes": float("nan")},
        "d": [1],
        "e": {"scores": {"bad": {"a": 1}}, "free_bytes": 1e30},
        "n": {"scores": {"good": [0.5]}, "free_bytes": 3},
    }
    seen = looked(watch, channel, set(cluster.answers))
    assert good.scores == (0.5,) and seen["n"].free_bytes == 3
    assert len(bad.scores) in (0, 4)
    assert [seen[name].free_bytes for name in "bcd"] == [0, 0, 0]
    assert seen["a"].free_bytes == seen["e"].free_bytes == seen["a"].vram_free_bytes[0] == whole(10**400) < 1 << 62


@pytest.mark.parametrize(
    "odd",
    [
        {"total_ram_gb": 8},
        CAPABILITIES | {"cpu_count": "two"},
        CAPABILITIES | {"cpu_count": 10**9},
        CAPABILITIES | {"total_ram_gb": 1e30},
        CAPABILITIES | {"total_ram_gb": float("nan")},
        CAPABILITIES | {"available_ram_gb": 10**400},
        CAPABILITIES | {"gpus": [CARD] * 99},
        CAPABILITIES | {"gpus": [{"vram_gb": 1.0}]},
        CAPABILITIES | {"gpu_libraries": {"xgboost": 3}},
        CAPABILITIES | {"platform": "x" * 10_000},
        [1],
    ],
)
def test_a_node_that_describes_itself_oddly_gets_no_trials_and_the_others_do(odd: Any) -> None:
    cluster = Cluster()
    fit = meet(cluster, NODE, 1)
    cluster.capabilities = odd
    found = meet(cluster, OTHER, 1)
    assert found.problem is not None and found.queues == ()
    both = together("Dask", [found, fit], 2)
    assert both["cpu_count"] == 2 and len(json.dumps(both)) < 5_000


def test_cpus_have_trials_while_the_gpus_of_their_node_are_taken() -> None:
    cluster = Cluster()
    cluster.capabilities = CAPABILITIES
    two = replace(NODE, gpus=2)
    found = meet(cluster, two, 1)
    assert found.queues == ("cpu", "priority")
    assert [(use_gpu, arguments) for _, use_gpu, arguments, _ in cluster.tasks] == [(False, (False,))]
    assert not meet_gpus(cluster, found), "none were there"
    cluster.capabilities = WITH_GPU
    assert meet_gpus(cluster, found)
    assert [(use_gpu, arguments) for _, use_gpu, arguments, _ in cluster.tasks[1:]] == [(True, (True,))] * 2
    assert "gpu.vram12" in found.queues and found.capabilities["cpu_count"] == 2
    everything = together("Ray", [found], 2)
    assert everything["gpu_count"] == 2, "a task of Ray's sees its own alone"
    assert [card["index"] for card in everything["gpus"]] == [0, 1]


def test_what_is_idle_is_a_process_and_not_a_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:

    monkeypatch.setattr(node_folder.tempfile, "gettempdir", lambda: str(tmp_path))
    folder, pid = node_folder.Folder(), os.getpid()
    assert started(pid) == started(pid) and started(1 << 30) is None
    folder.now_idle(pid)
    assert folder.idle_pids() == [pid]
    folder.idle(pid).write_text("of another life")
    assert folder.idle_pids() == [] and not folder.idle(pid).exists()
    folder.idle(1 << 30).write_text("1")
    assert folder.idle_pids() == [] and not folder.idle(1 << 30).exists()


def test_nothing_is_said_of_gpus_before_they_were_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_folder.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(node.capabilities, "probe", lambda fit_on_gpu: WITH_GPU if fit_on_gpu else WITH_GPU | {"x": 1})
    assert node.describe(False)["gpus"] == [] and not node.describe(False)["has_gpu"]
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert node.describe(True)["gpus"] == [CARD]
