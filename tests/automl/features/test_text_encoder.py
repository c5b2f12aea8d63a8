"""Texts as dense columns: exact for one text, honest about the target, useful, bounded."""

import base64
import json
from functools import cache
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowml.automl.features import texts as texts_module
from flowml.automl.features.encoded import Encoded, View
from flowml.automl.features.encoder import Encoder
from flowml.automl.features.prepared import prepare
from flowml.automl.features.terms import MAX_TERMS, TermFinder, pieces_of
from flowml.automl.features.texts import Facts
from flowml.domain.datasets import Role
from flowml.domain.errors import InvalidInput

ROLES = {"note": Role.TEXT}
WORDS = ("broken", "screen", "delivery", "late", "perfect", "quality", "cheap", "battery", "Größe", "x", "12", "naïve")


def notes(rows: int = 400, seed: int = 0) -> tuple[pl.DataFrame, np.ndarray]:
    """Notes of some words; those with “broken” or “late” belong to the second class most of the time."""
    generator = np.random.default_rng(seed)
    texts = [" ".join(generator.choice(WORDS, generator.integers(2, 9))) for _ in range(rows)]
    bad = np.array(["broken" in text or "late" in text for text in texts])
    target = np.where(generator.random(rows) < 0.15, ~bad, bad).astype(np.int32)
    holes = generator.random(rows) < 0.05
    return pl.DataFrame({"note": [None if hole else text for text, hole in zip(texts, holes, strict=True)]}), target


@cache
def fitted(view: View = View.NATIVE, n_outputs: int = 2) -> tuple[Encoder, Encoded, pl.DataFrame, np.ndarray]:
    frame, target = notes()
    if n_outputs == 1:
        target = target.astype(np.float64)
    encoder, encoded = Encoder.fit(view, prepare(frame, ROLES), ROLES, target, n_outputs, 0)
    return encoder, encoded, frame, target


def text_state(state: Any) -> Any:
    return next(item for item in state["columns"][0]["encoders"] if item["kind"] == "text")


@pytest.mark.parametrize("view", View)
def test_the_wording_says_what_the_words_say_of_the_target(view: View) -> None:
    encoder, encoded, _, _ = fitted(view)
    assert any("topic 1" in name for name in encoded.names)
    at = encoded.names.index("note wording of target")
    fresh, target = notes(seed=7)
    wording = encoder.transform(prepare(fresh, ROLES)).values[:, at]
    known = np.isfinite(wording) & fresh["note"].is_not_null().to_numpy()
    assert np.corrcoef(wording[known], target[known])[0, 1] > 0.5
    assert view.takes_missing or np.isfinite(encoded.values).all()


def test_the_wording_of_a_row_is_told_without_its_own_target() -> None:
    generator = np.random.default_rng(0)
    # Every text has a word that only one other has: enough to remember targets by.
    texts = [f"word{index % 200} other{generator.integers(0, 200)} common{index % 3}" for index in range(400)]
    target = generator.integers(0, 2, 400).astype(np.int32)
    table = prepare(pl.DataFrame({"note": texts}), ROLES)
    encoder, encoded = Encoder.fit(View.NATIVE, table, ROLES, target, 2, 0)
    at = encoded.names.index("note wording of target")
    own = encoder.transform(table).values[:, at]
    assert abs(np.corrcoef(encoded.values[:, at], target)[0, 1]) < 0.15 < np.corrcoef(own, target)[0, 1]


pieces = st.sampled_from([*WORDS, "BROKEN", "unseen", "unseenbroken", "ß", "_", "!", "\U0001f600", "a" * 60, "İ"])
anything = st.none() | st.text(st.characters(codec="utf-8"), max_size=30) | st.lists(pieces, max_size=12).map(" ".join)


@pytest.mark.parametrize("view", View)
@pytest.mark.parametrize("n_outputs", [1, 2])
def test_one_text_is_encoded_to_the_bit_as_the_table_is(view: View, n_outputs: int) -> None:
    encoder = Encoder.of(json.loads(json.dumps(fitted(view, n_outputs)[0].state())))
    compiled = encoder.compile()

    @settings(max_examples=60, deadline=None)
    @given(texts=st.lists(anything, min_size=1, max_size=6))
    def same(texts: list[str | None]) -> None:
        frame = pl.DataFrame({"note": pl.Series(texts, dtype=pl.String)})
        table = encoder.transform(prepare(frame, ROLES)).values
        np.testing.assert_array_equal(np.array([compiled(row) for row in frame.to_dicts()]), table)
        assert not np.isinf(table).any()

    same()


