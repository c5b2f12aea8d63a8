"""Whether an Ollama server answers: at the address that its owner has set, or on this machine."""

import http.client
import json
import os
from urllib.parse import urlsplit

USUAL_ADDRESS = "http://127.0.0.1:11434"
_SECONDS = 0.5
_MOST_BYTES = 10_000


def version(address: str | None = None) -> str | None:
    """The version of the Ollama server there; None where none answers. Without an address it is that of
    FLOWML_OLLAMA_URL, or of this machine."""
    try:
        url = urlsplit(address or os.environ.get("FLOWML_OLLAMA_URL") or USUAL_ADDRESS)
        if url.scheme not in ("http", "https") or not url.hostname:
            return None
        kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
        connection = kind(url.hostname, url.port, timeout=_SECONDS)
        try:
            connection.request("GET", f"{url.path.rstrip('/')}/api/version")
            answer = connection.getresponse()
            found = json.loads(answer.read(_MOST_BYTES))["version"] if answer.status == 200 else None
        finally:
            connection.close()
    except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError):
        return None
    return found[:50] if isinstance(found, str) else None
