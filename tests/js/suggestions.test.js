// What suggestions are in words.
import assert from "node:assert/strict";
import { test } from "node:test";
import { answeredWords, effects, elsewhereWords, leavesWords, losses, modelSuggestions, ownSuggestions, piecesOf, sentWords, takesOut } from "../../static/js/assistant/suggestions.js";

const EFFECT = { rows_removed: 0, cells_changed: 0, columns_added: [], columns_removed: [], destroys: false };

test("says what steps take out", () => {
  assert.equal(takesOut([{ op: "fill" }]), "");
  assert.equal(takesOut([{ op: "drop" }, { op: "drop_duplicates" }]), "Takes out columns and rows");
});

test("only findings that a step would mend are suggestions", () => {
  const issues = [
    { message: "A.", suggestion: "B.", fix: "Drop “x”", operations: [{ op: "drop", columns: ["x"] }] },
    { message: "C.", suggestion: "D.", fix: "", operations: [] },
  ];
  assert.deepEqual(ownSuggestions(issues).map((one) => [one.title, one.reason, one.takes]), [["Drop “x”", "A. B.", "Takes out columns"]]);
});

test("says what a tried suggestion changed and took out", () => {
  assert.deepEqual(effects({ ...EFFECT, cells_changed: 1200, columns_added: ["a", "b", "c", "d"] }), ["1,200 cells changed", "new: a, b, c and 1 more"]);
  assert.deepEqual(effects({ ...EFFECT, cells_changed: 2, changes_target: true }), ["2 cells changed", "changes what is to be predicted"]);
  assert.equal(losses({ ...EFFECT, rows_removed: 1, columns_removed: ["age"] }), "Takes out 1 row and the column age");
  assert.equal(losses(EFFECT), "");
  assert.equal(modelSuggestions([{ title: "t", reason: "r", operations: [], effect: { ...EFFECT, columns_removed: ["a", "b"] }, facts: [] }])[0].takes, "Takes out 2 columns: a, b");
});

test("says where the messages go, and whether they leave the machine", () => {
  const sent = { model: "m:3b", where: "this machine", url: "http://127.0.0.1:11434", is_local: true, characters: 7000 };
  assert.match(sentWords(sent), /what m:3b on this machine would be told \(7,000 characters, about 2,000 tokens\)/);
  assert.equal(leavesWords(sent), "");
  assert.match(leavesWords({ ...sent, url: "http://gpu.example:11434", is_local: false }), /sent to gpu\.example:11434/);
  assert.match(sentWords({ ...sent, model: null }), /Nothing is sent now/);
});

test("marks the numbers of a text by characters, also behind those of two units", () => {
  const marks = [{ start: 2, end: 4, note: "not among the figures" }];
  assert.deepEqual(piecesOf("😀 42%!", marks), [{ text: "😀 " }, { text: "42", note: "not among the figures" }, { text: "%!" }]);
  assert.deepEqual(piecesOf("as it is", []), [{ text: "as it is" }]);
});

test("says what a model has answered, when, and whether it still holds", () => {
  const found = { model: "m:3b", where: "this machine", suggestions: [{}, {}], dropped: [] };
  const words = (changed, last) => answeredWords({ ...found, ...changed }, "suggestion", "found nothing to mend", last);
  assert.equal(words({}), "2 suggestions of m:3b on this machine. The reasons are its own words.");
  assert.equal(words({ suggestions: [] }), "m:3b on this machine found nothing to mend.");
  assert.equal(words({ suggestions: [], dropped: [{}] }), "m:3b on this machine has 1 suggestion: it cannot be used.");
  const last = { made_at: new Date(Date.now() - 300_000).toISOString(), stale: "It is of a version before." };
  assert.equal(words({ suggestions: [] }, last), "m:3b on this machine found nothing to mend, 5 min ago. It is of a version before.");
});

test("says that a reason rests on another column", () => {
  const facts = [
    { id: "f2", column: "Cabin" },
    { id: "f3", column: "Cabin" },
    { id: "f4", column: "Age" },
  ];
  assert.equal(elsewhereWords({ facts, elsewhere: [] }), "");
  assert.match(elsewhereWords({ facts, elsewhere: ["f2", "f3"] }), /^Facts that it names are about “Cabin”, which this does not touch/);
  assert.match(elsewhereWords({ facts, elsewhere: ["f2", "f4"] }), /about “Cabin”, “Age”/);
});
