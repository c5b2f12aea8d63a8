"""Roles are decided by what the values are, and say why."""

import random
import uuid
from collections.abc import Sequence
from datetime import date
from typing import Any

import polars as pl
import pytest

from flowml.data.profiling.profile import profile
from flowml.data.profiling.roles import roles_of
from flowml.domain.datasets import Role

N = 200
RNG = random.Random(7)
NAMES = [f"{first} {second}, {title}" for first in "ABCDEFGHIJ" for second in "abcdefghij" for title in ("Mr.", "Mrs.")]


def shuffled(values: Sequence[Any]) -> list[Any]:
    return RNG.sample(list(values), len(values))


@pytest.mark.parametrize(
    ("name", "values", "role"),
    [
        ("PassengerId", shuffled(range(5, 5 + 3 * N, 3)), Role.IDENTIFIER),
        ("customer_id", [f"c{i}" for i in range(N)], Role.IDENTIFIER),
        ("row", range(N), Role.IDENTIFIER),
        ("running number", range(1, N + 1), Role.IDENTIFIER),
        ("shuffled number", shuffled(range(N)), Role.IDENTIFIER),
        ("token", [f"{RNG.getrandbits(64):016x}" for _ in range(N)], Role.IDENTIFIER),
        ("id as a float", [i + 0.5 for i in range(N)], Role.NUMERIC),
        ("humid", shuffled(range(1000, 1000 + N)), Role.NUMERIC),
        ("year", range(1800, 1800 + N), Role.NUMERIC),
        ("weight", [RNG.randrange(10**6) for _ in range(N)], Role.NUMERIC),
        ("store_id", [i % 7 for i in range(N)], Role.NUMERIC),
        ("few", range(5), Role.NUMERIC),
        ("Survived", [0, 1] * (N // 2), Role.BOOLEAN),
        ("survived as floats", [0.0, 1.0, None, 1.0], Role.BOOLEAN),
        ("answer", ["yes", "no", None, "yes"], Role.BOOLEAN),
        ("flag", [True, False, None], Role.BOOLEAN),
        ("Pclass", [1, 2, 3] * N, Role.NUMERIC),
        ("sex", ["male", "female"] * N, Role.CATEGORICAL),
        ("label", ["1", "2"] * N, Role.CATEGORICAL),
        ("city", ["Rome", "Oslo", "Kiel"], Role.CATEGORICAL),
        ("Name", NAMES, Role.TEXT),
        ("Ticket", [f"{RNG.choice('ABC')}/{i // 2} {i}" for i in range(N)], Role.TEXT),
        ("review", [f"it was good and cheap {i}" for i in range(100)] * 2, Role.TEXT),
        ("day", [date(2020, 1, 1), date(2020, 1, 2)], Role.DATETIME),
        ("who", [f"{name}@example.org" for name in range(N)], Role.IDENTIFIER),
        ("link", [f"https://example.org/{i}?page={i % 3}" for i in range(N)], Role.IDENTIFIER),
        ("uuid of", [str(uuid.UUID(int=RNG.getrandbits(128))) for _ in range(N)], Role.IDENTIFIER),
        ("call me", [f"+49 30 {RNG.randrange(10**5, 10**6)}{i}" for i in range(N)], Role.IDENTIFIER),
        ("order", [f"INV-{i}" for i in range(N)], Role.IDENTIFIER),
        ("PassengerId", [*range(5, 5 + N), 7, 9], Role.IDENTIFIER),
        ("customer id", [float(i) for i in shuffled(range(1000, 1000 + N))], Role.IDENTIFIER),
        ("PhoneNumber", shuffled(range(30_000_000, 30_000_000 + 7 * N, 7)), Role.IDENTIFIER),
        ("mailed", [f"{name % 9}@example.org" for name in range(N)], Role.CATEGORICAL),
        ("zip", [10_000 + RNG.randrange(40) for _ in range(N)], Role.NUMERIC),
        ("price", [f"${i}.50" for i in range(N)], Role.TEXT),
        ("worth", [float(i) for i in shuffled(range(N))], Role.NUMERIC),
        ("friend", [f"{chr(97 + i)}mes" for i in range(26)], Role.TEXT),
        ("yes or no or maybe", ["yes", "no", "maybe"] * 9, Role.CATEGORICAL),
        ("same", ["x"] * 5, Role.CONSTANT),
        ("always 0", [0] * 5, Role.CONSTANT),
        ("nothing", [None] * 5, Role.CONSTANT),
        ("x or nothing", ["x", None, "x"], Role.CATEGORICAL),
    ],
)
def test_the_role_of_a_column(name: str, values: Sequence[Any], role: Role) -> None:
    values = list(values)
    dtype = pl.String if all(value is None for value in values) else None
    frame = pl.DataFrame({name: pl.Series(values, dtype=dtype)})
    found = profile(frame)
    assert (found.columns[0].role, found.reasons[name]) == (role, found.reasons[name])
    assert found.reasons[name]
    assert roles_of(frame) == {name: role}


@pytest.mark.parametrize(
    ("name", "values", "words"),
    [
        ("Pclass", [1, 2, 3] * N, "3 different whole numbers"),
        ("zip_code", [10_000 + i % 40 for i in range(N)], "codes"),
        ("n", [1.0, 2.0, None, 2.0], "stored with decimals"),
        ("mail", [f"{i}@example.org" for i in range(N)], "e-mail"),
        ("PassengerId", [*range(N), 7], "nearly all of"),
    ],
)
def test_the_reason_says_what_was_seen(name: str, values: Sequence[Any], words: str) -> None:
    (found,) = profile(pl.DataFrame({name: list(values)})).stats
    assert words in (found.reason or "")
