"""The stand-in speaks as Ollama does, so that what is tested with it is tested."""

import json

import httpx

from tests.assistant.stand_in import Model, StandIn, cut_off, fails, says, stand_in

SCHEMA = {
    "type": "object",
    "properties": {"kind": {"enum": ["drop", "fill"]}, "why": {"type": "string", "minLength": 3}},
    "required": ["kind", "why"],
}


def ask(ollama: StandIn, **body: object) -> list[dict[str, object]]:
    body = {"model": "stand-in:3b", "messages": [{"role": "user", "content": "Hello"}]} | body
    answer = httpx.post(f"{ollama.url}/api/chat", json=body, trust_env=False)
    return [json.loads(line) for line in answer.text.splitlines()]


def test_an_answer_comes_in_lines_of_which_the_last_has_the_figures(ollama: StandIn) -> None:
    ollama.answers(lambda messages: f"You said {messages[-1]['content']}.")
    *pieces, last = ask(ollama)
    assert "".join(piece["message"]["content"] for piece in pieces) == "You said Hello."
    assert {"model", "created_at", "message", "done"} == set(pieces[0])
    assert (last["done"], last["done_reason"], last["message"]["content"]) == (True, "stop", "")
    assert {"total_duration", "load_duration", "prompt_eval_count", "eval_count", "eval_duration"} <= set(last)


def test_a_format_binds_unless_the_model_is_one_that_ignores_it() -> None:
    ignoring = Model("plain:8b", capabilities=("completion", "thinking"), binds=False)
    with stand_in(Model(), ignoring) as ollama:
        ollama.answers("Sure: drop it.")
        for model, think, binds in (("stand-in:3b", None, True), ("plain:8b", False, False), ("plain:8b", True, True)):
            more = {} if think is None else {"think": think}
            lines = ask(ollama, model=model, format=SCHEMA, **more)
            said = "".join(str(line["message"]["content"]) for line in lines)
            assert said == ('{"kind": "drop", "why": "xxx"}' if binds else "Sure: drop it."), (model, think)
            assert any("thinking" in line["message"] for line in lines) == bool(think)


def test_errors_are_those_of_ollama(ollama: StandIn) -> None:
    with httpx.Client(base_url=ollama.url, trust_env=False) as client:
        gone = client.post("/api/chat", json={"model": "gone", "messages": [{"role": "user", "content": "Hello"}]})
        assert (gone.status_code, gone.json()) == (404, {"error": "model 'gone' not found"})
        assert client.get("/nowhere").status_code == 404
        loaded = client.post("/api/generate", json={"model": "stand-in:3b", "prompt": ""}).json()
        assert (loaded["done"], loaded["done_reason"], loaded["response"]) == (True, "load", "")
        ollama.behaves(fails(500, "model requires more system memory"), cut_off(with_chunk_end=True))
        failed = client.post("/api/generate", json={"model": "stand-in:3b", "prompt": "Hello"})
        assert (failed.status_code, failed.json()["error"]) == (500, "model requires more system memory")
    assert not ask(ollama)[-1]["done"], "it ended in the middle"


def test_an_answer_has_no_more_tokens_than_were_asked_for(ollama: StandIn) -> None:
    ollama.behaves(says("one two three", piece=4))
    *pieces, last = ask(ollama, options={"num_predict": 2})
    assert (len(pieces), last["done_reason"]) == (2, "length")
