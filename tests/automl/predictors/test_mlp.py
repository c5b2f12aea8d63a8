"""Networks of a bag for one row, together."""

import numpy as np
import pytest

from flowml.automl.predictors.mlp import MultilayerPerceptronPredictor, RowPerceptrons


def network(seed: int, inputs: int, units: int = 4, outputs: int = 3) -> MultilayerPerceptronPredictor:
    random = np.random.default_rng(seed)
    weights = [random.normal(size=shape) for shape in ((inputs, units), (units, outputs))]
    return MultilayerPerceptronPredictor(weights, [random.normal(size=units), random.normal(size=outputs)], outputs > 1)


@pytest.mark.parametrize("outputs", [1, 3])
def test_networks_that_know_different_categories_answer_together(outputs: int) -> None:
    # Of the second, one input more; each has its own places in the row.
    networks = [network(0, 5, outputs=outputs), network(1, 6, outputs=outputs), network(2, 5, outputs=outputs)]
    places = [np.array([6, 0, 1, 2, 3]), np.arange(6), np.array([0, 1, 2, 3, 5])]
    together = RowPerceptrons(networks, places)
    row = np.array([0.5, -30.0, 2.0, 0.0, 1.0, -1.0, 4.0], dtype=np.float32)
    expected = np.mean([one.predict(row[None, where])[0] for one, where in zip(networks, places, strict=True)], axis=0)
    np.testing.assert_allclose(together(row), expected, rtol=1e-6)


def test_networks_of_other_shapes_do_not() -> None:
    with pytest.raises(ValueError, match="shapes"):
        RowPerceptrons([network(0, 5), network(1, 5, units=7)], [np.arange(5), np.arange(5)])
