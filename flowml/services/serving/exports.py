"""A model as a file of another kind, made in a process of its own."""

from dataclasses import dataclass
from pathlib import Path

from flowml import __version__
from flowml.automl.export.exporting import KINDS
from flowml.domain.models import Model
from flowml.domain.names import shown
from flowml.services.context import Context
from flowml.services.tables import run_task, workplace
from flowml.services.turns import alone

OWN = "flowml"
FORMATS = (OWN, *KINDS)
MEDIA_TYPES = ("application/octet-stream", *dict.fromkeys(kind.media_type for kind in KINDS.values()))
_MODULE = "flowml.services.engine_tasks"


@dataclass(frozen=True)
class ModelDownload:
    """A file to send, what to call it, and by `etag` which content it is."""

    path: Path
    filename: str
    suffix: str
    media_type: str
    etag: str


def model_download(context: Context, model_id: str, format: str) -> ModelDownload:
    """A model as one of FORMATS; one that is not its own is made once for all who ask within an hour.

    Raises NotFound, Damaged, WrongState with the reason where this model cannot be such a file or would answer
    otherwise, and as `run_task` does.
    """
    model = context.store.models.get(model_id)
    files = context.store.files
    stored = files.whole(model.file, "file of this model")
    if format == OWN:
        return ModelDownload(stored, filename(model, OWN), OWN, "application/octet-stream", f'"{model.file[:32]}"')
    kind = KINDS[format]
    kept = files.cached(f"export-{__version__}-{model.file}.{kind.suffix}")
    with alone("export", kept.name, left=context.left, turns=context.turns):
        if not kept.exists():
            with workplace(context) as place:
                request = {"model": str(stored), "kind": format, "target": str(place.result)}
                run_task(context, "export_model", request, module=_MODULE)
                place.result.replace(kept)
    etag = f'"{model.file[:32]}-{kind.suffix}"'
    return ModelDownload(kept, filename(model, kind.suffix), kind.suffix, kind.media_type, etag)


def filename(model: Model, suffix: str) -> str:
    """`survived-catboost.flowml`: what a person finds again in the downloads folder."""
    words = shown(f"{model.target} {model.algorithm}", 80).lower()
    safe = "".join(character if character.isalnum() else "-" for character in words)
    return "-".join(filter(None, safe.split("-"))) + f".{suffix}"
