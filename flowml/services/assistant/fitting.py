"""Whether operations that a model proposes can be done with a table: tried on it, with a look at what is to be
predicted. Nothing is stored."""

import logging
from collections.abc import Sequence

from flowml.domain.datasets import Dataset
from flowml.domain.errors import FlowMLError, InvalidInput
from flowml.domain.faults import fault_of
from flowml.domain.recipes import Operation, TransformPreview
from flowml.services.context import Context
from flowml.services.versions import preview_transform

_log = logging.getLogger(__name__)


def tried(
    context: Context, dataset: Dataset, operations: Sequence[Operation], target: str | None = None
) -> TransformPreview:
    """What they would do. Raises InvalidInput in words for what cannot be done, changes nothing, leaves no row, or
    takes the column to predict away; and as a preview does, for what is too much of it or cannot be tried now."""
    if context.turns is not None:
        # The answer took long: it is not asked for again because its preview has to wait.
        context.turns.have_begun()
    try:
        preview = preview_transform(context, dataset.id, operations)
    except FlowMLError:
        raise
    except Exception as error:
        if (fault := fault_of(error)) is not None:
            raise fault from error
        # Nobody has chosen these operations: what FlowML fails at is one that cannot be done, and no end of the others.
        _log.exception("operations that a model proposes could not be tried")
        raise InvalidInput("It could not be tried, because of an error in FlowML.") from error
    if preview.n_rows_after == 0:
        raise InvalidInput("No row would be left.")
    changes = preview.columns_changed or preview.columns_added or preview.columns_removed or preview.columns_renamed
    if not changes and preview.n_rows_after == preview.n_rows_before:
        raise InvalidInput("It would change nothing.")
    if target is not None and target in preview.columns_removed:
        raise InvalidInput(f"It would take away “{target}”, which is what is to be predicted.")
    return preview


def changes_target(preview: TransformPreview, target: str | None) -> bool:
    """Whether answers would be others afterwards, or be called otherwise."""
    return target is not None and (
        target in preview.columns_renamed or any(change.name == target for change in preview.columns_changed)
    )
