"""Programs that ask a model and run as they are pasted; a token is taken from the environment, where there is one."""

import json
from collections.abc import Mapping
from typing import Any

LANGUAGES = ("python", "curl", "javascript")

_PYTHON = """import json
import os
import urllib.request

url = os.environ.get("FLOWML_URL", {address!r})
headers = {{"Content-Type": "application/json"}}
if os.environ.get("FLOWML_TOKEN"):
    headers["Authorization"] = "Bearer " + os.environ["FLOWML_TOKEN"]

row = {row}
body = json.dumps({{"model_id": {model_id!r}, "features": row}}).encode()
request = urllib.request.Request(url + "/api/results/predict", body, headers)
with urllib.request.urlopen(request) as answer:
    print(json.dumps(json.load(answer), indent=2, ensure_ascii=False))
"""
# The body ends at a line that no JSON has.
_CURL = """curl -sS --fail-with-body "${{FLOWML_URL:-{address}}}/api/results/predict" \\
  -H 'Content-Type: application/json' \\
  ${{FLOWML_TOKEN:+-H "Authorization: Bearer $FLOWML_TOKEN"}} \\
  --data-binary @- <<'END_OF_BODY'
{body}
END_OF_BODY
"""
_JAVASCRIPT = """// Node 18 or later (save it as predict.mjs), or a page of the same address.
const environment = globalThis.process?.env ?? {{}};
const headers = {{ "Content-Type": "application/json" }};
if (environment.FLOWML_TOKEN) headers.Authorization = `Bearer ${{environment.FLOWML_TOKEN}}`;

const answer = await fetch((environment.FLOWML_URL ?? {address}) + "/api/results/predict", {{
  method: "POST",
  headers,
  body: JSON.stringify({body}),
}});
console.log(JSON.stringify(await answer.json(), null, 2));
"""


def snippet(language: str, address: str, model_id: str, row: Mapping[str, Any]) -> str:
    """In one of LANGUAGES; `address` is the server's, without a path, and `row` what JSON can hold."""
    body = json.dumps({"model_id": model_id, "features": row}, ensure_ascii=True, indent=2)
    if language == "python":
        lines = "".join(f"    {name!r}: {value!r},\n" for name, value in row.items())
        return _PYTHON.format(address=address, model_id=model_id, row=f"{{\n{lines}}}")
    if language == "curl":
        return _CURL.format(address=address, body=body)
    return _JAVASCRIPT.format(address=json.dumps(address), body=body.replace("\n", "\n  "))
