import assert from "node:assert/strict";
import test from "node:test";
import { blocksOf, verdictOf } from "../../static/js/assistant/marks.js";

function paragraphsOf(...given) {
  const blocks = blocksOf(...given);
  assert.ok(blocks.every((block) => block.kind === "p"));
  return blocks.flatMap((block) => block.lines);
}

test("a text becomes paragraphs of words and of facts that it cites", () => {
  assert.deepEqual(paragraphsOf("It is right in 72 % [f1, f3].\n\nMore (f2)."), [
    [{ text: "It is right in 72 %" }, { cite: "f1" }, { cite: "f3" }, { text: "." }],
    [{ text: "More" }, { cite: "f2" }, { text: "." }],
  ]);
  assert.deepEqual(paragraphsOf(""), []);
});

test("a number that no figure bears out keeps its place, also behind characters of two units", () => {
  const text = "😀 It has 48,000 rows.\nAnd 9 more.";
  const at = [...text].join("").indexOf("48,000") - 1;
  const marks = [
    { start: at, end: at + 6, kind: "invented" },
    { start: 26, end: 27, kind: "elsewhere" },
  ];
  assert.deepEqual(paragraphsOf(text, marks), [
    [{ text: "😀 It has " }, { text: "48,000", note: "not among the figures" }, { text: " rows." }],
    [{ text: "And " }, { text: "9", note: "not a figure of what is cited here" }, { text: " more." }],
  ]);
});

test("markup of a model stays text", () => {
  assert.deepEqual(paragraphsOf("<img src=x onerror=alert(1)> [x](javascript:1)"), [[{ text: "<img src=x onerror=alert(1)> [x](javascript:1)" }]]);
});

test("a citation that has only begun is not shown while the text grows", () => {
  for (const end of [" [", " [f", " [f1", " [f1, f", " (f1"]) {
    assert.deepEqual(paragraphsOf("It is so" + end, [], true), [[{ text: "It is so" }]]);
  }
  assert.deepEqual(paragraphsOf("It is so [f1]", [], true), [[{ text: "It is so" }, { cite: "f1" }]]);
});

test("marks that lie beyond the text or overlap do no harm", () => {
  const marks = [
    { start: 90, end: 99, kind: "invented" },
    { start: 0, end: 5, kind: "invented" },
    { start: 2, end: 7, kind: "invented" },
  ];
  assert.deepEqual(paragraphsOf("12345 rows", marks), [[{ text: "12345", note: "not among the figures" }, { text: " rows" }]]);
});

test("lists, headings, bold words and code are what they are", () => {
  const text = "## What **to** do\n- one\n* **Try 48** more rows [f1].\n\n2. `a_b`";
  const at = text.indexOf("48");
  assert.deepEqual(blocksOf(text, [{ start: at, end: at + 2, kind: "invented" }]), [
    { kind: "p", lines: [[{ strong: "What " }, { text: "to", kind: "strong" }, { strong: " do" }]] },
    { kind: "ul", lines: [[{ text: "one" }], [{ text: "Try ", kind: "strong" }, { text: "48", note: "not among the figures", kind: "strong" }, { text: " more rows" }, { cite: "f1" }, { text: "." }]] },
    { kind: "ol", start: 2, lines: [[{ text: "a_b", kind: "code" }]] },
  ]);
});

test("a text that broke off is not said to have no number", () => {
  assert.equal(verdictOf({ numbers: 0, marks: [], reason: "The model was cut off." }), "");
});

test("what is said of the numbers is right for none, one and many", () => {
  const marks = (...kinds) => kinds.map((kind) => ({ start: 0, end: 1, kind }));
  assert.equal(verdictOf({ numbers: 0, marks: [] }), "There is no number in this text.");
  assert.equal(verdictOf({ numbers: 1, marks: [] }), "Its one number is among the figures. Whether each is said of the right thing, and what is said without numbers, is not checked.");
  assert.equal(verdictOf({ numbers: 7, marks: [] }), "All 7 numbers in this text are among the figures. Whether each is said of the right thing, and what is said without numbers, is not checked.");
  assert.equal(verdictOf({ numbers: 1, marks: marks("uncited") }), "1 of 1 number in this text cites no figure, so it was not checked.");
  assert.equal(verdictOf({ numbers: 5, marks: marks("uncited", "uncited") }), "2 of 5 numbers in this text cite no figure, so they were not checked.");
  assert.equal(verdictOf({ numbers: 1, marks: marks("invented") }), "1 of 1 number in this text is not among the figures that it was told: do not rely on it.");
  assert.equal(verdictOf({ numbers: 7, marks: marks("invented", "invented", "elsewhere", "no_such_fact") }), "2 of 7 numbers in this text are not among the figures that it was told: do not rely on them. One is of something else than what is cited there. It names a fact that there is not.");
});
