"""Code on tables."""

from typing import Annotated

from pydantic import Field

from flowml.services.assistant.executing import LONGEST_CODE
from flowml.web.schemas.base import Answer, Body
from flowml.web.schemas.recipes import Sample, TransformPreview


class RunCode(Body):
    """Code to run on a table, or to make a version of after its preview."""

    code: str = Field(max_length=10 * LONGEST_CODE, description="lines such as df = df.with_columns(…), in Polars")
    approved: bool = Field(False, description="make the version that was previewed")
    preview_id: str | None = Field(
        None,
        max_length=64,
        description="the preview that is approved; may be left out where this code has made one result only",
    )
    name: str | None = Field(None, max_length=200, description="what to call the new data set")


class Execute(RunCode):
    """The same for a data set that is named here."""

    dataset_id: str


class Confinement(Answer):
    """What keeps code from the rest of the machine that it runs on."""

    is_whole: bool
    missing: Annotated[list[str], Field(description="what this machine cannot hold it to, in words")]


class CodePreview(TransformPreview):
    """What code would do to a table. It has no `operations`. `preview_id` is what can be approved."""

    preview_id: str
    code: str
    first: Annotated[Sample, Field(description="the first rows of the result")]
    expires_in_seconds: float
    confinement: Confinement
