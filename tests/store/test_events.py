"""Events only grow in number, whoever writes them."""

from flowml.store.store import Store


def test_events_only_grow_and_are_read_from_where_one_left_off(store: Store) -> None:
    ids = [store.events.append(room, "log", {"n": n}, 1.0) for n, room in enumerate(["a", "b", "a"])]
    assert ids == sorted(set(ids))
    assert [event.data["n"] for event in store.events.since(0, ["a"])] == [0, 2]
    assert [event.id for event in store.events.since(ids[0])] == ids[1:]
    store.events.remove_before(2.0)
    assert store.events.last_id() == ids[-1], "who comes now has missed nothing"
    assert store.events.append("a", "log", {}, 3.0) > ids[-1]
