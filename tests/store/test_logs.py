"""Lines of the log in the tables: searched, in order, bounded."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flowml.domain.logs import LogEntry, LogLevel
from flowml.store.store import Store

LINE = LogEntry(0, 1.7e9, LogLevel.INFO, "flowml.x", "this server", "local", "server", "a line")


def add(store: Store, *changes: dict[str, Any]) -> None:
    store.logs.append([replace(LINE, **change) for change in changes])


def messages(store: Store, limit: int = 100, **wanted: Any) -> list[str]:
    found = [entry.message for entry in store.logs.page(limit, **wanted)]
    assert store.logs.count(**wanted) >= len(found)
    return found


def test_lines_come_back_as_they_were_also_after_a_new_start(store: Store, tmp_path: Path) -> None:
    full = replace(LINE, level=LogLevel.ERROR, detail="a\nb", job_id="j", trial_id="t")
    store.logs.append([full])
    store.close()
    again = Store(tmp_path / "home", now=1.0)
    (found,) = again.logs.page(10)
    assert found == replace(full, id=found.id)
    again.logs.append([LINE])
    assert again.logs.page(10)[-1].id > found.id


def test_filters_go_together(store: Store) -> None:
    add(
        store,
        {"message": "GROSSE Straße", "machine": "far", "worker_id": "w"},
        {"message": "100 % done_", "level": LogLevel.WARNING},
        {"message": "other", "level": LogLevel.CRITICAL, "detail": "deep Inside", "worker_id": "w", "machine": "far"},
    )
    assert messages(store, search="große STRASSE") == ["GROSSE Straße"]
    assert messages(store, search="% DONE_") == ["100 % done_"]
    assert messages(store, search="%one") == [] == messages(store, search="don__")
    assert messages(store, search="inside") == ["other"]
    assert messages(store, search="FLOWML.X") == messages(store)
    assert messages(store, levels=LogLevel.WARNING.and_above) == ["100 % done_", "other"]
    assert messages(store, worker_id="w", levels=LogLevel.ERROR.and_above) == ["other"]
    assert messages(store, worker_id="w", search="' OR 1=1 --") == []
    assert store.logs.machines() == [("w", "far"), ("local", "this server")]


def test_pages_go_forward_and_back(store: Store) -> None:
    add(store, *({"message": str(number)} for number in range(10)))
    store.events.append("system", "system_event", {"message": "no line"}, 1.0)
    ids = {entry.message: entry.id for entry in store.logs.page(100)}
    assert messages(store, 3) == ["7", "8", "9"]
    assert messages(store, 3, before=ids["7"]) == ["4", "5", "6"]
    assert messages(store, 3, after=ids["1"]) == ["2", "3", "4"]
    assert messages(store, 3, after=ids["9"]) == []
    assert store.logs.count(after=ids["6"]) == 3
    assert [entry.message for entry in store.logs.page(9, after=ids["2"], until=ids["4"])] == ["3", "4"]


def test_the_oldest_go_by_number_and_by_bytes(store: Store) -> None:
    other = store.events.append("system", "system_event", {}, 1.0)
    add(store, *({"message": f"{number:>1000}"} for number in range(20)))
    assert store.logs.trim(most=15, spare=0) == 5
    assert store.logs.trim(most=15, spare=0) == 0
    assert store.logs.trim(most=15, most_bytes=6_000, spare=0) == 10
    assert [entry.message.strip() for entry in store.logs.page(99)] == ["15", "16", "17", "18", "19"]
    assert [event.id for event in store.events.since(0, ["system"])] == [other]
    # A little more than must, so that it is not looked at each time.
    assert store.logs.trim(most=4, spare=0.5) == 3


def test_it_does_not_grow_above_its_bounds_by_itself(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(store.logs).trim, "__defaults__", (700, 10**9, 0.03))
    for _ in range(30):
        store.logs.append([LINE] * 100)
    assert store.logs.count() <= 800


def of(owner: str, worker: str, message: str, **change: Any) -> LogEntry:
    return replace(LINE, worker_id=worker, machine=worker, owner=owner, message=message, **change)


def test_who_says_much_has_nobody_elses_lines_go(store: Store) -> None:
    quiet = of("token b", "quiet", "of a quiet one")
    warned = of("token c", "warned", "a warning", level=LogLevel.WARNING)
    store.logs.append([LINE] * 20 + [quiet] * 20 + [warned] * 20)
    # Five names of one token, with lines that take as much as one can.
    for round in range(30):
        for name in "vwxyz":
            level = LogLevel.ERROR if round % 2 else LogLevel.INFO
            store.logs.append([of("token a", name, "漢" * 2_000, level=level)] * 5)
        store.logs.trim(most=1_000, most_bytes=400_000)
    assert store.logs.count(worker_id="local") == 20
    assert store.logs.count(worker_id="quiet") == 20 == store.logs.count(worker_id="warned")
    # The room that is left is shared by its five.
    left = [store.logs.count(worker_id=name) for name in "vwxyz"]
    assert min(left) > 0 and sum(left) * 6_000 < 400_000 and max(left) <= 2 * min(left)


def test_this_server_and_warnings_have_room_of_their_own_and_others_theirs(store: Store) -> None:
    def fill(*entries: LogEntry) -> None:
        for _ in range(20):
            store.logs.append(list(entries) * 10)
            store.logs.trim(most=100, spare=0)

    fill(LINE)
    # Alone it may have all of it.
    assert store.logs.count(worker_id="local") == 100
    fill(of("a", "w", "said"))
    # What nobody needs is shared.
    assert 25 < store.logs.count(worker_id="local") < 50 < store.logs.count(worker_id="w") < 75
    fill(of("a", "w", "warned", level=LogLevel.WARNING))
    assert store.logs.count(worker_id="local") == 25 == store.logs.count(worker_id="w", levels=[LogLevel.WARNING])
    fill(*(of(f"token {number}", f"w{number}", "x") for number in range(10)))
    assert store.logs.count(worker_id="local") == 25 == store.logs.count(levels=[LogLevel.WARNING])
    assert store.logs.count() == 100


def test_how_much_is_whose_is_known_whatever_takes_lines_away(store: Store) -> None:
    def shares() -> list[tuple[Any, ...]]:
        query = "SELECT owner, worker_id, matters, lines FROM log_shares ORDER BY 1, 2, 3"
        return [tuple(row) for row in store.logs._database.read().execute(query)]

    store.logs.append([LINE, of("a", "w", "x"), of("a", "w", "y", level=LogLevel.ERROR, at=9e9)])
    store.logs.append([replace(LINE, worker_id="of before")])
    assert shares() == [("", "local", 0, 1), ("a", "w", 0, 1), ("a", "w", 1, 1), ("of before", "of before", 0, 1)]
    store.events.remove_before(8e9)
    assert shares() == [("a", "w", 1, 1)]
    assert store.logs.page(9)[0].owner == "a"
