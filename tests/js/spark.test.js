// What stands in the place of a column's bars where they would show nothing.
import assert from "node:assert/strict";
import { test } from "node:test";
import { isScattered, scatterWord } from "../../static/js/spark.js";

test("a thousand values in 600,000 rows are not mostly unique", () => {
  assert.equal(isScattered({ kind: "categories", counts: [700, 690], other: 598_610 }), true);
  assert.equal(scatterWord(1000, 600_000), "1,000 values");
  assert.equal(scatterWord(681, 891), "mostly unique");
});

test("bars are drawn where they tell something", () => {
  assert.equal(isScattered({ kind: "categories", counts: [500, 300], other: 100 }), false);
  assert.equal(isScattered({ kind: "histogram", counts: [1, 1] }), false);
});
