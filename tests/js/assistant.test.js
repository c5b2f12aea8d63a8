// Which model answers, in words.
import assert from "node:assert/strict";
import { test } from "node:test";
import { answeredIn, listsQuestions, statusWords, waitingWords } from "../../static/js/assistant/words.js";

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

test("a model that is set up and does not answer is told apart from none", () => {
  assert.equal(statusWords({ available: false, url: "http://x", reason: "It is busy." }).away, "It is busy.");
  assert.ok(statusWords({ available: false, url: null, choice: { model: "m" } }).away);
  for (const status of [null, { available: false, url: null, choice: null, reason: "No language model is set up." }]) assert.equal(statusWords(status).away, "");
});

test("what is waited for is said with its seconds", () => {
  assert.equal(waitingWords("Thinking…", 1900), "Thinking…");
  assert.equal(waitingWords("Thinking…", 61_500), "Thinking… 61 s");
  assert.deepEqual([answeredIn(0), answeredIn(2.5)], ["in less than a second", "within 2.5 s"]);
});

test("an answer that ends with questions has them below it", () => {
  const said = { state: "complete", text: "Choose one of these:", questions: ["What is in it?"] };
  assert.ok(listsQuestions(said));
  for (const other of [{ text: "It has 3 rows." }, { questions: [] }, { questions: undefined }, { state: "stopped" }]) assert.ok(!listsQuestions({ ...said, ...other }));
});
