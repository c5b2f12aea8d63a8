"""Values on their way into a column and back."""

from flowml.store.store import Store


def test_values_that_json_does_not_know_become_null(store: Store) -> None:
    store.events.append("system", "log", {"value": float("nan"), "inside": [float("inf"), 1.5]}, 1.0)
    assert store.events.since(0)[0].data == {"value": None, "inside": [None, 1.5]}
