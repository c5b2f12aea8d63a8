"""What a language model may be told of values, over HTTP."""

from flowml.services.assistant import sharing
from flowml.services.context import Context
from flowml.web.schemas.sharing import ChangeSharing


def show(context: Context, dataset_id: str) -> sharing.SharedColumns:
    """Of which columns of a data set a language model may be told sample values."""
    return sharing.sharing(context, dataset_id)


def change(context: Context, dataset_id: str, body: ChangeSharing) -> sharing.SharedColumns:
    """Decide of which columns sample values may be told; for this data set and all versions of the same table.

    Its owner and whoever runs this server decide. What is said of a column holds as long as it looks the same: a later
    version that keeps something else under its name, which looks personal, is not told."""
    return sharing.change_sharing(context, dataset_id, ordinary=body.ordinary, columns=body.columns)
