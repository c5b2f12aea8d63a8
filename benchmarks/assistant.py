"""The assistant with a real Ollama, or whatever speaks its protocol: what answers, in how many seconds, and whether
what a model says can be used.

    python -m benchmarks assistant                                  the Ollama of this machine
    python -m benchmarks assistant --url http://kiwi:11434 --model qwen3:8b
    python -m benchmarks assistant --command dist/flowml.pyz

A server of one's own, with a made-up table of passengers, goes through: status, whether the model keeps to a form, a
greeting, cleaning, features, a run and its explanation, code, a conversation, and a stop in the middle of an answer.
Ends with 2 where no Ollama answers, and with 1 where something could not be used.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx

from benchmarks import tables
from benchmarks.report import table
from benchmarks.server import ENDED, Server, flowml_command
from flowml.machine import ollama

_PROBE_SECONDS = 600.0
_ANSWER_SECONDS = 900.0
_RUN_SECONDS = 20
_CODE = 'df.with_columns(pl.col("Age").fill_null(pl.col("Age").median()))'


class Flows:
    """Each step is a method that returns what came of it, in words; what raises could not be used."""

    def __init__(self, client: httpx.Client):
        self.client = client
        self.dataset_id = self.job_id = ""
        self.code: str | None = None

    def status(self) -> str:
        found = self._get("/api/llm/status")
        if not found["available"]:
            raise RuntimeError(f"{found['reason']} {found['hint']}")
        return f"{found['model']} on {found['where']}, Ollama {found['version']}"

    def hello(self) -> str:
        told = list(self._lines("/api/llm/model/try", {}))
        if told[-1]["type"] != "ended":
            raise RuntimeError(told[-1]["detail"])
        return "".join(one["text"] for one in told if one["type"] == "text").strip()[:60]

    def probe(self) -> str:
        end = time.monotonic() + _PROBE_SECONDS
        while time.monotonic() < end:
            found = self._get("/api/llm/status")
            asked = next(one for one in found["known"] if one["name"] == found["model"])
            if asked["probe"] is not None:
                words = {True: "yes", False: "no", None: "not known"}
                probe = asked["probe"]
                thinking = f", thinking: {words[probe['thinking']]}" if asked["thinks"] else ""
                return f"keeps to a form: {words[probe['plain']]}{thinking}"
            time.sleep(0.5)
        raise RuntimeError("it did not come out whether the model keeps to a form")

    def cleaning(self) -> str:
        return self._suggested("/api/llm/suggest-cleaning", {"dataset_id": self.dataset_id})

    def features(self) -> str:
        body = {"dataset_id": self.dataset_id, "target": "Survived"}
        return self._suggested("/api/llm/feature-engineering", body)

    def run(self) -> str:
        body = {"dataset_id": self.dataset_id, "target": "Survived", "time_budget_seconds": _RUN_SECONDS}
        self.job_id = self._post("/api/training/start", body)["id"]
        while (job := self._get(f"/api/training/{self.job_id}"))["status"] not in ENDED:
            time.sleep(0.5)
        return str(job["status"])

    def explanation(self) -> str:
        text = str(self._post("/api/llm/explain-results", {"job_id": self.job_id})["text"])
        return f"{len(text.split())} words"

    def code_preview(self) -> str:
        body = {"dataset_id": self.dataset_id, "code": self.code or _CODE, "approved": False}
        self._post("/api/llm/execute", body)
        return "previewed" if self.code is None else "the model's own code is previewed"

    def chat(self) -> str:
        began, first, last = time.monotonic(), 0.0, {}
        body = {"dataset_id": self.dataset_id, "text": "Which columns matter most for Survived, and why?"}
        for last in self._lines("/api/llm/chat", body):
            if last["type"] == "text" and not first:
                first = time.monotonic() - began
        answer = last["answer"]
        if answer["state"] != "complete":
            raise RuntimeError(f"{answer['state']}: {answer.get('reason')}")
        return f"first words after {first:.1f} s, {len(answer['text'].split())} words"

    def stop(self) -> str:
        body = {"dataset_id": self.dataset_id, "text": "Tell me everything about every column, at length."}
        with self.client.stream("POST", "/api/llm/chat", json=body) as answer:
            for line in answer.iter_lines():
                if json.loads(line)["type"] in ("text", "ended"):
                    break
            at = time.monotonic()
        while self._get("/api/llm/status")["waiting"]:
            if time.monotonic() - at > 10:
                raise RuntimeError("the model was still busy 10 s later")
            time.sleep(0.02)
        return f"free again after {time.monotonic() - at:.2f} s"

    def _suggested(self, address: str, body: dict[str, Any]) -> str:
        found = self._post(address, body)["suggestions"]
        self.code = self.code or next((one["code"] for one in found if one.get("code")), None)
        return f"{len(found)} suggestions" + (f": {found[0]['title'][:50]}" if found else "")

    def _get(self, address: str) -> Any:
        return _said(self.client.get(address))

    def _post(self, address: str, body: dict[str, Any]) -> Any:
        return _said(self.client.post(address, json=body))

    def _lines(self, address: str, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
        with self.client.stream("POST", address, json=body) as answer:
            if not answer.is_success:
                answer.read()
                _said(answer)
            for line in answer.iter_lines():
                yield json.loads(line)


def _said(answer: httpx.Response) -> Any:
    if not answer.is_success:
        problem = answer.json()
        raise RuntimeError(f"{answer.status_code}: {problem['detail']} {problem.get('hint', '')}")
    return answer.json()


def measured(flows: Flows) -> list[tuple[str, float, str, str]]:
    """Each step, its seconds, whether it could be used, and what came of it."""
    steps: dict[str, Callable[[], str]] = {
        "status": flows.status,
        "hello": flows.hello,
        "form": flows.probe,
        "cleaning": flows.cleaning,
        "features": flows.features,
        "a run": flows.run,
        "explanation": flows.explanation,
        "code": flows.code_preview,
        "chat": flows.chat,
        "stop": flows.stop,
    }
    rows = []
    for name, step in steps.items():
        began = time.monotonic()
        try:
            what, is_good = step(), "yes"
        except (RuntimeError, httpx.HTTPError, LookupError, ValueError) as problem:
            what, is_good = f"{problem}"[:120], "NO"
        rows.append((name, time.monotonic() - began, is_good, what))
        print(f"{name:12} {rows[-1][1]:7.1f} s  {is_good:4} {what}", flush=True)
        if name == "status" and is_good == "NO":
            break
    return rows


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--url", default=ollama.USUAL_ADDRESS, help=f"where Ollama is (default: {ollama.USUAL_ADDRESS})"
    )
    parser.add_argument("--model", help="which of its models (default: whichever FlowML takes)")
    parser.add_argument("--command", help="the FlowML to measure (default: this environment's)")
    given = parser.parse_args(arguments)
    version = ollama.version(given.url)
    if version is None:
        print(f"No Ollama answers at {given.url}: start it with “ollama serve”, fetch a model, and come back.")
        sys.exit(2)
    environment = {"FLOWML_OLLAMA_URL": given.url, **({"FLOWML_OLLAMA_MODEL": given.model} if given.model else {})}
    with tempfile.TemporaryDirectory() as folder:
        source = tables.write_csv(tables.passengers(), Path(folder) / "passengers.csv")
        with Server(Path(folder) / "home", flowml_command(given.command), environment=environment) as server:
            address = f"http://127.0.0.1:{server.port}"
            with httpx.Client(base_url=address, timeout=_ANSWER_SECONDS, trust_env=False) as client:
                flows = Flows(client)
                with source.open("rb") as file:
                    flows.dataset_id = _said(client.post("/api/datasets/upload", files={"file": file}))["id"]
                rows = measured(flows)
    print(table(("step", "seconds", "usable", "what came"), rows, f"The assistant with Ollama {version}"))
    sys.exit(0 if all(row[2] == "yes" for row in rows) else 1)


if __name__ == "__main__":
    main(sys.argv[1:])
