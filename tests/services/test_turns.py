"""Only so many child processes work at once; who waits does so in order, not for ever, and not for nobody."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import pytest

from flowml.domain.errors import NotReady, TooMany
from flowml.machine.child import Cancelled, Child
from flowml.services import datasets, downloads, figures, importance, turns, versions
from flowml.services.context import Context
from flowml.services.settings import Settings
from flowml.services.turns import CHILDREN, Line, MustWait, Turns, alone
from flowml.store.store import Store
from tests.services.records import QuietTrainers, add_dataset, add_job, add_model, hold_all_turns
from tests.web.serving import until


def in_thread(work: Callable[[], Any]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def test_only_so_many_have_a_turn_and_the_others_come_in_their_order() -> None:
    line = Line(2)
    came: list[int] = []
    go = threading.Semaphore(0)

    def work(number: int) -> None:
        with line.turn():
            came.append(number)
            go.acquire(timeout=5)

    threads = []
    for number in range(5):
        threads.append(in_thread(lambda number=number: work(number)))  # type: ignore[misc]
        assert until(lambda number=number: line.working + line.waiting == number + 1)  # type: ignore[misc]
    assert (line.working, line.waiting, line.is_full) == (2, 3, True)
    assert sorted(came) == [0, 1]
    for ended in range(1, 4):
        go.release()
        assert until(lambda ended=ended: len(came) == 2 + ended)  # type: ignore[misc]
    go.release(2)
    for thread in threads:
        thread.join(5)

    assert came[2:] == [2, 3, 4]
    assert (line.working, line.waiting, line.is_full) == (0, 0, False)


def test_who_asks_for_very_much_waits_for_it_and_others_have_their_turns() -> None:
    line, came = Line(3, of_one=2), []
    places = {
        (who, number): line.stand(lambda which=(who, number): came.append(which), who)  # type: ignore[misc]
        for who, many in (("a", 6), ("b", 3), ("c", 1))
        for number in range(many)
    }
    # The third was kept for whoever came next.
    assert came == [("a", 0), ("a", 1), ("b", 0)]
    for ended in range(10):
        line.leave(places[came[ended]])

    assert "".join(who for who, _ in came) == "aabcababaa"
    assert [number for who, number in came if who == "a"] == list(range(6))
    assert (line.working, line.waiting) == (0, 0)


def test_no_more_than_so_many_wait_of_one_and_in_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "_MOST_OF_ONE", 2)
    monkeypatch.setattr(turns, "_MOST", 3)
    line = Line(1)
    places = [line.stand(lambda: None, who) for who in "aaab"]
    with pytest.raises(TooMany, match="2 requests of yours") as refused:
        line.stand(lambda: None, "a")
    assert refused.value.hint
    with pytest.raises(TooMany, match="3 requests wait"):
        line.stand(lambda: None, "c")
    line.leave(places.pop())
    line.stand(lambda: None, "c")


def test_who_waits_too_long_is_told_so_and_leaves_the_line() -> None:
    line = Line(1, patience_seconds=0.05)
    with line.turn():
        with pytest.raises(NotReady, match=r"could not begin within 0\.05 seconds") as refused, line.turn():
            pass
        assert refused.value.hint
        assert line.waiting == 0
    with line.turn():
        pass


def test_a_turn_is_over_however_it_ends() -> None:
    line = Line(1)
    with pytest.raises(ZeroDivisionError), line.turn():
        raise ZeroDivisionError
    assert not line.is_full


def test_nobody_waits_for_who_has_left() -> None:
    line = Line(1)
    left = threading.Event()
    with line.turn():
        in_thread(lambda: (time.sleep(0.05), left.set()))
        with pytest.raises(NotReady, match="Nobody waits"), line.turn(left):
            pass


def test_the_same_is_made_by_one_at_a_time_and_something_else_beside_it() -> None:
    with alone("figure", "a", left=None):
        entered = threading.Event()

        def again() -> None:
            with alone("figure", "a", left=None):
                entered.set()

        thread = in_thread(again)
        with alone("figure", "b", left=None):
            assert not entered.wait(0.05)
    thread.join(5)
    assert entered.is_set()


class Slowly(WeakValueDictionary[Any, Any]):
    """Such a dictionary, looked at when two others have just begun to look."""

    def setdefault(self, key: Any, default: Any = None) -> Any:
        found = self.get(key)
        time.sleep(0.05)
        if found is None:
            self[key] = found = default
        return found


def test_two_who_begin_at_the_same_moment_do_not_both_make_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "_same", Slowly())
    making: list[int] = []

    def make() -> None:
        with alone("figure", "a", left=None):
            making.append(1)
            time.sleep(0.1)
            assert making == [1]
            making.clear()

    with ThreadPoolExecutor(2) as pool:
        for outcome in [pool.submit(make) for _ in range(2)]:
            outcome.result(5)


def test_who_holds_no_thread_tries_again_with_the_turn_and_is_in_nobodys_way_meanwhile() -> None:
    outer, inner, mine = Line(1), Line(1), Turns()
    begun: list[str] = []

    def attempt() -> None:
        with outer.turn(turns=mine):
            begun.append("outer")
            with inner.turn(turns=mine):
                begun.append("inner")

    with inner.turn():
        with pytest.raises(MustWait) as wait:
            attempt()
        assert wait.value.line is inner
        come = threading.Event()
        mine.stand(inner, come.set)
        assert not outer.is_full and not come.is_set()
    assert come.is_set()
    # Somebody else makes the same by now: the turn to make something is of use to others.
    with outer.turn():
        with pytest.raises(MustWait) as wait:
            attempt()
        assert wait.value.line is outer
        mine.stand(outer, lambda: None)
        assert not inner.is_full
    attempt()

    assert begun == ["outer", "outer", "inner"]
    assert not outer.is_full and not inner.is_full


def test_who_gives_up_leaves_every_line() -> None:
    line, mine = Line(1), Turns()
    with line.turn():
        mine.stand(line, lambda: None)
        assert line.waiting == 1
        mine.give_back()
        assert line.waiting == 0
    mine.stand(line, lambda: None)
    assert line.working == 1
    mine.give_back()
    assert not line.is_full


def test_of_many_who_come_at_once_all_but_one_are_told_to_wait() -> None:
    line, together = Line(1), threading.Barrier(20)
    told: list[str] = []

    def come() -> None:
        together.wait(5)
        try:
            with line.turn(threading.Event(), Turns()):
                told.append("yours")
                together.wait(5)
        except MustWait:
            told.append("wait")
            together.wait(5)

    threads = [in_thread(come) for _ in range(20)]
    for thread in threads:
        thread.join(10)

    assert sorted(told) == ["wait"] * 19 + ["yours"]
    assert not line.is_full


def test_what_has_had_a_turn_waits_for_the_next_in_its_thread() -> None:
    line, mine = Line(1), Turns()
    with line.turn(turns=mine):
        pass
    left = threading.Event()
    left.set()
    with line.turn(), pytest.raises(NotReady, match="Nobody waits"), line.turn(left, mine):
        pass


def test_who_has_begun_goes_on_before_their_others_begin() -> None:
    line, mine, came = Line(1), Turns("a"), list[str]()
    with line.turn(turns=mine):
        pass
    with line.turn():
        places = [line.stand(lambda who=who: came.append(who), who) for who in "ba"]  # type: ignore[misc]
        thread = in_thread(lambda: line.leave((mine.take(line, None), came.append("mine"))[0]))
        assert until(lambda: line.waiting == 3)
    line.leave(places[0])
    thread.join(5)
    assert came == ["b", "mine", "a"]


def test_who_waits_in_several_lines_waits_no_longer_than_in_one() -> None:
    line, mine = Line(1, patience_seconds=300), Turns()
    with line.turn(turns=mine):
        pass
    mine.have_waited(299.99)
    assert mine.patience_seconds(line) == pytest.approx(0.01)
    with line.turn(), pytest.raises(NotReady, match="within 300 seconds"), line.turn(turns=mine):
        pass


def test_few_wait_in_their_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "_in_threads", threading.Semaphore(0))
    line, mine = Line(1), Turns()
    with line.turn(turns=mine):
        pass
    with line.turn(), pytest.raises(TooMany), line.turn(turns=mine):
        pass


def test_who_waits_for_what_another_makes_is_counted() -> None:
    before = turns.child_processes()["waiting"]
    left = threading.Event()

    def again() -> None:
        with suppress(NotReady), alone("figure", "a", left=left):
            pass

    with alone("figure", "a", left=None):
        thread = in_thread(again)
        assert until(lambda: turns.child_processes()["waiting"] == before + 1)
        left.set()
        thread.join(5)


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    store = Store(tmp_path, now=1.0)
    add_dataset(store)
    add_model(store, add_job(store), "m", 0.9)
    yield Context(Settings(home=tmp_path), store, time.time, QuietTrainers())
    store.close()


def import_something(context: Context) -> None:
    path = context.settings.home / "upload"
    path.write_text("a,b\n1,2\n")
    datasets.import_file(context, path, filename="a.csv", name=None, options={})


@pytest.mark.parametrize(
    "work",
    [
        import_something,
        lambda context: downloads.download(context, "d1", "csv"),
        lambda context: figures.correlation(context, "d1"),
        lambda context: figures.quality(context, "d1"),
        lambda context: versions.preview_transform(context, "d1", [{"op": "drop", "columns": ["x"]}]),
        lambda context: importance.compute_importance(context, "m"),
    ],
    ids=["import", "export", "figure", "quality", "transform", "importance"],
)
def test_all_that_takes_a_child_process_stands_in_the_same_line(
    context: Context, work: Callable[[Context], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []
    monkeypatch.setattr("flowml.machine.child.start", lambda module, *more, **named: started.append(module))
    left = threading.Event()
    outcome: list[Exception] = []

    def attempt() -> None:
        try:
            work(context.until(left))
        except Exception as error:
            outcome.append(error)

    with ExitStack() as held:
        hold_all_turns(held)
        thread = in_thread(attempt)
        assert until(lambda: CHILDREN.waiting == 1)
        left.set()
        thread.join(5)

    assert [type(error) for error in outcome] == [NotReady]
    assert started == [] and not thread.is_alive()
    assert not list(context.store.home.temporary.iterdir())


def test_who_finds_out_what_matters_hears_when_nobody_waits(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def ask(process: Any, request: Any, bounds: Any, cancelled: Any = None) -> Any:
        asked.append(cancelled)
        raise Cancelled("It was cancelled.")

    monkeypatch.setattr(Child, "ask", ask)
    left = threading.Event()
    with pytest.raises(NotReady):
        importance.compute_importance(context.until(left), "m")
    assert asked == [left]
