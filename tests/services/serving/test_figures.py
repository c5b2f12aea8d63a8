"""What is counted of predictions, by model, and that nobody can make it grow without end."""

from flowml.services.serving.figures import OTHER, SECONDS, Figures


def test_they_count_rows_and_time_requests() -> None:
    figures = Figures()
    for milliseconds in range(1, 101):
        figures.record(2, float(milliseconds), "m")
    found = figures.read()

    assert (found.total, found.p50_ms, found.p95_ms) == (200, 51.0, 96.0)
    (of_model,) = found.by_model
    assert (of_model.model_id, of_model.requests, of_model.rows, of_model.errors) == ("m", 100, 200, 0)
    assert sum(of_model.counts) == 100 and of_model.counts[SECONDS.index(0.1)] == 50
    assert abs(of_model.seconds - 5.05) < 1e-9


def test_errors_are_the_models_and_those_of_none_are_together() -> None:
    figures = Figures()
    figures.record(1, 0.2, "m")
    figures.failed("m")
    for number in range(1000):
        figures.failed(f"made up {number}")

    errors = {one.model_id: one.errors for one in figures.read().by_model}
    assert errors == {"m": 1, OTHER: 1000}


def test_of_very_many_models_those_that_were_asked_least_are_counted_together() -> None:
    figures = Figures()
    for number in range(200):
        for _ in range(number % 7 + 1):
            figures.record(1, 20_000.0, f"m{number}")

    found = figures.read()
    assert len(found.by_model) <= 51
    assert sum(one.requests for one in found.by_model) == found.total
    assert all(sum(one.counts) == one.counts[-1] == one.requests for one in found.by_model)
