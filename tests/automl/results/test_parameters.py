"""Which parameters of a search mattered."""

import numpy as np

from flowml.automl.algorithms.base import ChoiceParameter, FloatParameter, IntParameter
from flowml.automl.results.parameters import Tried, covering, matters

SPACE = (
    FloatParameter("rate", 0.001, 1.0, log=True),
    IntParameter("depth", 2, 12),
    ChoiceParameter("kind", ("a", "b")),
)


def _tried(n_trials: int, algorithm: str = "boost", base: float = 0.8) -> list[Tried]:
    random = np.random.default_rng(0)
    found = []
    for _ in range(n_trials):
        rate, depth = float(10 ** random.uniform(-3, 0)), int(random.integers(2, 13))
        gain = base - 0.05 * abs(np.log10(rate) + 1.5) - 0.002 * abs(depth - 6) + random.normal(0, 0.001)
        found.append(Tried(algorithm, {"rate": rate, "depth": depth, "kind": str(random.choice(["a", "b"]))}, gain))
    return found


def test_what_moves_the_score_comes_first() -> None:
    found = matters([*_tried(60), *_tried(3, "other", 0.6)], {"boost": SPACE, "other": SPACE}, {"boost": "Boosting"})
    first, second = found["families"]
    assert (first["title"], first["n_trials"], second["algorithm"]) == ("Boosting", 60, "other")
    items = {item["parameter"]: item["importance"] for item in first["items"]}
    assert first["items"][0]["parameter"] == "rate"
    assert items["rate"] > 0.5 > 0.1 > items["kind"]
    assert sum(items.values()) < 1
    assert 0.01 < first["items"][0]["best"] < 0.1
    assert second["items"] == []
    assert second["note"].startswith("Too few trials to say which of its parameters matter: 3 trials")
    assert found["share_of_family"] > 0.15


def test_a_space_covers_what_was_tried() -> None:
    rate, depth, kind = covering(SPACE, [{"rate": 2.0, "depth": 1, "kind": "c"}, {"rate": 0.1}])
    assert isinstance(rate, FloatParameter) and isinstance(kind, ChoiceParameter) and isinstance(depth, IntParameter)
    assert (rate.low, rate.high, rate.log) == (0.001, 2.0, True)
    assert (depth.low, depth.high) == (1, 12)
    assert kind.choices == ("a", "b", "c")


def test_few_trials_and_equal_scores_are_said() -> None:
    equal = [Tried("a", {"rate": 0.1, "depth": 3, "kind": "a"}, 0.5) for _ in range(20)]
    found = matters(equal, {"a": SPACE}, {})
    assert found["families"][0]["note"].startswith("All its trials have reached the same")
    assert found["share_of_family"] is None
    alone = matters(_tried(30), {"boost": SPACE[:1]}, {})["families"][0]
    assert alone["items"] == [] and alone["note"].startswith("It has one parameter only, rate")
    assert matters([], {}, {})["families"] == []
    assert matters([Tried("g", {}, 0.1)], {}, {})["families"][0]["note"] == "It has no parameters to search for."


def test_of_chance_nothing_is_said_to_have_mattered() -> None:
    said, shares = 0, 0
    for seed in range(6):
        random = np.random.default_rng(seed)
        tried = [
            Tried(
                "boost",
                {
                    "rate": float(10 ** random.uniform(-3, 0)),
                    "depth": int(random.integers(2, 13)),
                    "kind": str(random.choice(["a", "b"])),
                },
                0.8 + random.normal(0, 0.01),
            )
            for _ in range(30)
        ]
        family = matters(tried, {"boost": SPACE}, {})["families"][0]
        said += bool(family["items"])
        assert family["items"] or family["note"].startswith("None of its parameters has moved its scores measurably")
        several = [Tried(f"f{at % 8}", {}, 0.8 + random.normal(0, 0.01)) for at in range(24)]
        found = matters(several, {}, {})
        shares += found["share_of_family"] is not None
        assert found["share_of_family"] is not None or "no more than chance" in found["note"]
    assert said <= 1 and shares <= 1


def test_the_share_of_families_is_without_what_chance_puts_there() -> None:
    random = np.random.default_rng(0)
    found = []
    for _ in range(40):
        gains = 0.01 * random.normal(0, 1, (8, 4)) + 0.01 * random.normal(0, 1, 8)[:, None]
        share = matters([Tried(f"f{at}", {}, float(gain)) for at, row in enumerate(gains) for gain in row], {}, {})
        found.append(share["share_of_family"] or 0.0)
    # Half of the variance is between families; the raw share would be 0.6.
    assert 0.35 < np.mean(found) < 0.55
