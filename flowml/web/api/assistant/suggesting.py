"""What a language model suggests for a table, over HTTP."""

from typing import Any

from flowml.services.assistant import remembering, sent, suggesting
from flowml.services.context import Context
from flowml.web.schemas.explaining import LastQuery
from flowml.web.schemas.suggesting import SentQuery, SuggestCleaning, SuggestFeatures


def cleaning(context: Context, body: SuggestCleaning) -> suggesting.Suggestions:
    """Suggestions of a language model for cleaning a table; nothing is executed.

    Each is a list of operations that were checked and tried on the table. Without a model the answer is 503 with a
    hint; FlowML's own findings are at `/api/datasets/{dataset_id}/quality`."""
    return suggesting.suggest_cleaning(context, body.dataset_id, body.target)


def features(context: Context, body: SuggestFeatures) -> suggesting.Suggestions:
    """Suggestions of a language model for new columns; nothing is executed.

    None of them uses the column to predict, or takes rows or columns away. Whether one helps is not known before it is
    tried."""
    return suggesting.suggest_features(context, body.dataset_id, body.target)


def show_sent(context: Context, query: SentQuery) -> sent.Sent:
    """What would be sent to the language model, word for word.

    Nothing is sent by asking. In the place of the mark around the data, which differs each time, stand dots."""
    wish = sent.Wish(query.purpose, query.dataset_id, query.target, query.job_id, query.model_id, query.question)
    return sent.sent(context, wish)


def show_last(context: Context, query: LastQuery) -> dict[str, Any]:
    """What a language model has answered last about a table, or about results; nobody is asked.

    It is kept with the data set, the run and the model that it is about. Of a table whose latest version nobody has
    asked about it is the answer about a version before, and `stale` says so."""
    found = remembering.last_answer(
        context,
        query.purpose,
        dataset_id=query.dataset_id,
        target=query.target,
        job_id=query.job_id,
        model_id=query.model_id,
    )
    return {"last": found}
