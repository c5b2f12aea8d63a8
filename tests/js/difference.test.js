// What a preview says of each step.
import assert from "node:assert/strict";
import { test } from "node:test";

globalThis.ResizeObserver = class {};
globalThis.addEventListener = () => {};
const { effectOf } = await import("../../static/js/dataset/difference.js");

test("a step says what it did to rows and cells", () => {
  assert.equal(effectOf({ rows_removed: 1, cells_changed: 0 }), "1 row removed");
  assert.equal(effectOf({ rows_removed: 1200, cells_changed: 3 }), "1,200 rows removed, 3 cells changed");
  assert.equal(effectOf({ rows_removed: 0, cells_changed: 0 }), "");
});
