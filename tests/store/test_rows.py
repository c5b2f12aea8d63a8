"""Values on their way into a column and back."""

from flowml.store.rows import read_once
from flowml.store.store import Store


def test_values_that_json_does_not_know_become_null(store: Store) -> None:
    store.events.append("system", "log", {"value": float("nan"), "inside": [float("inf"), 1.5]}, 1.0)
    assert store.events.since(0)[0].data == {"value": None, "inside": [None, 1.5]}


def test_a_text_that_is_read_again_and_again_is_read_once_unless_it_is_long() -> None:
    read: list[str] = []

    @read_once(2, longest=3)
    def upper(text: str) -> str:
        read.append(text)
        return text.upper()

    assert [upper(text) for text in ("a", "a", "long", "long", "b", "c", "a")] == [
        "A",
        "A",
        "LONG",
        "LONG",
        "B",
        "C",
        "A",
    ]
    assert read == ["a", "long", "long", "b", "c", "a"]
