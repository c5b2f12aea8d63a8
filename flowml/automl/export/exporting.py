"""Which kinds of file a model can become, and the making of one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flowml.automl.export.parity import Parity
    from flowml.automl.model.model import FittedModel


@dataclass(frozen=True)
class Kind:
    """`made`: where the function is that makes the file and tries it against its model."""

    suffix: str
    media_type: str
    made: str


KINDS: Mapping[str, Kind] = {
    "joblib": Kind("joblib", "application/octet-stream", "joblib_file:joblib_file"),
    "onnx": Kind("onnx", "application/octet-stream", "onnx.onnx_file:onnx_file"),
    "python": Kind("py", "text/x-python; charset=utf-8", "python_file:python_file"),
    "sql": Kind("sql", "application/sql; charset=utf-8", "sql.sql_file:sql_file"),
    "card": Kind("md", "text/markdown; charset=utf-8", "card_file:card_file"),
}


def export(model: "FittedModel", kind: str) -> tuple[bytes, "Parity"]:
    """The file, and how near its answers are to the model's. Raises WrongState, with the reason, where a model cannot
    be one."""
    module, _, name = KINDS[kind].made.partition(":")
    function: Callable[[FittedModel], tuple[bytes, Parity]] = getattr(
        import_module(f"flowml.automl.export.{module}"), name
    )
    return function(model)


def export_task(request: Mapping[str, Any]) -> dict[str, Any]:
    """A task of a child process: {"model": path of a model file, "kind", "target": path of the file to write} →
    {"n_rows", "largest"} of its parity."""
    from flowml.automl.model import modelfile

    content, parity = export(modelfile.read(Path(request["model"]), tried=False), request["kind"])
    Path(request["target"]).write_bytes(content)
    return {"n_rows": parity.n_rows, "largest": parity.largest}
