"""Prometheus' text format."""

from collections.abc import Iterable, Mapping
from itertools import accumulate

from flowml.services.serving.figures import SECONDS, ModelFigures, PredictionFigures


def metric(name: str, kind: str, meaning: str, values: Iterable[tuple[Mapping[str, str], float]]) -> list[str]:
    """The lines of one metric: its values by their labels.

    >>> metric("rows_total", "counter", "Rows.", [({"model": 'a"b'}, 2)])[-1]
    'rows_total{model="a\\\\"b"} 2'
    """
    lines = [f"# HELP {name} {meaning}", f"# TYPE {name} {kind}"]
    for labels, value in values:
        inside = ",".join(f'{key}="{_escaped(label)}"' for key, label in labels.items())
        lines.append(f"{name}{{{inside}}} {value}" if inside else f"{name} {value}")
    return lines


def merged(several: Iterable[Iterable[str]]) -> list[str]:
    """The lines of the same metrics from several places as one text, in which each metric is described once.

    >>> merged([["# HELP a A.", 'a{p="1"} 1'], ["# HELP a A.", 'a{p="2"} 5']])
    ['# HELP a A.', 'a{p="1"} 1', 'a{p="2"} 5']
    """
    by_metric: dict[str, list[str]] = {}
    for lines in several:
        known: list[str] = []
        for line in lines:
            if line.startswith("# HELP "):
                known = by_metric.setdefault(line.split(" ")[2], [])
            if not line.startswith("#") or line not in known:
                known.append(line)
    return [line for lines in by_metric.values() for line in lines]


def of_predictions(found: PredictionFigures, common: Mapping[str, str] | None = None) -> list[str]:
    """What was predicted: in all, and by model, of which there are never more than some dozens. `common`: labels that
    all of it has."""
    labels = dict(common or {})
    of_models = [({**labels, "model": one.model_id}, one) for one in found.by_model]
    quantiles = (("0.5", found.p50_ms), ("0.95", found.p95_ms))
    return [
        *metric("flowml_predictions_total", "counter", "Rows predicted.", [(labels, found.total)]),
        *metric(
            "flowml_prediction_latency_seconds",
            "gauge",
            "How long the latest predictions took, by quantile.",
            [({**labels, "quantile": name}, value / 1000) for name, value in quantiles if value is not None],
        ),
        *metric(
            "flowml_model_requests_total",
            "counter",
            "Requests for predictions that were answered, by model.",
            [(of, one.requests) for of, one in of_models],
        ),
        *metric(
            "flowml_model_rows_total",
            "counter",
            "Rows predicted, by model.",
            [(of, one.rows) for of, one in of_models],
        ),
        *metric(
            "flowml_model_errors_total",
            "counter",
            "Requests for predictions that were answered by an error, by model.",
            [(of, one.errors) for of, one in of_models],
        ),
        *_histogram("flowml_model_duration_seconds", "How long requests for predictions took, by model.", of_models),
    ]


def _histogram(name: str, meaning: str, values: Iterable[tuple[Mapping[str, str], ModelFigures]]) -> list[str]:
    lines = [f"# HELP {name} {meaning}", f"# TYPE {name} histogram"]
    ends = [*map(str, SECONDS), "+Inf"]
    for labels, one in values:
        inside = ",".join(f'{key}="{_escaped(label)}"' for key, label in labels.items())
        lines += [
            f'{name}_bucket{{{inside},le="{end}"}} {count}'
            for end, count in zip(ends, accumulate(one.counts), strict=True)
        ]
        lines += [f"{name}_sum{{{inside}}} {one.seconds}", f"{name}_count{{{inside}}} {one.requests}"]
    return lines


def _escaped(label: str) -> str:
    return label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
