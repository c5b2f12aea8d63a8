"""A model as a file of another kind, made in a process of its own."""

from dataclasses import dataclass
from pathlib import Path

from flowml import __version__
from flowml.automl.export.exporting import KINDS
from flowml.domain.errors import NotFound, WrongState
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
    otherwise, and as `run_task` does. The reason is kept as the file would be.
    """
    model = context.store.models.get(model_id)
    files = context.store.files
    stored = files.whole(model.file, "file of this model")
    if format == OWN:
        return ModelDownload(stored, filename(model, OWN), OWN, "application/octet-stream", f'"{model.file[:32]}"')
    kind = KINDS[format]
    kept = files.cached(f"export-{__version__}-{model.file}.{kind.suffix}")
    # Files that end in “.refused” are of a time when a database without temporary files was a reason, too.
    refused = files.cached(f"{kept.name}.reason")
    with alone("export", kept.name, left=context.left, turns=context.turns):
        if not kept.exists():
            if refused.exists():
                raise _refused(context, model, refused.read_text(encoding="utf-8"))
            with workplace(context) as place:
                request = {"model": str(stored), "kind": format, "target": str(place.result)}
                try:
                    run_task(context, "export_model", request, module=_MODULE)
                except WrongState as reason:
                    place.result.write_text(reason.detail, encoding="utf-8")
                    place.result.replace(refused)
                    raise _refused(context, model, reason.detail) from None
                place.result.replace(kept)
    etag = f'"{model.file[:32]}-{kind.suffix}"'
    return ModelDownload(kept, filename(model, kind.suffix), kind.suffix, kind.media_type, etag)


def _refused(context: Context, model: Model, reason: str) -> WrongState:
    """With the one that may be such a file, where there is one: a single small model."""
    whole = "The .flowml file of this one holds all of it."
    twin = context.store.jobs.get(model.job_id).fast_model_id
    if twin is None or twin == model.id:
        return WrongState(reason, hint=whole)
    try:
        name = context.store.models.get(twin).name
    except NotFound:
        return WrongState(reason, hint=whole)
    return WrongState(reason, hint=f"Its fast twin “{name}” is one small model, of which more can be made. {whole}")


def filename(model: Model, suffix: str) -> str:
    """`survived-catboost.flowml`: what a person finds again in the downloads folder."""
    words = shown(f"{model.target} {model.algorithm}", 80).lower()
    safe = "".join(character if character.isalnum() else "-" for character in words)
    return "-".join(filter(None, safe.split("-"))) + f".{suffix}"