def test_only_rows_given_are_learned_from() -> None:
    frame, target = notes()
    table, rows = prepare(frame, ROLES), np.arange(0, 300)
    part = Encoder.fit(View.DENSE, table.take(rows), ROLES, target[rows], 2, 0)[0]
    alone = Encoder.fit(View.DENSE, prepare(frame.head(300), ROLES), ROLES, target[rows], 2, 0)[0]
    assert part.state() == alone.state()


def test_few_texts_are_left_to_their_simple_facts() -> None:
    frame, target = notes(rows=30)
    _, encoded = Encoder.fit(View.NATIVE, prepare(frame, ROLES), ROLES, target, 2, 0)
    assert not any("topic" in name or "wording" in name for name in encoded.names)


def test_the_state_is_bounded_whatever_the_vocabulary() -> None:
    generator = np.random.default_rng(0)
    vocabulary = np.array(["".join(generator.choice(list("abcdefghijklmnop"), 7)) for _ in range(3_000)])
    texts = [" ".join(generator.choice(vocabulary, 40)) for _ in range(600)]
    target = generator.integers(0, 2, 600).astype(np.int32)
    encoder, _ = Encoder.fit(View.NATIVE, prepare(pl.DataFrame({"note": texts}), ROLES), ROLES, target, 2, 0)
    assert len(text_state(encoder.state())["terms"]) <= MAX_TERMS
    assert len(json.dumps(encoder.state())) < 400_000


def test_terms_are_words_pairs_and_the_letters_inside() -> None:
    assert pieces_of("ab") == ["~<ab", "~ab>", "~<ab>"]
    finder = TermFinder(["late", "too late", "~<la", "~ery"])
    assert finder.find(["too", "late", "delivery"]) == [0, 2, 1, 3]
    assert max(map(len, pieces_of("z" * 100))) == 6 and len(pieces_of("z" * 100)) < 80


DAMAGES = {
    "table": lambda item: item.update(table=item["table"][:-8]),
    "alphabet": lambda item: item.update(table="ö" + item["table"][1:]),
    "scale": lambda item: item["scale"].pop(),
    "infinite": lambda item: item["scale"].__setitem__(0, float("inf")),
    "absent": lambda item: item["absent"].__setitem__(0, float("inf")),
    "names": lambda item: item.update(column_names=[]),
    "part": lambda item: item.update(part=0),
    "beyond": lambda item: item.update(part=1_000),
    "number": lambda item: item.update(kind="number"),
    "terms": lambda item: item.update(
        terms=["x"] * (MAX_TERMS + 1),
        table=base64.b64encode(bytes(2 * (MAX_TERMS + 1) * len(item["column_names"]))).decode(),
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_text_is_refused(damage: str) -> None:
    state: Any = json.loads(json.dumps(fitted()[0].state()))
    DAMAGES[damage](text_state(state))
    with pytest.raises(InvalidInput):
        Encoder.of(state)


@settings(max_examples=100, deadline=None)
@given(texts=st.lists(anything.map(lambda text: text or "-") | st.text("aZ09 _-.\n\x00", min_size=1), min_size=1))
def test_many_texts_at_once_are_read_as_one_by_one(texts: list[str]) -> None:
    levels = tuple(sorted({*texts, "12345678901234567890", "A1_b2  C", "x" * 1_200 + " 7"}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(texts_module, "_MANY_TEXTS", 1)
        quick = Facts.of(levels)
    slow = Facts.of(levels)
    np.testing.assert_array_equal(quick.numbers, slow.numbers)
    np.testing.assert_array_equal(quick.size, slow.size)
    assert [quick.vocabulary[index] for index in quick.word] == [slow.vocabulary[index] for index in slow.word]
    assert sorted(quick.vocabulary) == sorted(slow.vocabulary)
