"""Events only grow in number, whoever writes them."""

import pytest

from flowml.store import events
from flowml.store.store import Store


def test_events_only_grow_and_are_read_from_where_one_left_off(store: Store) -> None:
    ids = [store.events.append(room, "log", {"n": n}, 1.0) for n, room in enumerate(["a", "b", "a"])]
    assert ids == sorted(set(ids))
    assert [event.data["n"] for event in store.events.since(0, ["a"])] == [0, 2]
    assert [event.id for event in store.events.since(ids[0])] == ids[1:]
    store.events.remove_before(2.0)
    assert store.events.last_id() == ids[-1], "who comes now has missed nothing"
    assert store.events.append("a", "log", {}, 3.0) > ids[-1]


def test_all_old_events_are_forgotten_and_no_newer_one_whatever_their_order(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "_AT_ONCE", 3)
    # Somebody has put the clock back in between.
    for at in (1.0, 1.0, 9.0, 1.0, 2.0, 9.0, 1.0, 1.0):
        store.events.append("a", "log", {}, at)
    assert store.events.remove_before(2.0) == 5
    assert [event.at for event in store.events.since(0)] == [9.0, 2.0, 9.0]
