"""Models as files of other kinds, and words and programs about them."""

from typing import Literal

from flowml.web.schemas.base import Query


class DownloadQuery(Query):
    format: Literal["flowml", "joblib", "onnx", "python", "sql", "card"] = "flowml"


class CodeQuery(Query):
    language: Literal["python", "curl", "javascript"] = "python"
