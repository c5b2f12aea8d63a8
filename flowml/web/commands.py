"""Commands for a shell that ask a model, as they are written on its page."""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from flowml.domain.datasets import Role

_CREDENTIAL = ' \\\n  -H "Authorization: Bearer $FLOWML_TOKEN"'
_JSON = " \\\n  -H 'Content-Type: application/json'"


def quoted(text: str) -> str:
    """A text as one word of a shell.

    >>> print(quoted("the owner's"))
    'the owner'\\''s'
    """
    return "'" + text.replace("'", "'\\''") + "'"


def curl(url: str, body: Any = None, *, token: bool) -> str:
    """Send JSON to an address, or only ask it where there is no `body`; with `token` the credential is taken from the
    environment.

    >>> print(curl("http://127.0.0.1:8000/ping", token=False))
    curl 'http://127.0.0.1:8000/ping'
    >>> print(curl("http://ml/v2", {"x": "it's"}, token=True))
    curl 'http://ml/v2' \\
      -H "Authorization: Bearer $FLOWML_TOKEN" \\
      -H 'Content-Type: application/json' \\
      -d '{"x": "it'\\''s"}'
    """
    sent = "" if body is None else f"{_JSON} \\\n  -d {quoted(json.dumps(body, ensure_ascii=False))}"
    return f"curl {quoted(url)}{_CREDENTIAL if token else ''}{sent}"


def invocations(address: str, model_id: str, row: Mapping[str, Any], *, token: bool) -> str:
    """One row in the protocol of MLflow's model server."""
    body = {"dataframe_split": {"columns": list(row), "data": [list(row.values())]}}
    return curl(f"{address}/invocations?model_id={quote(model_id)}", body, token=token)


def infer(
    address: str, model_id: str, schema: Sequence[Mapping[str, Any]], row: Mapping[str, Any], *, token: bool
) -> str:
    """One row in the Open Inference Protocol: each column that has a value as a tensor."""
    tensors = [_tensor(feature, row[feature["name"]]) for feature in schema if row.get(feature["name"]) is not None]
    return curl(f"{address}/v2/models/{quote(model_id)}/infer", {"inputs": tensors}, token=token)


def _tensor(feature: Mapping[str, Any], value: Any) -> dict[str, Any]:
    kind = "BYTES"
    if feature["role"] == Role.NUMERIC:
        kind = "FP64"
    elif feature["role"] == Role.BOOLEAN and isinstance(value, bool):
        kind = "BOOL"
    return {
        "name": feature["name"],
        "shape": [1],
        "datatype": kind,
        "data": [value if kind != "BYTES" else str(value)],
    }
