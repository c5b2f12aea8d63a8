// Where something stands in code, and what approving means.
import assert from "node:assert/strict";
import { test } from "node:test";
import { approvalOf, lossOf, rangeOf, refusalsOf } from "../../static/js/assistant/code-lines.js";

test("refusals have their line and column, and what is of the whole code has none", () => {
  assert.deepEqual(refusalsOf([{ field: "code.3.7", message: "a" }, { field: "code.2", message: "b" }, { field: "code", message: "c" }, { field: "name", message: "d" }]), [
    { line: 3, column: 7, text: "a" },
    { line: 2, column: null, text: "b" },
    { line: null, column: null, text: "c" },
    { line: null, column: null, text: "d" },
  ]);
});

test("a word is selected where it stands, a line without a column whole, and nothing behind the end", () => {
  const text = 'import os\ndf = df.write_csv("x")\nx = "😀" + open';
  const picked = (line, column) => text.slice(...rangeOf(text, line, column));
  assert.equal(picked(2, 9), "write_csv");
  assert.equal(picked(1, null), "import os");
  assert.equal(picked(3, 11), "open");
  assert.equal(picked(9, null), 'x = "😀" + open');
  assert.equal(picked(2, 23), "");
});

test("the button says what goes", () => {
  const kept = { n_rows_before: 4, n_rows_after: 4, columns_removed: [] };
  assert.equal(lossOf(kept), "");
  assert.equal(approvalOf(kept), "Approve: make the new version");
  assert.equal(lossOf({ ...kept, n_rows_after: 8 }), "");
  assert.equal(approvalOf({ ...kept, n_rows_after: 3, columns_removed: ["a", "b"] }), "Approve: without 1 row and 2 columns");
});
