// Which model answers, in words.
import assert from "node:assert/strict";
import { test } from "node:test";
import { statusWords } from "../../static/js/assistant/words.js";

test("says which model answers and where", () => {
  const said = statusWords({ available: true, model: "llama3.2:3b", where: "the worker kiwi" });
  assert.match(said.text, /llama3\.2:3b on the worker kiwi/);
});

test("says that FlowML's own findings are shown without a model, and where one is set up", () => {
  for (const status of [null, { available: false, model: null }]) {
    const said = statusWords(status);
    assert.match(said.text, /FlowML’s own findings/);
    assert.ok(said.link && said.linkText);
  }
});

test("says what leaves this machine, and why a model that was set up does not answer", () => {
  assert.match(statusWords({ available: true, model: "m", where: "kiwi.example", is_local: false }).text, /leaves this machine/);
  assert.match(statusWords({ available: false, url: "http://x", reason: "Ollama does not run." }).text, /^Ollama does not run\. FlowML’s own/);
});
