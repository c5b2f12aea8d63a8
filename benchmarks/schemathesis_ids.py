"""What Schemathesis loads to ask about things that there are: their ids in the place of made-up ones."""

import json
import os
from typing import Any

import schemathesis

_IDS: dict[str, str] = json.loads(os.environ.get("FLOWML_BENCHMARK_IDS", "{}"))


@schemathesis.hook  # type: ignore[untyped-decorator]
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Whatever the description calls by these names is one of ours."""
    for given in (case.path_parameters, case.query, case.body):
        if isinstance(given, dict):
            given.update({name: known for name, known in _IDS.items() if isinstance(given.get(name), str)})
