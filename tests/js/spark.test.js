// What stands in the place of a column's bars where they would show nothing.
import assert from "node:assert/strict";
import { test } from "node:test";
import { foundPictures, isScattered, scatterWord } from "../../static/js/spark.js";

test("a thousand values in 600,000 rows are not mostly unique", () => {
  assert.equal(isScattered({ kind: "categories", counts: [700, 690], other: 598_610 }), true);
  assert.equal(scatterWord(1000, 600_000), "1,000 values");
  assert.equal(scatterWord(681, 891), "mostly unique");
});

test("bars are drawn where they tell something", () => {
  assert.equal(isScattered({ kind: "categories", counts: [500, 300], other: 100 }), false);
  assert.equal(isScattered({ kind: "histogram", counts: [1, 1] }), false);
});

// Pictures whose answers come when the test says so.
function pictures() {
  const asked = [];
  const drawn = [];
  const ask = (search, signal) =>
    new Promise((resolve, reject) => {
      asked.push({ search, answer: () => resolve(search + "!"), fail: () => reject(new Error("no answer")) });
      signal.addEventListener("abort", () => reject(new DOMException("given up", "AbortError")));
    });
  return { asked, drawn, show: foundPictures(ask, (found) => drawn.push(found)) };
}

test("pictures that were given up, as by sorting, are asked for again", async () => {
  const { asked, drawn, show } = pictures();
  const first = new AbortController();
  const given = show("x", first.signal);
  first.abort();
  await given;
  const again = show("x", new AbortController().signal);
  asked[1].answer();
  await again;
  await show("x", new AbortController().signal);
  assert.deepEqual(asked.map((one) => one.search), ["x", "x"]);
  assert.deepEqual(drawn, ["x!"]);
});

test("pictures are of all rows again without a search, and where they could not be had", async () => {
  const { asked, drawn, show } = pictures();
  const { signal } = new AbortController();
  const found = show("x", signal);
  asked[0].answer();
  await found;
  const failed = show("y", signal);
  asked[1].fail();
  await assert.rejects(failed, /no answer/);
  const later = show("y", signal);
  asked[2].answer();
  await later;
  await show("", signal);
  await show("", signal);
  assert.deepEqual(drawn, ["x!", null, "y!", null]);
});
