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
    assert store.logs.trim(most=15) == 5
    assert store.logs.trim(most=15) == 0
    assert store.logs.trim(most=15, most_bytes=6_000) == 10
    assert [entry.message.strip() for entry in store.logs.page(99)] == ["15", "16", "17", "18", "19"]
    assert [event.id for event in store.events.since(0, ["system"])] == [other]


def test_it_does_not_grow_above_its_bounds_by_itself(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(store.logs).trim, "__defaults__", (700, 10**9))
    for _ in range(30):
        store.logs.append([LINE] * 100)
    assert store.logs.count() <= 1_200
