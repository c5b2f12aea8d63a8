// The chat: lines of JSON as they come, and texts of answers as blocks.
import assert from "node:assert/strict";
import { test } from "node:test";
import { objectsIn } from "../../static/js/assistant/lines.js";
import { blocksOf, citationsOf, copied, marked, piecesOf } from "../../static/js/assistant/text.js";

async function* cut(text, size) {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size);
}

async function all(pieces) {
  const found = [];
  for await (const one of objectsIn(pieces)) found.push(one);
  return found;
}

test("objects come whole wherever their bytes are cut, also within a character", async () => {
  const lines = '{"text": "Größe – 表"}\n\n{"text": "b\\nc"}\n';
  for (const size of [1, 2, 3, 7, 1000]) assert.deepEqual(await all(cut(lines, size)), [{ text: "Größe – 表" }, { text: "b\nc" }]);
});

test("a line that was cut off is none", async () => {
  assert.deepEqual(await all(cut('{"a": 1}\n{"b": ', 4)), [{ a: 1 }]);
});

test("paragraphs, lists and code are blocks", () => {
  const text = "First\nline.\n\n- one `a_b`\n- two\n  goes on\n\n1. x\n2) y\n\n```python\nb < 1\n```\n## Title";
  assert.deepEqual(
    blocksOf(text).map((block) => [block.kind, block.lines.length]),
    [
      ["p", 2],
      ["ul", 2],
      ["ol", 2],
      ["pre", 1],
      ["p", 1],
    ],
  );
  assert.deepEqual(blocksOf("- one `a_b`")[0].lines[0], [{ text: "one " }, { code: "a_b" }]);
  assert.deepEqual(blocksOf("- two\n  goes on")[0].lines[0], [{ text: "two" }, { text: " " }, { text: "goes on" }]);
});

test("markup, links and images stay text", () => {
  for (const text of ["<img src=x onerror=alert(1)>", "[here](https://x.example)", "![a](https://x.example/a.png)", "<script>alert(1)</script>", "[ref]: x"]) {
    assert.deepEqual(blocksOf(text), [{ kind: "p", lines: [[{ text }]] }]);
  }
});

test("facts that are cited stand apart, one by one", () => {
  assert.deepEqual(piecesOf("so it is [f1, f12]."), [{ text: "so it is " }, { cite: "f1" }, { cite: "f12" }, { text: "." }]);
  assert.deepEqual(piecesOf("**a** b"), [{ strong: "a" }, { text: " b" }]);
});

test("a citation that has only begun waits for its end", () => {
  assert.deepEqual(blocksOf("so it is [f1", true), [{ kind: "p", lines: [[{ text: "so it is" }]] }]);
  assert.deepEqual(blocksOf("so it is [f1", false), [{ kind: "p", lines: [[{ text: "so it is [f1" }]] }]);
});

test("facts are numbered as they are cited, and none that is not known", () => {
  const cited = [{ id: "f7", sentence: "Seven." }, { id: "f2", sentence: "Two." }];
  const { numbers } = citationsOf("a [f2] b [f9] c [f7] d [f2]", cited);
  assert.deepEqual([...numbers], [["f2", 1], ["f7", 2]]);
  assert.equal(copied("a [f2] b [f9] c [f7]", cited), "a [1] b c [2]\n\n[1] Two.\n[2] Seven.");
});

test("numbers that nobody has found are marked, where they stand alone", () => {
  assert.deepEqual(marked("42 of 142, 4.42 and 42.", ["42"]), [
    { text: "42", invented: true },
    { text: " of 142, 4.42 and ", invented: false },
    { text: "42", invented: true },
    { text: ".", invented: false },
  ]);
  assert.deepEqual(marked("a 1.5 b", []), [{ text: "a 1.5 b", invented: false }]);
  const places = (text, invented) => marked(text, invented).map((piece) => (piece.invented ? "<" + piece.text + ">" : piece.text)).join("");
  assert.equal(places("It has 5 classes and a share of 5.2 %, in all 5,200 rows, 5 %.", ["5"]), "It has <5> classes and a share of 5.2 %, in all 5,200 rows, 5 %.");
  assert.equal(places("87 rows, that is 87.5 % of 1’087 in c87 of 87kg.", ["87"]), "<87> rows, that is 87.5 % of 1’087 in c87 of <87>kg.");
  assert.equal(places("On behalf of half of the two: half", ["half", "two"]), "On behalf of <half> of the <two>: <half>");
  assert.equal(places("5 % of 5, 50 % of 2.5-fold", ["5 %", "2.5-fold"]), "<5 %> of 5, 50 % of <2.5-fold>");
});
