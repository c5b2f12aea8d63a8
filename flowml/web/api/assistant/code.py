"""Code on tables over HTTP: previewed, and what was previewed made a version."""

from flowml.domain.datasets import Dataset
from flowml.domain.recipes import CodePreview
from flowml.services.assistant import executing
from flowml.services.context import Context
from flowml.web.schemas.code import Execute, RunCode


def execute(context: Context, body: Execute) -> CodePreview | Dataset:
    """Code of the assistant on a table: what it would change, or the new data set that was approved.

    Not `approved` (the default), it is checked, run on a copy in a confined process, and what it would change is
    answered; nothing is stored. `approved: true` makes the version that was previewed by the same caller with the same
    code, and 409 where there is no such preview, or where several differ and `preview_id` names none. Without a
    language model this answers 503; code that needs none goes to `POST /api/datasets/{dataset_id}/code`, which does the
    same.
    """
    executing.need_model(context, body.dataset_id)
    return _run(context, body.dataset_id, body)


def run(context: Context, dataset_id: str, body: RunCode) -> CodePreview | Dataset:
    """Polars code on a table: what it would change, or the new data set that was approved.

    The code has `df` (the table), `pl` (Polars) and `cs` (its selectors), and its last line makes the new table. What
    is not allowed is named in `errors`, as `code.LINE.COLUMN`. `approved: true` makes the version that was previewed
    with the same code, within half an hour; `preview_id` says that it has to be just this result, and has to be given
    where the same code has made different ones.
    """
    return _run(context, dataset_id, body)


def _run(context: Context, dataset_id: str, body: RunCode) -> CodePreview | Dataset:
    if not body.approved:
        return executing.preview_code(context, dataset_id, body.code)
    return executing.apply_code(context, dataset_id, body.code, preview_id=body.preview_id, name=body.name)
